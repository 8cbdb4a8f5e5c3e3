"""Read rows of text from files as they are found in the world: JSON, JSONL, CSV, TXT; UTF-8 or not.

    for row in iter_rows("train.csv"):      # {"id": "1", "dialogue": "...", "summary": "..."}

JSONL, CSV and TXT are read line by line, so a file may be larger than memory; a JSON array is not.
A TXT file holds blocks of lines with an empty line between them; a block's last line may be "Summary: ...".
"""

import codecs
import csv
import io
import itertools
import json
import re
from pathlib import Path

KINDS = {".json": "JSON", ".jsonl": "JSONL", ".ndjson": "JSONL", ".csv": "CSV", ".tsv": "CSV", ".txt": "TXT"}
BOMS = [(codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")]
HUGE = 2**31 - 1  # characters in one CSV field; the csv module's own limit is 131,072


class DataError(ValueError):
    """The data can't be used; the message names the file, the line, and what to do."""


def iter_rows(path):
    """Yield the rows of one file as dicts, each value as the file has it.

    Raises  DataError with the file and the line; a file that is not UTF-8 is read and a note printed
    """
    path = Path(path)
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise DataError(f"{path}: {path.suffix or 'a file without an ending'} is not read here. "
                        f"Fix: convert it to one of {', '.join(KINDS)}")
    if not path.exists():
        raise DataError(f"there is no file {path}")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty")
    encoding = find_encoding(path)
    if encoding == "cp1252":
        print(f"note: {path.name} is not UTF-8; it is read as Windows-1252 (Latin-1). Check its accents.")
    errors = "replace" if encoding == "cp1252" else "strict"
    with path.open(encoding=encoding, errors=errors, newline="") as file:
        try:
            yield from {"JSON": _json, "JSONL": _jsonl, "CSV": _csv, "TXT": _txt}[kind](file, path)
        except UnicodeDecodeError as err:
            raise DataError(f"{path} starts as {encoding} and does not go on so: {err}. "
                            "Fix: save it as UTF-8") from err


def find_encoding(path) -> str:
    """Return "utf-8", "utf-8-sig", "utf-16" or, when it is none of them, "cp1252". Memory use is constant."""
    with Path(path).open("rb") as file:
        start = file.read(4096)
        for mark, encoding in BOMS:
            if start.startswith(mark):
                return encoding
        if start.count(0) > len(start) // 4:  # UTF-16 without a mark: every other byte of English is 0
            return "utf-16-le" if start[1:2] == b"\0" else "utf-16-be"
        decoder = codecs.getincrementaldecoder("utf-8")()
        file.seek(0)
        try:
            while block := file.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _json(file, path: Path):
    text = file.read()
    try:
        value = json.loads(text)
    except json.JSONDecodeError as err:
        if err.msg == "Extra data" and text.lstrip().startswith("{"):  # JSON lines under the name of JSON
            yield from _jsonl(io.StringIO(text), path)
            return
        raise DataError(_broken_json(text, err, path)) from err
    if isinstance(value, dict):
        lists = [v for v in value.values() if isinstance(v, list)]
        value = lists[0] if len(lists) == 1 else [value]
    if not isinstance(value, list):
        raise DataError(f"{path} holds a {type(value).__name__}. Fix: a JSON array of objects")
    for number, row in enumerate(value, start=1):
        yield _an_object(row, f"{path} row {number}")


def _broken_json(text: str, err, path: Path) -> str:
    where = f"{path} line {err.lineno} column {err.colno} (character {err.pos:,} of {len(text):,})"
    if text.lstrip().startswith("[") and not text.rstrip().endswith("]"):
        return f"{where}: the file ends in the middle of a row. Fix: download or export it again"
    return f"{where} is not JSON: {err.msg}: {text[max(0, err.pos - 20):err.pos + 20]!r}"


def _jsonl(lines, path: Path):
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as err:
            cut = "the file ends in the middle of a row, " if not line.endswith("\n") else ""
            raise DataError(f"{path} line {number} column {err.colno}: {cut}not JSON ({err.msg}): "
                            f"{line.strip()[:60]!r}. Fix: repair or delete that line") from err
        yield _an_object(row, f"{path} line {number}")


def _an_object(row, where: str) -> dict:
    if not isinstance(row, dict):
        raise DataError(f"{where} is {json.dumps(row)[:60]}. Fix: an object, {{\"dialogue\": ..., ...}}")
    return row


def _csv(file, path: Path):
    csv.field_size_limit(HUGE)
    header = file.readline()
    file.seek(0)
    delimiter = max(",;\t|", key=header.count)
    reader = csv.DictReader(file, delimiter=delimiter, strict=True)
    done = 0
    try:
        done = reader.line_num if reader.fieldnames else 0
        for row in reader:
            done = reader.line_num
            extra = [cell for cell in row.pop(None, None) or [] if cell]
            if extra:
                raise DataError(f"{path} line {reader.line_num} has more cells than the header has columns: "
                                f"{extra[0][:40]!r}. Fix: quote cells that hold {delimiter!r}")
            row.pop("", None)  # columns without a name, such as the trailing commas of spreadsheets
            yield {name.strip(): value for name, value in row.items()}
    except csv.Error as err:
        fix = "close the quotes, or export it again"
        raise DataError(f"{path}, the row that starts at line {done + 1}: {err}. Fix: {fix}") from err


def _txt(file, path: Path):
    block = []
    for line in itertools.chain(file, [""]):
        if line.strip():
            block.append(line.rstrip("\r\n"))
        elif block:
            summary = re.match(r"(?i)summary\s*:\s*(.*)", block[-1])
            text = block[:-1] if summary else block
            yield {"dialogue": "\n".join(text), "summary": summary[1] if summary else None}
            block = []
