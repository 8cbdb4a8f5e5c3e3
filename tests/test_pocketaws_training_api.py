"""The training job API of pocketaws, by raw boto3. The engine is a fake: the tests move the jobs."""

import copy
import itertools
import json
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError
from local_server import TRUST, InProcess
from pocketaws import models

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:2.8.0-transformers4.56.2"
FILE_MODE = {"TrainingInputMode": "File"}
MACHINE = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """A gateway in this process with a bucket that holds data/a.jsonl, and a role."""
    served = InProcess(tmp_path_factory.mktemp("home"))
    s3 = served.client("s3")
    s3.create_bucket(Bucket="learner")
    s3.put_object(Bucket="learner", Key="data/a.jsonl", Body=b"{}")
    elsewhere = {"LocationConstraint": "eu-west-1"}
    served.client("s3", "eu-west-1").create_bucket(Bucket="abroad", CreateBucketConfiguration=elsewhere)
    served.role = served.client("iam").create_role(RoleName="learner", AssumeRolePolicyDocument=TRUST)[
        "Role"
    ]["Arn"]
    served.sagemaker = served.client("sagemaker")
    yield served
    served.close()


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


@pytest.fixture(autouse=True)
def no_job_left_running(aws):
    """Quotas count the jobs that run: end those of the test."""
    yield
    for job in aws.engine.started:
        job.move("Stopped")


# CreateTrainingJob


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
        (
            {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1,
                                "KeepAlivePeriodInSeconds": 60}},
            "KeepAlivePeriodInSeconds",
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


def test_a_server_that_shuts_down_takes_no_job(aws, tmp_path):
    closing = InProcess(tmp_path)
    try:
        request = request_for(aws)
        closing.state.close(1)
        assert closing.engine.closed
        assert refused(closing.client("sagemaker").create_training_job, **request)[0] == "ServiceUnavailable"
    finally:
        closing.close()


# DescribeTrainingJob


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


def test_a_description_fits_the_output_shape_of_botocore(aws):
    job = finished_job(aws)
    described = aws.sagemaker.describe_training_job(TrainingJobName=job.name)
    del described["ResponseMetadata"]
    shape = models.service_model("sagemaker").operation_model("DescribeTrainingJob").output_shape
    counted: list = []
    walk(described, shape, "", counted)
    assert set(shape.required_members) <= set(described)
    print(f"{len(counted)} members of DescribeTrainingJob checked, {len(set(counted))} different")
    assert len(counted) > 90
    assert described["FinalMetricDataList"][0]["Value"] == 0.25
    assert [step["Status"] for step in described["SecondaryStatusTransitions"]] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    assert all("EndTime" in step for step in described["SecondaryStatusTransitions"])


def test_times_keep_their_milliseconds(aws):
    job = finished_job(aws)
    described = aws.sagemaker.describe_training_job(TrainingJobName=job.name)
    assert abs(described["CreationTime"] - job.created_at) < timedelta(milliseconds=1)


@pytest.mark.parametrize("operation", ["describe_training_job", "stop_training_job"])
def test_a_job_that_is_not_there_is_the_validation_error_of_aws(aws, operation):
    call = getattr(aws.sagemaker, operation)
    assert refused(call, TrainingJobName="nothing") == (
        "ValidationException",
        "Requested resource not found.",
    )


def test_a_failed_job_gives_its_reason_cut_to_what_aws_keeps(aws):
    job = create(aws)
    job.fail("AlgorithmError: " + "x" * 2000)
    described = aws.sagemaker.describe_training_job(TrainingJobName=job.name)
    assert described["TrainingJobStatus"] == "Failed"
    assert len(described["FailureReason"]) == 1024


# StopTrainingJob


def test_stopping_goes_through_the_engine(aws):
    job = create(aws)
    aws.sagemaker.stop_training_job(TrainingJobName=job.name)
    described = aws.sagemaker.describe_training_job(TrainingJobName=job.name)
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopping", "Stopping")
    assert aws.engine.stopped[-1] is job and job.stop_requested.is_set()
    assert not job.move("Training"), "a job that is stopping cannot go back"
    job.move("Stopped")
    described = aws.sagemaker.describe_training_job(TrainingJobName=job.name)
    assert described["TrainingJobStatus"] == "Stopped"


@pytest.mark.parametrize("status", ["Stopping", "Stopped", "Completed", "Failed"])
def test_only_a_job_in_progress_can_be_stopped(aws, status):
    job = create(aws)
    if status == "Stopping":
        job.request_stop()
    else:
        job.move(status)
    assert refused(aws.sagemaker.stop_training_job, TrainingJobName=job.name) == (
        "ValidationException",
        f"The request was rejected because the training job is in status {status}.",
    )


