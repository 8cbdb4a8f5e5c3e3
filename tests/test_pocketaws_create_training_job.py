"""CreateTrainingJob as raw boto3 meets it: what is taken, what is refused, with which words."""

import json
import threading
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError
from local_server import TRUST, InProcess
from training_api import FILE_MODE, IMAGE, MACHINE, channel, create, refused, request_for


def test_a_job_is_created_and_handed_to_the_engine(aws):
    request = request_for(aws)
    answer = aws.sagemaker.create_training_job(**request)
    name = request["TrainingJobName"]
    assert answer["TrainingJobArn"] == f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}"
    assert answer["ResponseMetadata"]["RequestId"]
    assert aws.engine.started[-1].name == name
    described = aws.sagemaker.describe_training_job(TrainingJobName=name)
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("InProgress", "Starting")
    assert described["SecondaryStatusTransitions"][0]["Status"] == "Starting"
    assert abs(described["CreationTime"] - datetime.now(timezone.utc)) < timedelta(minutes=1)


def test_what_was_left_out_is_described_with_the_defaults_of_aws(aws):
    job = create(aws, StoppingCondition=None)
    described = aws.sagemaker.describe_training_job(TrainingJobName=job.name)
    assert described["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert described["EnableManagedSpotTraining"] is False
    assert described["OutputDataConfig"]["CompressionType"] == "GZIP"
    source = described["InputDataConfig"][0]["DataSource"]["S3DataSource"]
    assert source["S3DataDistributionType"] == "FullyReplicated"
    assert "ModelArtifacts" not in described


def test_a_name_can_be_used_once(aws):
    request = request_for(aws)
    aws.sagemaker.create_training_job(**request)
    code, message = refused(aws.sagemaker.create_training_job, **request)
    assert code == "ResourceInUse"
    assert message == (
        "Training job names must be unique within an AWS account and region, and a training job with "
        "this name already exists (arn:aws:sagemaker:us-east-1:123456789012:training-job/"
        f"{request['TrainingJobName']})"
    )
    with pytest.raises(aws.sagemaker.exceptions.ResourceInUse):
        aws.sagemaker.create_training_job(**request)


def test_of_fifty_that_want_one_name_one_gets_it(aws):
    request = request_for(aws)
    codes = []

    def ask():
        try:
            aws.client("sagemaker").create_training_job(**request)
            codes.append("created")
        except ClientError as err:
            codes.append(err.response["Error"]["Code"])

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["ResourceInUse"] * 49 + ["created"]


def test_the_same_name_is_free_in_another_region(aws):
    job = create(aws)
    ireland = aws.client("sagemaker", "eu-west-1")
    request = request_for(
        aws,
        TrainingJobName=job.name,
        InputDataConfig=None,
        OutputDataConfig={"S3OutputPath": "s3://abroad/out"},
    )
    arn = ireland.create_training_job(**request)["TrainingJobArn"]
    assert arn.startswith("arn:aws:sagemaker:eu-west-1:")


def test_a_role_that_is_not_there_cannot_be_assumed(aws):
    arn = "arn:aws:iam::123456789012:role/nobody"
    assert refused(aws.sagemaker.create_training_job, **request_for(aws, RoleArn=arn)) == (
        "ValidationException",
        f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
        "'sagemaker.amazonaws.com' to assume the role.",
    )


def test_a_role_that_trusts_somebody_else_cannot_be_assumed(aws):
    trust = TRUST.replace("sagemaker", "lambda")
    arn = aws.client("iam").create_role(RoleName="of-lambda", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    code, message = refused(aws.sagemaker.create_training_job, **request_for(aws, RoleArn=arn))
    assert (code, message[:17]) == ("ValidationException", "Could not assume ")


def test_a_role_of_another_account_is_refused(aws):
    arn = aws.role.replace("123456789012", "999999999999")
    code, message = refused(aws.sagemaker.create_training_job, **request_for(aws, RoleArn=arn))
    assert code == "ValidationException"
    assert "Cross-account pass role is not allowed" in message


def test_a_channel_without_objects_is_refused_as_aws_does(aws):
    uri = "s3://learner/nothing/here"
    changes = {"InputDataConfig": [channel("training", uri)]}
    assert refused(aws.sagemaker.create_training_job, **request_for(aws, **changes)) == (
        "ValidationException",
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
        "exists in the selected region (us-east-1), that objects exist under that S3 prefix, and that the "
        f'role "{aws.role}" has "s3:ListBucket" permissions on bucket "learner".',
    )


@pytest.mark.parametrize(
    ("uri", "words"),
    [("s3://no-such-bucket/x", "does not exist"), ("s3://abroad/x", "The bucket is in eu-west-1")],
)
def test_a_channel_in_a_bucket_that_is_missing_or_abroad_is_refused(aws, uri, words):
    changes = {"InputDataConfig": [channel("training", uri)]}
    code, message = refused(aws.sagemaker.create_training_job, **request_for(aws, **changes))
    assert code == "ValidationException"
    assert words in message


@pytest.mark.parametrize("bucket", ["no-such-bucket", "abroad"])
def test_an_output_bucket_that_is_missing_or_abroad_is_refused(aws, bucket):
    changes = {"OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/x"}}
    code, message = refused(aws.sagemaker.create_training_job, **request_for(aws, **changes))
    assert code == "ValidationException"
    assert "OutputDataConfig.S3OutputPath" in message
    changes = {"CheckpointConfig": {"S3Uri": f"s3://{bucket}/x"}}
    assert "CheckpointConfig" in refused(aws.sagemaker.create_training_job, **request_for(aws, **changes))[1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AlgorithmSpecification": {"TrainingInputMode": "File"}}, "Either TrainingImage or AlgorithmName"),
        (
            {"AlgorithmSpecification": {**FILE_MODE, "TrainingImage": IMAGE, "AlgorithmName": "a"}},
            "Both TrainingImage and AlgorithmName",
        ),
        ({"AlgorithmSpecification": {**FILE_MODE, "TrainingImage": "an image"}}, "Invalid training image"),
        ({"AlgorithmSpecification": None}, "AlgorithmSpecification is required"),
        ({"ResourceConfig": None}, "ResourceConfig is required"),
        ({"ResourceConfig": {"InstanceCount": 1, "VolumeSizeInGB": 1}}, "InstanceType is required"),
        ({"ResourceConfig": {**MACHINE, "InstanceCount": 0}}, "InstanceCount"),
        ({"InputDataConfig": [channel("a", "s3://learner/data")] * 2}, "Duplicate"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}}, "only supported"),
        ({"EnableManagedSpotTraining": True}, "Invalid MaxWaitTimeInSeconds. It must be present"),
        (
            {
                "EnableManagedSpotTraining": True,
                "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 59},
            },
            "greater than or equal to MaxRuntimeInSeconds",
        ),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 28 * 86400 + 1}}, "28 days"),
        ({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}, "Duplicate tag keys"),
        ({"Tags": [{"Key": "aws:x", "Value": "1"}]}, "aws: prefixed"),
    ],
)  # fmt: skip
def test_members_that_contradict_each_other_are_refused(aws, changes, words):
    code, message = refused(aws.sagemaker.create_training_job, **request_for(aws, **changes))
    assert code == "ValidationException"
    assert words in message


