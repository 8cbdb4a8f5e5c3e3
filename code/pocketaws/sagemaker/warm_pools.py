"""Managed warm pools: what is kept of a training job's instances, for how long, and who takes it over.

Rules from "SageMaker AI Managed Warm Pools" and API_WarmPoolStatus (read 2026-11):

    InUse → Available (for KeepAlivePeriodInSeconds after the job's end) → Reused by a job that matches,
                                                                          or Terminated

A pool is kept after a job that completed, that was stopped once its instances were there, or that failed by
an algorithm or client error. A job matches with the same role, instances, volume, VPC, encryption and
isolation; it need not ask for a pool itself, and then the pool ends with it. 28 days in all. The quota is
"<type> for training warm pool usage"; without room in it nothing is kept. No pools for spot jobs.

On AWS a pool saves minutes of provisioning. Here there is nothing to provision: what a pool keeps is the
persistent cache, /opt/ml/sagemaker/warmpoolcache. ResourceRetainedBillableTimeInSeconds comes once the pool
is Reused or Terminated (botocore 1.44.5). Not documented, and chosen: a new keep-alive counts from the end
of the job.
"""

import math
import shutil
import threading
import time
from pathlib import Path

from pocketaws.folders import remove
from pocketaws.keeping import json_values
from pocketaws.keeping.kept import Kept

KIND = "warm-pool"  # of the store's entries, by the ARN of the job
LONGEST_S = 28 * 86_400
MATCHING = ("RoleArn", "VpcConfig", "EnableInterContainerTrafficEncryption", "EnableNetworkIsolation")
MATCHING_RESOURCES = ("InstanceCount", "InstanceType", "VolumeKmsKeyId", "VolumeSizeInGB")
KEPT_AFTER = ("AlgorithmError", "ClientError")
CACHE = "sagemaker/warmpoolcache"  # below /opt/ml


class WarmPool(Kept):
    """The pool of one job, as that job sees it. For any thread; `clock` is time.time in all but tests.

    job          the TrainingJob               keep_alive_s   0: the pool ends with the job
    taken_from   the pool that it took over    has_room       asked at the job's end: does the quota allow it?
    cache        a folder of its own: host by host, the persistent cache while no job has it
    """

    KEPT = (
        "job", "arn", "cache_name", "keep_alive_s", "_born", "_available_at", "_ended_after_s", "reused_by",
    )  # fmt: skip

    def __init__(self, job, cache: Path, has_room=lambda job: True, taken_from=None, clock=time.time):
        self.unkept()
        self.job, self.arn = job, job.arn
        self.cache, self.cache_name, self._has_room, self._clock = cache, cache.name, has_room, clock
        self.keep_alive_s = job.request["ResourceConfig"].get("KeepAlivePeriodInSeconds", 0)
        self._born = taken_from._born if taken_from else clock()
        self._available_at: float | None = None
        self._ended_after_s: float | None = None  # how long it was Available, once it is not any more
        self.reused_by: str | None = None

    @property
    def status(self) -> str:
        """InUse, Available, Reused or Terminated, now."""
        with self._lock:
            if self.reused_by:
                return "Reused"
            if self._ended_after_s is None and self._available_at is None:
                return "InUse"
            if self._ended_after_s is None and self._clock() >= self._ends_at():
                self._end(self._ends_at() - self._available_at)
            return "Available" if self._ended_after_s is None else "Terminated"

    def describe(self) -> dict:
        """WarmPoolStatus."""
        with self._lock:
            answer = {"Status": self.status}
            if self._ended_after_s is not None:
                answer["ResourceRetainedBillableTimeInSeconds"] = math.ceil(self._ended_after_s)
            if self.reused_by:
                answer["ReusedByJob"] = self.reused_by
            return answer

    def job_ended(self) -> None:
        """The job has come to its last status: keep its instances, or let them go."""
        keep = bool(self.keep_alive_s) and self._is_healthy() and self._has_room(self.job)
        with self.changing():
            self._available_at = self._clock()
            if not keep:
                self._end(0.0)

    def lend(self, host: str, root: Path) -> None:
        """Move a host's persistent cache to root, its /opt/ml; make an empty one when there is none."""
        target = root / CACHE
        target.parent.mkdir(parents=True, exist_ok=True)
        if (self.cache / host).is_dir():
            shutil.move(self.cache / host, target)
        else:
            target.mkdir(exist_ok=True)

    def keep(self, host: str, root: Path) -> None:
        """Move a host's persistent cache out of root, before that is removed."""
        if (root / CACHE).is_dir():
            self.cache.mkdir(parents=True, exist_ok=True)
            shutil.move(root / CACHE, self.cache / host)

    def take(self, name: str) -> bool:
        """Move to another job; False when somebody was quicker or the time is over."""
        with self.changing():
            if self.status != "Available":
                return False
            self._ended_after_s, self.reused_by = self._clock() - self._available_at, name
            return True

    def update(self, keep_alive_s: int) -> bool:
        """Keep it for another time after the job's end, 0: end it now; False when it is not Available."""
        with self.changing():
            if self.status != "Available":
                return False
            self.keep_alive_s = keep_alive_s
            if self._clock() >= self._ends_at():
                self._end(self._clock() - self._available_at)
            return True

    def _ends_at(self) -> float:
        return min(self._available_at + self.keep_alive_s, self._born + LONGEST_S)

    def _end(self, after_s: float) -> None:
        self._ended_after_s = max(0.0, after_s)
        remove(self.cache)

    def _is_healthy(self) -> bool:
        job = self.job
        if job.status == "Failed":
            return (job.failure_reason or "").startswith(KEPT_AFTER)
        return job.status != "Stopped" or job.training_start_time is not None


