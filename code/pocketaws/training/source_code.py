"""The script's source directory: an archive from S3 or a channel, and the command that runs it.

The command is the toolkit's (sagemaker-training 5.1.4: files.py, process.py, _entry_point_type.py).
"""

import re
import shlex
import shutil
import tarfile
from pathlib import Path

from pocketaws import s3_files
from pocketaws.archives import ArchiveError, extract
from pocketaws.training.failure import algorithm_error, client_error

_ENTRY_POINT = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+-]*(/[A-Za-z0-9._+-]+)*")


def fetch(s3, uri: str, folder: Path, should_stop=lambda: None) -> None:
    """Put the source directory at uri (s3://bucket/key/sourcedir.tar.gz) into folder.

    Raises S3FilesError if it is not there, JobFailure if it is not a gzipped tar, or has a member that would
    leave the folder.
    """
    bucket, key = s3_files.split_uri(uri)
    tarball = folder.parent / "sourcedir.tar.gz"
    s3_files.download(s3, bucket, key, tarball, should_stop)
    try:
        _unpack(tarball, folder, uri)
    finally:
        tarball.unlink()


def take(path: Path, folder: Path) -> None:
    """Put a source directory that is in the job already, in a channel, into folder: as the toolkit does it.

    path     a folder, a gzipped tar file or one script
    Raises JobFailure if nothing is there, or the archive is none.
    """
    if path == folder:
        return
    try:
        if path.is_dir():
            shutil.copytree(path, folder, dirs_exist_ok=True)
        elif tarfile.is_tarfile(path):
            _unpack(path, folder, path.name)
        else:
            shutil.copy2(path, folder)
    except OSError as err:
        raise algorithm_error(
            f"sagemaker_submit_directory names {path.name!r}, which cannot be read: {err.strerror or err}."
            " The files of a channel lie in /opt/ml/input/data/<channel>.",
            exit_code=1,
        ) from err


def _unpack(tarball: Path, folder: Path, name: str) -> None:
    what = f"the source directory {name}"
    try:
        with tarfile.open(tarball, "r:gz") as tar:
            extract(tar, folder, what)
    except ArchiveError as err:
        raise client_error(str(err)) from err
    except (tarfile.TarError, EOFError, ValueError) as err:
        raise client_error(f"{what} cannot be read as a gzipped tar file: {err}") from err


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
