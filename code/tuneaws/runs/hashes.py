"""The hash of a data set or of code, as the training script computes it in the job (container provenance.py).

    folder_hash("code/container/training", CODE)   == train_metrics.json's run.code
    s3_hash(s3, "s3://bucket/data/train/")         == train_metrics.json's run.data.training

One line a file, "<sha256 of the file> <bytes>\\n", in the order of their names; the names are not part of it.
"""

import hashlib
from pathlib import Path

from tuneaws import buckets

CODE = ("*.py", "requirements*.txt")  # what the training script counts as its code
BLOCK = 1 << 20


def folder_hash(path, patterns=("*",)) -> dict:
    """{"sha256", "files", "bytes"} of a file, or of the files of a folder that a pattern fits, all levels.

    What Python caches (__pycache__) and hidden files are left out.
    """
    path = Path(path)
    if path.is_file():
        return _whole([(_hash_of(path), path.stat().st_size)])
    found = {each.relative_to(path).as_posix(): each for pattern in patterns for each in path.rglob(pattern)
             if each.is_file()}
    names = [name for name in sorted(found)
             if not any(part == "__pycache__" or part.startswith(".") for part in name.split("/"))]
    return _whole([(_hash_of(found[name]), found[name].stat().st_size) for name in names])


def s3_hash(s3, uri: str) -> dict:
    """{"sha256", "files", "bytes"} of the objects below a prefix, read in full: costs their download.

    Raises  buckets.BucketError if there is nothing
    """
    bucket, prefix = buckets.split_uri(uri)
    entries = [each for each in buckets.list_objects(s3, bucket, prefix) if not each["key"].endswith("/")]
    if not entries:
        raise buckets.BucketError(f"there is nothing at {uri}. Fix: look at the job's InputDataConfig")
    hashed = []
    for entry in sorted(entries, key=lambda each: each["key"]):
        digest = hashlib.sha256()
        for block in s3.get_object(Bucket=bucket, Key=entry["key"])["Body"].iter_chunks(BLOCK):
            digest.update(block)
        hashed.append((digest.hexdigest(), entry["bytes"]))
    return _whole(hashed)


def _hash_of(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _whole(files: list) -> dict:
    """One hash of [(hash, bytes), …]."""
    total = hashlib.sha256("".join(f"{digest} {size}\n" for digest, size in files).encode())
    return {"sha256": total.hexdigest(), "files": len(files), "bytes": sum(size for _, size in files)}
