"""What the tests of the hosting API and the model registry share: right requests for a gateway of fakes."""

import copy

from local_server import until
from training_api import numbers

REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
IMAGE = f"{REGISTRY}/huggingface-pytorch-inference:2.6.0-transformers4.51.3-gpu-py312-cu124-ubuntu22.04"
DATA = "s3://learner/models/model.tar.gz"
INSTANCE_TYPE = "ml.g5.xlarge"


def upload(aws) -> None:
    """Put the archive at DATA, a folder of plain files beside it, and one object in the bucket abroad."""
    s3 = aws.client("s3")
    for key in ("models/model.tar.gz", "models/plain/config.json"):
        s3.put_object(Bucket="learner", Key=key, Body=b"x")
    aws.client("s3", "eu-west-1").put_object(Bucket="abroad", Key="model.tar.gz", Body=b"x")


def new_name(kind: str) -> str:
    return f"{kind}-{next(numbers)}"


def container(**changes) -> dict:
    """A container definition that is right; a change of None takes a member out."""
    return changed(
        {"Image": IMAGE, "ModelDataUrl": DATA, "Environment": {"HF_TASK": "text-generation"}}, changes
    )


def model_request(aws, **changes) -> dict:
    """A CreateModel that is right, with a new name; a change of None takes a member out."""
    request = {"ModelName": new_name("model"), "PrimaryContainer": container(), "ExecutionRoleArn": aws.role}
    return changed(request, changes)


def model(aws, **changes) -> str:
    """Create a model and give its name."""
    request = model_request(aws, **changes)
    aws.sagemaker.create_model(**request)
    return request["ModelName"]


def variant(model_name: str, name: str = "AllTraffic", **changes) -> dict:
    """A production variant that is right."""
    found = {"VariantName": name, "ModelName": model_name, "InstanceType": INSTANCE_TYPE,
             "InitialInstanceCount": 1}  # fmt: skip
    return changed(found, changes)


def config_request(aws, **changes) -> dict:
    """A CreateEndpointConfig that is right, with a new name."""
    if "ProductionVariants" not in changes:
        changes["ProductionVariants"] = [variant(model(aws))]
    return changed({"EndpointConfigName": new_name("config")}, changes)


def config(aws, **changes) -> str:
    """Create an endpoint config and give its name."""
    request = config_request(aws, **changes)
    aws.sagemaker.create_endpoint_config(**request)
    return request["EndpointConfigName"]


def endpoint(aws, config_name: str | None = None, **changes) -> str:
    """Create an endpoint that is InService at once, and give its name."""
    name = new_name("endpoint")
    config_name = config_name or config(aws)
    aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config_name, **changes)
    aws.hosting.settle()
    return name


def status(aws, name: str) -> str:
    return aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]


def group(aws, **changes) -> str:
    """Create a model package group and give its name."""
    name = new_name("group")
    aws.sagemaker.create_model_package_group(ModelPackageGroupName=name, **changes)
    return name


def version_request(group_name: str, **changes) -> dict:
    """A CreateModelPackage that is right."""
    specification = {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": DATA, "Environment": {"A": "1", "B": "2"}}],
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
        "SupportedRealtimeInferenceInstanceTypes": [INSTANCE_TYPE],
    }
    request = {"ModelPackageGroupName": group_name, "InferenceSpecification": specification}
    return changed(request, changes)


def version(aws, group_name: str, **changes) -> str:
    """Register a version and give its ARN."""
    return aws.sagemaker.create_model_package(**version_request(group_name, **changes))["ModelPackageArn"]


def changed(request: dict, changes: dict) -> dict:
    """A copy with the changes; one of None takes the member out."""
    request = {**copy.deepcopy(request), **copy.deepcopy(changes)}
    return {key: value for key, value in request.items() if value is not None}


def settled(aws, name: str, within_s: float = 60) -> str:
    """The status of an endpoint once nothing is being deployed."""
    resting = ("InService", "Failed", "UpdateRollbackFailed")
    return until(lambda: status(aws, name) in resting and status(aws, name), within_s)
