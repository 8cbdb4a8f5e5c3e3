"""Data files of a customization: S3 objects read line by line, in flat memory, and kept on disk."""

from collections.abc import Iterator
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from pocketaws.bedrock_tuning.training_rules import MAX_LINE_BYTES, TRAINING, Problem
from pocketaws.s3_files import S3FilesError, split_uri

CHUNK_BYTES = 1 << 20
# Titan's files: 1 GB to train on, 100 MB to validate with (model-customization-prepare, read 2026-11). For
# the other families no size is documented; chosen: the same, as the local AWS keeps all objects in memory.
MAX_BYTES = {"training": 10**9, "validation": 10**8}


class DataFile:
    """One S3 object of a job.

    uri    such as "s3://bucket/train.jsonl"     kind   "training" or "validation"
    """

    def __init__(self, s3, uri: str, kind: str = TRAINING):
        self.s3, self.uri, self.kind = s3, uri, kind
        self.bucket, self.key = split_uri(uri)
        self.name = self.key.rpartition("/")[2]

    def file_problems(self) -> Iterator[Problem]:
        """wrong-extension and file-too-large, without reading the file. Raises S3FilesError."""
        if not self.key.endswith(".jsonl"):  # check_jsonl_file of AWS's validator
            yield Problem(
                0, "wrong-extension", f"the file is called {self.name}; it must end in .jsonl.", self.kind
            )
        size, most = self._size(), MAX_BYTES[self.kind]
        if size > most:
            yield Problem(
                0, "file-too-large", f"the file has {size:,} bytes, and {most:,} are the most.", self.kind
            )

    def lines(self, copy: Path, should_stop=lambda: None) -> Iterator[bytes]:
        """The file's lines, each without its line feed; what is read is written to `copy`.

        A line longer than MAX_LINE_BYTES comes cut. should_stop is called between chunks; it raises to break
        off.
        Raises S3FilesError; OSError passes through.
        """
        rest, skipping = b"", False
        with self._body() as body, open(copy, "wb") as file:
            while data := body.read(CHUNK_BYTES):
                should_stop()
                file.write(data)
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    if not skipping:
                        yield line
                    skipping = False
                if len(rest) > MAX_LINE_BYTES:
                    if not skipping:
                        yield rest
                    rest, skipping = b"", True
            if rest and not skipping:
                yield rest

    def _size(self) -> int:
        try:
            return self.s3.head_object(Bucket=self.bucket, Key=self.key)["ContentLength"]
        except (ClientError, BotoCoreError) as err:
            raise self._not_readable() from err

    def _body(self):
        try:
            return self.s3.get_object(Bucket=self.bucket, Key=self.key)["Body"]
        except (ClientError, BotoCoreError) as err:
            raise self._not_readable() from err

    def _not_readable(self) -> S3FilesError:
        # The words of "Troubleshooting model customization issues" (Bedrock user guide, read 2026-11).
        return S3FilesError(
            f"Could not validate GetObject permissions to access Amazon S3 bucket: {self.bucket} at key "
            f"{self.key}"
        )
