"""Run a job once: a lesson that is run again goes on with the job that it has started before.

    name = once.fit(session, estimator, channels)          # for estimator.fit(channels, wait=False)
    name = once.start(session, request, SOURCE_DIR)        # for raw_jobs.start(sm, request)
    name = once.search(session, request, SOURCE_DIR, price, cap_usd)     # for variants.start_tuning(…)
    job = once.tune(session, request)                      # for bedrock_jobs.start(bedrock, request)
    arn = once.bring_in(session, import_request)           # for bedrock_models.import_model(…)

Whatever was killed in between, the kernel or the local AWS: a job that has completed is not run again, one
that still runs is the one to watch, one that failed or was stopped is run anew under a new name. Jobs are
told apart by a tag, `made-of`: the hash of the request without its names, and of the bytes of the code and
the data, wherever they lie. Tags are part of the request: another lesson's job, or another learner's, is
another job.
"""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path

from tuneaws import buckets, training_jobs
from tuneaws.bedrock_client import carries
from tuneaws.bedrock_jobs import running
from tuneaws.bedrock_jobs.tuning import model_is_there
from tuneaws.bedrock_models.deploying import send
from tuneaws.runs.hashes import folder_hash

TAG = "made-of"
DONE_OR_RUNS = ("Completed", "InProgress")
NAMES = ("TrainingJobName", "HyperParameterTuningJobName", "jobName", "customModelName", "importedModelName")
CODE = "sagemaker_submit_directory"  # where the packed code lies
LENGTH = 16  # hexadecimal digits: no two of a billion jobs share them


def fit(session, estimator, inputs, again: bool = False) -> str:
    """Start the estimator's job on these channels unless it has run or runs; return the job's name.

    estimator  a tuneaws.huggingface.HuggingFace; its latest_training_job is that job afterwards: .logs()
               prints its log, .model_data is its model
    inputs     {"training": "s3://…/", …}
    again      start one whatever there is
    On AWS this is where money starts to run. Raises what estimator.fit() does.
    """
    from tuneaws.estimator.job import TrainingJob

    request = estimator.request(inputs, job_name="once")
    folder = Path(estimator.source_dir or ".")
    code = folder_hash(folder)["sha256"] if folder.is_dir() else str(estimator.source_dir)
    key = made_of(session.client("s3"), request, code)
    found = None if again else find(session, key)
    if found:
        estimator.latest_training_job = TrainingJob(estimator.sagemaker_session, found)
        return found
    tags, estimator.tags = estimator.tags, [*(estimator.tags or []), {"Key": TAG, "Value": key}]
    try:
        estimator.fit(inputs, wait=False)
    finally:
        estimator.tags = tags
    return estimator.latest_training_job.name


def start(session, request: dict, source_dir, again: bool = False) -> str:
    """Send a CreateTrainingJob request unless its job has run or runs; return the job's name.

    source_dir  the folder that the job's code was packed from
    Raises      refusals.JobRefused, as raw_jobs.start() does
    """
    from tuneaws import raw_jobs

    key = made_of(session.client("s3"), request, folder_hash(Path(source_dir))["sha256"])
    found = None if again else find(session, key)
    if not found:
        raw_jobs.start(session.client("sagemaker"), _tagged(request, key, "Tags"))
    return found or request["TrainingJobName"]


def search(session, request: dict, source_dir, price, cap_usd: float, again: bool = False) -> str:
    """Send a CreateHyperParameterTuningJob unless its tuning job has run or runs; return its name.

    source_dir       the folder that the jobs' code was packed from
    price, cap_usd   as for variants.start_tuning(), whose errors are raised
    """
    from tuneaws import variants

    key = made_of(session.client("s3"), request, folder_hash(Path(source_dir))["sha256"])
    sm = session.client("sagemaker")
    for status in () if again else DONE_OR_RUNS:
        for name in variants.find_tuning(sm, {TAG: key}, status):
            _say(name, status)
            return name
    return variants.start_tuning(sm, _tagged(request, key, "Tags"), price, cap_usd)


