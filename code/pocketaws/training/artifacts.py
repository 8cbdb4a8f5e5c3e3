"""A job's results, streamed to S3: model.tar.gz, output.tar.gz, or plain files when compression is NONE.

Keys as on AWS: <S3OutputPath>/<job>/output/model.tar.gz and …/output.tar.gz; with CompressionType NONE the
files go below …/output/model/ and …/output/data/. An empty model folder makes no object, though
DescribeTrainingJob names one (github.com/aws/sagemaker-python-sdk/issues/3455); neither does
an empty output/data.
Several hosts' files go into one archive; where names clash the first host's file wins.
"""

import gzip
import os
import tarfile
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from pocketaws import s3_files
from pocketaws.training.failure import client_error

PART_BYTES = 8 << 20  # S3 takes parts of 5 MiB and more
GZIP_LEVEL = 1  # weights hardly shrink: level 9 costs 10 times the seconds for 1 % of the size


def output_uri(request: dict) -> str:
    """ "s3://bucket/path/<job>/output": where everything of a job goes."""
    path = request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    return f"{path}/{request['TrainingJobName']}/output"


def is_plain(request: dict) -> bool:
    """Whether the results are wanted as files instead of an archive."""
    return request["OutputDataConfig"].get("CompressionType", "GZIP") == "NONE"


def model_uri(request: dict) -> str:
    """ModelArtifacts.S3ModelArtifacts."""
    return output_uri(request) + ("/model/" if is_plain(request) else "/model.tar.gz")


def upload_model(s3, request: dict, folders: list[Path]) -> bool:
    """Upload what the hosts left in their model folders; False when that is nothing."""
    return _upload(s3, model_uri(request), folders)


def upload_output(s3, request: dict, folders: list[Path]) -> bool:
    """Upload what the hosts left in output/data; False when that is nothing."""
    uri = output_uri(request) + ("/data/" if is_plain(request) else "/output.tar.gz")
    return _upload(s3, uri, folders)


def _upload(s3, uri: str, folders: list[Path]) -> bool:
    found = files_of(folders)
    if not found:
        return False
    bucket, key = s3_files.split_uri(uri)
    try:
        if key.endswith("/"):
            for name, path in found.items():
                if path.is_file():
                    s3_files.upload(s3, path, bucket, key + name)
        else:
            _upload_tar(s3, bucket, key, found)
    except (ClientError, BotoCoreError) as err:
        raise client_error(f"Artifact upload failed:{uri}: {err}") from err
    return True


def files_of(folders: list[Path]) -> dict[str, Path]:
    """Everything below the folders by relative name, folders included, sorted; the first folder's wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        for root, names, files in os.walk(folder):
            for name in [*names, *files]:
                path = Path(root, name)
                found.setdefault(path.relative_to(folder).as_posix(), path)
    return dict(sorted(found.items()))


def _upload_tar(s3, bucket: str, key: str, found: dict[str, Path]) -> None:
    with _MultipartFile(s3, bucket, key) as upload:
        with (
            gzip.GzipFile(filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=upload) as packed,
            tarfile.open(fileobj=packed, mode="w|", bufsize=1 << 20) as tar,
        ):
            for name, path in found.items():
                tar.add(path.resolve() if _leads_out(path, found) else path, arcname=name, recursive=False)


def _leads_out(path: Path, found: dict[str, Path]) -> bool:
    """A link to a file elsewhere would be broken in the archive: the file itself goes in."""
    return path.is_symlink() and path.is_file() and path.resolve() not in set(found.values())


class _MultipartFile:
    """A file to write to whose bytes go to S3 in parts: an archive is never whole in memory or on disk.

    One part or less becomes a plain PutObject. An error in the `with` block leaves no object behind.
    """

    def __init__(self, s3, bucket: str, key: str):
        self._s3 = s3
        self._place = {"Bucket": bucket, "Key": key}
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._parts: list[dict] = []

    def write(self, data) -> int:
        self._buffer += data
        while len(self._buffer) >= PART_BYTES:
            self._send(bytes(self._buffer[:PART_BYTES]))
            del self._buffer[:PART_BYTES]
        return len(data)

    def flush(self) -> None:
        """Nothing to do: parts go when they are full."""

    def __enter__(self):
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is not None:
            if self._upload_id:
                self._s3.abort_multipart_upload(**self._place, UploadId=self._upload_id)
        elif self._upload_id is None:
            self._s3.put_object(**self._place, Body=bytes(self._buffer))
        else:
            if self._buffer:
                self._send(bytes(self._buffer))
            self._s3.complete_multipart_upload(
                **self._place, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
            )

    def _send(self, part: bytes) -> None:
        if self._upload_id is None:
            self._upload_id = self._s3.create_multipart_upload(**self._place)["UploadId"]
        number = len(self._parts) + 1
        sent = self._s3.upload_part(**self._place, UploadId=self._upload_id, PartNumber=number, Body=part)
        self._parts.append({"ETag": sent["ETag"], "PartNumber": number})
