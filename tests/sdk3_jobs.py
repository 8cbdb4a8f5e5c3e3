"""Runs small real jobs on a local AWS with the SageMaker SDK 3 of this Python; prints what it saw as JSON.

    AWS_ENDPOINT_URL=http://127.0.0.1:4610 python sdk3_jobs.py      with code/ on PYTHONPATH

tests/test_sdk3.py runs it under SDK 3.12 and under the newest. Any try to leave the machine is noted.
"""

import contextlib
import importlib.metadata
import io
import json
import os
import socket
import sys
import tarfile
import tempfile
from pathlib import Path

LEFT_THE_MACHINE = []
TRAIN = """
import argparse, os, sys
parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int)
parser.add_argument("--exit", type=int, default=0)
steps = parser.parse_known_args()[0].steps
data = open(os.path.join(os.environ["SM_CHANNEL_TRAINING"], "rows.txt")).read()
for step in range(1, steps + 1):
    print(f"[metric] step={step} loss={1 / step:.4f}", flush=True)
code = parser.parse_known_args()[0].exit
if code:
    print("about to fail", flush=True)
    sys.exit(code)
open(os.path.join(os.environ["SM_MODEL_DIR"], "weights.txt"), "w").write(f"{steps} steps on {data}")
"""
IMAGE = (
    "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:"
    "2.8.0-transformers4.56.2-gpu-py312-cu129-ubuntu22.04"
)
METRICS = [{"Name": "train:loss", "Regex": " loss=([0-9.]+)"}]


def note_the_network() -> None:
    """Note every host that is looked up or connected to, other than this machine."""
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def noted(host):
        if host not in (None, "localhost", "127.0.0.1", "::1", b"127.0.0.1"):
            LEFT_THE_MACHINE.append(str(host))
            raise OSError(f"no network in tests: {host}")

    def checked_look_up(host, *rest, **more):
        noted(host)
        return look_up(host, *rest, **more)

    def checked_connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            noted(address[0])
        return connect(self, address)

    socket.getaddrinfo, socket.socket.connect = checked_look_up, checked_connect
    with contextlib.suppress(OSError):
        socket.create_connection(("seen.invalid", 80))
    assert LEFT_THE_MACHINE == ["seen.invalid"]
    LEFT_THE_MACHINE.clear()


def model_text(session, uri: str) -> str:
    """What the script wrote into its model."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body = session.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return tar.extractfile("weights.txt").read().decode()


def estimator_jobs(session, sm, data: str, source: str) -> dict:
    """fit(), attach(), and a job that fails."""
    from tuneaws.huggingface import HuggingFace

    arguments = dict(
        entry_point="train.py", source_dir=source, role="tuneaws-sagemaker", instance_type="ml.g5.xlarge",
        instance_count=1, transformers_version="4.56.2", pytorch_version="2.8.0", py_version="py312",
        metric_definitions=METRICS, max_run=300, sagemaker_session=sm,
    )  # fmt: skip
    one = HuggingFace(**arguments, hyperparameters={"steps": 3}, tags={"project": "tests"})
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        one.fit({"training": data})
    again = HuggingFace.attach(one.latest_training_job.name, sm)
    bad = HuggingFace(**arguments, hyperparameters={"steps": 1, "exit": 3}, base_job_name="bad")
    try:
        bad.fit({"training": data}, logs="None")
        failure = None
    except ValueError as err:
        failure = {"kind": type(err).__name__, "exit_code": err.exit_code, "reason": err.failure_reason}
    return {
        "printed": printed.getvalue().splitlines(),
        "model": model_text(session, one.model_data),
        "final_metrics": one.latest_training_job.describe()["FinalMetricDataList"],
        "analytics": one.training_job_analytics.dataframe().to_dict("records"),
        "attached": [again.model_data == one.model_data, again.hyperparameters() == one.hyperparameters()],
        "attached_tags": again.tags,
        "failure": failure,
    }


def model_trainer_job(session, sm, data: str, source: str) -> dict:
    """SDK 3's own way: ModelTrainer, and its TrainingJob resource."""
    from sagemaker.core.resources import TrainingJob
    from sagemaker.train.configs import InputData

    trainer = model_trainer(sm, session.role_arn, source)
    trainer.train(input_data_config=[InputData(channel_name="training", data_source=data)], wait=False)
    name = trainer._latest_training_job.training_job_name
    job = TrainingJob.get(name, session=session.boto, region=session.region)
    job.wait(poll=1, logs=True)
    job.refresh()
    found = [
        each.training_job_name for each in TrainingJob.get_all(session=session.boto, region=session.region)
    ]
    return {
        "status": job.training_job_status,
        "model": model_text(session, job.model_artifacts.s3_model_artifacts),
        "listed": name in found,
        "log": [event["message"] for event in log_of(session, name) if "[metric]" in event["message"]],
    }


