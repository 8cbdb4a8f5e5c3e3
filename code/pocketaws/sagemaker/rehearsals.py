"""What to rehearse: no machine that is free, a discount. Quotas and permissions have files of their own.

An AWS account says no in three ways, and a program should be seen to survive each. Besides quotas.json
(quotas.py) and denied.json (iam/enforcement.py), two files; there is none by default, nothing is refused, and
spot is not cheaper:

    <home>/capacity.json   {"ml.g5.2xlarge": 0}: so many are free. A job that wants more is taken, and
                           Failed with CapacityError before its data is read; a spot job waits for them
                           until its MaxWaitTimeInSeconds is over, looking again five times a second.
                           null: the region does not have this type at all, and every job is refused
    <home>/spot_price.json {"ml.g5.2xlarge": 0.4}: what spot costs, as a share of the price on demand

BillableTimeInSeconds of a spot job is its TrainingTimeInSeconds "after Spot discounting is applied"
(github.com/aws/amazon-sagemaker-examples, mxnet_mnist managed spot notebook, read 2026-11). What the discount
is AWS says only afterwards, so here it is what the file says, and none without it.
"""

from pocketaws.errors import AwsError
from pocketaws.home_files import read_json

CAPACITY, SPOT_PRICE = "capacity.json", "spot_price.json"
# FailureReason in AWS's words, as reported in github.com/DIAGNijmegen/rse-grand-challenge/issues/2631.
NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity. "
    "Please retry using a different ML instance type."
)
# Of a type that a region does not have: github.com/aws/amazon-sagemaker-examples issue 1001 (read 2026-11).
NOT_OFFERED = "The requested resource training-job/{kind} is not available in this region"


def check_offered(home, request: dict) -> None:
    """Raise ResourceLimitExceeded for an instance type that the capacity.json of this home has as null."""
    kind = request["ResourceConfig"].get("InstanceType")
    capacity = _read(home, CAPACITY, dict)
    if kind in capacity and capacity[kind] is None:
        raise AwsError("ResourceLimitExceeded", NOT_OFFERED.format(kind=kind))


def has_capacity(home, request: dict) -> bool:
    """Whether enough machines are free for a job, by the capacity.json of this home."""
    resources = request["ResourceConfig"]
    free = _read(home, CAPACITY, dict).get(resources.get("InstanceType"))
    return free is None or resources.get("InstanceCount", 1) <= free


def spot_share(home, request: dict) -> float:
    """What a second on a spot job's instances costs, as a share of the price on demand, 0 to 1."""
    share = _read(home, SPOT_PRICE, dict).get(request["ResourceConfig"].get("InstanceType"), 1.0)
    return min(max(float(share), 0.0), 1.0)


def _read(home, name: str, kind: type):
    path = home / name
    content = read_json(path, "InternalFailure")
    if content is None:
        return kind()
    if not isinstance(content, kind):
        raise AwsError("InternalFailure", f"{path} is a {type(content).__name__}, not a {kind.__name__}", 500)
    return content
