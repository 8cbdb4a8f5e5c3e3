"""Imported models: three formats, told apart by their members.

    {"messages": …}               OpenAIChatCompletion: answered as {"choices": [{"message": …}], "usage": …}
    {"prompt", "max_tokens"}      OpenAICompletion: {"choices": [{"text": …}], "usage": …}
    {"prompt", "max_gen_len"}     BedrockCompletion: {"generation", "prompt_token_count", …}, Llama's answer

bedrock/latest/userguide/invoke-imported-model.html, "Enhanced API Support: Multiple API Formats" (2026-11).
A prompt without either limit is BedrockCompletion: not documented; chosen, because it is the older one. The
prompt goes to the model as it is, since its format is the imported model's own.
"""

import json
from dataclasses import replace

from pocketaws.bedrock_runtime.bodies import llama
from pocketaws.bedrock_runtime.bodies.schema import Field, malformed, read
from pocketaws.bedrock_serving import Question

ANY = Field("JSONObject", fields={"prompt": Field("String"), "messages": Field("JSONArray")}, any_key=True)
BEDROCK = Field(
    "JSONObject",
    fields={
        "prompt": Field("String"), "max_gen_len": Field("Integer", 1), "temperature": Field("Number", 0),
        "top_p": Field("Number", 0, 1),
    },
    required=("prompt",),
)  # fmt: skip

whole, events = llama.whole, llama.events


def openai(body: bytes) -> dict | None:
    """The body if it is in one of OpenAI's formats, None if it is in Bedrock's own."""
    data = read(body, ANY)
    if "messages" not in data and "prompt" not in data:
        raise malformed("#: required key [prompt] not found")
    return data if "messages" in data or "max_tokens" in data else None


def question(body: bytes, model) -> Question:
    """The question in a body of Bedrock's own format. Raises AwsError."""
    data = read(body, BEDROCK)
    if not data["prompt"]:
        raise malformed("#/prompt: expected minLength: 1, actual: 0")
    return replace(llama.asked(data, [], model.family), messages=None, prompt=data["prompt"])


def chunks(lines, wants_usage: bool):
    """(chunk, usage) of OpenAI's server-sent events; usage is {} in all but the last chunk.

    wants_usage   whether the request asked for a chunk of its own with the usage
    """
    held = None  # the chunk with the finish_reason: the usage comes after it
    for line in lines:
        text = line.removeprefix(b"data: ").strip()
        if not text or text == b"[DONE]":
            continue
        chunk = json.loads(text)
        if chunk.get("usage") and not chunk["choices"] and not wants_usage:
            yield held, chunk["usage"]
            return
        if held is not None:
            yield held, {}
            held = None
        if chunk.get("usage"):
            yield chunk, chunk["usage"]
        elif any(choice.get("finish_reason") for choice in chunk["choices"]):
            held = chunk
        else:
            yield chunk, {}
