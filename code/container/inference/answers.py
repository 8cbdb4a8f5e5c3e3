"""The shapes of what is sent back: [{"generated_text": …}] and OpenAI's chat completions, whole or in
events."""

import json
import time
import uuid


def generated(results: list, ask) -> list[dict]:
    """One {"generated_text"} a prompt, in the order they were sent."""
    full = ask.full_text
    return [
        {"generated_text": (prompt if full and isinstance(prompt, str) else "") + result.text}
        for prompt, result in zip(ask.prompts, results, strict=True)
    ]


def chat_completion(result, ask, name: str) -> dict:
    """OpenAI's chat.completion object."""
    choice = {
        "index": 0, "message": {"role": "assistant", "content": result.text}, "logprobs": None,
        "finish_reason": result.reason,
    }  # fmt: skip
    return {**_head("chat.completion", ask, name), "choices": [choice], "usage": _usage(result)}


def events(pieces, ask, name: str):
    """Server-sent events, as OpenAI's: a chat.completion.chunk for each piece of text, then [DONE].

    pieces  iterator of results that each hold the new text; closing the events closes it
    """
    head = _head("chat.completion.chunk", ask, name)
    delta = {"role": "assistant"}
    try:
        for piece in pieces:
            if not (piece.text or piece.reason):
                continue
            choice = {"index": 0, "delta": {**delta, "content": piece.text}, "finish_reason": piece.reason}
            delta = {}
            yield _event({**head, "choices": [choice]})
        if ask.usage_at_end:
            yield _event({**head, "choices": [], "usage": _usage(piece)})
        yield "data: [DONE]\n\n"
    finally:
        pieces.close()


def _head(kind: str, ask, name: str) -> dict:
    identity = f"chatcmpl-{uuid.uuid4().hex}"
    return {"id": identity, "object": kind, "created": int(time.time()), "model": ask.model or name}


def _usage(result) -> dict:
    prompt, answer = result.prompt_tokens, result.tokens
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _event(data: dict) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
