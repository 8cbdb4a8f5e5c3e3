"""Search over training jobs, by raw boto3."""

import pytest
from pocketaws import models
from training_api import channel, create, finished_job, refused, walk


@pytest.fixture(scope="module")
def found(gateway):
    """Three jobs to search: two Completed with metrics, one Failed."""
    first = finished_job(gateway, TrainingJobName="find-a", Tags=[{"Key": "team", "Value": "red"}])
    second = finished_job(
        gateway,
        TrainingJobName="find-b",
        Tags=[{"Key": "team", "Value": "blue"}],
        HyperParameters={"epochs": "10", "learning_rate": "0.01"},
        InputDataConfig=[
            channel("training", "s3://learner/data"),
            channel("validation", "s3://learner/data/a"),
        ],
    )
    second.final_metrics[0]["Value"] = 0.75
    third = create(gateway, TrainingJobName="find-c", HyperParameters={"optimizer": "adamw"})
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
    assert len(names) == 3


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
    code, message = refused(aws.sagemaker.search, Resource="Pipeline")
    assert code == "NotImplemented" and "Search over Pipeline" in message
