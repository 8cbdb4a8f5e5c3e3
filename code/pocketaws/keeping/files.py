"""The bytes of S3's objects as files: <home>/s3/<two hexadecimal digits>/<name>.

    blob = Files(home / "s3").write(b"...")   # a whole file, once this returns
    blob.read()

A file lives as long as somebody needs it: while an entry of the store names it (blob.kept), or a request that
began before it was overwritten still reads it. A file that no entry names when the local AWS starts was on
its way when the last one was killed, and is removed. Files are not forced to the disk: one that a power cut
left shorter than its entry says is found by its size, and its object is set aside.
"""

import logging
import os
import re
import uuid
from collections.abc import Iterable
from pathlib import Path

log = logging.getLogger("pocketaws")
NAME = re.compile("[0-9a-f]{32}")  # what is called otherwise was put there by somebody else


class Blob:
    """One file: name, size in bytes, and whether an entry in the store names it."""

    __slots__ = ("_files", "name", "size", "kept")

    def __init__(self, files: "Files", name: str, size: int, kept: bool = False):
        self._files, self.name, self.size, self.kept = files, name, size, kept

    @property
    def path(self) -> Path:
        return self._files.path(self.name)

    def read(self) -> bytes:
        """Its content. Raises FileNotFoundError where somebody removed it from the home."""
        with open(self._files.path(self.name), "rb", buffering=0) as file:
            content = file.readall()
        return content

    def is_whole(self) -> bool:
        """Whether the file is there, in its whole length."""
        try:
            return os.stat(self._files.path(self.name)).st_size == self.size
        except OSError:
            return False

    def __deepcopy__(self, _) -> "Blob":
        return self  # moto copies the versions that it lists; the file stays one

    def __del__(self):
        if not self.kept:
            try:
                os.unlink(self._files.path(self.name))
            except (OSError, TypeError, AttributeError):  # gone already, or Python is ending
                pass


class Files:
    """The folder of objects. Raises OSError where it cannot be written."""

    def __init__(self, folder: Path):
        self.folder = str(folder)

    def path(self, name: str) -> str:
        return f"{self.folder}/{name[:2]}/{name}"

    def write(self, content: bytes) -> Blob:
        """A new file with this content, which nobody but the blob knows of yet."""
        blob = Blob(self, uuid.uuid4().hex, len(content))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        try:
            number = os.open(self.path(blob.name), flags, 0o600)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self.path(blob.name)), mode=0o700, exist_ok=True)
            number = os.open(self.path(blob.name), flags, 0o600)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(number, rest) :]
        finally:
            os.close(number)
        return blob

    def remove_others(self, blobs: Iterable[Blob]) -> int:
        """Remove the objects' files that are none of these; returns how many."""
        known, removed = {blob.name for blob in blobs}, 0
        for folder, _, names in os.walk(self.folder):
            for name in names:
                if name not in known and NAME.fullmatch(name):
                    os.unlink(os.path.join(folder, name))
                    removed += 1
        if removed:
            log.info(
                "%d files in %s were on their way and belong to no object: removed", removed, self.folder
            )
        return removed
