"""A training job by boto3 alone: the code as an S3 source, the request as a dict, one call to send it.

    source = upload_code(s3, "code/container/training", bucket, name)     # packs it, requirements.txt too
    request = training_request(name, image, role_arn, "finetune.py", source, {"training": rows_uri},
                               {"base_model": "…", "epochs": 1}, f"s3://{bucket}/models")
    explain(request)                     # every member, and what it says; nothing is sent
    check(request)                       # botocore's own validator, without a network
    start(sm, request)                   # on AWS: money from here on
    job = finish(sm, training_jobs.watch(sm, logs, name))    # raises unless it is Completed

Nothing here needs the SageMaker SDK. What the SDK's estimator sends for the same job is compared member by
member in tests/test_raw_jobs.py; DIFFERENCES names where the two differ, and why.
"""

import json
import tempfile

import botocore.session
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from tuneaws import fixes
from tuneaws.estimator.request import check_job_name, encode, tag_list
from tuneaws.estimator.source import check_source, pack, roots
from tuneaws.raw_members import DIFFERENCES, saying
from tuneaws.refusals import JobRefused, refusal_of, refused_after

__all__ = ["DIFFERENCES", "JobRefused", "check", "code_files", "differences", "explain", "finish", "members",
           "renamed", "start", "training_request", "upload_code"]

ARCHIVE = "sourcedir.tar.gz"
CODE_CHANNEL = "code"
CODE_IN_JOB = f"/opt/ml/input/data/{CODE_CHANNEL}/{ARCHIVE}"  # a channel's files lie there in every job


# --- the code


def code_files(source_dir) -> list:
    """What upload_code() packs: the names at the root of the archive."""
    return list(roots("", str(source_dir)))


def upload_code(s3, source_dir, bucket: str, job_name: str, program: str | None = None) -> str:
    """Pack a folder as sourcedir.tar.gz, upload it, and return its URI.

    A requirements.txt at the root of the folder is installed in the job before the script starts.
    program  the script that will run; given, it must be there
    Raises   ValueError for what cannot be packed; botocore's errors pass through. Costs one upload.
    """
    if program:
        check_source(program, str(source_dir))
    key = f"code/{job_name}/source/{ARCHIVE}"
    with tempfile.TemporaryFile() as archive:
        packed = pack(roots("", str(source_dir)), archive)
        archive.seek(0)
        s3.upload_fileobj(archive, bucket, key)
    uri = f"s3://{bucket}/{key}"
    print(f"packed {packed} -> {uri}")
    return uri


# --- the request


def training_request(
    name: str, image: str, role_arn: str, program: str, source: str, channels: dict, hyperparameters: dict,
    output: str, instance_type: str = "ml.g5.xlarge", instance_count: int = 1, volume_gb: int = 50,
    max_run_s: int = 3600, tags: dict | list | None = None, metrics: list | None = None,
    checkpoints: str | None = None, spot_wait_s: int | None = None, environment: dict | None = None,
) -> dict:  # fmt: skip
    """Return the members of CreateTrainingJob. Pure: nothing is looked up, uploaded or sent.

    image            raw_images.training_image(region, version)
    program, source  the script inside the archive, and the archive's URI from upload_code()
    channels         {"training": "s3://…/"}: what lies there arrives in /opt/ml/input/data/training
    hyperparameters  become --name value of the script; each is sent as JSON text
    output           s3:// prefix: the model goes to <output>/<name>/output/model.tar.gz
    max_run_s        the job is stopped after so many seconds: it caps the bill
    metrics          [{"Name", "Regex"}], read from the log
    checkpoints      s3:// prefix that /opt/ml/checkpoints is kept in
    spot_wait_s      spare capacity, at most so many seconds of waiting and running; None: on demand
    Raises           ValueError for a name or a hyperparameter that AWS would refuse
    """
    request = {
        "TrainingJobName": check_job_name(name),
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "MetricDefinitions": metrics,
            "EnableSageMakerMetricsTimeSeries": True,
        },
        "RoleArn": role_arn,
        "InputDataConfig": [_channel(key, uri) for key, uri in {**channels, CODE_CHANNEL: source}.items()],
        "OutputDataConfig": {"S3OutputPath": output},
        "ResourceConfig": {
            "InstanceType": instance_type,
            "InstanceCount": instance_count,
            "VolumeSizeInGB": volume_gb,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": max_run_s, "MaxWaitTimeInSeconds": spot_wait_s},
        "HyperParameters": encode({**hyperparameters, **_script_mode(name, program, image)}),
        "Environment": {
            **(environment or {}), "SAGEMAKER_PROGRAM": program, "SAGEMAKER_SUBMIT_DIRECTORY": CODE_IN_JOB,
        },
        "CheckpointConfig": {"S3Uri": checkpoints} if checkpoints else None,
        "EnableManagedSpotTraining": True if spot_wait_s else None,
        "Tags": tag_list(tags),
    }  # fmt: skip
    return _without_none(request)


