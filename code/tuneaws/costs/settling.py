"""What a job has cost once it has ended: the seconds that AWS bills, of one of its machines.

    seconds = BY_KIND["training job"](sm, "tuneaws-1")      # None: it can still cost more
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

ENDED = ("Completed", "Failed", "Stopped")
WARM = ("InUse", "Available")  # a pool that is still kept, and bills


def training(sm, name: str) -> float | None:
    """Of a training job, with what its warm pool waited."""
    job = sm.describe_training_job(TrainingJobName=name)
    warm = job.get("WarmPoolStatus", {}).get("Status") in WARM
    return billable_s(job) if job["TrainingJobStatus"] in ENDED and not warm else None


def billable_s(job: dict) -> float:
    """Seconds that one instance of a training job bills: AWS's figure, or those since it started.

    job  what DescribeTrainingJob says. A warm pool's seconds are in it once the pool has ended.
    """
    seconds = job.get("BillableTimeInSeconds")
    if seconds is None:
        start, end = job.get("TrainingStartTime"), job.get("TrainingEndTime") or datetime.now(timezone.utc)
        seconds = (end - start).total_seconds() if start else 0
    return seconds + job.get("WarmPoolStatus", {}).get("ResourceRetainedBillableTimeInSeconds", 0)


def tuning(sm, name: str) -> float | None:
    """Of all training jobs of a tuning job together."""
    found = sm.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    if found["HyperParameterTuningJobStatus"] not in ENDED:
        return None
    pages = sm.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=name)
    each = [training(sm, one["TrainingJobName"]) for page in pages for one in page["TrainingJobSummaries"]]
    return None if None in each else sum(each)


def processing(sm, name: str) -> float | None:
    """Of a processing job."""
    job = sm.describe_processing_job(ProcessingJobName=name)
    if job["ProcessingJobStatus"] not in ENDED:
        return None
    start, end = job.get("ProcessingStartTime"), job.get("ProcessingEndTime")
    return (end - start).total_seconds() if start and end else 0


BY_KIND: dict[str, Callable] = {"training job": training, "tuning job": tuning, "processing job": processing}