# ListTrainingJobs


@pytest.fixture(scope="module")
def listed(aws):
    """Twelve jobs whose names start with "listed": four Completed, four Failed, four Stopped."""
    jobs = []
    for number, status in enumerate(["Completed", "Failed", "Stopped"] * 4):
        job = create(
            aws, TrainingJobName=f"listed-{number:02}", Tags=[{"Key": "n", "Value": str(number % 2)}]
        )
        job.move(status)
        jobs.append(job)
        time.sleep(0.002)  # so that no two are created in the same millisecond
    return jobs


def names_of(aws, **filters) -> list[str]:
    """All pages of ListTrainingJobs over the listed jobs."""
    pages = aws.sagemaker.get_paginator("list_training_jobs").paginate(NameContains="listed", **filters)
    return [row["TrainingJobName"] for page in pages for row in page["TrainingJobSummaries"]]


def test_a_list_is_oldest_first_ten_to_a_page(aws, listed):
    answer = aws.sagemaker.list_training_jobs(NameContains="listed")
    assert [row["TrainingJobName"] for row in answer["TrainingJobSummaries"]] == [
        job.name for job in listed[:10]
    ]
    answer = aws.sagemaker.list_training_jobs(NameContains="listed", NextToken=answer["NextToken"])
    assert [row["TrainingJobName"] for row in answer["TrainingJobSummaries"]] == ["listed-10", "listed-11"]
    assert "NextToken" not in answer
    shape = models.service_model("sagemaker").operation_model("ListTrainingJobs").output_shape
    del answer["ResponseMetadata"]
    walk(answer, shape, "", [])


@pytest.mark.parametrize("sort_by", ["Name", "CreationTime", "Status"])
@pytest.mark.parametrize("size", [1, 5, 12, 100])
def test_pages_of_any_size_hold_every_job_once_in_order(aws, listed, sort_by, size):
    key = {"Status": lambda job: (job.status, job.name)}.get(sort_by, lambda job: job.name)
    expected = [job.name for job in sorted(listed, key=key)]
    page = {"PageSize": size}
    assert names_of(aws, SortBy=sort_by, PaginationConfig=page) == expected
    assert names_of(aws, SortBy=sort_by, SortOrder="Descending", PaginationConfig=page) == expected[::-1]


def test_filters_choose(aws, listed):
    assert names_of(aws, StatusEquals="Failed") == ["listed-01", "listed-04", "listed-07", "listed-10"]
    fifth = listed[5].created_at
    assert names_of(aws, CreationTimeAfter=fifth, SortBy="Name")[0] == "listed-06"
    assert names_of(aws, CreationTimeBefore=fifth + timedelta(milliseconds=1))[-1] == "listed-05"
    soon = datetime.now(timezone.utc) + timedelta(hours=1)
    assert names_of(aws, LastModifiedTimeAfter=soon) == []
    assert len(names_of(aws, LastModifiedTimeBefore=soon)) == 12
    assert names_of(aws, WarmPoolStatusEquals="Available") == []


def test_pages_stay_right_while_new_jobs_come(aws, listed):
    rows, token, turn = [], None, 0
    while True:
        filters = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 4}
        if token:
            filters["NextToken"] = token
        answer = aws.sagemaker.list_training_jobs(NameContains="listed", **filters)
        rows += [row["TrainingJobName"] for row in answer["TrainingJobSummaries"]]
        token, turn = answer.get("NextToken"), turn + 1
        if not token:
            break
        added = create(aws, TrainingJobName=f"listed-new-{turn}")
    try:
        assert rows == [job.name for job in listed[::-1]]
    finally:
        for number in range(1, turn):
            aws.state.jobs.discard(aws.job(f"listed-new-{number}"))
    assert added is not None


def test_a_token_of_another_question_or_made_up_is_refused(aws, listed):
    token = aws.sagemaker.list_training_jobs(NameContains="listed", MaxResults=2)["NextToken"]
    for call in ({"NextToken": token}, {"NextToken": "made-up"}, {"NextToken": "bWFkZQ=="}):
        code, message = refused(aws.sagemaker.list_training_jobs, MaxResults=2, **call)
        assert (code, message[:18]) == ("ValidationException", "Invalid NextToken:")


# Tags


