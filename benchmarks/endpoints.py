"""What an endpoint costs on top of its model's process: whole answers, first pieces, many at once, memory.

The model echoes and needs no torch, so that the figures are pocketaws' own. One is of a real model, which is
held to nothing: its own time varies by more than pocketaws adds.
"""

import io
import itertools
import json
import statistics
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import jobs
import servers
import timing
import urllib3
from botocore.config import Config
from report import BenchError, Figure

OVERHEAD_LIMIT_MS, FIRST_PIECE_LIMIT_MS = 10.0, 20.0
AT_ONCE, PADDING = 200, 20_000
UP_WITHIN_S = 120
BUCKET = "bench-endpoints"
REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
TOOLKIT = f"{REGISTRY}/huggingface-pytorch-inference:2.6.0-transformers4.51.3-cpu-py312-ubuntu22.04"
VLLM = f"{REGISTRY}/vllm:0.11-gpu-py312"
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
ECHO = """
import time

def model_fn(model_dir):
    return None

def predict_fn(asked, model):
    return asked

def output_fn(asked, accept):
    import json
    return pieces() if asked.get("stream") else json.dumps(asked)

def pieces():
    yield b"%d" % time.monotonic_ns()
    time.sleep(0.01)
    yield b" and the rest"
"""
# One thread: on a busy machine torch's threads wait for each other, and 16 tokens take 1 s in place of 50 ms.
CHAT = {"SM_VLLM_MODEL": "pocketaws/chat-1m", "OMP_NUM_THREADS": "1"}
QUESTION = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 16, "ignore_eos": True}
numbers = itertools.count(1)


