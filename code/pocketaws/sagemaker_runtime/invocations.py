"""What the three ways to invoke an endpoint have in common: find it, check the request, tell the container.

The container gets the body as it is, and of the headers those that API_runtime_InvokeEndpoint names: the
others are stripped, says that page (2026-11).
"""

from pocketaws.errors import AwsError, not_here
from pocketaws.hosting.errors import ContainerGone, ContainerTimeout, NoSuchVariant, NotServing
from pocketaws.sagemaker_runtime import model_errors
from pocketaws.sagemaker_runtime.model_errors import validation_error

# Bytes. docs: "Inference options in Amazon SageMaker AI" has 25 MB for real-time endpoints (2026-11), 6 MB
# until 2025. botocore's model still says 6,291,456, and no SDK checks it.
MAX_BODY = 25 * 1024**2
# Seconds. docs: the same page, 60 s, and 8 minutes for a stream (2026-11).
ANSWER_WITHIN_S, STREAM_WITHIN_S = 60, 480
SERVING = ("InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed")
CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"
NOT_HONOURED = ("TargetModel", "TargetContainerHostname", "InferenceComponentName", "EnableExplanations",
                "SessionId", "PrefixAwareId")  # fmt: skip


def serving_endpoint(context, request: dict, asynchronous: bool):
    """The endpoint that a request names, which is in service and of the kind that is asked for.

    Raises the runtime's ValidationError if not; NotImplemented for members that are not honoured here.
    """
    for name in NOT_HONOURED:
        if name in request:
            raise not_here("sagemaker-runtime", f"invocations with {name}")
    name = request["EndpointName"]
    endpoint = context.state.endpoints.find(name, context.region, context.account)
    if endpoint is None or endpoint.spec is None or endpoint.status not in SERVING:
        raise validation_error(f"Endpoint {name} of account {context.account} not found.", "NO_SUCH_ENDPOINT")
    if asynchronous and not endpoint.spec.async_config:
        raise validation_error(
            f"Endpoint {name} is a real-time endpoint: its configuration has no AsyncInferenceConfig. Call "
            "InvokeEndpoint."
        )
    if not asynchronous and endpoint.spec.async_config:
        raise validation_error(
            f"Endpoint {name} is an asynchronous endpoint: its configuration has an AsyncInferenceConfig. "
            "Call InvokeEndpointAsync."
        )
    return endpoint


def checked_body(request: dict) -> bytes:
    """The body of a request to a real-time endpoint.

    Raises AwsError when it is too large, in the words of aws/sagemaker-python-sdk issue 171, which has the
    limit of its time.
    """
    if len(request["Body"]) > MAX_BODY:
        raise AwsError("413", f"HTTP content length exceeded {MAX_BODY} bytes.", 413)
    return request["Body"]


def headers_for_container(request: dict) -> dict[str, str]:
    """The headers of POST /invocations."""
    named = {
        "Content-Type": request.get("ContentType"),
        "Accept": request.get("Accept"),
        CUSTOM_ATTRIBUTES: request.get("CustomAttributes"),
        INFERENCE_ID: request.get("InferenceId"),
    }
    return {name: value for name, value in named.items() if value is not None}


def asked(invoke, endpoint, body: bytes, headers: dict, **named):
    """What the engine's invoke or invoke_stream answers, if the container's status is 2xx.

    named   as those take it: timeout_s, target_variant, received_at
    Raises ModelError for another status and for no answer, ValidationError for a variant that is not there,
    ServiceUnavailable when no container can answer.
    """
    try:
        answer = invoke(endpoint, body, headers, **named)
    except NoSuchVariant as err:
        name = named["target_variant"]
        raise validation_error(f"Variant {name} of endpoint {endpoint.name} not found.") from err
    except NotServing as err:
        raise model_errors.unavailable(str(err)) from err
    except ContainerTimeout as err:
        raise model_errors.timed_out(endpoint) from err
    except ContainerGone as err:
        raise model_errors.no_response(endpoint) from err
    if not 200 <= answer.status < 300:
        raise model_errors.of_answer(endpoint, answer.status, _whole_body(answer))
    return answer


def described(answer) -> dict:
    """The members that every answer has: ContentType, CustomAttributes, InvokedProductionVariant."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return {
        "ContentType": headers.get("content-type"),
        "CustomAttributes": headers.get(CUSTOM_ATTRIBUTES.lower()),
        "InvokedProductionVariant": answer.variant,
    }


def _whole_body(answer) -> bytes:
    """The body of an error, which a stream has in pieces, or not to its end."""
    if hasattr(answer, "body"):
        return answer.body
    try:
        return b"".join(answer.chunks)
    except (ContainerTimeout, ContainerGone):
        return b""
    finally:
        answer.close()
