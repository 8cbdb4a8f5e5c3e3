"""The tuning engine: a real job over a bare moto, its phases, its files, and every way it can end."""

import csv
import io
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from types import SimpleNamespace

import boto3
import psutil
import pytest
from engine_aid import a_bare_aws, alive, gone  # noqa: F401  (a fixture)
from pocketaws.bedrock import foundation_models
from pocketaws.bedrock.customization_job import CustomizationJob
from pocketaws.bedrock_tuning.engine import TuningEngine
from pocketaws.bedrock_tuning.tuning_run import TuningRun
from pocketaws.keeping import cut_off

REGION, ACCOUNT = "us-east-1", "123456789012"
MODEL = "amazon.nova-micro-v1:0:128k"


def chat(user: str, assistant: str, **more) -> dict:
    """A record of Nova's schema."""
    messages = [{"role": role, "content": [{"text": text}]} for role, text in
                (("user", user), ("assistant", assistant))]  # fmt: skip
    return {"schemaVersion": "bedrock-conversation-2024", "messages": messages, **more}


def records(count: int) -> list[dict]:
    """Records with something to learn: the answer is the second word."""
    words = ("Anna", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana")
    return [chat(f"Call {words[n % 8]} at {n % 12}.", f"{words[n % 8]} is called.") for n in range(count)]


def lines(rows: list) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


class Bench:
    """An engine over a bare moto with a bucket."""

    def __init__(self, url: str, home):
        self.home = home
        self.s3 = boto3.client("s3", endpoint_url=url, region_name=REGION)
        self.bucket = f"tuning-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.engine = TuningEngine(home, url)
        self.finished: list[tuple] = []  # (job, {file: size} of the model's folder, losses)

    def close(self) -> None:
        self.engine.close(0)
        self.s3.close()

    def put(self, body: bytes, key: str = "") -> str:
        key = key or f"data/{uuid.uuid4().hex[:8]}.jsonl"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def start(self, training: bytes | str, validation: bytes | None = None, **hyperparameters):
        """Start a job on some data, or on an object that is there."""
        request = {
            "jobName": f"job-{uuid.uuid4().hex[:8]}",
            "customModelName": "tuned",
            "trainingDataConfig": {"s3Uri": training if isinstance(training, str) else self.put(training)},
            "outputDataConfig": {"s3Uri": f"s3://{self.bucket}/out/"},
            "hyperParameters": hyperparameters,
        }
        if validation is not None:
            request["validationDataConfig"] = {"validators": [{"s3Uri": self.put(validation)}]}
        base = foundation_models.find(MODEL, REGION)
        job = CustomizationJob(request, base, hyperparameters, REGION, ACCOUNT)
        self.engine.start(job, self._finish)
        return job

    def _finish(self, job, folder, losses) -> None:
        self.finished.append((job, {path.name: path.stat().st_size for path in folder.iterdir()}, losses))
        job.complete(losses.training, losses.validation, "arn:aws:bedrock:us-east-1::custom-model/x")

    def run(self, *data, wait_s: float = 90, **hyperparameters) -> CustomizationJob:
        job = self.start(*data, **hyperparameters)
        assert job.ended.wait(wait_s), f"still {job.phases} after {wait_s} s"
        return job

    def table(self, job, name: str) -> list[dict]:
        """The rows of a CSV below the job's output."""
        key = f"{job.output_uri.removeprefix(f's3://{self.bucket}/')}/{name}"
        body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()
        return list(csv.DictReader(io.StringIO(body)))


@pytest.fixture(name="bench")
def a_bench(bare_aws, tmp_path):
    made = Bench(bare_aws, tmp_path / "home")
    yield made
    made.close()
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("customization ")]
    assert not left, f"threads left behind: {left}"


TRAINING = "training_artifacts/step_wise_training_metrics.csv"
VALIDATION = "validation_artifacts/post_fine_tuning_validation/validation/validation_metrics.csv"
WAITING = "import time; print('[phase] training', flush=True); time.sleep(60)"


