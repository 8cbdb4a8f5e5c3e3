"""Drop rows that can't teach anything, tidy the rest, and say what was dropped and why."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class CleanReport:
    """How many rows came, stayed, were dropped and why, and which texts were tidied. print() it."""

    total: int = 0
    kept: int = 0
    dropped: Counter = field(default_factory=Counter)
    examples: dict = field(default_factory=dict)  # reason -> up to 3 ids
    tidied: Counter = field(default_factory=Counter)

    def drop(self, row: dict, reason: str) -> None:
        """Count one dropped row."""
        self.dropped[reason] += 1
        self.examples.setdefault(reason, [])
        if len(self.examples[reason]) < 3:
            self.examples[reason].append(row["id"])

    def rows(self) -> list:
        """The report as rows of a table."""
        lines = [{"what": "read", "rows": self.total, "for example": ""}]
        lines += [{"what": f"dropped: {reason}", "rows": count,
                   "for example": ", ".join(self.examples[reason])}
                  for reason, count in self.dropped.most_common()]
        lines += [{"what": f"tidied: {what}, texts", "rows": count, "for example": ""}
                  for what, count in self.tidied.most_common() if count]
        return lines + [{"what": "kept", "rows": self.kept, "for example": ""}]

    def __str__(self) -> str:
        width = max(len(line["what"]) for line in self.rows())
        return "\n".join(f"{line['what']:<{width}}  {line['rows']:>8,}  {line['for example']}".rstrip()
                         for line in self.rows())


def clean(rows, max_chars: int = 20_000) -> tuple:
    """Drop rows that can't teach anything, tidy the rest; return (rows, CleanReport).

    No word is changed: only line ends, spaces at the ends of lines and invisible marks. A dialogue that is in
    two splits stays in test before validation before train, or the score would measure memory.
    """
    report, good = CleanReport(), []
    for row in rows:
        if (tidy := clean_row(row, max_chars, report)) is not None:
            good.append(tidy)
    good = _without_duplicates(good, report)
    report.kept = len(good)
    return good, report


def clean_row(row: dict, max_chars: int, report: CleanReport) -> dict | None:
    """Tidy one row, or count why it is dropped and return None. What is there twice only clean() sees."""
    report.total += 1
    reason = _unusable(row, max_chars)
    if reason:
        report.drop(row, reason)
        return None
    tidy = {**row, **{name: _tidy(row[name], report.tidied) for name in ("dialogue", "summary")}}
    if reason := next((f"empty {name}" for name in ("dialogue", "summary") if not tidy[name]), None):
        report.drop(row, reason)
        return None
    return tidy


def _unusable(row: dict, max_chars: int):
    for name in ("dialogue", "summary"):
        value = row[name]
        if value is None:
            return f"no {name}"
        if not isinstance(value, str):
            return f"{name} is not a text"
        if len(value) > max_chars:
            return f"{name} over {max_chars:,} characters"
        try:
            value.encode()
        except UnicodeEncodeError:  # half of a surrogate pair: an emoji that was cut in two
            return f"{name} has a broken character"
    return None


def _tidy(text: str, tidied: Counter) -> str:
    ends = text.replace("\r\n", "\n").replace("\r", "\n")
    bare = ends.replace("\ufeff", "")
    neat = "\n".join(line.rstrip() for line in bare.strip().split("\n"))
    tidied["line ends"] += ends != text
    tidied["byte order marks"] += bare != ends
    tidied["spaces"] += neat != bare
    return neat


def _without_duplicates(rows: list, report: CleanReport) -> list:
    rank = {"test": 0, "validation": 1}
    best, seen, kept = {}, set(), []
    for row in rows:
        place = rank.get(row["split"], 2)
        key = text_key(row["dialogue"])
        best[key] = min(best.get(key, place), place)
    for row in rows:
        key, place = text_key(row["dialogue"]), rank.get(row["split"], 2)
        whole = (key, text_key(row["summary"]))
        if place > best[key]:
            report.drop(row, f"also in {['test', 'validation'][best[key]]} (a leak)")
        elif whole in seen:
            report.drop(row, "duplicate")
        else:
            seen.add(whole)
            kept.append(row)
    return kept


def text_key(text: str) -> bytes:
    """Equal for texts that differ only in case and spaces."""
    return hashlib.sha256(" ".join(text.casefold().split()).encode()).digest()