@pytest.mark.parametrize(("regex", "words"), [("loss=(", "Invalid regular"), ("loss=[0-9]+", "no group")])
def test_metric_regexes_have_to_compile_and_to_have_a_group(aws, regex, words):
    specification = {
        "TrainingImage": IMAGE,
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "loss", "Regex": regex}],
    }
    changes = {"AlgorithmSpecification": specification}
    code, message = refused(aws.sagemaker.create_training_job, **request_for(aws, **changes))
    assert code == "ValidationException"
    assert words in message and "'loss'" in message


def test_an_instance_type_that_does_not_exist_is_refused_with_those_that_do(aws):
    config = {"InstanceType": "ml.g5.huge", "InstanceCount": 1, "VolumeSizeInGB": 10}
    code, message = refused(aws.sagemaker.create_training_job, **request_for(aws, ResourceConfig=config))
    assert code == "ValidationException"
    assert "Value 'ml.g5.huge' at 'resourceConfig.instanceType' failed to satisfy constraint: " in message
    assert "Member must satisfy enum value set: [" in message and "ml.g5.2xlarge" in message


def test_twenty_channels_are_allowed_and_twenty_one_are_not(aws):
    channels = [channel(f"c{n}", "s3://learner/data") for n in range(21)]
    create(aws, InputDataConfig=channels[:20])
    code, message = refused(aws.sagemaker.create_training_job, **request_for(aws, InputDataConfig=channels))
    assert code == "ValidationException"
    assert (
        "at 'inputDataConfig' failed to satisfy constraint: Member must have length less than or equal to 20"
        in message
    )


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}}, "VpcConfig"),
        ({"EnableNetworkIsolation": True}, "EnableNetworkIsolation"),
        ({"TensorBoardOutputConfig": {"S3OutputPath": "s3://learner/tb"}}, "TensorBoardOutputConfig"),
        (
            {"DebugRuleConfigurations": [{"RuleConfigurationName": "r", "RuleEvaluatorImage": "i"}]},
            "DebugRuleConfigurations",
        ),
        (
            {"AlgorithmSpecification": {"AlgorithmName": "mine", "TrainingInputMode": "File"}},
            "AlgorithmSpecification.AlgorithmName",
        ),
        ({"InputDataConfig": [channel("t", "s3://learner/data", InputMode="Pipe")]}, "InputMode Pipe"),
        (
            {"InputDataConfig": [channel("t", "s3://learner/data", RecordWrapperType="RecordIO")]},
            "RecordWrapperType RecordIO",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_here_is_refused_by_name(aws, changes, named):
    code, message = refused(aws.sagemaker.create_training_job, **request_for(aws, **changes))
    assert code == "NotImplemented"
    assert "CreateTrainingJob with" in message and named in message


def test_a_quota_set_for_this_home_is_kept_in_the_words_of_aws(aws):
    quotas = aws.state.home / "quotas.json"
    name = "ml.g5.2xlarge for training job usage"
    config = {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10}
    quotas.write_text(json.dumps({name: 1}))
    try:
        job = create(aws, ResourceConfig=config)
        code, message = refused(aws.sagemaker.create_training_job, **request_for(aws, ResourceConfig=config))
        assert code == "ResourceLimitExceeded"
        assert message.startswith(
            f"The account-level service limit '{name}' is 1 Instances, with current utilization of 1 "
            "Instances and a request delta of 1 Instances."
        )
        with pytest.raises(aws.sagemaker.exceptions.ResourceLimitExceeded):
            aws.sagemaker.create_training_job(**request_for(aws, ResourceConfig=config))
        job.move("Completed")
        create(aws, ResourceConfig=config)
    finally:
        quotas.unlink()


@pytest.mark.parametrize("action", ["sagemaker:CreateTrainingJob", "iam:PassRole"])
def test_a_permission_denied_for_this_home_is_refused_in_the_words_of_iam(aws, action):
    denied = aws.state.home / "denied.json"
    denied.write_text(json.dumps([action]))
    try:
        request = request_for(aws)
        code, message = refused(aws.sagemaker.create_training_job, **request)
        resource = aws.role if action == "iam:PassRole" else f"training-job/{request['TrainingJobName']}"
        assert code == "AccessDeniedException"
        assert f"is not authorized to perform: {action} on resource: " in message and resource in message
    finally:
        denied.unlink()
    create(aws)


def test_a_job_for_which_no_machine_is_free_is_taken_and_fails(aws):
    capacity = aws.state.home / "capacity.json"
    capacity.write_text(json.dumps({"ml.g5.2xlarge": 1}))
    config = {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 2, "VolumeSizeInGB": 10}
    try:
        name = request_for(aws)["TrainingJobName"]
        aws.sagemaker.create_training_job(**request_for(aws, TrainingJobName=name, ResourceConfig=config))
        job = aws.sagemaker.describe_training_job(TrainingJobName=name)
        assert job["TrainingJobStatus"] == "Failed"
        assert job["FailureReason"].startswith("CapacityError: Unable to provision requested ML compute")
        assert [each["Status"] for each in job["SecondaryStatusTransitions"]] == [
            "Starting", "Pending", "Failed",
        ]  # fmt: skip
        assert "BillableTimeInSeconds" not in job and "TrainingStartTime" not in job
        create(aws, ResourceConfig={**config, "InstanceCount": 1})
    finally:
        capacity.unlink()


BROKEN = [("denied.json", "{}"), ("capacity.json", "["), ("capacity.json", "[]")]


@pytest.mark.parametrize("name, content", BROKEN)
def test_a_rehearsal_file_that_is_none_is_named(aws, name, content):
    path = aws.state.home / name
    path.write_text(content)
    try:
        code, message = refused(aws.sagemaker.create_training_job, **request_for(aws))
        assert code == "InternalFailure" and name in message
    finally:
        path.unlink()


def test_a_server_that_shuts_down_takes_no_job(aws, tmp_path):
    closing = InProcess(tmp_path)
    try:
        request = request_for(aws)
        closing.state.close(1)
        assert closing.engine.closed
        assert refused(closing.client("sagemaker").create_training_job, **request)[0] == "ServiceUnavailable"
    finally:
        closing.close()
