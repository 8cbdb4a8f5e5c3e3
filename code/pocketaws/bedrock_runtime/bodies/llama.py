"""Meta Llama: {"prompt", "max_gen_len", "temperature", "top_p"}.

bedrock/latest/userguide/model-parameters-meta.html (2026-11). A prompt in Llama 3's own format
(<|start_header_id|>user<|end_header_id|> …) is read into messages, because the local model's format is
another one; any other prompt is one user message.
"""

import re

from pocketaws.bedrock_runtime import conversation, defaults
from pocketaws.bedrock_runtime.bodies.schema import Field, malformed, read
from pocketaws.bedrock_serving import Question, Whole

MOST = 2048
SCHEMA = Field(
    "JSONObject",
    fields={
        "prompt": Field("String"), "max_gen_len": Field("Integer", 1, MOST),
        "temperature": Field("Number", 0, 1), "top_p": Field("Number", 0, 1), "images": Field("JSONArray"),
    },
    required=("prompt",),
)  # fmt: skip
TURN = re.compile(
    r"<\|start_header_id\|>(system|user|assistant)<\|end_header_id\|>\s*(.*?)(?:<\|eot_id\|>|$)", re.DOTALL
)
REASONS = {"end": "stop", "stop": "stop", "length": "length", "context": "length"}


def question(body: bytes, model) -> Question:
    """The question in a body. Raises AwsError."""
    data = read(body, SCHEMA)
    if data.get("images"):
        raise conversation.unsupported("images")
    return asked(data, messages(data["prompt"]), model.family)


def asked(data: dict, chat: list[dict], family: str) -> Question:
    """The question with the settings of a Llama body."""
    usual = defaults.of(family)
    values = {name: value for name, value in data.items() if value is not None}
    return conversation.question(
        chat, values.get("max_gen_len", usual.max_tokens), values.get("temperature", usual.temperature),
        values.get("top_p", usual.top_p), usual.top_k, (),
    )  # fmt: skip


def messages(prompt: str) -> list[dict]:
    """The conversation in a prompt."""
    turns = [{"role": role, "content": text.strip()} for role, text in TURN.findall(prompt)]
    if turns and turns[-1] == {"role": "assistant", "content": ""}:
        turns.pop()  # the header that asks for the answer
    turns = turns or [{"role": "user", "content": prompt.strip()}]
    if not turns[-1]["content"]:
        raise malformed("#/prompt: expected minLength: 1, actual: 0")
    return turns


def whole(answer: Whole) -> dict:
    """The body of a whole answer."""
    return {
        "generation": answer.text, "prompt_token_count": answer.input_tokens,
        "generation_token_count": answer.output_tokens, "stop_reason": REASONS[answer.reason],
    }  # fmt: skip


def events(parts):
    """(chunk, last Part or None) of a stream; the count of the prompt's tokens stands in the last chunk."""
    for part in parts:
        chunk = {
            "generation": part.text, "prompt_token_count": part.input_tokens,
            "generation_token_count": part.output_tokens,
            "stop_reason": REASONS[part.reason] if part.reason else None,
        }  # fmt: skip
        yield chunk, part if part.reason else None
