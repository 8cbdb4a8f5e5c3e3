"""OpenAI's chat completions and completions as vLLM reads and writes them.

Request and response members: docs.vllm.ai, "OpenAI-Compatible Server", and
vllm/entrypoints/openai/*/protocol.py (github.com/vllm-project/vllm, read 2026-11). Where a request names no
temperature, vLLM takes the model's generation_config.json, then 1.0: it samples. Send "temperature": 0 for
the same answer each time.
"""

import json
import time
import uuid
from collections.abc import Iterator

from ...generation import Answer, Engine, Piece, Request, Settings
from . import fields

SSE = {"Content-Type": "text/event-stream; charset=utf-8"}
JSON = {"Content-Type": "application/json"}
COMPLETION_TOKENS = 16  # OpenAI's default for a completion; a chat's answer may fill the context
# What vLLM can and the local AWS cannot: name → values that ask for nothing.
NOT_DONE = {
    "tools": ([],), "tool_choice": ("none", "auto"), "functions": ([],), "function_call": ("none",),
    "response_format": ({"type": "text"},), "logprobs": (False,), "top_logprobs": (0,), "prompt_logprobs": (),
    "logit_bias": ({},), "n": (1,), "best_of": (1,), "use_beam_search": (False,), "echo": (False,),
    "suffix": ("",), "structured_outputs": (), "guided_json": (), "guided_regex": (), "guided_choice": (),
    "guided_grammar": (), "min_p": (0,), "min_tokens": (0,), "stop_token_ids": ([],), "bad_words": ([],),
    "allowed_token_ids": (), "length_penalty": (1,), "truncate_prompt_tokens": (), "audio": (),
    "modalities": (["text"],),
    "continue_final_message": (False,), "add_generation_prompt": (True,), "chat_template": (),
    "chat_template_kwargs": ({},), "documents": ([],), "prompt_embeds": (),
}  # fmt: skip
REASONS = {"end": "stop", "stop": "stop", "length": "length"}


class Defaults:
    """What a request without a value gets: the model's generation_config.json, else OpenAI's."""

    def __init__(self, generation_config):
        own = generation_config.to_dict() if generation_config is not None else {}
        self.temperature = _or(own.get("temperature"), 1.0)
        self.top_p = _or(own.get("top_p"), 1.0)
        self.top_k = _or(own.get("top_k"), 0)
        self.repetition_penalty = _or(own.get("repetition_penalty"), 1.0)


def _or(value, default):
    return default if value is None else value


def chat(engine: Engine, data: dict, name: str, defaults: Defaults):
    """Answer {"messages": …}: (headers, bytes or iterator of bytes).

    Raises  WrongField, NotDone, ValueError (a value out of range, a prompt that is too long)
    """
    fields.refuse(data, NOT_DONE)
    ids = engine.model.chat_ids(fields.messages(data))
    limit = fields.whole(data, "max_completion_tokens") or fields.whole(data, "max_tokens")
    request = Request(ids, settings(data, defaults, limit))
    check_room(engine, request)
    if fields.truth(data, "stream"):
        return SSE, _sse(_chat_chunks(engine.stream(request), request, name, _wants_usage(data)))
    answer = engine.complete([request])[0]
    message = {
        "role": "assistant", "content": answer.text, "refusal": None, "annotations": None, "audio": None,
        "function_call": None, "tool_calls": [], "reasoning_content": None,
    }  # fmt: skip
    choice = {"index": 0, "message": message, "logprobs": None, **_ending(answer)}
    head = _head("chatcmpl", "chat.completion", name)
    extra = {"service_tier": None, "system_fingerprint": None}
    body = {**head, "choices": [choice], **extra, "usage": _usage([answer]), "prompt_logprobs": None}
    return JSON, _bytes(body)


def completion(engine: Engine, data: dict, name: str, defaults: Defaults):
    """Answer {"prompt": text, ids, or a list of them}; as `chat`."""
    fields.refuse(data, NOT_DONE)
    limit = fields.whole(data, "max_tokens", COMPLETION_TOKENS)
    chosen = settings(data, defaults, limit)
    requests = [Request(ids, chosen) for ids in _prompts(engine, data)]
    for request in requests:
        check_room(engine, request)
    if fields.truth(data, "stream"):
        return SSE, _sse(_completion_chunks(engine, requests, name, _wants_usage(data)))
    answers = engine.complete(requests)
    choices = [
        {"index": i, "text": answer.text, "logprobs": None, **_ending(answer), "prompt_logprobs": None}
        for i, answer in enumerate(answers)
    ]
    return JSON, _bytes(
        {**_head("cmpl", "text_completion", name), "choices": choices, "usage": _usage(answers)}
    )


