"""Checks of a model's JSON body, in the words of AWS's own schema validator (everit-org/json-schema).

    Malformed input request: #/temperature: expected type: Number, found: String, please reformat …
    Malformed input request: #/max_gen_len: 8192 is not less or equal to 2048, please reformat …
    Malformed input request: #: required key [messages] not found, please reformat …
    Malformed input request: #: extraneous key [foo] is not permitted, please reformat …
    Malformed input request: 2 schema violations found, please reformat …

From public reports read 2026-11: the message limits of Llama in langchain-ai/langchain-aws, the keys in
aws-samples/amazon-bedrock-samples; the sentences are in everit-org/json-schema's ValidationException.
"""

import json
from dataclasses import dataclass

from pocketaws.errors import AwsError, validation_error

# What a JSON value is called there, and what Python makes of it.
NAMES = {
    bool: "Boolean", int: "Integer", float: "BigDecimal", str: "String", list: "JSONArray",
    dict: "JSONObject",
}  # fmt: skip
WANTED = {
    "Number": (int, float), "Integer": (int,), "String": (str,), "JSONArray": (list,), "JSONObject": (dict,),
    "Boolean": (bool,),
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One member: its type, its range, what it holds if it is an object or a list."""

    kind: str
    least: float | None = None
    most: float | None = None
    fields: dict | None = None
    items: "Field | None" = None
    required: tuple = ()
    any_key: bool = False


def read(body: bytes, schema: Field) -> dict:
    """The body as an object that fits the schema. Raises ValidationException."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as err:
        raise malformed("") from err
    complaints = list(_complaints(data, schema, "#"))
    if len(complaints) > 1:
        raise malformed(f"{len(complaints)} schema violations found")
    if complaints:
        raise malformed(complaints[0])
    return data


def malformed(what: str) -> AwsError:
    """AWS's sentence around a complaint."""
    about = f": {what}" if what else ""
    return validation_error(f"Malformed input request{about}, please reformat your input and try again.")


def _complaints(value, field: Field, place: str):
    wrong_bool = isinstance(value, bool) and field.kind != "Boolean"
    if wrong_bool or not isinstance(value, WANTED[field.kind]):
        found = "Null" if value is None else NAMES[type(value)]
        yield f"{place}: expected type: {field.kind}, found: {found}"
        return
    if field.least is not None and value < field.least:
        yield f"{place}: {value} is not greater or equal to {field.least}"
    if field.most is not None and value > field.most:
        yield f"{place}: {value} is not less or equal to {field.most}"
    if field.fields is not None:
        for name in field.required:
            if value.get(name) is None:
                yield f"{place}: required key [{name}] not found"
        for name, member in value.items():
            if name in field.fields:
                if member is not None:
                    yield from _complaints(member, field.fields[name], f"{place}/{name}")
            elif not field.any_key:
                yield f"{place}: extraneous key [{name}] is not permitted"
    if field.items is not None:
        for number, member in enumerate(value):
            yield from _complaints(member, field.items, f"{place}/{number}")


TEXTS = Field("JSONArray", items=Field("String"))
