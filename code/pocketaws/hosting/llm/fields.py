"""Members of a payload, each of the type that it must have."""

MISSING = object()


class WrongField(Exception):
    """A member is missing or has the wrong type: which, what was expected, what was seen."""

    def __init__(self, name: str, expected: str, seen=MISSING):
        self.name = name
        found = "it is missing" if seen is MISSING else f"it is {_short(seen)}"
        super().__init__(f"{name} must be {expected}; {found}")


class NotDone(Exception):
    """A member asks for what the real image does and the local AWS does not."""

    def __init__(self, name: str):
        self.name = name
        super().__init__(f"{name} is not implemented in the local AWS; leave it out, or deploy on AWS.")


def text(data: dict, name: str, default=None):
    """A string; null is as good as missing. Raises WrongField, as all of these do."""
    return _typed(data, name, default, "a string", lambda v: isinstance(v, str))


def truth(data: dict, name: str, default: bool = False) -> bool:
    """true or false."""
    return _typed(data, name, default, "true or false", lambda v: isinstance(v, bool))


def whole(data: dict, name: str, default=None):
    """An integer."""
    return _typed(data, name, default, "an integer", lambda v: isinstance(v, int) and not isinstance(v, bool))


def number(data: dict, name: str, default=None):
    """An integer or a float."""
    return _typed(
        data, name, default, "a number", lambda v: isinstance(v, (int, float)) and not isinstance(v, bool)
    )


def mapping(data: dict, name: str) -> dict:
    """An object; {} when it is missing."""
    return _typed(data, name, {}, "an object", lambda v: isinstance(v, dict))


def texts(data: dict, name: str) -> tuple[str, ...]:
    """A string or a list of strings, as a tuple."""
    value = data.get(name)
    if value is None:
        return ()
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise WrongField(name, "a string or a list of strings", value)
    return tuple(values)


def messages(data: dict) -> list[dict]:
    """The messages of a chat, their content as plain text; parts of type text are joined."""
    value = data.get("messages", MISSING)
    if not isinstance(value, list) or not value:
        raise WrongField("messages", "a list of objects with role and content", value)
    read = []
    for i, message in enumerate(value):
        place = f"messages[{i}]"
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise WrongField(place, "an object with role and content", message)
        if message.get("tool_calls"):
            raise NotDone(f"{place}.tool_calls")
        content = message.get("content")
        if isinstance(content, list):
            content = "".join(_part(part, f"{place}.content") for part in content)
        if not isinstance(content, str):
            raise WrongField(f"{place}.content", "a string", content)
        read.append({"role": message["role"], "content": content})
    return read


def _part(part, place: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text" and isinstance(part.get("text"), str):
        return part["text"]
    if kind in ("image_url", "input_audio", "video_url"):
        raise NotDone(f"{place} of type {kind}")
    raise WrongField(place, 'a string or a list of {"type": "text", "text": …}', part)


def refuse(data: dict, names: dict) -> None:
    """Raises NotDone for each name that is there with another value than the one that changes nothing."""
    for name, harmless in names.items():
        if data.get(name) is not None and data[name] not in harmless:
            raise NotDone(name)


def _typed(data: dict, name: str, default, expected: str, fits):
    value = data.get(name)
    if value is None:
        return default
    if not fits(value):
        raise WrongField(name, expected, value)
    return value


def _short(value) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