def overhead(out: Path, rounds: int) -> Iterator[Figure]:
    """InvokeEndpoint by boto3 against POST /invocations by urllib3, boto3's own transport, in turns."""
    with servers.pocketaws(out) as server:
        echo = Deployed(server, TOOLKIT, archive=echo_archive())
        yield echo.overhead("A whole answer of an echo", {"hello": "there"}, rounds)
        yield first_pieces(echo, rounds)
        yield from many_at_once(echo, max(2, rounds // 40))
        echo.delete()
        chat = Deployed(server, VLLM, environment=CHAT)
        yield chat.overhead("16 tokens of chat-1m", QUESTION, rounds // 2, limit_ms=None)
        chat.delete()


class Deployed:
    """An endpoint in service, and the process behind it.

    runtime   a boto3 client      direct   the address of the process's /invocations
    """

    def __init__(self, server: servers.Server, image: str, archive: bytes = b"", environment=None):
        self.server, self.name = server, f"bench-{next(numbers)}"
        self.runtime = boto3.session.Session("bench", "bench", region_name=servers.REGION).client(
            "sagemaker-runtime", endpoint_url=server.url,
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=AT_ONCE, proxies={}),
        )  # fmt: skip
        self._create(image, archive, environment or {})
        ports = list(server.home.glob(f"endpoints/{self.name}/*/*/port"))
        if len(ports) != 1:
            raise BenchError(f"{len(ports)} processes behind {self.name}, not 1")
        self.direct = f"http://127.0.0.1:{ports[0].read_text()}/invocations"
        self._pool = urllib3.PoolManager()

    def _create(self, image: str, archive: bytes, environment: dict) -> None:
        sagemaker, s3, iam = (self.server.client(service) for service in ("sagemaker", "s3", "iam"))
        container = {"Image": image, "Environment": environment}
        s3.create_bucket(Bucket=BUCKET)
        if archive:
            s3.put_object(Bucket=BUCKET, Key=f"{self.name}.tar.gz", Body=archive)
            container["ModelDataUrl"] = f"s3://{BUCKET}/{self.name}.tar.gz"
        role = iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=jobs.TRUST)["Role"]["Arn"]
        sagemaker.create_model(ModelName=self.name, ExecutionRoleArn=role, PrimaryContainer=container)
        variant = {"VariantName": "AllTraffic", "ModelName": self.name, "InstanceType": "ml.m5.large",
                   "InitialInstanceCount": 1}  # fmt: skip
        sagemaker.create_endpoint_config(EndpointConfigName=self.name, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=self.name, EndpointConfigName=self.name)
        deadline = time.monotonic() + UP_WITHIN_S
        while (found := sagemaker.describe_endpoint(EndpointName=self.name))["EndpointStatus"] != "InService":
            if found["EndpointStatus"] == "Failed" or time.monotonic() > deadline:
                raise BenchError(f"{self.name}: {found['EndpointStatus']}, {found.get('FailureReason')}")
            time.sleep(0.1)

    def delete(self) -> None:
        """Ask for its end; the processes go with the server at the latest."""
        self.server.client("sagemaker").delete_endpoint(EndpointName=self.name)

    def ask(self, body: bytes) -> bytes:
        """One answer through pocketaws."""
        answer = self.runtime.invoke_endpoint(
            EndpointName=self.name, Body=body, ContentType="application/json", Accept="application/json"
        )
        return answer["Body"].read()

    def ask_directly(self, body: bytes) -> bytes:
        """One answer of the process itself."""
        answer = self._pool.request("POST", self.direct, body=body, headers=JSON, retries=False)
        if answer.status != 200:
            raise BenchError(f"the model's process answered {answer.status}: {answer.data[:200]!r}")
        return answer.data

    def overhead(
        self, what: str, question: dict, rounds: int, limit_ms: float | None = OVERHEAD_LIMIT_MS
    ) -> Figure:
        """The medians' difference of the same question asked in both ways."""
        body = json.dumps(question).encode()
        sides = {"InvokeEndpoint": _untimed(self.ask, body), "the process": _untimed(self.ask_directly, body)}
        taken = timing.interleaved(sides, rounds, warm_up=5)
        more = timing.difference(taken, "InvokeEndpoint", "the process") * 1000
        label = f"{what}, longer than from the model's process"
        return Figure("endpoint", label, more, "ms", limit_ms, timing.medians(taken, 1000, "ms"), taken)


def _untimed(ask: Callable, body: bytes) -> Callable[[], None]:
    """A call whose own time counts, not what it returns."""
    return lambda: None if ask(body) else None


def first_pieces(endpoint: Deployed, rounds: int) -> Figure:
    """From the model's making its first piece to boto3's having it, by the clock that all processes share."""
    samples, body = [], json.dumps({"stream": True}).encode()
    for _ in range(rounds):
        answer = endpoint.runtime.invoke_endpoint_with_response_stream(
            EndpointName=endpoint.name, Body=body, ContentType="application/json"
        )
        pieces = iter(answer["Body"])
        made_ns = int(next(pieces)["PayloadPart"]["Bytes"])
        samples.append((time.monotonic_ns() - made_ns) / 1e9)
        if b"".join(event["PayloadPart"]["Bytes"] for event in pieces) != b" and the rest":
            raise BenchError("a stream came back shorter or longer than it is")
    latest = max(samples) * 1000
    detail = f"median of {rounds}; the slowest {latest:.2f} ms"
    return Figure("endpoint", "First piece of a stream, from the model to the client",
                  statistics.median(samples) * 1000, "ms", FIRST_PIECE_LIMIT_MS, detail,
                  {"pocketaws": samples})  # fmt: skip


def many_at_once(endpoint: Deployed, rounds: int) -> Iterator[Figure]:
    """AT_ONCE requests in threads, each for its own answer, several rounds; what stays of it in memory."""
    before = endpoint.server.memory_mb()
    samples = [one_round(endpoint) for _ in range(rounds)]
    detail = f"each an answer of {PADDING / 1000:.0f} kB of its own; median of {rounds} rounds"
    yield Figure("endpoint", f"{AT_ONCE} requests at once, all answered", statistics.median(samples), "s",
                 None, detail, {"pocketaws": samples})  # fmt: skip
    time.sleep(8)  # idle threads end after 5
    after = endpoint.server.memory_mb()
    yield Figure("endpoint", "Resident after them, the model's process and all", after, "MB", None,
                 f"{before:.0f} MB before them")  # fmt: skip


def one_round(endpoint: Deployed) -> float:
    """Seconds for AT_ONCE requests. Raises BenchError when one is lost or answered with another's answer."""
    answers: dict[int, dict] = {}

    def ask(index: int) -> None:
        question = {"id": index, "padding": "x" * PADDING}
        answers[index] = json.loads(endpoint.ask(json.dumps(question).encode()))

    asking = [threading.Thread(target=ask, args=(index,)) for index in range(AT_ONCE)]
    begun = time.perf_counter()
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    took_s = time.perf_counter() - begun
    wrong = [index for index in range(AT_ONCE) if answers.get(index, {}).get("id") != index]
    if wrong:
        raise BenchError(f"{len(wrong)} of {AT_ONCE} requests were lost, or answered with another's answer")
    return took_s


def echo_archive() -> bytes:
    """A model.tar.gz with the echo as its inference.py."""
    buffer, source = io.BytesIO(), ECHO.encode()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo("code/inference.py")
        info.size = len(source)
        tar.addfile(info, io.BytesIO(source))
    return buffer.getvalue()
