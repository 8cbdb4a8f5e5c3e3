"""What one running local AWS knows: where it lives, its jobs and endpoints, and the engines that run them."""

import os
import sys
import threading
from pathlib import Path

from pocketaws.bedrock.tables import Tables
from pocketaws.errors import AwsError
from pocketaws.faults import Faults
from pocketaws.iam.gate import Gate
from pocketaws.keeping.store import Store
from pocketaws.sagemaker.jobs import Jobs
from pocketaws.sagemaker.table import Table
from pocketaws.sagemaker.warm_pools import WarmPools
from pocketaws.sagemaker_runtime.async_queue import AsyncQueues

ACCOUNT = "123456789012"  # moto's default
DESCRIBED = ("s3", "bedrock/models", "warm_pools")  # folders that mean nothing without what the store says


class State:
    """Shared by all requests.

    home      folder of this local AWS
    region    the region of requests that do not name one
    keep_jobs leave the folders of ended jobs in home/jobs
    """

    def __init__(self, home: Path, region: str, keep_jobs: bool = False):
        self.home, self.region, self.account, self.pid = home, region, ACCOUNT, os.getpid()
        self.keep_jobs = keep_jobs
        self.url = ""  # set once the port is known
        store = Store(home / "state", beside=[home / name for name in DESCRIBED])
        self.store = store  # closed last: what ends is kept too
        self.faults = Faults()
        self.iam = Gate(self)
        self.jobs = Jobs(store)
        self.warm_pools = WarmPools(home / "warm_pools", store=store)
        self.models, self.endpoint_configs = Table("model", store), Table("endpoint-config", store)
        self.endpoints = Table("endpoint", store)
        self.model_package_groups = Table("model-package-group", store)
        self.model_packages = Table("model-package", store)
        self.async_queues = AsyncQueues(store)
        self.bedrock = Tables(home, store)
        self.experiments, self.trials = Table("experiment", store), Table("experiment-trial", store)
        self.trial_components = Table("experiment-trial-component", store)
        self.tuning_jobs = Table("hyper-parameter-tuning-job", store)
        self._engine = self._hosting = self._tuning = self._serving = None
        self._closing = False
        self.creating = threading.Lock()  # held from the quota check until the job counts
        self._lock = threading.Lock()

    @property
    def engine(self):
        """The engine that runs training jobs, made at the first one. Raises AwsError after close()."""
        with self._lock:
            if self._closing:
                raise AwsError("ServiceUnavailable", "The local AWS is shutting down.", 503)
            if self._engine is None:
                from pocketaws.training.engine import Engine

                self._engine = Engine(self.home, self.url, sys.executable, keep_jobs=self.keep_jobs)
            return self._engine

    @property
    def hosting(self):
        """The engine that runs endpoints, made at the first one. Raises AwsError after close()."""
        with self._lock:
            if self._closing:
                raise AwsError("ServiceUnavailable", "The local AWS is shutting down.", 503)
            if self._hosting is None:
                from pocketaws.hosting.engine import HostingEngine

                self._hosting = HostingEngine(self.home, self.url, sys.executable)
            return self._hosting

    @property
    def tuning(self):
        """The engine that tunes Bedrock's models, made at the first job. Raises AwsError after close()."""
        with self._lock:
            if self._closing:
                raise AwsError("ServiceUnavailableException", "The local AWS is shutting down.", 503)
            if self._tuning is None:
                from pocketaws.bedrock_tuning.engine import TuningEngine

                self._tuning = TuningEngine(self.home, self.url, sys.executable)
            return self._tuning

    @property
    def serving(self):
        """The processes that answer for Bedrock's models. Raises AwsError after close()."""
        with self._lock:
            if self._closing:
                raise AwsError("ServiceUnavailableException", "The local AWS is shutting down.", 503)
            if self._serving is None:
                from pocketaws.bedrock_serving import Serving

                self._serving = Serving(self.home, self.url, sys.executable)
            return self._serving

    @property
    def has_serving(self) -> bool:
        """Whether any of Bedrock's models was asked yet."""
        return self._serving is not None

    @property
    def closing(self) -> bool:
        """Whether the server ends."""
        return self._closing

    def close(self, grace_s: float) -> None:
        """Take no more jobs and endpoints, and end every process of theirs, within about grace_s seconds."""
        with self._lock:
            self._closing = True
            every = (self._engine, self._hosting, self._tuning, self._serving)
            engines = [engine for engine in every if engine is not None]
        closing = [threading.Thread(target=engine.close, args=(grace_s,)) for engine in engines]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()
        self.iam.close()
        self.store.close()
