"""Look for planted secrets in everything that a run wrote: in files, in archives, in databases, encoded too.

    environment = {**os.environ, **secret_scan.planted()}      # before the run
    assert secret_scan.findings([out, home]) == []             # after it
"""

import base64
import contextlib
import io
import sqlite3
import tarfile
import urllib.parse
import zipfile
import zlib
from pathlib import Path

# Made up, in the shapes of the real ones; nothing anywhere accepts them. In two parts, so that what looks for
# secrets in this repository finds none here.
PLANTED = {
    "HF_TOKEN": "hf_" + "PlantedByTheTestsOfThisCourse0123456",
    "HUGGING_FACE_HUB_TOKEN": "hf_" + "PlantedUnderTheOldNameOfTheToken0123",
    "AWS_ACCESS_KEY_ID": "AKIA" + "PLANTEDBYTESTS00",
    "AWS_SECRET_ACCESS_KEY": "PlantedSecretKey/ByTheTestsOfThisCourse+0",
    "AWS_SESSION_TOKEN": "PlantedSessionToken/ByTheTests+OfThisCourse==",
}
CHUNK = 1 << 20
DEEPEST = 4  # archives within archives


def planted() -> dict:
    """The environment variables of a learner who has everything set: none of their values may be written."""
    return dict(PLANTED)


def findings(folders) -> list:
    """["…/calls.jsonl: HF_TOKEN", …]: each file below `folders` that holds a planted value, and whose.

    Raises  ValueError for a folder that is not there or empty: nothing would have been looked at
    """
    found = []
    for folder in map(Path, folders):
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        if not files:
            raise ValueError(f"{folder} holds no file: there is nothing to look at")
        found += [f"{path}: {name}" for path in files for name in sorted(in_file(path))]
    return found


def in_file(path: Path) -> set:
    """The names of the planted values in one file. A file that went away meanwhile holds none."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        head = file.read(16)
        file.seek(0)
        if head.startswith(b"SQLite format 3"):
            return in_stream(file) | in_database(path)
        return in_stream(file)
    return set()


def in_stream(file, depth: int = 0) -> set:
    """The names of the planted values in a binary stream; what is in gzip, zip and tar is read too."""
    head = file.read(262)
    file.seek(0)
    found = set()
    if depth < DEEPEST and head.startswith(b"\x1f\x8b"):
        found |= in_stream(io.BytesIO(_unzipped(file)), depth + 1)
        file.seek(0)
    elif depth < DEEPEST and head.startswith(b"PK\x03\x04"):
        with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                found |= in_stream(io.BytesIO(archive.read(name)), depth + 1)
        file.seek(0)
    elif depth < DEEPEST and head[257:262] == b"ustar":
        with contextlib.suppress(tarfile.TarError), tarfile.open(fileobj=file) as archive:
            for member in filter(tarfile.TarInfo.isfile, archive):
                found |= in_stream(io.BytesIO(archive.extractfile(member).read()), depth + 1)
        file.seek(0)
    return found | _in_chunks(file)


def in_database(path: Path) -> set:
    """The names of the planted values in the cells of SQLite, whose pages cut a long cell in pieces."""
    found = set()
    with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in database.execute(f'SELECT * FROM "{table}"'):  # a name that SQLite gave
                for cell in row:
                    raw = cell if isinstance(cell, bytes) else str(cell).encode()
                    found |= in_stream(io.BytesIO(raw))
    return found


def spellings(value: str) -> list:
    """A value as it may be written: plain, in a URL, in JSON with \\/, and in base64 at any offset."""
    spelt = {value, urllib.parse.quote(value, safe=""), value.replace("/", "\\/")}
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + value.encode()).decode()
        spelt.add(coded[[0, 2, 3][offset] : -4])  # without what the neighbours change
    return sorted(text.encode() for text in spelt)


SPELLINGS = {name: spellings(value) for name, value in PLANTED.items()}
OVERLAP = max(len(text) for texts in SPELLINGS.values() for text in texts)


def _in_chunks(file) -> set:
    found, tail = set(), b""
    while chunk := file.read(CHUNK):
        text = tail + chunk
        found |= {name for name, texts in SPELLINGS.items() if any(spelt in text for spelt in texts)}
        tail = text[-OVERLAP:]
    return found


def _unzipped(file) -> bytes:
    """What is in a gzip file; of one that is half written or damaged, as far as it goes."""
    unzip, parts = zlib.decompressobj(wbits=31), []
    with contextlib.suppress(zlib.error):
        while chunk := file.read(CHUNK):
            parts.append(unzip.decompress(chunk))
    return b"".join(parts)
