"""The CreateTrainingJob request, built and not sent: print it before you pay, compare it in a test.

Members and their defaults are those of sagemaker 2.257.7 (Session._get_train_request and the estimator's
_get_train_args), read 2026-11. The limits are botocore 1.44.5's.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

from tuneaws.estimator.arguments import JOB_NAME, Arguments

MAX_HYPERPARAMETERS, MAX_KEY, MAX_VALUE = 100, 256, 2500  # count, characters, characters


def training_job_request(
    a: Arguments,
    *,
    job_name: str,
    image_uri: str,
    role_arn: str,
    output_path: str,
    hyperparameters: dict[str, str],
    channels: list[dict] | None,
    input_mode: str,
    network_isolation: bool | None = None,
    experiment_config: dict | None = None,
    debugger: bool = True,
) -> dict:
    """Return the members of CreateTrainingJob.

    hyperparameters  names and JSON texts, see encode()      channels  see channels.input_channels
    output_path      s3:// prefix that the model goes to     debugger  whether the region has Debugger
    """
    request = {
        "TrainingJobName": job_name,
        "AlgorithmSpecification": _algorithm(a, image_uri, input_mode),
        "RoleArn": role_arn,
        "InputDataConfig": channels,
        "OutputDataConfig": _output(a, output_path),
        "ResourceConfig": _resources(a),
        "StoppingCondition": _stopping(a),
        "HyperParameters": hyperparameters or None,
        "Environment": a.environment,
        "Tags": tag_list(a.tags),
        "VpcConfig": _vpc(a),
        "ExperimentConfig": experiment_config or None,
        "CheckpointConfig": _checkpoints(a),
        "RetryStrategy": _one("MaximumRetryAttempts", a.max_retry_attempts),
        "RemoteDebugConfig": _one("EnableRemoteDebug", a.enable_remote_debug),
        "SessionChainingConfig": _one("EnableSessionTagChaining", a.enable_session_tag_chaining),
        "InfraCheckConfig": _one("EnableInfraCheck", a.enable_infra_check),
        "EnableNetworkIsolation": network_isolation or None,
        "EnableInterContainerTrafficEncryption": a.encrypt_inter_container_traffic or None,
        "EnableManagedSpotTraining": a.use_spot_instances or None,
        **_debugging(a, output_path, debugger),
    }
    return _given(request)


def encode(hyperparameters: dict[Any, Any]) -> dict[str, str]:
    """Return every value as JSON text, as SDK 2 sends it and the container's toolkit reads it.

    Raises  ValueError for a value that JSON does not have, and over AWS's limits.
    """
    encoded = {}
    for name, value in hyperparameters.items():
        try:
            encoded[str(name)] = json.dumps(value)
        except (TypeError, ValueError) as err:
            raise ValueError(
                f"hyperparameter {name!r} is a {type(value).__name__}: {value!r}. Fix: a string, number, "
                "boolean, list or dict; a Path is str(path), an array array.tolist()."
            ) from err
    _check_limits(encoded)
    return encoded


def job_name(base: str, now: float | None = None) -> str:
    """Return base and a UTC time in ms, at most 63 characters: "base-2026-11-22-08-30-00-123"."""
    now = time.time() if now is None else now
    stamp = time.strftime("%Y-%m-%d-%H-%M-%S", time.gmtime(now)) + f"-{int(now * 1000) % 1000:03d}"
    return f"{base[: 62 - len(stamp)]}-{stamp}"


def check_job_name(name: str) -> str:
    """Return the name. Raises ValueError if AWS would refuse it."""
    if not JOB_NAME.fullmatch(name):
        fixed = re.sub("[^a-zA-Z0-9]+", "-", name).strip("-")[:63].strip("-")
        raise ValueError(
            f"job name {name!r} has {len(name)} characters. AWS takes at most 63: letters, digits and "
            f"hyphens, none at an end. Fix: {fixed!r}."
        )
    return name


def base_name(image_uri: str) -> str:
    """The repository's name in an image URI: "huggingface-pytorch-training" for AWS's images."""
    found = re.match(r"^(.+/)?([^:/]+)(:[^:]+)?$", image_uri)
    return found.group(2) if found else image_uri


def tag_list(tags: dict | list | None) -> list[dict] | None:
    """{"name": "value"} as AWS's list of Key and Value; such a list as it is."""
    if isinstance(tags, dict):
        return [{"Key": str(key), "Value": str(value)} for key, value in tags.items()]
    return tags


