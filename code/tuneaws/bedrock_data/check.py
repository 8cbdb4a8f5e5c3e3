"""Check training files as Bedrock does, before anything is uploaded: every problem, with file and line.

    report = check("train.jsonl", family("amazon.nova-micro-v1:0"), validation="validation.jsonl")
    print(report)                         # "train.jsonl line 7: …"
    if not report.ok: ...

A customization job reads its files after it was started, and fails for one bad line. Files are read line by
line, so one may be larger than memory.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tuneaws.bedrock_data.families import BedrockDataError, Family
from tuneaws.bedrock_data.rules import CONVERT, RULES, breaches, shown, texts, unread_keys

MAX_LINE_BYTES = 16 * 1024**2  # a longer line is not parsed; the limit of no family comes near
SHOWN = 1000  # problems a report keeps; all are counted
TOKENS_AROUND = 8  # of a chat template, for each text: not documented; chosen, above what public ones need


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. line is counted from 1; 0 is the file as a whole."""

    file: str
    line: int
    rule: str
    seen: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.file} line {self.line:,}" if self.line else self.file
        seen = f": {self.seen}" if self.seen else ""
        return f"{place}: {RULES[self.rule]} ({self.rule}){seen}. Fix: {self.fix}."


@dataclass
class FileCount:
    """What one file holds. characters: of all texts, which is what tokens are estimated from.

    unread  {key that nothing reads: [records, line of the first]}
    """

    records: int = 0
    characters: int = 0
    longest: int = 0  # characters of the longest record
    most_tokens: int = 0  # no tokenizer gives more: one a byte, a few for each text, cut at the limit
    size: int = 0  # bytes
    unread: dict = field(default_factory=dict)


@dataclass
class CheckReport:
    """All that is wrong with a training file and its validation file. print() it.

    files     {"training": FileCount, "validation": FileCount}
    problems  the first 1,000; rules counts all of them by rule
    """

    family: Family
    files: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)
    rules: Counter = field(default_factory=Counter)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.rules

    @property
    def records(self) -> int:
        """Records of both files."""
        return sum(count.records for count in self.files.values())

    def add(self, problem: Problem) -> None:
        """Count one problem, and keep it if it is one of the first."""
        self.rules[problem.rule] += 1
        if len(self.problems) < SHOWN:
            self.problems.append(problem)

    def lines(self, most: int = 20) -> list[str]:
        """The report as lines: what the files hold, the first `most` problems, and how many there are."""
        lines = [f"for {self.family}"]
        for name, count in self.files.items():
            lines.append(f"{name}: {count.records:,} records, {count.characters:,} characters, the longest "
                         f"{count.longest:,}")
            lines += [f"  note: nothing reads the key {key!r} of {records:,} records, first in line {line:,}"
                      for key, (records, line) in count.unread.items()]
        lines += [str(problem) for problem in self.problems[:most]]
        total = sum(self.rules.values())
        if total > most:
            counted = ", ".join(f"{rule} {count:,}" for rule, count in self.rules.most_common())
            lines.append(f"{total:,} problems in all: {counted}")
        return lines + (["nothing is wrong"] if self.ok else [])

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def raise_if_wrong(self) -> None:
        """Raise BedrockDataError with the first problems, if there are any."""
        if not self.ok:
            raise BedrockDataError("these files would fail as training data, so nothing was uploaded.\n"
                                   + "\n".join(self.lines()))


def check(training, family: Family, validation=None) -> CheckReport:
    """Read both files to the end and report everything that is wrong with them.

    training, validation  paths of JSONL files
    Raises                OSError when a file is not there
    """
    report = CheckReport(family)
    paths = {"training": Path(training), **({"validation": Path(validation)} if validation else {})}
    for role, path in paths.items():
        report.files[role] = count = FileCount()
        for problem in problems(path, family, role, count):
            report.add(problem)
    for problem in _counts(report, paths):
        report.add(problem)
    return report


def problems(path, family: Family, role: str = "training",
             count: FileCount | None = None) -> Iterator[Problem]:
    """Yield every problem of one file, without those of the number of records.

    role   "training" or "validation": their sizes have limits of their own
    count  takes what the file holds
    """
    path, count = Path(path), FileCount() if count is None else count
    count.size = path.stat().st_size
    yield from _of_the_file(path, family, role, count.size)
    if count.size == 0 or count.size > _limit(family, role):
        return
    with path.open("rb") as file:
        for number, raw in enumerate(_lines(file), start=1):
            record, breach = _parse(raw, number)
            count.records += 1  # a broken line too: AWS counts lines
            if breach is None:
                _measure(record, family, count)
                for key in unread_keys(record):
                    count.unread.setdefault(key, [0, number])[0] += 1
            for rule, seen, fix in [breach] if breach else breaches(record, family):
                yield Problem(path.name, number, rule, seen, fix)


