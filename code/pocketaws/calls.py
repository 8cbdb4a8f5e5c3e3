"""What an HTTP request asks of AWS: service, operation, protocol, region, account key."""

import io
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, parse_qsl, unquote

from pocketaws import models
from pocketaws.errors import AwsError

SCOPE = re.compile(r"Credential=([^/,]+)/\d*/([^/]*)/([^/]+)/aws4_request")
SCOPE_IN_QUERY = re.compile(r"([^/]+)/\d*/([^/]*)/([^/]+)/aws4_request")
CBOR_PATH = re.compile(r"/service/([^/]+)/operation/([^/]+)")
FORM = "application/x-www-form-urlencoded"
UPLOAD = "multipart/form-data"  # of a browser's upload to S3, which botocore's model does not list
MAX_BODY = 16 * 1024 * 1024  # bytes of a request that is not an S3 object, nor
# a payload for a model; InvokeEndpoint and InvokeModel take 25 MB
MAX_BODY_OF = {"sagemaker-runtime": 32 * 1024 * 1024, "bedrock-runtime": 32 * 1024 * 1024}
NO_FORMS = ("s3", "sagemaker", "bedrock")  # a form that they are sent is somebody's data
UNSIGNED_TARGETS = {"SageMaker": "sagemaker", "Logs_20140328": "logs"}
UNSIGNED_ACTIONS = {"AssumeRoleWithWebIdentity": "sts", "AssumeRoleWithSAML": "sts"}


@dataclass
class Call:
    """One request as AWS would read it.

    service     botocore's name ("sagemaker", "cloudwatch"), or the signing name when botocore has none
    operation   its name, None when the request fits no operation
    protocol    json, rest-json, query, ec2, rest-xml or smithy-rpc-v2-cbor
    asked       what to call it in an error when operation is None: target, action or method and path
    labels      path parameters of a REST operation
    """

    service: str
    operation: str | None
    protocol: str
    region: str
    access_key: str
    asked: str
    labels: dict = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.operation or self.asked


def read_call(environ: dict, default_region: str) -> Call:
    """Work out which AWS operation a WSGI request is.

    Reads the body only of form posts (query protocol), and puts it back.
    """
    key, region, signing_name = _scope(environ)
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    action = ""
    small = int(environ.get("CONTENT_LENGTH") or 0) <= MAX_BODY
    if small and signing_name not in NO_FORMS and environ.get("CONTENT_TYPE", "").startswith(FORM):
        action = _form(environ).get("Action", [""])[0]
    if not signing_name:
        signing_name = UNSIGNED_TARGETS.get(target.partition(".")[0]) or UNSIGNED_ACTIONS.get(action, "s3")
    services = models.services_signed_as(signing_name)
    call = Call(services[0], None, "rest-json", region or default_region, key, "")
    cbor = CBOR_PATH.fullmatch(environ.get("PATH_INFO", ""))
    if target:
        _read_target(call, services, target)
    elif cbor and environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor":
        _read_rpc(call, "smithy-rpc-v2-cbor", cbor.group(2))
    elif action or _protocol_of(services[0]) in ("query", "ec2"):
        action = action or dict(parse_qsl(environ.get("QUERY_STRING", ""))).get("Action", "")
        _read_rpc(call, "ec2" if _protocol_of(services[0]) == "ec2" else "query", action)
    else:
        _read_rest(call, services, environ)
    return call


def read_body(environ: dict, service: str = "") -> bytes:
    """The whole body, which can be read again afterwards.

    Raises AwsError when it is longer than an operation of this service takes; S3's objects are not read here.
    """
    length, most = int(environ.get("CONTENT_LENGTH") or 0), MAX_BODY_OF.get(service, MAX_BODY)
    if length > most:
        raise AwsError("RequestEntityTooLargeException", f"The request has {length} bytes, over {most}.", 413)
    body = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def raw_path(environ: dict) -> str:
    """The path as it was sent, percent-encoding and all, without the query."""
    uri = environ.get("REQUEST_URI") or environ.get("PATH_INFO", "/")
    if not uri.startswith("/"):  # absolute form: http://host/path
        uri = "/" + uri.split("://", 1)[-1].partition("/")[2]
    return uri.partition("?")[0]


def query_of(environ: dict) -> dict:
    """{name: value} of the query string; a repeated name keeps its last value."""
    return dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))


def _scope(environ: dict) -> tuple[str, str, str]:
    """(access key, region, signing name) of the signature; empty strings where there is none."""
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    found = SCOPE.search(authorization)
    if not found and "X-Amz-Credential" in environ.get("QUERY_STRING", ""):
        found = SCOPE_IN_QUERY.fullmatch(query_of(environ).get("X-Amz-Credential", ""))
    if found:
        return found.group(1), found.group(2), found.group(3).lower()
    if authorization.startswith("AWS "):  # signature version 2: only S3 still takes it
        return authorization[4:].partition(":")[0], "", "s3"
    if authorization.startswith("Bearer "):  # an API key: AWS_BEARER_TOKEN_BEDROCK
        return "", "", "bedrock"
    return "", "", ""


def _form(environ: dict) -> dict:
    return parse_qs(read_body(environ).decode("utf-8", "replace"), keep_blank_values=True)


def _protocol_of(service: str) -> str:
    model = models.service_model(service)
    return model.metadata.get("protocol", "") if model else ""


def _read_target(call: Call, services: tuple, target: str) -> None:
    prefix, _, operation = target.rpartition(".")
    call.protocol, call.asked = "json", target
    for service in services:
        model = models.service_model(service)
        if model and model.metadata.get("targetPrefix") == prefix:
            call.service = service
            call.operation = operation if operation in model.operation_names else None
            call.asked = operation or target
            return


def _read_rpc(call: Call, protocol: str, operation: str) -> None:
    model = models.service_model(call.service)
    call.protocol, call.asked = protocol, operation or "no Action"
    if model and operation in model.operation_names:
        call.operation = operation


def _read_rest(call: Call, services: tuple, environ: dict) -> None:
    method, path = environ["REQUEST_METHOD"], raw_path(environ)
    call.asked = f"{method} {path}"
    if call.service == "s3":
        path = _bucket_in_host(environ) + path
    headers = {key[5:] for key in environ if key.startswith("HTTP_")}
    query = query_of(environ)
    for service in services:
        found = models.match_route(service, method, path, query, headers)
        if found:
            call.service, (call.operation, call.labels) = service, found
            break
    else:
        if call.service == "s3" and method == "POST" and environ.get("CONTENT_TYPE", "").startswith(UPLOAD):
            call.operation, call.labels = "PostObject", {"Bucket": unquote(path.strip("/"))}
    protocol = _protocol_of(call.service)
    call.protocol = protocol if protocol.startswith("rest") else "rest-json"


def _bucket_in_host(environ: dict) -> str:
    """For a virtual-hosted request, Host: bucket.localhost:4610, the path part "/bucket"; else nothing."""
    host = environ.get("HTTP_HOST", "").partition(":")[0]
    return "/" + host[: -len(".localhost")] if host.endswith(".localhost") else ""
