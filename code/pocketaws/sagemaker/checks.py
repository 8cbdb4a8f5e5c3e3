"""What AWS checks of a CreateTrainingJob beyond botocore's model, with AWS's code and, where known, words.

Wordings from public reports, read 2026-11: missing data, amazon-sagemaker-examples issue 2267; spot, sagify
issue 111; role, awslabs/predictive-maintenance-using-machine-learning issue 3; image, sagemaker-python-sdk
issue 2063. Where no report was found, the message says plainly what is wrong.
"""

import re
from urllib.parse import urlsplit

from pocketaws import resources
from pocketaws.errors import not_here, validation_error
from pocketaws.iam.policies import trusts
from pocketaws.training import interruption

SAGEMAKER = "sagemaker.amazonaws.com"
# Members whose effect the local AWS cannot give. To accept them and do nothing would be to pretend.
NOT_HERE = (
    "VpcConfig", "TensorBoardOutputConfig", "SessionChainingConfig",
    "ServerlessJobConfig", "MlflowConfig", "ModelPackageConfig", "EnableNetworkIsolation",
    "DebugRuleConfigurations", "ProfilerRuleConfigurations",
)  # fmt: skip
RESOURCES_NOT_HERE = ("InstanceGroups", "TrainingPlanArn", "InstancePlacementConfig", "InstancePreferences")


def refuse_what_is_not_here(request: dict) -> None:
    """Raise NotImplemented, by name, for members of a valid request that the local AWS cannot honour."""
    found = [name for name in NOT_HERE if request.get(name)]
    found += [
        f"ResourceConfig.{name}" for name in RESOURCES_NOT_HERE if request.get("ResourceConfig", {}).get(name)
    ]
    if request.get("RemoteDebugConfig", {}).get("EnableRemoteDebug"):
        found.append("RemoteDebugConfig.EnableRemoteDebug")
    algorithm = request.get("AlgorithmSpecification", {})
    if "AlgorithmName" in algorithm and "TrainingImage" not in algorithm:
        found.append("AlgorithmSpecification.AlgorithmName")
    for channel in request.get("InputDataConfig", []):
        found += [
            f"channel {channel['ChannelName']} with {what}" for what in _channel_not_here(channel, algorithm)
        ]
    if found:
        raise not_here("sagemaker", f"CreateTrainingJob with {', '.join(found)}")


def _channel_not_here(channel: dict, algorithm: dict):
    source = channel["DataSource"]
    for kind in ("FileSystemDataSource", "DatasetSource"):
        if kind in source:
            yield kind
    if channel.get("InputMode", algorithm.get("TrainingInputMode")) == "Pipe":
        yield "InputMode Pipe"
    if channel.get("RecordWrapperType", "None") != "None":
        yield f"RecordWrapperType {channel['RecordWrapperType']}"
    data = source.get("S3DataSource", {})
    if data.get("S3DataType") in ("AugmentedManifestFile", "Converse"):
        yield f"S3DataType {data['S3DataType']}"
    for kind in ("InstanceGroupNames", "ModelAccessConfig", "HubAccessConfig"):
        if data.get(kind):
            yield kind


def check_request(request: dict) -> None:
    """Raise a ValidationException for members that contradict each other or that no job could use."""
    for member in ("AlgorithmSpecification", "ResourceConfig"):
        if member not in request:
            raise validation_error(f"{member} is required.")
    _check_algorithm(request["AlgorithmSpecification"])
    _check_resources(request["ResourceConfig"])
    if request["ResourceConfig"].get("KeepAlivePeriodInSeconds") and request.get("EnableManagedSpotTraining"):
        raise validation_error(
            "KeepAlivePeriodInSeconds is not supported with EnableManagedSpotTraining: managed warm pools "
            "cannot be used with spot instances."
        )
    _check_channels(request.get("InputDataConfig", []))
    _check_stopping(request.get("StoppingCondition", {}), request.get("EnableManagedSpotTraining", False))
    keys = [tag["Key"] for tag in request.get("Tags", [])]
    if len(set(keys)) < len(keys):
        raise validation_error("Duplicate tag keys: each key can be given once.")
    for key in keys:
        if key.lower().startswith("aws:"):
            raise validation_error(
                f"Tag key {key!r}: aws: prefixed tag key names are not allowed for external use."
            )
    if interruption.TAG in keys and not request.get("EnableManagedSpotTraining"):
        raise validation_error(
            f"The tag {interruption.TAG} asks the local AWS to interrupt the job, and only managed spot "
            "training is interrupted: set EnableManagedSpotTraining."
        )


def _check_algorithm(algorithm: dict) -> None:
    if "AlgorithmName" in algorithm and "TrainingImage" in algorithm:
        raise validation_error("Both TrainingImage and AlgorithmName are given. Specify one of them.")
    if not algorithm.get("TrainingImage"):
        raise validation_error(
            "Either TrainingImage or AlgorithmName has to be given in AlgorithmSpecification."
        )
    if not re.fullmatch(r"[\w.\-]+(:\d+)?/[\w.\-/]+([:@][\w.\-:]+)?", algorithm["TrainingImage"]):
        raise validation_error(
            "Invalid training image. Please provide a valid Amazon Elastic Container Registry path of the "
            f"Docker image to run. Got {algorithm['TrainingImage']!r}."
        )
    for definition in algorithm.get("MetricDefinitions", []):
        _check_regex(definition)


