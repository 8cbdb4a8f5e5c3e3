"""What fit() takes as inputs, turned into the InputDataConfig of CreateTrainingJob."""

from __future__ import annotations

from typing import Any

MODEL_CONTENT_TYPE = "application/x-sagemaker-model"  # what SDK 2 sends for model_uri


def input_channels(inputs: Any) -> list[dict] | None:
    """Return a list of channels, or None for no inputs.

    inputs  "s3://…" or a TrainingInput: the channel is called training; {"name": either}: one channel each.
            TrainingInput and FileSystemInput are SDK 3's, in sagemaker.core.inputs; what counts is .config
    Raises  ValueError for anything else, such as a path on this machine.
    """
    if inputs is None:
        return None
    if not isinstance(inputs, dict):
        inputs = {"training": inputs}
    return [{**_config(name, value), "ChannelName": name} for name, value in inputs.items()]


def own_input_mode(inputs: Any) -> str | None:
    """The input mode of a single TrainingInput: SDK 2 sends it as the mode of the whole job."""
    return getattr(inputs, "config", {}).get("InputMode")


def add_channel(channels: list[dict] | None, name: str, uri: str, **more: str) -> list[dict]:
    """Return the channels with one more. Raises ValueError if there is one of that name already."""
    if any(channel["ChannelName"] == name for channel in channels or []):
        raise ValueError(f"there is a channel {name!r} in inputs already. Fix: rename it in fit(inputs).")
    return [*(channels or []), {**s3_channel(uri), **more, "ChannelName": name}]


def s3_channel(uri: str) -> dict:
    """A channel, without its name, of everything under one S3 prefix, whole on every instance."""
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"DataSource": {"S3DataSource": source}}


def _config(name: str, value: Any) -> dict:
    if isinstance(value, str):
        if value.startswith("s3://"):
            return s3_channel(value)
        raise ValueError(
            f"channel {name!r}: {value!r} is not in S3, and a job reads S3 only. Fix: upload it with "
            'tuneaws.data and give the s3:// URI. With WHERE = "local" S3 is on this machine and free.'
        )
    if isinstance(getattr(value, "config", None), dict):
        return value.config
    raise ValueError(
        f"channel {name!r} is a {type(value).__name__}: {value!r}. Fix: an s3:// URI or "
        "sagemaker.core.inputs.TrainingInput(s3_data=…)."
    )
