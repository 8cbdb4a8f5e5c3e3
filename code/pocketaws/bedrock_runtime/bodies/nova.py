"""Amazon Nova: messages-v1, the shape of Converse in a body.

nova/latest/userguide/complete-request-schema.html (2026-11); max_new_tokens, top_p and top_k are the names
that the page had before, and are taken still. Images come in base64 there and are refused here as elsewhere.
"""

from itertools import chain

from pocketaws.bedrock_runtime import conversation, defaults
from pocketaws.bedrock_runtime.bodies.schema import TEXTS, Field, read
from pocketaws.bedrock_serving import Question, Whole

NUMBER, WHOLE = Field("Number", 0, 1), Field("Integer", 1)
BLOCK = Field("JSONObject", fields={"text": Field("String")}, any_key=True)
MESSAGE = Field(
    "JSONObject", fields={"role": Field("String"), "content": Field("JSONArray", items=BLOCK)},
    required=("role", "content"),
)  # fmt: skip
CONFIG = Field(
    "JSONObject",
    fields={
        "maxTokens": WHOLE, "max_new_tokens": WHOLE, "temperature": NUMBER, "topP": NUMBER, "top_p": NUMBER,
        "topK": Field("Integer", 0), "top_k": Field("Integer", 0), "stopSequences": TEXTS,
        "reasoningConfig": Field("JSONObject"),
    },
)  # fmt: skip
SCHEMA = Field(
    "JSONObject",
    fields={
        "schemaVersion": Field("String"), "system": Field("JSONArray", items=BLOCK),
        "messages": Field("JSONArray", items=MESSAGE), "inferenceConfig": CONFIG,
        "toolConfig": Field("JSONObject"),
    },
    required=("messages",),
)  # fmt: skip


def question(body: bytes, model) -> Question:
    """The question in a body. Raises AwsError."""
    data = read(body, SCHEMA)
    config, usual = data.get("inferenceConfig") or {}, defaults.of(model.family)
    if data.get("toolConfig"):
        raise conversation.unsupported("toolConfig")
    if (config.get("reasoningConfig") or {}).get("type", "disabled") != "disabled":
        raise conversation.unsupported("inferenceConfig.reasoningConfig")
    chat = conversation.chat_messages(data["messages"], data.get("system"), model.family)
    max_tokens = _first(config, "maxTokens", "max_new_tokens")
    conversation.check_max_tokens(max_tokens, model.output_tokens)
    return conversation.question(
        chat, max_tokens or model.output_tokens, _first(config, "temperature", default=usual.temperature),
        _first(config, "topP", "top_p", default=usual.top_p),
        _first(config, "topK", "top_k", default=usual.top_k), config.get("stopSequences") or [],
    )  # fmt: skip


def whole(answer: Whole) -> dict:
    """The body of a whole answer."""
    return {
        "output": {"message": {"content": [{"text": answer.text}], "role": "assistant"}},
        "stopReason": conversation.STOP_REASONS[answer.reason],
        "usage": _usage(answer),
    }


def events(parts):
    """(chunk, last Part or None) of a stream: the events of ConverseStream."""
    first = next(parts)  # so that the first chunk's time is that of the first token
    yield {"messageStart": {"role": "assistant"}}, None
    for part in chain([first], parts):
        if part.text:
            yield {"contentBlockDelta": {"delta": {"text": part.text}, "contentBlockIndex": 0}}, None
    yield {"contentBlockStop": {"contentBlockIndex": 0}}, None
    yield {"messageStop": {"stopReason": conversation.STOP_REASONS[part.reason]}}, None
    yield {"metadata": {"usage": _usage(part), "metrics": {}, "trace": {}}}, part


def _usage(last) -> dict:
    return {
        "inputTokens": last.input_tokens, "outputTokens": last.output_tokens,
        "totalTokens": last.input_tokens + last.output_tokens, "cacheReadInputTokenCount": 0,
        "cacheWriteInputTokenCount": 0,
    }  # fmt: skip


def _first(config: dict, *names: str, default=None):
    return next((config[name] for name in names if config.get(name) is not None), default)
