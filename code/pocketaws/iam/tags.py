"""The tags that a policy's conditions see: of what a call is about, and of who calls."""

from pocketaws import resources
from pocketaws.sagemaker import tags as sagemaker


def tags_of(state, arn: str) -> dict:
    """{key: value} of the resource with this ARN; {} where there is none, or it has none."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return {}
    service, account, kind = parts[2], parts[4], parts[5].partition("/")[0]
    if service == "sagemaker":
        table = sagemaker.tables(state).get(kind)
        found = table.by_arn(arn) if table is not None else None
        return sagemaker.tags_of(found) if found is not None else {}
    if service == "bedrock":
        table = next((each for each in state.bedrock.every() if each.kind == kind), None)
        found = table.by_arn(arn) if table is not None else None
        return found.tags if found is not None else {}
    if service == "iam":
        return of_holder(account, arn)
    return {}


def of_holder(account: str, arn: str) -> dict:
    """{key: value} of a role or a user; moto keeps a role's by key, a user's as AWS writes them."""
    holder = resources.role(account, arn) or resources.user(account, arn)
    tags = getattr(holder, "tags", None) or {}
    if isinstance(tags, list):
        return {tag["Key"]: tag["Value"] for tag in tags}
    return {key: tag["Value"] if isinstance(tag, dict) else tag for key, tag in tags.items()}
