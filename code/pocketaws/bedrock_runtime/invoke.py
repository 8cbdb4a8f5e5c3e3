"""InvokeModel and InvokeModelWithResponseStream: a body in the model family's own format, and its answer.

The headers with latency and token counts, and amazon-bedrock-invocationMetrics in a stream's last chunk, are
as AWS sends them ("Monitor Amazon Bedrock", and public answers, read 2026-11).
"""

import json
import time

from pocketaws.bedrock_runtime import asking, bodies, conversation
from pocketaws.bedrock_runtime.bodies import imported
from pocketaws.bedrock_serving import ServingError
from pocketaws.errors import validation_error
from pocketaws.operations import HEADERS, operation

MAX_BODY = 25_000_000  # bytes, botocore's Body
JSON = "application/json"


@operation("bedrock-runtime", "InvokeModel")
def invoke_model(context, request: dict) -> dict:
    """The model's whole answer."""
    model, body = _asked_of(context, request)
    data = imported.openai(body) if model.kind == "imported" else None
    if data is not None:
        content, counts = _openai(context, model, data)
    else:
        family = bodies.of(model)
        answer = asking.whole(context, model, family.question(body, model))
        content = json.dumps(family.whole(answer), ensure_ascii=False).encode()
        counts = answer.input_tokens, answer.output_tokens
    return {"body": content, "contentType": JSON, HEADERS: _headers(context, *counts)}


@operation("bedrock-runtime", "InvokeModelWithResponseStream")
def invoke_model_with_response_stream(context, request: dict) -> dict:
    """The answer chunk by chunk, each sent when the model has made its token."""
    model, body = _asked_of(context, request)
    if not model.streaming:
        raise validation_error("The model is unsupported for streaming")
    data = imported.openai(body) if model.kind == "imported" else None
    if data is not None:
        wants_usage = bool((data.get("stream_options") or {}).get("include_usage"))
        data = {**data, "stream": True, "stream_options": {"include_usage": True}}
        asked = _openai_asked(context, model, data)
        source = _openai_chunks(asked, wants_usage)
    else:
        family = bodies.of(model)
        asked = asking.streamed(context, model, family.question(body, model))
        source = _family_chunks(family, asked)
    return {"body": Chunks(source, asked.close, context), "contentType": JSON}


class Chunks:
    """The chunk events of a stream. source yields (JSON, (input tokens, output tokens) or None)."""

    def __init__(self, source, close, context):
        self._source, self._context = source, context
        self.close = close

    def __iter__(self):
        first_byte = None
        try:
            for chunk, counts in self._source:
                first_byte = first_byte or _ms_since(self._context.received_at)
                if counts:
                    chunk = {**chunk, "amazon-bedrock-invocationMetrics": {
                        "inputTokenCount": counts[0], "outputTokenCount": counts[1],
                        "invocationLatency": _ms_since(self._context.received_at),
                        "firstByteLatency": first_byte,
                    }}  # fmt: skip
                yield {"chunk": {"bytes": json.dumps(chunk, ensure_ascii=False).encode()}}
        except ServingError as err:
            raise asking.stream_error(err, "modelTimeoutException") from err


def _asked_of(context, request: dict) -> tuple:
    """(model, body) of a request whose members are honoured here."""
    model = asking.served(context, request["modelId"])
    if request.get("guardrailIdentifier"):
        raise conversation.unsupported("guardrailIdentifier")
    if request.get("performanceConfigLatency") == "optimized":
        raise conversation.unsupported("performanceConfigLatency")
    if request.get("serviceTier", "default") != "default":
        raise conversation.unsupported("serviceTier")
    body = request.get("body", b"")
    if len(body) > MAX_BODY:
        raise validation_error(
            "1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have "
            f"length less than or equal to {MAX_BODY}"
        )
    return model, body


def _family_chunks(family, stream):
    """The chunks of a family's stream; the counts come with the last one."""
    for chunk, last in family.events(stream.parts):
        yield chunk, (last.input_tokens, last.output_tokens) if last else None


def _openai_asked(context, model, data: dict):
    try:
        return context.state.serving.openai(
            model.folder, data, asking.limit_s(context), wait=asking.waits(model)
        )
    except ServingError as err:
        raise asking.error(err, model) from err


def _openai(context, model, data: dict) -> tuple[bytes, tuple[int, int]]:
    """A whole answer in OpenAI's format, and its token counts."""
    try:
        content = _openai_asked(context, model, {**data, "stream": False}).read()
    except ServingError as err:
        raise asking.error(err, model) from err
    used = json.loads(content)["usage"]
    return content, (used["prompt_tokens"], used["completion_tokens"])


def _openai_chunks(asked, wants_usage: bool):
    for chunk, used in imported.chunks(asked.lines(), wants_usage):
        yield chunk, (used["prompt_tokens"], used["completion_tokens"]) if used else None


def _headers(context, input_tokens: int, output_tokens: int) -> list[tuple[str, str]]:
    return [
        ("X-Amzn-Bedrock-Invocation-Latency", str(_ms_since(context.received_at))),
        ("X-Amzn-Bedrock-Input-Token-Count", str(input_tokens)),
        ("X-Amzn-Bedrock-Output-Token-Count", str(output_tokens)),
    ]


def _ms_since(moment: float) -> int:
    return max(1, round((time.monotonic() - moment) * 1000))
