"""How the tests of the fixes provoke errors: a registry by row, and a world in which things go wrong.

    @provokes("no-such-key")
    def _(world):
        world.s3.get_object(Bucket=world.bucket, Key="nothing")     # what it raises is the error

A provocation may also return a text, or (FailureReason, lines of the log) of a job that failed.
"""

import contextlib
import io
import itertools
import json
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from local_server import Process, until
from tuneaws.logs import log_lines
from tuneaws.session import Session

REGION, ACCOUNT = "us-east-1", "123456789012"
REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
IMAGE = f"{REGISTRY}/huggingface-pytorch-training:2.8.0-transformers4.56.2-cpu-py312"
LOADER = botocore.loaders.create_loader()
PROVOKED: dict = {}
KINDS = itertools.cycle(("ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge"))
numbers = itertools.count(1)


def provokes(row: str):
    """Register a function as what provokes the error of a row of the table."""

    def register(function):
        assert row not in PROVOKED, f"{row} is provoked twice"
        PROVOKED[row] = function
        return function

    return register


def provoke(row: str, world):
    """(error of a row, whether a client raised it): an exception, a text, or (reason, lines)."""
    try:
        given = PROVOKED[row](world)
    except (ClientError, BotoCoreError) as err:
        return err, True
    assert isinstance(given, (str, tuple, BotoCoreError)), f"{row} was not provoked: {given!r}"
    return given, False


def boto_session(*keys, **named) -> boto3.Session:
    """A boto3 session that shares what it reads of the services with the others: each takes 0.3 s else."""
    core = botocore.session.get_session()
    core.register_component("data_loader", LOADER)
    return boto3.Session(*keys, botocore_session=core, **named)


def trust(service: str) -> str:
    """A trust policy for a service."""
    allow = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [allow]})