def test_tags_are_added_overwritten_listed_and_removed(aws):
    job = create(aws, Tags=[{"Key": "course", "Value": "tuning"}])
    added = [{"Key": "team", "Value": "équipe"}, {"Key": "course", "Value": "new"}]
    answer = aws.sagemaker.add_tags(ResourceArn=job.arn, Tags=added)
    expected = [{"Key": "course", "Value": "new"}, {"Key": "team", "Value": "équipe"}]
    assert answer["Tags"] == expected
    assert aws.sagemaker.list_tags(ResourceArn=job.arn)["Tags"] == expected
    aws.sagemaker.delete_tags(ResourceArn=job.arn, TagKeys=["course", "never-there"])
    assert aws.sagemaker.list_tags(ResourceArn=job.arn)["Tags"] == expected[1:]


def test_a_resource_has_fifty_tags_at_most(aws):
    job = create(aws)
    aws.sagemaker.add_tags(ResourceArn=job.arn, Tags=[{"Key": f"k{n}", "Value": "v"} for n in range(50)])
    tags = [{"Key": "one-more", "Value": "v"}]
    code, message = refused(aws.sagemaker.add_tags, ResourceArn=job.arn, Tags=tags)
    assert code == "ValidationException" and "51 tags" in message
    assert len(aws.sagemaker.list_tags(ResourceArn=job.arn)["Tags"]) == 50


def test_tags_of_what_is_not_here_are_refused(aws):
    arn = "arn:aws:sagemaker:us-east-1:123456789012:training-job/none"
    assert refused(aws.sagemaker.list_tags, ResourceArn=arn) == (
        "ValidationException",
        "Requested resource not found.",
    )
    code, message = refused(aws.sagemaker.list_tags, ResourceArn=arn.replace("training-job", "pipeline"))
    assert code == "NotImplemented" and "ListTags on a pipeline" in message


# Search


@pytest.fixture(scope="module")
def found(aws):
    """Three jobs to search: two Completed with metrics, one Failed."""
    first = finished_job(aws, TrainingJobName="find-a", Tags=[{"Key": "team", "Value": "red"}])
    second = finished_job(
        aws,
        TrainingJobName="find-b",
        Tags=[{"Key": "team", "Value": "blue"}],
        HyperParameters={"epochs": "10", "learning_rate": "0.01"},
        InputDataConfig=[
            channel("training", "s3://learner/data"),
            channel("validation", "s3://learner/data/a"),
        ],
    )
    second.final_metrics[0]["Value"] = 0.75
    third = create(aws, TrainingJobName="find-c", HyperParameters={"optimizer": "adamw"})
    third.fail("ClientError: no")
    return [first, second, third]


def search(aws, *filters, **more) -> list[str]:
    """Names of the jobs called find-… that match, by name."""
    about = {"Name": "TrainingJobName", "Operator": "In", "Value": "find-a,find-b, find-c"}
    expression = {"Filters": [about, *filters], **more.pop("expression", {})}
    answer = aws.sagemaker.search(
        Resource="TrainingJob",
        SearchExpression=expression,
        SortBy="TrainingJobName",
        SortOrder="Ascending",
        **more,
    )
    return [row["TrainingJob"]["TrainingJobName"][-1] for row in answer["Results"]]


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("Tags.team", "Equals", "red", "a"),
        ("Tags.team", "NotEquals", "red", "bc"),
        ("Tags.team", "Exists", None, "ab"),
        ("Tags.team", None, None, "ab"),
        ("Tags.team", "NotExists", None, "c"),
        ("Tags.team", "Contains", "e", "ab"),
        ("Tags.team", "In", "green,blue", "b"),
        ("TrainingJobStatus", None, "Completed", "ab"),
        ("TrainingJobName", "Contains", "d-b", "b"),
        ("Metrics.train:loss", "LessThan", "0.5", "a"),
        ("Metrics.train:loss", "GreaterThanOrEqualTo", "0.25", "ab"),
        ("HyperParameters.epochs", "GreaterThan", "5", "b"),
        ("HyperParameters.learning_rate", "Equals", "1e-3", "a"),
        ("HyperParameters.optimizer", "Equals", "adamw", "c"),
        ("FailureReason", "Exists", None, "c"),
        ("EnableManagedSpotTraining", "Equals", "true", "ab"),
        ("BillableTimeInSeconds", "LessThanOrEqualTo", "5", "ab"),
        ("CreationTime", "GreaterThan", "2020-01-01T00:00:00Z", "abc"),
        ("CreationTime", "LessThan", "1577836800", ""),
        ("ResourceConfig.InstanceType", "Equals", "ml.m5.large", "abc"),
        ("InputDataConfig.ChannelName", "Equals", "validation", "b"),
    ],
)  # fmt: skip
def test_a_filter_finds(aws, found, name, operator, value, expected):
    asked = {"Name": name, "Operator": operator, "Value": value}
    asked = {key: part for key, part in asked.items() if part is not None}
    assert search(aws, asked) == list(expected)


