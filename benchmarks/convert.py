"""A CSV file to training JSONL: by tuneaws.data.convert, and the plain way with the `datasets` library."""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import servers
import timing
from report import BenchError, Figure

ROWS = 55_000
LIMIT_S = 2.0
HEADER = "year,code,name,size,variable,value,unit"
NAMES = ("Mining", "Construction", "Fishing, hunting and trapping", "Wholesale trade", "Arts & recreation")
VARIABLES = ("Total income", "Sales, government funding and grants", "Total assets", "Activity unit")
# Linux's ru_maxrss begins with what the parent held when it forked; VmHWM is of this program alone.
PEAK = """
import pathlib, resource, sys
sys.path.insert(0, sys.argv[1])
from tuneaws import data
report, cleaning = data.convert(sys.argv[2], sys.argv[3])
status = pathlib.Path("/proc/self/status")
if status.exists():
    peak = int(status.read_text().partition("VmHWM:")[2].split()[0]) / 2**10
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(cleaning.kept, peak)
"""


def against_datasets(work: Path, rounds: int) -> Iterator[Figure]:
    """Seconds for 55,000 rows of seven columns, and their ratio to load_dataset, map and to_json in turns.

    Raises BenchError when the two do not write the same rows.
    """
    with tempfile.TemporaryDirectory(dir=work) as folder:
        source = write_table(Path(folder) / "table.csv", ROWS)
        ours, theirs = Path(folder) / "ours.jsonl", Path(folder) / "theirs.jsonl"
        sides = {"tuneaws": lambda: _ours(source, ours), "datasets": lambda: _theirs(source, theirs)}
        taken = timing.interleaved(sides, rounds, warm_up=1)  # the first round imports the library
        wrote = [[json.loads(line) for line in path.read_bytes().splitlines()] for path in (ours, theirs)]
        if wrote[0] != wrote[1]:
            raise BenchError("convert() and datasets did not write the same rows")
    what = f"{ROWS:,} CSV rows to training JSONL"
    seconds = statistics.median(taken["tuneaws"])
    yield Figure("data", what, seconds, "s", LIMIT_S, f"{ROWS / seconds:,.0f} rows/s; median of {rounds}")
    ratio = timing.ratio(taken, "tuneaws", "datasets")
    detail = f"{timing.medians(taken)}; datasets: load_dataset, map, to_json, nothing cached"
    yield Figure("data", f"{what}, against datasets", ratio, "x", None, detail, taken)


def memory(work: Path, scale: float) -> Iterator[Figure]:
    """What ten times the rows add to the peak of resident memory, each count in a process of its own."""
    counts, peaks = (ROWS, round(max(2 * ROWS, 10 * ROWS * min(scale, 1)))), []
    for count in counts:
        with tempfile.TemporaryDirectory(dir=work) as folder:
            source = write_table(Path(folder) / "table.csv", count)
            command = [sys.executable, "-c", PEAK, str(servers.CODE), str(source), f"{folder}/out.jsonl"]
            kept, peak = subprocess.check_output(command, text=True).split()
            if int(kept) != count:
                raise BenchError(f"{kept} rows of {count} came through")
            peaks.append(float(peak))
    detail = ", ".join(f"{count:,} rows {peak:.1f} MB" for count, peak in zip(counts, peaks, strict=True))
    yield Figure("data", "Peak memory, more for more rows", peaks[1] - peaks[0], "MB", 10, detail)


def write_table(path: Path, rows: int) -> Path:
    """A survey as offices publish it: seven columns, commas inside quotes."""
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER + "\n")
        for n in range(rows):
            name, variable = NAMES[n % len(NAMES)], VARIABLES[n % len(VARIABLES)]
            value = n * 7919 % 100_003
            cells = f'{2011 + n % 14},{n % 97},"{name}",a_{n % 9},"{variable}",{value}'
            file.write(f"{cells},DOLLARS(millions)\n")
    return path


def _ours(source: Path, target: Path) -> None:
    from tuneaws import data

    data.convert(source, target)


def _theirs(source: Path, target: Path) -> None:
    import datasets

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory(dir=target.parent) as cache:
        rows = datasets.load_dataset("csv", data_files=str(source), split="train", cache_dir=cache)
        rows = rows.map(_sentence, remove_columns=rows.column_names)
        rows.to_json(target, force_ascii=False)


def _sentence(row: dict) -> dict:
    return {"text": "; ".join(f"{name} is {value}" for name, value in row.items()) + "."}
