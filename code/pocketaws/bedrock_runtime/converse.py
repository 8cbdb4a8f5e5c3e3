"""Converse and ConverseStream.

What cannot be honoured here is refused by name: tools, guardrails, structured output, images and documents,
latency-optimized inference, other service tiers than the default one.
"""

import time

from pocketaws.bedrock_runtime import asking, conversation, defaults
from pocketaws.bedrock_serving import Question, ServingError
from pocketaws.errors import validation_error
from pocketaws.operations import operation

REFUSED = ("toolConfig", "guardrailConfig", "outputConfig")


@operation("bedrock-runtime", "Converse")
def converse(context, request: dict) -> dict:
    """The model's whole answer to a conversation."""
    model = asking.served(context, request["modelId"])
    answer = asking.whole(context, model, question(request, model))
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": answer.text}]}},
        "stopReason": conversation.STOP_REASONS[answer.reason],
        "usage": usage(answer.input_tokens, answer.output_tokens),
        "metrics": {"latencyMs": latency_ms(context)},
        **_echoed(request),
    }


@operation("bedrock-runtime", "ConverseStream")
def converse_stream(context, request: dict) -> dict:
    """The answer token by token: messageStart, contentBlockDelta …, messageStop, metadata."""
    model = asking.served(context, request["modelId"])
    if not model.streaming:
        raise validation_error("The model is unsupported for streaming")
    asked = question(request, model)
    return {"stream": Events(asking.streamed(context, model, asked), context, _echoed(request))}


class Events:
    """The events of a streamed answer, each as soon as the model has made its token."""

    def __init__(self, stream, context, echoed: dict):
        self._stream, self._context, self._echoed = stream, context, echoed
        self.close = stream.close

    def __iter__(self):
        yield {"messageStart": {"role": "assistant"}}
        try:
            for part in self._stream.parts:
                if part.text:
                    delta = {"delta": {"text": part.text}, "contentBlockIndex": 0}
                    yield {"contentBlockDelta": delta}
        except ServingError as err:
            raise asking.stream_error(err) from err
        yield {"contentBlockStop": {"contentBlockIndex": 0}}
        yield {"messageStop": {"stopReason": conversation.STOP_REASONS[part.reason]}}
        yield {"metadata": {
            "usage": usage(part.input_tokens, part.output_tokens),
            "metrics": {"latencyMs": latency_ms(self._context)},
            **self._echoed,
        }}  # fmt: skip


def question(request: dict, model) -> Question:
    """The question in a Converse request. Raises AwsError for what AWS refuses or this cannot do."""
    if not model.instruct:
        raise validation_error(asking.NO_CHAT)
    for name in REFUSED:
        if name in request:
            raise conversation.unsupported(name)
    if request.get("performanceConfig", {}).get("latency") == "optimized":
        raise conversation.unsupported("performanceConfig.latency")
    if request.get("serviceTier", {}).get("type", "default") != "default":
        raise conversation.unsupported("serviceTier.type")
    check_pointers(request.get("additionalModelResponseFieldPaths", []))
    chat = conversation.chat_messages(request.get("messages", []), request.get("system"), model.family)
    config, usual = request.get("inferenceConfig", {}), defaults.of(model.family)
    conversation.check_max_tokens(config.get("maxTokens"), model.output_tokens)
    return conversation.question(
        chat, config.get("maxTokens", model.output_tokens), config.get("temperature", usual.temperature),
        config.get("topP", usual.top_p), _top_k(request, model.family, usual),
        config.get("stopSequences", []),
    )  # fmt: skip


def _top_k(request: dict, family: str, usual) -> int:
    """topK, which only Nova takes, in additionalModelRequestFields {"inferenceConfig": {"topK": 20}}."""
    fields = request.get("additionalModelRequestFields", {})
    known = {"inferenceConfig"} if family.startswith("nova") else set()
    inner = fields.get("inferenceConfig", {}) if known else {}
    extra = sorted(set(fields) - known) or sorted(set(inner) - {"topK"})
    if extra:
        raise validation_error(
            "The model returned the following errors: Malformed input request: #: extraneous key "
            f"[{extra[0]}] is not permitted, please reformat your input and try again."
        )
    top_k = inner.get("topK", usual.top_k)
    if isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 0:
        raise validation_error(
            "The model returned the following errors: Malformed input request: #/inferenceConfig/topK: "
            f"{top_k} is no integer of 0 or more, please reformat your input and try again."
        )
    return top_k


def check_pointers(paths: list[str]) -> None:
    """Raise for what is no JSON Pointer. A field that the model's answer has not is ignored, as on AWS."""
    for path in paths:
        if not path.startswith("/"):
            raise validation_error(f"additionalModelResponseFieldPaths: {path!r} is no JSON Pointer.")


def usage(input_tokens: int, output_tokens: int) -> dict:
    """A TokenUsage."""
    return {
        "inputTokens": input_tokens, "outputTokens": output_tokens,
        "totalTokens": input_tokens + output_tokens,
    }  # fmt: skip


def latency_ms(context) -> int:
    """Milliseconds since the request came; at least one."""
    return max(1, round((time.monotonic() - context.received_at) * 1000))


def _echoed(request: dict) -> dict:
    """What an answer gives back of a request, where it was asked for."""
    return {name: request[name] for name in ("performanceConfig", "serviceTier") if name in request}