@pytest.fixture(name="program")
def another_program(monkeypatch):
    """program(text): the engine runs this Python text in place of the trainer."""

    def put(text: str) -> None:
        monkeypatch.setattr(TuningRun, "_argv", lambda self: [sys.executable, "-c", text, str(self.folder)])

    return put


def until(what, wait_s: float = 30) -> None:
    deadline = time.monotonic() + wait_s
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def trainer_of(job) -> int:
    """The pid of a job's process."""
    return next(
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if process.info["cmdline"] and process.info["cmdline"][-1].endswith(job.id)
    )


def test_eight_records_are_tuned_on_and_leave_bedrocks_two_files(bench):
    job = bench.run(lines(records(8)), lines(records(3)), epochCount="5", learningRate="0.00002")
    assert job.status == "Completed", job.failure_message
    assert set(job.phases.values()) == {"Completed"}
    training, validation = bench.table(job, TRAINING), bench.table(job, VALIDATION)
    assert list(training[0]) == ["step_number", "epoch_number", "training_loss", "perplexity"]
    assert [(row["step_number"], row["epoch_number"]) for row in training] == [
        (str(n), str(n)) for n in range(5)
    ]
    assert list(validation[0]) == ["step_number", "epoch_number", "validation_loss", "perplexity"]
    assert [row["epoch_number"] for row in validation] == list("01234")
    losses = [float(row["training_loss"]) for row in training]
    assert losses[4] < losses[0] and job.training_loss == losses[4]
    assert math.log(float(training[0]["perplexity"])) == pytest.approx(losses[0])
    assert job.validation_losses == [float(validation[-1]["validation_loss"])]
    ((_, files, _),) = bench.finished
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= set(files)
    assert not list((bench.home / "bedrock" / "tuning").iterdir())


def test_a_broken_line_fails_the_job_before_anything_runs(bench, program):
    program("raise SystemExit(1)")
    rows = records(9)
    del rows[4]["messages"][1]
    job = bench.run(lines(rows))
    assert job.status == "Failed"
    assert job.phases == {"validation": "Failed", "dataProcessing": "NotStarted", "training": "NotStarted"}
    assert job.failure_message == (
        "Line 5 of the training data: last-not-assistant: the last message is the user's; it must be the "
        "assistant's."
    )


def test_a_failure_message_names_five_problems_and_counts_the_rest(bench):
    job = bench.run(b"{\n" * 12, lines(records(1)))
    assert job.failure_message.startswith("Unable to parse Amazon S3 file: ")
    told = job.failure_message.splitlines()
    assert [line.split(":")[0] for line in told[1:6]] == [
        f"Line {n} of the training data" for n in range(1, 6)
    ]
    assert told[6:] == ["And 7 more."]


@pytest.mark.parametrize(
    ("key", "hyperparameters", "rule"),
    [
        ("rows.json", {}, "wrong-extension"),
        ("my rows.jsonl", {}, "bad-file-name"),
        ("rows.jsonl", {"epochCount": "6"}, "hyperparameter-out-of-range"),
        ("rows.jsonl", {"batchSize": "1"}, "unknown-hyperparameter"),
    ],
    ids=["extension", "name", "range", "unknown"],
)
def test_names_of_files_and_hyperparameters_are_checked(bench, program, key, hyperparameters, rule):
    program("raise SystemExit(1)")
    job = bench.run(bench.put(lines(records(8)), key), **hyperparameters)
    assert f": {rule}: " in job.failure_message and job.phases["validation"] == "Failed"


def test_a_file_that_is_gone_is_said_in_bedrocks_words(bench):
    job = bench.run(f"s3://{bench.bucket}/nothing.jsonl")
    assert job.failure_message == (
        f"Could not validate GetObject permissions to access Amazon S3 bucket: {bench.bucket} at key "
        "nothing.jsonl"
    )


