"""A model.tar.gz and a script's folder as one archive: the model as it is, the code in code/.

That is where AWS's Hugging Face inference container looks for inference.py and requirements.txt. SDK 2
unpacks the model, copies the code in and packs it again; here the members go from one archive into the other,
so memory stays small however large the model is, and no file of the archive is unpacked here.
"""

from __future__ import annotations

import gzip
import posixpath
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from botocore.exceptions import ClientError

from tuneaws.estimator import places, source

CODE = "code"
LEVEL = 1  # of gzip: weights hardly shrink, and SDK 2's 9 takes several times as long


@dataclass(frozen=True)
class Repacked:
    """What the new archive holds. Sizes in bytes."""

    model_files: int
    code_files: int
    replaced: int  # files of the old archive's code/ that are not in the new one
    size: int

    def __str__(self) -> str:
        said = f"{self.model_files} files of the model, {self.code_files} of code, {self.size:,} bytes"
        return said + (f"; {self.replaced} old files of code/ replaced" if self.replaced else "")


def repacked_uri(
    model_name: str, code_location: str | None, default_bucket: str, default_prefix: str | None = None
) -> str:
    """Where the new archive goes in SDK 2: <code_location or default bucket>/<model>/model.tar.gz."""
    start = [code_location.removeprefix("s3://")] if code_location else [default_bucket, default_prefix or ""]
    parts = [part for text in [*start, model_name, "model.tar.gz"] for part in text.split("/") if part]
    return "s3://" + "/".join(parts)


def check_script(entry_point: str, source_dir: str | None, dependencies: list[str] | None = None) -> None:
    """Raise ValueError if the script, its folder or a dependency is missing here. S3 is not read."""
    for path in dependencies or []:
        if not Path(path).exists():
            raise ValueError(f"dependencies: {path!r} is not there; looked from {Path.cwd()}.")
    if source_dir and not places.in_s3(source_dir):
        source.check_source(Path(entry_point).name, source_dir)


def code_files(
    entry_point: str, source_dir: str | None = None, dependencies: list[str] | None = None
) -> dict[str, Path]:
    """{name in the archive: path}: source_dir as code/, or the script alone; dependencies in code/lib/.

    Raises  ValueError if something is missing, or two have the same name.
    """
    check_script(entry_point, source_dir, dependencies)
    found: dict[str, Path] = {}
    if source_dir and not places.in_s3(source_dir):
        found = {f"{CODE}/{name}": path for name, path in source.roots(entry_point, source_dir).items()}
    elif not source_dir and Path(entry_point).is_file():
        found = {f"{CODE}/{Path(entry_point).name}": Path(entry_point)}
    for path in map(Path, dependencies or []):
        name = f"{CODE}/lib/{path.resolve().name}"
        if name in found or (f"{CODE}/lib" in found and (found[f"{CODE}/lib"] / path.name).exists()):
            raise ValueError(f"dependencies: {path} would be {name!r}, which is taken. Fix: rename it.")
        found[name] = path
    return found


def upload_repacked(
    s3,
    model_data: str | None,
    uri: str,
    entry_point: str,
    source_dir: str | None = None,
    dependencies: list[str] | None = None,
    *,
    kms_key: str | None = None,
    encrypt: bool = True,
    owner_of: Callable[[str], str | None] = lambda bucket: None,
    folder: str | None = None,
) -> Repacked:
    """Write model_data with the code in code/ to uri; return what went in. model_data itself is left alone.

    s3          boto3 S3 client
    model_data  "s3://…/model.tar.gz", or a file on this machine; None: an archive with nothing but the code,
                for a model that the script loads from a hub
    source_dir  a folder, which replaces the archive's code/; or s3://…/sourcedir.tar.gz, laid over it
    kms_key     to encrypt it with; None is the account's own key, encrypt=False the bucket's default
    owner_of    bucket -> account that must own it, for one whose name anybody could have guessed
    folder      where two temporary files, as large as the archives, go; None is the system's place
    Raises      ValueError for what is missing, unsafe or no archive; botocore's errors pass through
    """
    files = code_files(entry_point, source_dir, dependencies)
    packed = source_dir if places.in_s3(source_dir) else None
    with ExitStack() as open_files:
        model, code = (
            open_files.enter_context(_opened(s3, path, owner_of, folder)) if path else None
            for path in (model_data, packed)
        )
        target = open_files.enter_context(tempfile.TemporaryFile(dir=folder))
        replace = bool(source_dir) and not code
        done = repack(target, files, Path(entry_point).name, model, code, replace)
        target.seek(0)
        bucket, key = _split(uri)
        s3.upload_fileobj(target, bucket, key, ExtraArgs=_extra(kms_key, encrypt, owner_of(bucket)))
    return done


