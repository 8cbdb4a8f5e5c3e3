"""Find, watch, stop and understand a SageMaker training job, with boto3 alone.

    job = newest(sm, {"course": "tuneaws"})["TrainingJobName"]
    watch(sm, logs, job)

Each function takes boto3 clients ("sagemaker" as sm, "logs", "s3") and plain values.
"""

import time

from botocore.exceptions import ClientError

from tuneaws import fixes, metrics
from tuneaws.artifacts import ArtifactError, download_model
from tuneaws.job_lines import ENDED, JobPrinter, elapsed_s
from tuneaws.logs import LogReader, log_lines

__all__ = ["ArtifactError", "JobError", "console_urls", "describe", "download_model", "explain_failure",
           "find", "get", "log_lines", "newest", "show", "stop", "timeline", "watch"]

TRAIN_FIRST = "train one first: lesson 04 (make lesson N=04) or python code/train_sagemaker.py"


class JobError(RuntimeError):
    """There is no such job, or it has no result; the message says what to do."""


# --- find


def find(sm, tags: dict, status: str | None = None, limit: int = 100) -> list:
    """Return the summaries of the jobs that carry all `tags`, newest first.

    tags    {"course": "tuneaws"}            status  such as "Completed"; None: any
    limit   look at no more than so many of the account's newest jobs; the tags of each are one request
    """
    wanted = {"StatusEquals": status} if status else {}
    pages = sm.get_paginator("list_training_jobs").paginate(
        SortBy="CreationTime", SortOrder="Descending", PaginationConfig={"MaxItems": limit}, **wanted)
    jobs = [job for page in pages for job in page["TrainingJobSummaries"]]
    return [job for job in jobs if carries(sm, job["TrainingJobArn"], tags)]


def newest(sm, tags: dict, status: str | None = "Completed", run_first: str = TRAIN_FIRST) -> dict:
    """Return the description (DescribeTrainingJob) of the newest job that carries all `tags`.

    run_first  what the error says to do when there is none
    Raises     JobError
    """
    wanted = {"StatusEquals": status} if status else {}
    pages = sm.get_paginator("list_training_jobs").paginate(
        SortBy="CreationTime", SortOrder="Descending", PaginationConfig={"MaxItems": 100}, **wanted)
    for page in pages:
        for job in page["TrainingJobSummaries"]:
            if carries(sm, job["TrainingJobArn"], tags):
                return sm.describe_training_job(TrainingJobName=job["TrainingJobName"])
    shown = ", ".join(f"{key}={value}" for key, value in tags.items())
    kind = f"{status.lower()} training job" if status else "training job"
    raise JobError(f"there is no {kind} with the tags {shown}.\nFix: {run_first}")


def carries(sm, arn: str, tags: dict) -> bool:
    """Whether something of SageMaker's carries all these tags."""
    if not tags:
        return True
    pages = sm.get_paginator("list_tags").paginate(ResourceArn=arn)
    there = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    return all(there.get(key) == value for key, value in tags.items())


def has_whole_model(job: dict) -> bool:
    """Whether a job was told to save the merged model beside its adapter (merge_weights)."""
    return job.get("HyperParameters", {}).get("merge_weights", "").strip('"').lower() == "true"


# --- watch


def watch(sm, logs, name: str, usd_per_hour: float | None = None, poll_s: float = 1.0, every_s: float = 15.0,
          timeout_s: float | None = None) -> dict:
    """Print what a job does until it has ended, a line for each thing that changes; return its description.

    A line comes with a new status, with each tenth of the training, and after `every_s` without one: some
    twenty lines for a job. An interrupt stops the watching, not the job.
    usd_per_hour  the price of all its instances; None shows no cost
    timeout_s     stop watching after so long and return; None: never
    """
    reader, printer = LogReader(logs, name), JobPrinter(usd_per_hour, every_s)
    table, begin = [], time.monotonic()
    try:
        while True:
            job = get(sm, name)
            table += metrics.from_events(reader.read())
            printer.show(job, table)
            if job["TrainingJobStatus"] in ENDED:
                break
            if timeout_s is not None and time.monotonic() - begin > timeout_s:
                return job
            time.sleep(poll_s)
    except KeyboardInterrupt:
        print(f"stopped watching; {name} goes on. To stop it: training_jobs.stop(sm, {name!r})")
        raise
    if job["TrainingJobStatus"] == "Failed":
        print(explain_failure(sm, logs, name))
    return job


def get(sm, name: str) -> dict:
    """All that DescribeTrainingJob says of a job. Raises JobError when there is none of that name."""
    try:
        return sm.describe_training_job(TrainingJobName=name)
    except ClientError as err:
        if "not found" in err.response["Error"]["Message"].lower():
            raise JobError(f"there is no training job {name!r} in {sm.meta.region_name}.\n"
                           "Fix: training_jobs.find(sm, tags) lists yours") from err
        raise


# --- stop


