"""What was found wrong in files, where, and what was done about it."""

from collections import Counter
from dataclasses import dataclass


class ReadError(ValueError):
    """A file or folder gives no rows at all. The message names it, says what was seen, and one fix."""


@dataclass(frozen=True)
class Problem:
    """One thing that was wrong. lost: a row was left out because of it.

    str() is such as "rows.csv line 7 has 4 cells for 3 columns; the row is left out. Fix: …".
    """

    file: str
    line: int  # counted from 1; 0: the file as a whole
    seen: str
    done: str
    fix: str = ""
    lost: bool = False

    def __str__(self) -> str:
        place = f"{self.file} line {self.line}" if self.line else self.file
        return f"{place} {self.seen}; {self.done}." + (f" Fix: {self.fix}." if self.fix else "")


@dataclass
class FileFacts:
    """How one file was read, and how many rows it gave."""

    kind: str = ""
    encoding: str = ""
    delimiter: str = ""
    rows: int = 0
    left_out: int = 0

    def __str__(self) -> str:
        words = [self.kind, self.encoding]
        if self.delimiter:
            words.append("tabs" if self.delimiter == "\t" else f"delimiter {self.delimiter!r}")
        out = f", {self.left_out:,} left out" if self.left_out else ""
        return f"{', '.join(word for word in words if word)}: {self.rows:,} rows{out}"


class Report:
    """Everything that happened while files were read. print() it; its size does not grow with the files.

    files     {name: FileFacts}          problems  the first `shown` of each kind in each file
    counts    {(file, kind): how many}   left_out  rows that are not among those given
    """

    def __init__(self, shown: int = 5):
        self.shown, self.left_out = shown, 0
        self.files: dict[str, FileFacts] = {}
        self.problems: list[Problem] = []
        self.counts: Counter = Counter()

    @property
    def rows(self) -> int:
        """Rows given, of all files."""
        return sum(facts.rows for facts in self.files.values())

    def add(self, kind: str, problem: Problem) -> None:
        """Count one problem, and keep it if it is one of the first of its kind in its file."""
        self.counts[problem.file, kind] += 1
        if self.counts[problem.file, kind] <= self.shown:
            self.problems.append(problem)
        if problem.lost:
            self.left_out += 1
            if problem.file in self.files:
                self.files[problem.file].left_out += 1

    def lines(self) -> list[str]:
        """The report as lines: each file with its problems under it. Every problem is shown or counted."""
        lines = []
        for name in [*self.files, *dict.fromkeys(p.file for p in self.problems if p.file not in self.files)]:
            lines += [f"{name}: {self.files[name]}"] if name in self.files else []
            lines += [f"  {problem}" for problem in self.problems if problem.file == name]
            lines += [
                f"  and {count - self.shown:,} more in {file}: {kind}"
                for (file, kind), count in self.counts.items()
                if file == name and count > self.shown
            ]
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines())
