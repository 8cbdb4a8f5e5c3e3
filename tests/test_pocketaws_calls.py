"""Which operation a request is, and how a module adds one: without a server."""

import io
import json
from urllib.parse import quote, unquote

import pytest
from local_server import signed_for
from moto.core.model import ServiceModel
from pocketaws import calls, listener, models, operations


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "operation"),
    [
        ("GET", "/", "", {}, "ListBuckets"),
        ("GET", "/b", "", {}, "ListObjects"),
        ("GET", "/b/", "list-type=2", {}, "ListObjectsV2"),
        ("PUT", "/b/k", "", {}, "PutObject"),
        ("PUT", "/b/k", "x-id=PutObject", {}, "PutObject"),
        ("PUT", "/b/k/", "", {}, "PutObject"),
        ("PUT", "/b/k", "", {"HTTP_X_AMZ_COPY_SOURCE": "b/x"}, "CopyObject"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", {}, "UploadPart"),
        ("GET", "/b/k", "tagging", {}, "GetObjectTagging"),
        ("GET", "/b", "lifecycle=", {}, "GetBucketLifecycleConfiguration"),
        ("POST", "/b", "delete", {}, "DeleteObjects"),
        ("PUT", "/WriteGetObjectResponse", "", {}, "CreateBucket"),
    ],
)
def test_s3_requests_find_their_operation(method, path, query, headers, operation):
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query,
        "HTTP_AUTHORIZATION": signed_for("s3"),
        **headers,
    }  # fmt: skip
    call = calls.read_call(environ, "us-east-1")
    assert (call.service, call.operation, call.region) == ("s3", operation, "us-east-1")


def test_rest_json_paths_find_operation_and_labels():
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/model-customization-jobs/my job", "QUERY_STRING": "",
        "REQUEST_URI": "/model-customization-jobs/my%20job?x=1", "HTTP_AUTHORIZATION": signed_for("bedrock"),
    }  # fmt: skip
    call = calls.read_call(environ, "us-east-1")
    assert (call.service, call.operation) == ("bedrock", "GetModelCustomizationJob")
    assert (call.protocol, call.labels) == ("rest-json", {"jobIdentifier": "my job"})


def test_an_operation_is_one_decorated_function_in_a_rest_json_service_too(monkeypatch):
    """What later services need: path labels and body in, the output shape's JSON and status out."""
    monkeypatch.setattr(operations, "_OPERATIONS", {})

    @operations.operation("bedrock", "CreateModelCustomizationJob")
    def create_model_customization_job(context, request):
        return {"jobArn": f"arn of {request['jobName']} in {context}"}

    body = json.dumps(
        {
            "jobName": "j", "customModelName": "m", "roleArn": "arn:aws:iam::123456789012:role/r",
            "baseModelIdentifier": "amazon.nova-micro-v1:0", "trainingDataConfig": {"s3Uri": "s3://bucket/k"},
            "outputDataConfig": {"s3Uri": "s3://bucket/o"}, "hyperParameters": {},
        }
    ).encode()  # fmt: skip
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/model-customization-jobs", "QUERY_STRING": "",
        "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)), "SERVER_NAME": "x",
        "SERVER_PORT": "1", "wsgi.url_scheme": "http", "HTTP_AUTHORIZATION": signed_for("bedrock"),
    }  # fmt: skip
    environ["wsgi.input"] = io.BytesIO(body)
    call = calls.read_call(environ, "us-east-1")
    status, headers, answer = operations.answer(call, environ, "here")
    assert (status, json.loads(answer)) == (201, {"jobArn": "arn of j in here"})
    assert dict(headers)["Content-Type"] == "application/json"


def test_a_function_of_another_name_than_its_operation_is_refused():
    with pytest.raises(ValueError, match="call it describe_training_job"):
        operations.operation("sagemaker", "DescribeTrainingJob")(lambda context, request: None)


def test_the_models_are_those_of_botocore():
    assert isinstance(models.service_model("sagemaker"), ServiceModel)
    assert models.service_model("no-such-service") is None
    assert models.service_model("../secrets") is None


ARN = "arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/abcdefghijkl"


@pytest.mark.parametrize(
    ("method", "path", "service", "operation"),
    [
        ("GET", "/foundation-models", "bedrock", "ListFoundationModels"),
        ("POST", "/model-customization-jobs", "bedrock", "CreateModelCustomizationJob"),
        ("POST", "/model-customization-jobs/j/stop", "bedrock", "StopModelCustomizationJob"),
        ("DELETE", "/custom-models/m", "bedrock", "DeleteCustomModel"),
        ("POST", "/model/amazon.nova-micro-v1%3A0/converse", "bedrock-runtime", "Converse"),
        ("POST", f"/model/{quote(ARN, safe='')}/converse-stream", "bedrock-runtime", "ConverseStream"),
        ("POST", f"/model/{quote(ARN, safe='')}/invoke", "bedrock-runtime", "InvokeModel"),
        ("POST", "/agents/a/agentAliases/b/sessions/c/text", "bedrock-agent-runtime", "InvokeAgent"),
        ("GET", "/nothing-of-bedrock", "bedrock", None),
    ],
)
@pytest.mark.parametrize("authorization", [signed_for("bedrock"), "Bearer bedrock-api-key-x"])
def test_services_that_sign_as_bedrock_are_told_apart_by_path(
    method, path, service, operation, authorization
):
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": unquote(path), "QUERY_STRING": "", "REQUEST_URI": path,
        "HTTP_AUTHORIZATION": authorization,
    }  # fmt: skip
    call = calls.read_call(environ, "us-east-1")
    assert (call.service, call.operation, call.region) == (service, operation, "us-east-1")
    if ARN[-12:] in path:
        assert call.labels["modelId"] == ARN


def test_invocations_of_models_get_threads_of_their_own():
    for path in (f"/model/{ARN}/converse", "/model/m/converse-stream", f"/model/{ARN}/invoke",
                 "/model/m/invoke-with-response-stream", "/endpoints/e/invocations"):  # fmt: skip
        assert listener.INVOCATION.match(path), path
    for path in ("/foundation-models", "/model/m/count-tokens", "/model-import-jobs", "/models/converse"):
        assert not listener.INVOCATION.match(path), path
