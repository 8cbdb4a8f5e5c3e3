"""The gateway as a stranger's program meets it: every AWS call gets an answer in AWS's own shape."""

import json
import threading
import time
import uuid

import botocore.parsers
import pytest
from botocore.exceptions import ClientError
from local_server import Process, client, raw, signed_for
from pocketaws import models, operations
from pocketaws.errors import AwsError, render
from pocketaws.gateway import refuse_strangers
from pocketaws.passthrough import SERVICES

WALKED = (
    "sagemaker", "sagemaker-runtime", "sagemaker-metrics", "sagemaker-featurestore-runtime", "bedrock",
    "bedrock-runtime", "bedrock-agent", "s3", "iam", "sts", "logs", "cloudwatch", "pricing", "service-quotas",
    "ecr", "resourcegroupstaggingapi", "dynamodb", "lambda", "sqs",
)  # fmt: skip
INVENTED_BY_MOTO = ("sagemaker", "sagemaker-runtime", "bedrock", "bedrock-runtime", "pricing", "dynamodb")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A pocketaws of this module's own: the walk over all operations leaves much behind."""
    with Process(tmp_path_factory.mktemp("home"), "--port", "0") as server:
        yield server.url()


# Every operation of every service


def sample(shape, depth: int = 0):
    """The smallest value that a shape takes, for its types: required members only."""
    kind = shape.type_name
    if kind == "structure":
        if depth > 8:
            return {}
        names = list(shape.required_members)
        if getattr(shape, "is_tagged_union", False) and not names:
            names = list(shape.members)[:1]
        return {name: sample(shape.members[name], depth + 1) for name in names}
    if kind == "list":
        return [sample(shape.member, depth + 1)]
    if kind == "map":
        return {}
    if kind == "string":
        return shape.enum[0] if getattr(shape, "enum", None) else "sample-value"
    return {"boolean": True, "timestamp": "2026-11-01T00:00:00Z", "blob": b"x"}.get(kind, 1)


def call_every_operation(url: str, service: str) -> list[tuple[str, int, str]]:
    """Call each operation once: (operation, HTTP status, error code or ""). Fails at an answer not AWS's."""
    caller = client(
        url, service, parameter_validation=False, inject_host_prefix=False, s3={"addressing_style": "path"}
    )
    seen, results = {}, []
    caller.meta.events.register("after-call", lambda http_response, **_: seen.update(http=http_response))
    for method, name in sorted(caller.meta.method_to_api_mapping.items()):
        if not hasattr(caller, method):
            assert name == "InvokeModelWithBidirectionalStream", "HTTP/2 only: boto3 cannot call it"
            continue
        operation = caller.meta.service_model.operation_model(name)
        members = sample(operation.input_shape) if operation.input_shape is not None else {}
        if service == "s3" and "Bucket" in members:
            members["Bucket"] = "sample-bucket"
        seen.clear()
        code = ""
        try:
            getattr(caller, method)(**members)
        except ClientError as err:
            code = err.response["Error"]["Code"]
            assert code and (err.response["Error"]["Message"] or "Head" in name), f"{name}: {err.response}"
        answer = seen["http"]
        kind = answer.headers.get("Content-Type", "")
        assert "html" not in kind.lower(), f"{service} {name} answered {kind}: {answer.content[:200]}"
        assert b"<html" not in answer.content[:200].lower(), f"{service} {name}: {answer.content[:200]}"
        assert answer.headers.get("x-amzn-RequestId"), f"{service} {name} has no request id"
        results.append((name, answer.status_code, code))
    return results


def test_every_operation_of_nineteen_services_is_answered_in_the_shape_of_aws(url):
    operations.load()
    counts, tripped = {}, []
    for service in WALKED:
        results = call_every_operation(url, service)
        counts[service] = len(results)
        failures = [name for name, _, code in results if code == "InternalFailure"]
        if service in SERVICES:
            tripped += failures  # moto, over a request that lacks something
        else:
            assert not failures, f"{service}: {failures}"
            own = {name for own_service, name in operations.names() if own_service == service}
            other = {code for name, _, code in results if name not in own}
            assert other <= {"NotImplemented"}, f"{service}: {other}"
            assert other or len(own) == len(results)  # a service that is answered whole has no others
    print(f"{sum(counts.values())} operations called: {counts}; moto failed in {len(tripped)}: {tripped}")
    assert len(tripped) < 40
    assert sum(counts.values()) > 1300
    assert len(counts) == 19


@pytest.mark.parametrize("service", INVENTED_BY_MOTO)
def test_the_services_that_moto_would_invent_are_not_let_through(service):
    assert service not in SERVICES


