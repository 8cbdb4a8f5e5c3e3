"""AddTags, ListTags, DeleteTags on the resources that pocketaws keeps."""

import re

from pocketaws.errors import not_here, validation_error
from pocketaws.operations import operation
from pocketaws.sagemaker.jobs import page

MAX_TAGS = 50  # a resource, API_AddTags 2026-11


@operation("sagemaker", "AddTags")
def add_tags(context, request: dict) -> dict:
    """Add tags to a resource, or overwrite their values; answers all its tags."""
    resource = _tagged(context, request["ResourceArn"], "AddTags")
    _refuse_version(resource)
    added = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    check_keys(added)
    with resource.changing():
        tags = {**resource.tags, **added}
        if len(tags) > MAX_TAGS:
            raise validation_error(
                f"{len(tags)} tags on {resource.arn}: a resource can have {MAX_TAGS} at most."
            )
        resource.tags = tags
    return {"Tags": as_list(tags)}


@operation("sagemaker", "DeleteTags")
def delete_tags(context, request: dict) -> None:
    """Remove tags from a resource; keys that it does not have are no error."""
    resource = _tagged(context, request["ResourceArn"], "DeleteTags")
    _refuse_version(resource)
    with resource.changing():
        resource.tags = {key: value for key, value in resource.tags.items() if key not in request["TagKeys"]}


@operation("sagemaker", "ListTags")
def list_tags(context, request: dict) -> dict:
    """The tags of a resource, by key."""
    resource = _tagged(context, request["ResourceArn"], "ListTags")
    chosen, token = page(
        as_list(tags_of(resource)),
        key=lambda tag: [tag["Key"]],
        size=request.get("MaxResults", MAX_TAGS),
        token=request.get("NextToken"),
        question={"ResourceArn": resource.arn},
        descending=False,
    )
    return {"Tags": chosen, "NextToken": token}


def as_list(tags: dict) -> list[dict]:
    """{key: value} as AWS writes tags."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tags_of(resource) -> dict:
    """{key: value} of a resource; a version of a model has those of its group (API_CreateModelPackage)."""
    return getattr(resource, "group", resource).tags


def _refuse_version(resource) -> None:
    if hasattr(resource, "group"):
        raise validation_error(
            f"{resource.arn} has the tags of its model package group: tag {resource.group.arn} instead."
        )


def check_keys(tags) -> None:
    """Raise a ValidationException for a key that only AWS may set."""
    for key in tags:
        if key.lower().startswith("aws:"):
            raise validation_error(
                f"Tag key {key!r}: aws: prefixed tag key names are not allowed for external use."
            )


def _tagged(context, arn: str, asked: str):
    """The resource of an ARN. Raises NotImplemented for a kind that is not here, else ValidationException."""
    _, _, _, region, account, resource = re.fullmatch(r"(\w+):([^:]+):(\w+):([^:]*):(\d+):(.+)", arn).groups()
    table = tables(context.state).get(resource.partition("/")[0])
    if table is None:
        raise not_here("sagemaker", f"{asked} on a {resource.partition('/')[0]}")
    found = table.by_arn(arn.lower())
    if found is None or (region, account) != (context.region, context.account):
        raise validation_error("Requested resource not found.")
    return found


def tables(state) -> dict:
    """{kind in the ARN: table} of everything that can be tagged."""
    return {
        "training-job": state.jobs,
        "model": state.models,
        "endpoint-config": state.endpoint_configs,
        "endpoint": state.endpoints,
        "model-package-group": state.model_package_groups,
        "model-package": state.model_packages,
        "experiment": state.experiments,
        "experiment-trial": state.trials,
        "experiment-trial-component": state.trial_components,
        "hyper-parameter-tuning-job": state.tuning_jobs,
    }
