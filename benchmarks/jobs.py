"""What a training job costs on top of its script: the same script by hand and through pocketaws."""

import io
import itertools
import json
import statistics
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import servers
import timing
from report import BenchError, Figure

LIMIT_S = 3.0  # a job may take so much longer than its script by hand
JOB_LIMIT_S = 300
POLL_S = 0.05  # a describe takes about 5 ms
BUCKET = "bench-jobs"
TRAINING = servers.CODE / "container" / "training"
HUB = servers.CODE / "pocketaws" / "hub"
IMAGE = ("763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:"
         "2.8.0-transformers4.56.2-gpu-py312-cu129-ubuntu22.04")  # fmt: skip
MAY_ASSUME = {
    "Effect": "Allow",
    "Principal": {"Service": "sagemaker.amazonaws.com"},
    "Action": "sts:AssumeRole",
}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [MAY_ASSUME]})
METRICS = [{"Name": "train:loss", "Regex": " loss=([0-9.eE+-]+|nan|inf)"},
           {"Name": "train:tokens_per_s", "Regex": " tokens_per_s=([0-9.eE+-]+)"}]  # fmt: skip
HELLO = """import os
print("[metric] step=1 loss=0.5", flush=True)
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write("hello")
"""
SETTINGS = {
    "model_id": "pocketaws/chat-1m", "per_device_train_batch_size": 16, "max_seq_length": 512,
    "learning_rate": 0.006, "logging_steps": 5, "merge_weights": True, "seed": 42,
}  # fmt: skip
USER = "Summarize this conversation in one sentence.\n\n"
numbers = itertools.count(1)


def overhead(out: Path, rounds: int, steps: int) -> Iterator[Figure]:
    """A script that does nothing and the QLoRA script, each in turns by hand and as a job."""
    data = chat_rows(out)
    scripts = [
        ("a script that does nothing", {"hello.py": HELLO}, "hello.py", {}),
        (f"train_qlora.py, {steps} steps", source(), "train_qlora.py", {**SETTINGS, "max_steps": steps}),
    ]
    with servers.pocketaws(out) as server:
        for what, files, program, settings in scripts:
            job = JobSide(server, files, program, settings, data)
            sides = {"by hand": HandSide(out, files, program, settings, data).run, "as a job": job.run}
            taken = timing.interleaved(sides, rounds, warm_up=int(program == "hello.py"))
            more = timing.difference(taken, "as a job", "by hand")
            detail = f"{timing.medians(taken)}; of the job: {job.phases(rounds)}"
            yield Figure("job", f"A job longer than {what}", more, "s", LIMIT_S, detail, taken)


def source() -> dict[str, str]:
    """{name: text} of the folder that the course ships to a training job."""
    return {path.name: path.read_text(encoding="utf-8") for path in TRAINING.iterdir() if path.is_file()}


