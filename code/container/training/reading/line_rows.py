"""JSONL → rows, a line at a time. A broken line costs nothing but itself."""

import json
from collections.abc import Iterator

from .json_rows import END, no_object
from .json_text import BETWEEN, decode
from .opening import Source


def read_jsonl(source: Source) -> Iterator[dict]:
    """One object a line. A line that is no object is left out and reported."""
    number, lines = 0, source.lines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        bare = line.strip().lstrip("\ufeff")
        try:
            row = json.loads(bare)
        except (json.JSONDecodeError, RecursionError) as err:
            yield from _broken_line(source, number, line, bare, err)
            continue
        if isinstance(row, dict):
            yield row
        elif isinstance(row, list) and row and all(isinstance(each, dict) for each in row):
            source.note("array line", number, f"is an array of {len(row)} objects", "each is read as a row")
            yield from row
        else:
            no_object(source, number, "", row)


def spans_lines(start: str) -> bool:
    """Whether a file that is called JSONL holds one JSON value over several lines, as read_json reads."""
    first = start.lstrip("\ufeff \t\r\n")
    line = first.partition("\n")[0].strip()
    if first[:1] not in ("[", "{") or "\n" not in first:
        return False
    try:
        json.loads(line)
    except json.JSONDecodeError as err:
        return line in ("[", "{") or (line[0] == "[" and err.pos >= len(line) - 1)
    except RecursionError:
        return False
    return False


def _broken_line(source: Source, number: int, line: str, bare: str, err) -> Iterator[dict]:
    """The objects of a line that is not one JSON value: several in a row, or one with a comma behind it."""
    found, at = [], 0
    try:
        while at < len(bare):
            value, at = decode(bare, at)
            found.append(value)
            at = BETWEEN.match(bare, at).end()
    except json.JSONDecodeError:
        found = []
    if found and all(isinstance(each, dict) for each in found):
        what = f"holds {len(found)} objects" if len(found) > 1 else "has a comma behind its object"
        source.note("one a line", number, what, "read as rows", "one object a line")
        yield from found
        return
    if bare in ("[", "]", "[]", "],"):
        source.note("one a line", number, f"is {bare!r} and no row", "it is left out", "one object a line")
        return
    message, column = getattr(err, "msg", str(err)), getattr(err, "colno", 1)
    what = f"{END}, not JSON" if not line.endswith("\n") else "not JSON"
    source.note("not JSON", number, f"column {column}: {what} ({message}): {bare[:60]!r}",
                "that line is left out", "repair or delete that line", lost=True)  # fmt: skip
