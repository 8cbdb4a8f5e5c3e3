"""Repeat a job: the request that would run it again, and what has changed since.

    for row in check_repeat(session, job): print(row)
    request = repeat(session, job)          # print it, compare it
    raw_jobs.start(sm, request)             # on AWS: money from here on

The code is the very archive that the job ran, the data is what lies at the same S3 addresses now:
check_repeat() compares its hash with the one that the job wrote down. On the same kind of machine with the
same image the loss is then the same to the last digit; another GPU rounds otherwise.
"""

import json

import botocore.session
from botocore.exceptions import ClientError

from tuneaws import buckets, raw_jobs, training_jobs
from tuneaws.launch import new_job_name
from tuneaws.runs.hashes import s3_hash
from tuneaws.runs.recording import record

CODE = "sagemaker_submit_directory"


def repeat(session, job_name: str, new_name: str | None = None) -> dict:
    """Return the CreateTrainingJob request that repeats a job. Sends nothing, costs nothing.

    new_name   None: the old name's beginning and the time
    Raises     training_jobs.JobError if there is no such job

    Checkpoints go to a folder of the new job: in the old one the script would find the old job's last
    checkpoint, and have nothing left to do.
    """
    sm = session.client("sagemaker")
    job = training_jobs.get(sm, job_name)
    pages = sm.get_paginator("list_tags").paginate(ResourceArn=job["TrainingJobArn"])
    tags = [tag for page in pages for tag in page["Tags"]]
    return request_of(job, tags, new_name or new_job_name(job_name.split("-")[0]))


def request_of(job: dict, tags: list, new_name: str) -> dict:
    """The request that a description comes from, under another name. Pure.

    job    what DescribeTrainingJob says      tags   [{"Key", "Value"}]; AWS's own are left out
    """
    model = botocore.session.get_session().get_service_model("sagemaker")
    known = model.operation_model("CreateTrainingJob").input_shape
    request = _known(job, known)
    if not request["OutputDataConfig"].get("KmsKeyId", True):
        del request["OutputDataConfig"]["KmsKeyId"]
    own = [tag for tag in tags if not tag["Key"].lower().startswith("aws:")]
    if own:
        request["Tags"] = own
    if "CheckpointConfig" in request:
        old = request["CheckpointConfig"]["S3Uri"].rstrip("/")
        request["CheckpointConfig"] = {
            **request["CheckpointConfig"], "S3Uri": f"{old.rpartition('/')[0]}/{new_name}",
        }  # fmt: skip
    request["HyperParameters"] = request.get("HyperParameters", {})
    if "sagemaker_job_name" in request["HyperParameters"]:
        return raw_jobs.renamed(request, new_name)
    return {**request, "TrainingJobName": new_name}


def check_repeat(session, job_name: str) -> list:
    """Rows for a table: what has to be there to repeat a job, then and now. Reads all of its data from S3.

    [{"what": "data.training", "then": "1f3a…", "now": "1f3a…", "same": True}, …]; `same` is None where the
    job did not write down what it was.
    """
    s3, found = session.client("s3"), record(session, job_name, keep=False)
    job = training_jobs.get(session.client("sagemaker"), job_name)
    rows = []
    for name, channel in found["data"].items():
        then, now = channel.get("sha256"), _hash_now(s3, channel["uri"])
        rows.append({"what": f"data.{name}", "then": _short(then), "now": _short(now),
                     "same": then == now if then else None})
    archive = _plain(job.get("HyperParameters", {}).get(CODE, '""'))
    if archive.startswith("s3://"):
        there = _exists(s3, archive)
        rows.append({"what": "code", "then": _short(found["code"].get("sha256")),
                     "now": "the same archive" if there else "gone", "same": there})
    return rows


def _known(value, shape):
    """The part of a description that a request's shape has: Describe tells of states, too."""
    if shape.type_name == "structure" and isinstance(value, dict):
        return {key: _known(each, shape.members[key]) for key, each in value.items() if key in shape.members}
    if shape.type_name == "list":
        return [_known(each, shape.member) for each in value]
    return value


def _hash_now(s3, uri: str | None) -> str | None:
    try:
        return s3_hash(s3, uri)["sha256"] if uri else None
    except buckets.BucketError:
        return None


def _exists(s3, uri: str) -> bool:
    bucket, key = buckets.split_uri(uri)
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as err:
        if err.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
            return False
        raise
    return True


def _short(digest: str | None) -> str | None:
    return digest[:12] if digest else None


def _plain(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        return text
