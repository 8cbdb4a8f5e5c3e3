"""Check a request against botocore's own service model, and complain in AWS's words.

AWS's services check types first (SerializationException, one complaint), then every constraint
(ValidationException, all complaints in one message):

    2 validation errors detected: Value 'a b' at 'trainingJobName' failed to satisfy constraint: Member must
    satisfy regular expression pattern: …; Value null at 'roleArn' failed to satisfy constraint: Member must
    not be null

The wording is that of public reports of the service's answers, among them aws/sagemaker-python-sdk issues 314
and 6016, aws/sagemaker-xgboost-container issue 120 (read 2026-11). Members that the model does not know are
ignored, as AWS does.
"""

import datetime
import functools
import re
import sys
import unicodedata

from pocketaws.errors import AwsError, validation_error

MAX_MATCHED = 1_000_000  # characters; a longer text is not put through a regular expression
SCALARS = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float, str, datetime.datetime),  # rest-json's parser has read it already
    "blob": (str, bytes),
}


def check(request: dict, shape) -> None:
    """Raise AwsError when a request does not fit an input shape of botocore's model.

    SerializationException for a wrong JSON type, ValidationException with every broken constraint.
    """
    check_types(request, shape)
    complaints = list(_complaints(request, shape, ""))
    if complaints:
        noun = "error" if len(complaints) == 1 else "errors"
        raise validation_error(f"{len(complaints)} validation {noun} detected: {'; '.join(complaints)}")


def check_types(value, shape) -> None:
    """Raise a SerializationException at the first value that has another JSON type than its shape."""
    kind = shape.type_name
    if kind == "structure":
        if getattr(shape, "is_document_type", False):
            return
        _expect(value, dict, shape)
        for name, member in value.items():
            if name in shape.members:
                check_types(member, shape.members[name])
    elif kind == "map":
        _expect(value, dict, shape)
        for member in value.values():
            check_types(member, shape.value)
    elif kind == "list":
        _expect(value, list, shape)
        for member in value:
            check_types(member, shape.member)
    else:
        wrong_bool = isinstance(value, bool) and kind != "boolean"
        if wrong_bool or not isinstance(value, SCALARS[kind]):
            raise AwsError(
                "SerializationException", f"{_json_kind(value)} can not be converted to {_java(kind)}"
            )


def _expect(value, kind: type, shape) -> None:
    if not isinstance(value, kind):
        wanted = "list" if kind is list else "structure or map"
        raise AwsError(
            "SerializationException", f"Start of {wanted} expected for {shape.name}, not {_json_kind(value)}"
        )


def _json_kind(value) -> str:
    if isinstance(value, bool):
        return f"{str(value).upper()}_VALUE"
    if isinstance(value, (int, float)):
        return "NUMBER_VALUE"
    return {str: "STRING_VALUE", list: "a list", dict: "a structure or map"}.get(type(value), "NULL_VALUE")


def _java(kind: str) -> str:
    return {"timestamp": "a Timestamp", "integer": "an Integer", "blob": "a Blob"}.get(
        kind, f"a {kind.capitalize()}"
    )


def _complaints(value, shape, path: str):
    """Yield one sentence for every broken constraint in a value and below it."""
    kind = shape.type_name
    for constraint in broken(value, shape):
        yield _sentence(value, path, constraint, shape.metadata.get("sensitive", False))
    if kind == "structure" and not getattr(shape, "is_document_type", False):
        for name in shape.required_members:
            if name not in value:
                yield _sentence(None, _join(path, name), "Member must not be null")
        for name, member_shape in shape.members.items():
            if name in value:
                yield from _complaints(value[name], member_shape, _join(path, name))
    elif kind == "list":
        yield from _list_complaints(value, shape, path)
    elif kind == "map":
        yield from _map_complaints(value, shape, path)


def _list_complaints(value, shape, path):
    if shape.member.type_name in ("structure", "list", "map"):
        for number, member in enumerate(value, 1):
            yield from _complaints(member, shape.member, f"{path}.{number}.member")
    elif any(broken(member, shape.member) for member in value):
        yield _sentence(value, path, f"Member must satisfy constraint: [{', '.join(rules(shape.member))}]")


