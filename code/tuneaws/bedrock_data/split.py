"""Training and validation file within a family's limit, the same ones each time, no dialogue in both.

    report = split("build/all.jsonl", "build/nova", family("amazon.nova-micro-v1:0"), validation_records=200)
    print(report)               # written, left out and why, and how to take more

Each record draws a lot from the text that the model is asked and the seed, and the smallest lots are kept. So
records of one dialogue stay together, and one that is added or dropped elsewhere changes no other's lot.
Memory is bounded by the limit, not by the file.
"""

import hashlib
import heapq
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tuneaws.bedrock_data.convert import to_example
from tuneaws.bedrock_data.families import BedrockDataError, Family

EXAMPLES = 3


@dataclass
class SplitReport:
    """What became of the records. print() it.

    training, validation  paths; validation is None when there is none
    records               {"training": 9800, "validation": 200}
    left_out              reason -> records; examples: reason -> the first three lines of the source
    """

    family: Family
    training: Path
    validation: Path | None
    read: int = 0
    records: dict = field(default_factory=dict)
    left_out: Counter = field(default_factory=Counter)
    examples: dict = field(default_factory=dict)

    def leave_out(self, reason: str, line: int) -> None:
        """Count one record that goes into neither file."""
        self.left_out[reason] += 1
        named = self.examples.setdefault(reason, [])
        if len(named) < EXAMPLES:
            named.append(line)

    def lines(self) -> list[str]:
        """The report as lines: every record that was read is in one of them."""
        lines = [f"{self.read:,} records read for {self.family}"]
        for name, path in (("training", self.training), ("validation", self.validation)):
            if path is not None:
                lines.append(f"{self.records[name]:,} to {path} ({name})")
        for reason, count in self.left_out.most_common():
            named = ", ".join(f"{line:,}" for line in self.examples[reason])
            lines.append(f"{count:,} left out: {reason} (such as line {named})")
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines())


def split(source, folder, family: Family, validation_records: int = 0, validation=None, held_out=None,
          seed: int = 7) -> SplitReport:
    """Write folder/training.jsonl and folder/validation.jsonl, together at most family.max_records.

    source              JSONL of the family's schema, as convert() writes it
    validation_records  so many for validation, and the rest of the last dialogue's; 0: none
    validation          instead: a converted file whose records stay the validation set
    held_out            a converted file (the test set): what is asked in it is left out of both
    Raises              BedrockDataError when too few would be left for the family
    """
    if validation_records and validation:
        raise BedrockDataError("give validation_records or a validation file, not both")
    if (validation_records or validation) and not family.validation:
        raise BedrockDataError(f"{family.name} takes no validation file. Fix: leave it out")
    folder = Path(folder)
    wants = bool(validation_records or validation)
    report = SplitReport(family, folder / "training.jsonl", folder / "validation.jsonl" if wants else None)
    apart = {"in the test set": _asked_in(held_out, seed) if held_out else frozenset()}
    given = _given(validation, family, apart["in the test set"], seed, report) if validation else None
    if given:
        apart["in the validation set"] = _asked_in(validation, seed)
    room = family.max_records - (len(given) if given else 0)
    kept = _draw(source, room, apart, seed, report)
    validating = frozenset() if given else _first_dialogues(kept, validation_records)
    _check_size(len(kept) - len(validating), len(given or validating), family)
    folder.mkdir(parents=True, exist_ok=True)
    _write(source, report.training, frozenset(kept.values()) - validating, report, "training")
    if given:
        _write(validation, report.validation, given, report, "validation")
    elif wants:
        _write(source, report.validation, validating, report, "validation")
    return report


def asked(record: dict) -> str:
    """What the model is asked in a record, without the system text; case and spaces do not count."""
    turns = to_example(record)["messages"]
    return " ".join("\0".join(turn["content"] for turn in turns if turn["role"] == "user").casefold().split())


def _lots(line: bytes, seed: int) -> tuple[bytes, bytes]:
    """(lot of what is asked, lot of the whole record): 12 bytes each, so a chance equality is not seen."""
    try:
        question = asked(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise BedrockDataError(f"a line is no record of a known schema: {line[:80]!r}.\n"
                               "Fix: write the file with bedrock_data.convert(), or see check()") from err
    question_lot = hashlib.sha256(f"{seed}\0{question}".encode()).digest()[:12]
    return question_lot, hashlib.sha256(line.strip()).digest()[:12]


def _lines(path):
    with Path(path).open("rb") as file:
        yield from enumerate(file, start=1)


def _asked_in(path, seed: int) -> frozenset:
    return frozenset(_lots(line, seed)[0] for _, line in _lines(path))


def _given(path, family: Family, held_out: frozenset, seed: int, report: SplitReport) -> frozenset:
    """The lines of a validation file that stay: without the test set's, and no more than leaves room."""
    stay = [n for n, line in _lines(path) if _lots(line, seed)[0] not in held_out]
    most = min(family.max_records - family.min_records, family.max_validation or family.max_records)
    if len(stay) > most:
        report.left_out[f"validation over {most:,} records"] += len(stay) - most
        report.examples[f"validation over {most:,} records"] = stay[most:most + EXAMPLES]
    return frozenset(stay[:most])


def _draw(source, room: int, apart: dict, seed: int, report: SplitReport) -> dict:
    """{(lot of what is asked, lot of the record): line} of the `room` smallest lots."""
    heap, kept = [], {}  # a heap of the largest on top, by inverted bytes
    over = f"over {report.family.name}'s limit of {report.family.max_records:,} records"
    for number, line in _lines(source):
        report.read += 1
        key = _lots(line, seed)
        reason = next((why for why, lots in apart.items() if key[0] in lots), None)
        if reason or key in kept:
            report.leave_out(reason or "a duplicate", number)
            continue
        kept[key] = number
        heapq.heappush(heap, _Largest(key))
        if len(heap) > room:
            report.leave_out(over, kept.pop(heapq.heappop(heap).key))
    return kept


class _Largest:
    """A key that heapq takes for small when it is large."""

    __slots__ = ("key",)

    def __init__(self, key: tuple):
        self.key = key

    def __lt__(self, other) -> bool:
        return self.key > other.key


def _first_dialogues(kept: dict, wanted: int) -> frozenset:
    """The lines of the first dialogues by lot, until there are so many; a dialogue is taken whole."""
    taken, last = [], None
    for lot, whole in sorted(kept):
        if len(taken) >= wanted and lot != last:
            break
        taken.append(kept[lot, whole])
        last = lot
    return frozenset(taken)


def _check_size(training: int, validation: int, family: Family) -> None:
    counted = training + validation if family.together else training
    if counted < family.min_records or training < 1:
        raise BedrockDataError(f"{training:,} training and {validation:,} validation records are left; "
                               f"{family.name} needs at least {family.min_records:,}.\n"
                               "Fix: more rows, or fewer validation_records (--validation of the script)")
    if family.max_validation is not None and validation > family.max_validation:
        raise BedrockDataError(f"{validation:,} validation records; {family.name} takes at most "
                               f"{family.max_validation:,}.\nFix: a smaller validation_records")


def _write(source, path: Path, lines: frozenset, report: SplitReport, name: str) -> None:
    """Copy the chosen lines in their order."""
    aside = path.with_name(f".{path.name}.part")
    with aside.open("wb") as file:
        for number, line in _lines(source):
            if number in lines:
                file.write(line if line.endswith(b"\n") else line + b"\n")
    aside.replace(path)
    report.records[name] = len(lines)