class WarmPools:
    """The pools of a server. `folder` keeps their caches, `store` what is known of them."""

    def __init__(self, folder: Path, clock=time.time, store=None):
        self._folder, self._clock, self._store = folder, clock, store
        self._pools: list[WarmPool] = []
        self._lock = threading.Lock()

    def join(self, job, has_room=lambda job: True) -> None:
        """Set job.warm_pool of a new job: the pool that matches it, or one of its own if it asks for one."""
        with self._lock:
            self._pools = [pool for pool in self._pools if pool.status in ("InUse", "Available")]
            spot = job.request.get("EnableManagedSpotTraining")
            found = None if spot else next((pool for pool in self._pools if _takes(pool, job)), None)
            if found or job.request["ResourceConfig"].get("KeepAlivePeriodInSeconds"):
                cache = found.cache if found else self._folder / f"{job.region}-{job.name}"
                job.warm_pool = WarmPool(job, cache, has_room, found, self._clock)
                if self._store is not None:
                    job.warm_pool.keep_in(self._store, KIND)
                self._pools.append(job.warm_pool)

    def read(self, refer, has_room) -> None:
        """Give the jobs of a server before their pools again, and remove the caches that are nobody's.

        refer   see json_values.read: the jobs are there already       has_room   as in join
        """
        for key, text in self._store.items(KIND):
            try:
                pool = WarmPool.of_record(json_values.read(text, refer))
            except json_values.Unreadable as err:
                self._store.set_aside(KIND, key, str(err))
                continue
            pool.cache, pool._has_room, pool._clock = self._folder / pool.cache_name, has_room, self._clock
            pool.stay_in(self._store, KIND)
            pool.job.warm_pool = pool
            if pool.status in ("InUse", "Available"):
                self._pools.append(pool)
        wanted = {pool.cache_name for pool in self._pools}
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            if folder.name not in wanted:
                remove(folder)

    def waiting(self, region: str, account: str, but_for: dict | None = None) -> list[WarmPool]:
        """The pools that are Available: their instances count for the quotas.

        but_for   leave out the one that a job with this request would take
        """
        with self._lock:
            pools = [pool for pool in self._pools if (pool.job.region, pool.job.account) == (region, account)]
        pools = [pool for pool in pools if pool.status == "Available"]
        taken = next((pool for pool in pools if but_for and matches(pool.job.request, but_for)), None)
        return [pool for pool in pools if pool is not taken]


def _takes(pool: WarmPool, job) -> bool:
    same_place = (pool.job.region, pool.job.account) == (job.region, job.account)
    return same_place and matches(pool.job.request, job.request) and pool.take(job.name)


def matches(one: dict, other: dict) -> bool:
    """Whether the instances of one CreateTrainingJob serve another (with_defaults() has filled both)."""
    same = all(one.get(name) == other.get(name) for name in MATCHING)
    first, second = one["ResourceConfig"], other["ResourceConfig"]
    return same and all(first.get(name) == second.get(name) for name in MATCHING_RESOURCES)
