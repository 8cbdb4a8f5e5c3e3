"""The configured job as an estimator: its request, its price, and the budget that stops it."""

from types import SimpleNamespace

import pytest
from tuneaws import config, launch, prices, training_jobs


class NoPriceList:
    """A Pricing API that can't be asked, so that the dated table answers."""

    def get_products(self, **request):
        raise prices.PriceError("not reachable")


def session_on(where):
    return SimpleNamespace(where=where, region="us-east-1", url=None,
                           boto=SimpleNamespace(client=lambda *a, **k: NoPriceList()))


def test_a_job_name_is_one_that_aws_takes_and_is_new_each_time():
    names = {launch.new_job_name("tuneaws") for _ in range(3)}
    assert len(names) == 3
    assert all(len(name) <= 63 and name.replace("-", "").isalnum() for name in names)


def test_local_shows_the_price_on_aws_and_refuses_nothing(capsys):
    launch.show_price(config.load(), session_on("local"), jobs=100)
    assert "here it costs nothing" in capsys.readouterr().out


def test_on_aws_all_jobs_together_are_held_to_the_budget(capsys):
    cfg = config.load(where="aws")
    one = launch.show_price(cfg, session_on("aws"))
    worst_usd = one.usd_per_hour * cfg.sagemaker.max_run_s / 3600
    assert f"{worst_usd:.2f} USD" in capsys.readouterr().out
    assert worst_usd <= cfg.budget_usd < 2 * worst_usd
    with pytest.raises(prices.PriceError, match="budget_usd allows"):
        launch.show_price(cfg, session_on("aws"), jobs=2)


def test_a_shorter_cap_makes_two_jobs_fit_the_budget():
    launch.show_price(config.load(where="aws"), session_on("aws"), jobs=2, max_run_s=1500)


def test_the_estimator_says_what_the_configuration_says(local_aws, monkeypatch):
    from tuneaws import environment
    from tuneaws.session import connect

    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    cfg = config.load(**{"training.lora_r": 4, "training.save_steps": 10})
    try:
        session = connect()
        estimator = launch.estimator_from(cfg, session, "a-bucket")
        request = estimator.request({"training": "s3://a-bucket/data/"})
    finally:
        environment.leave()
    assert request["HyperParameters"]["lora_r"] == "4"
    assert request["HyperParameters"]["model_id"] == '"pocketaws/chat-1m"'
    assert request["ResourceConfig"]["InstanceType"] == cfg.sagemaker.instance_type
    assert request["StoppingCondition"]["MaxRuntimeInSeconds"] == cfg.sagemaker.max_run_s
    assert request["CheckpointConfig"]["S3Uri"].startswith("s3://a-bucket/checkpoints/tuneaws-")
    assert request["Tags"] == cfg.project.tag_list()


class Jobs:
    """A SageMaker client that knows the jobs it is given: {name: S3 URI of the training channel}.

    A job whose name begins with "running" is InProgress; described the second time it is Completed.
    """

    def __init__(self, jobs):
        self.jobs = jobs

    def get_paginator(self, operation):
        if operation == "list_tags":
            return SimpleNamespace(
                paginate=lambda **_: [{"Tags": [{"Key": "course", "Value": "tuneaws"}]}])

        def paginate(StatusEquals, **_):
            names = [name for name in self.jobs
                     if name.startswith("running") == (StatusEquals == "InProgress")]
            return [{"TrainingJobSummaries": [{"TrainingJobName": name, "TrainingJobArn": name}
                                              for name in names]}]

        return SimpleNamespace(paginate=paginate)

    def describe_training_job(self, TrainingJobName):
        source = {"S3DataSource": {"S3Uri": self.jobs[TrainingJobName]}}
        merged = "adapter" not in TrainingJobName
        return {"TrainingJobName": TrainingJobName, "HyperParameters": {"merge_weights": str(merged).lower()},
                "InputDataConfig": [{"ChannelName": "training", "DataSource": source}]}


def session_with(jobs, where):
    return SimpleNamespace(where=where, client=lambda service: Jobs(jobs))


def test_a_model_is_found_by_the_rows_it_was_trained_on():
    session = session_with({"newest": "s3://b/data/other/train/", "adapter-only": "s3://b/data/rows/train/",
                            "older": "s3://b/data/rows/train/"}, "aws")
    found = launch.find_or_train(config.load(), session, "b", {"train": "s3://b/data/rows/train/"})
    assert found["TrainingJobName"] == "older"


def test_a_job_that_still_trains_is_waited_for_and_no_second_one_started(monkeypatch):
    watched = []

    def watch(sm, logs, name):
        watched.append(name)
        return {"TrainingJobName": name, "TrainingJobStatus": endings.pop(0)}

    monkeypatch.setattr(training_jobs, "watch", watch)
    session = session_with({"running-1": "s3://b/data/rows/train/"}, "aws")
    endings = ["Completed", "Failed"]
    found = launch.find_or_train(config.load(), session, "b", {"train": "s3://b/data/rows/train/"})
    assert found["TrainingJobName"] == "running-1" and watched == ["running-1"]
    with pytest.raises(training_jobs.JobError, match="no completed job"):  # it failed: as if there were none
        launch.find_or_train(config.load(), session, "b", {"train": "s3://b/data/rows/train/"})


def test_on_aws_a_missing_model_is_not_trained_without_being_asked():
    session = session_with({"newest": "s3://b/data/other/train/"}, "aws")
    with pytest.raises(training_jobs.JobError, match="lesson 04.*\n.*go on for free"):
        launch.find_or_train(config.load(), session, "b", {"train": "s3://b/data/rows/train/"})


def test_in_local_a_missing_model_is_trained_once_and_then_found(local_aws, bucket, monkeypatch, capsys):
    from tuneaws import environment, handover
    from tuneaws.session import connect

    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    small = {"dataset.train_rows": 16, "dataset.validation_rows": 4, "training.max_steps": 1,
             "training.eval_steps": 0}
    cfg = config.load(**small)
    try:
        session = connect()
        rows = handover.find_or_make_rows(session.client("s3"), bucket, cfg.dataset, cfg.prompt)
        trained = launch.find_or_train(cfg, session, bucket, rows)
        found = launch.find_or_train(cfg, session, bucket, rows)
    finally:
        environment.leave()
    assert trained["TrainingJobStatus"] == "Completed"
    assert found["TrainingJobName"] == trained["TrainingJobName"]
    assert "is trained now" in capsys.readouterr().out
