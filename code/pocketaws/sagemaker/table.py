"""Named resources of this local AWS, by ARN, and what their List operations have in common."""

import copy
import re
from datetime import datetime

from pocketaws.keeping.kept import Kept
from pocketaws.keeping.tables import KeptTable
from pocketaws.sagemaker.job import now
from pocketaws.sagemaker.jobs import page, when

ARN = re.compile(r"arn:aws[a-z\-]*:sagemaker:([a-z0-9\-]*):([0-9]{12}):([a-z\-]+)/(.+)")


def arn_of(kind: str, name: str, region: str, account: str) -> str:
    """ARN of a resource, kind "model", "endpoint-config", …; names are in lower case there, as in AWS's."""
    return f"arn:aws:sagemaker:{region}:{account}:{kind}/{name.lower()}"


class Resource(Kept):
    """A resource that is no more than what was asked for: a model, an endpoint config, a model package.

    request    the members that its Describe gives back; replaced whole when it changes
    tags       {key: value}
    """

    KEPT = ("name", "region", "account", "arn", "request", "tags", "created_at", "last_modified")

    def __init__(self, kind: str, name: str, request: dict, region: str, account: str):
        self.unkept()
        self.name, self.region, self.account = name, region, account
        self.arn = arn_of(kind, name, region, account)
        self.request = copy.deepcopy({key: value for key, value in request.items() if key != "Tags"})
        self.tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        self.created_at: datetime = now()
        self.last_modified: datetime = self.created_at


class Table(KeptTable):
    """Resources of one kind by ARN. Names that differ only in case are the same resource."""

    def find(self, name: str, region: str, account: str):
        """The resource of this name, None when there is none."""
        found = self.by_arn(arn_of(self.kind, name, region, account))
        return found if found is not None and found.name == name else None


def select(resources: list, request: dict, order: str) -> tuple[list, str | None]:
    """One page for a List operation: (resources, token for the next page or None).

    Knows NameContains, Creation- and LastModifiedTimeBefore/After, SortBy Name, CreationTime (its default)
    and Status, SortOrder, MaxResults (10) and NextToken.
    order    what SortOrder is when the request does not say: "Ascending" or "Descending"
    """
    sort_value = {
        "Name": lambda each: each.name,
        "Status": lambda each: each.status,
        "CreationTime": lambda each: each.created_at.timestamp(),
    }[request.get("SortBy", "CreationTime")]
    return page(
        [each for each in resources if _wanted(each, request)],
        key=lambda each: [sort_value(each), each.arn],
        size=request.get("MaxResults", 10),
        token=request.get("NextToken"),
        question={key: value for key, value in request.items() if key not in ("NextToken", "MaxResults")},
        descending=request.get("SortOrder", order) == "Descending",
    )


def _wanted(resource, request: dict) -> bool:
    created, modified = resource.created_at.timestamp(), resource.last_modified.timestamp()
    return all(
        (
            "CreationTimeAfter" not in request or created > when(request["CreationTimeAfter"]),
            "CreationTimeBefore" not in request or created < when(request["CreationTimeBefore"]),
            "LastModifiedTimeAfter" not in request or modified > when(request["LastModifiedTimeAfter"]),
            "LastModifiedTimeBefore" not in request or modified < when(request["LastModifiedTimeBefore"]),
            request.get("NameContains", "").lower() in resource.name.lower(),
        )
    )