def test_a_refusal_names_service_and_operation_in_each_protocol(url):
    asked = [
        ("sagemaker", "list_transform_jobs", {}, "sagemaker ListTransformJobs"),  # json 1.1
        ("budgets", "describe_budget_actions_for_account", {"AccountId": "123456789012"},
         "budgets DescribeBudgetActionsForAccount"),  # json 1.1
        ("bedrock", "list_guardrails", {}, "bedrock ListGuardrails"),  # rest-json
        ("iam", "list_organizations_features", {}, "iam ListOrganizationsFeatures"),  # query
        ("cloudwatch", "describe_alarm_history", {}, "cloudwatch DescribeAlarmHistory"),
        ("ec2", "describe_vpcs", {}, "ec2 DescribeVpcs"),  # ec2
        ("route53", "list_hosted_zones", {}, "route53 ListHostedZones"),  # rest-xml
        ("s3", "list_bucket_metrics_configurations", {"Bucket": "bucket-1"}, "s3 ListBucketMetrics"),
    ]  # fmt: skip
    for service, method, members, named in asked:
        with pytest.raises(ClientError) as caught:
            getattr(client(url, service), method)(**members)
        error = caught.value.response["Error"]
        assert error["Code"] == "NotImplemented"
        assert named in error["Message"] and "local AWS" in error["Message"]
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


@pytest.mark.parametrize("protocol", ["json", "rest-json", "query", "ec2", "rest-xml", "smithy-rpc-v2-cbor"])
def test_an_error_is_read_back_by_the_parser_of_its_protocol(protocol):
    error = AwsError("NotImplemented", "The local AWS <has> not & does not: ü" + "x" * 300, 501)
    status, headers, body = render(error, protocol, "some-service", "id-1")
    parser = botocore.parsers.create_parser(protocol)
    response = {"status_code": status, "headers": dict(headers), "body": body, "context": {}}
    parsed = parser.parse(response, models.service_model("sagemaker").operation_model("AddTags").output_shape)
    assert parsed["Error"]["Code"] == "NotImplemented"
    assert parsed["Error"]["Message"] == error.message


# Requests by hand: no SDK, wrong targets, other methods


@pytest.mark.parametrize(
    ("method", "path", "headers", "service", "code"),
    [
        ("POST", "/", {"X_Amz_Target": "SageMaker.MakeCoffee"}, "sagemaker", "NotImplemented"),
        ("POST", "/", {"X_Amz_Target": "Wrong.CreateTrainingJob"}, "sagemaker", "NotImplemented"),
        ("POST", "/", {}, "sagemaker", "NotImplemented"),
        ("GET", "/no/such/path", {}, "bedrock", "NotImplemented"),
        ("POST", "/", {}, "iam", "NotImplemented"),
        ("GET", "/?Action=NoSuchThing", {}, "sts", "NotImplemented"),
        ("PATCH", "/bucket/key", {}, "s3", "NotImplemented"),
        ("GET", "/moto-api/", {}, "s3", "NotImplemented"),
        ("POST", "/moto-api/reset", {}, "", "NotImplemented"),
        ("GET", "/latest/meta-data/iam/security-credentials/", {}, "", "NotImplemented"),
        ("GET", "/favicon.ico", {}, "", "NotImplemented"),
        ("GET", "/anything", {}, "no-such-service", "NotImplemented"),
        ("POST", "/service/X/operation/Y", {"smithy_protocol": "rpc-v2-cbor"}, "monitoring", "Not"),
    ],
)  # fmt: skip
def test_odd_requests_are_refused_in_shape(url, method, path, headers, service, code):
    if service:
        headers = {**headers, "Authorization": signed_for(service)}
    status, answered, body = raw(url, method, path, **headers)
    assert status == 501
    assert "html" not in answered["content-type"]
    assert code.encode() in body
    assert answered["x-amzn-requestid"]


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff\xfe", b'"text"'])
def test_a_body_that_is_no_json_object_is_a_serialization_error(url, body):
    headers = {"X_Amz_Target": "SageMaker.ListTrainingJobs", "Authorization": signed_for("sagemaker")}
    status, answered, said = raw(url, "POST", "/", body, **headers)
    assert status == 400
    assert json.loads(said)["__type"] == "SerializationException"
    assert answered["content-type"] == "application/x-amz-json-1.1"


def test_members_that_are_null_or_unknown_count_as_absent(url):
    headers = {"X_Amz_Target": "SageMaker.ListTrainingJobs", "Authorization": signed_for("sagemaker")}
    status, _, said = raw(url, "POST", "/", b'{"MaxResults": null, "Later": {"a": 1}}', **headers)
    assert (status, json.loads(said)) == (200, {"TrainingJobSummaries": []})


def test_an_unsigned_request_with_a_target_finds_its_service(url):
    status, _, said = raw(url, "POST", "/", b"{}", X_Amz_Target="SageMaker.ListTrainingJobs")
    assert (status, json.loads(said)) == (200, {"TrainingJobSummaries": []})


def test_a_body_of_twenty_megabytes_is_refused_for_anything_but_s3(url):
    headers = {"X_Amz_Target": "SageMaker.ListTrainingJobs", "Authorization": signed_for("sagemaker")}
    status, _, said = raw(url, "POST", "/", b" " * 20_000_000, **headers)
    assert status == 413
    assert json.loads(said)["__type"] == "RequestEntityTooLargeException"


