"""The calls that need more than sending: what is there already, what the account may not have."""

from __future__ import annotations

from botocore.exceptions import ClientError

from tuneaws.estimator.send import quota_error

SAME_IF = ("ExecutionRoleArn", "PrimaryContainer", "Containers", "VpcConfig", "EnableNetworkIsolation")


def check_endpoint(sm, name: str, there: bool) -> None:
    """Raise ValueError if the endpoint is there and should not be, or the other way round."""
    try:
        status = sm.describe_endpoint(EndpointName=name)["EndpointStatus"]
    except ClientError as err:
        if "Could not find" not in err.response["Error"]["Message"]:
            raise
        status = None
    if status and not there:
        raise ValueError(
            f"endpoint {name} is there already and {status}. Fix: deploy(…, update_endpoint=True) gives it "
            f'this model, HuggingFacePredictor("{name}").delete_endpoint() ends it; or another name.'
        )
    if there and not status:
        raise ValueError(f"endpoint {name} is not there to be updated. Fix: without update_endpoint.")


def create_model(sm, request: dict) -> None:
    """Send CreateModel. A model of that name and the same members is fine, as in SDK 2.

    Raises  ValueError if there is another one of that name, which SDK 2 would go on with
    """
    try:
        sm.create_model(**request)
    except ClientError as err:
        if "already existing" not in err.response["Error"]["Message"]:
            raise
        name = request["ModelName"]
        found = sm.describe_model(ModelName=name)
        other = [member for member in SAME_IF if _plain(request, member) != _plain(found, member)]
        if other:
            raise ValueError(
                f"model {name} is there already, with another {' and '.join(other)}. Fix: another name, or "
                f'delete it: session.client("sagemaker").delete_model(ModelName="{name}").'
            ) from err
        print(f"Model {name} is there already, the same")


def create_endpoint(sm, request: dict, config: dict) -> None:
    """Send CreateEndpoint. On AWS it is billed from the moment its instances are up.

    Raises  QuotaError if the account's quota has no room for it; botocore's other errors pass through
    """
    try:
        sm.create_endpoint(**request)
    except ClientError as err:
        if err.response["Error"]["Code"] != "ResourceLimitExceeded":
            raise
        instance_type = config["ProductionVariants"][0].get("InstanceType")
        raise quota_error(err, instance_type, "endpoint usage") from err


def ensure_group(sm, name: str) -> None:
    """Make the model package group if there is none of that name."""
    if name.startswith("arn:"):
        return
    try:
        sm.describe_model_package_group(ModelPackageGroupName=name)
    except ClientError as err:
        if "does not exist" not in err.response["Error"]["Message"]:
            raise
        sm.create_model_package_group(ModelPackageGroupName=name)


def _plain(model: dict, member: str) -> object:
    """A member as it was asked for: DescribeModel adds defaults, and a source for each URL."""
    value = model.get(member) or None
    if member == "PrimaryContainer" and value:
        keep = ("Image", "ModelDataUrl", "Environment", "ImageConfig")
        found = {name: value.get(name) for name in keep}
        if not value.get("ModelDataUrl"):
            found["ModelDataSource"] = value.get("ModelDataSource")
        return found
    return value
