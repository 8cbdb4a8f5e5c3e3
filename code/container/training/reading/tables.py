"""CSV and TSV → rows, streamed. A broken row is repaired or left out, and the rows around it stay whole."""

import csv
import itertools
from collections import Counter, deque
from collections.abc import Iterator

from .opening import Source

PEEK = 50  # lines looked at for the delimiter and the header
HUGE = 2**31 - 1  # characters in one cell; the csv module's own limit is 131,072
RUNAWAY = 1 << 20  # characters of further lines in one row: a quote that opened there was not meant
FIXES = "close the quote, or export the file again"


def read_table(source: Source) -> Iterator[dict]:
    """The rows as {column: cell}. Every cell is a string; a missing one is None."""
    csv.field_size_limit(HUGE)
    lines = source.lines()
    head = list(itertools.islice(lines, PEEK))
    skip = 0
    if head and head[0].strip().lower().startswith("sep=") and len(head[0].strip()) <= 5:  # Excel's own line
        skip = 1
    delimiter = head[0].strip()[4:] or "\t" if skip else find_delimiter(head)
    source.facts.delimiter = delimiter
    records = Records(source, itertools.chain(head[skip:], lines), delimiter, 1 + skip)
    first = _header(source, records, _parsed(head[skip:], delimiter))
    if first is None:
        return
    names, more = first
    yield from _rows(source, records, names, more)


def find_delimiter(head: list[str]) -> str:
    """The delimiter that splits the most lines into as many cells as the header has; "," if none does."""
    best, found = (0.0, 0), ","
    for delimiter in (",", ";", "\t", "|"):
        widths = [len(cells) for cells in _parsed(head, delimiter)]
        if not widths or max(widths) == 1:
            continue
        width, count = Counter(width for width in widths if width > 1).most_common(1)[0]
        if widths[0] == 1 and (width < 3 or count < 3):
            continue  # one column of text in which there are commas
        score = (count / len(widths) + (widths[0] > 1), width)
        if score > best:
            best, found = score, delimiter
    return found if best[1] else "\x1f"  # one column: a delimiter that is in no text


def _parsed(lines: list[str], delimiter: str) -> list[list[str]]:
    try:
        return [cells for cells in csv.reader(lines, delimiter=delimiter) if any(cells)]
    except csv.Error:
        return [line.rstrip("\r\n").split(delimiter) for line in lines if line.strip()]


class Records:
    """Iterates over (line, cells). width, once it is known, tells a whole row from a broken one."""

    def __init__(self, source: Source, lines: Iterator[str], delimiter: str, line: int):
        self.source, self.lines, self.delimiter, self.line = source, lines, delimiter, line
        self.width = 0
        self.held: list[str] = []  # the lines of the row that is being read
        self.back: deque[str] = deque()  # lines to be read once more

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        held = self.held
        while True:
            try:
                for cells in csv.reader(self._feed(), delimiter=self.delimiter, strict=True):
                    start = self.line
                    self.line += len(held)
                    held.clear()
                    if cells:
                        yield start, cells
                return
            except csv.Error as err:
                cells, start = self._repair(err)
            if cells:
                yield start, cells

    def _feed(self) -> Iterator[str]:
        size = 0
        while True:
            line = self.back.popleft() if self.back else next(self.lines, None)
            if line is None:
                return
            size = size + len(line) if self.held else 0
            self.held.append(line)
            if size > RUNAWAY:
                raise csv.Error(f"the quote is not closed within {RUNAWAY:,} characters")
            yield line

    def _repair(self, err: csv.Error) -> tuple[list[str] | None, int]:
        """A row for the lines held, or None. The lines after the broken ones are read once more."""
        held, start = list(self.held), self.line
        self.held.clear()
        bad = next((at for at in range(1, len(held)) if self._whole(held[at])), len(held))
        self.back.extendleft(reversed(held[bad:]))
        self.line += bad
        at_end = bad == len(held) and "unexpected end" in str(err)
        cells = None if at_end else self._guess(held[:bad])
        where = "" if bad == 1 else f"to {start + bad - 1} "
        if cells is None:
            self.source.note("quotes", start, f"{where}has a quote that does not fit: {err}: "
                             f"{held[0].strip()[:40]!r}", "the row is left out",
                             FIXES, lost=True)  # fmt: skip
        else:
            self.source.note("quotes", start, f"{where}has a quote that does not fit: {err}",
                             f"the row is kept as {len(cells)} cells", FIXES)  # fmt: skip
        return cells, start

    def _whole(self, line: str) -> bool:
        try:
            return len(next(csv.reader([line], delimiter=self.delimiter, strict=True), ())) == self.width
        except csv.Error:
            return False

    def _guess(self, lines: list[str]) -> list[str] | None:
        """The cells if they come to the width, with quotes escaped by backslashes, or taken as they stand."""
        for how in ({"escapechar": "\\", "doublequote": False, "strict": True}, {"strict": False}):
            try:
                rows = list(csv.reader(lines, delimiter=self.delimiter, **how))
            except csv.Error:
                continue
            if len(rows) == 1 and len(rows[0]) == self.width:
                return [*rows[0][:-1], rows[0][-1].rstrip("\r\n")]
        return None


