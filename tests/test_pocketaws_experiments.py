"""Experiments, trials and trial components: one for every training job, as on AWS, and those of people."""

from datetime import datetime, timezone

import pytest
from training_api import create, finished_job, numbers, refused, request_for

MOMENT = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def metrics(gateway):
    """A client of sagemaker-metrics."""
    return gateway.client("sagemaker-metrics")


@pytest.fixture
def trial(aws) -> tuple[str, str]:
    """(experiment, trial), both new."""
    experiment, trial = f"Experiment-{next(numbers)}", f"trial-{next(numbers)}"
    aws.sagemaker.create_experiment(ExperimentName=experiment, Description="learning rates")
    aws.sagemaker.create_trial(TrialName=trial, ExperimentName=experiment)
    return experiment, trial


def component(aws, job) -> dict:
    return aws.sagemaker.describe_trial_component(TrialComponentName=f"{job.name}-aws-training-job")


def test_every_training_job_has_a_trial_component_with_its_parameters_and_artifacts(aws):
    asked = {"epochs": "3", "learning_rate": "2e-4", "model": '"m"', "x": "nan"}
    job = finished_job(aws, HyperParameters=asked)
    found = component(aws, job)
    assert found["TrialComponentArn"].endswith(f":experiment-trial-component/{job.name}-aws-training-job")
    assert found["DisplayName"] == f"{job.name}-aws-training-job"
    assert found["Source"] == {"SourceArn": job.arn, "SourceType": "SageMakerTrainingJob"}
    assert found["Status"]["PrimaryStatus"] == "Completed"
    assert found["StartTime"] == job.training_start_time.replace(microsecond=found["StartTime"].microsecond)
    given = found["Parameters"]
    assert given["epochs"] == {"NumberValue": 3.0} and given["learning_rate"] == {"NumberValue": 2e-4}
    assert given["model"] == {"StringValue": '"m"'} and given["x"] == {"StringValue": "nan"}
    assert given["SageMaker.InstanceType"] == {"StringValue": "ml.m5.large"}
    assert given["SageMaker.InstanceCount"] == {"NumberValue": 1.0}
    assert given["SageMaker.VolumeSizeInGB"] == {"NumberValue": 10.0}
    assert given["SageMaker.ImageUri"]["StringValue"].startswith("763104351884.")
    assert found["InputArtifacts"] == {"training": {"Value": "s3://learner/data"}}
    assert found["OutputArtifacts"] == {
        "SageMaker.ModelArtifact": {"Value": job.model_artifacts},
        "SageMaker.DebugHookOutput": {"Value": "s3://learner/debug"},
    }


def test_a_jobs_metrics_are_summed_up_over_every_value(aws):
    job = create(aws)
    for value in (3.0, 1.0, 2.0):
        job.metrics.add("train:loss", value, MOMENT)
    (summary,) = component(aws, job)["Metrics"]
    assert summary["SourceArn"] == job.arn and summary["MetricName"] == "train:loss"
    assert [summary[key] for key in ("Count", "Min", "Max", "Avg", "Last")] == [3, 1.0, 3.0, 2.0, 2.0]
    assert summary["StdDev"] == pytest.approx((2 / 3) ** 0.5)


def test_a_component_follows_its_job_while_it_runs(aws):
    job = create(aws)
    assert component(aws, job)["Status"]["PrimaryStatus"] == "InProgress"
    job.fail("AlgorithmError: no")
    status = component(aws, job)["Status"]
    assert status["PrimaryStatus"] == "Failed" and "AlgorithmError: no" in status["Message"]


def test_an_experiment_config_puts_the_job_into_the_trial_under_its_display_name(aws, trial):
    experiment, name = trial
    config = {"ExperimentName": experiment, "TrialName": name, "TrialComponentDisplayName": "rank-8"}
    job = create(aws, ExperimentConfig=config)
    (listed,) = aws.sagemaker.list_trial_components(TrialName=name)["TrialComponentSummaries"]
    assert listed["TrialComponentName"] == f"{job.name}-aws-training-job"
    assert listed["DisplayName"] == "rank-8" and listed["TrialComponentSource"]["SourceArn"] == job.arn
    described = aws.sagemaker.describe_training_job(TrainingJobName=job.name)
    assert described["ExperimentConfig"] == config