# Who may ask


@pytest.mark.parametrize(
    "host",
    ["evil.example.com", "evil.example.com:4610", "127.0.0.1.evil.example.com", "localhost.example.com:80",
     "0.0.0.0", "127.0.0.1.nip.io", "127.0.0.1@evil.example.com", "[::1].evil.example.com", "localhost:80:80",
     "notlocalhost", "127.0.0.1:80 evil.example.com"],
)
def test_a_host_that_is_not_loopback_is_refused(url, host):
    for path in ("/", "/_pocketaws"):
        status, answered, said = raw(url, "GET", path, Host=host)
        assert status == 403
        assert json.loads(said)["__type"] == "AccessDenied" and host in json.loads(said)["message"]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:4610", "localhost:80", "LOCALHOST", "my-bucket.localhost:4610", "[::1]:1", ""],
)
def test_a_loopback_host_is_served(host):
    refuse_strangers({"HTTP_HOST": host})


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "http://localhost.example.com"])
def test_a_web_page_is_refused_and_gets_no_cors_header(url, origin):
    for method in ("GET", "OPTIONS", "PUT"):
        status, answered, _ = raw(url, method, "/some-bucket", Origin=origin)
        assert status == 403
        assert not [name for name in answered if name.startswith("access-control")]
    status, answered, _ = raw(url, "GET", "/", Origin="http://localhost:8888")
    assert status == 200
    assert not [name for name in answered if name.startswith("access-control")]


CONTROLS = {
    "/_pocketaws/faults": b'{"one_in": 1}',
    "/_pocketaws/iam": b'{"enforce": true}',
    "/_pocketaws/interrupt": b'{"TrainingJobName": "a"}',
}


@pytest.mark.parametrize("path", CONTROLS)
@pytest.mark.parametrize("stranger", [
    {"Host": "rebound.example.com"},
    {"Origin": "https://evil.example.com"},
    {"Origin": "null"},  # a sandboxed frame, a file, a redirect from another page
    {"Host": "127.0.0.1:1", "Origin": "http://rebound.example.com"},
], ids=["rebound DNS", "a page", "a frame without origin", "a page behind rebound DNS"])  # fmt: skip
def test_a_stranger_controls_nothing(url, path, stranger):
    """A page can send this without asking first: a POST of text/plain is a "simple" request."""
    status, answered, said = raw(url, "POST", path, CONTROLS[path], **stranger, Content_Type="text/plain")
    assert status == 403 and json.loads(said)["__type"] == "AccessDenied"
    assert not [name for name in answered if name.startswith("access-control")]
    faults = json.loads(raw(url, "GET", "/_pocketaws/faults")[2])
    assert not faults.get("one_in"), faults
    assert json.loads(raw(url, "GET", "/_pocketaws/iam")[2])["enforce"] is False


# Many at once, other services


def test_fifty_callers_at_once_all_get_their_own_answer(url):
    s3, sts, sagemaker = (client(url, name, max_pool_connections=50) for name in ("s3", "sts", "sagemaker"))
    bucket_name = f"gateway-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket_name)
    wrong, done = [], []

    def ask(number: int):
        for turn in range(3):
            body = f"{number} {turn}".encode()
            s3.put_object(Bucket=bucket_name, Key=f"{number}", Body=body)
            if s3.get_object(Bucket=bucket_name, Key=f"{number}")["Body"].read() != body:
                wrong.append(number)
            if sts.get_caller_identity()["Account"] != "123456789012":
                wrong.append(number)
            if sagemaker.list_training_jobs()["TrainingJobSummaries"]:
                wrong.append(number)
        done.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert (sorted(done), wrong) == (list(range(50)), [])


def test_logs_and_metrics_keep_what_is_put(url):
    logs, cloudwatch = client(url, "logs"), client(url, "cloudwatch")
    logs.create_log_group(logGroupName="/aws/sagemaker/TrainingJobs")
    logs.create_log_stream(logGroupName="/aws/sagemaker/TrainingJobs", logStreamName="job/algo-1-1")
    now = int(time.time() * 1000)  # older than 14 days is rejected
    events = [{"timestamp": now + n, "message": f"line {n} ü"} for n in range(3)]
    logs.put_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamName="job/algo-1-1", logEvents=events
    )
    found = logs.get_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamName="job/algo-1-1", startFromHead=True
    )
    assert [event["message"] for event in found["events"]] == ["line 0 ü", "line 1 ü", "line 2 ü"]
    name = "/aws/sagemaker/TrainingJobs"
    cloudwatch.put_metric_data(Namespace=name, MetricData=[{"MetricName": "train:loss", "Value": 0.5}])
    assert [m["MetricName"] for m in cloudwatch.list_metrics(Namespace=name)["Metrics"]] == ["train:loss"]
