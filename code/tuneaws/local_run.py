"""A training job's request, run by the local AWS of this machine, and said to be so before and after.

    job = run_local(request, session, because=refused, hyperparameters={"base_model": "pocketaws/chat-1m"})

For a job that AWS refused, and for a first try of one that it would take. What must be another in local is
changed, and printed: local_request() is the pure function.
"""

import copy
import tempfile
from pathlib import Path

from botocore.exceptions import ClientError

from tuneaws import environment, once, raw_jobs, training_jobs
from tuneaws.buckets import split_uri
from tuneaws.estimator.request import encode

WIDTH = 78
STAND_IN = "ml.m5.large"  # a CPU, which this machine is at least; a quota on a GPU type does not count here


def run_local(request: dict, session, because=None, hyperparameters: dict | None = None, home=None,
              source_dir=None) -> dict:
    """Run a request in the local AWS, under a banner that says where; return its description.

    session          where the request was made: its S3 is read for the channels and the code
    because          why it runs here, such as a refusals.JobRefused
    hyperparameters  values that differ in local, such as a base model that is on this machine
    home             folder of the local AWS; None: the one that runs, or <course>/.pocketaws
    source_dir       what the code was packed from; given, a job that has run already is not run again
    Raises           training_jobs.JobError if the job fails here too. Costs nothing; on AWS S3 is read, which
                     costs cents for gigabytes
    """
    from tuneaws import session as sessions

    source_s3, already = session.client("s3"), session.where == "local"
    local = session if already else sessions.connect("local", session.region, home)
    try:
        sent, changes = local_request(request, local.role_arn, hyperparameters)
        banner("on THIS MACHINE, in local: not on AWS, and free", because, changes)
        if not already:
            copied = copy_inputs(source_s3, local.client("s3"), sent, local.region)
            print(f"copied {copied} objects from your S3")
        sm, logs = local.client("sagemaker"), local.client("logs")
        name = once.start(local, sent, source_dir) if source_dir else raw_jobs.start(sm, sent)
        job = raw_jobs.finish(sm, training_jobs.watch(sm, logs, name))
        banner(f"{name} ran on THIS MACHINE, in local. AWS has not run it")
        return job
    finally:
        if not already:
            environment.leave()


def local_request(request: dict, role_arn: str, hyperparameters: dict | None = None) -> tuple:
    """Return (the request as local can run it, {member: (before, now)}). Pure.

    The name gets "-local" at its end; the role is local's; the machine is one without a GPU; a warm pool and
    spot, which are about price, go; `hyperparameters` replace or add.
    """
    sent, changes = copy.deepcopy(request), {}

    def change(member: str, part: dict, key: str, value) -> None:
        if part.get(key) != value:
            changes[member] = (part.get(key), value)
            part[key] = value
            if value is None:
                del part[key]

    name = f"{request['TrainingJobName'][:57]}-local"
    change("TrainingJobName", sent, "TrainingJobName", name)
    change("RoleArn", sent, "RoleArn", role_arn)
    machine = sent["ResourceConfig"]
    change("ResourceConfig.InstanceType", machine, "InstanceType", STAND_IN)
    change("ResourceConfig.KeepAlivePeriodInSeconds", machine, "KeepAlivePeriodInSeconds", None)
    change("EnableManagedSpotTraining", sent, "EnableManagedSpotTraining", None)
    change("StoppingCondition.MaxWaitTimeInSeconds", sent["StoppingCondition"], "MaxWaitTimeInSeconds", None)
    for key, text in encode({"sagemaker_job_name": name, **(hyperparameters or {})}).items():
        change(f"HyperParameters.{key}", sent["HyperParameters"], key, text)
    return sent, changes


def copy_inputs(source_s3, target_s3, request: dict, region: str) -> int:
    """Copy what the channels name from one S3 to another, under the same bucket and keys; return how much.

    Makes the buckets of the request in the target. Raises botocore's ClientError if the source can't be read.
    """
    channels = [each["DataSource"]["S3DataSource"]["S3Uri"] for each in request.get("InputDataConfig", [])]
    places = [request["OutputDataConfig"]["S3OutputPath"], *channels]
    places += [request["CheckpointConfig"]["S3Uri"]] if "CheckpointConfig" in request else []
    for bucket in dict.fromkeys(split_uri(uri)[0] for uri in places):
        _ensure(target_s3, bucket, region)
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "object"
        for uri in channels:
            bucket, prefix = split_uri(uri)
            pages = source_s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for entry in (entry for page in pages for entry in page.get("Contents", [])):
                source_s3.download_file(bucket, entry["Key"], str(path))
                target_s3.upload_file(str(path), bucket, entry["Key"])
                count += 1
    return count


def banner(text: str, because=None, changes: dict | None = None) -> None:
    """Print where a job runs, between two lines that cannot be overlooked."""
    print("=" * WIDTH, f"  {text}", sep="\n")
    if because is not None:
        print(f"  because: {str(because).splitlines()[0]}")
    for member, (before, now) in (changes or {}).items():
        print(f"  {member}: {_short(before)} -> {_short(now)}")
    print("=" * WIDTH)


def _short(value) -> str:
    text = "(none)" if value is None else str(value)
    return text if len(text) <= 50 else f"{text[:24]}…{text[-24:]}"


def _ensure(s3, bucket: str, region: str) -> None:
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=bucket, **where)
    except ClientError as err:
        if err.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise
