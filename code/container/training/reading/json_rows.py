"""JSON → rows, streamed: a value at a time is in memory, whatever the size of the file."""

import json
import re
from collections import Counter
from collections.abc import Iterator

from .json_text import BETWEEN, NEAR, SPACE, WHOLE, WINDOW, Text, behind_value, decode, next_row
from .opening import Source
from .report import ReadError

SHAPES = 100  # different sets of keys that are counted
NESTED = re.compile(r"(\[\s*)+(?=\{)")  # a list of rows, perhaps with a bracket too many
AGAIN = "download or export the file again"
REPAIR = "repair or delete that row"
END = "the file ends in the middle of a row"
FORM = '{"dialogue": ..., ...}'
ROW_LISTS = ("messages", "conversations", "conversation", "turns")  # a list under these is part of one row


def read_json(source: Source) -> Iterator[dict]:
    """The rows of an array, of the one list of objects in an object, or of objects one after another.

    Raises  ReadError if the file holds no such thing.
    """
    text = Text(source)
    first = text.skip()
    if first == "[":
        text.at += 1
        yield from _elements(source, text)
        yield from _behind(source, text)
    elif first == "{":
        yield from _object(source, text)
    elif first:
        try:
            what = f"holds a {type(text.value()).__name__}"
        except json.JSONDecodeError as err:
            what = f"line {text.place(err.pos)[0]} is not JSON: {err.msg}: {text.text[text.at :][:40]!r}"
        raise ReadError(f"{source.path} {what}. Fix: a JSON array of objects, [{FORM}, ...]")


def _behind(source: Source, text: Text) -> Iterator[dict]:
    """What follows the end of the array: more rows, where one bracket was too many, or another array."""
    while letter := text.skip(BETWEEN):
        line, _ = text.place(text.at)
        readable = letter in "[{]"
        seen = f"goes on behind its end: {text.text[text.at :][:40]!r}"
        if readable:
            source.note("behind", line, seen, "that is read on", "one array a file")
            text.at += letter in "[]"
        else:
            source.note("behind", line, seen, "that is left out", "one array a file", lost=True)
            next_row(text, set())
        if letter != "]":
            yield from _elements(source, text)


# --- an array


def _elements(source: Source, text: Text, closing: str = "]") -> Iterator[dict]:
    """The objects of the array, or (closing "") of values one after another, that `text` stands in."""
    number, shapes = 0, Counter()
    while (letter := text.skip(BETWEEN)) != closing:
        number += 1
        if not letter:
            _unclosed(source, text)
            return
        try:
            value = text.value()
        except json.JSONDecodeError as err:
            usual, often = next(iter(shapes.most_common(1)), ((), 0))
            if not _resume(source, text, err, set(usual) if often > 2 else set(), closing):
                return
            continue
        if isinstance(value, dict):
            if len(shapes) < SHAPES or tuple(value) in shapes:
                shapes[tuple(value)] += 1
            yield value
        elif value and isinstance(value, list) and all(isinstance(each, dict) for each in value):
            line, _ = text.place(text.at - 1)
            source.note("array in array", line, f"row {number} is an array of {len(value)} objects",
                        "each is read as a row")  # fmt: skip
            yield from value
        else:
            no_object(source, text.place(text.at - 1)[0], f"row {number} ", value)
    text.at += len(closing)


def no_object(source: Source, line: int, place: str, value) -> None:
    """Report a value that is no row."""
    source.note("no object", line, f"{place}is {json.dumps(value, ensure_ascii=False)[:60]}",
                "it is left out", f"an object, {FORM}", lost=True)  # fmt: skip


def _unclosed(source: Source, text: Text) -> None:
    line, column = text.place(text.at)
    source.note("ends early", line, f"column {column} ends in the middle of an array",
                "the whole rows before it are read", AGAIN, lost=True)  # fmt: skip


def _resume(source: Source, text: Text, err: json.JSONDecodeError, keys: set, closing: str) -> bool:
    """Report the broken value at `at`, and go to where the next one starts. False if there is none."""
    line, column = text.place(err.pos)
    near = text.text[max(text.at, err.pos - 20) : err.pos + 20]
    start, _ = text.place(text.at)
    begun = text.text[text.at :][:60]
    at_end = err.pos >= len(err.doc) - NEAR or err.msg.startswith("Unterminated string")
    while len(text.text) - text.at < WINDOW and text.more():
        pass  # enough to see what rows look like here
    found = behind_value(text, closing, keys) or next_row(text, keys)
    if not found and at_end:
        source.note("ends early", line, f"column {column}: {END}: {begun!r}",
                    "the whole rows before it are read", AGAIN,
                    lost=True)  # fmt: skip
        return False
    to = text.place(text.at)[0] if found else None
    then = "that row is left out" if found else "nothing behind it can be read"
    far = found and to > line + 1
    span = f" (a row from line {start} on, the next row is found in line {to})" if far else ""
    source.note("not JSON", line, f"column {column} is not JSON: {err.msg}: {near!r}{span}", then, REPAIR,
                lost=True)  # fmt: skip
    return found


