"""Many requests at real containers: none lost, none mixed up, no memory kept, no process left behind.

The model echoes and needs no torch, so what is measured is pocketaws and the container's server.
"""

import json
import os
import signal
import socket
import threading
import time

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hosting_aid import delete, deploy, log_lines, tiny_archive
from local_server import until

AT_ONCE, PADDING = 200, 100_000
MB = 1_000_000
MODEL = """
import json, os, pathlib, time

def model_fn(model_dir):
    return None

def predict_fn(asked, model):
    time.sleep(asked.get("sleep_s", 0))
    return asked

def output_fn(asked, accept):
    if "pieces" in asked:
        return pieces(asked)
    return json.dumps({"id": asked["id"], "pid": os.getpid(), "padding": asked.get("padding", "")})

def pieces(asked):
    try:
        for number in range(asked["pieces"]):
            yield f"piece {number}\\n".encode()
            while "folder" in asked and not pathlib.Path(asked["folder"], str(number)).exists():
                time.sleep(0.005)
            time.sleep(asked.get("each_s", 0))
    finally:
        print("the stream was closed", flush=True)
"""


@pytest.fixture(scope="module")
def runtime(local_aws):
    """A client that many threads share, with a connection for each."""
    return boto3.session.Session(region_name="us-east-1").client(
        "sagemaker-runtime", endpoint_url=local_aws.url,
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=AT_ONCE),
    )  # fmt: skip


@pytest.fixture(scope="module")
def endpoint(local_aws, role_arn):
    """One endpoint for the module; deleted at its end."""
    local_aws.client("s3").create_bucket(Bucket="invoke-load")
    name = deploy(local_aws, role_arn, "invoke-load", "load", tiny_archive(MODEL))
    yield name
    delete(local_aws, name)


def ask(runtime, endpoint: str, **asked) -> dict:
    """One answer of the model."""
    body = json.dumps(asked).encode()
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, Body=body, ContentType="application/json", Accept="application/json"
    )
    return json.loads(answer["Body"].read())