def _check_limits(encoded: dict[str, str]) -> None:
    if len(encoded) > MAX_HYPERPARAMETERS:
        raise ValueError(f"{len(encoded)} hyperparameters; AWS takes {MAX_HYPERPARAMETERS}. Fix: use a file.")
    for name, text in encoded.items():
        if len(name) > MAX_KEY or len(text) > MAX_VALUE:
            raise ValueError(
                f"hyperparameter {name[:40]!r} has {len(name)} and {len(text)} characters (name, value); "
                f"AWS takes {MAX_KEY} and {MAX_VALUE}. Fix: put it in a file in source_dir."
            )


def _algorithm(a: Arguments, image_uri: str, input_mode: str) -> dict:
    image_config = None
    if a.training_repository_access_mode is not None:
        arn = a.training_repository_credentials_provider_arn
        image_config = _given(
            {
                "TrainingRepositoryAccessMode": a.training_repository_access_mode,
                "TrainingRepositoryAuthConfig": _one("TrainingRepositoryCredentialsProviderArn", arn),
            }
        )
    return _given(
        {
            "TrainingImage": image_uri,
            "TrainingInputMode": input_mode,
            "MetricDefinitions": a.metric_definitions,
            "EnableSageMakerMetricsTimeSeries": a.enable_sagemaker_metrics,
            "ContainerEntrypoint": a.container_entry_point,
            "ContainerArguments": a.container_arguments,
            "TrainingImageConfig": image_config,
        }
    )


def _output(a: Arguments, output_path: str) -> dict:
    compression = "NONE" if a.disable_output_compression else None
    return _given({"S3OutputPath": output_path, "KmsKeyId": a.output_kms_key, "CompressionType": compression})


def _resources(a: Arguments) -> dict:
    groups = [group._to_request_dict() for group in a.instance_groups] if a.instance_groups else None
    return _given(
        {
            "InstanceType": a.instance_type,
            "InstanceCount": a.instance_count,
            "InstanceGroups": groups,
            "VolumeSizeInGB": a.volume_size,
            "VolumeKmsKeyId": a.volume_kms_key,
            "KeepAlivePeriodInSeconds": a.keep_alive_period_in_seconds,
            "TrainingPlanArn": a.training_plan,
            "InstancePlacementConfig": a.instance_placement_config,
        }
    )


def _stopping(a: Arguments) -> dict:
    return _given({"MaxRuntimeInSeconds": a.max_run, "MaxWaitTimeInSeconds": a.max_wait or None})


def _vpc(a: Arguments) -> dict | None:
    if a.subnets is None:
        return None
    return {"Subnets": a.subnets, "SecurityGroupIds": a.security_group_ids}


def _checkpoints(a: Arguments) -> dict | None:
    if not a.checkpoint_s3_uri:
        return None
    return _given({"S3Uri": a.checkpoint_s3_uri, "LocalPath": a.checkpoint_local_path or None})


def _debugging(a: Arguments, output_path: str, supported: bool) -> dict:
    """What SDK 2 always sends: a Debugger hook and a profiler that write below output_path."""
    found = {}
    if a.debugger_hook_config is not False and supported:
        found["DebugHookConfig"] = _hook(a.debugger_hook_config, output_path)
    if a.tensorboard_output_config:
        found["TensorBoardOutputConfig"] = a.tensorboard_output_config._to_request_dict()
    if a.profiler_config:
        found["ProfilerConfig"] = _with_path(a.profiler_config, output_path)
    else:
        on = supported and not a.disable_profiler and not str(a.instance_type).startswith("ml.trn")
        found["ProfilerConfig"] = (
            {"S3OutputPath": output_path, "DisableProfiler": False} if on else {"DisableProfiler": True}
        )
    return found


def _hook(config: Any, output_path: str) -> dict:
    if config in (None, True, {}):
        return {"S3OutputPath": output_path, "CollectionConfigurations": []}
    return {"CollectionConfigurations": [], **_with_path(config, output_path)}


def _with_path(config: Any, output_path: str) -> dict:
    """A Debugger object of the SDK as request members, writing below output_path unless it says where."""
    found = config._to_request_dict()
    if not found.get("S3OutputPath") and not found.get("DisableProfiler"):
        found["S3OutputPath"] = output_path
    return found


def _one(member: str, value: Any) -> dict | None:
    return None if value is None else {member: value}


def _given(members: dict) -> dict:
    return {name: value for name, value in members.items() if value is not None}
