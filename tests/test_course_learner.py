"""The learner's account of `run_course.py --learner`, and what a role that lacks an action does to a job."""

import json
import os

import boto3
import course_learner
import pytest
from botocore.exceptions import ClientError
from local_server import TRUST
from tuneaws import buckets, config, environment
from tuneaws.session import connect

pytestmark = pytest.mark.usefixtures("same_environment")


@pytest.fixture(scope="module")
def learner(local_aws):
    """(environment variables, user's ARN) of a learner's account on the local AWS of this run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", local_aws.url)
        session = connect()
        made = course_learner.set_up(session, config.load())
        environment.leave()
    return made, local_aws.client("iam").get_user(UserName=course_learner.USER)["User"]["Arn"]


@pytest.fixture
def enforced(local_aws):
    """Policies count while the test runs; the other tests' calls are the root user's."""
    course_learner.enforce(local_aws.url, True)
    yield
    course_learner.enforce(local_aws.url, False)


def test_connect_keeps_the_key_that_stands_beside_its_address(learner, monkeypatch):
    variables, arn = learner
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    session = connect()
    assert session.caller_arn == arn
    assert boto3.client("sts").get_caller_identity()["Arn"] == arn
    assert connect().caller_arn == arn  # once more in the same process


def test_a_key_beside_another_address_is_not_kept(learner, local_aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", learner[0]["AWS_ACCESS_KEY_ID"])
    environment.enter(local_aws.url, "us-east-1", local_aws.home / "client")
    assert os.environ["AWS_ACCESS_KEY_ID"] == environment.DUMMY_KEY


def test_a_learner_uses_the_roles_and_makes_none(learner, enforced, monkeypatch):
    for name, value in learner[0].items():
        monkeypatch.setenv(name, value)
    session = connect()
    assert session.role_arn.endswith(":role/tuneaws-sagemaker")
    bucket = buckets.ensure_bucket(session.client("s3"), session.bucket_name("tuneaws"), session.region)
    session.client("s3").put_object(Bucket=bucket, Key="a", Body=b"1")
    with pytest.raises(ClientError, match="not authorized to perform: iam:CreateRole"):
        session.client("iam").create_role(RoleName="tuneaws-mine", AssumeRolePolicyDocument=TRUST)
    with pytest.raises(ClientError, match="not authorized to perform: s3:CreateBucket"):
        session.client("s3").create_bucket(Bucket="tuneaws-of-somebody-else")


def test_every_call_says_which_lesson_makes_it(learner, local_aws, monkeypatch):
    monkeypatch.setenv("TUNEAWS_LESSON", "solutions/04_huggingface_estimator")
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    connect().client("s3").list_buckets()
    last = (local_aws.home / "calls.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["app"] == "tuneaws-04_huggingface_estimator"


def test_a_role_that_may_not_read_the_data_fails_the_job(local_aws, bucket, enforced):
    iam, sm = local_aws.client("iam"), local_aws.client("sagemaker")
    role = iam.create_role(RoleName="reads-nothing", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    local_aws.client("s3").put_object(Bucket=bucket, Key="rows/a", Body=b"1")
    where = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/rows/"}
    image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.8.0-cpu-py312"
    sm.create_training_job(
        TrainingJobName="reads-nothing", RoleArn=role, OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out"},
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        InputDataConfig=[{"ChannelName": "training", "DataSource": {"S3DataSource": where}}],
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        HyperParameters={"sagemaker_program": "a.py", "sagemaker_submit_directory": f"s3://{bucket}/code.tar.gz"},
        StoppingCondition={"MaxRuntimeInSeconds": 60})  # fmt: skip
    job = local_aws.wait_for_job("reads-nothing")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed:"), job["FailureReason"]
    assert "assumed-role/reads-nothing/SageMaker is not authorized to perform: s3:" in job["FailureReason"]