def test_nested_filters_hold_for_one_element(aws, found):
    def nested(channel_name, part):
        filters = [
            {"Name": "InputDataConfig.ChannelName", "Operator": "Equals", "Value": channel_name},
            {"Name": "InputDataConfig.DataSource.S3DataSource.S3Uri", "Operator": "Contains", "Value": part},
        ]
        return {"NestedFilters": [{"NestedPropertyName": "InputDataConfig", "Filters": filters}]}

    assert search(aws, expression=nested("validation", "data/a")) == ["b"]
    assert search(aws, expression=nested("training", "data/a")) == []


def test_expressions_nest_with_and_and_or(aws, found):
    either = {
        "Operator": "Or",
        "Filters": [
            {"Name": "Tags.team", "Operator": "Equals", "Value": "blue"},
            {"Name": "TrainingJobStatus", "Operator": "Equals", "Value": "Failed"},
        ],
    }
    assert search(aws, expression={"SubExpressions": [either]}) == ["b", "c"]


def test_search_gives_tags_hits_and_the_shape_of_botocore(aws, found):
    filters = [{"Name": "Tags.team", "Operator": "Equals", "Value": "red"}]
    answer = aws.sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": filters})
    assert answer["TotalHits"] == {"Value": 1, "Relation": "EqualTo"}
    assert answer["Results"][0]["TrainingJob"]["Tags"] == [{"Key": "team", "Value": "red"}]
    del answer["ResponseMetadata"]
    counted: list = []
    walk(answer, models.service_model("sagemaker").operation_model("Search").output_shape, "", counted)
    assert len(counted) > 80


def test_search_has_pages_newest_change_first(aws, found):
    first = aws.sagemaker.search(Resource="TrainingJob", MaxResults=2)
    second = aws.sagemaker.search(Resource="TrainingJob", MaxResults=2, NextToken=first["NextToken"])
    times = [row["TrainingJob"]["LastModifiedTime"] for row in first["Results"] + second["Results"]]
    assert times == sorted(times, reverse=True)
    names = {row["TrainingJob"]["TrainingJobName"] for row in first["Results"] + second["Results"]}
    assert len(names) == 4


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ([{"Name": "NoSuchThing", "Value": "x"}], "'NoSuchThing' is not a property of TrainingJob"),
        (
            [{"Name": "TrainingJobName", "Operator": "GreaterThan", "Value": "x"}],
            "not supported for the text",
        ),
        (
            [{"Name": "BillableTimeInSeconds", "Operator": "Contains", "Value": "1"}],
            "only supported for text",
        ),
        ([{"Name": "Metrics.loss", "Operator": "LessThan", "Value": "much"}], "is a number"),
        ([{"Name": "CreationTime", "Operator": "LessThan", "Value": "monday"}], "Invalid timestamp"),
        ([{"Name": "TrainingJobName", "Operator": "Equals"}], "needs a Value"),
        (
            [{"Name": "TrainingJobName", "Operator": "Contains", "Value": letter} for letter in "ab"],
            "'CONTAINS' operator usage limit of 1 exceeded.",
        ),
        (
            [{"Name": "TrainingJobName", "Operator": "Like", "Value": "x"}],
            "Value 'Like' at 'searchExpression.filters.1.member.operator' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Equals, NotEquals,",
        ),
    ],
)
def test_a_filter_that_cannot_be_is_a_validation_error(aws, filters, words):
    expression = {"Filters": filters}
    code, message = refused(aws.sagemaker.search, Resource="TrainingJob", SearchExpression=expression)
    assert code == "ValidationException"
    assert words in message


def test_search_over_something_else_is_refused_by_name(aws):
    code, message = refused(aws.sagemaker.search, Resource="Experiment")
    assert code == "NotImplemented" and "Search over Experiment" in message


def test_an_update_is_refused_by_name(aws):
    job = create(aws)
    code, message = refused(aws.sagemaker.update_training_job, TrainingJobName=job.name)
    assert code == "NotImplemented"
    assert "sagemaker UpdateTrainingJob" in message
