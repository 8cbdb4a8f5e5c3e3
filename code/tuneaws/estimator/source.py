"""The script and what lies beside it, packed as sourcedir.tar.gz and uploaded.

SDK 2 packs everything in source_dir. So does this, except __pycache__ and .env, where secrets are, and it
says how much that is. The same files give the same bytes, so that two jobs can be told to have run the same
code.
"""

from __future__ import annotations

import gzip
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LEFT_OUT = ("__pycache__", ".env")
LARGE = 50_000_000  # bytes unpacked; SageMaker has no limit here, but each job uploads and downloads it


@dataclass(frozen=True)
class Packed:
    """What went into an archive. Sizes in bytes."""

    files: int
    unpacked: int
    packed: int
    largest: str  # the largest entry at the root, and how large

    def __str__(self) -> str:
        said = f"{self.files} file{'s'[: self.files - 1]}, {self.unpacked:,} bytes, {self.packed:,} packed"
        if self.unpacked > LARGE:
            said += f"; most of it is {self.largest}: does the job need it?"
        return said


def check_source(entry_point: str, source_dir: str | None, dependencies: list[str] | None = None) -> None:
    """Raise ValueError if the script, the folder or a dependency is missing. An s3:// source is not read."""
    if source_dir and source_dir.lower().startswith("s3://"):
        if dependencies:
            raise ValueError(
                f"dependencies={dependencies!r} cannot be added to {source_dir}, which is packed already. "
                "Fix: pack them into it, or give source_dir as a folder."
            )
        return
    if source_dir and not os.path.isdir(source_dir):
        raise ValueError(f"source_dir={source_dir!r} is not a folder; looked from {os.getcwd()}.")
    script = Path(source_dir or "", entry_point)
    if not script.is_file():
        beside = sorted(p.name for p in script.parent.glob("*.py"))[:5] if script.parent.is_dir() else []
        there = f"There are: {', '.join(beside)}" if beside else f"looked from {os.getcwd()}"
        where = f"source_dir {source_dir!r}" if source_dir else "the working directory"
        raise ValueError(f"entry_point={entry_point!r} is not a file in {where}. {there}.")
    for path in dependencies or []:
        if not os.path.exists(path):
            raise ValueError(f"dependencies: {path!r} is not there; looked from {os.getcwd()}.")


def roots(entry_point: str, source_dir: str | None, dependencies: list[str] | None = None) -> dict[str, Path]:
    """The files and folders that stand at the root of the archive, by name.

    Raises  ValueError if two of them have the same name: SDK 2 lets the last one win when it is unpacked.
    """
    first = sorted(Path(source_dir).iterdir()) if source_dir else [Path(entry_point)]
    found: dict[str, Path] = {}
    for path in [*first, *map(Path, dependencies or [])]:
        name = path.resolve().name if path.name in ("", "..") else path.name
        if name in found:
            raise ValueError(f"{found[name]} and {path} would both be {name!r} in the job. Fix: rename one.")
        found[name] = path
    return found


def pack(entries: dict[str, Path], target: IO[bytes]) -> Packed:
    """Write entries (name at the root: path) to target as a gzipped tar, without owners and times.

    Links are followed, as SDK 2 does. Raises ValueError for a folder that holds itself by a link, and for
    what is neither a file nor a folder; OSError for what cannot be read.
    """
    with gzip.GzipFile(filename="", mode="wb", fileobj=target, mtime=0) as zipped:
        with tarfile.open(fileobj=zipped, mode="w") as tar:
            sizes = add(tar, entries)
    roots = dict.fromkeys(entries, 0)
    for name, size in sizes.items():
        roots[name.partition("/")[0]] += size
    largest = max(roots, key=roots.get)
    return Packed(len(sizes), sum(roots.values()), target.tell(), f"{largest} ({roots[largest]:,} bytes)")


def add(tar: tarfile.TarFile, entries: dict[str, Path]) -> dict[str, int]:
    """Add entries (name in the archive: path) to a tar that is open; return {name of a file: its bytes}.

    Raises  what pack() raises
    """
    sizes = {}
    tar.dereference = True
    for name, path in walk(entries):
        info = _plain(tar.gettarinfo(path, name))
        if info.isfile():
            with path.open("rb") as content:
                tar.addfile(info, content)
            sizes[name] = info.size
        else:
            tar.addfile(info)
    return sizes


def walk(entries: dict[str, Path]) -> Iterator[tuple[str, Path]]:
    """Yield (name in the archive, path), folders before what they hold, in the order of their names."""
    left = [(name, path, ()) for name, path in reversed(entries.items())]
    while left:
        name, path, above = left.pop()
        if path.name in LEFT_OUT:
            continue
        if not (path.is_file() or path.is_dir()):
            raise ValueError(f"{path} cannot be packed: a broken link, a socket or a device. Fix: remove it.")
        yield name, path
        if path.is_dir():
            real = path.resolve()
            if real in above:
                raise ValueError(f"{path} is a link to a folder that holds it, without end. Fix: remove it.")
            inside = sorted(path.iterdir(), reverse=True)
            left += [(f"{name}/{child.name}", child, (*above, real)) for child in inside]


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """The same entry without what differs between two machines."""
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
    return info