def stop(sm, name: str, wait_s: float = 180, poll_s: float = 0.5) -> dict:
    """Stop a job and wait until it has ended; return its description. One that has ended stays as it is.

    SageMaker sends SIGTERM, and SIGKILL 120 s later; what lies in the model folder by then is kept.
    """
    job = get(sm, name)
    if job["TrainingJobStatus"] == "InProgress":
        try:
            sm.stop_training_job(TrainingJobName=name)
        except ClientError as err:  # it ended between the two calls
            if err.response["Error"]["Code"] != "ValidationException":
                raise
    deadline = time.monotonic() + wait_s
    while (job := get(sm, name))["TrainingJobStatus"] not in ENDED:
        if time.monotonic() > deadline:
            raise JobError(f"{name} is still {job['SecondaryStatus']} after {wait_s:.0f} s.\n"
                           "Fix: look again with training_jobs.describe(); it bills until it has ended")
        time.sleep(poll_s)
    return job


# --- understand


def describe(sm, name: str) -> dict:
    """The few things of a job that people ask for, in an order to print: {"status": "Completed", ...}."""
    job = get(sm, name)
    machine = job["ResourceConfig"]
    found = {
        "name": name,
        "status": f"{job['TrainingJobStatus']} ({job['SecondaryStatus']})",
        "why": job.get("FailureReason"),
        "created": f"{job['CreationTime']:%Y-%m-%d %H:%M:%S}",
        "took": f"{elapsed_s(job):.0f} s from creation to end",
        "billed": f"{job['BillableTimeInSeconds']} s" if "BillableTimeInSeconds" in job else None,
        "machine": f"{machine.get('InstanceCount', 1)} x {machine.get('InstanceType', 'instance groups')}",
        "image": job["AlgorithmSpecification"].get("TrainingImage"),
        "model": job.get("ModelArtifacts", {}).get("S3ModelArtifacts"),
    }
    billed, trained = job.get("BillableTimeInSeconds"), job.get("TrainingTimeInSeconds")
    if job.get("EnableManagedSpotTraining"):
        changes = [change["Status"] for change in job.get("SecondaryStatusTransitions", [])]
        found["interrupted"] = f"{changes.count('Interrupted')} times"
        if billed is not None and trained:
            found["saved by spot"] = f"{1 - billed / trained:.0%}"
    found["warm pool"] = _warm_pool(job.get("WarmPoolStatus"))
    found.update({m["MetricName"]: f"{m['Value']:.6g}" for m in job.get("FinalMetricDataList", [])})
    return {key: value for key, value in found.items() if value is not None}


def _warm_pool(pool: dict | None) -> str | None:
    """ "Available", "Reused by my-job, billed 30 s more"; None for a job without one."""
    if not pool:
        return None
    by = f" by {pool['ReusedByJob']}" if "ReusedByJob" in pool else ""
    seconds = pool.get("ResourceRetainedBillableTimeInSeconds")
    return pool["Status"] + by + (f", billed {seconds} s more" if seconds is not None else "")


def show(sm, name: str) -> None:
    """Print describe()."""
    found = describe(sm, name)
    width = max(map(len, found))
    for key, value in found.items():
        print(f"{key:<{width}}  {value}")


def timeline(sm, name: str) -> list:
    """The job's phases: [{"status": "Downloading", "seconds": 1.2, "message": "..."}, ...]."""
    rows = []
    for change in get(sm, name).get("SecondaryStatusTransitions", []):
        end = change.get("EndTime")
        seconds = round((end - change["StartTime"]).total_seconds(), 1) if end else None
        message = change.get("StatusMessage", "")
        rows.append({"status": change["Status"], "seconds": seconds, "message": message})
    return rows


def explain_failure(sm, logs, name: str, tail: int = 20) -> str:
    """Why a job failed: FailureReason, the phase it failed in, the end of its log, and what to do."""
    job = get(sm, name)
    if job["TrainingJobStatus"] != "Failed":
        return f"{name} has not failed: it is {job['TrainingJobStatus']}."
    phases = [row["status"] for row in timeline(sm, name) if row["status"] not in ("Failed", "Uploading")]
    reason, lines = job.get("FailureReason", "(none given)"), log_lines(logs, name, tail)
    log = f"the end of its log ({len(lines)} lines):" if lines else "no log: it failed before the script ran."
    return "\n".join([
        f"{name} failed while {phases[-1] if phases else 'Starting'}.",
        f"FailureReason: {reason}",
        log,
        *(f"  | {line}" for line in lines),
        *fixes.line_for(sm, reason, lines)])


def console_urls(region: str, name: str, bucket: str | None = None) -> dict:
    """Addresses of the job's pages in the AWS console; in local they lead nowhere, there is no console."""
    at = f"https://{region}.console.aws.amazon.com"
    group = "$252Faws$252Fsagemaker$252FTrainingJobs"  # /aws/sagemaker/TrainingJobs, quoted twice
    urls = {
        "job": f"{at}/sagemaker/home?region={region}#/jobs/{name}",
        "log": f"{at}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}"
               f"$3FlogStreamNameFilter$3D{name}$252F",
    }
    if bucket:
        urls["bucket"] = f"https://s3.console.aws.amazon.com/s3/buckets/{bucket}?region={region}"
    return urls
