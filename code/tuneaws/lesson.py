"""What the lessons print with: a plain table, and a check of an exercise that says what is left to do.

    table([{"key": "where", "value": "local"}])
    check(("the file is in the bucket", "notes.txt" in keys, "s3.put_object(Bucket=…, Key=…, Body=…)"))
"""

import numbers
import os
import textwrap
from pathlib import PurePath

WIDTH = 110  # columns of a line, so that nothing wraps in a notebook


def table(rows: list, columns: list | None = None) -> None:
    """Print rows as an aligned table; numbers stand on the right.

    rows     dicts with the same keys; values are printed as str() gives them, None as an empty cell
    columns  the keys to print, in order; None: those of the first row
    """
    if not rows:
        print("(no rows)")
        return
    columns = list(rows[0]) if columns is None else columns
    cells = [["" if row[name] is None else str(row[name]) for name in columns] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(columns, *cells, strict=True)]
    right = [all(_is_number(row[name]) for row in rows) for name in columns]
    for line in [list(columns), ["-" * width for width in widths], *cells]:
        padded = [text.rjust(width) if number else text.ljust(width)
                  for text, width, number in zip(line, widths, right, strict=True)]
        print("  ".join(padded).rstrip())


def current() -> str | None:
    """The lesson that runs, such as "04_huggingface_estimator"; None outside a notebook.

    run_course.py says it in TUNEAWS_LESSON, JupyterLab and Studio in JPY_SESSION_NAME, the notebook's path
    (jupyter_server.services.sessions, 2.17).
    """
    said = os.environ.get("TUNEAWS_LESSON") or os.environ.get("JPY_SESSION_NAME") or ""
    return PurePath(said).stem or None


def check(*claims) -> None:
    """Print which claims about an exercise hold, and a hint for each one that does not.

    claims  (what should be true, whether it is, how to get there), text, bool and text
    Never raises for a claim that does not hold: a lesson runs from top to bottom as it is shipped.
    """
    held = 0
    for says, holds, hint in claims:
        held += bool(holds)
        print(f"[done]   {says}" if holds else f"[to do]  {says}")
        if not holds:
            for line in hint.splitlines():
                print(textwrap.fill(line, WIDTH, initial_indent=" " * 9, subsequent_indent=" " * 9))
    print(f"{held} of {len(claims)} done" + (": the exercise is solved." if held == len(claims) else "."))


def _is_number(value) -> bool:
    return value is None or (isinstance(value, numbers.Number) and not isinstance(value, bool))
