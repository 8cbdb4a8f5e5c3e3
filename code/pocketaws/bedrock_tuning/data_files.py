"""Data files of a customization: S3 objects read line by line, in flat memory, and kept on disk."""

import re
from collections.abc import Iterator
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from pocketaws.bedrock_tuning.training_rules import MAX_LINE_BYTES, TRAINING, VALIDATION, Problem
from pocketaws.s3_files import S3FilesError, split_uri

CHUNK_BYTES = 1 << 20
# What a family's limits say, "max_training_bytes" and "max_validation_bytes", are Titan's 1 GB and 100 MB
# (model-customization-prepare, read 2026-11). Of the others no size is documented; chosen: what one PUT to S3
# takes, 5 GB (Amazon S3 user guide, upload-objects, read 2026-11).
ONE_PUT = 5 * 1024**3
# "These file names can consist of only alphanumeric characters, underscores, hyphens, slashes, and dots"
# (Nova user guide, fine-tune-prepare-data-understanding, read 2026-11); held for every family.
NAME = re.compile(r"[\w./-]+", re.ASCII)


class DataFile:
    """One S3 object of a job.

    uri    such as "s3://bucket/train.jsonl"     kind   "training" or "validation"
    """

    def __init__(self, s3, uri: str, kind: str = TRAINING):
        self.s3, self.uri, self.kind = s3, uri, kind
        self.bucket, self.key = split_uri(uri)
        self.name = self.key.rpartition("/")[2]

    def file_problems(self, limits: dict) -> Iterator[Problem]:
        """What is wrong with the file's name, place and size, without reading it. Raises S3FilesError."""
        if self.kind == VALIDATION and not limits.get("validation", True):
            text = "this model takes no validation data."  # Nova 2: validate_dataset_level of AWS's validator
            yield Problem(0, "validation-not-supported", text, self.kind)
            return
        if not NAME.fullmatch(self.key):
            text = f"the name {self.key!r} has characters beyond letters, digits, '_', '-', '/' and '.'."
            yield Problem(0, "bad-file-name", text, self.kind)
        if not self.key.endswith(".jsonl"):  # check_jsonl_file of AWS's validator
            yield Problem(
                0, "wrong-extension", f"the file is called {self.name}; it must end in .jsonl.", self.kind
            )
        size, most = self._size(), limits.get(f"max_{self.kind}_bytes", ONE_PUT)
        if size > most:
            text = f"the file has {size:,} bytes, and {most:,} are the most."
            yield Problem(0, "file-too-large", text, self.kind)

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