# --- an object


def _object(source: Source, text: Text) -> Iterator[dict]:
    """What an object at the top stands for: a list in it, itself as a row, or the first of several."""
    while len(text.text) < WHOLE and text.more():
        pass
    text.skip()
    try:
        value, end = decode(text.text, text.at)
    except json.JSONDecodeError:
        if looks_like_lines(text.text):
            yield from _elements(source, text, closing="")
        else:
            yield from _in_lists(source, text)  # too long for one look, or broken
        return
    behind = SPACE.match(text.text, end).end()
    if behind < len(text.text) or not text.ended:  # JSON lines under the name of JSON
        yield from _elements(source, text, closing="")
    else:
        yield from _rows_of(source, value)


def _rows_of(source: Source, value: dict) -> Iterator[dict]:
    lists = {
        key: each
        for key, each in value.items()
        if isinstance(each, list) and key not in ROW_LISTS and (not each or isinstance(each[0], dict))
    }
    inner = [each for each in value.values() if isinstance(each, dict)]
    if len(lists) == 1:
        ((key, some),) = lists.items()
        for number, row in enumerate(some, start=1):
            if isinstance(row, dict):
                yield row
            else:
                no_object(source, 0, f"{key} row {number} ", row)
    elif len(lists) > 1:
        raise ReadError(f"{source.path} has several lists: {', '.join(lists)}. Fix: one list of rows a file")
    elif len(inner) == len(value) > 1:
        source.note(
            "keyed", 0, f"is an object of {len(inner):,} objects", "each is a row, its key is in 'id'"
        )
        yield from ({"id": key, **row} for key, row in value.items())
    elif len(inner) == 1 and any(isinstance(each, list) for each in inner[0].values()):
        yield from _rows_of(source, inner[0])
    else:
        yield value


def _in_lists(source: Source, text: Text) -> Iterator[dict]:
    """The first list of objects in an object that is too long, or too broken, to be read as a whole."""
    depth, opens = 0, True  # opens: an object may start here, it is the first or stands behind a key
    while True:
        letter = text.skip(BETWEEN)
        if letter == "}" or letter == "{" and opens:
            text.at, depth, opens = text.at + 1, depth + (1 if letter == "{" else -1), False
            if depth:
                continue
            raise ReadError(f"{source.path} has no list of rows. Fix: a JSON array of objects, [{FORM}, ...]")
        try:
            if letter != '"':
                raise json.JSONDecodeError("Expecting a name in quotes", text.text, text.at)
            key = text.value()
            if text.skip() != ":":
                raise json.JSONDecodeError("Expecting ':'", text.text, text.at)
            text.at += 1
            opens = text.skip() == "{"
            if text.skip() == "[" and key not in ROW_LISTS:
                nested = NESTED.match(text.text, text.at)
                text.at = nested.end() if nested else text.at + 1
                if text.skip(BETWEEN) == "{":
                    yield from _elements(source, text)
                    yield from _other_lists(source, text, key)
                    return
                while text.skip(BETWEEN) not in ("]", ""):
                    text.value()
                text.at += 1
            elif not opens:
                text.value()
        except json.JSONDecodeError as err:
            yield from _anything(source, text, err)
            return


def _anything(source: Source, text: Text, err: json.JSONDecodeError) -> Iterator[dict]:
    """The rows behind a place that is broken. Raises ReadError if there are none."""
    line, column = text.place(err.pos)
    what = END if err.pos >= len(text.text) - NEAR else f"not JSON ({err.msg})"
    if not next_row(text, set()):
        raise ReadError(f"{source.path} line {line} column {column}: {what}. Fix: {AGAIN}") from err
    source.note(
        "not JSON", line, f"column {column} is {what}", "what is whole behind it is read", REPAIR, lost=True
    )
    yield from _elements(source, text)
    yield from _other_lists(source, text, "")


def _other_lists(source: Source, text: Text, key: str) -> Iterator[dict]:
    while text.skip(BETWEEN) == "}":
        text.at += 1
    if text.skip() == '"':
        line, _ = text.place(text.at)
        source.note("behind", line, f"goes on behind its list {key!r}: {text.text[text.at:][:40]!r}",
                    "what follows is not read as rows", "one list of rows a file")  # fmt: skip
    else:
        yield from _behind(source, text)


def looks_like_lines(start: str) -> bool:
    """Whether a file that is called JSON holds an object a line."""
    lines = [line.strip() for line in start.lstrip("\ufeff \t\r\n").split("\n", 3)[:3]]
    more = next((line for line in lines[1:] if line), "")
    return lines[0][:1] == "{" and lines[0][-1:] == "}" and more[:1] == "{"