def _header(source: Source, records: Records, head: list[list[str]]) -> tuple[list[str], list] | None:
    """(a name for each column, "" for those without one at the end; rows that stood in for the header)."""
    widths = Counter(len(cells) for cells in head[1:])
    usual = widths.most_common(1)[0][0] if widths else 0
    records.width = len(head[0]) if head else 0
    for line, cells in records:
        if not any(cells):
            continue
        if len(cells) == 1 < usual and records.delimiter != "\x1f" and widths[usual] > 1:
            records.width = usual
            source.note("header", line, f"is a title and no row: {cells[0][:40]!r}", "it is left out")
            continue
        break
    else:
        return None
    records.width = len(cells)
    more = []
    if all(_is_number(cell) for cell in cells if cell.strip()):
        source.note("header", line, f"has numbers only, so there is no header: {', '.join(cells)[:40]!r}",
                    "it is read as a row, and the columns are called column_1, column_2, …",
                    "write a line with the names of the columns first")  # fmt: skip
        more, cells = [(line, cells)], [f"column_{at}" for at in range(1, len(cells) + 1)]
    elif usual > len(cells) and set(widths) == {usual} and widths[usual] > 1:
        # Only where the further cells hold something: trailing delimiters are no columns.
        if any(any(row[len(cells) :]) for row in head[1:]):
            source.note("header", line, f"names {len(cells)} columns, and the rows have {usual} cells",
                        "those behind the last name are called by their number, such as "
                        f"column_{len(cells) + 1}", "write a name for every column")  # fmt: skip
        cells = cells + [""] * (usual - len(cells))
        records.width = usual
    return _names(source, line, cells), more


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", ""))
    except ValueError:
        return False
    return True


def _names(source: Source, line: int, cells: list[str]) -> list[str]:
    names = [cell.strip().strip("\ufeff") for cell in cells]
    last = max((at for at, name in enumerate(names) if name), default=-1)
    seen: set[str] = set()
    for at, name in enumerate(names):
        if not name and at > last:
            continue
        if not name:
            name = f"column_{at + 1}"
            source.note("header", line, f"has no name for column {at + 1}", f"it is called {name}")
        elif name in seen:
            number = next(n for n in itertools.count(2) if f"{name}_{n}" not in {*seen, *names})
            source.note("header", line, f"has the name {name!r} twice", f"column {at + 1} is called "
                        f"{name}_{number}")  # fmt: skip
            name = f"{name}_{number}"
        seen.add(name)
        names[at] = name
    return names


def _rows(source: Source, records: Records, names: list[str], more: list) -> Iterator[dict]:
    width = len(names)
    named = [name for name in names if name]  # those without a name stand at the end
    count = len(named)
    numbered = [f"column_{at + 1}" for at in range(count, width)]
    filled = False
    for line, cells in itertools.chain(more, records):
        if len(cells) != width:
            cells = _ragged(source, line, cells, width, count, records.delimiter)
            if cells is None:
                continue
        if not any(cells):
            source.note("empty rows", line, "is a row of empty cells", "it is left out")
            continue
        row = dict(zip(named, cells))  # noqa: B905  (what stands behind the names comes next)
        if numbered and any(extra := cells[count:]):
            filled = True
            kept = {name: cell for name, cell in zip(numbered, extra, strict=False) if cell}
            name, cell = next(iter(kept.items()))
            source.note("unnamed cells", line, f"has cells in columns without a name: {cell[:40]!r}",
                        f"they are kept under the number of the column, here {name}",
                        "write a name for every column")  # fmt: skip
            row |= kept
        yield row
    if numbered and not filled:
        source.note("header", 0, f"has {len(numbered)} column(s) at the end without a name, empty in "
                    "every row", "they are left out")  # fmt: skip


def _ragged(source: Source, line: int, cells: list, width: int, named: int, delimiter: str) -> list | None:
    """A row with too few cells filled up with None; one with too many only if the further ones are empty."""
    if len(cells) < width:
        if len(cells) < named:
            source.note("cells", line, f"has {len(cells)} cells for {named} columns",
                        "the row is kept, the missing ones are empty")  # fmt: skip
        return cells + [None] * (width - len(cells))
    extra = [cell for cell in cells[width:] if cell.strip()]
    if not extra:
        return cells[:width]
    source.note("cells", line, f"has more cells than the header has columns: {extra[0][:40]!r}",
                "the row is left out", f"quote cells that hold {delimiter!r}", lost=True)  # fmt: skip
    return None
