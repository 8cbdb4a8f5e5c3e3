"""Rows from files as people have them: JSON, JSONL, CSV, TSV, TXT, each also gz; UTF-8 or not.

    for row in iter_rows("train.csv"):                  # {"id": "1", "dialogue": "...", "summary": "..."}

    report = Report()
    for row in iter_rows("train.csv", report):          # goes on after a broken row
        ...
    print(report)                                       # what was wrong, in which line, and what was done

Files are read row by row, so one may be larger than memory. A TXT file holds blocks of lines with an empty
line between them; a block's last line may be "Summary: ...".

This is the one place in which tuneaws imports the container: what reads a learner's file here is what reads
it in the training job.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from container.training import fields, reading
from container.training.fields import Cleaning, FieldsError
from container.training.reading import KINDS, Problem, Report, find_encoding, kind_of

__all__ = ["KINDS", "Cleaning", "DataError", "Report", "examples_of", "find_encoding", "iter_examples",
           "iter_rows", "kind_of"]


class DataError(ValueError):
    """The data can't be used; the message names the file, the line, and what to do."""


class _Strict(Report):
    """A report that ends the reading where a row would be lost."""

    def add(self, kind: str, problem: Problem) -> None:
        super().add(kind, problem)
        if problem.lost:
            raise DataError(str(problem))
        if kind == "encoding":
            print(f"note: {Path(problem.file).name} is not UTF-8; it is read as Windows-1252 (Latin-1) where "
                  f"it is not, first in line {problem.line}. Check its accents.")


def iter_rows(path, report: Report | None = None) -> Iterator[dict]:
    """Yield the rows of one file as dicts, each value as the file has it.

    report  takes what is wrong, and reading goes on. None: a row that would be lost ends it with DataError
    Raises  DataError with the file and the line; a file that is not UTF-8 is read and a note printed
    """
    plain = kind_of(path) == "TXT"
    try:
        for row in reading.read(path, _Strict() if report is None else report):
            yield {"dialogue": row["text"], "summary": None} if plain and "text" in row else row
    except reading.ReadError as err:
        raise DataError(str(err)) from err


def iter_examples(source, report: Report, cleaning: Cleaning, columns: str = "", **how) -> Iterator[dict]:
    """Yield {"messages": [...]} or {"text": "..."} of each row of a file or a folder, as a job does.

    columns  "prompt=Frage,completion=Antwort"; "": found by their names, see container/training/fields.py
    how      missing=("C", "n/a"): cells that mean nothing; max_chars=20000: longer rows are dropped
    Raises   DataError if there is no row, or a column is not there
    """
    path = Path(source)
    try:
        if path.is_dir():
            pairs = reading.read_folder(path, report)
        else:
            pairs = ((path.name, row) for row in reading.read(path, report, path.name))
        for _, example in fields.convert_files(pairs, cleaning, given=columns, **how):
            yield example
    except (reading.ReadError, FieldsError) as err:
        raise DataError(str(err)) from err


def examples_of(rows: Iterable[dict], cleaning: Cleaning, columns: str = "", **how) -> Iterator[dict]:
    """Like iter_examples(), of rows that are in memory or come from elsewhere. Raises DataError."""
    try:
        yield from fields.convert(rows, cleaning, given=columns, **how)
    except FieldsError as err:
        raise DataError(str(err)) from err