def test_an_experiment_config_without_a_trial_makes_one(aws, trial):
    job = create(aws, ExperimentConfig={"ExperimentName": trial[0]})
    made = f"{job.name}-aws-training-job"
    (listed,) = aws.sagemaker.list_trials(TrialComponentName=made)["TrialSummaries"]
    assert aws.sagemaker.describe_trial(TrialName=listed["TrialName"])["ExperimentName"] == trial[0]


@pytest.mark.parametrize("member", ["ExperimentName", "TrialName", "RunName"])
def test_an_experiment_config_of_what_is_not_there_starts_no_job(aws, member):
    request = request_for(aws, ExperimentConfig={member: "nowhere"})
    code, message = refused(aws.sagemaker.create_training_job, **request)
    assert code == "ValidationException" and member in message and "'nowhere' does not exist" in message
    assert refused(aws.sagemaker.describe_training_job, TrainingJobName=request["TrainingJobName"])


def test_an_update_lies_over_what_the_job_gives_and_can_take_it_away(aws):
    job = finished_job(aws)
    name = f"{job.name}-aws-training-job"
    aws.sagemaker.update_trial_component(
        TrialComponentName=name,
        Parameters={"data.sha256": {"StringValue": "abc"}, "epochs": {"NumberValue": 4}},
        ParametersToRemove=["learning_rate"],
        OutputArtifacts={"metrics": {"MediaType": "application/json", "Value": "s3://learner/m.json"}},
        Status={"PrimaryStatus": "Stopped"},
        EndTime=MOMENT,
    )
    found = component(aws, job)
    given = found["Parameters"]
    assert given["data.sha256"] == {"StringValue": "abc"} and given["epochs"] == {"NumberValue": 4.0}
    assert "learning_rate" not in given
    assert {"metrics", "SageMaker.ModelArtifact"} <= set(found["OutputArtifacts"])
    assert found["Status"] == {"PrimaryStatus": "Stopped"} and found["EndTime"] == MOMENT
    again = {"learning_rate": {"NumberValue": 1}}
    aws.sagemaker.update_trial_component(TrialComponentName=name, Parameters=again)
    assert component(aws, job)["Parameters"]["learning_rate"] == {"NumberValue": 1.0}


def test_components_of_people_are_made_associated_listed_and_deleted_in_order(aws, trial):
    experiment, name = trial
    sagemaker, mine = aws.sagemaker, f"cleaning-{next(numbers)}"
    sagemaker.create_trial_component(TrialComponentName=mine, Parameters={"rows": {"NumberValue": 3200}})
    sagemaker.associate_trial_component(TrialComponentName=mine, TrialName=name)
    inside = sagemaker.list_trial_components(ExperimentName=experiment)["TrialComponentSummaries"]
    assert [each["TrialComponentName"] for each in inside] == [mine]
    for call, arguments in (
        (sagemaker.delete_trial_component, {"TrialComponentName": mine}),
        (sagemaker.delete_trial, {"TrialName": name}),
        (sagemaker.delete_experiment, {"ExperimentName": experiment}),
    ):
        assert refused(call, **arguments)[0] == "ValidationException"
    sagemaker.disassociate_trial_component(TrialComponentName=mine, TrialName=name)
    sagemaker.delete_trial_component(TrialComponentName=mine)
    sagemaker.delete_trial(TrialName=name)
    sagemaker.delete_experiment(ExperimentName=experiment)
    for call, arguments in (
        (sagemaker.describe_trial_component, {"TrialComponentName": mine}),
        (sagemaker.describe_trial, {"TrialName": name}),
        (sagemaker.describe_experiment, {"ExperimentName": experiment}),
    ):
        assert refused(call, **arguments)[0] == "ResourceNotFound"


