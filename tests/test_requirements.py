"""What is pinned: on a laptop all of it, in Studio exactly what its image lacks."""

import importlib.metadata
import re
import sys
from pathlib import Path

import environments
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
GPU_ONLY = re.compile(r"nvidia-|cuda-|triton$")  # what the GPU build of torch asks for, at its own versions


def requirements(path: Path) -> list[Requirement]:
    """The requirements of a file and of the files it includes, for this interpreter."""
    found = []
    for line in path.read_text().splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("-r "):
            found += requirements(ROOT / line[3:])
        elif line:
            found.append(Requirement(line))
    return [one for one in found if not one.marker or one.marker.evaluate()]


def pins(path: Path) -> dict[str, str]:
    """{canonical name: version} of a constraints file, for this interpreter."""
    exact = {canonicalize_name(one.name): str(one.specifier) for one in requirements(path)}
    assert all(version.startswith("==") for version in exact.values()), path.name
    return {name: version[2:] for name, version in exact.items()}


def needs(name: str, extras: set[str], path: list[str]) -> list[Requirement]:
    """What a distribution found on `path` asks for, with these extras."""
    declared = next(iter(importlib.metadata.distributions(name=name, path=path))).requires or []
    asked = [{"extra": extra} for extra in ("", *extras)]
    found = map(Requirement, declared)
    return [one for one in found if not one.marker or any(map(one.marker.evaluate, asked))]


def closure(start: list[Requirement], stop: dict[str, str], path=None) -> dict[str, list[Requirement]]:
    """Everything that `start` brings in, by canonical name; what `stop` ships is not looked into."""
    asked, todo, seen = {}, list(start), set()
    while todo:
        one = todo.pop()
        name = canonicalize_name(one.name)
        asked.setdefault(name, []).append(one)
        if name not in stop and (name, frozenset(one.extras)) not in seen:
            seen.add((name, frozenset(one.extras)))
            todo += needs(name, one.extras, path or sys.path)
    return asked


def unmet(asked: dict[str, list[Requirement]], versions: dict[str, str]) -> list[str]:
    """The requirements that these versions do not meet, in words."""
    return [
        f"{one} but there is {versions[name]}"
        for name, wanting in asked.items()
        for one in wanting
        if name in versions and not one.specifier.contains(versions[name], prereleases=True)
    ]


def everything() -> list[Requirement]:
    """The requirements of all three files."""
    files = ("requirements-sagemaker.txt", "requirements-bedrock.txt", "tests/requirements.txt")
    return [one for name in files for one in requirements(ROOT / name)]


def test_constraints_pin_everything_that_gets_installed():
    pinned = pins(ROOT / "constraints.txt")
    asked = closure(everything(), {})
    assert {name for name in asked if name not in pinned and not GPU_ONLY.match(name)} == set()
    assert unmet(asked, pinned) == []
    assert len(asked) >= 150, f"checked only {len(asked)} packages"


def test_this_environment_has_the_pinned_versions():
    pinned = pins(ROOT / "constraints.txt")
    names = [name for name in closure(everything(), {}) if name in pinned]
    installed = {name: importlib.metadata.version(name).partition("+")[0] for name in names}
    assert installed == {name: pinned[name] for name in names}


def test_bedrock_lessons_need_no_pytorch():
    asked = closure(requirements(ROOT / "requirements-bedrock.txt"), {})
    assert not {"torch", "transformers", "sagemaker"} & set(asked)
    assert {"boto3", "papermill"} <= set(asked)


def test_in_studio_nothing_that_the_kernel_has_is_replaced():
    """Each requirement is met by what the image ships, or by what constraints-studio.txt pins."""
    ships = pins(ROOT / "tests" / "envs" / "studio-image.txt")
    adds = pins(ROOT / "constraints-studio.txt")
    assert not set(ships) & set(adds)
    studio = [str(each) for each in (ROOT / ".venvs" / "studio").glob("lib/python*/site-packages")]
    assert environments.python_of("studio").exists() and studio  # its peft is older than ours
    asked = closure(requirements(ROOT / "requirements-sagemaker.txt"), ships, [*studio, *sys.path])
    assert set(asked) - set(ships) == set(adds), "constraints-studio.txt pins exactly what is added"
    assert unmet(asked, {**ships, **adds}) == []


def test_the_studio_environment_of_the_tests_is_studios():
    ships = pins(ROOT / "tests" / "envs" / "studio-image.txt")
    known = {**ships, **pins(ROOT / "constraints-studio.txt")}
    tested = pins(ROOT / "tests" / "envs" / "studio.txt")
    shared = set(tested) & set(known)
    assert {name: tested[name] for name in shared} == {name: known[name] for name in shared}
    assert {"transformers", "sagemaker", "peft", "bitsandbytes"} <= shared


def test_an_unknown_environment_is_refused_by_name():
    with pytest.raises(ValueError, match="'sdk1'; there are sdk2, toolkit, studio"):
        environments.python_of("sdk1")
