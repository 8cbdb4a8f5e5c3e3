"""The Hugging Face TGI image's /invocations: {"inputs", "parameters"}, chat completions, completions.

router/src/sagemaker.rs, lib.rs and validation.rs (github.com/huggingface/text-generation-inference, read
2026-11). `inputs` comes first; its answer is a list of one, greedy unless a sampling parameter is set; a
stop text stays in the answer. Errors: 422 {"error", "error_type"}, or plain text for a body that fits no
request type.
"""

import json

from ...generation import Request, Settings
from . import fields, openai, tokens

MAX_NEW_TOKENS = 100
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}
NOT_DONE = {
    "best_of": (1,), "typical_p": (1,), "truncate": (), "watermark": (False,),
    "decoder_input_details": (False,), "top_n_tokens": (0,), "grammar": (), "adapter_id": (),
    "repetition_penalty": (1,), "frequency_penalty": (0,),
}  # fmt: skip
NO_VARIANT = (
    "Failed to deserialize the JSON body into the target type: data did not match any variant of untagged "
    "enum SagemakerRequest"
)


class Server:
    """Answers for one model."""

    def __init__(self, engines: dict, defaults: openai.Defaults):
        self.name, self.engine = next(iter(engines.items()))
        # TGI takes no sampling settings from the model; a chat samples at 1.0 unless its temperature is 0.
        self.defaults = openai.Defaults(None)

    def __call__(self, body: bytes, headers: dict[str, str]):
        try:
            data = json.loads(body)
        except ValueError as err:
            return 400, PLAIN, f"Failed to parse the request body as JSON: {err}".encode()
        try:
            if not isinstance(data, dict):
                raise fields.WrongField("the body", "an object", data)
            if "inputs" in data:
                return 200, *self._generate(data)
            answer = openai.chat if "messages" in data else openai.completion
            return 200, *answer(self.engine, data, self.name, self.defaults)
        except fields.WrongField as err:
            return 422, PLAIN, f"{NO_VARIANT} ({err})".encode()
        except fields.NotDone as err:
            return error(501, str(err), "not_implemented")
        except ValueError as err:
            return error(422, f"Input validation error: {err}", "validation")

    def _generate(self, data: dict):
        prompt = tokens.inputs(data)
        parameters = fields.mapping(data, "parameters")
        fields.refuse(parameters, NOT_DONE)
        details = fields.truth(parameters, "details")
        stream = fields.truth(data, "stream")
        request = Request(self.engine.model.text_ids(prompt), _settings(parameters, details or stream))
        self._check_room(request)
        before = prompt if fields.truth(parameters, "return_full_text") else ""
        if stream:
            return openai.SSE, _events(tokens.lines(self.engine, request, details, before, first=1))
        pieces = list(self.engine.stream(request))
        text, made = tokens.whole(pieces, self.engine)
        answer = {"generated_text": before + text}
        if details:
            answer["details"] = {**tokens.ending(pieces[-1], request.settings), "prefill": [], "tokens": made}
        return openai.JSON, json.dumps([answer], ensure_ascii=False).encode()

    def _check_room(self, request: Request) -> None:
        prompt, wanted, context = len(request.ids), request.settings.max_tokens, self.engine.model.context
        if context and prompt + wanted > context:
            raise ValueError(
                f"`inputs` tokens + `max_new_tokens` must be <= {context}. Given: {prompt} `inputs` "
                f"tokens and {wanted} `max_new_tokens`"
            )


def _settings(parameters: dict, logprobs: bool) -> Settings:
    temperature = fields.number(parameters, "temperature")
    top_k, top_p = fields.whole(parameters, "top_k"), fields.number(parameters, "top_p")
    if temperature is not None and temperature <= 0:
        raise ValueError("`temperature` must be strictly positive")
    if top_p is not None and not 0 < top_p < 1:
        raise ValueError("`top_p` must be > 0.0 and < 1.0")
    if top_k is not None and top_k <= 0:
        raise ValueError("`top_k` must be strictly positive")
    limit = fields.whole(parameters, "max_new_tokens", MAX_NEW_TOKENS)
    if limit <= 0:
        raise ValueError("`max_new_tokens` must be strictly positive")
    asked = any(value is not None for value in (temperature, top_k, top_p))
    sample = fields.truth(parameters, "do_sample") or asked
    return Settings(
        temperature=float(temperature or 1.0) if sample else 0.0, top_p=float(top_p or 1.0), top_k=top_k or 0,
        max_tokens=limit, stop=fields.texts(parameters, "stop"), keep_stop=True,
        seed=fields.whole(parameters, "seed"), logprobs=logprobs,
    )  # fmt: skip


def _events(lines):
    try:
        for line in lines:
            yield b"data:" + json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
    finally:
        lines.close()


def error(status: int, message: str, kind: str):
    """TGI's error body."""
    body = {"error": message, "error_type": kind}
    return status, openai.JSON, json.dumps(body, ensure_ascii=False).encode()