def test_a_name_that_is_taken_is_refused_with_the_words_the_sdk_looks_for(aws, trial):
    code, message = refused(aws.sagemaker.create_experiment, ExperimentName=trial[0].lower())
    assert code == "ValidationException" and "already exists" in message
    code, message = refused(aws.sagemaker.create_trial, TrialName=trial[1], ExperimentName=trial[0])
    assert code == "ValidationException" and "already exists" in message


def test_updates_of_an_experiment_and_a_trial_are_described(aws, trial):
    aws.sagemaker.update_experiment(ExperimentName=trial[0], DisplayName="shown", Description="changed")
    aws.sagemaker.update_trial(TrialName=trial[1], DisplayName="shown-too")
    found = aws.sagemaker.describe_experiment(ExperimentName=trial[0])
    assert (found["DisplayName"], found["Description"]) == ("shown", "changed")
    assert aws.sagemaker.describe_trial(TrialName=trial[1])["DisplayName"] == "shown-too"
    listed = aws.sagemaker.list_experiments(SortBy="CreationTime", MaxResults=1)["ExperimentSummaries"]
    assert [each["ExperimentName"] for each in listed] == [trial[0]], "newest first"


def test_a_component_takes_tags_and_is_described_by_its_arn(aws):
    job = create(aws)
    arn = component(aws, job)["TrialComponentArn"]
    aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "course", "Value": "tuneaws"}])
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "course", "Value": "tuneaws"}]
    by_arn = aws.sagemaker.describe_trial_component(TrialComponentName=arn)
    assert by_arn["TrialComponentName"] == f"{job.name}-aws-training-job"
    found = aws.sagemaker.list_trial_components(SourceArn=job.arn)["TrialComponentSummaries"]
    assert [each["TrialComponentArn"] for each in found] == [arn]


# --- sagemaker-metrics


