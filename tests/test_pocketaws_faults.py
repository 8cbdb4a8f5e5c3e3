"""Calls that fail on purpose: each kind as raw boto3 sees it, without retries, and counted."""

import json
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    IncompleteReadError,
    ResponseStreamingError,
)


def ask(aws, plan: dict | None = None) -> dict:
    """POST a plan to /_pocketaws/faults, or GET what was counted."""
    body = None if plan is None else json.dumps(plan).encode()
    with urllib.request.urlopen(f"{aws.url}/_pocketaws/faults", body, timeout=30) as answer:
        return json.load(answer)


@pytest.fixture
def faults(local_aws):
    """faults({...}) begins a plan; none is left at the end."""
    yield lambda plan=None: ask(local_aws, plan)
    ask(local_aws, {})


CALLS = {
    "s3": lambda c: c.list_buckets(),
    "sagemaker": lambda c: c.list_training_jobs(),
    "bedrock": lambda c: c.list_custom_models(),
    "iam": lambda c: c.list_roles(),
    "sts": lambda c: c.get_caller_identity(),
    "logs": lambda c: c.describe_log_groups(),
    "cloudwatch": lambda c: c.list_metrics(),
}
ANSWERS = {
    "throttle": {"s3": ("SlowDown", 503), "iam": ("Throttling", 400), "sts": ("Throttling", 400),
                 "cloudwatch": ("Throttling", 400), "bedrock": ("ThrottlingException", 429),
                 None: ("ThrottlingException", 400)},
    "error-503": {"bedrock": ("ServiceUnavailableException", 503),
                  "logs": ("ServiceUnavailableException", 503),
                  None: ("ServiceUnavailable", 503)},
    "error-500-before": {"s3": ("InternalError", 500), "iam": ("ServiceFailure", 500),
                         "bedrock": ("InternalServerException", 500), None: ("InternalFailure", 500),
                         "cloudwatch": ("InternalServiceError", 500)},
}  # fmt: skip


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_service_fails_with_its_own_code(local_aws, faults, kind):
    faults({"one_in": 1, "kinds": [kind]})
    for service, call in CALLS.items():
        with pytest.raises(ClientError) as error:
            call(local_aws.client(service))
        seen = error.value.response
        wanted = ANSWERS[kind].get(service, ANSWERS[kind][None])
        assert (seen["Error"]["Code"], seen["ResponseMetadata"]["HTTPStatusCode"]) == wanted, service
    assert faults()["faults"] == {kind: len(CALLS)} and faults()["calls"] == len(CALLS)


@pytest.mark.parametrize("kind", ["cut-before", "cut-after"])
def test_a_cut_closes_the_connection_without_a_word(local_aws, faults, kind):
    faults({"one_in": 1, "kinds": [kind]})
    for service, call in CALLS.items():
        with pytest.raises(ConnectionClosedError):
            call(local_aws.client(service))
    assert faults()["faults"] == {kind: len(CALLS)}


@pytest.mark.parametrize(
    "kind, kept",
    [("cut-before", False), ("error-500-before", False), ("error-503", False), ("throttle", False),
     ("cut-after", True), ("error-500-after", True)],
)  # fmt: skip
def test_what_fails_after_the_operation_has_done_it(local_aws, faults, bucket, kind, kept):
    s3 = local_aws.client("s3")
    faults({"one_in": 1, "kinds": [kind], "operations": ["PutObject"]})
    with pytest.raises((ClientError, ConnectionClosedError)):
        s3.put_object(Bucket=bucket, Key="note", Body=b"x")
    assert ("Contents" in s3.list_objects_v2(Bucket=bucket)) is kept
    assert faults()["failed"] == {"s3:PutObject": 1}


def test_a_large_object_breaks_off_in_its_middle(local_aws, faults, bucket):
    s3, body = local_aws.client("s3"), bytes(range(256)) * 800
    s3.put_object(Bucket=bucket, Key="large", Body=body)
    faults({"one_in": 1, "kinds": ["cut-after"], "operations": ["GetObject"]})
    answer = s3.get_object(Bucket=bucket, Key="large")
    assert answer["ContentLength"] == len(body)
    read = b""
    with pytest.raises((IncompleteReadError, ResponseStreamingError)):
        while piece := answer["Body"].read(1000):
            read += piece
    assert 0.4 * len(body) < len(read) <= len(body) / 2 and body.startswith(read)


def test_one_call_in_n_fails_and_the_same_seed_fails_the_same_ones(local_aws, faults):
    sts, fates = local_aws.client("sts"), []
    for _ in range(2):
        faults({"one_in": 5, "seed": 3})
        fates.append([])
        for _ in range(60):
            try:
                sts.get_caller_identity()
                fates[-1].append("")
            except (ClientError, ConnectionClosedError) as err:
                fates[-1].append(type(err).__name__)
        counted = faults()
        assert counted["calls"] == 60 and sum(counted["faults"].values()) == 60 - fates[-1].count("")
    assert fates[0] == fates[1] and len(set(fates[0])) == 3
    assert [5 - fates[0][at : at + 5].count("") for at in range(0, 60, 5)] == [1] * 12


def test_faults_end_after_so_many_and_when_told(local_aws, faults):
    sts = local_aws.client("sts")
    faults({"one_in": 1, "kinds": ["throttle"], "times": 2})
    for _ in range(2):
        with pytest.raises(ClientError):
            sts.get_caller_identity()
    sts.get_caller_identity()
    faults({"one_in": 1})
    assert faults({})["one_in"] == 0
    sts.get_caller_identity()


def test_pocketaws_does_not_fail_its_own_calls(local_aws, faults):
    from pocketaws.aws_clients import AwsClients

    clients = AwsClients(local_aws.url, "us-east-1")
    faults({"one_in": 1})
    clients.get("sts").get_caller_identity()
    assert faults()["calls"] == 0
    clients.close()


@pytest.mark.parametrize(
    "plan, word",
    [({"one_in": -1}, "one_in"), ({"one_in": "20"}, "one_in"), ({"kinds": ["fire"]}, "fire"),
     ({"kinds": []}, "kinds"), ({"one": 20}, "one"), ({"seed": None}, "seed"), ({"times": 1.5}, "times"),
     ({"operations": "CreateModel"}, "operations")],
)  # fmt: skip
def test_a_plan_that_makes_no_sense_is_refused(local_aws, plan, word):
    with pytest.raises(urllib.error.HTTPError) as error:
        ask(local_aws, plan)
    assert error.value.code == 400 and word in json.load(error.value)["message"]
