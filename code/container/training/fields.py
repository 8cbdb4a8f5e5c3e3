"""Which column is what: rows of any shape → {"messages": […]} or {"text": "…"}, and what was dropped.

    cleaning = Cleaning()
    for example in convert(rows, cleaning, given="prompt=Frage,completion=Antwort"):
        ...
    print(cleaning)                 # the mapping, rows read, kept, and dropped by reason

Found by itself, in this order: messages · instruction (input) output · prompt completion · dialogue summary ·
question (context) answer · text. A table with none of these becomes sentences, "column is value; …".

Standard library only, and no other module of this folder: it runs beside you and in the job.
"""

import difflib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

PEEK = 100  # rows whose columns are looked at
CODES = 20  # different words remembered of a column of numbers
ROLES = {"system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant"}
SUMMARIZE = "Summarize this conversation in one sentence.\n\n"  # the course's own: prompt.user, config.yaml
ANSWERS = ("output", "response", "completion", "answer", "summary", "target")
# (the prompt's column, a column that may follow it, the answer's columns, what is put before the prompt)
PAIRS = (
    ("instruction", "input", ("output", "response", "completion", "answer"), ""),
    ("prompt", "", ("completion", "response", "output", "answer"), ""),
    ("dialogue", "", ("summary",), SUMMARIZE),
    ("dialog", "", ("summary",), SUMMARIZE),
    ("question", "context", ("answer", "response", "output"), ""),
)
GIVEN = {"prompt": "prompt", "instruction": "prompt", "question": "prompt", "dialogue": "prompt",
         "input": "more", "context": "more", "system": "system", "text": "text", "messages": "messages",
         **dict.fromkeys(ANSWERS, "answer")}  # fmt: skip


class FieldsError(ValueError):
    """The columns that were asked for are not there. The message names those that are."""


@dataclass(frozen=True)
class Mapping:
    """kind "messages", "pair", "text" or "table", and the names of the columns that it takes."""

    kind: str
    prompt: str = ""
    answer: str = ""
    more: str = ""
    system: str = ""
    text: str = ""
    messages: str = ""
    before: str = ""
    given: bool = False

    def __str__(self) -> str:
        how = "given" if self.given else "found"
        if self.kind == "table":
            return "none of the known columns, so each row becomes a sentence: column is value; …"
        parts = [(name, getattr(self, name)) for name in ("messages", "text", "system", "prompt", "more")]
        words = ", ".join(f"{name} = {column!r}" for name, column in parts if column)
        return f"{how}: {words}" + (f" → answer = {self.answer!r}" if self.answer else "")


@dataclass
class Cleaning:
    """What became of the rows. dropped: reason → rows; first: reason → the first such row, "a.csv row 7"."""

    file: str = ""
    before: int = 0  # rows of the files before this one
    read: int = 0
    kept: int = 0
    dropped: Counter = field(default_factory=Counter)
    first: dict = field(default_factory=dict)
    mappings: dict = field(default_factory=dict)
    numbers: Counter = field(default_factory=Counter)
    codes: dict = field(default_factory=dict)

    def drop(self, reason: str) -> None:
        """Count the row that was read last as dropped."""
        self.dropped[reason] += 1
        self.first.setdefault(reason, f"{self.file} row {self.read - self.before:,}".strip())

    def lines(self) -> list[str]:
        """The report as lines: every row that was read is in one of them."""
        files = self.mappings.items()
        lines = [f"columns of {file or 'the rows'}, {mapping}" for file, mapping in files]
        lines.append(f"{self.read:,} rows read, {self.kept:,} kept")
        lines += [f"{count:,} dropped: {reason} (first: {self.first[reason]})"
                  for reason, count in self.dropped.most_common()]  # fmt: skip
        for column, words in self.codes.items():
            if self.numbers[column] > 4 * sum(words.values()):
                some = ", ".join(f"{word!r} {count:,} times" for word, count in words.most_common(5))
                lines.append(
                    f"column {column!r} has {self.numbers[column]:,} numbers, and {some}: kept as it stands; "
                    "missing= leaves such a cell out of its sentence"
                )
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines())


# --- which column is what


