"""Run the lessons headless on the AWS of this machine, and write a report page.

    python code/run_course.py                     every lesson of notebooks/, to build/course/index.html
    python code/run_course.py --only 04           one of them
    python code/run_course.py --data my/rows      on your own rows: set as DATA where a lesson has it
    python code/run_course.py --store             and keep the outputs in notebooks/ (for who edits lessons)

Each lesson runs by papermill in a process of its own, with WHERE = "local": nothing here can spend money. One
pocketaws serves the whole run and is ended with it. The notebooks themselves are only read, unless --store.
Exit code: 0 all passed, 1 a lesson failed, 2 nothing could be run, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import ast
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

import nbformat
import psutil

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


class LessonError(ValueError):
    """A notebook that cannot be run as a lesson, or an argument that no lesson takes."""


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
    """What became of a whole run; left_running names jobs that had not ended, None if AWS was not asked."""

    results: list[Result] = field(default_factory=list)
    left_running: list[str] | None = None
    cut_short: bool = False


def find_lessons(folder: Path, only: str | None = None) -> list[Path]:
    """Return the lessons NN_name.ipynb in order; only="04" picks those whose name starts with it.

    Raises  LessonError when there is none.
    """
    found = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    chosen = [path for path in found if path.name.startswith(only)] if only else found
    if not chosen:
        names = ", ".join(path.stem for path in found) or "none"
        raise LessonError(
            f"found 0 lessons{f' like {only!r}' if only else ''} in {folder}; there are: {names}"
        )
    return chosen


def declared_parameters(notebook) -> dict:
    """Return {name: value} of the one cell tagged "parameters".

    papermill takes a notebook without that tag and lets its own values win without a word, so this is checked
    before it runs. Raises LessonError: no such cell, several, or anything in it but NAME = literal.
    """
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise LessonError(f"{len(tagged)} cells are tagged `parameters`; a lesson has exactly one")
    declared = {}
    for statement in ast.parse(tagged[0].source).body:
        try:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            declared[target.id] = ast.literal_eval(statement.value)
        except (AttributeError, ValueError):
            line = ast.unparse(statement)
            raise LessonError(
                f"the parameters cell holds `{line}`; only NAME = literal belongs there"
            ) from None
    return declared


def title_of(notebook) -> str:
    """Return the text of the first heading, or "" when there is none."""
    for cell in notebook.cells:
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else ():
            if line.startswith("# "):
                return line[2:].strip()
    return ""


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


def run_lesson(
    path: Path, given: dict, out: Path, limit_s: float = LIMIT_S, env: dict | None = None
) -> Result:
    """Run one lesson by papermill in a child process; the executed copy goes to out/<name>.ipynb.

    given    parameters to set; one that the lesson does not declare fails it before it runs
    limit_s  wall time, after which the lesson and everything it started is ended
    """
    notebook = nbformat.read(path, as_version=4)
    result = Result(path.stem, title_of(notebook) or path.stem, "failed", parameters=given)
    try:
        unknown = sorted(set(given) - set(declared_parameters(notebook)))
        if unknown:
            raise LessonError(f"the parameters cell has no {', '.join(unknown)}, so it cannot be set")
    except LessonError as err:
        result.error = str(err)
        return result
    result.executed = out / path.name
    result.executed.unlink(missing_ok=True)
    log = out / f"{path.stem}.log"
    result.seconds, code = papermill(path, given, result.executed, log, environment(out), limit_s)
    if code == 0:
        result.status = "passed"
        return result
    result.cell, result.error = first_error(result.executed)
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


def first_error(executed: Path) -> tuple[int | None, str]:
    """Return (number of the code cell, "Name: message") of the first error output, or (None, "")."""
    if not executed.exists():
        return None, ""
    code_cells = [cell for cell in nbformat.read(executed, as_version=4).cells if cell.cell_type == "code"]
    own = [cell for cell in code_cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    for number, cell in enumerate(own, 1):
        for output in cell.outputs:
            if output.output_type == "error":
                return number, f"{output.ename}: {output.evalue}"
    return None, ""


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


def still_running(session) -> list[str]:
    """Ask AWS for the training jobs that have not ended; return their names."""
    pages = session.client("sagemaker").get_paginator("list_training_jobs")
    return [
        job["TrainingJobName"]
        for status in ("InProgress", "Stopping")
        for page in pages.paginate(StatusEquals=status)
        for job in page["TrainingJobSummaries"]
    ]


def parameters_for(lessons: list[Path], data: str | None) -> dict[Path, dict]:
    """Return what to set in each lesson: WHERE always, DATA where it is declared.

    Raises  LessonError when data is given and no lesson would read it.
    """
    chosen, takers = {}, 0
    for path in lessons:
        chosen[path] = {"WHERE": "local"}
        with contextlib.suppress(LessonError):  # run_lesson says it, beside the lesson
            if data and "DATA" in declared_parameters(nbformat.read(path, as_version=4)):
                chosen[path]["DATA"] = data
                takers += 1
    if data and not takers:
        raise LessonError(f"none of these lessons has a DATA parameter, so --data {data} would be ignored")
    return chosen


def run(lessons: list[Path], chosen: dict[Path, dict], out: Path, limit_s: float) -> Run:
    """Run lessons one after the other on one pocketaws, each whatever became of the one before."""
    import tuneaws.session

    home = out / ".aws"
    tuneaws.session.stop_local(home)  # of a run that was killed
    shutil.rmtree(home, ignore_errors=True)
    done = Run()
    try:
        session = tuneaws.session.connect(where="local", home=home)
        for path in lessons:
            print(f"{path.stem:32}", end=" ", flush=True)
            done.results.append(run_lesson(path, chosen[path], out, limit_s))
            print(f"{done.results[-1].status:8} {done.results[-1].seconds:6.1f} s", flush=True)
        done.left_running = still_running(session)
    except KeyboardInterrupt:
        print("stopped by Ctrl-C")
        done.cut_short = True
    finally:
        tuneaws.session.stop_local(home)
    return done


def read_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line as a namespace; argparse ends the program when it makes no sense."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="NN", help="run the lessons whose name starts so")
    parser.add_argument("--data", type=Path, metavar="PATH", help="your own rows: a file or a folder")
    parser.add_argument("--store", action="store_true", help="write the clean outputs into the notebooks")
    parser.add_argument("--limit-s", type=float, default=LIMIT_S, help="of one lesson (default %(default)s)")
    parser.add_argument("--notebooks", type=Path, default=ROOT / "notebooks", help="where the lessons are")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "course", help="where the report goes")
    args = parser.parse_args(arguments)
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
        lessons = find_lessons(args.notebooks, args.only)
        chosen = parameters_for(lessons, args.data)
    except LessonError as err:
        print(f"run_course: {err}", file=sys.stderr)
        return 2
    args.out.mkdir(parents=True, exist_ok=True)
    done = run(lessons, chosen, args.out, args.limit_s)
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
