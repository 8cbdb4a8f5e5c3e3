"""What the tests of Bedrock's control plane share: a gateway, a bucket, a role, and fakes of the engines."""

import copy
import itertools
import json
import shutil
import time
from types import SimpleNamespace

import pytest
from local_server import InProcess, until
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from pocketaws.bedrock import served_models
from pocketaws.bedrock_serving import NotUp
from pocketaws.errors import AwsError
from pocketaws.hub_cache import SHIPPED

NOVA = "amazon.nova-micro-v1:0:128k"
ACCOUNT = "123456789012"
numbers = itertools.count(1)


def trust(service: str = "bedrock.amazonaws.com", **condition) -> str:
    """A trust policy. condition: StringEquals={…}, ArnLike={…}"""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Condition": condition}]})


RECOMMENDED = {  # model-customization-iam-role, 2026-11
    "StringEquals": {"aws:SourceAccount": ACCOUNT},
    "ArnEquals": {"aws:SourceArn": f"arn:aws:bedrock:us-east-1:{ACCOUNT}:model-customization-job/*"},
}


class FakeTuning:
    """Takes jobs and tunes nothing: the test moves them, most often with tuned()."""

    def __init__(self):
        self.started, self.stopped = {}, []

    def start(self, job, finished):
        self.started[job.name] = (job, finished)

    def stop(self, job):
        self.stopped.append(job.name)


class FakeServing:
    """Answers for every model at once; with `why` set, for none."""

    def __init__(self):
        self.why, self.asked, self.forgotten = "", [], []

    def whole(self, folder, question, timeout_s, wait=True):
        self.asked.append(folder)
        if self.why:
            raise NotUp(self.why, failed=True)

    def forget(self, folder):
        self.forgotten.append(folder)


class BedrockApi(InProcess):
    """A gateway in this process, with bucket "learner" that holds train.jsonl and val.jsonl, and a role.

    role      its ARN      bedrock  a raw boto3 client
    tuning, serving        FakeTuning and FakeServing
    """

    def __init__(self, home):
        super().__init__(home)
        self.home = home
        self.tuning = self.state._tuning = FakeTuning()
        self.serving = self.state._serving = FakeServing()
        s3_backends.reset()
        iam_backends.reset()
        self.s3, self.bedrock = self.client("s3"), self.client("bedrock")
        self.s3.create_bucket(Bucket="learner")
        for key in ("train.jsonl", "val.jsonl", "folder/part.jsonl"):
            self.s3.put_object(Bucket="learner", Key=key, Body=b"{}")
        elsewhere = {"LocationConstraint": "eu-west-1"}
        self.client("s3", "eu-west-1").create_bucket(Bucket="abroad", CreateBucketConfiguration=elsewhere)
        self.role = self.make_role("learner", trust(**RECOMMENDED))

    def make_role(self, name: str, document: str) -> str:
        """The ARN of a new role."""
        role = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
        return role["Role"]["Arn"]

    def request(self, **changes) -> dict:
        """A CreateModelCustomizationJob that is right, with new names; None takes a member out."""
        number = next(numbers)
        request = {
            "jobName": f"job-{number}",
            "customModelName": f"model-{number}",
            "roleArn": self.role,
            "baseModelIdentifier": NOVA,
            "trainingDataConfig": {"s3Uri": "s3://learner/train.jsonl"},
            "outputDataConfig": {"s3Uri": "s3://learner/out"},
        }
        request.update(copy.deepcopy(changes))
        return {key: value for key, value in request.items() if value is not None}

    def create(self, **changes):
        """Create a job; its CustomizationJob."""
        request = self.request(**changes)
        self.bedrock.create_model_customization_job(**request)
        return self.tuning.started[request["jobName"]][0]

    def tuned(self, **changes):
        """Create a job and have it done: the job, whose custom model there is now."""
        job = self.create(**changes)
        for phase in ("validation", "dataProcessing", "training"):
            assert job.begin(phase)
            assert job.end(phase)
        folder = self.home / f"tuned-{job.id}"
        shutil.copytree(SHIPPED / "chat-1m", folder)
        self.tuning.started[job.name][1](job, folder, SimpleNamespace(training=0.5, validation=[0.75, 0.7]))
        assert job.ended.is_set()
        return job

    def deployed(self, job, name: str = "") -> str:
        """Deploy a tuned job's model and wait until the deployment has settled; its ARN."""
        name = name or f"deployment-{next(numbers)}"
        made = self.bedrock.create_custom_model_deployment(
            modelDeploymentName=name, modelArn=job.output_model_arn
        )
        arn = made["customModelDeploymentArn"]
        get = self.bedrock.get_custom_model_deployment
        until(lambda: get(customModelDeploymentIdentifier=arn)["status"] != "Creating")
        return arn

    def put_model(self, prefix: str, **changes) -> str:
        """Upload the model that comes with pocketaws; changes: file name without dots → bytes or None."""
        files = {path.name: path.read_bytes() for path in (SHIPPED / "chat-1m").iterdir() if path.is_file()}
        files = {name: data for name, data in files.items() if not name.endswith(".md")}
        files.update(changes.pop("files", {}))
        for name, data in files.items():
            if data is not None:
                self.s3.put_object(Bucket="learner", Key=f"{prefix}/{name}", Body=data)
        return f"s3://learner/{prefix}/"

    def imported(self, uri: str, **changes) -> dict:
        """Import a model and wait for the job's end: its GetModelImportJob."""
        number = next(numbers)
        request = {
            "jobName": f"import-{number}",
            "importedModelName": f"imported-{number}",
            "roleArn": changes.pop("role", None) or self.import_role(),
            "modelDataSource": {"s3DataSource": {"s3Uri": uri}},
            **changes,
        }
        arn = self.bedrock.create_model_import_job(**request)["jobArn"]
        deadline = time.monotonic() + 60
        while (job := self.bedrock.get_model_import_job(jobIdentifier=arn))["status"] == "InProgress":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return job

    def import_role(self) -> str:
        """A role that trusts Bedrock whatever the source."""
        arn = f"arn:aws:iam::{ACCOUNT}:role/importer"
        if not any(role.arn == arn for role in iam_backends[ACCOUNT]["aws"].roles.values()):
            self.make_role("importer", trust())
        return arn


def resolve(aws, model_id: str, region: str = "us-east-1"):
    """What answers for a modelId: a ServedModel."""
    return served_models.resolve(aws.state, region, model_id)


def unresolved(aws, model_id: str, region: str = "us-east-1") -> str:
    """The code of the error for a modelId that nothing answers for."""
    with pytest.raises(AwsError) as caught:
        resolve(aws, model_id, region)
    return caught.value.code