def at_once(number: int, ask_one) -> list:
    """ask_one(0), ask_one(1), … in so many threads; what each returned, or the error that it met."""
    found: list = [None] * number
    barrier = threading.Barrier(number)

    def work(index: int):
        barrier.wait(60)
        try:
            found[index] = ask_one(index)
        except Exception as err:  # noqa: BLE001  (the caller looks at it)
            found[index] = err

    workers = [threading.Thread(target=work, args=(index,)) for index in range(number)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    return found


def resident(pid: int) -> int:
    return psutil.Process(pid).memory_info().rss


def one_round(local_aws, runtime, endpoint: str, turn: int) -> list[float]:
    """AT_ONCE requests, each with a name of its own to be echoed; the seconds of S3 puts meanwhile."""

    def ask_one(index: int) -> dict:
        return ask(runtime, endpoint, id=f"{turn}-{index}", padding=f"{index:05}" * (PADDING // 5))

    answers: list = []
    asking = threading.Thread(target=lambda: answers.extend(at_once(AT_ONCE, ask_one)))
    asking.start()
    took_s = []
    while asking.is_alive():
        begun = time.monotonic()
        local_aws.client("s3").put_object(Bucket="invoke-load", Key="meanwhile", Body=b"x")
        took_s.append(time.monotonic() - begun)
        time.sleep(0.05)
    asking.join()
    errors = [answer for answer in answers if not isinstance(answer, dict)]
    assert not errors and len(answers) == AT_ONCE, errors[:3]
    assert [answer["id"] for answer in answers] == [f"{turn}-{index}" for index in range(AT_ONCE)]
    assert all(answer["padding"] == f"{at:05}" * (PADDING // 5) for at, answer in enumerate(answers))
    return took_s


def test_two_hundred_at_once_get_their_own_answers_and_no_memory_is_kept(local_aws, runtime, endpoint):
    pid = ask(runtime, endpoint, id="first")["pid"]
    kept, s3_s = {}, []
    for turn in range(1, 7):
        s3_s += one_round(local_aws, runtime, endpoint, turn)
        kept[turn] = resident(local_aws.pid), resident(pid)
    print(f"S3 meanwhile: {len(s3_s)} puts, slowest {max(s3_s) * 1000:.0f} ms; resident: {kept}")
    one_answer_each = 4 * AT_ONCE * PADDING  # what four rounds would leave if each answer stayed
    for which in (0, 1):
        grown = kept[6][which] - kept[2][which]
        assert grown < one_answer_each / 2, f"{grown / MB:.1f} MB more after round 6 than after round 2"
    assert len(s3_s) > 6


def test_a_killed_container_leaves_no_request_without_an_answer(local_aws, runtime, endpoint):
    pid = ask(runtime, endpoint, id="before")["pid"]
    killer = threading.Timer(0.3, os.kill, (pid, signal.SIGKILL))
    killer.start()
    answers = at_once(40, lambda index: ask(runtime, endpoint, id=index, sleep_s=0.05))
    killer.join()
    errors = [answer for answer in answers if isinstance(answer, Exception)]
    assert all(isinstance(error, ClientError) for error in errors), errors
    codes = {error.response["Error"]["Code"] for error in errors}
    assert codes and codes <= {"ModelError", "ServiceUnavailable"}
    right = [answer["id"] == index for index, answer in enumerate(answers) if isinstance(answer, dict)]
    assert all(right) and len(right) + len(errors) == 40

    def again():
        try:
            return ask(runtime, endpoint, id="after")
        except ClientError:
            return None

    assert until(again, 30)["pid"] != pid
    assert until(lambda: any("killed by SIGKILL" in line for line in log_lines(local_aws, endpoint)), 30)


def test_pieces_of_a_real_model_arrive_while_it_makes_the_next(runtime, endpoint, tmp_path):
    body = json.dumps({"pieces": 4, "folder": str(tmp_path)}).encode()
    answer = runtime.invoke_endpoint_with_response_stream(
        EndpointName=endpoint, Body=body, ContentType="application/json"
    )
    for number, event in enumerate(answer["Body"]):
        assert event["PayloadPart"]["Bytes"] == b"piece %d\n" % number
        (tmp_path / str(number)).touch()  # the model goes on only when its piece is here
    assert number == 3


def test_the_model_stops_when_its_client_goes_away(local_aws, runtime, endpoint):
    closed = sum("the stream was closed" in line for line in log_lines(local_aws, endpoint))
    body = json.dumps({"pieces": 10_000, "each_s": 0.02}).encode()
    answer = runtime.invoke_endpoint_with_response_stream(
        EndpointName=endpoint, Body=body, ContentType="application/json"
    )
    assert next(iter(answer["Body"]))["PayloadPart"]["Bytes"] == b"piece 0\n"
    answer["Body"].close()
    until(
        lambda: sum("the stream was closed" in line for line in log_lines(local_aws, endpoint)) > closed, 20
    )
    assert ask(runtime, endpoint, id="free again")["id"] == "free again"


def test_an_asynchronous_endpoint_answers_into_s3(local_aws, role_arn, runtime, endpoint):
    output = {"S3OutputPath": "s3://invoke-load/out", "S3FailurePath": "s3://invoke-load/failed"}
    config = {"OutputConfig": output, "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 4}}
    archive = tiny_archive(MODEL)
    name = deploy(local_aws, role_arn, "invoke-load", "later", archive, AsyncInferenceConfig=config)
    s3 = local_aws.client("s3")
    s3.put_object(Bucket="invoke-load", Key="in/1", Body=b'{"id": "from S3"}')
    source, kind = "s3://invoke-load/in/1", "application/json"
    good = runtime.invoke_endpoint_async(EndpointName=name, InputLocation=source, ContentType=kind)
    bad = runtime.invoke_endpoint_async(EndpointName=name, Body=b"no JSON", ContentType=kind)

    def content(uri: str) -> bytes | None:
        key = uri.removeprefix("s3://invoke-load/")
        found = s3.list_objects_v2(Bucket="invoke-load", Prefix=key).get("KeyCount")
        return s3.get_object(Bucket="invoke-load", Key=key)["Body"].read() if found else None

    assert json.loads(until(lambda: content(good["OutputLocation"]), 20))["id"] == "from S3"
    assert b"Received client error (400) from primary" in until(lambda: content(bad["FailureLocation"]), 20)
    with pytest.raises(ClientError, match="ValidationError.*asynchronous endpoint"):
        ask(runtime, name, id=1)
    delete(local_aws, name)


def test_a_deleted_endpoint_leaves_no_process_and_no_port(local_aws, role_arn, runtime, endpoint):
    name = deploy(local_aws, role_arn, "invoke-load", "short", tiny_archive(MODEL))
    process = psutil.Process(ask(runtime, name, id=1)["pid"])
    family = [process, *process.children(recursive=True)]
    ports = [each.laddr.port for each in process.net_connections() if each.status == psutil.CONN_LISTEN]
    assert ports
    delete(local_aws, name)
    assert not psutil.wait_procs(family, timeout=5)[1]
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
    with pytest.raises(ClientError, match="not found"):
        ask(runtime, name, id=2)
    assert not (local_aws.home / "endpoints" / name).exists()
