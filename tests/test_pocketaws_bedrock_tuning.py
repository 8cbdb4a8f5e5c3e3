"""The tuning engine: a real job over a bare moto, its phases, its files, and every way it can end."""

import csv
import io
import json
import threading
import uuid

import boto3
import pytest
from engine_aid import a_bare_aws, alive, gone  # noqa: F401  (a fixture)
from pocketaws.bedrock import foundation_models
from pocketaws.bedrock.customization_job import CustomizationJob
from pocketaws.bedrock_tuning.engine import TuningEngine

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


def test_eight_records_are_tuned_on_and_leave_bedrocks_two_files(bench):
    job = bench.run(lines(records(8)), lines(records(3)), epochCount="2")
    assert job.status == "Completed", job.failure_message
    assert set(job.phases.values()) == {"Completed"}
    training, validation = bench.table(job, TRAINING), bench.table(job, VALIDATION)
    assert list(training[0]) == ["step_number", "epoch_number", "training_loss", "perplexity"]
    assert [(row["step_number"], row["epoch_number"]) for row in training] == [("0", "0"), ("1", "1")]
    assert list(validation[0]) == ["step_number", "epoch_number", "validation_loss", "perplexity"]
    assert [row["epoch_number"] for row in validation] == ["0", "1"]
    assert job.training_loss == float(training[-1]["training_loss"])
    assert job.validation_losses == [float(validation[-1]["validation_loss"])]
    ((_, files, _),) = bench.finished
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= set(files)
    assert not list((bench.home / "bedrock" / "tuning").iterdir())
