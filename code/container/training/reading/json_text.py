"""A JSON file as a window that moves on: value by value, and on to the next row behind a broken one."""

import json
import re
from collections import Counter
from collections.abc import Iterator

from .opening import LONGEST, Source

WHOLE = 1 << 20  # characters: a value that starts the file and ends within so many is looked at as a whole
WINDOW = 1 << 16  # characters looked at to see what a row looks like
MESSAGE = {"role", "content"}  # an object with these is part of a row
NEAR = 12  # an error so close to the end of what is read so far may go away when more is read
SPACE = re.compile(r"[ \t\r\n]*")
BETWEEN = re.compile(r"[ \t\r\n,]*")
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)
NEXT = re.compile(r"[\[,}\]\n]\s*(?=\{)")  # where an object may start
DECODER = json.JSONDecoder()


def decode(text: str, at: int) -> tuple:
    """(value, where it ends) of the JSON value at a position. Raises JSONDecodeError."""
    try:
        return DECODER.raw_decode(text, at)
    except RecursionError:
        raise json.JSONDecodeError("lists in lists without end", text, at) from None


class Text:
    """A window on the file that moves on: text[at:] is what is still to be read."""

    def __init__(self, source: Source):
        self.blocks, self.text, self.at, self.ended = source.blocks(), "", 0, False
        self.line, self.counted = 1, 0  # the line of text[counted:]: counted on from where it was asked last

    def more(self) -> bool:
        """Read one more block; what is behind `at` is forgotten. False at the end of the file."""
        block = next(self.blocks, None)
        if block is None:
            self.ended = True
            return False
        self.line, _ = self.place(self.at)
        self.text, self.at, self.counted = self.text[self.at :] + block, 0, 0
        return True

    def skip(self, pattern: re.Pattern = SPACE) -> str:
        """Go to the next character that the pattern does not take, and return it; "" at the end."""
        while True:
            self.at = pattern.match(self.text, self.at).end()
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def value(self):
        """Read one JSON value from `at` on. Raises JSONDecodeError, with `at` where the value starts."""
        while True:
            try:
                value, end = decode(self.text, self.at)
            except json.JSONDecodeError as err:
                cut = err.msg.startswith("Unterminated string") or err.pos >= len(self.text) - NEAR
                if not cut or len(self.text) - self.at > LONGEST or not self.more():
                    raise
                continue
            if end == len(self.text) and self.more():  # 12 may be the start of 123
                continue
            self.at = end
            return value

    def place(self, at: int) -> tuple[int, int]:
        """(line, column) of a position in the window, both from 1."""
        if at < self.counted:
            return self.line - self.text.count("\n", at, self.counted), at - self.text.rfind("\n", 0, at)
        self.line += self.text.count("\n", self.counted, at)
        self.counted = at
        return self.line, at - self.text.rfind("\n", 0, at)


# --- behind a broken value


def behind_value(text: Text, closing: str, keys: set) -> bool:
    """Go behind the value at `at` by counting brackets; False, and stay, if they do not come out even."""
    depth, at = 0, text.at
    while True:
        token = TOKEN.search(text.text, at)
        if token is None:
            if len(text.text) - text.at > WHOLE or not text.more():
                return False
            depth, at = 0, text.at
            continue
        at = token.end()
        depth += (token[0] in ("{", "[")) - (token[0] in ("}", "]"))
        if depth > 0:
            continue
        if depth or token[0] not in ("}", "]") or _row_start(text, text.at, at, keys) is not None:
            return False  # a lost quote turns text into brackets: what they span holds another row
        follows = text.text[SPACE.match(text.text, at).end() :][:1]
        if follows not in ((",", "]", "") if closing else ("{", "")):
            return False
        text.at = at
        return True


def _objects(text: str, at: int, end: int) -> Iterator[tuple[int, int, dict]]:
    """(start, end, object) of every object between two positions that can be read where it stands."""
    while found := NEXT.search(text, at, end):
        at = found.end()
        try:
            value, stop = decode(text, at)
        except json.JSONDecodeError:
            continue
        yield at, stop, value


def _usual_keys(text: str, at: int) -> set:
    """The keys of most objects behind a position that are in no other: those of a row, if all goes well."""
    counts, behind = Counter(), at
    for start, stop, value in _objects(text, at, at + WINDOW):
        if start >= behind and not MESSAGE <= set(value):
            counts[frozenset(value)] += stop - start
            behind = stop
    return set(counts.most_common(1)[0][0]) if counts else set()


def _row_start(text: Text, at: int, end: int, keys: set) -> int | None:
    """Where, between two positions, an object starts that can be read and is like the rows before it."""
    keys = keys or _usual_keys(text.text, at)
    for start, _, value in _objects(text.text, at, end):
        if keys and 2 * len(keys & set(value)) >= max(len(keys), len(value)):
            return start
    return None


def next_row(text: Text, keys: set) -> bool:
    """Go to the next object that can be read and is like the rows before; False at the end."""
    at = text.at
    while True:
        start = _row_start(text, at, len(text.text), keys)
        if start is not None:
            text.at = start
            return True
        # A row may begin at the end of what is read so far: look at the last stretch once more.
        text.at = min(len(text.text), max(at, len(text.text) - WHOLE // 8))
        if not text.more():
            text.at = len(text.text)
            return False
        at = 0
