"""Files of {"messages": [...]} lines → rows, each checked, with its place for messages about it.

Only the standard library: broken data ends a job before the libraries and the model are loaded.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from arguments import UserError

ROLES = ("system", "user", "assistant")


@dataclass
class Row:
    """One line of a file: messages, or a text that is learned as a whole. place: "train.jsonl line 17"."""

    place: str
    messages: list[dict]
    text: str = ""


@dataclass
class Report:
    """What became of the rows of one channel. dropped: reason → rows; first: reason → the first such row."""

    channel: str
    files: int = 0
    read: int = 0
    kept: int = 0
    tokens: int = 0
    trained_on: int = 0
    longest: int = 0
    cut: int = 0
    cut_answers: int = 0
    texts: int = 0
    parted: int = 0
    dropped: Counter = field(default_factory=Counter)
    first: dict = field(default_factory=dict)

    def drop(self, reason: str, place: str) -> None:
        self.dropped[reason] += 1
        self.first.setdefault(reason, place)

    def lines(self, max_seq_length: int) -> list[str]:
        """The report as log lines. Nothing is dropped without a line here."""
        where = "trained on" if self.texts else "in answers"
        lines = [
            f"[data] {self.channel}: {self.read:,} rows in {self.files} file{'s' * (self.files != 1)}, "
            f"{self.kept:,} kept; {self.tokens:,} tokens, {self.trained_on:,} of them {where}; "
            f"longest row {self.longest:,} tokens"
        ]
        for reason, rows in self.dropped.items():
            lines.append(f"[data] {self.channel}: {rows:,} dropped: {reason} (first: {self.first[reason]})")
        if self.cut:
            lines.append(
                f"[data] {self.channel}: {self.cut:,} rows were longer than max_seq_length {max_seq_length} "
                f"and were cut, {self.cut_answers:,} of them inside an answer"
            )
        if self.parted:
            lines.append(
                f"[data] {self.channel}: {self.parted:,} texts were longer than max_seq_length "
                f"{max_seq_length} and were parted; none of their tokens is left out"
            )
        return lines


def jsonl_files(folder: Path, channel: str) -> list[Path]:
    """The *.jsonl files of a channel and its subfolders, by name; hidden ones are left out.

    Raises  UserError if there are none.
    """
    if not folder.is_dir():
        raise UserError(f"the folder of the channel '{channel}' is not there: {folder}")
    files = sorted(
        path
        for path in folder.rglob("*.jsonl")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not files:
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
        raise UserError(
            f"the channel '{channel}' has no *.jsonl file; it holds: {there}.\n"
            'Fix: upload UTF-8 files called *.jsonl with one {"messages": [...]} object a line.'
        )
    return files


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of one file. Blank lines, CRLF and a byte order mark are fine.

    Raises  UserError with file and line for what is not UTF-8, not JSON or not a list of messages.
    """
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            place = f"{path.name} line {number}"
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                value = json.loads(line) if line else None
            except UnicodeDecodeError as err:
                raise UserError(f"{place} is not UTF-8: {err}.\nFix: save the file as UTF-8.") from err
            except ValueError as err:
                raise UserError(f"{place} is not JSON: {err}. It begins {line[:60]!r}.") from err
            if line:
                yield Row(place, _messages(value, place))


def _messages(value, place: str) -> list[dict]:
    """The messages of one JSON value, each with a known role and a string."""
    messages = value.get("messages") if isinstance(value, dict) else None
    if not isinstance(messages, list):
        got = f"the keys {', '.join(value) or 'none'}" if isinstance(value, dict) else type(value).__name__
        fix = 'each line is {"messages": [{"role": "user", "content": "…"}, …]}.'
        raise UserError(f'{place} has no list "messages" but {got}.\nFix: {fix}')
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise UserError(f"{place} has a message {str(message)[:60]!r} without one of the roles {ROLES}.")
        content = message.get("content")
        if not isinstance(content, str):
            raise UserError(f'{place} has a "content" that is not a string: {str(content)[:60]!r}.')
        if any("\ud800" <= letter <= "\udfff" for letter in content):
            raise UserError(f"{place} holds half a character (a lone UTF-16 surrogate): it is no valid text.")
    return [{"role": each["role"], "content": each["content"]} for each in messages]


def why_useless(messages: list[dict]) -> str | None:
    """Why nothing can be learned from a row, or None."""
    if not any(message["role"] == "assistant" for message in messages):
        return "no assistant message"
    if any(not message["content"].strip() for message in messages):
        return "an empty message"
    return None


def read_channel(folder: Path, channel: str) -> tuple[list[Row], Report]:
    """Every row of a channel that teaches something, and the report that counts the others.

    Raises  UserError if there is no file, if a line is broken, or if there is no row at all.
    """
    files = jsonl_files(folder, channel)
    report, rows = Report(channel, files=len(files)), []
    for path in files:
        for row in read_rows(path):
            report.read += 1
            reason = why_useless(row.messages)
            if reason:
                report.drop(reason, row.place)
            else:
                rows.append(row)
    if not report.read:
        raise UserError(f"the channel '{channel}' has {len(files)} *.jsonl file(s), and not one row in them.")
    return rows, report
