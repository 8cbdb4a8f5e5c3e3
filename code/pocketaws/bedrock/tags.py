"""TagResource, UntagResource, ListTagsForResource on what Bedrock keeps."""

from pocketaws.bedrock import checks
from pocketaws.bedrock.tables import not_found, tags_in
from pocketaws.errors import not_here
from pocketaws.operations import operation


@operation("bedrock", "TagResource")
def tag_resource(context, request: dict) -> None:
    """Add tags to a resource, or overwrite their values."""
    resource = _tagged(context, request["resourceARN"], "TagResource")
    checks.check_tag_list(request["tags"])
    with resource.changing():
        tags = {**resource.tags, **tags_in(request["tags"])}
        checks.check_tags(tags)
        resource.tags = tags


@operation("bedrock", "UntagResource")
def untag_resource(context, request: dict) -> None:
    """Remove tags from a resource; keys that it does not have are no error."""
    resource = _tagged(context, request["resourceARN"], "UntagResource")
    with resource.changing():
        resource.tags = {key: value for key, value in resource.tags.items() if key not in request["tagKeys"]}


@operation("bedrock", "ListTagsForResource")
def list_tags_for_resource(context, request: dict) -> dict:
    """The tags of a resource."""
    tags = _tagged(context, request["resourceARN"], "ListTagsForResource").tags
    return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}


def _tagged(context, arn: str, asked: str):
    """The resource of an ARN. Raises NotImplemented for a kind that is not here, else ResourceNotFound."""
    kind = arn.split(":", 5)[-1].partition("/")[0]
    tables = {table.kind: table for table in context.state.bedrock.every()}
    if kind not in tables:
        raise not_here("bedrock", f"{asked} on a {kind}")
    found = tables[kind].by_arn(arn)
    if found is None or (found.region, found.account) != (context.region, context.account):
        raise not_found(f"Could not find the resource {arn}.")  # not documented; chosen
    return found
