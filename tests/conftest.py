"""What every test shares: one local AWS for the whole run, a role, a bucket, and no way to the network."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import botocore.session
import psutil
import pytest
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[1]
REGION = "us-east-1"
READY_WITHIN_S = 120
MARK = "TUNEAWS_TEST_RUN"  # an environment variable that every process of a run inherits

# Before anything reads them: no profile, no credentials and no endpoint of the person who runs the tests.
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]
os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_DEFAULT_REGION=REGION,
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
    HF_HUB_OFFLINE="1",
)
# One reader of AWS's models for all sessions of a run: each session would read them anew, 0.1 s a client.
_MODELS = botocore.session.Session().get_component("data_loader")


def _the_one_loader(session):
    session.get_config_variable("data_path")  # as botocore does here: a profile that is not there is an error
    return _MODELS


botocore.session.Session._register_data_loader = lambda session: session._components.lazy_register_component(
    "data_loader", lambda: _the_one_loader(session)
)
# Before PyTorch is imported: its threads sleep while they wait. By default they spin, and on a machine with
# other work tests that compute in this process took five times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Under nohup, or started with & by a script, these two are ignored, and every child inherits that: a test
# that sends Ctrl-C would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@dataclass
class LocalAws:
    """A running `python -m pocketaws`, as a stranger's program sees it.

    url   such as "http://127.0.0.1:40123"      home  its folder      pid  its process
    log   the file that takes its stderr
    """

    url: str
    home: Path
    pid: int
    log: Path
    _clients: dict = field(default_factory=dict, repr=False)

    def client(self, service: str):
        """A raw boto3 client for this AWS, made once a service. It never retries: a 500 is seen at once."""
        if service not in self._clients:
            self._clients[service] = boto3.session.Session(region_name=REGION).client(
                service, endpoint_url=self.url, config=Config(retries={"total_max_attempts": 1})
            )
        return self._clients[service]

    def wait_for_job(self, name: str, timeout_s: float = 120) -> dict:
        """Ask DescribeTrainingJob until the job has ended; return its last answer, whatever the status."""
        ended = {"Completed", "Failed", "Stopped"}
        describe = self.client("sagemaker").describe_training_job
        deadline = time.monotonic() + timeout_s
        while (job := describe(TrainingJobName=name))["TrainingJobStatus"] not in ended:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} is still {job['SecondaryStatus']} after {timeout_s} s")
            time.sleep(0.1)
        return job


@pytest.fixture(scope="session")
def course_root() -> Path:
    """The folder that holds config.yaml."""
    return ROOT


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory):
    """One pocketaws for the whole run. At the end: SIGTERM, exit code 0, and no process left behind."""
    folder = tmp_path_factory.mktemp("local_aws")
    mark = uuid.uuid4().hex
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "code"), MARK: mark}
    log = folder / "stderr.txt"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "pocketaws", "--port", "0", "--home", str(folder / "home")],
            env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=stderr, text=True,
        )  # fmt: skip
    try:
        yield LocalAws(_ready_url(process, log), folder / "home", process.pid, log)
        process.terminate()
        assert process.wait(timeout=60) == 0, f"exit code {process.returncode}:\n{log.read_text()[-2000:]}"
        assert not _marked(mark), f"pocketaws left processes behind: {_marked(mark)}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        for left in _marked(mark):
            left.kill()


def _ready_url(process: subprocess.Popen, log: Path) -> str:
    """Read the ready line. Raises RuntimeError with the server's own words if it does not come in time."""
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.append(process.stdout.readline()), daemon=True)
    reader.start()
    reader.join(READY_WITHIN_S)
    line = lines[0].strip() if lines else ""
    if not line.startswith("AWS_ENDPOINT_URL=http://127.0.0.1:"):
        raise RuntimeError(
            f"no ready line from pocketaws but {line!r}; its stderr:\n{log.read_text()[-2000:]}"
        )
    return line.partition("=")[2]


def _marked(mark: str) -> list[psutil.Process]:
    """The live processes that inherited this run's mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue  # gone meanwhile, or another user's
    return found


@pytest.fixture(scope="session")
def role_arn(local_aws) -> str:
    """A role that SageMaker may assume."""
    trust = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",'
        ' "Principal": {"Service": "sagemaker.amazonaws.com"}}]}'
    )
    role = local_aws.client("iam").create_role(RoleName="tests-sagemaker", AssumeRolePolicyDocument=trust)
    return role["Role"]["Arn"]


@pytest.fixture
def same_environment():
    """Leave os.environ, boto3's default session and the SDK as they were: connect() changes them."""
    from tuneaws import environment

    before = dict(os.environ)
    yield
    environment.leave()
    os.environ.clear()
    os.environ.update(before)
    boto3.DEFAULT_SESSION = None


@pytest.fixture
def bucket(local_aws):
    """A fresh, empty bucket; emptied and deleted after the test."""
    s3 = local_aws.client("s3")
    name = f"test-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=name)
    yield name
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for row in page.get("Contents", []):
            s3.delete_object(Bucket=name, Key=row["Key"])
    s3.delete_bucket(Bucket=name)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway in this process whose engines are fakes: training_api.TrainingApi."""
    from training_api import TrainingApi

    served = TrainingApi(tmp_path_factory.mktemp("home"))
    yield served
    served.close()


@pytest.fixture
def aws(gateway):
    """The module's gateway; what a test left running is ended after it, since quotas count it."""
    yield gateway
    gateway.end_all()


@pytest.fixture(autouse=True, scope="session")
def only_loopback():
    """Refuse any connection of the test process that would leave this machine."""
    connect = socket.socket.connect

    def checked(self, address):
        host = address[0] if self.family in (socket.AF_INET, socket.AF_INET6) else "localhost"
        if host not in ("localhost", "127.0.0.1", "::1"):
            raise AssertionError(f"a test tried to reach {address}: tests need no network")
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked)
        yield


_skips: list[tuple[str, str]] = []


def pytest_runtest_logreport(report):
    """Note each skip, of a test or of a whole module, with its reason."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skips.append((report.nodeid, reason.removeprefix("Skipped").removeprefix(":").strip()))


pytest_collectreport = pytest_runtest_logreport


def pytest_sessionfinish(session, exitstatus):
    if exitstatus == pytest.ExitCode.OK and os.environ.get("CI") and _without_reason():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    if os.environ.get("CI"):
        terminalreporter.write_line(f"skipped: {len(_skips)}")
        for nodeid in _without_reason():
            terminalreporter.write_line(f"FAILED {nodeid}: skipped without a reason")


def _without_reason() -> list[str]:
    return [nodeid for nodeid, reason in _skips if reason in ("", "unconditional skip")]
