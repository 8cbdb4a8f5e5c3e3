"""A job's description, read back as the arguments of the estimator that started it (HuggingFace.attach)."""

from __future__ import annotations

import json
import re
from typing import Any

SCRIPT_MODE = (
    "sagemaker_submit_directory",
    "sagemaker_program",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "sagemaker_region",
)
TAG = re.compile(r"^(?P<pytorch>.+)-transformers(?P<transformers>.+)-(?:cpu|gpu)-(?P<python>py3\d*)")
TIME_STAMP = re.compile(r"-\d{4}(-\d\d){5}-\d{3}$")


def arguments_of(description: dict, model_channel_name: str = "model") -> tuple[dict, dict]:
    """Return (constructor arguments, script-mode hyperparameters) of a job from DescribeTrainingJob's answer.

    Raises  ValueError if the job was not started by a framework estimator: it has no script to go on with.
    """
    name = description["TrainingJobName"]
    decoded = _decoded(name, description.get("HyperParameters", {}))
    if "sagemaker_program" not in decoded:
        raise ValueError(
            f"{name} was not started by a HuggingFace estimator: it has no sagemaker_program. "
            "Fix: tuneaws.training_jobs.describe shows any job."
        )
    script_mode = {key: decoded.pop(key) for key in SCRIPT_MODE if key in decoded}
    channels = {channel["ChannelName"]: channel for channel in description.get("InputDataConfig", [])}
    found = {
        "entry_point": script_mode["sagemaker_program"],
        "source_dir": script_mode["sagemaker_submit_directory"],
        "container_log_level": script_mode.get("sagemaker_container_log_level", 20),
        "hyperparameters": decoded,
        **_image(description["AlgorithmSpecification"]),
        **_resources(description["ResourceConfig"]),
        **_rest(description),
    }
    if found.get("enable_network_isolation") and "code" in channels:
        found["source_dir"] = _uri(channels["code"])
    if model_channel_name in channels:
        found |= {"model_channel_name": model_channel_name, "model_uri": _uri(channels[model_channel_name])}
    given = {key: value for key, value in found.items() if value is not None or key == "py_version"}
    return given, script_mode


def _decoded(job_name: str, hyperparameters: dict[str, str]) -> dict[str, Any]:
    try:
        return {key: json.loads(text) for key, text in hyperparameters.items()}
    except ValueError as err:
        raise ValueError(
            f"{job_name}'s hyperparameters are not JSON texts, so no estimator started it: {hyperparameters}."
        ) from err


def _image(algorithm: dict) -> dict:
    """The versions in an image of AWS's, or the image itself."""
    image = algorithm["TrainingImage"]
    repository, _, tag = image.rpartition("/")[2].partition(":")
    found = TAG.match(tag) if repository == "huggingface-pytorch-training" else None
    versions: dict[str, Any] = {"py_version": None, "image_uri": image}
    if found:
        versions = {
            "py_version": found["python"],
            "pytorch_version": found["pytorch"],
            "transformers_version": found["transformers"],
        }
    registry = algorithm.get("TrainingImageConfig", {})
    credentials = registry.get("TrainingRepositoryAuthConfig", {})
    return {
        **versions,
        "input_mode": algorithm["TrainingInputMode"],
        "metric_definitions": algorithm.get("MetricDefinitions"),
        "enable_sagemaker_metrics": algorithm.get("EnableSageMakerMetricsTimeSeries"),
        "container_entry_point": algorithm.get("ContainerEntrypoint"),
        "container_arguments": algorithm.get("ContainerArguments"),
        "training_repository_access_mode": registry.get("TrainingRepositoryAccessMode"),
        "training_repository_credentials_provider_arn": credentials.get(
            "TrainingRepositoryCredentialsProviderArn"
        ),
    }


def _resources(resources: dict) -> dict:
    groups = None
    if resources.get("InstanceGroups"):
        from sagemaker.core.instance_group import InstanceGroup

        groups = [
            InstanceGroup(group["InstanceGroupName"], group["InstanceType"], group["InstanceCount"])
            for group in resources["InstanceGroups"]
        ]
    return {
        "instance_type": None if groups else resources["InstanceType"],
        "instance_count": None if groups else resources["InstanceCount"],
        "instance_groups": groups,
        "volume_size": resources["VolumeSizeInGB"],
        "volume_kms_key": resources.get("VolumeKmsKeyId"),
        "keep_alive_period_in_seconds": resources.get("KeepAlivePeriodInSeconds"),
        "training_plan": resources.get("TrainingPlanArn"),
        "instance_placement_config": resources.get("InstancePlacementConfig"),
    }


def _rest(job: dict) -> dict:
    output, vpc, stopping = job["OutputDataConfig"], job.get("VpcConfig", {}), job["StoppingCondition"]
    checkpoints = job.get("CheckpointConfig", {})
    return {
        "role": job["RoleArn"],
        "base_job_name": TIME_STAMP.sub("", job["TrainingJobName"]),
        "output_path": output["S3OutputPath"],
        "output_kms_key": output.get("KmsKeyId") or None,
        "disable_output_compression": output.get("CompressionType") == "NONE",
        "subnets": vpc.get("Subnets"),
        "security_group_ids": vpc.get("SecurityGroupIds"),
        "max_run": stopping["MaxRuntimeInSeconds"],
        "max_wait": stopping.get("MaxWaitTimeInSeconds"),
        "use_spot_instances": job.get("EnableManagedSpotTraining", False),
        "checkpoint_s3_uri": checkpoints.get("S3Uri"),
        "checkpoint_local_path": checkpoints.get("LocalPath"),
        "environment": job.get("Environment"),
        "enable_network_isolation": job.get("EnableNetworkIsolation"),
        "encrypt_inter_container_traffic": job.get("EnableInterContainerTrafficEncryption"),
        "max_retry_attempts": job.get("RetryStrategy", {}).get("MaximumRetryAttempts"),
        "enable_remote_debug": job.get("RemoteDebugConfig", {}).get("EnableRemoteDebug"),
        "enable_infra_check": job.get("InfraCheckConfig", {}).get("EnableInfraCheck"),
        "disable_profiler": job.get("ProfilerConfig", {}).get("DisableProfiler"),
        "debugger_hook_config": None if job.get("DebugHookConfig") else False,
    }


def _uri(channel: dict) -> str:
    return channel["DataSource"]["S3DataSource"]["S3Uri"]
