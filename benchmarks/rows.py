"""How many rows a second the data helpers read, clean and write as chat rows."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from report import Figure


def throughput(rounds: int, sources: list) -> Iterator[Figure]:
    """Read, clean, build messages and write all rows of each source, as lesson 02 does.

    sources  what tuneaws.data.read_rows takes
    """
    for source in sources:
        done = [one_round(source) for _ in range(rounds)]
        spent = {part: [seconds[part] for seconds, _, _ in done] for part in ("read", "clean", "write")}
        _, count, kept = done[0]
        parts = ", ".join(f"{part} {median(each):.2f} s" for part, each in spent.items())
        detail = f"{count:,} rows, {kept:,} kept: {parts}; medians of {rounds}"
        total = median([sum(seconds.values()) for seconds, _, _ in done])
        what = f"Read, clean and write {Path(source).name}"
        yield Figure("data", what, count / total, "rows/s", None, detail, spent)


def one_round(source) -> tuple[dict[str, float], int, int]:
    """({"read", "clean", "write": seconds}, rows read, rows kept)."""
    from tuneaws import config, data

    prompt = config.load().prompt
    marks = [time.perf_counter()]
    rows = data.read_rows(source)
    marks.append(time.perf_counter())
    kept, _ = data.clean(rows)
    marks.append(time.perf_counter())
    with tempfile.TemporaryDirectory() as folder:
        data.write_jsonl((data.build_messages(row, prompt) for row in kept), Path(folder) / "rows.jsonl")
        marks.append(time.perf_counter())
    seconds = {part: marks[at + 1] - marks[at] for at, part in enumerate(("read", "clean", "write"))}
    return seconds, len(rows), len(kept)
