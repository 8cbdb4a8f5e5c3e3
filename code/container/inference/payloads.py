"""What may be sent to the endpoint, and the sentence that answers what may not."""

import json
from dataclasses import dataclass, field

DEFAULT_MAX_TOKENS = 256
EXPECTED = (
    'Expected {"inputs": text, list of texts or list of conversations, "parameters": {…}} '
    'or {"messages": [{"role": …, "content": …}, …], "max_tokens": …}.'
)


@dataclass(frozen=True)
class Settings:
    """How to make an answer. max_tokens None: DEFAULT_MAX_TOKENS, or what the model's context has room
    for."""

    max_tokens: int | None = None
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    sample: bool = False
    stop: tuple[str, ...] = ()
    seed: int | None = None
    repetition_penalty: float | None = None


@dataclass(frozen=True)
class Ask:
    """A checked payload. prompts: each a text or a list of messages; chat: it came in OpenAI's form."""

    prompts: list
    settings: Settings
    chat: bool = False
    stream: bool = False
    usage_at_end: bool = False
    full_text: bool = False
    model: str | None = field(default=None)


def parse(body, content_type: str | None = "application/json") -> Ask:
    """A request's body as an Ask. Raises ValueError that says what was expected and what was seen."""
    if content_type and content_type.partition(";")[0].strip().lower() != "application/json":
        raise ValueError(f"the content type must be application/json, not {content_type!r}. {EXPECTED}")
    try:
        data = json.loads(body)
    except (ValueError, UnicodeDecodeError) as err:
        raise ValueError(f"the body is not JSON ({err}). {EXPECTED}") from err
    if not isinstance(data, dict):
        raise ValueError(f"the body is {_seen(data)}. {EXPECTED}")
    if ("inputs" in data) == ("messages" in data):
        which = "both inputs and messages" if "inputs" in data else f"the keys {_names(data)}"
        raise ValueError(f"the body has {which}. {EXPECTED}")
    return _from_messages(data) if "messages" in data else _from_inputs(data)


def _from_inputs(data: dict) -> Ask:
    others = set(data) - {"inputs", "parameters"}
    if others:
        raise ValueError(
            f"beside inputs only parameters may stand, not {_names(others)}. To stream, send messages."
        )
    inputs, parameters = data["inputs"], data.get("parameters")
    parameters = {} if parameters is None else parameters
    if not isinstance(parameters, dict):
        raise ValueError(
            f"parameters must be an object such as {{'max_new_tokens': 80}}, not {_seen(parameters)}."
        )
    prompts = inputs if isinstance(inputs, list) else [inputs]
    if not prompts:
        raise ValueError("inputs is an empty list.")
    for i, prompt in enumerate(prompts):
        place = f"inputs[{i}]" if isinstance(inputs, list) else "inputs"
        if isinstance(prompt, list):
            prompts[i] = check_messages(prompt, place)
        elif not isinstance(prompt, str) or not prompt:
            raise ValueError(f"{place} must be a text or a list of messages, not {_seen(prompt)}.")
    values = _checked(parameters, PARAMETERS, "parameters.")
    return Ask(prompts, _settings(values), full_text=bool(values.get("return_full_text")))


def _from_messages(data: dict) -> Ask:
    data = dict(data)
    messages = check_messages(data.pop("messages"), "messages")
    values = _checked(data, CHAT, "")
    if values.get("n", 1) != 1:
        raise ValueError(f"n must be 1: one answer a request, not {values['n']}.")
    options = values.get("stream_options") or {}
    return Ask(
        [messages], _settings(values), chat=True, stream=bool(values.get("stream")),
        usage_at_end=bool(options.get("include_usage")), model=values.get("model"),
    )  # fmt: skip


