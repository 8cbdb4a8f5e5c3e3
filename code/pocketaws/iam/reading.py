"""The members of a request that IAM's decision needs, whoever answers it, without reading an object."""

import io

from pocketaws import calls, models, operations
from pocketaws.errors import AwsError
from pocketaws.iam.actions.s3 import objects_of

MODEL_CALLS = ("sagemaker-runtime", "bedrock-runtime")  # the path names the model; the body is the payload


def request_of(call: calls.Call, environ: dict) -> dict:
    """The members of a request by their names in botocore's model; {} where it cannot be read.

    Of S3 the labels, "query", "headers" and for DeleteObjects "objects": the body stays where it is.
    """
    if call.service == "s3":
        return _s3(call, environ)
    model = models.service_model(call.service).operation_model(call.operation)
    if call.service in MODEL_CALLS:
        return _labels(call, model)
    try:
        body = calls.read_body(environ)  # and put back, for who answers
        return operations.read(call, {**environ, "wsgi.input": io.BytesIO(body)}, model)
    except AwsError:
        return {}


def _labels(call: calls.Call, model) -> dict:
    """The path parameters under their members' names: the wire's may differ."""
    shape = model.input_shape
    names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
    return {names.get(label, label): value for label, value in call.labels.items()}


def _s3(call: calls.Call, environ: dict) -> dict:
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_X_AMZ_")
    }
    request = {**call.labels, "query": calls.query_of(environ), "headers": headers}
    if call.operation == "DeleteObjects":
        request["objects"] = objects_of(calls.read_body(environ))
    return request
