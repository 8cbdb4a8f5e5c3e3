"""Refusals to rehearse: no permission, and no machine that is free. Quotas have a file of their own.

An AWS account says no in three ways, and a program should be seen to survive each. Besides <home>/quotas.json
(quotas.py), two files, read at every CreateTrainingJob; there is none by default, and nothing is refused:

    <home>/denied.json     ["sagemaker:CreateTrainingJob"] or ["iam:PassRole"]: AccessDeniedException
    <home>/capacity.json   {"ml.g5.2xlarge": 0}: so many are free. A job that wants more is taken, and
                           Failed with CapacityError before its data is read
"""

import json

from pocketaws.errors import AwsError

DENIED, CAPACITY = "denied.json", "capacity.json"
# FailureReason in AWS's words, as reported in github.com/DIAGNijmegen/rse-grand-challenge/issues/2631.
NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity. "
    "Please retry using a different ML instance type."
)


def check_permission(context, request: dict) -> None:
    """Raise AccessDeniedException for an action that this home denies, in IAM's words."""
    name = request["TrainingJobName"].lower()
    job = f"arn:aws:sagemaker:{context.region}:{context.account}:training-job/{name}"
    resources = {"sagemaker:CreateTrainingJob": job, "iam:PassRole": request["RoleArn"]}
    denied = _read(context.state.home, DENIED, list)
    for action, resource in resources.items():
        if action in denied:
            raise AwsError(
                "AccessDeniedException",
                f"User: arn:aws:iam::{context.account}:root is not authorized to perform: {action} on "
                f"resource: {resource} because no identity-based policy allows the {action} action",
            )


def has_capacity(home, request: dict) -> bool:
    """Whether enough machines are free for a job, by the capacity.json of this home."""
    resources = request["ResourceConfig"]
    free = _read(home, CAPACITY, dict).get(resources["InstanceType"])
    return free is None or resources["InstanceCount"] <= free


def _read(home, name: str, kind: type):
    path = home / name
    if not path.exists():
        return kind()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as err:
        raise AwsError("InternalFailure", f"{path} is not JSON: {err}", 500) from err
    if not isinstance(content, kind):
        raise AwsError("InternalFailure", f"{path} is a {type(content).__name__}, not a {kind.__name__}", 500)
    return content
