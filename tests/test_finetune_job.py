"""A learner's files as a training job, by raw boto3 alone: uploaded, trained, described."""

import io
import tarfile
import time
from pathlib import Path

import pytest
from test_finetune import mixed_folder
from tiny_chat import TRAINING
from tuneaws.metrics import METRIC_DEFINITIONS

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
IMAGE = (
    "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:"
    "2.8.0-transformers4.56.2-gpu-py312-cu129-ubuntu22.04"
)
SETTINGS = {
    "base_model": "pocketaws/chat-1m", "learning_rate": "6e-3", "batch_size": "16", "epochs": "1",
    "max_sequence_length": "128", "optimizer": "adamw", "weight_decay": "0.01", "max_steps": "20",
    "logging_steps": "5",
}  # fmt: skip
DEADLINE_S = 300


def sources() -> bytes:
    """sourcedir.tar.gz of the training folder, reading/ in it and all."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path in sorted(TRAINING.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.name != "requirements.txt":
                tar.add(path, path.relative_to(TRAINING).as_posix())
    return buffer.getvalue()


def train(local_aws, bucket: str, role_arn: str, folder: Path, **settings) -> tuple[dict, list[str]]:
    """(DescribeTrainingJob at the end, the log's lines) of finetune.py on the files of a folder."""
    s3, sagemaker, logs = (local_aws.client(name) for name in ("s3", "sagemaker", "logs"))
    s3.put_object(Bucket=bucket, Key="code/sourcedir.tar.gz", Body=sources())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        s3.upload_file(str(path), bucket, f"training/{path.relative_to(folder).as_posix()}")
    name = bucket[:50]
    where = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/training/"}
    sagemaker.create_training_job(
        TrainingJobName=name, RoleArn=role_arn,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File",
                                "MetricDefinitions": METRIC_DEFINITIONS},
        HyperParameters={**SETTINGS, **settings, "sagemaker_program": "finetune.py",
                         "sagemaker_submit_directory": f"s3://{bucket}/code/sourcedir.tar.gz"},
        InputDataConfig=[{"ChannelName": "training", "DataSource": {"S3DataSource": where}}],
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out"},
        ResourceConfig={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        StoppingCondition={"MaxRuntimeInSeconds": DEADLINE_S},
    )  # fmt: skip
    deadline = time.monotonic() + DEADLINE_S
    job = sagemaker.describe_training_job(TrainingJobName=name)
    while job["TrainingJobStatus"] == "InProgress" and time.monotonic() < deadline:
        time.sleep(0.2)
        job = sagemaker.describe_training_job(TrainingJobName=name)
    group = "/aws/sagemaker/TrainingJobs"
    stream = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=name)["logStreams"][0]
    where = {"logGroupName": group, "logStreamName": stream["logStreamName"]}
    events = logs.get_log_events(**where, startFromHead=True)
    return job, [event["message"] for event in events["events"]]


def losses(lines: list[str]) -> list[float]:
    return [float(line.partition(" loss=")[2].split()[0]) for line in lines if "[metric] step=" in line]


def test_a_channel_of_mixed_kinds_is_a_completed_job(local_aws, bucket, role_arn, tmp_path):
    mixed_folder(tmp_path / "files")
    job, lines = train(local_aws, bucket, role_arn, tmp_path / "files")
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), lines[-5:])
    assert losses(lines)[-1] < losses(lines)[0]
    assert {metric["MetricName"] for metric in job["FinalMetricDataList"]} >= {"train:loss"}
    log = "\n".join(lines)
    assert all(f"training: {name}: " in log for name in ("a.csv", "b.json", "c.jsonl", "d.txt", "e.csv.gz"))


def test_files_without_a_row_fail_the_job_with_the_reason(local_aws, bucket, role_arn, tmp_path):
    (tmp_path / "a.csv").write_text("prompt,completion\nx,\n")
    job, _ = train(local_aws, bucket, role_arn, tmp_path)
    assert job["TrainingJobStatus"] == "Failed"
    assert "none of the 1 rows can be used" in job["FailureReason"], job["FailureReason"]


def test_the_survey_of_new_zealand_is_a_completed_job(local_aws, bucket, role_arn):
    if not (SHARED / "stats_nz").exists():
        pytest.skip(f"the survey's files are not in {SHARED / 'stats_nz'}")
    job, lines = train(local_aws, bucket, role_arn, SHARED / "stats_nz")
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), lines[-5:])
    assert losses(lines)[-1] < losses(lines)[0] - 2
    log = "\n".join(lines)
    assert "35,604 rows read, 22,621 kept" in log  # the newer survey repeats the years of the older one
    assert "12,983 dropped: a duplicate" in log