def parse_given(text: str) -> dict[str, str]:
    """prompt=Frage,completion=Antwort → {"prompt": "Frage", "answer": "Antwort"}. Raises FieldsError."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, column = (word.strip() for word in part.partition("="))
        if not equals or not column or name.lower() not in GIVEN:
            raise FieldsError(f"fields has {part!r}. Fix: name=column, by commas; the names are "
                              f"{', '.join(GIVEN)}")  # fmt: skip
        found[GIVEN[name.lower()]] = column
    return found


def find(columns: Iterable[str], given: str = "") -> Mapping:
    """The mapping for these columns; upper and lower case are the same.

    Raises  FieldsError if a column that was given is not there, or a prompt is given without its answer.
    """
    names = {str(name).strip().lower(): name for name in columns}
    if given:
        return _given(names, parse_given(given))
    for name in ("messages", "conversations", "conversation"):
        if name in names:
            return Mapping("messages", messages=names[name])
    for prompt, more, answers, before in PAIRS:
        answer = next((name for name in answers if name in names), None)
        if prompt in names and answer:
            more, system = names.get(more, ""), names.get("system", "")
            return Mapping("pair", names[prompt], names[answer], more, system, before=before)
    if "text" in names:
        return Mapping("text", text=names["text"])
    return Mapping("table")


def _given(names: dict, wanted: dict[str, str]) -> Mapping:
    for role, column in wanted.items():
        if column.lower() not in names:
            near = difflib.get_close_matches(column.lower(), names, n=1)
            hint = f"did you mean {names[near[0]]!r}?" if near else "take one of those"
            there = ", ".join(map(str, names.values())) or "none"
            raise FieldsError(f"there is no column {column!r} ({role}); the columns are {there}. Fix: {hint}")
    found = {role: names[column.lower()] for role, column in wanted.items()}
    kind = next((role for role in ("messages", "text") if role in found), "pair")
    if kind == "pair" and not {"prompt", "answer"} <= set(found):
        raise FieldsError(f"fields names {', '.join(found)}. Fix: name prompt and completion, or text")
    return Mapping(kind, **found, given=True)


# --- one row


def apply(mapping: Mapping, row: dict, missing: frozenset = frozenset()) -> tuple[dict | None, str]:
    """({"messages": […]} or {"text": "…"}, "") or (None, why the row cannot be used)."""
    if mapping.kind == "table":
        text = sentence(row, missing)
        return ({"text": text}, "") if text else (None, "every cell is empty")
    if mapping.kind == "pair":
        return _pair(mapping, row, missing)
    # What convert() wrote of mixed files has rows of both forms, whichever came first.
    if mapping.kind == "messages" and (mapping.messages in row or "text" not in row):
        return _messages(row.get(mapping.messages))
    if mapping.kind == "text" and mapping.text not in row and "messages" in row:
        return _messages(row["messages"])
    text, why = _text(row, mapping.text or "text", missing)
    return ({"text": text}, "") if text else (None, why)


def sentence(row: dict, missing: frozenset = frozenset()) -> str:
    """{"year": "2024", "value": "7"} → "year is 2024; value is 7." Empty cells are left out."""
    parts = []
    for name, value in row.items():
        if value is None or value == "" or value != value:  # NaN is not itself
            continue
        if not isinstance(value, str):
            value = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)
        value = value.strip()
        if value and value not in missing:
            parts.append(f"{name} is {value}")
    return "; ".join(parts) + "." if parts else ""


def _text(row: dict, column: str, missing: frozenset) -> tuple[str, str]:
    """(the text of a cell, "") or ("", why there is none)."""
    value = row.get(column)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value:
        value = str(value)
    if value is None:
        return "", f"no {column}"
    if not isinstance(value, str):
        return "", f"{column} is not a text"
    value = value.replace("\r\n", "\n").strip()
    return (value, "") if value and value not in missing else ("", f"empty {column}")


def _pair(mapping: Mapping, row: dict, missing: frozenset) -> tuple[dict | None, str]:
    prompt, why = _text(row, mapping.prompt, missing)
    answer, why_not = _text(row, mapping.answer, missing)
    if why or why_not:
        return None, why or why_not
    more = _text(row, mapping.more, missing)[0] if mapping.more else ""
    system = _text(row, mapping.system, missing)[0] if mapping.system else ""
    turns = [("user", mapping.before + prompt + (f"\n\n{more}" if more else "")), ("assistant", answer)]
    turns = [("system", system), *turns] if system else turns
    return {"messages": [{"role": role, "content": content} for role, content in turns]}, ""


def _messages(value) -> tuple[dict | None, str]:
    """Messages as they are, as JSON in a cell, or in ShareGPT's words (from, value)."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None, "messages is not JSON"
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        return None, "messages is not a list of messages"
    turns = []
    for each in value:
        role, content = each.get("role", each.get("from")), each.get("content", each.get("value"))
        if role not in ROLES:
            return None, f"a message of the role {str(role)[:20]!r}"
        if not isinstance(content, str) or not content.strip():
            return None, "an empty message"
        turns.append({"role": ROLES[role], "content": content})
    if not any(turn["role"] == "assistant" for turn in turns):
        return None, "no assistant message"
    return {"messages": turns}, ""