def renamed(request: dict, name: str) -> dict:
    """Return the same request under another name: a name can be used once. Pure.

    Raises  ValueError for a name that AWS would refuse
    """
    given = {**request["HyperParameters"], **encode({"sagemaker_job_name": name})}
    return {**request, "TrainingJobName": check_job_name(name), "HyperParameters": given}


def _channel(name: str, uri: str) -> dict:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def _script_mode(job_name: str, program: str, image: str) -> dict:
    """The hyperparameters that the container's toolkit takes for itself; it knows them by their prefix."""
    return {
        "sagemaker_program": program,
        "sagemaker_submit_directory": CODE_IN_JOB,
        "sagemaker_container_log_level": 20,
        "sagemaker_job_name": job_name,
        "sagemaker_region": image.split(".")[3],  # <account>.dkr.ecr.<region>.amazonaws.com/…
    }


def _without_none(value):
    if isinstance(value, dict):
        return {key: _without_none(each) for key, each in value.items() if each is not None}
    return value


# --- read it, check it


def explain(request: dict, width: int = 105) -> None:
    """Print every member of a request: its name, its value, and a sentence on what it says.

    Members in a row that one sentence is about, such as your hyperparameters, get it once, at their end.
    """
    shown = [(name, value, saying(name)) for name, value in members(request)]
    for (member, value, sentence), after in zip(shown, [*shown[1:], None], strict=True):
        text = value if isinstance(value, str) else json.dumps(value)
        print(f"{member} = {text if len(text) <= width else text[: width - 1] + '…'}")
        if after is None or after[2] != sentence:
            print(f"    {sentence}")


def members(request: dict) -> list:
    """[("ResourceConfig.InstanceCount", 1), …] in the order of the request; a channel by its name."""
    found = []
    for name, value in request.items():
        if name == "InputDataConfig":
            found += [(f"{name}.{each['ChannelName']}", each["DataSource"]["S3DataSource"]["S3Uri"])
                      for each in value]
        elif isinstance(value, dict):
            found += [(f"{name}.{key}", each) for key, each in value.items()]
        else:
            found.append((name, value))
    return found


def differences(ours: dict, theirs: dict) -> list:
    """Rows for a table: each member in which a raw request and the estimator's differ, and why.

    `why` is "" for a difference that is none of DIFFERENCES: then the two are not of the same job.
    """
    left, right = dict(_whole(ours)), dict(_whole(theirs))
    rows = []
    for member in {**left, **right}:
        if left.get(member) != right.get(member):
            here, there = ("sent" if member in side else "-" for side in (left, right))
            both = ("another", "another") if here == there == "sent" else (here, there)
            rows.append({"member": member, "raw": both[0], "estimator": both[1],
                         "why": DIFFERENCES.get(member, "")})
    return rows


def _whole(request: dict) -> list:
    """members(), with all that a channel says as its value."""
    channels = {f"InputDataConfig.{each['ChannelName']}": each for each in request.get("InputDataConfig", [])}
    return [(name, channels.get(name, value)) for name, value in members(request)]


def check(request: dict) -> dict:
    """Return the request if botocore takes it: names, types, lengths, required members.

    Free and offline. What only AWS can know, such as a role that is not there, it cannot say.
    Raises  ValueError with everything that botocore found
    """
    model = botocore.session.get_session().get_service_model("sagemaker")
    report = ParamValidator().validate(request, model.operation_model("CreateTrainingJob").input_shape)
    if report.has_errors():
        raise ValueError(f"AWS would refuse this request:\n{report.generate_report()}")
    return request


# --- send it


def start(sm, request: dict) -> str:
    """Send the request; return the job's name. On AWS it is billed from the moment its instances are up.

    Raises  refusals.JobRefused if AWS refuses it for a quota or a permission: nothing runs, nothing is
            billed. botocore's other errors pass through
    """
    try:
        sm.create_training_job(**request)
    except ClientError as err:
        refused = refusal_of(err, request)
        if refused is None:
            raise
        raise refused from err
    return request["TrainingJobName"]


def finish(sm, job: dict) -> dict:
    """Return the description of a job that is Completed. A job that is anything else is an error.

    sm, job  the client, and what training_jobs.watch() or DescribeTrainingJob said last
    Raises   refusals.JobRefused if AWS had no machine for it; training_jobs.JobError if it failed, was
             stopped or has not ended
    """
    from tuneaws.training_jobs import JobError

    name, status = job["TrainingJobName"], job["TrainingJobStatus"]
    if status == "Completed":
        return job
    refused = refused_after(job)
    if refused is not None:
        raise refused
    why = job.get("FailureReason") or job["SecondaryStatus"]
    look = f"training_jobs.explain_failure(sm, logs, {name!r}) shows the end of its log"
    raise JobError(f"{name} is {status}, not Completed: {why}\nFix: {fixes.advice(fixes.of_job(why), look)}")
