"""InvokeEndpoint and InvokeEndpointWithResponseStream."""

from pocketaws.hosting.errors import ContainerGone, ContainerTimeout
from pocketaws.operations import operation
from pocketaws.sagemaker_runtime import invocations, model_errors


@operation("sagemaker-runtime", "InvokeEndpoint")
def invoke_endpoint(context, request: dict) -> dict:
    """The container's whole answer."""
    endpoint = invocations.serving_endpoint(context, request, asynchronous=False)
    answer = invocations.asked(
        context.state.hosting.invoke,
        endpoint,
        invocations.checked_body(request),
        invocations.headers_for_container(request),
        timeout_s=invocations.ANSWER_WITHIN_S,
        target_variant=request.get("TargetVariant"),
        received_at=context.received_at,
    )
    return {**invocations.described(answer), "Body": answer.body}


@operation("sagemaker-runtime", "InvokeEndpointWithResponseStream")
def invoke_endpoint_with_response_stream(context, request: dict) -> dict:
    """The container's answer, each piece an event, sent when the container writes it."""
    endpoint = invocations.serving_endpoint(context, request, asynchronous=False)
    answer = invocations.asked(
        context.state.hosting.invoke_stream,
        endpoint,
        invocations.checked_body(request),
        invocations.headers_for_container(request),
        timeout_s=invocations.STREAM_WITHIN_S,
        target_variant=request.get("TargetVariant"),
        received_at=context.received_at,
    )
    return {**invocations.described(answer), "Body": Parts(answer)}


class Parts:
    """The pieces of a streamed answer as PayloadPart events; closed when the client goes away."""

    def __init__(self, answer):
        self._answer = answer
        self.close = answer.close

    def __iter__(self):
        try:
            for piece in self._answer.chunks:
                yield {"PayloadPart": {"Bytes": piece}}
        except ContainerTimeout as err:
            raise model_errors.stream_too_long() from err
        except ContainerGone as err:
            raise model_errors.stream_broken() from err
