"""How many rows a second become checked training files for Bedrock, and what memory that takes."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import servers
from report import BenchError, Figure

MODELS = {"Nova": "amazon.nova-micro-v1:0", "a family of 10,000 records": "meta.llama3-1-8b-instruct-v1:0"}
SAMSUM = Path("shared/data/samsum/train.json")  # beside the checkout, see ../shared/data/README.md
VALIDATION = 500
LIMIT_S = 5.0
LIMIT_MB = 10
# Convert, split and check in a process of its own: VmHWM is of this program alone.
PEAK = """
import pathlib, resource, sys
sys.path.insert(0, sys.argv[1])
from tuneaws import bedrock_data, config
family, folder = bedrock_data.family(sys.argv[3]), pathlib.Path(sys.argv[4])
read = bedrock_data.convert(sys.argv[2], folder / "all.jsonl", family, prompt=config.load().prompt).read
parts = bedrock_data.split(folder / "all.jsonl", folder, family, 500)
bedrock_data.check(parts.training, family, parts.validation).raise_if_wrong()
status = pathlib.Path("/proc/self/status")
if status.exists():
    peak = int(status.read_text().partition("VmHWM:")[2].split()[0]) / 2**10
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(read, peak)
"""


def source(root: Path) -> Path:
    """SAMSum's 14,732 rows where they lie beside the checkout, else the course's own dialogues."""
    beside = root.parent / SAMSUM
    return beside if beside.exists() else root / "code/pocketaws/hub/datasets/dialogues/train.jsonl"


def throughput(rounds: int, path: Path) -> Iterator[Figure]:
    """Seconds to convert, split and check all rows, for each kind of family."""
    for name, model in MODELS.items():
        done = [one_round(path, model) for _ in range(rounds)]
        spent = {part: [seconds[part] for seconds, _, _ in done] for part in ("convert", "split", "check")}
        total = statistics.median([sum(seconds.values()) for seconds, _, _ in done])
        parts = ", ".join(f"{part} {statistics.median(each):.2f} s" for part, each in spent.items())
        _, read, kept = done[0]
        detail = f"{path.parent.name}: {read:,} rows, {kept:,} kept, {read / total:,.0f} rows/s; {parts}"
        yield Figure("bedrock_data", f"Training files for {name}", total, "s", LIMIT_S, detail, spent)


def one_round(path: Path, model: str) -> tuple[dict[str, float], int, int]:
    """({"convert", "split", "check": seconds}, rows read, records kept in both files)."""
    from tuneaws import bedrock_data, config

    family, prompt = bedrock_data.family(model), config.load().prompt
    with tempfile.TemporaryDirectory() as folder:
        marks = [time.perf_counter()]
        report = bedrock_data.convert(path, Path(folder) / "all.jsonl", family, prompt=prompt)
        marks.append(time.perf_counter())
        parts = bedrock_data.split(Path(folder) / "all.jsonl", folder, family, VALIDATION)
        marks.append(time.perf_counter())
        checked = bedrock_data.check(parts.training, family, parts.validation)
        marks.append(time.perf_counter())
    if not checked.ok:
        raise BenchError(f"what was made for {model} is not good:\n{checked}")
    seconds = {part: marks[at + 1] - marks[at] for at, part in enumerate(("convert", "split", "check"))}
    return seconds, report.read, checked.records


def memory(work: Path, scale: float) -> Iterator[Figure]:
    """What ten times the rows add to the peak of resident memory, each count in a process of its own."""
    counts, peaks = (15_000, round(max(30_000, 150_000 * min(scale, 1)))), []
    for count in counts:
        with tempfile.TemporaryDirectory(dir=work) as folder:
            rows = write_rows(Path(folder) / "rows.csv", count)
            model = MODELS["a family of 10,000 records"]
            command = [sys.executable, "-c", PEAK, str(servers.CODE), str(rows), model, folder]
            read, peak = subprocess.check_output(command, text=True).split()
            if int(read) != count:
                raise BenchError(f"{read} rows of {count} were read")
            peaks.append(float(peak))
    detail = ", ".join(f"{count:,} rows {peak:.1f} MB" for count, peak in zip(counts, peaks, strict=True))
    more = round(peaks[1] - peaks[0], 1) + 0.0  # no "-0.0"
    yield Figure("bedrock_data", "Peak memory, more for more rows", more, "MB", LIMIT_MB, detail)


def write_rows(path: Path, count: int) -> Path:
    """Dialogues of about the length of SAMSum's, no two alike."""
    with path.open("w", encoding="utf-8") as file:
        file.write("id,dialogue,summary\n")
        for n in range(count):
            turns = " ".join(f"Ann: what about {n * 7919 % 100_003} and {k}? Ben: fine." for k in range(12))
            file.write(f'{n},"{turns} {n}","Ben is fine with {n}."\n')
    return path
