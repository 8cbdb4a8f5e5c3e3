"""Where in S3 a job's code and model go, as SDK 2 chooses it."""

from __future__ import annotations

ARCHIVE = "sourcedir.tar.gz"


def default_output_path(bucket: str, prefix: str | None = None) -> str:
    """The output path when none is given: the default bucket, and the session's prefix if it has one."""
    return f"s3://{'/'.join([bucket, *_parts(prefix)])}/"


def code_uri(
    job_name: str,
    source_dir: str | None,
    code_location: str | None,
    output_path: str | None,
    default_bucket: str,
    default_prefix: str | None = None,
) -> str:
    """Where the archive goes: <code_location>/<job>/source/sourcedir.tar.gz.

    Without code_location it is the bucket of output_path (its prefix is not used), and without that one the
    default bucket with the session's prefix. A source_dir in S3 is where it is.
    """
    if in_s3(source_dir):
        return source_dir
    if code_location:
        start = _parts(code_location.removeprefix("s3://"))
    elif output_path:
        start = [bucket_of(output_path)]
    else:
        start = [default_bucket, *_parts(default_prefix)]
    return "s3://" + "/".join([*start, job_name, "source", ARCHIVE])


def in_s3(path: str | None) -> bool:
    """Whether this is an s3:// URI."""
    return bool(path) and path.lower().startswith("s3://")


def bucket_of(uri: str) -> str:
    """The bucket in an s3:// URI."""
    return uri.removeprefix("s3://").partition("/")[0]


def _parts(path: str | None) -> list[str]:
    return [part for part in (path or "").split("/") if part]