def check_messages(messages, place: str) -> list[dict]:
    """Messages with plain text as content. OpenAI's list of text parts is joined."""
    if not isinstance(messages, list) or not messages:
        raise ValueError(f'{place} must be a list of {{"role": …, "content": …}}, not {_seen(messages)}.')
    checked = []
    for i, message in enumerate(messages):
        where = f"{place}[{i}]"
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise ValueError(f'{where} must be {{"role": …, "content": …}}, not {_seen(message)}.')
        content = message.get("content")
        if isinstance(content, list):
            content = "".join(_part(part, f"{where}.content") for part in content)
        if not isinstance(content, str):
            raise ValueError(f"{where}.content must be a text, not {_seen(content)}.")
        checked.append({"role": message["role"], "content": content})
    return checked


def _part(part, place: str) -> str:
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return part["text"]
    raise ValueError(f'{place} may hold parts {{"type": "text", "text": …}} only, not {_seen(part)}.')


def _is_int(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_stop(value) -> bool:
    stops = [value] if isinstance(value, str) else value
    return isinstance(stops, list) and all(isinstance(stop, str) and stop for stop in stops)


# name: (what it must be, in words; whether a value is that)
SHARED = {
    "temperature": ("a number from 0 up (0: no sampling)", lambda v: _is_number(v) and 0 <= v < float("inf")),
    "top_p": ("a number over 0, up to 1", lambda v: _is_number(v) and 0 < v <= 1),
    "top_k": ("a whole number from 0 up (0: all tokens)", lambda v: _is_int(v) and v >= 0),
    "stop": ("a text or a list of texts, none of them empty", _is_stop),
    "seed": ("a whole number from 0 up", lambda v: _is_int(v) and 0 <= v < 2**63),
    "repetition_penalty": ("a number over 0 (1: none)", lambda v: _is_number(v) and 0 < v < float("inf")),
}
_TOKENS = ("a whole number from 1 up", lambda v: _is_int(v) and v >= 1)
_TRUTH = ("true or false", lambda v: isinstance(v, bool))
_OBJECT = ("an object", lambda v: isinstance(v, dict))
_TEXT = ("a text", lambda v: isinstance(v, str))
PARAMETERS = {**SHARED, "max_new_tokens": _TOKENS, "do_sample": _TRUTH, "return_full_text": _TRUTH}
CHAT = {
    **SHARED, "max_tokens": _TOKENS, "max_completion_tokens": _TOKENS, "stream": _TRUTH, "n": _TOKENS,
    "stream_options": _OBJECT, "model": _TEXT, "user": _TEXT,
}  # fmt: skip


def _checked(given: dict, known: dict, prefix: str) -> dict:
    """The given values without nulls. Raises ValueError for an unknown name or a wrong value."""
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"{prefix}{name} is unknown here. Known are {_names(known)}.")
        words, fits = known[name]
        if value is not None and not fits(value):
            raise ValueError(f"{prefix}{name} must be {words}, not {_seen(value)}.")
    return {name: value for name, value in given.items() if value is not None}


def _settings(values: dict) -> Settings:
    """Sampling when it is asked for, by do_sample or by a setting that only sampling has; else greedy."""
    temperature = values.get("temperature")
    sample = values.get("do_sample")
    if sample is None:
        sample = bool(temperature or values.get("top_k") or values.get("top_p", 1) < 1)
    stop = values.get("stop", ())
    tokens = (values.get(name) for name in ("max_new_tokens", "max_completion_tokens", "max_tokens"))
    return Settings(
        max_tokens=next(filter(None, tokens), None),
        temperature=1.0 if temperature is None else float(temperature),
        top_p=float(values.get("top_p", 1.0)), top_k=values.get("top_k", 0),
        sample=sample and temperature != 0,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        seed=values.get("seed"), repetition_penalty=values.get("repetition_penalty"),
    )  # fmt: skip


def _names(names) -> str:
    return ", ".join(sorted(map(str, names))) or "none"


def _seen(value) -> str:
    """A value as the sender would know it again, in few characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"