def tarball(files: dict) -> bytes:
    """A .tar.gz of {name: text or bytes}."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def new_name(kind: str = "fix") -> str:
    """A name that nothing has yet."""
    return f"{kind}-{next(numbers)}"


class Place:
    """One running local AWS with what most requests need: a bucket, another one abroad, two roles."""

    def __init__(self, url: str, home):
        self.url, self.home = url, home
        boto = boto_session("testing", "testing", region_name=REGION)
        self.session = Session("local", REGION, ACCOUNT, boto, f"arn:aws:iam::{ACCOUNT}:root", url, home)
        self._clients: dict = {}
        self.s3, self.sm, self.iam = (self.client(name) for name in ("s3", "sagemaker", "iam"))
        self.bedrock = self.client("bedrock")
        self.bucket, self.abroad = "fixes-here", "fixes-abroad"
        self.s3.create_bucket(Bucket=self.bucket)
        where = {"LocationConstraint": "eu-west-1"}
        self.client("s3", "eu-west-1").create_bucket(Bucket=self.abroad, CreateBucketConfiguration=where)
        self.put("data/rows.jsonl", "{}\n")
        self.role, self.bedrock_role = self._role("sagemaker"), self._role("bedrock")

    def _role(self, service: str) -> str:
        """The ARN of a role that a service may assume."""
        trusted = trust(f"{service}.amazonaws.com")
        made = self.iam.create_role(RoleName=f"fixes-{service}", AssumeRolePolicyDocument=trusted)
        return made["Role"]["Arn"]

    def client(self, service: str, region: str = REGION, **more):
        """A client of this place's session, as a lesson has it, but for another region."""
        key = (service, region)
        if more or key not in self._clients:
            made = self.session.boto.client(service, region_name=region, endpoint_url=self.url, **more)
            if more:
                return made
            self._clients[key] = made
        return self._clients[key]

    def once(self, service: str):
        """A client that tries once."""
        return self.client(service, config=Config(retries={"total_max_attempts": 1}))

    def put(self, key: str, body) -> str:
        """Put an object; its URI."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    @contextlib.contextmanager
    def rehearsing(self, name: str, content):
        """One of the files in the home that the local AWS rehearses a refusal by."""
        path = self.home / name
        path.write_text(json.dumps(content))
        try:
            yield
        finally:
            path.unlink()

    # training jobs

    def request(self, **changes) -> dict:
        """A CreateTrainingJob that is right, with a new name; a change of None takes a member out."""
        request = {
            "TrainingJobName": new_name(),
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": self.role,
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **changes,
        }
        return {name: value for name, value in request.items() if value is not None}

    def train(self, **changes) -> str:
        """Send request(**changes); the job's name."""
        request = self.request(**changes)
        self.sm.create_training_job(**request)
        return request["TrainingJobName"]

    def data(self, uri: str, name: str = "training", **more) -> dict:
        """An input channel."""
        source = {"S3DataType": "S3Prefix", "S3Uri": uri, **more}
        return {"ChannelName": name, "DataSource": {"S3DataSource": source}}

    def script(self, files: dict | bytes, program: str = "train.py", hyperparameters: dict | None = None,
               **changes) -> str:  # fmt: skip
        """Start a job that runs a script; its name. Instance types take turns: each has its quota."""
        kind = next(KINDS)
        changes.setdefault("ResourceConfig", {"InstanceType": kind, "InstanceCount": 1, "VolumeSizeInGB": 5})
        name = changes.setdefault("TrainingJobName", new_name())
        code = self.put(
            f"code/{name}/sourcedir.tar.gz", files if isinstance(files, bytes) else tarball(files)
        )
        given = {"sagemaker_program": program, "sagemaker_submit_directory": code, **(hyperparameters or {})}
        encoded = {key: json.dumps(value) for key, value in given.items()}
        return self.train(HyperParameters=encoded, **changes)

    def ended(self, name: str) -> dict:
        """The description of a job when it has ended."""
        job: dict = {}

        def over() -> bool:
            job.update(self.sm.describe_training_job(TrainingJobName=name))
            return job["TrainingJobStatus"] in ("Completed", "Failed", "Stopped")

        until(over, 60)
        return job

    def words(self, name: str) -> tuple:
        """(FailureReason, the lines of its log) of a job that has failed."""
        job = self.ended(name)
        assert job["TrainingJobStatus"] == "Failed", f"{name} is {job['TrainingJobStatus']}"
        return job["FailureReason"], log_lines(self.client("logs"), name)


class World(Place):
    """The shared local AWS, and a second one that may be told to refuse, and be killed.

    Slow things are begun together when the world is made: begun(row) waits for one of them.
    """

    def __init__(self, local_aws, folder):
        self._started = time.monotonic()
        self._home = folder / "home"
        self._process = Process(self._home, "--port", "0")  # comes up while the jobs below start
        super().__init__(local_aws.url, local_aws.home)
        self._pool, self._begun, self._strict = ThreadPoolExecutor(6), {}, None
        self.closing = contextlib.ExitStack()

    def begin(self, row: str, function) -> None:
        """Start something slow; its result, or the error that it raised, is begun(row)."""
        self._begun[row] = self._pool.submit(function, self)

    def begun(self, row: str):
        """The result of what was begun for a row."""
        return self._begun[row].result(60)

    def settled(self) -> None:
        """Wait until all is begun: whoever changes this process for a moment must be alone in it."""
        for waiting in self._begun.values():
            waiting.exception(60)

    @property
    def strict(self) -> Place:
        """The second local AWS: its home may have files that refuse, and nobody else is in it."""
        if self._strict is None:
            self._strict = Place(self._process.url(), self._home)
        return self._strict

    def kill(self) -> None:
        """SIGKILL to the second local AWS."""
        self._process.send(9)
        self._process.end()

    def close(self) -> None:
        """End everything that was started here."""
        self.closing.close()
        self._pool.shutdown(cancel_futures=True)
        self._process.__exit__()
