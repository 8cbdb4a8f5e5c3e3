"""Rows from files as people have them: CSV, TSV, JSON, JSONL, TXT, each also gz; UTF-8 or not; whole or not.

    report = Report()
    for row in read("train.csv", report):            # {"dialogue": "…", "summary": "…"}
        ...
    print(report)                                    # each file: how it was read, and what was wrong where

    for name, row in read_folder(folder, report):    # several files, of mixed kinds
        ...

Rows come one after the other, so a file may be larger than memory. A broken row is left out and reported with
file, line and a fix; the rows around it are kept. Only a file that gives no rows at all ends in ReadError.

    opening    bytes → text: gz, encodings, NUL bytes      tables     CSV and TSV
    report     what was wrong, and what was done           json_rows  JSON, on json_text
    plain      TXT                                         line_rows  JSONL

Standard library only. This is the one implementation: a training job takes it along, tuneaws imports it.
"""

from collections.abc import Iterator
from pathlib import Path

from .json_rows import looks_like_lines, read_json
from .line_rows import read_jsonl, spans_lines
from .opening import Source, check_text, first_bytes, guess_encoding
from .plain import read_text
from .report import FileFacts, Problem, ReadError, Report
from .tables import read_table

__all__ = ["KINDS", "FileFacts", "Problem", "ReadError", "Report", "find_encoding", "kind_of", "read",
           "read_folder"]  # fmt: skip

KINDS = {".json": "JSON", ".jsonl": "JSONL", ".ndjson": "JSONL", ".csv": "CSV", ".tsv": "CSV", ".txt": "TXT"}
READERS = {"JSON": read_json, "JSONL": read_jsonl, "CSV": read_table, "TXT": read_text}


def kind_of(path) -> str | None:
    """ "CSV", "JSON", "JSONL" or "TXT" by the file's name, .gz left aside; None for other names."""
    path = Path(path)
    return KINDS.get((path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower())


def read(path, report: Report | None = None, name: str = "") -> Iterator[dict]:
    """Yield the rows of one file; what is wrong with it goes to the report, under `name` (else the path).

    Raises  ReadError if the file is not there, is empty or holds no rows of any kind named above.
    """
    path, name = Path(path), name or str(path)
    report = Report() if report is None else report
    kind = kind_of(path)
    if kind is None:
        raise ReadError(f"{path}: {path.suffix or 'a file without an ending'} is not read here. "
                        f"Fix: convert it to one of {', '.join(KINDS)} (each may be .gz)")  # fmt: skip
    if not path.exists():
        raise ReadError(f"there is no file {path}")
    start = first_bytes(path)
    if not start.strip(b"\0 \t\r\n\xef\xbb\xbf\xff\xfe") and len(start) < 1 << 16:
        raise ReadError(f"{path} is empty. Fix: export it again")
    check_text(path, start)
    report.files[name] = facts = FileFacts(kind)
    source = Source(path, name, report)
    for row in READERS[_looks_like(source, kind, start)](source):
        facts.rows += 1
        yield row


def _looks_like(source: Source, kind: str, start: bytes) -> str:
    """The kind to read a file as: by its name, unless its first line is plainly of another kind."""
    text = start.decode(guess_encoding(start), errors="replace").lstrip("\ufeff \t\r\n")
    if kind == "JSONL" and spans_lines(text):
        other = "JSON"
    elif kind == "JSON" and looks_like_lines(text):
        other = "JSONL"
    elif kind in ("CSV", "TXT") and text.startswith(('{"', '[{"', "[\n", "{\n", "[\r\n", "{\r\n")):
        other = "JSONL" if looks_like_lines(text) else "JSON"
    else:
        return kind
    source.note("kind", 0, f"is called {kind} and holds {other}", f"it is read as {other}",
                f"name it .{other.lower()}")  # fmt: skip
    source.facts.kind = f"{other} under the name of {kind}"
    return other


def read_folder(folder, report: Report) -> Iterator[tuple[str, dict]]:
    """Yield (file, row) of every file of a folder and its subfolders, by name; hidden files are left alone.

    A file that cannot be read at all is reported, and the others are read.
    Raises  ReadError if the folder is not there or no file gives a row.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ReadError(f"there is no folder {folder}")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    for path in found:
        name = path.relative_to(folder).as_posix()
        try:
            for row in read(path, report, name):
                yield name, row
        except ReadError as err:
            report.add("no rows", Problem(name, 0, f"gives no rows: {err}", "it is left out", lost=True))
    if not report.rows:
        why = "\n".join(str(problem) for problem in report.problems[:5])
        there = why or f"it holds: {', '.join(path.name for path in found[:5]) or 'nothing'}"
        raise ReadError(f"{folder} gives no rows; {there}\nFix: one of {', '.join(KINDS)} with a row in it")


def find_encoding(path) -> str:
    """Read the whole file; give "utf-8", "utf-8-sig", "utf-16", … or, if a byte is no UTF-8, "cp1252"."""
    report = Report()
    report.files[str(path)] = FileFacts()
    source = Source(Path(path), str(path), report)
    for _ in source.blocks():
        pass
    return source.encoding
