"""The script's source directory: the tarball from S3, extracted safely, and the command that runs it.

The command is the toolkit's (sagemaker-training 5.1.4: files.py, process.py, _entry_point_type.py).
Unlike the toolkit, which renames what would leave the folder, a tarball with such a member is refused.
"""

import os
import posixpath
import re
import shlex
import tarfile
from pathlib import Path

from pocketaws.training import s3_files
from pocketaws.training.failure import algorithm_error, client_error

_ENTRY_POINT = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+-]*(/[A-Za-z0-9._+-]+)*")


def fetch(s3, uri: str, folder: Path, should_stop=lambda: None) -> None:
    """Put the source directory at uri (s3://bucket/key/sourcedir.tar.gz) into folder.

    Raises JobFailure if it is not there, not a gzipped tar, or has a member that would leave the folder.
    """
    bucket, key = s3_files.split_uri(uri)
    tarball = folder.parent / "sourcedir.tar.gz"
    s3_files.download(s3, bucket, key, tarball, should_stop)
    try:
        with tarfile.open(tarball, "r:gz") as tar:
            extract(tar, folder, uri)
    except (tarfile.TarError, EOFError, ValueError) as err:
        raise client_error(f"the source directory {uri} cannot be read as a gzipped tar file: {err}") from err
    finally:
        tarball.unlink()


def extract(tar: tarfile.TarFile, folder: Path, uri: str) -> None:
    """Extract an archive that is not trusted: nothing is written unless every member stays in the folder."""
    members = tar.getmembers()
    links = {posixpath.normpath(member.name) for member in members if member.issym()}
    for member in members:
        problem = _problem(member, links)
        if problem:
            raise client_error(
                f"the source directory {uri} was not extracted: its member {member.name!r} {problem}. Build"
                " the archive from plain files and folders, with names relative to the source directory."
            )
    for member in members:
        member.mode = (member.mode or 0o644) & 0o777 | (0o700 if member.isdir() else 0o600)
        member.uid, member.gid = os.getuid(), os.getgid()
        if hasattr(tarfile, "data_filter"):
            tar.extract(member, folder, filter="data")
        else:
            tar.extract(member, folder)


def _problem(member: tarfile.TarInfo, links: set[str]) -> str | None:
    """Why a member must not be extracted, None if it may be."""
    name = posixpath.normpath(member.name)
    if name.startswith("/") or ".." in member.name.split("/"):
        return "would be written outside of it"
    if any(parent in links for parent in _parents(name)):
        return "would be written through a link"
    if member.issym() or member.islnk():
        base = posixpath.dirname(name) if member.issym() else ""
        target = posixpath.normpath(posixpath.join(base, member.linkname))
        ups = [part == ".." for part in member.linkname.split("/")]
        winding = ups != sorted(ups, reverse=True)  # "a/../b": what it means depends on what "a" is
        if member.linkname.startswith("/") or target.split("/")[0] == ".." or winding:
            return f"links to {member.linkname!r}, outside of it"
        if target in links or any(parent in links for parent in _parents(target)):
            return f"links to another link, {member.linkname!r}"
    elif not (member.isfile() or member.isdir()):
        return "is neither a file nor a folder"
    return None


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: length + 1]) for length in range(len(parts))]


def check_entry_point(name: str) -> None:
    """Raise JobFailure unless the entry point is a plain relative path, the toolkit's own rule."""
    if not _ENTRY_POINT.fullmatch(name) or any(part in (".", "..") for part in name.split("/")):
        raise algorithm_error(
            f"the training entry point {name!r} cannot be used: it is not a plain path inside the source"
            " directory. Set sagemaker_program to a name such as 'train.py' or 'bin/train.sh'.",
            exit_code=1,
        )


def is_package(folder: Path, entry_point: str) -> bool:
    """Whether the entry point runs as an installed package: a source directory with a setup.py."""
    return not entry_point.endswith(".sh") and (folder / "setup.py").is_file()


def command(folder: Path, entry_point: str, arguments: list[str], python: str) -> list[str]:
    """The command that runs an entry point: a package by -m, a .py by Python, anything else by the shell."""
    if is_package(folder, entry_point):
        return [python, "-m", entry_point.removesuffix(".py"), *arguments]
    if entry_point.endswith(".py"):
        return [python, "--", entry_point, *arguments]
    _make_executable(folder, entry_point)
    quoted = " ".join(shlex.quote(argument) for argument in arguments)
    return ["/bin/sh", "-c", f"./{shlex.quote(entry_point)} {quoted}"]


def _make_executable(folder: Path, entry_point: str) -> None:
    path = folder / entry_point
    if path.is_file() and not path.is_symlink():
        path.chmod(0o755)
