"""Amazon Titan Text: {"inputText", "textGenerationConfig"}.

bedrock/latest/userguide/model-parameters-titan-text.html (2026-11). The page has FINISHED where answers have
FINISH (langchain-ai/langchain-aws, spring-projects/spring-ai, read 2026-11): so has this.
"User: …\\nBot:", the format that the page asks for in conversations, is one user message.
"""

import re

from pocketaws.bedrock_runtime import conversation, defaults
from pocketaws.bedrock_runtime.bodies.schema import TEXTS, Field, malformed, read
from pocketaws.bedrock_serving import Question, Whole

CONVERSATION = re.compile(r"\s*User:\s*(.*?)\s*Bot:\s*", re.DOTALL)
REASONS = {"end": "FINISH", "stop": "STOP_CRITERIA_MET", "length": "LENGTH", "context": "LENGTH"}


def schema(most_tokens: int) -> Field:
    """The body of a model whose longest answer has so many tokens."""
    config = {
        "temperature": Field("Number", 0, 1), "topP": Field("Number", 0, 1), "stopSequences": TEXTS,
        "maxTokenCount": Field("Integer", 1, most_tokens),
    }  # fmt: skip
    return Field(
        "JSONObject",
        fields={"inputText": Field("String"), "textGenerationConfig": Field("JSONObject", fields=config)},
        required=("inputText",),
    )


def question(body: bytes, model) -> Question:
    """The question in a body. Raises AwsError."""
    data = read(body, schema(model.output_tokens))
    found = CONVERSATION.fullmatch(data["inputText"])
    text = found.group(1) if found else data["inputText"]
    if not text.strip():
        raise malformed("#/inputText: expected minLength: 1, actual: 0")
    usual = defaults.of(model.family)
    config = data.get("textGenerationConfig") or {}
    given = {name: value for name, value in config.items() if value is not None}
    return conversation.question(
        [{"role": "user", "content": text}], given.get("maxTokenCount", usual.max_tokens),
        given.get("temperature", usual.temperature), given.get("topP", usual.top_p), usual.top_k,
        given.get("stopSequences", []),
    )  # fmt: skip


def whole(answer: Whole) -> dict:
    """The body of a whole answer."""
    result = {
        "tokenCount": answer.output_tokens, "outputText": answer.text,
        "completionReason": REASONS[answer.reason],
    }  # fmt: skip
    return {"inputTextTokenCount": answer.input_tokens, "results": [result]}


def events(parts):
    """(chunk, last Part or None) of a stream."""
    for part in parts:
        chunk = {
            "outputText": part.text, "index": 0, "totalOutputTextTokenCount": part.output_tokens,
            "completionReason": REASONS[part.reason] if part.reason else None,
            "inputTextTokenCount": part.input_tokens,
        }  # fmt: skip
        yield chunk, part if part.reason else None
