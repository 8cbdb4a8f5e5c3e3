"""What one lesson leaves in S3 for the next: the rows of a data set, one prefix for each channel.

    s3://<bucket>/data/<data set>/train/train.jsonl
                                 /validation/validation.jsonl
                                 /test/test.jsonl

The name of the data set is part of the key, so your own rows and the course's do not mix.
"""

import re
import tempfile
from pathlib import Path

from tuneaws import buckets, data

SPLITS = ("train", "validation", "test")


def data_prefix(source: str) -> str:
    """Where the rows of a source lie in the bucket: "pocketaws/dialogues" → "data/dialogues"."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", Path(source).stem).strip("-").lower()
    return f"data/{name or 'rows'}"


def find_rows(s3, bucket: str, source: str) -> dict:
    """Return {"train": "s3://.../train/", ...} of the splits that are in the bucket; {} when none is.

    The URIs are prefixes with a slash at their end: what a training channel takes.
    """
    prefix = data_prefix(source)
    keys = {entry["key"] for entry in buckets.list_objects(s3, bucket, f"{prefix}/")}
    there = [split for split in SPLITS if f"{prefix}/{split}/{split}.jsonl" in keys]
    return {split: f"s3://{bucket}/{prefix}/{split}/" for split in there}


def upload_rows(s3, bucket: str, source: str, splits: dict, prompt, folder) -> dict:
    """Write the splits as JSONL to `folder`, upload them, and return what find_rows() finds.

    splits  {"train": [row, ...], "validation": ..., "test": ...}, from data.split()
    prompt  has .system and .user, see data.build_messages()
    """
    for split in SPLITS:
        path = Path(folder) / split / f"{split}.jsonl"
        data.write_jsonl((data.build_messages(row, prompt) for row in splits[split]), path)
        data.upload_jsonl(s3, path, bucket, f"{data_prefix(source)}/{split}")
    return find_rows(s3, bucket, source)


def find_or_make_rows(s3, bucket: str, dataset, prompt) -> dict:
    """Return the rows that lesson 02 uploaded; when there are none, make them as lesson 02 does.

    dataset, prompt  the sections of the configuration. Costs a few seconds, and three uploads.
    Prints which of the two it was. Raises data.DataError when the source can't be read.
    """
    found = find_rows(s3, bucket, dataset.source)
    if len(found) == len(SPLITS):
        print(f"rows of {dataset.source}: found in s3://{bucket}/{data_prefix(dataset.source)}/")
        return found
    rows, _ = data.clean(data.read_rows(dataset.source, dataset.fields), dataset.max_chars)
    sizes = (dataset.train_rows, dataset.validation_rows, dataset.test_rows)
    with tempfile.TemporaryDirectory() as folder:
        splits = data.split(rows, *sizes, seed=dataset.seed)
        found = upload_rows(s3, bucket, dataset.source, splits, prompt, folder)
    print(f"rows of {dataset.source}: none in the bucket, so they were made as lesson 02 makes them")
    return found
