"""Run the lessons headless on the AWS of this machine, and write a report page.

    python code/run_course.py                     every lesson of notebooks/, to build/course/index.html
    python code/run_course.py --only 04 --keep    one of them, on the local AWS that JupyterLab uses too
    python code/run_course.py --data my/rows      on your own rows: set as DATA where a lesson has it
    python code/run_course.py --learner           as a user with the generated policies, which are enforced
    python code/run_course.py --store             and keep the outputs in notebooks/ (for who edits lessons)

Each lesson runs by papermill in a process of its own, with WHERE = "local": nothing here can spend money. One
pocketaws serves the whole run and is ended with it. The notebooks themselves are only read, unless --store.
Exit code: 0 all passed, 1 a lesson failed, 2 nothing could be run, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import lesson_files
import nbformat
import psutil
from lesson_files import LessonError

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 600  # of one lesson

# A failing `!command` leaves its exit code in _exit_code and the cell goes on: make it stop the lesson.
CHECK_COMMANDS = """
def _check_commands():
    shell = get_ipython()
    run = shell.system

    def system(command):
        run(command)
        if shell.user_ns.get("_exit_code"):
            raise RuntimeError(f"!{command} ended with exit code {shell.user_ns['_exit_code']}")

    shell.system = system


_check_commands()
del _check_commands
"""


@dataclass
class Result:
    """How one lesson went: status is "passed", "failed" or "stopped"; cell counts code cells from 1."""

    name: str
    title: str
    status: str
    seconds: float = 0.0
    error: str = ""
    cell: int | None = None
    executed: Path | None = None
    parameters: dict = field(default_factory=dict)


@dataclass
class Run:
    """What became of a whole run.

    billing   lines that say what bills at the end; None if AWS was not asked
    kept      whether the local AWS stays up
    """

    results: list[Result] = field(default_factory=list)
    billing: list[str] | None = None
    cut_short: bool = False
    kept: bool = False


def environment(out: Path) -> dict[str, str]:
    """Return a lesson's environment: this python as its kernel, nothing of the person's own Jupyter."""
    kernel = out / ".jupyter" / "kernels" / "python3"
    startup = out / ".ipython" / "profile_default" / "startup"
    for folder in (kernel, startup):
        folder.mkdir(parents=True, exist_ok=True)
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    (kernel / "kernel.json").write_text(json.dumps(spec))
    (startup / "check_commands.py").write_text(CHECK_COMMANDS)
    return {
        **os.environ,
        "JUPYTER_PATH": str(out / ".jupyter"),
        "IPYTHONDIR": str(out / ".ipython"),
        "PYTHONUNBUFFERED": "1",
    }


def run_lesson(path: Path, given: dict, out: Path, limit_s: float = LIMIT_S,
               account: dict | None = None) -> Result:
    """Run one lesson by papermill in a child process; the executed copy goes to out/<name>.ipynb.

    given    parameters to set; one that the lesson does not declare fails it before it runs
    limit_s  wall time, after which the lesson and everything it started is ended
    account  environment variables of who the lesson runs as; None: the local AWS's root user
    """
    notebook = nbformat.read(path, as_version=4)
    name = lesson_files.name_of(path)
    result = Result(name, lesson_files.title_of(notebook) or name, "failed", parameters=given)
    try:
        unknown = sorted(set(given) - set(lesson_files.declared_parameters(notebook)))
        if unknown:
            raise LessonError(f"the parameters cell has no {', '.join(unknown)}, so it cannot be set")
    except LessonError as err:
        result.error = str(err)
        return result
    result.executed, log = out / f"{name}.ipynb", out / f"{name}.log"
    result.executed.parent.mkdir(parents=True, exist_ok=True)
    result.executed.unlink(missing_ok=True)
    variables = {**environment(out), **(account or {}), "TUNEAWS_LESSON": name}
    result.seconds, code = papermill(path, given, result.executed, log, variables, limit_s)
    if code == 0:
        result.status = "passed"
        return result
    result.cell, result.error = lesson_files.first_error(result.executed)
    if code is None:
        result.status, result.error = "stopped", f"stopped after {limit_s:g} s, the limit for one lesson"
    result.error = result.error or "\n".join(log.read_text(errors="replace").strip().splitlines()[-5:])
    return result


def papermill(path: Path, given: dict, executed: Path, log: Path, env: dict, limit_s: float):
    """Run one notebook in a child process; return (seconds, exit code), the code None if it was stopped."""
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", "--kernel", "python3"]
    command += ["--language", "python", "--cwd", str(path.parent), "--parameters_yaml", json.dumps(given)]
    command += [str(path), str(executed)]
    started = time.monotonic()
    with log.open("w") as stream:
        child = subprocess.Popen(
            command, stdout=stream, stderr=subprocess.STDOUT, env=env, start_new_session=True
        )
        try:
            code = child.wait(limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            end_tree(child)
    return time.monotonic() - started, code


def end_tree(process: subprocess.Popen, grace_s: float = 5) -> None:
    """End a child and all it started, kernels too: SIGTERM, then SIGKILL for what is left."""
    if process.poll() is not None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(process.pid)
        family = [top, *top.children(recursive=True)]
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.terminate()
        for member in psutil.wait_procs(family, timeout=grace_s)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
    process.wait()


def still_billing(session) -> list[str]:
    """Return the lines that every lesson's last cell prints: a lesson that failed did not come to it."""
    from tuneaws import config
    from tuneaws.costs import billing, showing

    return showing.lines(billing.look(session, config.load()), session.where)


