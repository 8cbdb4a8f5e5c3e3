"""Files as people send them, for lesson 06: five kinds, three encodings, and mistakes of the usual sorts.

    write_example_files("build/lesson-06/files", read_rows("pocketaws/dialogues", limit=100))
"""

import csv
import gzip
import io
import json
from pathlib import Path

from tuneaws.prices import instances_table


def write_example_files(folder, rows: list) -> list:
    """Write the rows to several files, a part to each, and a table of AWS's instances; return the paths.

    rows  [{"dialogue", "summary"}, ...], at least 40. What is wrong in which file stands beside it below
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    part = len(rows) // 4
    parts = [[{key: row[key] for key in ("dialogue", "summary")} for row in rows[at * part:(at + 1) * part]]
             for at in range(4)]
    texts = "\n\n".join(row["dialogue"] for row in parts[3])
    contents = {
        "from_excel.csv": _table(parts[0], ";").encode("utf-16"),  # a spreadsheet's idea of Unicode text
        "from_a_colleague.json": _broken_off(json.dumps({"rows": parts[1]}, indent=2)).encode(),
        "from_a_log.jsonl": _one_bad_line(parts[2]).encode(),
        "notes.txt.gz": gzip.compress(texts.encode(), mtime=0),
        "instances.csv": _table(instances_table(), ",").encode("utf-8-sig"),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def _table(rows: list, delimiter: str) -> str:
    """CSV with a row that has a cell too many, and one whose last cell is empty."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    writer.writerow([*rows[0].values(), "what is this?"])
    writer.writerow([*list(rows[1].values())[:-1], ""])
    return file.getvalue()


def _broken_off(text: str) -> str:
    """As a download that ended too soon."""
    return text[:-60]


def _one_bad_line(rows: list) -> str:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    return "\n".join([*lines[:3], lines[3][:-20], *lines[4:]]) + "\n"
