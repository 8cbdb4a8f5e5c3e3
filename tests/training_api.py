"""What the tests of the training job API share: a gateway with a bucket and a role, and right requests."""

import copy
import itertools
from datetime import datetime, timezone

import pytest
from botocore.exceptions import ClientError
from local_server import TRUST, InProcess
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:2.8.0-transformers4.56.2"
FILE_MODE = {"TrainingInputMode": "File"}
MACHINE = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}
numbers = itertools.count(1)


class TrainingApi(InProcess):
    """A gateway in this process, with bucket "learner" that holds data/a.jsonl, bucket "abroad", and a role.

    role       its ARN
    sagemaker  a raw boto3 client
    """

    def __init__(self, home):
        super().__init__(home)
        s3_backends.reset()
        iam_backends.reset()
        s3 = self.client("s3")
        s3.create_bucket(Bucket="learner")
        s3.put_object(Bucket="learner", Key="data/a.jsonl", Body=b"{}")
        elsewhere = {"LocationConstraint": "eu-west-1"}
        self.client("s3", "eu-west-1").create_bucket(Bucket="abroad", CreateBucketConfiguration=elsewhere)
        role = self.client("iam").create_role(RoleName="learner", AssumeRolePolicyDocument=TRUST)
        self.role = role["Role"]["Arn"]
        self.sagemaker = self.client("sagemaker")

    def end_all(self) -> None:
        """End every job and forget every endpoint that runs: quotas count them."""
        for job in self.engine.started:
            job.move("Stopped")
        for endpoint in self.state.endpoints.of("us-east-1", self.state.account):
            self.state.endpoints.discard(endpoint)


def request_for(aws, **changes) -> dict:
    """A CreateTrainingJob that is right, with a new name; a change of None takes a member out."""
    request = {
        "TrainingJobName": f"job-{next(numbers)}",
        "AlgorithmSpecification": {"TrainingImage": IMAGE, **FILE_MODE},
        "RoleArn": aws.role,
        "InputDataConfig": [channel("training", "s3://learner/data")],
        "OutputDataConfig": {"S3OutputPath": "s3://learner/out"},
        "ResourceConfig": MACHINE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    request.update(copy.deepcopy(changes))
    return {key: value for key, value in request.items() if value is not None}


def channel(name: str, uri: str, **more) -> dict:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}


def create(aws, **changes):
    """Create a job and give its TrainingJob object; it is ended by the test or left InProgress."""
    request = request_for(aws, **changes)
    aws.sagemaker.create_training_job(**request)
    return aws.job(request["TrainingJobName"])


def refused(call, *arguments, **named) -> tuple[str, str]:
    """(code, message) of the error that a call gives."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **named)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def walk(value, shape, path: str, counted: list) -> None:
    """Hold a parsed answer against its shape: required members there, types right, enums known."""
    kind = shape.type_name
    counted.append(path)
    if kind == "structure":
        assert set(value) <= set(shape.members), f"{path}: {set(value) - set(shape.members)} not in the model"
        for name, member in value.items():
            walk(member, shape.members[name], f"{path}.{name}", counted)
    elif kind == "list":
        assert isinstance(value, list), path
        for member in value:
            walk(member, shape.member, f"{path}[]", counted)
    elif kind == "map":
        for member in value.values():
            walk(member, shape.value, f"{path}{{}}", counted)
    elif kind == "timestamp":
        assert value.tzinfo is not None, path
    else:
        types = {
            "string": str,
            "integer": int,
            "long": int,
            "boolean": bool,
            "float": (int, float),
            "double": float,
        }
        assert isinstance(value, types[kind]), f"{path}: {value!r}"
        if getattr(shape, "enum", None):
            assert value in shape.enum, path


def finished_job(aws, **changes):
    """A job with every member that a job here can have, gone through all its statuses."""
    specification = {
        "TrainingImage": IMAGE,
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "train:loss", "Regex": " loss=([0-9.]+)"}],
        "ContainerEntrypoint": ["/bin/bash", "x.sh"],
        "ContainerArguments": ["a"],
    }
    settings = {
        "AlgorithmSpecification": specification,
        "HyperParameters": {"epochs": "3", "learning_rate": "0.001"},
        "Environment": {"HF_HUB_OFFLINE": "1"},
        "CheckpointConfig": {"S3Uri": "s3://learner/checkpoints"},
        "DebugHookConfig": {"S3OutputPath": "s3://learner/debug", "CollectionConfigurations": []},
        "ProfilerConfig": {"DisableProfiler": True},
        "RetryStrategy": {"MaximumRetryAttempts": 2},
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 90},
        **changes,
    }
    job = create(aws, **settings)
    for status in ("Downloading", "Training", "Uploading"):
        assert job.move(status)
    moment = datetime.now(timezone.utc)
    job.training_start_time = job.training_end_time = moment
    job.training_time_s, job.billable_time_s = 12, 5
    job.model_artifacts = f"s3://learner/out/{job.name}/output/model.tar.gz"
    job.final_metrics = [{"MetricName": "train:loss", "Value": 0.25, "Timestamp": moment}]
    job.move("Completed")
    return job
