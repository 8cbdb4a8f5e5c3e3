"""Requests are checked against botocore's model, with AWS's complaints."""

import botocore.loaders
import pytest
from moto.core.model import ServiceModel
from pocketaws import models, validation
from pocketaws.errors import AwsError

CREATE = {
    "TrainingJobName": "job-1",
    "RoleArn": "arn:aws:iam::123456789012:role/r",
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
}


def input_shape(operation: str, service: str = "sagemaker"):
    return models.service_model(service).operation_model(operation).input_shape


def complaint(request: dict, operation: str = "CreateTrainingJob") -> AwsError:
    with pytest.raises(AwsError) as caught:
        validation.check(request, input_shape(operation))
    return caught.value


def test_a_request_that_fits_passes():
    validation.check(CREATE, input_shape("CreateTrainingJob"))


def test_a_broken_pattern_is_told_in_the_words_of_aws():
    error = complaint({"TrainingJobName": "no_underscores"}, "DescribeTrainingJob")
    assert (error.code, error.status) == ("ValidationException", 400)
    assert error.message == (
        "1 validation error detected: Value 'no_underscores' at 'trainingJobName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )


def test_every_broken_constraint_is_in_one_message():
    error = complaint({"TrainingJobName": "x" * 64, "OutputDataConfig": {}})
    assert error.message.startswith("4 validation errors detected: ")
    for part in (
        f"Value '{'x' * 64}' at 'trainingJobName' failed to satisfy constraint: "
        "Member must have length less than or equal to 63",
        "at 'trainingJobName' failed to satisfy constraint: Member must satisfy regular expression pattern",
        "Value null at 'roleArn' failed to satisfy constraint: Member must not be null",
        "Value null at 'outputDataConfig.s3OutputPath' failed to satisfy constraint: Member must not be null",
    ):
        assert part in error.message


def test_patterns_are_anchored_at_both_ends():
    for name in ("job\n", "job ", " job", "job-", "a b"):
        assert "regular expression" in complaint({"TrainingJobName": name}, "DescribeTrainingJob").message


def test_members_of_lists_are_counted_from_one():
    channels = [
        {"ChannelName": "train", "DataSource": {}},
        {
            "ChannelName": "val id",
            "DataSource": {"S3DataSource": {"S3DataType": "Prefix", "S3Uri": "nowhere"}},
        },
    ]
    message = complaint({**CREATE, "InputDataConfig": channels}).message
    assert "Value 'val id' at 'inputDataConfig.2.member.channelName'" in message
    assert (
        "Value 'Prefix' at 'inputDataConfig.2.member.dataSource.s3DataSource.s3DataType' failed to satisfy "
        "constraint: Member must satisfy enum value set: [ManifestFile, S3Prefix," in message
    )
    assert "Value 'nowhere' at 'inputDataConfig.2.member.dataSource.s3DataSource.s3Uri'" in message
    assert message.startswith("3 validation errors detected")


def test_a_map_with_a_value_too_long_is_shown_as_a_whole():
    message = complaint({**CREATE, "HyperParameters": {"epochs": "1", "text": "x" * 2501}}).message
    assert message == (
        f"1 validation error detected: Value '{{epochs=1, text={'x' * 2501}}}' at 'hyperParameters' failed "
        "to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or "
        "equal to 2500, Member must have length greater than or equal to 0, Member must satisfy regular "
        "expression pattern: .*]"
    )


def test_a_map_key_too_long_is_a_complaint_about_keys():
    message = complaint({**CREATE, "HyperParameters": {"k" * 257: "v"}}).message
    assert "Map keys must satisfy constraint: [Member must have length less than or equal to 256" in message


def test_a_map_may_have_a_hundred_entries_and_no_more():
    validation.check(
        {**CREATE, "Environment": {f"K{n}": "v" for n in range(100)}}, input_shape("CreateTrainingJob")
    )
    message = complaint({**CREATE, "Environment": {f"K{n}": "v" for n in range(101)}}).message
    assert message.endswith("'environment' failed to satisfy constraint: Member must have length less than "
                            "or equal to 100")  # fmt: skip


def test_forty_metric_definitions_are_allowed_and_forty_one_are_not():
    def definitions(count):
        metrics = [{"Name": f"m{n}", "Regex": "(x)"} for n in range(count)]
        specification = {"TrainingInputMode": "File", "TrainingImage": "a/b", "MetricDefinitions": metrics}
        return {**CREATE, "AlgorithmSpecification": specification}

    validation.check(definitions(40), input_shape("CreateTrainingJob"))
    assert "'algorithmSpecification.metricDefinitions'" in complaint(definitions(41)).message


def test_numbers_have_ranges():
    assert (
        complaint({"MaxResults": 101}, "ListTrainingJobs").message
        == "1 validation error detected: Value '101' at 'maxResults' failed to satisfy constraint: "
        "Member must have value less than or equal to 100"
    )
    assert "greater than or equal to 1" in complaint({"MaxResults": 0}, "ListTrainingJobs").message


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"TrainingJobName": 7}, "NUMBER_VALUE can not be converted to a String"),
        ({"TrainingJobName": ["a"]}, "a list can not be converted to a String"),
        ({"HyperParameters": "a"}, "Start of structure or map expected"),
        ({"InputDataConfig": {"a": 1}}, "Start of list expected"),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": "60"}},
            "STRING_VALUE can not be converted to an Integer",
        ),
        ({"EnableNetworkIsolation": "true"}, "STRING_VALUE can not be converted to a Boolean"),
        ({"ResourceConfig": {"InstanceCount": True}}, "TRUE_VALUE can not be converted to an Integer"),
        ({"HyperParameters": {"epochs": 3}}, "NUMBER_VALUE can not be converted to a String"),
    ],
)
def test_a_wrong_type_is_a_serialization_error(request_, words):
    error = complaint({**CREATE, **request_})
    assert error.code == "SerializationException"
    assert words in error.message


def test_members_that_the_model_does_not_know_are_ignored_as_aws_does():
    validation.check({**CREATE, "SomethingNew": {"a": [1]}}, input_shape("CreateTrainingJob"))


@pytest.mark.parametrize("key", ["team", "Équipe", "部署", "a b:c/d=e+f-g@h_1.2"])
def test_tag_keys_may_use_any_letter(key):
    arn = "arn:aws:sagemaker:us-east-1:123456789012:training-job/j"
    validation.check({"ResourceArn": arn, "Tags": [{"Key": key, "Value": ""}]}, input_shape("AddTags"))


@pytest.mark.parametrize("key", ["a*b", "x!", "tab\tin", "smile\U0001f600"])
def test_tag_keys_may_not_use_other_characters(key):
    arn = "arn:aws:sagemaker:us-east-1:123456789012:training-job/j"
    message = complaint({"ResourceArn": arn, "Tags": [{"Key": key, "Value": ""}]}, "AddTags").message
    assert (
        "at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression"
        in message
    )


def test_every_pattern_of_the_models_compiles():
    """Java's regular expressions, read by Python's: all services that the course will need."""
    checked = 0
    loader = botocore.loaders.Loader()
    for service in ("sagemaker", "sagemaker-runtime", "bedrock", "bedrock-runtime", "iam", "service-quotas"):
        description = loader.load_service_model(service, "service-2")
        model = ServiceModel(description, service)
        for name in description["shapes"]:
            pattern = model.shape_for(name).metadata.get("pattern")
            if pattern:
                validation.python_pattern(pattern)
                validation.python_pattern(pattern, 127)
                checked += 1
    print(f"{checked} patterns compiled")
    assert checked > 500
