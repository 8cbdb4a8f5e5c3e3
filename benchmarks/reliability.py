"""Run every lesson while calls fail, and while its AWS is killed: what finishes, what is lost, what is left.

    python benchmarks/reliability.py                    all lessons, three times: about 45 minutes on 2 cores
    python benchmarks/reliability.py --only 04          one lesson
    python benchmarks/reliability.py --parts kills      one part; the others' results are taken from before
    python benchmarks/reliability.py --seed 7           other calls fail, other moments

Parts:
    clean    every lesson once, undisturbed: what each makes and leaves, which the other two are held against
    faults   every lesson while one call in twenty fails: throttled, 500 or 503, the connection cut
    kills    every lesson with a SIGKILL of its pocketaws at a random moment, and then once more

Each part has a course folder and a home of its own, as a learner has, and the lessons run one after the other
in it, headless, as `make course` runs them, lesson 04 with fewer steps. Writes <part>.json and reliability.md
to build/reliability. Exit code: 0 when no lesson failed without a fix and nothing was run twice, lost or left
over, else 1.
"""

import argparse
import contextlib
import functools
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT / "code") not in sys.path:
    sys.path.append(str(ROOT / "code"))

import boto3  # noqa: E402  (after code/ is on the path)
import inventory  # noqa: E402
import lesson_files  # noqa: E402
import reliability_report  # noqa: E402
import run_course  # noqa: E402
import tuneaws.session  # noqa: E402
from botocore.config import Config  # noqa: E402
from tuneaws import environment  # noqa: E402

PARTS = ("clean", "faults", "kills")
ONE_IN = 20
SEED = 20261122
REGION = "us-east-1"
LIMIT_S = 900  # of one run of a lesson
GIVEN = {"04_huggingface_estimator": {"MAX_STEPS": 60}}  # of 200: its calls are tried, not its loss
COPIED = ("code", "notebooks", "config.yaml")