def _measure(record, family: Family, count: FileCount) -> None:
    said = [text for _, text in texts(record)] if isinstance(record, dict) else []
    length = sum(map(len, said))
    count.characters += length
    count.longest = max(count.longest, length)
    most = sum(len(text.encode("utf-8", "replace")) + TOKENS_AROUND for text in said)
    count.most_tokens += min(most, family.max_tokens)


def check_hyperparameters(values: dict, family: Family) -> list[Problem]:
    """What is wrong with hyperParameters, {"epochCount": "2", ...}; [] when nothing is."""
    found = []
    for name, value in values.items():
        known = family.hyperparameters.get(name)
        if known is None:
            rule, fix = "unknown-hyperparameter", f"{family.name} has {', '.join(family.hyperparameters)}"
        elif (number := _number(value, known.whole)) is None:
            kind = "a whole number" if known.whole else "a number"
            rule, fix = "hyperparameter-not-a-number", f"write {kind} such as {known.default!r}"
        elif not known.low <= number <= known.high:
            rule = "hyperparameter-out-of-range"
            fix = f"{known.low:g} to {known.high:g}, {known.default} by default"
        else:
            continue
        found.append(Problem("hyperParameters", 0, rule, f"{name} = {value!r}", fix))
    return found


def _number(value, whole: bool):
    try:
        number = int(str(value)) if whole else float(str(value))
    except ValueError:
        return None
    return number if number == number else None  # "nan" is a float


def _limit(family: Family, role: str) -> int:
    return family.training_bytes if role == "training" else family.validation_bytes


def _of_the_file(path: Path, family: Family, role: str, size: int) -> Iterator[Problem]:
    if path.suffix != ".jsonl":
        seen = path.suffix or "no ending"
        yield Problem(path.name, 0, "wrong-extension", seen, f"call it {path.stem}.jsonl")
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", path.name):
        clean = re.sub(r"[^A-Za-z0-9_.-]+", "-", path.name)
        yield Problem(path.name, 0, "bad-file-name", path.name, f"call it {clean}")
    if role == "validation" and not family.validation:
        yield Problem(path.name, 0, "validation-not-supported", family.name, "leave it out")
    if size == 0:
        yield Problem(path.name, 0, "file-empty", "0 bytes", CONVERT)
    elif size > _limit(family, role):
        yield Problem(path.name, 0, "file-too-large", f"{size:,} bytes",
                      f"at most {_limit(family, role):,}: train on fewer records")


def _lines(file):
    """The lines of a file; of one that is far too long only the start, so that it need not fit in memory."""
    while raw := file.readline(MAX_LINE_BYTES):
        rest = raw
        while len(rest) == MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE_BYTES)
        yield raw


def _parse(raw: bytes, number: int) -> tuple:
    """(the value, None) or (None, (rule, seen, fix))."""
    if len(raw) == MAX_LINE_BYTES:
        seen = f"a line of over {MAX_LINE_BYTES:,} bytes"
        return None, ("too-many-tokens", seen, f"one record a line; {CONVERT}")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as err:
        seen = f"byte {raw[err.start]:#04x} at {err.start + 1}"
        return None, ("not-utf8", seen, f"save it as UTF-8, or {CONVERT}")
    if not text.strip():
        return None, ("empty-line", "", "take the line out")
    if number == 1 and text.startswith("\ufeff"):
        return None, ("not-json", "a byte order mark", "save it as UTF-8 without one")
    try:
        return json.loads(text, parse_constant=_no_constant), None
    except RecursionError:
        return None, ("not-json", "brackets too deep", CONVERT)
    except ValueError as err:
        where = f", at character {err.pos + 1}" if isinstance(err, json.JSONDecodeError) else ""
        return None, ("not-json", f"{shown(text.strip(), 40)}: {err.args[0].split(':')[0]}{where}",
                      f"one whole object on one line; {CONVERT}")


def _no_constant(name: str):
    raise ValueError(f"{name} is not JSON")


def _counts(report: CheckReport, paths: dict) -> Iterator[Problem]:
    family, training = report.family, report.files["training"].records
    if report.files["training"].size == 0:
        return
    counted = report.records if family.together else training
    both = " in both files together" if family.together and "validation" in paths else ""
    if counted < family.min_records:
        yield Problem(paths["training"].name, 0, "too-few-records", f"{counted:,}{both}",
                      f"at least {family.min_records:,}")
    fix = f"at most {family.max_records:,}: bedrock_data.split() keeps so many; the quota can be raised"
    if report.records > family.max_records:
        seen = f"{report.records:,} in training and validation together"
        yield Problem(paths["training"].name, 0, "too-many-records", seen, fix)
    validation = report.files["validation"].records if "validation" in paths else 0
    if family.max_validation is not None and validation > family.max_validation:
        yield Problem(paths["validation"].name, 0, "too-many-records", f"{validation:,} for validation",
                      f"at most {family.max_validation:,}")