def repack(
    target: IO[bytes],
    files: dict[str, Path],
    program: str,
    model: IO[bytes] | None = None,
    code: IO[bytes] | None = None,
    replace: bool = True,
) -> Repacked:
    """Write the members of model, then the code, to target as one .tar.gz.

    files    see code_files()       program  file that must be in code/ in the end
    model    a .tar.gz, or None     code     a .tar.gz that goes into code/, or None
    replace  leave out all of the model's own code/; False: only the files that come anew
    Raises   ValueError for what is no archive, leads out of it, or has no such program
    """
    try:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=target, mtime=0) as zipped:
            with tarfile.open(fileobj=zipped, mode="w") as tar:
                counts, names = _write(tar, files, model, code, replace)
    except (tarfile.ReadError, gzip.BadGzipFile, zlib.error, EOFError) as err:
        which = "model_data or source_dir" if code else "model_data"
        raise ValueError(
            f"{which} is not a whole .tar.gz: {err}. Fix: an archive as a training job makes it; a model "
            'that is a folder in S3 is {"S3DataSource": {…, "CompressionType": "None"}}, its code in it.'
        ) from err
    if f"{CODE}/{program}" not in names:
        raise ValueError(
            f"entry_point={program!r} is neither here nor in the archive's {CODE}/. Fix: entry_point= with "
            "its path, or source_dir= with the folder that has it at its root."
        )
    return Repacked(*counts, target.tell())


def _write(
    tar: tarfile.TarFile, files: dict[str, Path], model: IO | None, code: IO | None, replace: bool
) -> tuple[tuple[int, int, int], set[str]]:
    """Fill tar; return (files of the model, files of code, files replaced) and the names in it."""
    laid_over = {name for name, _, _ in _members(code, "source_dir", CODE + "/")} if code else set()
    names = {name for name, _ in source.walk(files)} | laid_over
    of_model, of_code, replaced, kept = 0, 0, 0, set()
    for name, entry, content in _members(model, "model_data") if model else ():
        in_code = name == CODE or name.startswith(CODE + "/")
        if name in names or (replace and in_code):
            replaced += entry.isfile()
            continue
        tar.addfile(entry, content)
        kept.add(name)
        of_code += entry.isfile() and in_code
        of_model += entry.isfile() and not in_code
    for _, entry, content in _members(code, "source_dir", CODE + "/") if code else ():
        tar.addfile(entry, content)
        of_code += entry.isfile()
    return (of_model, of_code + len(source.add(tar, files)), replaced), names | kept


def _members(
    archive: IO[bytes], what: str, prefix: str = ""
) -> Iterator[tuple[str, tarfile.TarInfo, IO | None]]:
    """Yield (name, a plain entry of that name, its content); ValueError for what leads out of the archive."""
    archive.seek(0)
    with tarfile.open(fileobj=archive, mode="r:gz") as tar:
        for member in tar:
            name = _inside(member.name, member, what)
            if name == ".":
                continue
            entry = tarfile.TarInfo(prefix + name)
            entry.size, entry.mode, entry.mtime = member.size, member.mode, member.mtime
            if not member.isfile():
                entry.type, entry.size = member.type, 0
                entry.linkname = member.linkname if member.issym() else prefix + member.linkname
            yield entry.name, entry, tar.extractfile(member) if member.isfile() else None


def _inside(name: str, member: tarfile.TarInfo, what: str) -> str:
    """The name as "a/b". Raises ValueError for one outside the archive, a link to there, and a device."""
    links = []
    if member.issym():
        links = [posixpath.join(posixpath.dirname(member.name), member.linkname)]
    elif member.islnk():
        links = [member.linkname]
    elif not (member.isfile() or member.isdir()):
        raise ValueError(f"{what} holds {name!r}, which is no file, folder or link. Fix: don't use it.")
    for path in [name, *links]:
        if posixpath.isabs(path) or posixpath.normpath(path).split("/")[0] == "..":
            raise ValueError(f"{what} holds {name!r}, which leads out of it: {path!r}. Fix: don't use it.")
    return posixpath.normpath(name)


@contextmanager
def _opened(s3, path: str, owner_of: Callable, folder: str | None) -> Iterator[IO[bytes]]:
    """The archive at path, from S3 by way of a temporary file; ValueError if it is not there."""
    if not places.in_s3(path):
        if not Path(path.removeprefix("file://")).is_file():
            raise ValueError(f"model_data={path!r} is not a file; looked from {Path.cwd()}.")
        with Path(path.removeprefix("file://")).open("rb") as file:
            yield file
        return
    bucket, key = _split(path)
    owner = owner_of(bucket)
    with tempfile.TemporaryFile(dir=folder) as file:
        extra = {"ExpectedBucketOwner": owner} if owner else None
        try:
            s3.download_fileobj(bucket, key, file, ExtraArgs=extra)
        except ClientError as err:
            if err.response["Error"]["Code"] not in ("404", "NoSuchKey", "NoSuchBucket"):
                raise
            raise ValueError(f"{path} is not there. Fix: the URI of a job's model.tar.gz.") from err
        yield file


def _extra(kms_key: str | None, encrypt: bool, owner: str | None) -> dict[str, str]:
    found = {"ServerSideEncryption": "aws:kms"} if kms_key or encrypt else {}
    if kms_key:
        found["SSEKMSKeyId"] = kms_key
    if owner:
        found["ExpectedBucketOwner"] = owner
    return found


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
