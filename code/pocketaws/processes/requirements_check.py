"""A source directory's requirements.txt: what the interpreter has already, and pip for the rest.

A container on AWS installs into itself. Here the interpreter is the learner's own, so what is missing goes
into a folder of the job, and only what is missing: pip first says what it would install beside the packages
that are there (--dry-run), and that list goes to the folder without further dependencies. torch is pinned to
the version that is there: another one would be gigabytes.

As a program:  python requirements_check.py --file requirements.txt --target FOLDER
               python requirements_check.py --pip install …      what `pip` means in a job's shell scripts
"""

import argparse
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    from packaging.requirements import InvalidRequirement, Requirement
except ImportError:  # every pip carries a copy
    from pip._vendor.packaging.requirements import InvalidRequirement, Requirement

PINNED = ("torch",)


def read(path: Path) -> tuple[list[str], list[str]]:
    """The requirements and the options of a requirements file and of those it names with -r.

    Comments, empty lines, markers that are false and per-requirement options (--hash) are left out; lines
    that end in a backslash go on. Options are lines such as --find-links; -e and paths count as requirements.
    """
    requirements, options = [], []
    text = path.read_text(encoding="utf-8-sig").replace("\\\n", " ")
    for line in text.splitlines():
        line = _without_comment(line)
        words = line.split()
        if not words:
            continue
        other = re.match(r"(-r|--requirement)[ =]?\s*(?P<name>\S+)$", line)
        if other:
            below = read(path.parent / other["name"])
            requirements += below[0]
            options += below[1]
        elif words[0].startswith("-") and words[0] not in ("-e", "--editable"):
            options.append(line)
        else:
            requirements.append(line.split(" --")[0].strip())
    return requirements, options


def _without_comment(line: str) -> str:
    line = line.strip()
    return "" if line.startswith("#") else line.split(" #")[0].strip()


def missing(requirements: list[str]) -> list[str]:
    """Those that the running interpreter does not satisfy. Paths, URLs and what is not PEP 508 count so."""
    return [text for text in requirements if not _satisfied(text)]


def _satisfied(text: str, extra: str = "") -> bool:
    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        return False
    if wanted.marker and not wanted.marker.evaluate({"extra": extra}):
        return True
    if wanted.url:
        return False
    try:
        found = importlib.metadata.distribution(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    if not wanted.specifier.contains(found.version, prereleases=True):
        return False
    below = [each for each in found.requires or [] if wanted.extras and "extra" in each]
    return all(_satisfied(each, extra) for extra in wanted.extras for each in below)


def install(path: Path, target: Path) -> int:
    """Install what is missing of a requirements file into target; pip's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder, "constraints.txt")
        pins.write_text("".join(f"{pin}\n" for pin in _pins()))
        report = Path(folder, "report.json")
        code = _pip("--dry-run", "--report", str(report), "-r", str(path), "-c", str(pins))
        if code:
            return code
        rows = json.loads(report.read_text())["install"]
        if not rows:
            return 0
        chosen = Path(folder, "chosen.txt")
        chosen.write_text("".join(f"{_direct(row)}\n" for row in rows))
        return _pip("--no-deps", "--upgrade", "--target", str(target), "-r", str(chosen))


def _pins() -> list[str]:
    pins = []
    for name in PINNED:
        try:
            pins.append(f"{name}=={importlib.metadata.version(name).partition('+')[0]}")
        except importlib.metadata.PackageNotFoundError:
            pass
    return pins


def _direct(row: dict) -> str:
    """One entry of pip's report as a requirement that names exactly that file or commit."""
    source = row["download_info"]
    vcs = source.get("vcs_info")
    url = f"{vcs['vcs']}+{source['url']}@{vcs['commit_id']}" if vcs else source["url"]
    return f"{row['metadata']['name']} @ {url}"


def _pip(*arguments: str) -> int:
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    return subprocess.run([*pip, *arguments], env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}).returncode


def satisfied_line(path: Path, count: int) -> str:
    """What the log says when there is nothing to install."""
    return f"{path.name}: nothing to install, all {count} requirements are there already"


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--pip"]:
        if arguments[1:3] != ["install", "-r"] or len(arguments) != 4:
            return subprocess.run([sys.executable, "-m", "pip", *arguments[1:]]).returncode
        arguments = ["--file", arguments[3], "--target", os.environ["POCKETAWS_PACKAGES"]]
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--target", type=Path, required=True)
    given = parser.parse_args(arguments)
    requirements, _ = read(given.file)
    if not missing(requirements):
        print(satisfied_line(given.file, len(requirements)), flush=True)
        return 0
    return install(given.file, given.target)


if __name__ == "__main__":
    sys.path.pop(0)  # this folder: its modules are not the job's
    sys.exit(main(sys.argv[1:]))