def chat_rows(out: Path) -> Path:
    """A new folder in out with the training rows of the shipped data set, as the course's chat rows."""
    folder = Path(tempfile.mkdtemp(prefix="data-", dir=out))
    lines = (HUB / "datasets" / "dialogues" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    with (folder / "train.jsonl").open("w", encoding="utf-8") as file:
        for row in map(json.loads, lines):
            turns = [("user", USER + row["dialogue"]), ("assistant", row["summary"])]
            messages = [{"role": role, "content": text} for role, text in turns]
            file.write(json.dumps({"messages": messages}) + "\n")
    return folder


class HandSide:
    """The script started by hand, in a folder laid out as SageMaker does, told by SM_* variables.

    files     {name: text} of the source directory     data   the folder of the training channel
    settings  hyperparameters; a hub id becomes the model's folder, for there is no hub by hand
    """

    def __init__(self, out: Path, files: dict, program: str, settings: dict, data: Path):
        self.root = Path(tempfile.mkdtemp(prefix="hand-", dir=out))
        self.log = self.root / "log.txt"
        (self.root / "code").mkdir()
        for name, text in files.items():
            (self.root / "code" / name).write_text(text, encoding="utf-8")
        settings = dict(settings)
        if "model_id" in settings:
            settings["model_id"] = HUB / "models" / settings["model_id"].rpartition("/")[2]
        self.command = [sys.executable, program]
        self.command += [str(word) for name, value in settings.items() for word in (f"--{name}", value)]
        self.variables = {
            "SM_MODEL_DIR": str(self.root / "model"),
            "SM_OUTPUT_DATA_DIR": str(self.root / "output" / "data"),
            "SM_CHANNEL_TRAINING": str(data),
            "HF_HUB_OFFLINE": "1",
            "PYTHONUNBUFFERED": "1",
        }  # fmt: skip

    def run(self) -> float:
        """Run it once; the seconds from its start to its end."""
        (self.root / "model").mkdir(exist_ok=True)
        return servers.run_command(self.command, self.log, self.root / "code", JOB_LIMIT_S, **self.variables)

    def metrics(self) -> dict:
        """The train_metrics.json of the last run."""
        return json.loads((self.root / "output" / "data" / "train_metrics.json").read_text(encoding="utf-8"))


class JobSide:
    """The same script as a training job, by raw boto3; source and data are in S3 before the clock starts."""

    def __init__(self, server: servers.Server, files: dict, program: str, settings: dict, data: Path):
        self.name = name = program.partition(".")[0].replace("_", "-")
        self.sagemaker = server.client("sagemaker")
        self.ended: list[dict] = []  # the last description of each job
        s3, iam = server.client("s3"), server.client("iam")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=f"{name}/sourcedir.tar.gz", Body=tarball(files))
        submit = f"s3://{BUCKET}/{name}/sourcedir.tar.gz"
        given = {"sagemaker_program": program, "sagemaker_submit_directory": submit, **settings}
        try:
            role = iam.create_role(RoleName="bench", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        except iam.exceptions.EntityAlreadyExistsException:
            role = iam.get_role(RoleName="bench")["Role"]["Arn"]
        self.request = {
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE, "TrainingInputMode": "File", "MetricDefinitions": METRICS},
            "HyperParameters": {key: json.dumps(value) for key, value in given.items()},
            "RoleArn": role,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/{name}/output"},
            "ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": JOB_LIMIT_S},
        }  # fmt: skip
        for path in data.iterdir():
            s3.upload_file(str(path), BUCKET, f"{name}/training/{path.name}")
        where = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/training/"}
        channel = {"ChannelName": "training", "DataSource": {"S3DataSource": where}}
        self.request["InputDataConfig"] = [channel]

    def run(self) -> float:
        """Run it once; seconds from CreateTrainingJob to the first answer that says Completed.

        Raises BenchError when it ends otherwise, or not within JOB_LIMIT_S.
        """
        name = f"{self.name}-{next(numbers)}"
        begun = time.perf_counter()
        self.sagemaker.create_training_job(TrainingJobName=name, **self.request)
        while True:
            job = self.sagemaker.describe_training_job(TrainingJobName=name)
            taken = time.perf_counter() - begun
            if job["TrainingJobStatus"] == "Completed":
                self.ended.append(job)
                return taken
            if job["TrainingJobStatus"] != "InProgress" or taken > JOB_LIMIT_S:
                raise BenchError(f"{name} is {job['SecondaryStatus']}: {job.get('FailureReason', '')}")
            time.sleep(POLL_S)

    def phases(self, newest: int) -> str:
        """Median seconds of each secondary status of the newest jobs: "Starting 0.05, Downloading 0.30 s"."""
        spent: dict[str, list[float]] = {}
        for job in self.ended[-newest:]:
            for each in job["SecondaryStatusTransitions"]:
                seconds = (each.get("EndTime", each["StartTime"]) - each["StartTime"]).total_seconds()
                spent.setdefault(each["Status"], []).append(seconds)
        spent.pop("Completed", None)
        return ", ".join(f"{name} {statistics.median(each):.2f}" for name, each in spent.items()) + " s"


def tarball(files: dict[str, str]) -> bytes:
    """A sourcedir.tar.gz of {name: text}."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()
