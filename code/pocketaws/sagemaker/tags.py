"""AddTags, ListTags, DeleteTags on the resources that pocketaws keeps."""

import re

from pocketaws.errors import not_here, validation_error
from pocketaws.operations import operation
from pocketaws.sagemaker.jobs import page

MAX_TAGS = 50  # a resource, API_AddTags 2026-11


@operation("sagemaker", "AddTags")
def add_tags(context, request: dict) -> dict:
    """Add tags to a resource, or overwrite their values; answers all its tags."""
    job = _tagged(context, request["ResourceArn"], "AddTags")
    added = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    check_keys(added)
    tags = {**job.tags, **added}
    if len(tags) > MAX_TAGS:
        raise validation_error(f"{len(tags)} tags on {job.arn}: a resource can have {MAX_TAGS} at most.")
    job.tags = tags
    return {"Tags": as_list(tags)}


@operation("sagemaker", "DeleteTags")
def delete_tags(context, request: dict) -> None:
    """Remove tags from a resource; keys that it does not have are no error."""
    job = _tagged(context, request["ResourceArn"], "DeleteTags")
    job.tags = {key: value for key, value in job.tags.items() if key not in request["TagKeys"]}


@operation("sagemaker", "ListTags")
def list_tags(context, request: dict) -> dict:
    """The tags of a resource, by key."""
    job = _tagged(context, request["ResourceArn"], "ListTags")
    chosen, token = page(
        as_list(job.tags),
        key=lambda tag: [tag["Key"]],
        size=request.get("MaxResults", MAX_TAGS),
        token=request.get("NextToken"),
        question={"ResourceArn": job.arn},
        descending=False,
    )
    return {"Tags": chosen, "NextToken": token}


def as_list(tags: dict) -> list[dict]:
    """{key: value} as AWS writes tags."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


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
    kind = resource.partition("/")[0]
    if kind != "training-job":
        raise not_here("sagemaker", f"{asked} on a {kind}")
    job = context.state.jobs.by_arn(arn.lower())
    if job is None or (region, account) != (context.region, context.account):
        raise validation_error("Requested resource not found.")
    return job
