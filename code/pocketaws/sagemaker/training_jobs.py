"""DescribeTrainingJob, ListTrainingJobs, StopTrainingJob, UpdateTrainingJob."""

from pocketaws.errors import not_here, validation_error
from pocketaws.operations import operation
from pocketaws.sagemaker.jobs import page, when

SUMMARY = ("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingEndTime", "LastModifiedTime",
           "TrainingJobStatus", "SecondaryStatus", "WarmPoolStatus")  # fmt: skip


@operation("sagemaker", "DescribeTrainingJob")
def describe_training_job(context, request: dict) -> dict:
    """One job as it stands now."""
    return context.state.jobs.get(request["TrainingJobName"], context.region, context.account).describe()


@operation("sagemaker", "StopTrainingJob")
def stop_training_job(context, request: dict) -> None:
    """Ask a job to stop; it goes through Stopping while its processes end."""
    job = context.state.jobs.get(request["TrainingJobName"], context.region, context.account)
    # aws/benchmark-ai issue 928 has the wording.
    status = job.status
    if status == "Stopping" or not job.request_stop():
        raise validation_error(
            f"The request was rejected because the training job is in status {job.status}."
        )
    context.state.engine.stop(job)


@operation("sagemaker", "UpdateTrainingJob")
def update_training_job(context, request: dict) -> dict:
    """Keep a job's warm pool for another time, 0 ends it; nothing else of a job can be changed here.

    Raises a ValidationException when there is no pool that is Available: AWS changes it only then ("Use
    SageMaker AI managed warm pools", read 2026-11).
    """
    job = context.state.jobs.get(request["TrainingJobName"], context.region, context.account)
    others = [name for name in request if name not in ("TrainingJobName", "ResourceConfig")]
    if others:
        raise not_here("sagemaker", f"UpdateTrainingJob with {', '.join(others)}")
    keep_alive_s = request.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds")
    pool = job.warm_pool
    if keep_alive_s is not None and (pool is None or not pool.update(keep_alive_s)):
        state = f"the warm pool is {pool.status}" if pool else "the job has no warm pool"
        raise validation_error(
            f"KeepAlivePeriodInSeconds can be updated while the warm pool is Available: {state}."
        )
    return {"TrainingJobArn": job.arn}


@operation("sagemaker", "ListTrainingJobs")
def list_training_jobs(context, request: dict) -> dict:
    """Summaries, filtered and sorted; oldest first and 10 to a page unless the request says else."""
    jobs = [job for job in context.state.jobs.of(context.region, context.account) if _wanted(job, request)]
    sort_value = {
        "Name": lambda job: job.name,
        "Status": lambda job: job.status,
        "CreationTime": lambda job: job.created_at.timestamp(),
    }[request.get("SortBy", "CreationTime")]
    question = {key: value for key, value in request.items() if key not in ("NextToken", "MaxResults")}
    chosen, token = page(
        jobs,
        key=lambda job: [sort_value(job), job.name],
        size=request.get("MaxResults", 10),
        token=request.get("NextToken"),
        question=question,
        descending=request.get("SortOrder") == "Descending",
    )
    described = [job.describe() for job in chosen]
    summaries = [{key: job[key] for key in SUMMARY if key in job} for job in described]
    return {"TrainingJobSummaries": summaries, "NextToken": token}


def _wanted(job, request: dict) -> bool:
    created, modified = job.created_at.timestamp(), job.last_modified.timestamp()
    pool = job.warm_pool.status if job.warm_pool is not None else None
    return "TrainingPlanArnEquals" not in request and all(  # no job here has a training plan
        (
            request.get("WarmPoolStatusEquals", pool) == pool,
            "CreationTimeAfter" not in request or created > when(request["CreationTimeAfter"]),
            "CreationTimeBefore" not in request or created < when(request["CreationTimeBefore"]),
            "LastModifiedTimeAfter" not in request or modified > when(request["LastModifiedTimeAfter"]),
            "LastModifiedTimeBefore" not in request or modified < when(request["LastModifiedTimeBefore"]),
            request.get("NameContains", "").lower() in job.name.lower(),
            request.get("StatusEquals", job.status) == job.status,
        )
    )
