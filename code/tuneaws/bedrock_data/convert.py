"""The course's rows, or files as people have them, into the schema that a family of models wants.

    report = convert("train.csv", "build/train.jsonl", family("amazon.nova-micro-v1:0"))
    print(report)         # read, kept, and what was dropped by which rule, with the first rows

What is written passes bedrock_data.check() line by line: a row that would break a rule is dropped, counted
and named. Memory does not grow with the files.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tuneaws import rows as reading
from tuneaws.bedrock_data.families import SCHEMA_VERSION, BedrockDataError, Family
from tuneaws.bedrock_data.rules import breaches, texts
from tuneaws.cleaning import CleanReport, clean_row
from tuneaws.data import ENCODE, build_messages

EXAMPLES = 3  # rows named for each reason
NO_PAIR = "a text, and no prompt with its answer"


@dataclass
class ConvertReport:
    """What became of the rows. print() it.

    dropped   reason -> rows; a rule of bedrock_data.RULES, or why a row holds no prompt and answer
    examples  reason -> the first three: (row, counted from 1, what was seen)
    files     how the files were read, and what was wrong with them (tuneaws.rows.Report)
    """

    path: str
    family: Family
    read: int = 0
    kept: int = 0
    characters: int = 0
    dropped: Counter = field(default_factory=Counter)
    examples: dict = field(default_factory=dict)
    files: reading.Report = field(default_factory=reading.Report)

    def drop(self, reason: str, row: int, seen: str = "") -> None:
        """Count one dropped row."""
        self.dropped[reason] += 1
        named = self.examples.setdefault(reason, [])
        if len(named) < EXAMPLES:
            named.append((row, seen))

    def lines(self) -> list[str]:
        """The report as lines: every row that was read is in one of them."""
        lines = self.files.lines()
        lines.append(f"{self.read:,} rows read, {self.kept:,} written to {self.path} as {self.family.name}'s "
                     f"{self.family.schema} records")
        for reason, count in self.dropped.most_common():
            named = "; ".join(f"row {row:,}: {seen}".rstrip(": ") for row, seen in self.examples[reason])
            lines.append(f"{count:,} dropped: {reason} ({named})")
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines())


def convert(source, path, family: Family, prompt=None, fields: dict | None = None, columns: str = "",
            max_chars: int = 0) -> ConvertReport:
    """Write the rows of a source as JSONL of the family's schema; return what became of them.

    source     a file or folder of CSV, JSON, JSONL or TXT, each also .gz, or an iterable of rows
    prompt     the configuration's: rows are {"id", "dialogue", "summary"}, and the one prompt builder makes
               each record. None: rows are chats or pairs, found by their columns (tuneaws.rows)
    fields     with a prompt: our name -> your column, as dataset.fields
    columns    without one: "prompt=Frage,completion=Antwort"
    max_chars  longer rows are dropped before the family's own limit; 0: only that
    Raises     BedrockDataError when no row is left; tuneaws.rows.DataError when nothing can be read
    """
    report = ConvertReport(str(path), family)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")  # so that a file is there only when it is whole
    try:
        with aside.open("w", encoding="utf-8", newline="\n") as file:
            for number, example in _examples(source, report, prompt, fields, columns, max_chars):
                record = _record_of(example, family, number, report)
                if record is not None:
                    file.write(ENCODE(record) + "\n")
                    report.kept += 1
                    report.characters += sum(len(text) for _, text in texts(record))
        if not report.kept:
            raise BedrockDataError(f"no row can be used, so nothing was written.\n{report}\n"
                                   f"Fix: {_fix(source, report)}")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return report


def to_record(example: dict, family: Family) -> dict:
    """{"messages": [{"role", "content": text}, ...]} as one record of the family's schema.

    For prompt and completion a system text stands before the prompt: AWS documents no other place for it.
    Raises  BedrockDataError if the schema can't hold it
    """
    if "messages" not in example:
        raise BedrockDataError(NO_PAIR)
    system = [turn["content"] for turn in example["messages"] if turn["role"] == "system"]
    turns = [turn for turn in example["messages"] if turn["role"] != "system"]
    if family.schema == "conversation":
        if family.max_system is not None and len(system) > family.max_system:
            system = ["\n\n".join(system)]
        messages = [{"role": turn["role"], "content": [{"text": turn["content"]}]} for turn in turns]
        texts_of_system = {"system": [{"text": text} for text in system]} if system else {}
        return {"schemaVersion": SCHEMA_VERSION, **texts_of_system, "messages": messages}
    if [turn["role"] for turn in turns] != ["user", "assistant"]:
        raise BedrockDataError("not one question and one answer, all that prompt and completion hold")
    return {"prompt": "\n\n".join([*system, turns[0]["content"]]), "completion": turns[1]["content"]}


def to_example(record: dict) -> dict:
    """The way back: one record of either schema as {"messages": [{"role", "content": text}, ...]}."""
    if "prompt" in record:
        pair = (("user", record["prompt"]), ("assistant", record["completion"]))
        return {"messages": [{"role": role, "content": text} for role, text in pair]}
    messages = [{"role": "system", "content": block["text"]} for block in record.get("system", [])]
    for message in record["messages"]:
        text = "".join(block["text"] for block in message["content"])
        messages.append({"role": message["role"], "content": text})
    return {"messages": messages}


def _fix(source, report: ConvertReport) -> str:
    """What to do where no row could be used."""
    if NO_PAIR in report.dropped:
        return 'name the columns: columns="prompt=<yours>,completion=<yours>" (--columns of the script)'
    if {"no dialogue", "no summary"} & set(report.dropped):
        return "dataset.fields in config.yaml: the names of your columns"
    if isinstance(source, (str, Path)) and Path(source).is_file():
        with Path(source).open("rb") as file:
            if b'"schemaVersion"' in file.read(4096):
                return "these are records for Bedrock already: check() them (--check of the script)"
    return "look at the first of these rows"


def _record_of(example: dict, family: Family, number: int, report: ConvertReport):
    try:
        record = to_record(example, family)
    except BedrockDataError as err:
        report.drop(str(err), number)
        return None
    breach = next(breaches(record, family), None)
    if breach is not None:
        report.drop(breach[0], number, breach[1])
        return None
    return record


def _examples(source, report: ConvertReport, prompt, fields, columns: str, max_chars: int) -> Iterator[tuple]:
    """Yield (row, {"messages": ...}) and count what can't be made one."""
    if prompt is not None:
        yield from _course_rows(_rows(source, report), report, prompt, fields or {}, max_chars)
        return
    cleaning = reading.Cleaning()
    if isinstance(source, (str, Path)):
        found = reading.iter_examples(source, report.files, cleaning, columns, max_chars=max_chars)
    else:
        found = reading.examples_of(source, cleaning, columns, max_chars=max_chars)
    for example in found:
        yield cleaning.read, example
    report.read = cleaning.read
    for reason, count in cleaning.dropped.items():
        report.dropped[reason] += count
        report.examples.setdefault(reason, []).append((_row_number(cleaning.first[reason]), ""))


def _row_number(place: str) -> int:
    return int(place.rpartition("row ")[2].replace(",", ""))


def _rows(source, report: ConvertReport) -> Iterable[dict]:
    if not isinstance(source, (str, Path)):
        yield from source
    elif Path(source).is_dir():
        for file in sorted(Path(source).iterdir()):
            if reading.kind_of(file):
                yield from reading.iter_rows(file, report.files)
    else:
        yield from reading.iter_rows(source, report.files)


def _course_rows(rows: Iterable[dict], report: ConvertReport, prompt, fields: dict,
                 max_chars: int) -> Iterator[tuple]:
    names = {ours: fields.get(ours) or ours for ours in ("dialogue", "summary")}
    for number, row in enumerate(rows, start=1):
        report.read, found = number, CleanReport()
        ours = {"id": str(number), **{name: row.get(theirs) for name, theirs in names.items()}}
        tidy = clean_row(ours, max_chars or report.family.max_characters, found)
        if tidy is None:
            report.drop(next(iter(found.dropped)), number)
        else:
            yield number, build_messages(tidy, prompt)
