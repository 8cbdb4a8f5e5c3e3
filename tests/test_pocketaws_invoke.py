"""InvokeEndpoint and its stream through raw boto3, with an engine whose containers are the test's words."""

import contextlib
import json
import socket
import threading
import time

import pytest
from botocore.exceptions import ClientError, EventStreamError
from fake_hosting import FakeAnswer, FakeHosting, FakeStream, endpoint_in_service
from local_server import InProcess, raw, signed_for, until
from pocketaws import threads
from pocketaws.hosting.errors import ContainerGone, ContainerTimeout, NoSuchVariant, NotServing
from pocketaws.sagemaker_runtime import invocations
from pocketaws.state import State

CONSOLE = (
    "See https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logEventViewer:"
    "group=/aws/sagemaker/Endpoints/chat in account 123456789012 for more information."
)
INVOKE = {"EndpointName": "chat", "Body": b"{}"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A gateway in this process with one endpoint, called chat, in service."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(State, "hosting", FakeHosting(), raising=False)
        server = InProcess(tmp_path_factory.mktemp("home"))
        server.chat = endpoint_in_service(server.state, "chat")
        yield server
        server.close()


@pytest.fixture
def hosting(server):
    """The engine: set .answer, read .asked."""
    server.state.hosting.asked.clear()
    return server.state.hosting


@pytest.fixture(scope="module")
def runtime(server):
    return server.client("sagemaker-runtime", max_pool_connections=250)


def refused(call, **members) -> dict:
    """The response of the error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response


# Whole answers


def test_body_and_headers_reach_the_container_and_its_answer_comes_back(hosting, runtime):
    headers = {"content-type": "image/x", "x-amzn-sagemaker-custom-attributes": "trace=2", "x-own": "no"}
    hosting.answer = FakeAnswer(200, headers, b"\x00\xffanswer", variant="B")
    answer = runtime.invoke_endpoint(
        **{**INVOKE, "Body": b"\x00\xff\r\n0"}, ContentType="text/csv", Accept="image/x", TargetVariant="B",
        CustomAttributes="trace=1", InferenceId="id 1",
    )  # fmt: skip
    assert answer["Body"].read() == b"\x00\xffanswer"
    assert (answer["ContentType"], answer["CustomAttributes"]) == ("image/x", "trace=2")
    assert answer["InvokedProductionVariant"] == "B"
    assert "x-own" not in answer["ResponseMetadata"]["HTTPHeaders"]
    sent = {
        "Content-Type": "text/csv", "Accept": "image/x", "X-Amzn-SageMaker-Custom-Attributes": "trace=1",
        "X-Amzn-SageMaker-Inference-Id": "id 1",
    }  # fmt: skip
    assert hosting.asked == [(b"\x00\xff\r\n0", sent, "B", 60)]


@pytest.mark.parametrize("body", [b"", b"Action=GetUser&Version=1", b"[1, 2]"])
def test_any_body_goes_through_as_it_is(hosting, runtime, body):
    hosting.answer = FakeAnswer(200, {}, b"")
    kind = "application/x-www-form-urlencoded"
    answer = runtime.invoke_endpoint(EndpointName="chat", Body=body, ContentType=kind)
    assert answer["Body"].read() == b""
    assert hosting.asked[0][0] == body and hosting.asked[0][1]["Content-Type"] == kind


def test_a_line_end_in_a_containers_header_does_not_end_the_headers(hosting, runtime):
    hosting.answer = FakeAnswer(200, {"X-Amzn-SageMaker-Custom-Attributes": "a\r\nX-Evil: 1"}, b"x")
    answer = runtime.invoke_endpoint(**INVOKE)
    assert answer["CustomAttributes"] == "a X-Evil: 1"
    assert "x-evil" not in answer["ResponseMetadata"]["HTTPHeaders"]


@pytest.mark.parametrize(
    ("status", "said", "words", "code"),
    [
        (400, b'{"error": "none"}', 'client error (400) from primary with message "{"error": "none"}"',
         "CLIENT_ERROR_FROM_MODEL"),
        (500, "Grüße".encode(), 'server error (500) from primary with message "Grüße"',
         "INTERNAL_FAILURE_FROM_MODEL"),
        (503, b"", "server error (503) from primary and could not load the entire response body",
         "INTERNAL_FAILURE_FROM_MODEL"),
        (404, b"\xff\xfe", "client error (404) from primary and could not load the entire response body",
         "CLIENT_ERROR_FROM_MODEL"),
    ],
)  # fmt: skip
def test_a_containers_error_is_a_model_error_with_its_status_and_words(
    hosting, server, runtime, status, said, words, code
):
    hosting.answer = FakeAnswer(status, {}, said)
    error = refused(runtime.invoke_endpoint, **INVOKE)
    assert error["Error"] == {"Code": "ModelError", "Message": f"Received {words}. {CONSOLE}"}
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert error["OriginalStatusCode"] == status
    assert error["OriginalMessage"] == ("" if "could not" in words else said.decode())
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/chat"
    assert error["LogStreamArn"] == arn
    path, signed = "/endpoints/chat/invocations", {"Authorization": signed_for("sagemaker")}
    assert json.loads(raw(server.url, "POST", path, b"{}", **signed)[2])["ErrorCode"] == code


@pytest.mark.parametrize(
    ("met", "code", "http_status", "words"),
    [
        (
            ContainerTimeout("60 s"),
            "ModelError",
            424,
            'server error (0) from primary with message "Your invo',
        ),
        (ContainerGone("killed"), "ModelError", 424, "could not get a response from the chat endpoint. This"),
        (NotServing("it does not start"), "ServiceUnavailable", 503, "it does not start"),
        (NoSuchVariant("C"), "ValidationError", 400, "Variant C of endpoint chat not found."),
        (KeyError("a bug"), "InternalFailure", 500, "sagemaker-runtime InvokeEndpoint"),
    ],
)
def test_no_answer_is_an_error_that_says_why(hosting, runtime, met, code, http_status, words):
    hosting.answer = met
    for call in (runtime.invoke_endpoint, runtime.invoke_endpoint_with_response_stream):
        error = refused(call, **INVOKE, TargetVariant="C")
        assert error["Error"]["Code"] == code
        assert words.replace("InvokeEndpoint", "") in error["Error"]["Message"].replace("InvokeEndpoint", "")
        assert error["ResponseMetadata"]["HTTPStatusCode"] == http_status


def test_an_endpoint_that_is_not_in_service_is_not_found(server, runtime):
    creating = endpoint_in_service(server.state, "creating")
    creating.status, creating.spec = "Creating", None
    endpoint_in_service(server.state, "going").begin("Deleting")
    endpoint_in_service(server.state, "elsewhere", region="eu-west-1")
    for name in ("creating", "going", "elsewhere", "Chat", "none"):
        error = refused(runtime.invoke_endpoint, EndpointName=name, Body=b"x")
        assert error["Error"] == {
            "Code": "ValidationError", "Message": f"Endpoint {name} of account 123456789012 not found.",
        }  # fmt: skip
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_an_endpoint_is_served_while_it_is_updated(server, hosting, runtime):
    hosting.answer = FakeAnswer(200, {}, b"still here")
    for status in ("Updating", "RollingBack"):
        server.chat.move(status)
        assert runtime.invoke_endpoint(**INVOKE)["Body"].read() == b"still here"
    server.chat.move("InService")


def test_twenty_five_megabytes_are_taken_and_not_a_byte_more(hosting, runtime):
    hosting.answer = lambda body: FakeAnswer(200, {}, b"%d" % len(body))
    most = bytes(invocations.MAX_BODY)
    assert runtime.invoke_endpoint(EndpointName="chat", Body=most)["Body"].read() == b"26214400"
    error = refused(runtime.invoke_endpoint, EndpointName="chat", Body=most + b"x")
    assert error["Error"] == {"Code": "413", "Message": "HTTP content length exceeded 26214400 bytes."}
    hosting.asked.clear()


@pytest.mark.parametrize("member", invocations.NOT_HONOURED)
def test_what_is_not_honoured_is_refused_by_name(runtime, member):
    error = refused(runtime.invoke_endpoint, **INVOKE, **{member: "x"})
    assert error["Error"]["Code"] == "NotImplemented" and member in error["Error"]["Message"]


def test_members_are_checked_as_the_model_has_them(server):
    loose = server.client("sagemaker-runtime", parameter_validation=False)
    error = refused(loose.invoke_endpoint, **INVOKE, CustomAttributes="x" * 1025)
    assert error["Error"]["Code"] == "ValidationError"
    assert (
        "'customAttributes' failed to satisfy constraint: Member must have length less than or"
        in (error["Error"]["Message"])
    )


# Streams


def test_each_piece_is_at_the_client_before_the_next_is_made(hosting, runtime):
    hosting.answer = stream = FakeStream(200, {"Content-Type": "text/event-stream"})
    answer = runtime.invoke_endpoint_with_response_stream(**INVOKE, Accept="text/event-stream")
    assert answer["ContentType"] == "text/event-stream"  # known before there is any piece
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert hosting.asked[0][1]["Accept"] == "text/event-stream" and hosting.asked[0][3] == 480
    events = iter(answer["Body"])
    for piece in (b"data: 1\n\n", b"\x00\xff", bytes(300_000), b"x"):
        stream.pieces.put(piece)
        assert next(events) == {"PayloadPart": {"Bytes": piece}}
    stream.pieces.put(None)
    assert list(events) == []
    assert stream.closed.wait(10)


def stream_until_it_fails(hosting, runtime, met) -> dict:
    hosting.answer = stream = FakeStream()
    with contextlib.closing(runtime.invoke_endpoint_with_response_stream(**INVOKE)["Body"]) as body:
        events = iter(body)
        stream.pieces.put(b"begun")
        assert next(events) == {"PayloadPart": {"Bytes": b"begun"}}
        stream.pieces.put(met)
        with pytest.raises(EventStreamError) as caught:
            next(events)
    assert stream.closed.wait(10)
    return caught.value.response["Error"]


@pytest.mark.parametrize(
    ("met", "code", "words"),
    [
        (
            ContainerTimeout("8 min"),
            "ModelStreamError",
            "did not complete sending the inference response in the",
        ),
        (
            ContainerGone("killed"),
            "ModelStreamError",
            "connection between the client and the model was reset",
        ),
        (KeyError("a bug"), "InternalStreamFailure", "InvokeEndpointWithResponseStream; pocketaws.log"),
    ],
)
def test_a_stream_that_breaks_ends_with_an_error_event(hosting, runtime, met, code, words):
    error = stream_until_it_fails(hosting, runtime, met)
    assert error["Code"] == code and words in error["Message"]


def test_a_stream_that_begins_with_an_error_is_a_model_error(hosting, runtime):
    hosting.answer = stream = FakeStream(400, {"Content-Type": "application/json"})
    for piece in (b"no ", b"inputs", None):
        stream.pieces.put(piece)
    error = refused(runtime.invoke_endpoint_with_response_stream, **INVOKE)
    assert error["OriginalMessage"] == "no inputs" and error["Error"]["Code"] == "ModelError"
    assert stream.closed.is_set()


def test_a_client_that_goes_away_ends_the_stream_while_the_model_thinks(hosting, runtime):
    hosting.answer = stream = FakeStream()
    answer = runtime.invoke_endpoint_with_response_stream(**INVOKE)
    assert not stream.closed.is_set()
    answer["Body"].close()
    assert stream.closed.wait(5)  # without another piece having been written


def test_a_client_that_does_not_read_makes_the_model_wait(hosting, runtime):
    hosting.answer = stream = FakeStream()
    answer = runtime.invoke_endpoint_with_response_stream(**INVOKE)
    pieces = 40  # of 1 MB: sockets and buffers hold some, not all
    for _ in range(pieces):
        stream.pieces.put(bytes(1_000_000))
    until(lambda: stream.pieces.qsize() < pieces)
    left = stable(stream.pieces.qsize)
    assert left > pieces // 2
    stream.pieces.put(None)
    assert sum(len(event["PayloadPart"]["Bytes"]) for event in answer["Body"]) == pieces * 1_000_000


def stable(value, quiet_s: float = 0.3):
    """A value once it has not changed for a while."""
    seen, since = value(), time.monotonic()
    while time.monotonic() - since < quiet_s:
        time.sleep(0.02)
        if value() != seen:
            seen, since = value(), time.monotonic()
    return seen


# Many at once


def test_two_hundred_that_wait_leave_s3_and_logs_their_threads(server, hosting, runtime):
    gate = threading.Event()

    def echo(body):
        gate.wait(20)
        return FakeAnswer(200, {}, body)

    hosting.answer = echo
    found = {}

    def ask(number):
        answer = runtime.invoke_endpoint(EndpointName="chat", Body=b"%d" % number)
        found[number] = answer["Body"].read()

    callers = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(200)]
    for caller in callers:
        caller.start()
    until(lambda: len(hosting.asked) == 200, 15)
    s3, logs = server.client("s3"), server.client("logs")
    s3.create_bucket(Bucket="meanwhile")
    s3.put_object(Bucket="meanwhile", Key="k", Body=b"1")
    assert s3.get_object(Bucket="meanwhile", Key="k")["Body"].read() == b"1"
    assert "logGroups" in logs.describe_log_groups()
    assert not found
    gate.set()
    for caller in callers:
        caller.join(60)
    assert found == {number: b"%d" % number for number in range(200)}


def test_threads_are_made_when_needed_and_end_when_there_is_nothing_to_do():
    class Task:
        def __init__(self):
            self.begun, self.gate = threading.Event(), threading.Event()

        def service(self):
            self.begun.set()
            self.gate.wait(30)

    pool = threads.ElasticThreads(most=3, idle_s=0.1)
    tasks = [Task() for _ in range(4)]
    for task in tasks:
        pool.add_task(task)
    assert all(task.begun.wait(10) for task in tasks[:3])
    assert pool.count == 3 and not tasks[3].begun.is_set()
    tasks[0].gate.set()
    assert tasks[3].begun.wait(10)  # in the thread of the first
    for task in tasks:
        task.gate.set()
    until(lambda: pool.count == 0, 10)


def test_a_task_that_fails_costs_no_thread():
    class Broken:
        def service(self):
            raise OSError("the server was closed meanwhile")

    served = threading.Event()
    fine = Broken()
    fine.service = served.set
    pool = threads.ElasticThreads(most=1, idle_s=0.1)
    pool.add_task(Broken())
    pool.add_task(fine)
    assert served.wait(10)
    until(lambda: pool.count == 0, 10)


def test_garbage_on_the_wire_takes_no_thread(server):
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection:
        connection.sendall(b"\x16\x03\x01 not http\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.")