def model_trainer(sm, role: str, source: str):
    """SDK 3's trainer of the script: an hour of ml.g5.xlarge at most."""
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import Compute, SourceCode, StoppingCondition

    return ModelTrainer(
        training_image=IMAGE,
        source_code=SourceCode(source_dir=source, entry_script="train.py"),
        compute=Compute(instance_type="ml.g5.xlarge", instance_count=1),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=3600),
        hyperparameters={"steps": 2},
        role=role,
        sagemaker_session=sm,
        base_job_name="trainer",
    )


def guarded_trainer(local, source: str) -> dict:
    """ModelTrainer with a session that says "aws", and budgets that its job is within, then over.

    The session's calls go to the local AWS, where nothing can bill.
    """
    import boto3
    from tuneaws import config, environment
    from tuneaws.costs import book
    from tuneaws.prices import PriceError
    from tuneaws.session import Session

    role = local.role_arn
    with tempfile.TemporaryDirectory() as folder:
        book.path_of = lambda facts: Path(folder, "ledger.jsonl")
        environment._forget_sdk_clients()  # as leaving the local AWS does
        boto = boto3.Session(region_name=local.region)
        session, said = Session("aws", local.region, local.account, boto, local.caller_arn), []
        for budget_usd in (2, 1):
            config.load(where="aws", budget_usd=budget_usd, total_budget_usd=20)
            try:
                with contextlib.redirect_stdout(io.StringIO()) as printed:
                    model_trainer(session.sagemaker(), role, source).train(wait=False)
                said += [line for line in printed.getvalue().splitlines() if "at worst" in line]
            except PriceError as err:
                said.append(str(err))
        made = [each["name"] for each in book.Book.of(session).entries() if each["what"] == "training job"]
    environment._forget_sdk_clients()
    return {"said": said, "in the ledger": len(made)}


def addresses_of_sdk_clients() -> list:
    """Where the SDK's own clients go, after this process has gone from one local AWS to another and back."""
    from sagemaker.core.utils.logs import CloudWatchLogsClient
    from sagemaker.core.utils.utils import SageMakerClient
    from tuneaws import environment

    found = []
    with tempfile.TemporaryDirectory() as folder:
        for url in ("http://127.0.0.1:9", "http://127.0.0.1:10"):
            environment.enter(url, "us-east-1", folder)
            clients = SageMakerClient().sagemaker_client, CloudWatchLogsClient().client
            found.append([client.meta.endpoint_url for client in clients])
        environment.leave()
    return found


def log_of(session, name: str) -> list:
    group = "/aws/sagemaker/TrainingJobs"
    stream = session.client("logs").describe_log_streams(logGroupName=group, logStreamNamePrefix=name + "/")
    (only,) = stream["logStreams"]
    return session.client("logs").get_log_events(
        logGroupName=group, logStreamName=only["logStreamName"], startFromHead=True
    )["events"]


def main() -> None:
    note_the_network()
    from tuneaws.session import connect

    session = connect("local")
    assert session.url == os.environ["AWS_ENDPOINT_URL"]
    bucket = f"sdk3-{os.getpid()}"
    session.client("s3").create_bucket(Bucket=bucket)
    session.client("s3").put_object(Bucket=bucket, Key="data/rows.txt", Body=b"7 rows")
    with tempfile.TemporaryDirectory() as source, contextlib.redirect_stdout(sys.stderr):
        Path(source, "train.py").write_text(TRAIN)
        sm, data, _ = session.sagemaker(), f"s3://{bucket}/data/", session.role_arn
        found = {
            "version": importlib.metadata.version("sagemaker"),
            "estimator": estimator_jobs(session, sm, data, source),
            "model_trainer": model_trainer_job(session, sm, data, source),
            "guarded": guarded_trainer(session, source),
            "addresses": addresses_of_sdk_clients(),
            "left_the_machine": LEFT_THE_MACHINE,
        }
    print(json.dumps(found, default=str))


if __name__ == "__main__":
    main()