class Course:
    """A copy of the course with a local AWS of its own, as on a learner's machine."""

    def __init__(self, folder: Path):
        self.root, self.out = folder / "course", folder / "runs"
        self.home = self.root / ".pocketaws"
        for name in COPIED:
            target, source = self.root / name, ROOT / name
            shutil.rmtree(target, ignore_errors=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_*"))
            else:
                shutil.copy(source, target)
        self.out.mkdir(parents=True, exist_ok=True)

    def client(self):
        """client("s3") of the AWS that is up, by raw boto3; it is started if there is none."""
        try:
            url = tuneaws.session.connect("local", home=self.home).url
        finally:
            environment.leave()  # the lessons find it as a learner's do
        session = boto3.Session("reliability", "reliability", region_name=REGION)
        settings = Config(retries={"mode": "standard", "total_max_attempts": 6}, proxies={})
        return functools.lru_cache(
            lambda service: session.client(service, endpoint_url=url, config=settings)
        )

    def run(self, lesson: str, again: str = "") -> run_course.Result:
        """Run one lesson from top to bottom."""
        path = self.root / "notebooks" / f"{lesson}.ipynb"
        given = {"WHERE": "local", **GIVEN.get(lesson, {})}
        return run_course.run_lesson(path, given, self.out / (again or "first"), LIMIT_S)

    def faults(self, plan: dict) -> dict:
        """Begin or end a plan of faults; what was counted until then."""
        url = json.loads((self.home / "server.json").read_text())["url"]
        request = urllib.request.Request(f"{url}/_pocketaws/faults", json.dumps(plan).encode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)

    def kill(self) -> None:
        """SIGKILL its pocketaws."""
        pid = json.loads((self.home / "server.json").read_text())["pid"]
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End its pocketaws as `make clean` does."""
        tuneaws.session.stop_local(self.home)


def outcome(result: run_course.Result) -> dict:
    """How a run ended, for results.json: "finished", "failed with a fix" or "failed without"."""
    how = "finished" if result.status == "passed" else "failed without"
    if how != "finished" and "Fix:" in result.error:
        how = "failed with a fix"
    return {"how": how, "seconds": round(result.seconds, 1), "cell": result.cell, "error": result.error}


def clean(course: Course, lesson: str, seed: int, known: dict) -> dict:
    """Run a lesson undisturbed; what it made, by kind and status."""
    before = inventory.take(course.client())
    result = course.run(lesson)
    made = inventory.new(before, inventory.take(course.client()))
    return {"run": outcome(result), "made": made}


def faults(course: Course, lesson: str, seed: int, known: dict) -> dict:
    """Run a lesson while one call in twenty fails."""
    before = inventory.take(course.client())
    course.faults({"one_in": ONE_IN, "seed": seed})
    result = course.run(lesson)
    counted = course.faults({})
    made = inventory.new(before, inventory.take(course.client()))
    return {"run": outcome(result), "made": made, "calls": counted["calls"], "faults": counted["faults"],
            "failed": counted["failed"], "lost": missing(made, known["made"]),
            **compared(made, known["made"])}  # fmt: skip


def kills(course: Course, lesson: str, seed: int, known: dict) -> dict:
    """Run a lesson, kill its AWS at a random moment of it, run it again."""
    client = course.client()
    before = inventory.take(client)
    moment_s = random.Random(f"{seed} {lesson}").uniform(0.1, 0.95) * known["run"]["seconds"]
    seen: dict = {}
    ended = threading.Event()
    killer = threading.Thread(target=_kill_at, args=(course, client, moment_s, ended, seen))
    killer.start()
    first = course.run(lesson, "killed")
    ended.set()
    killer.join()
    client = course.client()
    now = inventory.jobs_of(inventory.take(client))
    lost = sorted(set(seen["jobs"]) - set(now))
    unended = sorted(name for name, status in now.items() if status in ("InProgress", "Stopping"))
    second = course.run(lesson, "again")
    client = course.client()
    made = inventory.new(before, inventory.take(client))
    failed = [name for name, status in inventory.jobs_of(made).items() if status == "Failed"]
    reasons = {name: inventory.why_failed(client, name) for name in failed}
    return {"killed_at_s": round(seen["at_s"], 1), "first": outcome(first), "run": outcome(second),
            "lost": lost, "unended": unended, "made": made, "reasons": reasons,
            **compared(made, known["made"])}  # fmt: skip


def _kill_at(course: Course, client, moment_s: float, ended: threading.Event, seen: dict) -> None:
    """Wait, look which jobs there are, and kill; at the latest when the lesson has ended."""
    started = time.monotonic()
    ended.wait(moment_s)
    seen["jobs"] = inventory.jobs_of({kind: dict(inventory.jobs(client, kind)) for kind in inventory.JOBS})
    course.kill()
    seen["at_s"] = time.monotonic() - started


def compared(made: dict, wanted: dict) -> dict:
    """What a disturbed lesson made beyond what an undisturbed one makes.

    twice  {kind: completed jobs more}; what was stopped or failed did not run to its end
    left   {kind: things more}
    """
    twice = {}
    for kind in inventory.JOBS:
        ran, enough = (list(jobs.get(kind, {}).values()).count("Completed") for jobs in (made, wanted))
        if ran > enough:
            twice[kind] = ran - enough
    usual = inventory.things_of(wanted)
    left = {kind: count - usual.get(kind, 0) for kind, count in inventory.things_of(made).items()}
    return {"twice": twice, "left": {kind: more for kind, more in left.items() if more > 0}}


def missing(made: dict, wanted: dict) -> list[str]:
    """The kind of each job that an undisturbed lesson runs and this one has not."""
    fewer = {kind: len(wanted.get(kind, {})) - len(made.get(kind, {})) for kind in inventory.JOBS}
    return [kind for kind, count in fewer.items() for _ in range(count)]


def run_part(part: str, lessons: list[str], work: Path, seed: int, results: dict) -> None:
    """Run the lessons of one part, and note each in results.json as it ends."""
    course = Course(work / part)
    step = {"clean": clean, "faults": faults, "kills": kills}[part]
    try:
        for lesson in lessons:
            print(f"{part:7} {lesson:35}", end=" ", flush=True)
            known = results.get("clean", {}).get(lesson, {})
            if part != "clean" and not known:
                raise SystemExit(f"reliability: run the part clean for {lesson} first")
            row = step(course, lesson, seed + int(lesson[:2]), known)
            results.setdefault(part, {})[lesson] = row
            (work / f"{part}.json").write_text(json.dumps(results[part], indent=1))
            print(f"{row['run']['how']:18} {row['run']['seconds']:6.1f} s  {_short(row)}", flush=True)
    finally:
        course.stop()


def _short(row: dict) -> str:
    words = [f"{sum(row['faults'].values())} of {row['calls']} calls failed"] if "faults" in row else []
    if "first" in row:
        words.append(f"killed at {row['killed_at_s']} s: {row['first']['how']}")
    words += [f"{name} {row[name]}" for name in ("twice", "lost", "left", "unended") if row.get(name)]
    return ", ".join(words)


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; the exit code."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--only", metavar="NN", help="the lessons whose name starts so")
    parser.add_argument("--parts", default=",".join(PARTS), help="of clean,faults,kills")
    parser.add_argument("--seed", type=int, default=SEED, help="which calls fail, and when it is killed")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "reliability")
    args = parser.parse_args(arguments)
    parts = args.parts.split(",")
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where it was started with &
    if not set(parts) <= set(PARTS):
        parser.error(f"--parts {args.parts}: of {','.join(PARTS)}")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]  # an address or a key of the shell's would lead the lessons elsewhere
    work = args.out.resolve()
    work.mkdir(parents=True, exist_ok=True)
    found = [path.stem for path in lesson_files.find_lessons(ROOT / "notebooks", args.only)]
    results = {part: json.loads((work / f"{part}.json").read_text()) for part in PARTS
               if (work / f"{part}.json").exists()}  # fmt: skip
    print(f"seed {args.seed}, one call in {ONE_IN}")
    for part in parts:
        run_part(part, found, work, args.seed, results)
    bad = reliability_report.write(results, work / "reliability.md", args.seed, ONE_IN)
    print(f"The report: {work / 'reliability.md'}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
