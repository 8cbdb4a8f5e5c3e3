"""The requests that put a model behind an endpoint, built and not sent: print them before you pay.

    container = container_definition(image_uri, "s3://…/model.tar.gz", {"HF_TASK": "text-generation"})
    model_request("m", role_arn, container)                      -> CreateModel
    endpoint_config_request("c", [production_variant("m", "ml.g5.xlarge")])      -> CreateEndpointConfig
    endpoint_request("e", "c")                                   -> CreateEndpoint
    model_package_request(container, group="g")                  -> CreateModelPackage

Members and their defaults are those of sagemaker 2.257.7 (session.py: container_def, production_variant,
endpoint_from_production_variants, get_create_model_package_request), read 2026-11. What is None is not sent.
"""

from __future__ import annotations

import re
from typing import Any

from tuneaws.estimator.request import tag_list

VARIANT = "AllTraffic"  # the name that SDK 2 gives an endpoint's only variant
CODE_IN_CONTAINER = "/opt/ml/model/code"
ROUTING = ("RANDOM", "LEAST_OUTSTANDING_REQUESTS")
RESOURCE_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")  # botocore 1.44.5: ModelName, EndpointName, …
TIME_STAMP = re.compile(r"^(.+)-(\d{4}(-\d\d){5}-\d{3}|\d{6}-\d{4})")


def script_environment(program: str, directory: str, region: str, log_level: int = 20) -> dict[str, str]:
    """Return the variables by which the container finds the script, as SDK 2 sends them.

    program    the script's file name, "" for none    directory  CODE_IN_CONTAINER, "" for none
    log_level  a number of Python's logging module
    """
    return {
        "SAGEMAKER_PROGRAM": program,
        "SAGEMAKER_SUBMIT_DIRECTORY": directory,
        "SAGEMAKER_CONTAINER_LOG_LEVEL": str(log_level),
        "SAGEMAKER_REGION": region,
    }


def container_definition(
    image_uri: str,
    model_data: str | dict | None,
    environment: dict[str, str] | None = None,
    *,
    image_config: dict | None = None,
    accept_eula: bool | None = None,
    model_reference_arn: str | None = None,
) -> dict:
    """Return the container of CreateModel and CreateModelPackage.

    model_data   "s3://…/model.tar.gz", or a ModelDataSource such as {"S3DataSource": {"S3Uri": "s3://…/model/",
                 "S3DataType": "S3Prefix", "CompressionType": "None"}} for files that are not packed
    accept_eula  that you accept the licence of a model that has one
    """
    source = model_data if isinstance(model_data, dict) else None
    if isinstance(model_data, str) and accept_eula is not None and model_data.endswith("tar.gz"):
        source = _packed(model_data)
    if source and accept_eula is not None:
        source = _with(source, ModelAccessConfig={"AcceptEula": accept_eula})
    if source and model_reference_arn:
        source = _with(source, HubAccessConfig={"HubContentArn": model_reference_arn})
    return _given(
        {
            "Image": image_uri,
            "Environment": environment or {},
            "ModelDataSource": source,
            "ModelDataUrl": None if source else model_data,
            "ImageConfig": image_config or None,
        }
    )


def model_request(
    name: str,
    role_arn: str,
    container: dict,
    *,
    vpc_config: dict | None = None,
    network_isolation: bool | None = None,
    tags: Any = None,
) -> dict:
    """Return the members of CreateModel. A container that names a model package goes into Containers."""
    return _given(
        {
            "ModelName": check_name(name, "model"),
            "ExecutionRoleArn": role_arn,
            "PrimaryContainer": None if "ModelPackageName" in container else container,
            "Containers": [container] if "ModelPackageName" in container else None,
            "VpcConfig": vpc_config or None,
            "EnableNetworkIsolation": network_isolation or None,
            "Tags": tag_list(tags) or None,
        }
    )


def production_variant(
    model_name: str,
    instance_type: str | None = None,
    instance_count: int = 1,
    *,
    name: str = VARIANT,
    weight: float = 1,
    serverless: dict | None = None,
    volume_size_gb: int | None = None,
    download_timeout_s: int | None = None,
    startup_timeout_s: int | None = None,
    routing: dict | None = None,
    scaling: dict | None = None,
    inference_ami_version: str | None = None,
) -> dict:
    """Return one variant of CreateEndpointConfig: which model, on how many instances of which type.

    weight      this variant's share of the traffic is weight / sum of all weights
    serverless  {"MemorySizeInMB": …, "MaxConcurrency": …} instead of instances
    """
    instances = {
        "InitialInstanceCount": instance_count or 1,
        "InstanceType": instance_type,
        "VolumeSizeInGB": volume_size_gb,
        "ModelDataDownloadTimeoutInSeconds": download_timeout_s,
        "ContainerStartupHealthCheckTimeoutInSeconds": startup_timeout_s,
        "RoutingConfig": routing_config(routing),
    }
    return _given(
        {
            "VariantName": name,
            "ModelName": model_name,
            "InitialVariantWeight": weight,
            "ManagedInstanceScaling": scaling or None,
            **({"ServerlessConfig": serverless} if serverless else instances),
            "InferenceAmiVersion": inference_ami_version or None,
        }
    )


