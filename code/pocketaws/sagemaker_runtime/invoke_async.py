"""InvokeEndpointAsync: take a request, say where its answer will be, and process it later."""

import re
import uuid

from pocketaws.errors import not_here
from pocketaws.operations import operation
from pocketaws.sagemaker_runtime import invocations
from pocketaws.sagemaker_runtime.async_queue import Waiting
from pocketaws.sagemaker_runtime.model_errors import validation_error

MAX_BODY = 128_000  # bytes of an inline request; botocore's AsyncBodyBlob
TTL_S, TIMEOUT_S = 21_600, 900  # the defaults, by API_runtime_InvokeEndpointAsync (2026-11)
FILE_NAME = re.compile(r"[A-Za-z0-9._-]+")


@operation("sagemaker-runtime", "InvokeEndpointAsync")
def invoke_endpoint_async(context, request: dict) -> dict:
    """202: the answer will be at OutputLocation, what goes wrong at FailureLocation."""
    endpoint = invocations.serving_endpoint(context, request, asynchronous=True)
    body, source = _payload(request)
    inference_id = request.get("InferenceId") or str(uuid.uuid4())
    output, failure = _locations(endpoint, request, inference_id)
    waiting = Waiting(
        headers=invocations.headers_for_container({**request, "InferenceId": inference_id}),
        body=body,
        input=source,
        output=output,
        failure=failure,
        ttl_s=request.get("RequestTTLSeconds", TTL_S),
        timeout_s=request.get("InvocationTimeoutSeconds", TIMEOUT_S),
    )
    context.state.async_queues.add(endpoint, waiting, context.state)
    return {
        "InferenceId": inference_id,
        "OutputLocation": _uri(output),
        "FailureLocation": _uri(failure) if failure else None,
    }


def _payload(request: dict) -> tuple[bytes | None, tuple[str, str]]:
    """(body, ("", "")) of an inline request, (None, (bucket, key)) of one in S3; exactly one may be given."""
    body, location = request.get("Body"), request.get("InputLocation")
    if bool(body) == bool(location):
        raise validation_error("Body and InputLocation are mutually exclusive. Provide exactly one of them.")
    if not location:
        if len(body) > MAX_BODY:
            raise validation_error(f"The inline payload has {len(body)} bytes; it can have up to {MAX_BODY}.")
        return body, ("", "")
    if not location.startswith("s3://"):
        raise not_here("sagemaker-runtime", "InvokeEndpointAsync with an https:// InputLocation")
    bucket, _, key = location[len("s3://") :].partition("/")
    if not key:
        raise validation_error(f"InputLocation {location} names no object.")
    return None, (bucket, key)


def _locations(endpoint, request: dict, inference_id: str):
    """Where the answer and the failure go: (bucket, key) each, None for a failure without S3FailurePath.

    The file is called after the inference id, which may hold characters that no file name should.
    """
    config = endpoint.spec.async_config["OutputConfig"]
    if "S3OutputPath" not in config:
        raise not_here(
            "sagemaker-runtime", "InvokeEndpointAsync without an S3OutputPath in the endpoint config"
        )
    stem = inference_id if FILE_NAME.fullmatch(inference_id) else str(uuid.uuid4())
    folder = request.get("S3OutputPathExtension", "")
    output = _inside(config["S3OutputPath"], folder, request.get("Filename") or f"{stem}.out")
    failure = config.get("S3FailurePath")
    return output, _inside(failure, folder, f"{stem}-error.out") if failure else None


def _inside(path: str, folder: str, name: str) -> tuple[str, str]:
    bucket, _, prefix = path[len("s3://") :].partition("/")
    return bucket, "/".join(part for part in (prefix.strip("/"), folder.strip("/"), name) if part)


def _uri(where: tuple[str, str]) -> str:
    return f"s3://{where[0]}/{where[1]}"