def test_metrics_that_are_put_come_back_by_step_and_by_minute(aws, metrics):
    name = f"run-{next(numbers)}"
    arn = aws.sagemaker.create_trial_component(TrialComponentName=name)["TrialComponentArn"]
    rows = [{"MetricName": "loss", "Timestamp": MOMENT.replace(second=at * 40 % 60, minute=at * 40 // 60),
             "Step": at, "Value": 4.0 - at} for at in range(3)]  # fmt: skip
    assert "Errors" not in metrics.batch_put_metrics(TrialComponentName=name, MetricData=rows)
    common = {"MetricName": "loss", "ResourceArn": arn}
    by_step, by_minute, wrong = metrics.batch_get_metrics(
        MetricQueries=[
            {**common, "MetricStat": "Last", "Period": "IterationNumber", "XAxisType": "IterationNumber"},
            {**common, "MetricStat": "Avg", "Period": "OneMinute", "XAxisType": "Timestamp"},
            {**common, "MetricStat": "Avg", "Period": "OneMinute", "XAxisType": "IterationNumber"},
        ]
    )["MetricQueryResults"]
    assert (by_step["XAxisValues"], by_step["MetricValues"]) == ([0, 1, 2], [4.0, 3.0, 2.0])
    start = int(MOMENT.timestamp())
    assert (by_minute["XAxisValues"], by_minute["MetricValues"]) == ([start, start + 60], [3.5, 2.0])
    assert wrong["Status"] == "ValidationError"
    (summary,) = aws.sagemaker.describe_trial_component(TrialComponentName=name)["Metrics"]
    assert (summary["Count"], summary["Last"], summary["SourceArn"]) == (3, 2.0, arn)


def test_metrics_of_a_job_are_read_by_the_jobs_arn_and_by_its_components(aws, metrics):
    job = create(aws, TrainingJobName=f"Upper-{next(numbers)}")
    for value in (2.0, 1.0):
        job.metrics.add("train:loss", value, MOMENT)
    name = f"{job.name}-aws-training-job".lower()
    put = [{"MetricName": "rouge", "Timestamp": MOMENT, "Value": 36.0}]
    metrics.batch_put_metrics(TrialComponentName=name, MetricData=put)
    arn = component(aws, job)["TrialComponentArn"]
    answers = metrics.batch_get_metrics(
        MetricQueries=[
            {"MetricName": metric, "ResourceArn": each, "MetricStat": "Min", "Period": "IterationNumber",
             "XAxisType": "IterationNumber"}
            for metric, each in (("train:loss", job.arn), ("train:loss", arn), ("rouge", arn))
        ]
    )["MetricQueryResults"]  # fmt: skip
    assert [each["MetricValues"] for each in answers] == [[2.0, 1.0], [2.0, 1.0], [36.0]]
    sources = {each["MetricName"]: each["SourceArn"] for each in component(aws, job)["Metrics"]}
    assert sources == {"train:loss": job.arn, "rouge": arn}


def test_metrics_for_a_component_that_is_not_there_are_refused(metrics):
    put = [{"MetricName": "loss", "Timestamp": MOMENT, "Value": 1.0}]
    assert (
        refused(metrics.batch_put_metrics, TrialComponentName="nowhere", MetricData=put)[0]
        == "ResourceNotFound"
    )


# --- Search


def found(aws, resource: str, *filters: tuple, **more) -> list:
    """The records that match (name, operator, value) filters."""
    expression = {
        "Filters": [dict(zip(("Name", "Operator", "Value"), each, strict=True)) for each in filters]
    }
    answer = aws.sagemaker.search(Resource=resource, SearchExpression=expression, **more)
    return [record for row in answer["Results"] for record in row.values()]


def test_components_are_found_by_experiment_metric_and_parameter_and_sorted_by_a_metric(aws, trial):
    experiment, name = trial
    jobs = []
    for rate, loss in (("0.001", 0.5), ("0.01", 0.25), ("0.1", 2.0)):
        config = {"ExperimentName": experiment, "TrialName": name}
        jobs.append(create(aws, HyperParameters={"learning_rate": rate}, ExperimentConfig=config))
        jobs[-1].metrics.add("eval:loss", loss, MOMENT)
    inside = ("Parents.ExperimentName", "Equals", experiment)
    by_loss = {"SortBy": "metrics.eval:loss.min", "SortOrder": "Ascending"}
    rows = found(aws, "ExperimentTrialComponent", inside, **by_loss)
    names = [f"{job.name}-aws-training-job" for job in jobs]
    assert [row["TrialComponentName"] for row in rows] == [names[1], names[0], names[2]]
    assert rows[0]["Parents"] == [{"TrialName": name, "ExperimentName": experiment}]
    assert rows[0]["SourceDetail"]["TrainingJob"]["TrainingJobName"] == jobs[1].name
    good = found(aws, "ExperimentTrialComponent", inside, ("Metrics.eval:loss.Last", "LessThan", "1"))
    assert {row["TrialComponentName"] for row in good} == set(names[:2])
    high = found(aws, "ExperimentTrialComponent", inside, ("Parameters.learning_rate", "GreaterThan", "0.05"))
    assert [row["TrialComponentName"] for row in high] == names[2:]
    (row,) = found(aws, "ExperimentTrial", ("TrialName", "Equals", name))
    assert {each["TrialComponentName"] for each in row["TrialComponentSummaries"]} == set(names)
    (row,) = found(
        aws, "Experiment", ("Description", "Contains", "rates"), ("ExperimentName", "Equals", experiment)
    )
    assert row["ExperimentName"] == experiment


def test_a_job_of_a_run_is_found_with_the_run_s_name(aws, trial):
    run = f"run-{next(numbers)}"
    aws.sagemaker.create_trial_component(TrialComponentName=run)
    job = create(aws, ExperimentConfig={"ExperimentName": trial[0], "TrialName": trial[1], "RunName": run})
    (row,) = found(aws, "ExperimentTrialComponent", ("Source.SourceArn", "Equals", job.arn))
    assert row["RunName"] == run


def test_a_property_that_a_component_does_not_have_is_refused(aws):
    code, message = refused(found, aws, "ExperimentTrialComponent", ("Nonsense", "Equals", "1"))
    assert code == "ValidationException" and "'Nonsense'" in message
