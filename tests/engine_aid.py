"""What the engine's tests share: S3, logs and CloudWatch on loopback, jobs made by hand, scripts as text."""

import io
import logging
import tarfile
import threading
import time
import uuid

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pocketaws.sagemaker.job import TrainingJob
from pocketaws.training.engine import Engine
from pocketaws.training.layout import LOG_GROUP

logging.getLogger("werkzeug").setLevel(logging.WARNING)
REGION = "us-east-1"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:2.9-transformers5.3.0-cpu"


class Bench:
    """An engine over a bare moto: `run` a script as a training job and look at what came of it."""

    def __init__(self, url: str, home):
        self.url = url
        self.home = home
        self.s3, self.logs, self.cloudwatch = (
            boto3.client(service, endpoint_url=url, region_name=REGION)
            for service in ("s3", "logs", "cloudwatch")
        )
        self.bucket = f"engine-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.engine = Engine(home, url, term_grace_s=2.0)

    def close(self) -> None:
        """End the engine's jobs at once, and close every connection."""
        self.engine.close(grace_s=0)
        for client in (self.s3, self.logs, self.cloudwatch):
            client.close()

    def put(self, key: str, body: bytes | str) -> str:
        """Put an object; its URI."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def get(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def keys(self, prefix: str = "") -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [row["Key"] for row in listed.get("Contents", [])]

    def request(self, files=None, program="train.py", hyperparameters=None, **members) -> dict:
        """A CreateTrainingJob for script mode; members replace or add to it."""
        name = members.pop("name", f"job-{uuid.uuid4().hex[:10]}")
        given = dict(hyperparameters or {})
        if files is not None:
            uri = self.put(f"{name}/source/sourcedir.tar.gz", tarball(files))
            given.update(sagemaker_program=f'"{program}"', sagemaker_submit_directory=f'"{uri}"')
        request = {
            "TrainingJobName": name,
            "RoleArn": "arn:aws:iam::123456789012:role/r",
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "HyperParameters": given,
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/results"},
            "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        }
        request.update(members)
        return request

    def start(self, request: dict) -> TrainingJob:
        job = TrainingJob(request, REGION, "123456789012")
        self.engine.start(job)
        return job

    def run(self, script: str | None = None, wait_s: float = 60, **members) -> TrainingJob:
        """Run a script (or what members say) and wait for the job's end."""
        if script is not None:
            members["files"] = {"train.py": script, **members.get("files", {})}
        job = self.start(self.request(**members))
        assert job.ended.wait(wait_s), f"still {job.secondary_status} after {wait_s} s; {self.log(job)[-5:]}"
        return job

    def streams(self, job: TrainingJob) -> list[str]:
        try:
            found = self.logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job.name}/")
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        return sorted(row["logStreamName"] for row in found["logStreams"])

    def log(self, job: TrainingJob, host: int = 0) -> list[str]:
        """Every message of one host's log, in order; empty while there is no log."""
        streams = self.streams(job)
        if len(streams) <= host:
            return []
        return [event["message"] for event in self.events(streams[host])]

    def events(self, stream: str) -> list[dict]:
        found, token = [], {}
        while True:
            page = self.logs.get_log_events(
                logGroupName=LOG_GROUP, logStreamName=stream, startFromHead=True, **token
            )
            found += page["events"]
            if not page["events"]:
                return found
            token = {"nextToken": page["nextForwardToken"]}

    def until_logged(self, job: TrainingJob, text: str, wait_s: float = 30) -> list[str]:
        """Wait until a line with this text is in the job's log; the log."""
        deadline = time.monotonic() + wait_s
        while text not in "\n".join(lines := self.log(job)):
            assert time.monotonic() < deadline, f"no {text!r} within {wait_s} s; {lines[-5:]}"
            assert not job.ended.is_set(), f"the job ended without {text!r}: {job.failure_reason}; {lines}"
            time.sleep(0.02)
        return lines

    def archive(self, key: str) -> dict[str, bytes]:
        """The files of a .tar.gz in the bucket."""
        with tarfile.open(fileobj=io.BytesIO(self.get(key))) as tar:
            return {row.name: tar.extractfile(row).read() for row in tar.getmembers() if row.isfile()}


def tarball(files: dict[str, str | bytes]) -> bytes:
    """A sourcedir.tar.gz of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def alive(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int, wait_s: float = 10) -> bool:
    """Wait for a process to go; whether it went."""
    deadline = time.monotonic() + wait_s
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture(scope="session", name="bare_aws")
def a_bare_aws():
    """The address of a bare moto server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    server.stop()


@pytest.fixture(name="bench")
def a_bench(bare_aws, tmp_path):
    """A Bench whose engine is closed at the end and leaves no thread behind."""
    made = Bench(bare_aws, tmp_path / "home")
    yield made
    made.close()
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("job ")]
    assert not left, f"threads left behind: {left}"
