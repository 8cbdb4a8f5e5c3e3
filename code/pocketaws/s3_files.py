"""Objects of S3 as files: list a prefix, download to a folder, never outside of it."""

import os
from pathlib import Path

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

CHUNK_BYTES = 1 << 20
PAGE = 1000  # objects that one listing brings, S3's own most
MULTIPART_FROM_BYTES = 8 << 20


class S3FilesError(Exception):
    """S3 does not have what was asked for, or does not take what was sent."""


def split_uri(uri: str) -> tuple[str, str]:
    """ "s3://bucket/some/key" → ("bucket", "some/key"). Raises S3FilesError for anything else."""
    if not uri.startswith("s3://"):
        raise S3FilesError(f"not an S3 URI: {uri!r}. It has the form s3://bucket/prefix")
    bucket, _, key = uri[len("s3://") :].partition("/")
    return bucket, key


def list_objects(s3, uri: str) -> list[dict]:
    """Every object whose key begins with the URI's key, sorted by key: [{"Key", "Size", …}].

    Raises S3FilesError if the bucket does not exist or may not be listed.
    """
    bucket, prefix = split_uri(uri)
    rows = []
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": PAGE}
        ):
            rows += page.get("Contents", [])
    except (ClientError, BotoCoreError) as err:
        raise S3FilesError(f"Data download failed:{uri}: {err}") from err
    return sorted(rows, key=lambda row: row["Key"])


def download(s3, bucket: str, key: str, path: Path, should_stop=lambda: None) -> None:
    """Write one object to a file; folders are made.

    should_stop   called between chunks; raises to break off
    Raises S3FilesError if the object is not there; OSError passes through.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    except (ClientError, BotoCoreError) as err:
        raise S3FilesError(f"Data download failed:s3://{bucket}/{key}: {err}") from err
    with body, open(path, "wb") as file:
        while data := body.read(CHUNK_BYTES):
            should_stop()
            file.write(data)


def safe_join(folder: Path, relative: str, what: str) -> Path:
    """folder/relative, as long as that stays within folder.

    Raises S3FilesError for "..", an absolute name or one that no file can have: an S3 key may be any text,
    and AWS would write such a key nowhere useful either.
    """
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if ".." in parts or "\x00" in relative or not parts:
        raise S3FilesError(
            f"Data download failed:{what} cannot become a file below the folder meant for it: its relative"
            f" name is {relative!r}"
        )
    path = folder.joinpath(*parts)
    if not os.path.normpath(path).startswith(os.path.normpath(folder) + os.sep):
        raise S3FilesError(f"Data download failed:{what} would be written outside the folder meant for it")
    return path


def read(s3, bucket: str, key: str) -> bytes:
    """One object's bytes, for small ones. Raises S3FilesError if it is not there."""
    try:
        with s3.get_object(Bucket=bucket, Key=key)["Body"] as body:
            return body.read()
    except (ClientError, BotoCoreError) as err:
        raise S3FilesError(f"Data download failed:s3://{bucket}/{key}: {err}") from err


def upload(s3, path: Path, bucket: str, key: str) -> None:
    """Upload one file. Raises S3FilesError if S3 does not take it; OSError passes through."""
    try:
        if path.stat().st_size < MULTIPART_FROM_BYTES:
            with open(path, "rb") as file:
                s3.put_object(Bucket=bucket, Key=key, Body=file)
        else:
            s3.upload_file(str(path), bucket, key)
    except (ClientError, BotoCoreError, S3UploadFailedError) as err:
        raise S3FilesError(f"upload to s3://{bucket}/{key} failed: {err}") from err