def run(lessons: list[Path], chosen: dict[Path, dict], out: Path, limit_s: float, keep: bool = False,
        learner: bool = False) -> Run:
    """Run lessons one after the other on one pocketaws, each whatever became of the one before.

    keep    use the local AWS of this folder, with what earlier lessons left in it, and leave it up;
            otherwise a fresh one that ends with the run
    learner as a user of it whose policies are the generated ones, and count
    """
    import tuneaws.session

    home = None if keep else out / ".aws"
    if home:
        tuneaws.session.stop_local(home)  # of a run that was killed
        shutil.rmtree(home, ignore_errors=True)
    done, session = Run(kept=keep), None
    try:
        session = tuneaws.session.connect(where="local", home=home)
        account = as_learner(session) if learner else None
        for path in lessons:
            print(f"{lesson_files.name_of(path):40}", end=" ", flush=True)
            done.results.append(run_lesson(path, chosen[path], out, limit_s, account))
            print(f"{done.results[-1].status:8} {done.results[-1].seconds:6.1f} s", flush=True)
            if done.results[-1].status != "passed":
                print(*(f"    {line}" for line in still_billing(session)), sep="\n", flush=True)
    except KeyboardInterrupt:
        print("stopped by Ctrl-C")
        done.cut_short = True
    finally:
        if session:
            done.billing = still_billing(session)
            print("\nat the end of the run:", *done.billing, sep="\n", flush=True)
        if home:
            tuneaws.session.stop_local(home)
    return done


def as_learner(session) -> dict:
    """Make a learner's account and have policies count; return the learner's environment variables."""
    import course_learner
    from tuneaws import config

    account = course_learner.set_up(session, config.load())
    course_learner.enforce(session.url, True)
    return account


def read_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line as a namespace; argparse ends the program when it makes no sense."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--only", metavar="NN", help="run the lessons whose name starts so")
    parser.add_argument("--keep", action="store_true", help="use this folder's local AWS and leave it up")
    parser.add_argument("--solutions", action="store_true", help="run each lesson's solution after it")
    parser.add_argument("--data", type=Path, metavar="PATH", help="your own rows: a file or a folder")
    parser.add_argument("--learner", action="store_true", help="as a user with the generated policies only")
    parser.add_argument("--store", action="store_true", help="write the clean outputs into the notebooks")
    parser.add_argument("--limit-s", type=float, default=LIMIT_S, help="of one lesson (default %(default)s)")
    parser.add_argument("--notebooks", type=Path, default=ROOT / "notebooks", help="where the lessons are")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "course", help="where the report goes")
    args = parser.parse_args(arguments)
    if args.learner and args.keep:
        parser.error("--learner makes its user on a fresh local AWS: leave --keep out")
    if args.data and not args.data.exists():
        parser.error(f"--data {args.data} does not exist")
    if args.data and args.store:
        parser.error("--store keeps the outputs of the course's own data: leave --data out")
    args.data = args.data and str(args.data.resolve())  # a lesson runs in its own folder
    args.notebooks, args.out = args.notebooks.resolve(), args.out.resolve()
    return args


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for, write the report, and return the exit code."""
    args = read_arguments(arguments)
    import course_pages
    import course_store

    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        lessons = lesson_files.find_lessons(args.notebooks, args.only, args.solutions)
        chosen = lesson_files.parameters_for(lessons, args.data)
    except LessonError as err:
        print(f"run_course: {err}", file=sys.stderr)
        return 2
    args.out.mkdir(parents=True, exist_ok=True)
    done = run(lessons, chosen, args.out, args.limit_s, args.keep, args.learner)
    page = course_pages.write_report(done, args.out)
    passed = [result for result in done.results if result.status == "passed"]
    for result in done.results:
        if result.status != "passed":
            print(f"\n{result.name}, code cell {result.cell or '-'}: {result.error}", file=sys.stderr)
    for result in passed if args.store else ():
        course_store.store(args.notebooks / f"{result.name}.ipynb", result.executed, ROOT)
    print(f"\n{len(passed)} of {len(lessons)} lessons passed. The report: {page}")
    return 130 if done.cut_short else int(len(passed) < len(lessons))


if __name__ == "__main__":
    sys.exit(main())
