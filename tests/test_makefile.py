"""What make does around an install, with a stand-in for python that only notes what it is asked."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = (
    "Makefile",
    "constraints.txt",
    "requirements-sagemaker.txt",
    "code/clean.py",
    "code/pocketaws/requirements.txt",
    "tests/requirements.txt",
)

# `-m venv DIR` puts a copy of this script there; `-m pip …` is noted, and fails as long as a file says so.
STAND_IN = f"""#!/bin/sh
case "$1 $2" in
  "-c "*) exec "{sys.executable}" "$@" ;;
  "-m venv") test ! -e venv_fails || exit 1; mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip") echo "$@" >> calls.txt; test ! -e pip_fails ;;
esac
"""


@pytest.fixture
def course(tmp_path):
    """A copy of what make needs, in a path with spaces, and a stand-in python beside it."""
    folder = tmp_path / "a course of mine"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for name in ("python-a", "python-b"):
        (folder / name).write_text(STAND_IN)
        (folder / name).chmod(0o755)
    return folder


def make(folder, *arguments, python="./python-a"):
    command = ["make", f"PYTHON={python}", *arguments] if python else ["make", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def installs(folder) -> int:
    calls = folder / "calls.txt"
    return len(calls.read_text().splitlines()) if calls.exists() else 0


def test_it_installs_once_with_the_pins_and_not_again(course):
    first = make(course, "setup")
    assert first.returncode == 0, first.stderr
    assert installs(course) == 1
    call = (course / "calls.txt").read_text()
    assert "--constraint constraints.txt" in call and "--requirement requirements-sagemaker.txt" in call
    assert make(course, "setup").returncode == 0
    assert make(course, "setup", python=None).returncode == 0
    assert installs(course) == 1


def test_an_install_that_failed_is_done_again(course):
    (course / "pip_fails").touch()
    assert make(course, "setup").returncode != 0
    assert not (course / ".venv" / ".course").exists()
    (course / "pip_fails").unlink()
    assert make(course, "setup").returncode == 0
    assert installs(course) == 2


def test_a_changed_requirement_is_installed(course):
    make(course, "setup")
    stamp = course / ".venv" / ".course"
    later = stamp.stat().st_mtime + 10
    os.utime(course / "code" / "pocketaws" / "requirements.txt", (later, later))
    assert make(course, "setup").returncode == 0
    assert installs(course) == 2


def test_another_python_makes_a_new_environment(course):
    make(course, "setup")
    (course / ".venv" / "of-the-old-one").touch()
    assert make(course, "setup", python="./python-b").returncode == 0
    assert not (course / ".venv" / "of-the-old-one").exists()
    assert installs(course) == 2


def test_a_python_that_is_missing_or_too_old_is_named(course):
    missing = make(course, "setup", python="python9.9")
    assert missing.returncode != 0
    assert "There is no python9.9 here. Name yours: make PYTHON=python3.12" in missing.stdout
    old = course / "python-old"
    pretend = "import sys; sys.version_info = (3, 9); sys.version = '3.9.1 of long ago'"
    old.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{pretend}; $2"\n')
    old.chmod(0o755)
    refused = make(course, "setup", python="./python-old")
    assert refused.returncode != 0
    assert "is Python 3.9.1; the course runs on 3.10 to 3.13" in refused.stdout
    assert not (course / ".venv").exists()


def test_without_venv_it_says_what_to_install(course):
    (course / "venv_fails").touch()
    refused = make(course, "setup")
    assert refused.returncode != 0
    assert "apt install python3-venv" in refused.stdout
    assert not (course / ".venv").exists()


def test_clean_lists_and_removes_nothing_else_and_nothing_unless_told(course):
    for name in ("build/course/index.html", ".pocketaws/server.json", "notebooks/mine.ipynb"):
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).touch()
    listed = make(course, "clean", python=None)
    assert listed.returncode != 0 and "nothing was deleted" in listed.stdout, listed.stderr
    assert "build/" in listed.stdout and ".pocketaws/" in listed.stdout
    assert (course / "build").exists() and (course / ".pocketaws").exists()
    cleaned = make(course, "clean", "ARGS=--yes", python=None)
    assert cleaned.returncode == 0, cleaned.stderr
    assert not (course / "build").exists() and not (course / ".pocketaws").exists()
    assert (course / "notebooks" / "mine.ipynb").exists()
    again = make(course, "clean", python=None)
    assert again.returncode == 0 and "nothing is left of the course here" in again.stdout


def test_a_lesson_needs_its_number(course):
    make(course, "setup")
    refused = make(course, "lesson", python=None)
    assert refused.returncode != 0
    assert "make lesson N=04" in refused.stdout