def endpoint_config_request(
    name: str,
    variants: list[dict],
    *,
    tags: Any = None,
    kms_key: str | None = None,
    data_capture: dict | None = None,
    async_inference: dict | None = None,
    explainer: dict | None = None,
) -> dict:
    """Return the members of CreateEndpointConfig."""
    return _given(
        {
            "EndpointConfigName": check_name(name, "endpoint config"),
            "ProductionVariants": variants,
            "Tags": tag_list(tags),
            "KmsKeyId": kms_key,
            "DataCaptureConfig": data_capture,
            "AsyncInferenceConfig": async_inference,
            "ExplainerConfig": explainer,
        }
    )


def endpoint_request(name: str, config_name: str, tags: Any = None) -> dict:
    """Return the members of CreateEndpoint. On AWS, sending this is what starts to cost money."""
    return {
        "EndpointName": check_name(name, "endpoint"),
        "EndpointConfigName": config_name,
        "Tags": tag_list(tags) or [],
    }


def model_package_request(
    container: dict,
    *,
    group: str | None = None,
    name: str | None = None,
    content_types: list[str] | None = None,
    response_types: list[str] | None = None,
    inference_instances: list[str] | None = None,
    transform_instances: list[str] | None = None,
    marketplace: bool = False,
    approval: str | None = None,
    skip_validation: str | None = None,
    **members: Any,
) -> dict:
    """Return the members of CreateModelPackage: a version in a group, or a package of its own name.

    approval  PendingManualApproval (when None), Approved or Rejected
    members   any other member by AWS's name: ModelMetrics={…}, CustomerMetadataProperties={…}, Domain="…"
    Raises    ValueError for a name and a group, and for a package of its own without the instance types
    """
    if name and group:
        raise ValueError(f"model package {name!r} and group {group!r}: give one. A group has versions.")
    if name and not (inference_instances and transform_instances):
        raise ValueError(
            f"model package {name!r}: without a group AWS wants inference_instances and "
            "transform_instances. Fix: give both, or model_package_group_name=…."
        )
    specification = {
        "Containers": [container],
        "SupportedContentTypes": content_types,
        "SupportedResponseMIMETypes": response_types,
        "SupportedRealtimeInferenceInstanceTypes": inference_instances,
        "SupportedTransformInstanceTypes": transform_instances,
    }
    return _given(
        {
            "ModelPackageName": name,
            "ModelPackageGroupName": group,
            "InferenceSpecification": _given(specification),
            "CertifyForMarketplace": marketplace,
            "ModelApprovalStatus": approval or "PendingManualApproval",
            "SkipModelValidation": skip_validation or "None",
            **members,
        }
    )


def routing_config(routing: dict | None) -> dict | None:
    """Return RoutingConfig with AWS's word for the strategy; an enum of the SDK's is taken too.

    Raises  ValueError for a strategy that AWS does not have
    """
    if not routing:
        return None
    strategy = routing.get("RoutingStrategy")
    word = str(getattr(strategy, "name", strategy)).upper()
    if word not in ROUTING or len(routing) > 1:
        known = " or ".join(f'{{"RoutingStrategy": "{each}"}}' for each in ROUTING)
        raise ValueError(f"routing_config={routing!r}. Fix: {known}.")
    return {"RoutingStrategy": word}


def check_name(name: str, what: str) -> str:
    """Return the name. Raises ValueError if AWS would refuse it; what is said in the message."""
    if not RESOURCE_NAME.fullmatch(name):
        fixed = re.sub("[^a-zA-Z0-9]+", "-", name).strip("-")[:63].strip("-")
        raise ValueError(
            f"{what} name {name!r} has {len(name)} characters. AWS takes at most 63: letters, digits and "
            f"hyphens, none at an end. Fix: {fixed!r}."
        )
    return name


def base_of(name: str) -> str:
    """The name without the time stamp that SDK 2 or request.job_name() put behind it."""
    found = TIME_STAMP.match(name)
    return found.group(1) if found else name


def _packed(uri: str) -> dict:
    return {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Object", "CompressionType": "Gzip"}}


def _with(source: dict, **members: dict) -> dict:
    return {**source, "S3DataSource": {**source["S3DataSource"], **members}}


def _given(members: dict) -> dict:
    return {name: value for name, value in members.items() if value is not None}