def _map_complaints(value, shape, path):
    if any(broken(key, shape.key) for key in value):
        yield _sentence(value, path, f"Map keys must satisfy constraint: [{', '.join(rules(shape.key))}]")
    if shape.value.type_name in ("structure", "list", "map"):
        for key, member in value.items():
            yield from _complaints(member, shape.value, f"{path}.{key}.member")
    elif any(broken(member, shape.value) for member in value.values()):
        yield _sentence(value, path, f"Map value must satisfy constraint: [{', '.join(rules(shape.value))}]")


def _sentence(value, path: str, constraint: str, secret: bool = False) -> str:
    """One complaint. AWS does not repeat what its model calls sensitive: "Value at 'password' failed …"."""
    shown = "" if secret else "null " if value is None else f"'{_to_string(value)}' "
    return f"Value {shown}at '{path}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    """Append a member to a path as AWS writes it: 'inputDataConfig.1.member.channelName'."""
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _to_string(value) -> str:
    """A value as Java's toString() shows it, which is what AWS's messages carry."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_to_string(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_to_string(member) for member in value) + "]"
    return str(value)


def rules(shape) -> list[str]:
    """Every constraint that a shape of text or number has, in AWS's words and order."""
    limits = shape.metadata
    found = []
    noun = "length" if shape.type_name in ("string", "list", "map", "blob") else "value"
    if "max" in limits:
        found.append(f"Member must have {noun} less than or equal to {limits['max']}")
    if "min" in limits:
        found.append(f"Member must have {noun} greater than or equal to {limits['min']}")
    if "pattern" in limits:
        found.append(f"Member must satisfy regular expression pattern: {limits['pattern']}")
    if getattr(shape, "enum", None):
        found.append(f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    return found


def broken(value, shape) -> list[str]:
    """The constraints of a shape, in AWS's words, that a value of the right type does not keep."""
    limits, kind = shape.metadata, shape.type_name
    if kind in ("structure", "boolean", "timestamp"):
        return []
    size = len(value) if kind in ("string", "list", "map", "blob") else value
    kept = []
    if "max" in limits:
        kept.append(size <= limits["max"])
    if "min" in limits:
        kept.append(size >= limits["min"])
    if "pattern" in limits:
        expression = python_pattern(limits["pattern"], 127 if value.isascii() else sys.maxunicode)
        kept.append(len(value) <= MAX_MATCHED and expression.fullmatch(value) is not None)
    if getattr(shape, "enum", None):
        kept.append(value in shape.enum)
    return [rule for rule, ok in zip(rules(shape), kept, strict=True) if not ok]


@functools.cache
def python_pattern(pattern: str, last: int = sys.maxunicode) -> re.Pattern:
    """A pattern of botocore's models, which are Java's, for Python's re.

    last   the last code point to be matched: 127 saves the search through all of Unicode for ASCII texts
    Differences: \\p{L} and its like, \\z, a quantified $, code points above U+FFFF written as two halves,
    (?i) in the middle, which holds to the end of its group.
    """
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", "\U00010000-\U0010ffff").replace(r"\z", r"\Z")
    pattern = re.sub(r"\)\$\{(\d+),(\d+)\}", r"){\1,\2}", pattern)
    pattern = re.sub(r"(?<=.)\(\?i\)([^()]*)", r"(?i:\1)", pattern)
    parts, inside = [], False
    for token in re.findall(r"\\p\{\w+\}|\\.|.", pattern, re.DOTALL):
        if token.startswith(r"\p"):
            members = _category(token[3:-1], last)
            token = members if inside else f"[{members}]" if members else "(?!)"
        elif token in "[]":
            inside = token == "["
        parts.append(token)
    return re.compile("".join(parts))


@functools.cache
def _category(name: str, last: int) -> str:
    """The inside of a character class for \\p{name}: a POSIX class of ASCII, or a Unicode category."""
    posix = {"ASCII": r"\x00-\x7f", "Alnum": "a-zA-Z0-9", "Print": r"\x20-\x7e"}
    if name in posix:
        return posix[name]
    ranges, start = [], None
    for code in range(last + 2):
        member = code <= last and unicodedata.category(chr(code)).startswith(name)
        if member and start is None:
            start = code
        elif not member and start is not None:
            ranges.append(f"\\U{start:08x}-\\U{code - 1:08x}")
            start = None
    return "".join(ranges)
