"""How long the lessons take headless, one after the other, as `make course` runs them."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import servers
from report import Figure

SPINE = 6  # lessons 00 to 05
LIMIT_S = 240  # of those six together, on two cores
COURSE_LIMIT_S = 900  # after which the run is given up


def headless(out: Path) -> Iterator[Figure]:
    """Run code/run_course.py and give each lesson's seconds, and what the first six took together.

    Raises BenchError when a lesson fails.
    """
    course = out / "course"
    command = [sys.executable, str(servers.CODE / "run_course.py"), "--out", str(course)]
    with two_cores() as cores:
        total = servers.run_command(command, out / "course.log", servers.ROOT, COURSE_LIMIT_S)
    results = json.loads((course / "results.json").read_text(encoding="utf-8"))
    for result in results:
        yield Figure("lessons", result["name"], result["seconds"], "s")
    later = sum(result["seconds"] for result in results[SPINE:])
    around = total - sum(result["seconds"] for result in results)
    spine = [result["name"][:2] for result in results[:SPINE]]
    what = f"The {len(spine)} lessons {spine[0]} to {spine[-1]}, one after the other"
    detail = f"on {cores} cores; {around:.1f} s of it around them: the start and end of pocketaws, the report"
    yield Figure("lessons", what, total - later, "s", LIMIT_S, detail)


@contextlib.contextmanager
def two_cores():
    """Keep what is started in the block to two cores, where the system can (Linux); yields how many."""
    if not hasattr(os, "sched_setaffinity"):
        yield os.cpu_count()
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:2])
    try:
        yield min(2, len(before))
    finally:
        os.sched_setaffinity(0, before)
