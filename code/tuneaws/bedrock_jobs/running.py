"""Start, find, describe and stop a customization job, with boto3 alone.

    name = start(bedrock, asked)["jobName"]
    newest(bedrock, {"course": "tuneaws"})["outputModelArn"]
    stop(bedrock, name)
"""

import time

from botocore.exceptions import ClientError

from tuneaws import fixes
from tuneaws.bedrock_client import carries, on_aws, or_free
from tuneaws.bedrock_jobs.errors import BedrockJobError

ENDED = ("Completed", "Failed", "Stopped")
TUNE_FIRST = "tune one first: lesson 14 (make lesson N=14) or python code/train_bedrock.py"
# How AWS says that a role can't be assumed is not documented; chosen: a ValidationException with such a word.
NOT_YET = ("assume", "trust", "role")


def start(bedrock, asked: dict, wait_s: float = 30, poll_s: float = 3) -> dict:
    """Send a request() and return the job's description. On aws it costs money.

    wait_s  a role made just now is not everywhere yet: try again for so long
    Raises  BedrockJobError, which says what to do; other errors of botocore pass through
    """
    deadline = time.monotonic() + wait_s
    while True:
        try:
            arn = bedrock.create_model_customization_job(**asked)["jobArn"]
            return get(bedrock, arn)
        except ClientError as err:
            code, said = err.response["Error"]["Code"], err.response["Error"]["Message"]
            if _of_the_role(code, said) and on_aws(bedrock) and time.monotonic() < deadline:
                time.sleep(poll_s)
                continue
            raise _refused(bedrock, code, said, asked, err) from err


def get(bedrock, name: str) -> dict:
    """All that GetModelCustomizationJob says of a job, by name or ARN. Raises BedrockJobError if none is."""
    try:
        job = bedrock.get_model_customization_job(jobIdentifier=name)
    except ClientError as err:
        if err.response["Error"]["Code"] == "ResourceNotFoundException":
            raise BedrockJobError(f"there is no customization job {name!r} in {bedrock.meta.region_name}.\n"
                                  "Fix: bedrock_jobs.find(bedrock, tags) lists yours") from err
        raise
    job.pop("ResponseMetadata", None)
    return job


def find(bedrock, tags: dict, status: str | None = None, limit: int = 100):
    """Yield the summaries of the jobs that carry all `tags`, newest first.

    limit  look at no more than so many of the account's newest jobs; the tags of each are one request
    """
    wanted = {"statusEquals": status} if status else {}
    pages = bedrock.get_paginator("list_model_customization_jobs").paginate(
        sortBy="CreationTime", sortOrder="Descending", PaginationConfig={"MaxItems": limit}, **wanted)
    for page in pages:
        for job in page["modelCustomizationJobSummaries"]:
            if carries(bedrock, job["jobArn"], tags):
                yield job


def newest(bedrock, tags: dict, status: str | None = "Completed", run_first: str = TUNE_FIRST) -> dict:
    """Return the description of the newest job that carries all `tags`. Raises BedrockJobError if none does.

    run_first  what the error says to do then
    """
    for job in find(bedrock, tags, status):
        return get(bedrock, job["jobArn"])
    shown = ", ".join(f"{key}={value}" for key, value in tags.items())
    kind = f"{status.lower()} customization job" if status else "customization job"
    raise BedrockJobError(f"there is no {kind} with the tags {shown} in {bedrock.meta.region_name}.\n"
                          f"Fix: {run_first}")


def stop(bedrock, name: str, wait_s: float = 300, poll_s: float = 1) -> dict:
    """Stop a job and wait until it has ended; return its description. One that has ended stays as it is.

    AWS bills the tokens that were trained on until then, and makes no model
    (https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-stop.html, 2026-11).
    """
    if get(bedrock, name)["status"] == "InProgress":
        try:
            bedrock.stop_model_customization_job(jobIdentifier=name)
        except ClientError as err:  # it ended between the two calls
            if err.response["Error"]["Code"] not in ("ConflictException", "ValidationException"):
                raise
    deadline = time.monotonic() + wait_s
    while (job := get(bedrock, name))["status"] not in ENDED:
        if time.monotonic() > deadline:
            raise BedrockJobError(f"{name} is still {job['status']} after {wait_s:.0f} s.\n"
                                  "Fix: look again with bedrock_jobs.get()")
        time.sleep(poll_s)
    return job


def _of_the_role(code: str, said: str) -> bool:
    return code == "ValidationException" and any(word in said.lower() for word in NOT_YET)


def _refused(bedrock, code: str, said: str, asked: dict, err: ClientError) -> Exception:
    """The error in the learner's words, or AWS's own where nothing can be added."""
    by_code = {
        "AccessDeniedException": "these credentials need bedrock:CreateModelCustomizationJob, iam:PassRole "
                                 f"on {asked['roleArn']}, and access to the model in the Bedrock console",
        "ServiceQuotaExceededException": "wait for a running job to end, or ask for more in Service Quotas",
        "TooManyTagsException": "fewer project.tags in config.yaml",
        "ResourceNotFoundException": "bedrock_jobs.tunable(bedrock) lists what can be tuned here",
        "ValidationException": "print the request and compare",
        "ConflictException": "another job or model has this name: bedrock_jobs.new_name() gives a new one",
    }
    if code not in by_code:
        return err
    if _of_the_role(code, said):
        by_code[code] = "a role that Bedrock may assume: bedrock_jobs.ensure_role() makes one"
    fix = fixes.advice(fixes.find(err, "bedrock"), by_code[code])
    return BedrockJobError(f"Bedrock did not take the job {asked['jobName']!r}: nothing was started.\n"
                           f"AWS said: {code}: {said}\nFix: {fix}{or_free(bedrock)}")
