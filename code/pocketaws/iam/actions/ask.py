"""What IAM is asked before an operation runs: may this action be done on this resource, under these facts?"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ask:
    """One action on one resource; all of an operation's asks have to be allowed.

    action     in IAM's own words, "s3:GetObject"
    resource   an ARN, or "*" for an action that knows no resource
    keys       {condition key, lower case: list of values} that only this call has
    """

    action: str
    resource: str = "*"
    keys: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """Where a call goes: region and account, for the ARNs."""

    region: str
    account: str

    def arn(self, service: str, resource: str) -> str:
        """arn:aws:sagemaker:us-east-1:123456789012:training-job/x for ("sagemaker", "training-job/x")."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


def tag_keys(tags: dict) -> dict:
    """The condition keys of tags that a request sets: aws:RequestTag/<key> and aws:TagKeys."""
    if not tags:
        return {}
    keys = {f"aws:requesttag/{key.lower()}": [str(value)] for key, value in tags.items()}
    return {**keys, "aws:tagkeys": list(tags)}


def tags_in(request: dict, *members: str) -> dict:
    """{key: value} of the tags of a request, whichever way its service writes them."""
    for member in members or ("Tags", "tags"):
        tags = request.get(member)
        if isinstance(tags, dict):
            return tags
        if isinstance(tags, list):
            pairs = [(tag.get("Key", tag.get("key")), tag.get("Value", tag.get("value", ""))) for tag in tags]
            return {str(key): value for key, value in pairs}
    return {}


def pass_role(role_arn: str, service: str) -> list[Ask]:
    """iam:PassRole, for an operation that hands a role to a service; nothing when no role is given."""
    return [Ask("iam:PassRole", role_arn, {"iam:passedtoservice": [service]})] if role_arn else []
