"""Describe, stop, list and tag training jobs by raw boto3. The engine is a fake: the tests move the jobs."""

import time
from datetime import datetime, timedelta, timezone

import pytest
from pocketaws import models
from training_api import create, finished_job, refused, walk

# DescribeTrainingJob


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
def listed(gateway):
    """Twelve jobs whose names start with "listed": four Completed, four Failed, four Stopped."""
    jobs = []
    for number, status in enumerate(["Completed", "Failed", "Stopped"] * 4):
        job = create(
            gateway, TrainingJobName=f"listed-{number:02}", Tags=[{"Key": "n", "Value": str(number % 2)}]
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
