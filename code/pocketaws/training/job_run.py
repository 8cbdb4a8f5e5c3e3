"""One training job, from Starting to its last status: the order of things, and how they end."""

import logging
import math
import queue
import time
from pathlib import Path

from pocketaws.folders import remove
from pocketaws.keeping import cut_off
from pocketaws.s3_files import S3FilesError
from pocketaws.sagemaker import rehearsals
from pocketaws.training import artifacts, channels, drivers, source_code
from pocketaws.training.checkpoints import CheckpointSync, local_path
from pocketaws.training.failure import JobFailure, JobStopped, algorithm_error, client_error, os_error
from pocketaws.training.interruption import Plan
from pocketaws.training.layout import HostFolder, host_names, write_config
from pocketaws.training.training_phase import TrainingPhase

log = logging.getLogger(__name__)
LOOK_FOR_CAPACITY_S = 0.2
# API_SecondaryStatusTransition, 2026-11
NO_CAPACITY_YET = "Insufficient capacity error from EC2 while launching instances, retrying!"


class JobRun:
    """Runs one job; `run` is the body of the job's thread and returns when the job has ended.

    job       a TrainingJob (pocketaws.sagemaker.job)
    settings  an EngineSettings (engine.py)       clients   AwsClients of the job's region
    prepare_hub   called before the script starts: brings the model cache up to date
    """

    def __init__(self, job, settings, clients, prepare_hub):
        self.job = job
        self.settings = settings
        self.clients = clients
        # ("host", Host, event), ("stop",), ("interrupt", notice_s, attempt), ("close", grace_s)
        self.inbox: queue.Queue = queue.Queue()
        self.root = settings.jobs / job.name
        if self.root.exists():  # a job of this name in another region, or one whose folder was kept
            self.root = settings.jobs / f"{job.name}-{job.region}-{int(job.created_at.timestamp())}"
        checkpoints = local_path(job.request)
        self.folders = [HostFolder(self.root / name, checkpoints) for name in host_names(job.request)]
        self.closing = False
        self.plan = Plan(job.tags)
        self.attempt = 0  # how many times the job has got instances
        self._epoch = 0
        self.spot = job.request.get("EnableManagedSpotTraining", False)
        self.wait_until = math.inf
        if self.spot:
            wait = job.request.get("StoppingCondition", {}).get("MaxWaitTimeInSeconds", math.inf)
            self.wait_until = time.monotonic() + wait
        self._on_instances_s = 0.0
        self._since: float | None = None  # when the instances of this attempt began to bill
        self._prepare_hub = prepare_hub
        self._checkpoints: list[CheckpointSync] = []
        self._phase: TrainingPhase | None = None

    def stop(self) -> None:
        """Somebody asked to stop the job."""
        self.inbox.put(("stop",))

    def interrupt(self, notice_s: float) -> None:
        """The instances are taken away notice_s seconds from now."""
        self.inbox.put(("interrupt", notice_s, self.attempt))

    def close(self, grace_s: float) -> None:
        """The server is ending: SIGTERM now, SIGKILL after grace_s seconds."""
        self.closing = True
        self.inbox.put(("close", grace_s))

    def run(self) -> None:
        """Take the job through its statuses. Every way that it can fail ends in FailureReason."""
        try:
            ending, failure = self._train(), None
            if ending == "Completed" and self.job.stop_requested.is_set():
                ending = "Stopped"  # the request came while the results were on their way
        except JobStopped:
            ending, failure = "Stopped", None if self.job.stop_requested.is_set() else cut_off.JOB
        except JobFailure as err:
            ending, failure = "Failed", str(err)
        except S3FilesError as err:
            ending, failure = "Failed", str(client_error(str(err)))
        except OSError as err:
            ending, failure = "Failed", str(os_error("the job's folder could not be used", err))
        except Exception as err:  # a fault of pocketaws: the job says so, the server lives on
            log.exception("job %s", self.job.name)
            ending, failure = "Failed", f"InternalServerError: pocketaws failed: {type(err).__name__}: {err}"
        try:
            self._end(ending, failure)
        finally:
            if not self.settings.keep_jobs:
                remove(self.root)

    def _train(self) -> str:
        """Everything up to the upload; the job's last SecondaryStatus."""
        argv = self._check()
        ending = "Interrupted"
        while ending == "Interrupted":
            if self.spot and not self._await_capacity():
                self.job.move("Stopping")
                return "MaxWaitTimeExceeded"
            self.job.move("Starting")
            ending = self._attempt(argv)
        self._upload()
        return ending

    def _attempt(self, argv: list[str] | None) -> str:
        """One run on fresh instances; what it ended as. "Interrupted" means that they are gone."""
        self.attempt += 1
        for folder, host in zip(self.folders, host_names(self.job.request), strict=True):
            folder.make()
            write_config(self.job.request, folder, host)
            if self.job.warm_pool is not None:
                self.job.warm_pool.lend(host, folder.root)
        self._prepare_hub()
        self._should_stop()
        self._download()
        self.job.move("Training")
        self._phase = TrainingPhase(self, argv)
        self.plan.begin()
        try:
            ending = self._phase.run()
        finally:
            self.plan.end()
            self._phase.end()
        if ending == "Interrupted":
            self._lose_instances(self._phase.killed)
        return ending

    def _await_capacity(self) -> bool:
        """Wait until there are instances for a spot job; False when MaxWaitTimeInSeconds has passed."""
        while not rehearsals.has_capacity(self.settings.home, self.job.request):
            self.job.move(self.job.secondary_status, NO_CAPACITY_YET)
            if time.monotonic() >= self.wait_until:
                return False
            self._should_stop()
            time.sleep(LOOK_FOR_CAPACITY_S)
        return time.monotonic() < self.wait_until

    def _lose_instances(self, killed: bool) -> None:
        """What is on the instances' disks is gone; the checkpoints that S3 has are not."""
        for sync in self._checkpoints:
            if killed:
                sync.abandon()
                continue
            try:
                sync.finish()
            except (S3FilesError, OSError) as err:
                log.warning("job %s: its last checkpoints were not sent: %s", self.job.name, err)
        self._checkpoints = []
        self._stop_billing()
        for folder in self.folders:
            remove(folder.root)
        self.job.move("Interrupted")
        self._should_stop()

    def _stop_billing(self) -> None:
        if self._since is not None:
            self._on_instances_s += time.monotonic() - self._since
            self._since = None

    def _check(self) -> list[str] | None:
        """Refuse by name what cannot run here; the container's command where the request has one."""
        request = self.job.request
        problem = channels.refused(request)
        if problem:
            raise client_error(problem)
        if "InstanceGroups" in request["ResourceConfig"]:
            raise client_error("pocketaws does not have InstanceGroups. Use InstanceType and InstanceCount.")
        argv = drivers.command(request)
        if argv is None and not _has_script(request):
            algorithm = request["AlgorithmSpecification"]
            image = algorithm.get("TrainingImage") or algorithm.get("AlgorithmName")
            raise algorithm_error(
                f"pocketaws runs no containers, so {image} cannot run here: the job names no script. Built-in"
                " algorithms and images with a program of their own need AWS; what runs here is script mode"
                " (hyperparameters sagemaker_program and sagemaker_submit_directory) and ModelTrainer's"
                " source code."
            )
        return argv

    def _download(self) -> None:
        self.job.move("Downloading")
        self._since = time.monotonic()
        if self.job.training_start_time is None:
            self.job.training_start_time = self.job.transitions[-1]["StartTime"]
        s3 = self.clients.get("s3")
        try:
            channels.fetch(s3, self.job.request, [folder.data for folder in self.folders], self._should_stop)
        except OSError as err:
            raise os_error("Data download failed", err) from err
        config = self.job.request.get("CheckpointConfig")
        for folder in self.folders if config else []:
            sync = CheckpointSync(s3, config["S3Uri"], folder.checkpoints, self._warn)
            sync.restore(self._should_stop)
            self._checkpoints.append(sync)

    def log_epoch(self) -> int:
        """Seconds since 1970 for the names of an attempt's log streams, another for each attempt."""
        self._epoch = max(self._epoch + 1, int(time.time()))
        return self._epoch

    def start_background(self) -> None:
        """Begin to sync checkpoints; the training phase calls it when the script starts."""
        for sync in self._checkpoints:
            sync.start()

    def fetch_source(self, uri: str, folder: HostFolder) -> None:
        """Bring the source directory of a script-mode job from S3, or from a path in the job."""
        if not uri.startswith("s3://"):
            source_code.take(Path(uri), folder.code)
            return
        source_code.fetch(self.clients.get("s3"), uri, folder.code, self._should_stop)

    def _upload(self) -> None:
        self.job.move("Uploading")
        s3, request = self.clients.get("s3"), self.job.request
        for sync in self._checkpoints:
            sync.finish()
        try:
            artifacts.upload_output(s3, request, [folder.output_data for folder in self.folders])
            artifacts.upload_model(s3, request, [folder.model for folder in self.folders])
        except OSError as err:
            raise os_error("Artifact upload failed", err) from err
        self.job.model_artifacts = artifacts.model_uri(request)

    def _end(self, ending: str, failure: str | None) -> None:
        """Set what belongs to the end, then the last status: whoever waits for it finds all of it there."""
        job = self.job
        if failure is not None and self._phase is not None and job.model_artifacts is None:
            self._upload_after_failure()
        if job.training_start_time:
            job.training_end_time = _now_like(job)
            self._stop_billing()
            job.training_time_s = max(1, math.ceil(self._on_instances_s))
            share = rehearsals.spot_share(self.settings.home, job.request) if self.spot else 1.0
            job.billable_time_s = max(1, math.ceil(job.training_time_s * share))
        if job.warm_pool is not None:
            for folder, host in zip(self.folders, host_names(job.request), strict=True):
                job.warm_pool.keep(host, folder.root)
        if failure is None:
            job.move(ending)
        else:
            job.fail(failure)

    def _upload_after_failure(self) -> None:
        """AWS keeps output/data of a failed job too. A second failure must not hide the first one."""
        if self.job.secondary_status != "Uploading":
            self.job.move("Uploading")
        try:
            for sync in self._checkpoints:
                sync.finish()
            folders = [folder.output_data for folder in self.folders]
            artifacts.upload_output(self.clients.get("s3"), self.job.request, folders)
        except (JobFailure, S3FilesError, OSError) as err:
            log.warning("job %s: its output was not uploaded: %s", self.job.name, err)

    def _should_stop(self) -> None:
        if self.job.stop_requested.is_set() or self.closing:
            raise JobStopped

    def _warn(self, text: str) -> None:
        if self._phase:
            self._phase.say(text)


def _has_script(request: dict) -> bool:
    return "sagemaker_program" in request.get("HyperParameters", {}) or "SAGEMAKER_PROGRAM" in request.get(
        "Environment", {}
    )


def _now_like(job):
    return type(job.created_at).now(job.created_at.tzinfo)
