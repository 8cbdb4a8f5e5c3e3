"""InvokeEndpointAsync through raw boto3: 202 at once, the answer or the failure in S3 later."""

import threading
import uuid

import pytest
from botocore.exceptions import ClientError
from fake_hosting import FakeAnswer, FakeHosting, endpoint_in_service
from local_server import InProcess, until
from pocketaws.state import State

CONFIG = {
    "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2},
    "OutputConfig": {"S3OutputPath": "s3://results/out/", "S3FailurePath": "s3://results/failed"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A gateway in this process with an asynchronous endpoint, later, and a real-time one, now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(State, "hosting", FakeHosting(), raising=False)
        server = InProcess(tmp_path_factory.mktemp("home"))
        server.later = endpoint_in_service(server.state, "later", CONFIG)
        endpoint_in_service(server.state, "now")
        server.s3 = server.client("s3")
        server.s3.create_bucket(Bucket="results")
        yield server
        server.s3.delete_objects(Bucket="results", Delete={"Objects": [{"Key": k} for k in keys(server)]})
        server.s3.delete_bucket(Bucket="results")
        server.close()


@pytest.fixture
def hosting(server):
    server.state.hosting.asked.clear()
    return server.state.hosting


@pytest.fixture(scope="module")
def runtime(server):
    return server.client("sagemaker-runtime")


def keys(server) -> list[str]:
    return [row["Key"] for row in server.s3.list_objects_v2(Bucket="results").get("Contents", [])]


def read(server, uri: str) -> tuple[bytes, str]:
    """(content, content type) of an object, once it is there."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    assert bucket == "results"
    until(lambda: key in keys(server), 30)
    found = server.s3.get_object(Bucket=bucket, Key=key)
    return found["Body"].read(), found["ContentType"]


def put(server, content: bytes) -> str:
    key = f"in/{uuid.uuid4()}"
    server.s3.put_object(Bucket="results", Key=key, Body=content)
    return f"s3://results/{key}"


def test_input_from_s3_becomes_output_in_s3(server, hosting, runtime):
    hosting.answer = lambda body: FakeAnswer(200, {"Content-Type": "text/x"}, body[::-1])
    source = put(server, b"\x00\xff123")
    answer = runtime.invoke_endpoint_async(
        EndpointName="later", InputLocation=source, ContentType="a/b", Accept="text/x", CustomAttributes="c",
        InvocationTimeoutSeconds=3600,
    )  # fmt: skip
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    name = answer["InferenceId"]
    assert answer["OutputLocation"] == f"s3://results/out/{name}.out"
    assert answer["FailureLocation"] == f"s3://results/failed/{name}-error.out"
    assert read(server, answer["OutputLocation"]) == (b"321\xff\x00", "text/x")
    body, headers, variant, timeout_s = hosting.asked[0]
    assert (body, variant, timeout_s) == (b"\x00\xff123", None, 3600)
    assert headers == {
        "Content-Type": "a/b", "Accept": "text/x", "X-Amzn-SageMaker-Custom-Attributes": "c",
        "X-Amzn-SageMaker-Inference-Id": name,
    }  # fmt: skip
    assert f"failed/{name}-error.out" not in keys(server)


def test_an_inline_body_needs_no_input_in_s3(server, hosting, runtime):
    hosting.answer = lambda body: FakeAnswer(200, {}, body)
    answer = runtime.invoke_endpoint_async(
        EndpointName="later", Body=b"inline", InferenceId="mine", S3OutputPathExtension="a/b",
        Filename="x.json",
    )  # fmt: skip
    assert answer["OutputLocation"] == "s3://results/out/a/b/x.json" and answer["InferenceId"] == "mine"
    assert answer["FailureLocation"] == "s3://results/failed/a/b/mine-error.out"
    assert read(server, answer["OutputLocation"]) == (b"inline", "application/octet-stream")
    assert hosting.asked[0][3] == 900


def test_an_inference_id_does_not_choose_the_place_of_the_output(server, hosting, runtime):
    hosting.answer = FakeAnswer(200, {}, b"x")
    answer = runtime.invoke_endpoint_async(EndpointName="later", Body=b"1", InferenceId="../up and away")
    assert answer["InferenceId"] == "../up and away"
    assert ".." not in answer["OutputLocation"] and " " not in answer["OutputLocation"]
    read(server, answer["OutputLocation"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Body": b"x"}, 'Received client error (400) from primary with message "no inputs"'),
        (
            {"InputLocation": "s3://results/in/none"},
            "s3://results/in/none could not be read: The specified key",
        ),
        ({"InputLocation": "s3://no-such-bucket/k"}, "The specified bucket does not exist"),
    ],
)
def test_what_goes_wrong_is_written_to_the_failure_path(server, hosting, runtime, given, words):
    hosting.answer = FakeAnswer(400, {}, b"no inputs")
    answer = runtime.invoke_endpoint_async(EndpointName="later", **given)
    content, _ = read(server, answer["FailureLocation"])
    assert words in content.decode()
    assert answer["OutputLocation"].rpartition("/")[2] not in str(keys(server))


def test_a_fault_of_pocketaws_is_a_failure_too_and_the_next_request_is_answered(server, hosting, runtime):
    hosting.answer = KeyError("a bug")
    answer = runtime.invoke_endpoint_async(EndpointName="later", Body=b"x")
    assert b"pocketaws.log in its home says why" in read(server, answer["FailureLocation"])[0]
    hosting.answer = FakeAnswer(200, {}, b"x")
    answer = runtime.invoke_endpoint_async(EndpointName="later", Body=b"x")
    assert read(server, answer["OutputLocation"])[0] == b"x"


def test_without_a_failure_path_there_is_no_failure_location(server, hosting, runtime):
    endpoint_in_service(server.state, "silent", {"OutputConfig": {"S3OutputPath": "s3://results"}})
    hosting.answer = FakeAnswer(200, {}, b"x")
    answer = runtime.invoke_endpoint_async(EndpointName="silent", Body=b"x")
    assert "FailureLocation" not in answer
    assert answer["OutputLocation"] == f"s3://results/{answer['InferenceId']}.out"
    read(server, answer["OutputLocation"])


def test_no_more_are_processed_at_once_than_the_config_allows_and_the_others_wait(server, hosting, runtime):
    gate, now, most = threading.Semaphore(0), [0], [0]
    lock = threading.Lock()

    def slow(body):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        assert gate.acquire(timeout=30)
        with lock:
            now[0] -= 1
        return FakeAnswer(200, {}, body)

    hosting.answer = slow
    answers = [runtime.invoke_endpoint_async(EndpointName="later", Body=b"%d" % n) for n in range(6)]
    until(lambda: now[0] == 2)
    for _ in range(6):
        gate.release()
    found = [read(server, answer["OutputLocation"])[0] for answer in answers]
    assert found == [b"%d" % number for number in range(6)]
    assert most == [2]


def test_a_request_that_waited_longer_than_its_time_to_live_fails(server, hosting, runtime):
    gate = threading.Event()
    hosting.answer = lambda body: FakeAnswer(200, {}, b"done") if gate.wait(30) else None
    ahead = [runtime.invoke_endpoint_async(EndpointName="later", Body=b"1") for _ in range(2)]
    until(lambda: len(hosting.asked) == 2)
    late = runtime.invoke_endpoint_async(EndpointName="later", Body=b"2", RequestTTLSeconds=60)
    server.state.async_queues._queues[server.later]._waiting[0].since -= 61
    gate.set()
    assert read(server, late["FailureLocation"])[0] == b"The request was in the queue for more than 60 s."
    assert [read(server, answer["OutputLocation"])[0] for answer in ahead] == [b"done"] * 2
    assert len(hosting.asked) == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Provide exactly one of them"),
        ({"Body": b"x", "InputLocation": "s3://b/k"}, "Provide exactly one of them"),
        ({"Body": bytes(128_001)}, "The inline payload has 128001 bytes; it can have up to 128000"),
        ({"InputLocation": "s3://only-a-bucket"}, "names no object"),
        ({"InputLocation": "/a/path"}, "'inputLocation' failed to satisfy constraint"),
        ({"Body": b"x", "RequestTTLSeconds": 59}, "'requestTTLSeconds' failed to satisfy constraint"),
        ({"Body": b"x", "EndpointName": "none"}, "Endpoint none of account 123456789012 not found."),
        ({"Body": b"x", "EndpointName": "now"}, "Endpoint now is a real-time endpoint"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_at_once(server, given, words):
    call = server.client("sagemaker-runtime", parameter_validation=False).invoke_endpoint_async
    with pytest.raises(ClientError) as caught:
        call(**{"EndpointName": "later", **given})
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationError" and words in error["Message"]


def test_an_asynchronous_endpoint_takes_no_real_time_request(runtime):
    for call in (runtime.invoke_endpoint, runtime.invoke_endpoint_with_response_stream):
        with pytest.raises(ClientError, match="ValidationError.*later is an asynchronous endpoint"):
            call(EndpointName="later", Body=b"x")
