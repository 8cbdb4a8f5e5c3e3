"""The operations that pocketaws answers itself.

Adding one is a function in the folder of its service:

    @operation("sagemaker", "DescribeTrainingJob")
    def describe_training_job(context, request):
        return context.state.jobs.get(...).describe()

request    the members of the operation's input shape, already checked against botocore's model; the
           length of a body that is a blob is the operation's to check
returns    a dict of the output shape's members (datetimes for times), or None for an empty answer. A body
           that is a blob is bytes; an event stream is an iterable of events, see event_stream.py. Beside a
           blob, HEADERS may have headers that the model does not list: [(name, value)]
raises     AwsError
The gateway finds the module, reads and checks the request and serialises the answer, for json, rest-json,
query and rest-xml alike.
"""

import importlib
import io
import json
import pkgutil
import time
from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request
from moto.core.serialize import get_serializer_class

from pocketaws import calls, models, validation
from pocketaws.errors import AwsError
from pocketaws.event_stream import CONTENT_TYPE, EventAnswer

FOLDERS = (
    "pocketaws.sagemaker",
    "pocketaws.sagemaker_runtime",
    "pocketaws.sagemaker_metrics",
    "pocketaws.bedrock",
    "pocketaws.bedrock_runtime",
    "pocketaws.iam",
    "pocketaws.servicequotas",
    "pocketaws.pricing",
    "pocketaws.budgets",
    "pocketaws.ecr",
)
HEADERS = "HTTPHeaders"  # as boto3 calls them in ResponseMetadata
_OPERATIONS: dict[tuple[str, str], Any] = {}


@dataclass
class Context:
    """Who asks, and the state of this local AWS.

    received_at   time.monotonic() of the request      caller   an iam.identity.Principal
    """

    state: Any
    region: str
    account: str
    received_at: float = field(default_factory=time.monotonic)
    caller: Any = None


def operation(service: str, name: str):
    """Register a function as the answer to an operation, by botocore's names: ("sagemaker", "AddTags")."""

    def register(function):
        if function.__name__ != xform_name(name):
            raise ValueError(f"{function.__name__} answers {name}: call it {xform_name(name)}")
        _OPERATIONS[service, name] = function
        return function

    return register


def load() -> None:
    """Import every module of the operation folders, so that their decorators have run."""
    for folder in FOLDERS:
        package = importlib.import_module(folder)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{folder}.{module.name}")


def own(service: str, name: str | None) -> Any:
    """The function for an operation, None when pocketaws does not answer it itself."""
    return _OPERATIONS.get((service, name))


def names() -> list[tuple[str, str]]:
    """(service, operation) of everything that pocketaws answers itself."""
    return sorted(_OPERATIONS)


def answer(call: calls.Call, environ: dict, context: Context) -> tuple[int, list, bytes | EventAnswer]:
    """Read, check, run and serialise one own operation: (status, headers, body). Raises AwsError."""
    model = models.service_model(call.service).operation_model(call.operation)
    request = read(call, environ, model)
    if model.input_shape is not None:
        _check(request, model)
    result = own(call.service, call.operation)(context, request)
    return serialise(call, result)


def serialise(call: calls.Call, result: dict | None) -> tuple[int, list, bytes | EventAnswer]:
    """(status, headers, body) of a result, by the output shape in botocore's model."""
    model = models.service_model(call.service).operation_model(call.operation)
    serializer = get_serializer_class(call.service, call.protocol)
    if model.has_event_stream_output:
        body = EventAnswer(result, model, serializer.EVENT_STREAM_SERIALIZER_CLS(model))
        headers = _members_in_headers(result, model.output_shape)
        return model.http.get("responseCode", 200), [*headers, ("Content-Type", CONTENT_TYPE)], body
    if name := _blob_payload(model.output_shape):
        headers = [*_members_in_headers(result, model.output_shape), *result.get(HEADERS, [])]
        return model.http.get("responseCode", 200), headers, result[name]
    response = serializer(model).serialize(result or {})
    body = response["body"]
    return (
        response["status_code"],
        list(response["headers"].items()),
        body if isinstance(body, bytes) else body.encode(),
    )


def _blob_payload(shape) -> str | None:
    """The member of a shape that is the body itself, as it is, if there is one."""
    name = shape.serialization.get("payload") if shape is not None else None
    return name if name and shape.members[name].type_name == "blob" else None


def _members_in_headers(result: dict, shape) -> list[tuple[str, str]]:
    """The members of a result that travel as headers. A value with a line end in it would end the headers."""
    return [
        (member.serialization["name"], " ".join(str(result[name]).splitlines()))
        for name, member in shape.members.items()
        if member.serialization.get("location") == "header" and result.get(name) is not None
    ]


def _check(request: dict, model) -> None:
    """Check a request against botocore's model, save for the content of a body that is a blob.

    SageMaker's runtime says ValidationError where other services say ValidationException.
    """
    payload = _blob_payload(model.input_shape)
    try:
        validation.check({**request, payload: b""} if payload else request, model.input_shape)
    except AwsError as err:
        if err.code == "ValidationException" and "ValidationError" in model.service_model.shape_names:
            err.code = "ValidationError"
        raise


def read(call: calls.Call, environ: dict, model) -> dict:
    """The members of a request, in plain types. JSON is read as it is, so that a wrong type is seen."""
    body = calls.read_body(environ, call.service)
    if call.protocol == "json":
        return _json_object(body)
    payload = _blob_payload(model.input_shape)
    # moto's request is part of a cycle, and would keep a large body until the garbage collector comes.
    request = Request({**environ, "wsgi.input": io.BytesIO()} if payload else environ)
    try:
        parsed = PROTOCOL_PARSERS[call.protocol](model, map_type=dict).parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": b"" if payload else body,
                "url_path": request.path,
                "url_params": call.labels,
            }
        )
    except ValueError as err:  # a header that should be a number, a body that should be JSON
        raise AwsError("SerializationException", f"The request cannot be read: {err}") from err
    if payload:
        parsed[payload] = body
    return _without_nulls(parsed)


def _json_object(body: bytes) -> dict:
    try:
        content = json.loads(body or b"{}")
    except ValueError as err:
        raise AwsError("SerializationException", f"The request body is not JSON: {err}") from err
    if not isinstance(content, dict):
        raise AwsError("SerializationException", "Start of structure or map expected at the request body.")
    return _without_nulls(content)


def _without_nulls(value):
    """Members that are null count as absent, as they do for AWS."""
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_without_nulls(member) for member in value]
    return value
