"""Input channels: what InputDataConfig names in S3, as files below input/data/<channel>.

Rules of AWS (API_Channel, API_S3DataSource, 2026-11):
- S3Prefix takes every object whose key begins with the prefix, so s3://b/data/train takes data/train.csv too.
  Below the channel's folder an object has the part of its key after the prefix; where the prefix ends in the
  middle of a name, after the prefix's last "/". One object's whole key gives its base name.
- ManifestFile is a JSON list: [{"prefix": "s3://b/p/"}, "relative/a", "relative/b"].
- ShardedByS3Key gives each host every n-th object, FullyReplicated all of them.
- CompressionType is used in Pipe mode only; in File mode objects are files as they are.
FastFile differs from File in when bytes move, not in what a script sees, so here it is File. Pipe mode,
AugmentedManifestFile (which AWS has in Pipe mode only) and file systems are refused by name.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pocketaws import s3_files
from pocketaws.training.failure import client_error

PARALLEL = 4


@dataclass(frozen=True)
class Item:
    """One object to download, and its name below the channel's folder; a folder marker ends in "/"."""

    bucket: str
    key: str
    relative: str


def refused(request: dict) -> str | None:
    """Why the channels of a CreateTrainingJob cannot be served here, None when they can."""
    default_mode = request["AlgorithmSpecification"].get("TrainingInputMode", "File")
    for channel in request.get("InputDataConfig", []):
        name, source = channel["ChannelName"], channel["DataSource"]
        mode = channel.get("InputMode", default_mode)
        if mode == "Pipe":
            return f"channel {name!r} uses Pipe mode, which pocketaws does not have. Use File or FastFile."
        if "S3DataSource" not in source:
            kind = next(iter(source), "no data source")
            return f"channel {name!r} uses {kind}, which pocketaws has not. Use S3DataSource."
        if source["S3DataSource"]["S3DataType"] not in ("S3Prefix", "ManifestFile"):
            kind = source["S3DataSource"]["S3DataType"]
            return f"channel {name!r} uses {kind}, which pocketaws has not. Use S3Prefix or ManifestFile."
    return None


def input_data_config(request: dict) -> dict:
    """The contents of inputdataconfig.json: {channel: {"TrainingInputMode", …}}, every value a string."""
    default_mode = request["AlgorithmSpecification"].get("TrainingInputMode", "File")
    config = {}
    for channel in request.get("InputDataConfig", []):
        source = channel["DataSource"].get("S3DataSource", {})
        row = {
            "TrainingInputMode": channel.get("InputMode", default_mode),
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
        if channel.get("ContentType"):
            row["ContentType"] = channel["ContentType"]
        if channel.get("CompressionType", "None") != "None":
            row["CompressionType"] = channel["CompressionType"]
        config[channel["ChannelName"]] = row
    return config


def items(s3, channel: dict) -> list[Item]:
    """Every object of a channel, sorted by key. Raises JobFailure when there is none."""
    source = channel["DataSource"]["S3DataSource"]
    if source["S3DataType"] == "ManifestFile":
        return _manifest_items(s3, source["S3Uri"])
    bucket, prefix = s3_files.split_uri(source["S3Uri"])
    keys = [row["Key"] for row in _objects(s3, source["S3Uri"])]
    return [Item(bucket, key, name) for key in keys if (name := relative_name(key, prefix))]


def _objects(s3, uri: str) -> list[dict]:
    rows = s3_files.list_objects(s3, uri)
    if not rows:
        raise client_error(
            f'Data download failed:No S3 objects found under S3 URL "{uri}" given in input data source.'
            " Please ensure that the bucket exists in the selected region, and that objects exist under"
            " that S3 prefix."
        )
    return rows


def relative_name(key: str, prefix: str) -> str:
    """Where an object goes below the channel's folder; "" for the prefix's own folder marker.

    key "data/train/a/b.csv": prefix "data/train" or "data/train/" → "a/b.csv", "data/tr" → "train/a/b.csv",
    the whole key → "b.csv".
    """
    if key == prefix and not key.endswith("/"):
        return key.rpartition("/")[2]
    rest = key[len(prefix) :]
    if not prefix or prefix.endswith("/"):
        return rest
    if rest.startswith("/"):
        return rest.lstrip("/")
    return prefix.rpartition("/")[2] + rest


def _manifest_items(s3, uri: str) -> list[Item]:
    bucket, key = s3_files.split_uri(uri)
    text = s3_files.read(s3, bucket, key)
    try:
        head, *names = json.loads(text)
        prefix = head["prefix"]
        if not all(isinstance(name, str) for name in names):
            raise TypeError("every element after the first is a string")
    except (ValueError, TypeError, KeyError) as err:
        raise client_error(
            f'Data download failed:{uri} is not a manifest: {err}. Its form is [{{"prefix": "s3://bucket/some/"}},'
            ' "relative/name", …]'
        ) from err
    data_bucket, key_prefix = s3_files.split_uri(prefix)
    return [Item(data_bucket, key_prefix + name, name) for name in names]


def fetch(s3, request: dict, folders: list[Path], should_stop) -> None:
    """Download every channel for every host.

    folders   each host's input/data, in the order of the hosts
    Raises JobFailure for what AWS would end the job with; OSError passes through.
    """
    for channel in request.get("InputDataConfig", []):
        name = channel["ChannelName"]
        found = items(s3, channel)
        source = channel["DataSource"]["S3DataSource"]
        sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
        for rank, folder in enumerate(folders):
            (folder / name).mkdir(parents=True, exist_ok=True)
            mine = found[rank :: len(folders)] if sharded else found
            _download(s3, mine, folder / name, should_stop)


def _download(s3, found: list[Item], folder: Path, should_stop) -> None:
    def one(item: Item) -> None:
        should_stop()
        path = s3_files.safe_join(folder, item.relative, f"s3://{item.bucket}/{item.key}")
        if item.relative.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            s3_files.download(s3, item.bucket, item.key, path, should_stop)

    pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="download")
    try:
        for waiting in [pool.submit(one, item) for item in found]:
            waiting.result()
    finally:
        pool.shutdown(cancel_futures=True)
