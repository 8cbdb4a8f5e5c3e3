"""The arguments of SDK 2's HuggingFaceModel.deploy(): names, order and defaults of sagemaker 2.257.7.

Objects such as data_capture_config are the SDK's own; what counts is that they have _to_request_dict():
sagemaker.core.inference_config has AsyncInferenceConfig and ServerlessInferenceConfig.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any

from tuneaws.estimator.arguments import explain_unknown
from tuneaws.estimator.hosting_request import check_name, routing_config
from tuneaws.hosting.predictor import no_accelerator


@explain_unknown
@dataclass(repr=False, eq=False)
class DeployArguments:
    """On what, under which name, and how long to wait. Timeouts in seconds, volume_size in GB."""

    initial_instance_count: int | None = None
    instance_type: str | None = None  # "ml.g5.xlarge"; on AWS billed by the second until it is deleted
    serializer: Any = None  # of the predictor; None: JSON
    deserializer: Any = None
    accelerator_type: str | None = None  # refused
    endpoint_name: str | None = None  # None: the model's name and the time
    tags: Any = None  # of model, config and endpoint: {"project": "tuneaws"} or [{"Key": …, "Value": …}]
    kms_key: str | None = None  # encrypts the instances' volumes
    wait: bool = True  # until it is in service; False returns at once
    data_capture_config: Any = None
    async_inference_config: Any = None  # requests and answers by way of S3: deploy() gives an AsyncPredictor
    serverless_inference_config: Any = None  # instead of instances
    volume_size: int | None = None
    model_data_download_timeout: int | None = None  # 60 to 3600
    container_startup_health_check_timeout: int | None = None  # 60 to 3600
    inference_recommendation_id: str | None = None  # refused
    explainer_config: Any = None
    update_endpoint: bool = False  # give endpoint_name, which is there, this model; it answers all the while
    accept_eula: bool | None = None  # that you accept the model's licence
    endpoint_logging: bool = False  # while waiting, print the container's log
    resources: Any = None  # refused
    endpoint_type: Any = None  # refused, but for EndpointType.MODEL_BASED
    managed_instance_scaling: dict | None = None  # refused
    inference_component_name: str | None = None  # refused
    routing_config: dict | None = None  # {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    model_reference_arn: str | None = None  # of a model in a private hub
    inference_ami_version: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for what can be known to be wrong before AWS is asked."""
        for check in (_refused, _where_it_runs, _names):
            check(self)

    @property
    def serverless(self) -> dict | None:
        """ServerlessConfig of the variant."""
        return members_of(self.serverless_inference_config)

    def async_inference(self, model_name: str, bucket: str, prefix: str | None) -> dict | None:
        """AsyncInferenceConfig; paths that are not given are in the default bucket, as in SDK 2."""
        found = members_of(self.async_inference_config)
        if found is None:
            return None
        output, unique = dict(found.get("OutputConfig", {})), unique_name(model_name)
        for member, folder in PATHS.items():
            if output.get(member) is None:
                output[member] = "/".join(["s3:/", bucket, *filter(None, [prefix]), folder, unique])
        return {**found, "OutputConfig": output}


INSTANCES_ONLY = (
    "initial_instance_count", "instance_type", "volume_size", "model_data_download_timeout",
    "container_startup_health_check_timeout", "routing_config",
)  # fmt: skip
PATHS = {"S3OutputPath": "async-endpoint-outputs", "S3FailurePath": "async-endpoint-failures"}


def members_of(config: Any) -> dict | None:
    """What a configuration object of the SDK's becomes in a request; None for None."""
    return None if config is None else config._to_request_dict()


def unique_name(base: str) -> str:
    """base, the time in seconds and four random digits, at most 63 characters."""
    end = f"-{int(time.time())}-{random.randrange(16**4):04x}"
    return base[: 63 - len(end)] + end


def _refused(a: DeployArguments) -> None:
    no_accelerator(a.accelerator_type)
    if a.inference_recommendation_id:
        raise ValueError(
            f"inference_recommendation_id={a.inference_recommendation_id!r} is not looked up here. Fix: "
            "read the instance type from DescribeInferenceRecommendationsJob and give instance_type."
        )
    kind = getattr(a.endpoint_type, "name", a.endpoint_type)
    components = {
        "endpoint_type": kind if kind not in (None, "MODEL_BASED") else None,
        "resources": a.resources,
        "managed_instance_scaling": a.managed_instance_scaling,
        "inference_component_name": a.inference_component_name,
    }
    for name, value in components.items():
        if value:
            raise ValueError(
                f"{name}={value!r}: inference components (several models sharing an instance) are not "
                "supported here. Fix: leave it out; the model gets an endpoint of its own."
            )
    for name in ("data_capture", "async_inference", "serverless_inference", "explainer"):
        name += "_config"
        value = getattr(a, name)
        if value is not None and not hasattr(value, "_to_request_dict"):
            raise ValueError(
                f"{name} is a {type(value).__name__}: {value!r}. Fix: an object of the SDK's; "
                "sagemaker.core.inference_config has AsyncInferenceConfig and ServerlessInferenceConfig."
            )


def _where_it_runs(a: DeployArguments) -> None:
    if a.instance_type in ("local", "local_gpu"):
        raise ValueError(
            f"instance_type={a.instance_type!r} is SDK 2's local mode, which needs Docker. Fix: "
            'instance_type="ml.m5.xlarge" (or another type); with WHERE = "local" the endpoint runs on this '
            "machine, free and without Docker."
        )
    if a.serverless_inference_config is not None:
        for name in INSTANCES_ONLY:
            if getattr(a, name) is not None:
                raise ValueError(f"{name}={getattr(a, name)!r} and serverless_inference_config: give one.")
    elif not (a.instance_type and a.initial_instance_count):
        raise ValueError(
            f"instance_type={a.instance_type!r}, initial_instance_count="
            f"{a.initial_instance_count!r}: both are needed. "
            'Fix: initial_instance_count=1, instance_type="ml.g5.xlarge". With WHERE = "local" it is free.'
        )
    routing_config(a.routing_config)


def _names(a: DeployArguments) -> None:
    if a.endpoint_name:
        check_name(a.endpoint_name, "endpoint")
    elif a.update_endpoint:
        raise ValueError("update_endpoint=True without endpoint_name. Fix: the name of the one to update.")
    if not isinstance(a.tags, dict | list | type(None)):
        raise ValueError(f'tags={a.tags!r}: give {{"name": "value"}} or [{{"Key": …, "Value": …}}].')
