"""The packages here against those that the course was tested with.

On a laptop the tested versions stand in constraints.txt. In SageMaker Studio they are what its image ships,
and constraints-studio.txt for what it lacks. The ranges that the lessons need stand in requirements-*.txt.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from packaging.requirements import Requirement

from tuneaws import roles
from tuneaws.config import course_root
from tuneaws.doctor import lessons
from tuneaws.doctor.check import failed, passed, warned

STUDIO_PINS = ("tests/envs/studio-image.txt", "constraints-studio.txt")  # the second wins
NAMED = ("sagemaker", "boto3")  # in the answer when all is well


def packages(subject):
    """Everything that the lessons import is there, in the range they need and at the versions tested."""
    studio = roles.STUDIO_METADATA.exists()
    light = not subject.local and set(subject.lessons) <= set(lessons.PARTS[lessons.BEDROCK]) - {"16"}
    wanted = "requirements-bedrock.txt" if light else "requirements-sagemaker.txt"
    return judge(ranges(course_root() / wanted), pins(studio), studio)


def judge(wanted: dict, tested: dict, studio: bool = False):
    """Compare. wanted: {name: SpecifierSet}; tested: {name: version}."""
    missing, outside, other, there = [], [], [], {}
    for name, span in wanted.items():
        version = installed(name)
        there[name] = version
        if version is None:
            missing.append(name)
        elif not span.contains(version, prereleases=True):
            outside.append(f"{name} {version} (needs {span})")
        elif name in tested and version.partition("+")[0] != tested[name]:
            other.append(f"{name} {version} (tested: {tested[name]})")
    where = "in Studio: %pip install --no-deps -r constraints-studio.txt, then restart the kernel"
    fix = where if studio else "make setup, and run this with .venv/bin/python (make doctor does)"
    if missing or outside:
        lacking = [f"{name} is missing" for name in missing]
        return failed("; ".join([*lacking, *outside]), fix)
    if other:
        return warned(f"{len(other)} of {len(wanted)} are not the tested versions: {', '.join(other)}", fix)
    named = ", ".join(f"{name} {there[name]}" for name in NAMED if name in there)
    return passed(f"{len(wanted)} packages at the tested versions, {named}{', in Studio' if studio else ''}")


def installed(name: str) -> str | None:
    """The version of a distribution, None when it is not there."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def ranges(path: Path) -> dict:
    """{name: SpecifierSet} of a requirements file and those that it includes with -r."""
    found = {}
    for line in _lines(path):
        if line.startswith("-r "):
            found |= ranges(course_root() / line[3:].strip())
        else:
            asked = Requirement(line)
            if asked.marker is None or asked.marker.evaluate():
                found[asked.name] = found.get(asked.name, asked.specifier) & asked.specifier
    return found


def pins(studio: bool) -> dict:
    """{name: version} that the course was tested with, for this Python and system."""
    files = STUDIO_PINS if studio else ("constraints.txt",)
    found = {}
    for name in files:
        for line in _lines(course_root() / name):
            pinned = Requirement(line)
            if pinned.marker is None or pinned.marker.evaluate():
                found[pinned.name] = str(pinned.specifier).removeprefix("==")
    return found


def _lines(path: Path) -> list:
    """The lines of a requirements file without comments; [] when there is no such file."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return [line for raw in text.splitlines() if (line := raw.partition(" #")[0].strip()) and line[0] != "#"]
