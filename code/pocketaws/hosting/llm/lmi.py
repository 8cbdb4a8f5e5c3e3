"""The LMI image's /invocations (djl-inference with vLLM): {"inputs", "parameters"}, chat completions,
completions.

engines/python/setup/djl_python/lmi_vllm/*.py and async_utils.py (github.com/deepjavalibrary/djl-serving,
read 2026-11). Streams come as JSON lines, not as server-sent events; `inputs` is answered with one object,
samples as vLLM does unless do_sample is false, and gets 30 tokens. A payload that cannot be read: 424
{"error", "code"}.
"""

import json

from ...generation import Request
from . import fields, openai, tokens

MAX_NEW_TOKENS = 30
LINES = {"Content-Type": "application/jsonlines"}
NOT_DONE = {
    **openai.NOT_DONE, "decoder_input_details": (False,), "top_n_tokens": (1,), "truncate": (),
    "num_beams": (1,), "adapters": (),
}  # fmt: skip
INVALID = "invalid payload. must contain prompt, inputs, or messages"


class Server:
    """Answers for one model."""

    def __init__(self, engines: dict, defaults: openai.Defaults):
        self.engines = engines
        self.name, self.engine = next(iter(engines.items()))
        self.defaults = defaults

    def __call__(self, body: bytes, headers: dict[str, str]):
        try:
            data = json.loads(body)
            if not isinstance(data, dict) or not {"prompt", "inputs", "messages"} & set(data):
                return error(424, f"Input parsing failed: {INVALID}")
            name = fields.text(data, "model", self.name)
            if name not in self.engines:
                return error(404, f"The model `{name}` does not exist.")
            if "prompt" not in data and "inputs" in data:
                return 200, *self._generate(data)
            answer = openai.completion if "prompt" in data else openai.chat
            headers, body = answer(self.engine, data, name, self.defaults)
            return (200, LINES, _lines_of(body)) if headers is openai.SSE else (200, headers, body + b"\n")
        except fields.WrongField as err:
            return error(424, f"Input parsing failed: {err}")
        except fields.NotDone as err:
            return error(501, str(err))
        except json.JSONDecodeError as err:
            return error(424, f"Input parsing failed: {err}")
        except ValueError as err:
            return error(400, str(err))

    def _generate(self, data: dict):
        prompt = tokens.inputs(data)
        parameters = dict(fields.mapping(data, "parameters"))
        fields.refuse(parameters, NOT_DONE)
        details, stream = fields.truth(parameters, "details"), fields.truth(data, "stream")
        if fields.truth(parameters, "do_sample", True) is False:
            parameters["temperature"] = 0.0
        parameters.setdefault("ignore_eos", fields.truth(parameters, "ignore_eos_token"))
        if parameters.get("stop") is None and "stop_sequences" in parameters:
            parameters["stop"] = parameters["stop_sequences"]
        limit = fields.whole(parameters, "max_new_tokens", MAX_NEW_TOKENS)
        chosen = openai.settings(parameters, self.defaults, limit, logprobs=details or stream)
        request = Request(self.engine.model.text_ids(prompt), chosen)
        openai.check_room(self.engine, request)
        before = prompt if fields.truth(parameters, "return_full_text") else ""
        if stream:
            return LINES, _lines(tokens.lines(self.engine, request, details, before))
        pieces = list(self.engine.stream(request))
        text, made = tokens.whole(pieces, self.engine)
        answer = {"generated_text": before + text}
        if details:
            answer["details"] = {**tokens.ending(pieces[-1], chosen), "prefill": [], "tokens": made}
        return openai.JSON, json.dumps(answer, ensure_ascii=False).encode() + b"\n"


def _lines(objects):
    try:
        for each in objects:
            yield json.dumps(each, ensure_ascii=False).encode() + b"\n"
    finally:
        objects.close()


def _lines_of(events):
    """vLLM's events as JSON lines: "data: " and [DONE] left out."""
    try:
        for event in events:
            if not event.startswith(b"data: [DONE]"):
                yield event.removeprefix(b"data: ").strip() + b"\n"
    finally:
        events.close()


def error(status: int, message: str):
    """DJL's error body."""
    body = {"error": message, "code": status}
    return status, openai.JSON, json.dumps(body, ensure_ascii=False).encode() + b"\n"
