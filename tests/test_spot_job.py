"""The course's training job on spot: interrupted three times, it ends as the one that was left alone."""

import json
import tarfile

import boto3
import pytest
from tuneaws import config, environment, launch, metrics, training_jobs
from tuneaws.job_lines import JobPrinter
from tuneaws.session import Session, SessionError, connect

STEPS = 20  # the last moment is ten steps before: that is longer than a line of the log takes
SETTINGS = {
    "training.max_steps": STEPS, "training.save_steps": 3, "training.logging_steps": 2,
    "training.eval_steps": 0, "training.per_device_train_batch_size": 6, "training.max_seq_length": 512,
    "training.lora_dropout": 0.1, "training.merge_weights": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def session(local_aws):
    """A session on the local AWS of this run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", local_aws.url)
        yield connect()
        environment.leave()


@pytest.fixture(scope="module")
def channels(session):
    """Rows of the course in S3: {"training": URI, "validation": URI}."""
    bucket = launch.ensure_bucket(config.load(), session)
    with (session.dataset_path("pocketaws/dialogues") / "train.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(next(file)) for _ in range(60)]
    lines = [json.dumps({"messages": [{"role": "user", "content": row["dialogue"]},
                                      {"role": "assistant", "content": row["summary"]}]}) for row in rows]
    for name, some in (("training", lines[:48]), ("validation", lines[48:])):
        body = "\n".join(some).encode()
        session.client("s3").put_object(Bucket=bucket, Key=f"spot/{name}/rows.jsonl", Body=body)
    return bucket, {name: f"s3://{bucket}/spot/{name}/" for name in ("training", "validation")}


@pytest.fixture(scope="module")
def jobs(session, channels):
    """(description, files of the model, metric rows) of the job left alone and of the one on spot."""
    bucket, where = channels
    spot = {"sagemaker.spot": True}
    moments = {"pocketaws:interrupt-after": "step=4 step=7@0 step=10@0"}
    started = []
    for changes, tags in (({}, {}), (spot, moments)):
        cfg = config.load(**{**SETTINGS, **changes})
        estimator = launch.estimator_from(cfg, session, bucket, tags=tags)
        estimator.fit(where, wait=False)
        started.append(estimator.latest_training_job.name)
    return [_wait(session, name) for name in started]


def _wait(session, name):
    sm, logs = session.client("sagemaker"), session.client("logs")
    job = training_jobs.watch(sm, logs, name, poll_s=0.2, timeout_s=300)
    assert job["TrainingJobStatus"] == "Completed", training_jobs.explain_failure(sm, logs, name)
    bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    body = session.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    with tarfile.open(fileobj=body, mode="r|gz") as tar:
        files = {row.name: tar.extractfile(row).read() for row in tar if row.isfile()}
    return job, files, metrics.from_logs(logs, name)


def test_a_job_interrupted_three_times_ends_with_the_same_adapter_and_held_out_loss(jobs):
    (_, alone, rows), (_, spot, spot_rows) = jobs
    assert spot["adapter_model.safetensors"] == alone["adapter_model.safetensors"], "byte for byte"
    held_out = [[row["eval:loss"] for row in table if "eval:loss" in row] for table in (rows, spot_rows)]
    assert held_out[0] == held_out[1] and len(held_out[0]) == 1
    assert [table[-1]["train:step"] for table in (rows, spot_rows)] == [STEPS, STEPS]


def test_its_loss_curve_lies_on_the_curve_of_the_job_left_alone(jobs):
    (_, _, rows), (_, _, spot_rows) = jobs
    alone = {row["train:step"]: row["train:loss"] for row in rows if "train:loss" in row}
    spot = {row["train:step"]: row["train:loss"] for row in spot_rows if "train:loss" in row}
    assert list(alone) == [1, *range(2, STEPS + 1, 2)]
    assert {step: spot[step] for step in alone} == alone


def test_it_was_interrupted_three_times_and_says_what_spot_saved(session, jobs):
    (alone, *_), (spot, *_) = jobs
    phases = [row["Status"] for row in spot["SecondaryStatusTransitions"]]
    assert phases.count("Interrupted") == 3 and phases.count("Training") == 4
    assert "Interrupted" not in [row["Status"] for row in alone["SecondaryStatusTransitions"]]
    assert spot["BillableTimeInSeconds"] == spot["TrainingTimeInSeconds"], "no discount is known here"
    said = training_jobs.describe(session.client("sagemaker"), spot["TrainingJobName"])
    assert (said["interrupted"], said["saved by spot"]) == ("3 times", "0%") and "warm pool" not in said


def test_watching_shows_each_interruption_once_though_the_job_trains_again(jobs, capsys):
    (job, *_) = jobs[1]
    printer = JobPrinter(None, every_s=1000)
    changes = job["SecondaryStatusTransitions"]
    second = [row["Status"] for row in changes].index("Interrupted") + 3  # Training again
    now = {**job, "TrainingJobStatus": "InProgress", "SecondaryStatus": "Training"}
    printer.show({**now, "SecondaryStatusTransitions": changes[: second + 1]}, [])
    assert capsys.readouterr().out.count("Interrupted  its instances were taken away; it starts again") == 1
    printer.show(job, [])
    printer.show(job, [])
    assert capsys.readouterr().out.count("Interrupted ") == 2


def test_the_curve_draws_a_step_that_was_trained_twice_once():
    rows = ((1, 9), (2, 8), (3, 7), (2, 6), (3, 5))
    table = [{"train:step": step, "train:loss": loss} for step, loss in rows]
    assert metrics._points(table, "train:loss") == ([1, 2, 3], [9, 6, 5])


def test_an_interruption_is_refused_for_what_is_no_spot_job_and_on_aws(session, jobs):
    name = jobs[0][0]["TrainingJobName"]
    with pytest.raises(SessionError, match="runs on demand: only managed spot training"):
        session.interrupt(name)
    with pytest.raises(SessionError, match="is Completed: it can be interrupted while Training"):
        session.interrupt(jobs[1][0]["TrainingJobName"], notice_s=0)
    with pytest.raises(SessionError, match="nobody can ask for it"):
        Session("aws", "us-east-1", "1", boto3.Session(), "").interrupt(name)
