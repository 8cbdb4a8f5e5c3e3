"""The operations that pocketaws answers itself.

Adding one is a function in the folder of its service:

    @operation("sagemaker", "DescribeTrainingJob")
    def describe_training_job(context, request):
        return context.state.jobs.get(...).describe()

request    the members of the operation's input shape, already checked against botocore's model
returns    a dict of the output shape's members (datetimes for times), or None for an empty answer
raises     AwsError
The gateway finds the module, reads and checks the request and serialises the answer, for json, rest-json,
query and rest-xml alike.
"""

import importlib
import json
import pkgutil
from dataclasses import dataclass
from typing import Any

from botocore import xform_name
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request
from moto.core.serialize import get_serializer_class

from pocketaws import calls, models, validation
from pocketaws.errors import AwsError

FOLDERS = ("pocketaws.sagemaker", "pocketaws.iam")
_OPERATIONS: dict[tuple[str, str], Any] = {}


@dataclass
class Context:
    """Who asks, and the state of this local AWS."""

    state: Any
    region: str
    account: str


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


def answer(call: calls.Call, environ: dict, context: Context) -> tuple[int, list, bytes]:
    """Read, check, run and serialise one own operation: (status, headers, body). Raises AwsError."""
    model = models.service_model(call.service).operation_model(call.operation)
    request = _read(call, environ, model)
    if model.input_shape is not None:
        validation.check(request, model.input_shape)
    result = own(call.service, call.operation)(context, request)
    return serialise(call, result)


def serialise(call: calls.Call, result: dict | None) -> tuple[int, list, bytes]:
    """(status, headers, body) of a result, by the output shape in botocore's model."""
    model = models.service_model(call.service).operation_model(call.operation)
    response = get_serializer_class(call.service, call.protocol)(model).serialize(result or {})
    body = response["body"]
    return (
        response["status_code"],
        list(response["headers"].items()),
        body if isinstance(body, bytes) else body.encode(),
    )


def _read(call: calls.Call, environ: dict, model) -> dict:
    """The members of a request, in plain types. JSON is read as it is, so that a wrong type is seen."""
    body = calls.read_body(environ)
    if call.protocol == "json":
        return _json_object(body)
    request = Request(environ)
    parsed = PROTOCOL_PARSERS[call.protocol](model, map_type=dict).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": body,
            "url_path": request.path,
            "url_params": call.labels,
        }
    )
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
