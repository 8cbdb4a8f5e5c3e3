"""The scan for planted secrets finds them wherever a run could have written them."""

import base64
import gzip
import io
import json
import sqlite3
import tarfile
import zipfile

import pytest
import secret_scan

TOKEN = secret_scan.PLANTED["HF_TOKEN"]
KEY = secret_scan.PLANTED["AWS_SECRET_ACCESS_KEY"]


def tar(name, content):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def zipped(content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.txt", content)
    return buffer.getvalue()


HIDDEN = {
    "plain": TOKEN.encode(),
    "over the end of a chunk": b"x" * (secret_scan.CHUNK - 10) + TOKEN.encode(),
    "in the output of a notebook": json.dumps({"text": f"token={TOKEN}\n"}).encode(),
    "in a URL": b"https://example.com/?key=" + KEY.replace("/", "%2F").replace("+", "%2B").encode(),
    "in JSON with escapes": KEY.replace("/", "\\/").encode(),
    "in base64": base64.b64encode(b"user:" + TOKEN.encode() + b":more"),
    "in gzip": gzip.compress(TOKEN.encode()),
    "in half a gzip": gzip.compress(TOKEN.encode() * 2 + bytes(range(256)) * 99)[:-20],
    "in an uploaded source": tar(".env", f"HF_TOKEN={TOKEN}".encode()),
    "in an archive in an archive": tar("sourcedir.tar.gz", tar(".env", TOKEN.encode())),
    "in a zip": zipped(TOKEN),
}


@pytest.mark.parametrize("content", HIDDEN.values(), ids=HIDDEN)
def test_a_planted_secret_is_found(tmp_path, content):
    (tmp_path / "deep" / "down").mkdir(parents=True)
    (tmp_path / "deep" / "down" / "file").write_bytes(content)
    found = secret_scan.findings([tmp_path])
    assert len(found) == 1 and "deep/down/file: " in found[0]


@pytest.mark.parametrize("before", range(4))
def test_base64_is_found_at_any_offset(tmp_path, before):
    (tmp_path / "file").write_bytes(base64.b64encode(b"x" * before + TOKEN.encode() + b"y"))
    assert [line.rpartition(": ")[2] for line in secret_scan.findings([tmp_path])] == ["HF_TOKEN"]


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_database_is_read_cell_by_cell(tmp_path, journal):
    database = sqlite3.connect(tmp_path / "state.db")
    database.execute(f"PRAGMA journal_mode={journal}")
    database.execute("CREATE TABLE kept (kind TEXT, value BLOB)")
    long = b"\0" * 4070 + TOKEN.encode() + b"\0" * 9000  # over the end of a page
    database.execute("INSERT INTO kept VALUES ('s3', ?)", [gzip.compress(KEY.encode())])
    database.execute("INSERT INTO kept VALUES ('logs', ?)", [long])
    database.commit()
    found = {line.rpartition(": ")[2] for line in secret_scan.findings([tmp_path])}
    database.close()
    assert found == {"HF_TOKEN", "AWS_SECRET_ACCESS_KEY"}


def test_a_clean_run_has_no_findings_and_an_empty_folder_is_no_clean_run(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "log.txt").write_text("hf_ AKIA token=*** " * 99)
    (tmp_path / "run" / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    assert secret_scan.findings([tmp_path / "run"]) == []
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no file"):
        secret_scan.findings([tmp_path / "run", tmp_path / "empty"])