# --- all rows


def convert(
    rows: Iterable[dict],
    cleaning: Cleaning,
    given: str = "",
    missing: Iterable[str] = (),
    max_chars: int = 0,
    seen: set | None = None,
    held_out: frozenset | set = frozenset(),
) -> Iterator[dict]:
    """Yield {"messages": […]} or {"text": "…"} of every row that can be used; `cleaning` counts the others.

    given      columns by name, see parse_given(); "": found from the first rows
    missing    cells that mean nothing, such as "C" or "n/a"
    max_chars  longer rows are dropped; 0: none
    seen       an empty set: rows that were there before are dropped, and it grows with the rows. None: kept
    held_out   the `seen` of the validation rows: a row that is among them is dropped, or the score is memory
    Raises     FieldsError
    """
    rows = iter(rows)
    head = list(itertools.islice(rows, PEEK))
    if not head:
        return
    mapping = find(dict.fromkeys(name for row in head for name in row), given)
    cleaning.mappings[cleaning.file] = mapping
    missing = frozenset(missing)
    for row in itertools.chain(head, rows):
        cleaning.read += 1
        example, why = apply(mapping, row, missing)
        why = why or _unfit(example, max_chars, seen, held_out)
        if why:
            cleaning.drop(why)
            continue
        if mapping.kind == "table":
            _count_codes(row, cleaning)
        cleaning.kept += 1
        yield example


def convert_files(pairs: Iterable[tuple[str, dict]], cleaning: Cleaning, **how) -> Iterator[tuple[str, dict]]:
    """Yield (file, example) of (file, row) pairs, in which the rows of a file follow each other.

    Each file has a mapping of its own: a table and a chat may lie side by side. how: see convert().
    """
    for name, group in itertools.groupby(pairs, key=lambda pair: pair[0]):
        cleaning.file, cleaning.before = name, cleaning.read
        for example in convert((row for _, row in group), cleaning, **how):
            yield name, example


def _unfit(example: dict, max_chars: int, seen: set | None, held_out) -> str:
    text = example.get("text") or "\0".join(turn["content"] for turn in example["messages"])
    if max_chars and len(text) > max_chars:
        return f"over {max_chars:,} characters"
    try:
        raw = text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: an emoji that was cut in two
        return "half a character"
    if seen is not None:
        if (key := hash(raw)) in seen:
            return "a duplicate"
        if key in held_out:
            return "in validation too (a leak)"
        seen.add(key)
    return ""


def _count_codes(row: dict, cleaning: Cleaning) -> None:
    """Notice words in columns of numbers: surveys write C or S where a value is withheld."""
    for name, value in row.items():
        if not isinstance(value, str) or not value:
            continue
        if value[-1].isdecimal() and value.lstrip("-").replace(",", "").replace(".", "", 1).isdecimal():
            cleaning.numbers[name] += 1
        elif len(value) < 12:
            words = cleaning.codes.setdefault(name, Counter())
            if value in words or len(words) < CODES:
                words[value] += 1


def sample_lines(examples: list[dict], count: int = 3, width: int = 200) -> list[str]:
    """The first rows as they will be trained on, cut to `width` characters."""
    lines = []
    for example in examples[:count]:
        turns = example.get("messages") or [{"role": "text", "content": example["text"]}]
        for turn in turns:
            text = json.dumps(turn["content"], ensure_ascii=False)
            text = text if len(text) <= width else f"{text[: width - 40]} … {text[-30:]}"
            lines.append(f"{turn['role']:>9}  {text}")
    return lines