def tune(session, request: dict, again: bool = False) -> dict:
    """Send a CreateModelCustomizationJob unless its job has run or runs; return the job's description.

    A job whose model has been deleted counts as none. Raises bedrock_jobs.BedrockJobError
    """
    bedrock, key = session.client("bedrock"), made_of(session.client("s3"), request)
    for status in () if again else DONE_OR_RUNS:
        for summary in running.find(bedrock, {TAG: key}, status):
            job = running.get(bedrock, summary["jobArn"])
            if status == "InProgress" or model_is_there(bedrock, job):
                _say(job["jobName"], status)
                return job
    return running.start(bedrock, _tagged(request, key))


def bring_in(session, request: dict, again: bool = False) -> str:
    """Send a CreateModelImportJob unless its job has run or runs; return its ARN, for bedrock_models.wait().

    A job whose model has been deleted counts as none. Raises bedrock_models.BedrockModelError
    """
    bedrock, key = session.client("bedrock"), made_of(session.client("s3"), request)
    for status in () if again else DONE_OR_RUNS:
        pages = bedrock.get_paginator("list_model_import_jobs").paginate(statusEquals=status)
        for job in (one for page in pages for one in page["modelImportJobSummaries"]):
            there = status == "InProgress" or _imported_is_there(bedrock, job["importedModelArn"])
            if there and carries(bedrock, job["jobArn"], {TAG: key}):
                _say(job["jobName"], status)
                return job["jobArn"]
    return send(bedrock, "create_model_import_job", _tagged(request, key), request["jobName"])["jobArn"]


def _tagged(request: dict, key: str, member: str = "jobTags") -> dict:
    tag = {"Key": TAG, "Value": key} if member == "Tags" else {"key": TAG, "value": key}
    return {**request, member: [*request.get(member, []), tag]}


def _imported_is_there(bedrock, arn: str) -> bool:
    pages = bedrock.get_paginator("list_imported_models").paginate()
    return any(one["modelArn"] == arn for page in pages for one in page["modelSummaries"])


def find(session, key: str) -> str | None:
    """The name of the training job of this made_of() that has completed, else of one that runs, else None.

    A job whose model has been deleted from S3 counts as none.
    """
    sm, s3 = session.client("sagemaker"), session.client("s3")
    for status in DONE_OR_RUNS:
        for job in training_jobs.find(sm, {TAG: key}, status):
            name = job["TrainingJobName"]
            artifacts = training_jobs.get(sm, name).get("ModelArtifacts", {})
            if all(_contents(s3, uri) for uri in artifacts.values()):
                _say(name, status)
                return name
    return None


def made_of(s3, request: dict, code: str = "") -> str:
    """The hash of what decides a job's result, for its tag.

    request  CreateTrainingJob, CreateHyperParameterTuningJob, CreateModelCustomizationJob or
             CreateModelImportJob; its names may stand in addresses, too
    code     what tells the code apart: the hash of its folder
    """
    asked = copy.deepcopy(request)
    names = [asked.pop(name, "") for name in NAMES]
    asked.pop("clientRequestToken", None)
    training = asked.get("TrainingJobDefinition", asked)
    training.pop("CheckpointConfig", None)  # of its own for each job
    for each in ("HyperParameters", "StaticHyperParameters"):
        training.get(each, {}).pop(CODE, None)
    places = [each["DataSource"]["S3DataSource"] for each in training.get("InputDataConfig", [])
              if "S3DataSource" in each["DataSource"]]  # fmt: skip
    places += [asked[name] for name in ("trainingDataConfig",) if name in asked]
    places += [asked["modelDataSource"]["s3DataSource"]] if "modelDataSource" in asked else []
    places += asked.get("validationDataConfig", {}).get("validators", [])
    uris = [place.pop("S3Uri", None) or place.pop("s3Uri") for place in places]
    text = json.dumps([asked, code, [_contents(s3, uri) for uri in uris]], sort_keys=True, default=str)
    for name in filter(None, names):
        text = text.replace(name, "")
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def _contents(s3, uri: str) -> list:
    """Names, sizes and ETags of what lies under an address."""
    bucket, prefix = buckets.split_uri(uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return sorted([row["Key"].removeprefix(prefix), row["Size"], row["ETag"]]
                  for page in pages for row in page.get("Contents", []))  # fmt: skip


def _say(name: str, status: str) -> None:
    how = "has done this already" if status == "Completed" else "does this already"
    print(f"{name} {how}: no second job is started (again=True starts one)")