def settings(data: dict, defaults: Defaults, limit: int | None, logprobs: bool = False) -> Settings:
    """Settings out of OpenAI's and vLLM's members. Raises ValueError for one out of range."""
    top_k = fields.whole(data, "top_k", defaults.top_k)
    if top_k < -1:
        raise ValueError(f"top_k must be 0 (disable), or at least 1, got {top_k}.")
    return Settings(
        temperature=float(fields.number(data, "temperature", defaults.temperature)),
        top_p=float(fields.number(data, "top_p", defaults.top_p)), top_k=max(top_k, 0), max_tokens=limit,
        stop=fields.texts(data, "stop"), keep_stop=fields.truth(data, "include_stop_str_in_output"),
        seed=fields.whole(data, "seed"), logprobs=logprobs, ignore_end=fields.truth(data, "ignore_eos"),
        repetition_penalty=float(fields.number(data, "repetition_penalty", defaults.repetition_penalty)),
        presence_penalty=float(fields.number(data, "presence_penalty", 0.0)),
        frequency_penalty=float(fields.number(data, "frequency_penalty", 0.0)),
    )  # fmt: skip


def check_room(engine: Engine, request: Request) -> None:
    """vLLM refuses what cannot fit, rather than to cut it."""
    prompt, wanted = len(request.ids), request.settings.max_tokens or 1
    if wanted > engine.model.room(prompt):
        context = engine.model.context
        sum_ = f"{wanted} > {context} - {prompt}"
        raise ValueError(
            f"'max_tokens' or 'max_completion_tokens' is too large: {wanted}. This model's maximum context "
            f"length is {context} tokens and your request has {prompt} input tokens ({sum_})."
        )


def _prompts(engine: Engine, data: dict) -> list[list[int]]:
    if data.get("prompt") is None:
        raise fields.WrongField("the body", "an object with messages or prompt", sorted(data))
    prompt = data["prompt"]
    if isinstance(prompt, str) or _are_ids(prompt):
        prompt = [prompt]
    if (
        not isinstance(prompt, list)
        or not prompt
        or not all(isinstance(p, str) or _are_ids(p) for p in prompt)
    ):
        raise fields.WrongField("prompt", "a string, a list of token ids, or a list of these", prompt)
    return [engine.model.text_ids(each) if isinstance(each, str) else each for each in prompt]


def _are_ids(value) -> bool:
    return isinstance(value, list) and bool(value) and all(type(each) is int and each >= 0 for each in value)


def _chat_chunks(pieces: Iterator[Piece], request: Request, name: str, usage: bool):
    head = _head("chatcmpl", "chat.completion.chunk", name)
    first = {"role": "assistant", "content": ""}
    try:
        for piece in pieces:
            if first:  # vLLM says whose turn it is once there is a first token
                choice = {"index": 0, "delta": first, "logprobs": None, "finish_reason": None}
                yield {**head, "choices": [choice]}
                first = None
            if piece.text or piece.reason:
                choice = {"index": 0, "delta": {"content": piece.text}, "logprobs": None, **_ending(piece)}
                yield {**head, "choices": [choice]}
        if usage:
            yield {**head, "choices": [], "usage": _counts(len(request.ids), piece.output_tokens)}
    finally:
        pieces.close()


def _completion_chunks(engine: Engine, requests: list[Request], name: str, usage: bool):
    head = _head("cmpl", "text_completion", name)
    streams = [engine.stream(request) for request in requests]
    made = 0
    try:
        for i, pieces in enumerate(streams):
            for piece in pieces:
                if piece.text or piece.reason:
                    choice = {"index": i, "text": piece.text, "logprobs": None, **_ending(piece)}
                    yield {**head, "choices": [choice]}
            made += piece.output_tokens
        if usage:
            yield {**head, "choices": [], "usage": _counts(sum(len(r.ids) for r in requests), made)}
    finally:
        for pieces in streams:
            pieces.close()


def _sse(chunks: Iterator[dict]) -> Iterator[bytes]:
    """Server-sent events, then [DONE]."""
    try:
        for chunk in chunks:
            yield b"data: " + _bytes(chunk) + b"\n\n"
        yield b"data: [DONE]\n\n"
    finally:
        chunks.close()


def _wants_usage(data: dict) -> bool:
    return fields.truth(fields.mapping(data, "stream_options"), "include_usage")


def _ending(what: Answer | Piece) -> dict:
    return {"finish_reason": REASONS.get(what.reason), "stop_reason": what.stop}


def _head(prefix: str, kind: str, name: str) -> dict:
    return {"id": f"{prefix}-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": name}


def _usage(answers: list[Answer]) -> dict:
    counts = _counts(sum(a.input_tokens for a in answers), sum(a.output_tokens for a in answers))
    return {**counts, "prompt_tokens_details": None}


def _counts(prompt: int, made: int) -> dict:
    return {"prompt_tokens": prompt, "total_tokens": prompt + made, "completion_tokens": made}


def _bytes(data: dict) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
