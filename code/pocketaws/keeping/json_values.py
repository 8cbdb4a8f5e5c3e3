"""A resource's state as JSON text, and back: what plain JSON has no word for is an object with one "$" name.

    write({"since": datetime(...), "images": ("a", "b"), "job": job})
    → {"since": {"$time": "2026-11-22T08:30:00+00:00"}, "images": {"$tuple": ["a", "b"]},
       "job": {"$of": "training-job arn:aws:…"}}

Numbers come back as they were, to the last bit: JSON has Python's shortest text of a float.
"""

import dataclasses
import json
from collections.abc import Callable
from datetime import datetime

_WRITERS: dict[type, tuple[str, Callable]] = {}  # type → its "$" name, how to write it
_READERS: dict[str, Callable] = {
    "$dict": dict, "$tuple": tuple, "$set": set, "$time": datetime.fromisoformat, "$bytes": bytes.fromhex,
}  # fmt: skip


class Unreadable(ValueError):
    """An entry says something that is not known here; the text says what."""


def kind(cls, write: Callable, read: Callable) -> None:
    """Teach both directions a class: write(value) → what JSON has, read(that) → the value."""
    name = f"${cls.__name__}"
    _WRITERS[cls], _READERS[name] = (name, write), read


def dataclass_kind(cls):
    """The same for a dataclass, field by field; a decorator. Returns the class."""

    def fields(value) -> dict:
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}

    kind(cls, fields, lambda found: cls(**found))
    return cls


def write(value) -> bytes:
    """JSON text of a value."""
    return json.dumps(encode(value), separators=(",", ":")).encode()


def read(text: bytes, refer: Callable[[str], object]):
    """The value of a JSON text.

    refer   the resource of a reference, "<kind> <ARN>". Raises Unreadable when there is none
    Raises  Unreadable, also for text that is no JSON
    """
    try:
        return decode(json.loads(text), refer)
    except (ValueError, TypeError, KeyError) as err:
        raise err if isinstance(err, Unreadable) else Unreadable(f"{type(err).__name__}: {err}") from err


def encode(value):
    """What JSON has for a value. Raises TypeError for a type that it does not know."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list):
        return [encode(each) for each in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: encode(each) for key, each in value.items()}
        return {"$dict": [[encode(key), encode(each)] for key, each in value.items()]}
    if isinstance(value, tuple):
        return {"$tuple": [encode(each) for each in value]}
    if isinstance(value, set):
        return {"$set": [encode(each) for each in sorted(value)]}
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if hasattr(value, "reference"):
        return {"$of": value.reference}
    if type(value) not in _WRITERS:
        raise TypeError(f"{type(value).__name__} {value!r} cannot be kept as JSON")
    name, to_json = _WRITERS[type(value)]
    return {name: to_json(value)}


def decode(value, refer: Callable[[str], object]):
    """The value of what JSON has. Raises Unreadable."""
    if isinstance(value, list):
        return [decode(each, refer) for each in value]
    if not isinstance(value, dict):
        return value
    name = next(iter(value), "")
    if not name.startswith("$"):
        return {key: decode(each, refer) for key, each in value.items()}
    found = value[name]
    if name == "$of":
        return refer(found)
    if name not in _READERS:
        raise Unreadable(f"{name!r} is not known here")
    return _READERS[name](decode(found, refer))