def _check_regex(definition: dict) -> None:
    try:
        expression = re.compile(definition["Regex"])
    except re.error as err:
        raise validation_error(
            f"Invalid regular expression {definition['Regex']!r} in metric definition "
            f"{definition['Name']!r}: {err}"
        ) from err
    if expression.groups < 1:
        raise validation_error(
            f"Metric definition {definition['Name']!r}: {definition['Regex']!r} has no group in "
            "parentheses to take the value from."
        )


def _check_resources(config: dict) -> None:
    for name in ("InstanceType", "VolumeSizeInGB"):
        if name not in config:
            raise validation_error(f"ResourceConfig.{name} is required.")
    if config.get("InstanceCount", 1) < 1:
        raise validation_error("ResourceConfig.InstanceCount has to be 1 or more.")
    if config["VolumeSizeInGB"] < 1:
        raise validation_error("ResourceConfig.VolumeSizeInGB has to be 1 or more.")


def _check_channels(channels: list) -> None:
    names = [channel["ChannelName"] for channel in channels]
    for name in names:
        if names.count(name) > 1:
            raise validation_error(f"Duplicate channel name {name!r} in InputDataConfig.")
    for channel in channels:
        if "S3DataSource" not in channel["DataSource"]:
            raise validation_error(f"Channel {channel['ChannelName']!r} has no S3DataSource.")


def _check_stopping(condition: dict, spot: bool) -> None:
    wait = condition.get("MaxWaitTimeInSeconds")
    if wait is not None and not spot:
        raise validation_error(
            "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true"
        )
    if spot and (wait is None or wait < condition.get("MaxRuntimeInSeconds", 86_400)):
        raise validation_error(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
            "MaxRuntimeInSeconds when EnableManagedSpotTraining is set to true"
        )
    longest = 28 * 86_400
    if condition.get("MaxRuntimeInSeconds", 1) > longest:
        raise validation_error(
            f"MaxRuntimeInSeconds {condition['MaxRuntimeInSeconds']} is over {longest} (28 days)."
        )


def check_role(context, arn: str) -> None:
    """Raise a ValidationException when SageMaker could not assume the role."""
    if arn.split(":")[4] != context.account:
        raise validation_error(
            f"Cross-account pass role is not allowed: {arn} is not of account {context.account}."
        )
    role = resources.role(context.account, arn)
    if role is None or not trusts(role.assume_role_policy_document, SAGEMAKER):
        raise validation_error(
            f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
            f"'{SAGEMAKER}' to assume the role."
        )


def check_storage(context, request: dict) -> None:
    """Raise a ValidationException when a bucket is missing or elsewhere, or a channel has no objects."""
    for channel in request.get("InputDataConfig", []):
        _check_input(context, channel["DataSource"]["S3DataSource"]["S3Uri"], request["RoleArn"])
    outputs = {"OutputDataConfig.S3OutputPath": request["OutputDataConfig"]["S3OutputPath"]}
    if "CheckpointConfig" in request:
        outputs["CheckpointConfig.S3Uri"] = request["CheckpointConfig"]["S3Uri"]
    for member, uri in outputs.items():
        bucket, _ = split_uri(uri)
        region = resources.bucket_region(context.account, bucket)
        if region != context.region:
            where = "does not exist" if region is None else f"is in {region}"
            raise validation_error(
                f"The bucket of {member} {uri!r} {where}. Please ensure that the bucket exists in the "
                f"selected region ({context.region})."
            )


def _check_input(context, uri: str, role_arn: str) -> None:
    bucket, prefix = split_uri(uri)
    region = resources.bucket_region(context.account, bucket)
    if region == context.region and resources.has_objects(context.account, bucket, prefix):
        return
    message = (
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the '
        f"bucket exists in the selected region ({context.region}), that objects exist under that S3 prefix, "
        f'and that the role "{role_arn}" has "s3:ListBucket" permissions on bucket "{bucket}".'
    )
    if region is None:
        message += " Error message from S3: The specified bucket does not exist"
    elif region != context.region:
        message += f" The bucket is in {region}."
    raise validation_error(message)


def split_uri(uri: str) -> tuple[str, str]:
    """(bucket, key prefix) of s3://bucket/prefix or https://s3.region.amazonaws.com/bucket/prefix."""
    parts = urlsplit(uri)
    if parts.scheme == "s3":
        return parts.netloc, parts.path.lstrip("/")
    host = parts.netloc
    if host.split(".")[0].startswith("s3"):
        bucket, _, prefix = parts.path.lstrip("/").partition("/")
        return bucket, prefix
    return host.split(".s3")[0], parts.path.lstrip("/")
