"""What AWS's Service Authorization Reference says of actions, as cfn-lint brings it along."""

import functools
import json
import re
from pathlib import Path

import cfnlint

# Their one kind of resource is optional: the reference marks no required one (2026-11).
OPTIONAL = ("cloudwatch:PutMetricData", "ce:GetCostAndUsage", "cloudformation:GetTemplateSummary")


@functools.cache
def table() -> dict:
    """{service prefix: {"Actions": {name in lower case: {"Resources": [kind]}}, "Resources": {kind: …}}}."""
    path = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json"
    return json.loads(path.read_text(encoding="utf-8"))


def knows(action: str) -> bool:
    """Whether AWS has an action such as "s3:GetObject"."""
    prefix, _, name = action.partition(":")
    return name.lower() in table().get(prefix, {"Actions": {}})["Actions"]


def fits(action: str, arn: str) -> bool:
    """Whether an ARN is of a kind that this action can be allowed on; only "*" for one that knows none.

    "…:*/name" stands for every kind.
    """
    if action in OPTIONAL and arn == "*":
        return True
    prefix, _, name = action.partition(":")
    kinds = table()[prefix]["Actions"][name.lower()].get("Resources", [])
    if not kinds:
        return arn == "*"
    patterns = [form for kind in kinds for form in table()[prefix]["Resources"][kind.lower()]["ARNFormats"]]
    given = [arn.replace(":*/", f":{kind.lower()}/") for kind in kinds]
    return any(_matches(pattern, each) for pattern in patterns for each in given)


def _matches(pattern: str, arn: str) -> bool:
    """Of "arn:${Partition}:sagemaker:${Region}:…:endpoint/.*" the placeholders stand for anything."""
    literal = re.sub(r"\$\{\w+\}", "\x00", pattern.removesuffix(".*"))
    expression = re.escape(literal).replace("\x00", "[^:]*")
    return re.match(expression, arn) is not None
