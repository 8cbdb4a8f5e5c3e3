"""A hosting engine over a bare moto: deploy a script as an endpoint without the API, see what came of it."""

import threading
import time
import uuid

import boto3
import psutil
import pytest
from engine_aid import REGION, gone
from hosting_aid import IMAGE, tiny_archive
from pocketaws.hosting.engine import HostingEngine
from pocketaws.hosting.spec import ContainerSpec, EndpointSpec, VariantSpec
from pocketaws.sagemaker.endpoint import Endpoint

JSON = {"Content-Type": "application/json"}

# "sleep:2" sleeps, "exit" ends the process, "stream:5" sends five pieces as they are asked for by a file,
# anything else is answered with who answered it.
SCRIPT = """
import json, os, pathlib, time

def model_fn(model_dir):
    print("model loaded from", os.path.basename(model_dir), flush=True)
    return os.environ.get("NAME", "")

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(data, model):
    if data == "exit":
        os._exit(3)
    if data == "fail":
        raise ValueError("this payload is not wanted")
    if isinstance(data, dict) and "sleep" in data:
        time.sleep(data["sleep"])
    return {"data": data, "pid": os.getpid(), "name": model}

def output_fn(prediction, accept):
    data = prediction["data"]
    return pieces(**data) if isinstance(data, dict) and "stream" in data else json.dumps(prediction)

def pieces(stream, folder):
    folder = pathlib.Path(folder)
    try:
        for number in range(stream):
            while number and not (folder / str(number)).exists():
                yield ""
                while (folder / "asleep").exists():
                    time.sleep(0.005)
                time.sleep(0.005)
            yield f"piece {number};"
    finally:
        (folder / "closed").touch()
"""


class HostingBench:
    """`deploy` a script and wait; `ask` it; `processes` are those of the engine."""

    def __init__(self, url: str, home):
        self.home = home
        self.s3, self.logs, self.cloudwatch = (
            boto3.client(service, endpoint_url=url, region_name=REGION)
            for service in ("s3", "logs", "cloudwatch")
        )
        self.bucket = f"hosting-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.engine = HostingEngine(home, url, term_grace_s=2.0)

    def put(self, body: bytes, key: str = "") -> str:
        """Put an object; its URI."""
        key = key or f"{uuid.uuid4().hex}/model.tar.gz"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def variant(self, source: str = SCRIPT, name: str = "AllTraffic", files=None, **given) -> VariantSpec:
        """A variant of a script. given: weight, instance_count, startup_timeout_s, image, environment, …"""
        container = {"image": IMAGE, "environment": {}, "model_prefix": None}
        container.update({key: given.pop(key) for key in list(given) if key in (*container, "model_data")})
        if "model_data" not in container and container["model_prefix"] is None:
            container["model_data"] = self.put(tiny_archive(source, files))
        return VariantSpec(name, f"model-{name}", ContainerSpec(**container), "ml.m5.xlarge", **given)

    def spec(self, *variants: VariantSpec) -> EndpointSpec:
        return EndpointSpec(f"config-{uuid.uuid4().hex[:8]}", variants)

    def create(self, *variants: VariantSpec) -> Endpoint:
        """Begin to create an endpoint."""
        spec = self.spec(*variants)
        endpoint = Endpoint(f"e-{uuid.uuid4().hex[:8]}", spec, REGION, "123456789012")
        self.engine.create(endpoint, spec)
        return endpoint

    def deploy(self, source: str = SCRIPT, **given) -> Endpoint:
        """Create an endpoint of one variant and wait until it is in service."""
        endpoint = self.create(self.variant(source, **given))
        self.rests(endpoint)
        assert endpoint.status == "InService", endpoint.failure_reason
        return endpoint

    def update(self, endpoint: Endpoint, *variants: VariantSpec) -> None:
        """Begin an update to another fleet."""
        spec = self.spec(*variants)
        assert endpoint.begin("Updating", spec)
        self.engine.update(endpoint, spec)

    def reweigh(self, endpoint: Endpoint, changes: dict) -> None:
        """Change weights and counts, and wait."""
        assert endpoint.begin("Updating")
        self.engine.update_weights(endpoint, changes)
        self.rests(endpoint)

    def delete(self, endpoint: Endpoint) -> None:
        """Delete an endpoint and wait."""
        deleted = threading.Event()
        endpoint.begin("Deleting")
        self.engine.delete(endpoint, deleted.set)
        assert deleted.wait(30), f"{endpoint.name} is not deleted after 30 s"

    def rests(self, endpoint: Endpoint, within_s: float = 60) -> None:
        """Wait until the endpoint is InService or Failed."""
        until(lambda: endpoint.status in ("InService", "Failed"), within_s, lambda: endpoint.status)

    def ask(self, endpoint: Endpoint, data: str = "1", **options):
        """Send JSON; the Answer."""
        return self.engine.invoke(endpoint, data.encode(), JSON, **options)

    def pid(self, endpoint: Endpoint, **options) -> int:
        """The process that answers now."""
        return self.ask(endpoint, **options).json["pid"]

    def log(self, endpoint: Endpoint) -> list[str]:
        """Every message of every container of the endpoint."""
        group = f"/aws/sagemaker/Endpoints/{endpoint.name}"
        lines = []
        for stream in self.logs.describe_log_streams(logGroupName=group)["logStreams"]:
            events = self.logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
            lines += [event["message"] for event in events]
        return lines

    def until_logged(self, endpoint: Endpoint, text: str) -> list[str]:
        """Wait for a line with this text; the log."""
        until(lambda: text in "\n".join(self.log(endpoint)), 20, lambda: self.log(endpoint)[-5:])
        return self.log(endpoint)

    def close(self) -> None:
        """End the engine and every connection."""
        self.engine.close(grace_s=0)
        for client in (self.s3, self.logs, self.cloudwatch):
            client.close()


def until(question, within_s: float, describe) -> None:
    """Wait until the answer is true. Raises AssertionError with describe() when it is not in time."""
    deadline = time.monotonic() + within_s
    while not question():
        assert time.monotonic() < deadline, f"not within {within_s} s: {describe()}"
        time.sleep(0.005)


def listening_ports(pid: int) -> list[int]:
    """The ports that a process listens on."""
    connections = psutil.Process(pid).net_connections(kind="tcp")
    return [each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN]


def descendants() -> set[int]:
    """Every process below this one."""
    return {child.pid for child in psutil.Process().children(recursive=True)}


def _bench(url: str, home):
    """A bench whose engine leaves no process, no folder and no thread behind."""
    before, threads = descendants(), set(threading.enumerate())
    made = HostingBench(url, home)
    yield made
    made.close()
    left = descendants() - before
    assert all(gone(pid) for pid in left), f"processes left behind: {left}"
    assert not (home / "endpoints").exists()
    names = [thread.name for thread in set(threading.enumerate()) - threads]
    assert not [name for name in names if name.startswith(("instance ", "change ", "delete "))], names


@pytest.fixture(name="bench", scope="module")
def a_hosting_bench(bare_aws, tmp_path_factory):
    """One bench for the tests of a file."""
    yield from _bench(bare_aws, tmp_path_factory.mktemp("hosting") / "home")


@pytest.fixture(name="own_bench")
def a_hosting_bench_of_its_own(bare_aws, tmp_path):
    """A bench that a test may close."""
    yield from _bench(bare_aws, tmp_path / "home")
