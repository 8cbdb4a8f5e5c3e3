"""Measure the local AWS, the trainer and the lessons on this machine: `make bench`.

    python benchmarks/run.py                            everything, about 20 minutes
    python benchmarks/run.py --only calls,upload        some sections
    python benchmarks/run.py --data my/rows             your own rows in the data section too
    python benchmarks/run.py --scale 0.1                fewer rounds: to try it, not to quote it

Sections:
    job      how much longer a job takes than its script by hand         at most 3 s
    memory   what an idle pocketaws holds                                at most 200 MB
    calls    small calls, against a bare moto in the same run            at most 1.5 times
    upload   100 MB up and down, against a bare moto in the same run     at most 1.2 times
    endpoint an answer longer than from the model's process; a first piece    at most 10 ms; 20 ms
    lessons  the first six, headless, on two cores                       at most 240 s
    data     rows a second: read, clean, write; 55,000 CSV rows to training JSONL        at most 2 s
    trainer  tokens a second
    training the script against the plain way and TRL: time at most half, and not over TRL's best
    bedrock_data  rows to checked training files, SAMSum's where they lie: 5 s; memory for ten times the rows

Prints the table, writes results.json and report.md to build/bench. Exit code: 0 every figure within its
limit, 1 one is over or could not be measured, 2 a wrong command line, 130 stopped by Ctrl-C.
"""

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT / "code") not in sys.path:
    sys.path.append(str(ROOT / "code"))

import bedrock_files  # noqa: E402  (after code/ is on the path)
import calls  # noqa: E402
import convert  # noqa: E402
import endpoints  # noqa: E402
import jobs  # noqa: E402
import lessons  # noqa: E402
import memory  # noqa: E402
import report  # noqa: E402
import rows  # noqa: E402
import speed  # noqa: E402
import training  # noqa: E402
from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402
from report import BenchError, Figure, Report  # noqa: E402

SHIPPED = "pocketaws/dialogues"


def sections(work: Path, scale: float, data: list) -> dict[str, Callable[[], Iterator[Figure]]]:
    """{name: what measures it}. scale multiplies rounds and steps, which stay at least 1 (5 steps)."""

    def times(rounds: int, least: int = 1) -> int:
        return max(least, round(rounds * scale))

    return {
        "job": lambda: jobs.overhead(work, times(3), times(30, 5)),
        "memory": lambda: memory.idle(work, times(100)),
        "calls": lambda: calls.small(work, times(150)),
        "upload": lambda: calls.large(work, times(5)),
        "endpoint": lambda: endpoints.overhead(work, times(200, 10)),
        "lessons": lambda: lessons.headless(work),
        "data": lambda: chain(
            rows.throughput(times(3), [SHIPPED, *data]),
            convert.against_datasets(work, times(3)),
            convert.memory(work, scale),
        ),
        "trainer": lambda: speed.tokens(work, times(60, 5)),
        "training": lambda: training.compared(work, times(480, 32), times(3)),
        "bedrock_data": lambda: chain(
            bedrock_files.throughput(times(3), data[0] if data else bedrock_files.source(ROOT)),
            bedrock_files.memory(work, scale),
        ),
    }


def measure(chosen: dict[str, Callable], machine: dict) -> Report:
    """Run the sections one after the other, each whatever became of the one before."""
    done = Report(time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), machine)
    begun = time.monotonic()
    for name, section in chosen.items():
        print(f"… {name}", flush=True)
        try:
            for figure in section():
                done.figures.append(figure)
                print(report.table([figure]).partition("\n")[2], flush=True)
        except (BenchError, BotoCoreError, ClientError, OSError) as err:
            done.failed[name] = f"{type(err).__name__}: {err}"
            print(f"  failed: {done.failed[name]}", flush=True)
    done.took_s = time.monotonic() - begun
    return done


def read_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """The command line; argparse ends the program with 2 when it makes no sense."""
    known = list(sections(Path(), 1, []))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="NAMES", default=",".join(known), help="sections, by commas")
    parser.add_argument("--data", type=Path, metavar="PATH", help="a file or folder of rows")
    parser.add_argument("--scale", type=float, default=1.0, help="of rounds and steps (default 1)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench", help="default build/bench")
    args = parser.parse_args(arguments)
    args.only = args.only.split(",")
    if unknown := sorted(set(args.only) - set(known)):
        parser.error(f"--only: there is no {', '.join(unknown)}; the sections are {', '.join(known)}")
    if args.data and not args.data.exists():
        parser.error(f"--data {args.data} does not exist")
    return args


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line asks for, write the report, return the exit code."""
    args = read_arguments(arguments)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    work = args.out.resolve() / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    machine = report.machine()
    print("\n".join(f"{name}: {value}" for name, value in machine.items()), flush=True)
    every = sections(work, args.scale, [args.data.resolve()] if args.data else [])
    try:
        done = measure({name: every[name] for name in every if name in args.only}, machine)
    except KeyboardInterrupt:
        print("stopped by Ctrl-C: nothing was written", file=sys.stderr)
        return 130
    path = report.write(done, args.out.resolve())
    print(f"\n{report.table(done.figures)}\n")
    over = sum(figure.verdict == "OVER" for figure in done.figures)
    failed = ", ".join(done.failed) or "none"
    print(f"{len(done.figures)} figures, {over} over their limit; sections that failed: {failed}. {path}")
    if not done.failed:
        shutil.rmtree(work, ignore_errors=True)  # the logs of a section that failed stay
    return done.exit_code


if __name__ == "__main__":
    sys.exit(main())