def test_a_stopped_job_has_no_process_and_no_results(bench, program):
    program(WAITING)
    job = bench.start(lines(records(8)))
    until(lambda: job.phases["training"] == "InProgress")
    trainer = trainer_of(job)
    assert job.request_stop()
    bench.engine.stop(job)
    assert job.ended.wait(10) and job.status == "Stopped"
    assert job.phases["training"] == "Stopped" and job.phases["dataProcessing"] == "Completed"
    assert gone(trainer) and not bench.finished and job.output_model_arn is None
    assert "Contents" not in bench.s3.list_objects_v2(Bucket=bench.bucket, Prefix="out/")


def test_a_second_job_is_validated_at_once_and_waits_for_its_turn(bench, program):
    program(WAITING)
    first = bench.start(lines(records(8)))
    until(lambda: first.phases["training"] == "InProgress")
    second, third = bench.start(lines(records(8))), bench.start(lines(records(8)))
    broken = bench.run(lines(records(7)), wait_s=10)
    assert "too-few-records" in broken.failure_message
    until(lambda: second.phases["validation"] == third.phases["validation"] == "Completed")
    assert second.phases["dataProcessing"] == third.phases["dataProcessing"] == "NotStarted"
    second.request_stop()
    bench.engine.stop(second)  # one that waits can be stopped, and the next one moves up
    assert second.ended.wait(10) and second.status == "Stopped" and first.status == "InProgress"
    first.request_stop()
    bench.engine.stop(first)
    until(lambda: third.phases["training"] == "InProgress")


def test_closing_ends_every_job_and_process(bench, program):
    program(WAITING)
    jobs = [bench.start(lines(records(8))) for _ in range(2)]
    until(lambda: "InProgress" in [job.phases["training"] for job in jobs])
    trainer = trainer_of(next(job for job in jobs if job.phases["training"] == "InProgress"))
    bench.engine.close(0)
    assert [(job.status, job.failure_message) for job in jobs] == 2 * [("Failed", cut_off.CUSTOMIZATION)]
    assert gone(trainer)
    with pytest.raises(RuntimeError, match="after the engine was closed"):
        bench.start(lines(records(8)))


def test_a_trainer_that_dies_is_told_with_its_last_error(bench, program):
    program("raise MemoryError('no room')")
    assert bench.run(lines(records(8))).failure_message == "MemoryError: no room"
    program(WAITING)
    job = bench.start(lines(records(8)))
    until(lambda: job.phases["training"] == "InProgress")
    os.kill(trainer_of(job), signal.SIGKILL)
    assert job.ended.wait(10) and job.phases["training"] == "Failed"
    assert "code -9" in job.failure_message


def test_a_part_that_is_missing_is_named_with_its_command(bench, program):
    program(
        "import sys; from pocketaws.bedrock_tuning import tune; tune.NEEDED += ('peft_of_mars',);"
        "import pathlib; sys.exit(tune.main(pathlib.Path(sys.argv[1])))"
    )
    job = bench.run(lines(records(8)))
    assert job.failure_message == (
        "tuning in the local AWS needs peft_of_mars, which its Python does not have. "
        f"Fix: {sys.executable} -m pip install peft_of_mars"
    )


def test_no_trainer_outlives_a_server_that_is_killed(bench, bare_aws, tmp_path):
    uri = bench.put(lines(records(8)))
    text = f"""
import sys; sys.path[:0] = {sys.path!r}
import test_pocketaws_bedrock_tuning as tests
tests.TuningRun._argv = lambda run: [sys.executable, "-c", tests.WAITING, str(run.folder)]
bench = tests.Bench({bare_aws!r}, {str(tmp_path / "killed")!r})
job = bench.start({uri!r})
tests.until(lambda: job.phases["training"] == "InProgress")
print(job.id, flush=True)
input()
"""
    server = subprocess.Popen(
        [sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        job = SimpleNamespace(id=server.stdout.readline().strip())
        trainer = trainer_of(job)
        assert alive(trainer)
        server.kill()
        assert gone(trainer)
    finally:
        server.kill()
        server.communicate()
