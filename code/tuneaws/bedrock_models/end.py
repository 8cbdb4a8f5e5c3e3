"""What there is, what it bills, and how it ends: in the order that AWS wants, looked after that it is gone.

    table([billing_row(bedrock, thing) for thing in find(bedrock, {"course": "tuneaws"})])
    delete(bedrock, deployment_arn)
    delete_all(bedrock, {"course": "tuneaws"})

AWS refuses to delete a custom model that is deployed: first deployments, then provisioned throughput, then
custom models, then imported ones (https://docs.aws.amazon.com/bedrock/latest/userguide/
custom-model-delete.html, 2026-11).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timezone

from botocore.exceptions import ClientError

from tuneaws.bedrock_client import carries, tags_of
from tuneaws.bedrock_models import costs, requests
from tuneaws.bedrock_models.errors import BedrockModelError

GONE = ("ResourceNotFoundException",)


@dataclass(frozen=True)
class Thing:
    """One thing of yours on Bedrock; kind is one of KINDS. model_arn: of the model in it, or below it."""

    kind: str
    name: str
    arn: str
    status: str
    created: datetime
    model_arn: str = ""
    units: int = 1


@dataclass(frozen=True)
class Kind:
    """How a kind of things is listed, looked up and deleted, by the names of boto3."""

    name: str
    plural: str
    lister: str
    rows: str
    getter: str
    deleter: str
    identifier: str
    arn: str
    label: str
    created: str
    model: str


# In the order in which they are deleted.
KINDS = (
    Kind("deployment", "custom-model-deployment", "list_custom_model_deployments", "modelDeploymentSummaries",
         "get_custom_model_deployment", "delete_custom_model_deployment", "customModelDeploymentIdentifier",
         "customModelDeploymentArn", "customModelDeploymentName", "createdAt", "modelArn"),
    Kind("provisioned throughput", "provisioned-model", "list_provisioned_model_throughputs",
         "provisionedModelSummaries", "get_provisioned_model_throughput",
         "delete_provisioned_model_throughput", "provisionedModelId", "provisionedModelArn",
         "provisionedModelName", "creationTime", "modelArn"),
    Kind("custom model", "custom-model", "list_custom_models", "modelSummaries", "get_custom_model",
         "delete_custom_model", "modelIdentifier", "modelArn", "modelName", "creationTime", "baseModelArn"),
    Kind("imported model", "imported-model", "list_imported_models", "modelSummaries", "get_imported_model",
         "delete_imported_model", "modelIdentifier", "modelArn", "modelName", "creationTime",
         "modelArchitecture"),
)


def find(bedrock, tags: dict) -> list:
    """Every deployment, throughput, custom and imported model that carries all `tags`, in order of deletion.

    tags  {"course": "tuneaws"}; {}: all of the account's in this region
    """
    found = []
    for kind in KINDS:
        for page in bedrock.get_paginator(kind.lister).paginate():
            things = [_thing(kind, row) for row in page[kind.rows]]
            found += [thing for thing in things if carries(bedrock, thing.arn, tags)]
    return found


def billing_row(bedrock, thing: Thing) -> dict:
    """What one of find()'s things bills on AWS, by the hour and by the month.

    "USD a month" counts 730 hours, nothing asked; None: the price is not known here. In local nothing is
    paid, and the columns say what it would be. costs.still_billing() has these rows with all that bills.
    """
    hour, month, bills = 0.0, 0.0, ""
    if thing.kind == "deployment":
        bills = "tokens, when it is asked; nothing otherwise"
    elif thing.kind == "provisioned throughput":
        cost = costs.throughput_cost(thing.model_arn, bedrock.meta.region_name, thing.units)
        hour = cost.usd_per_hour and cost.usd_per_hour * thing.units
        month, bills = hour and hour * costs.HOURS_A_MONTH, "every hour, asked or not"
    elif thing.kind == "custom model":
        month, bills = costs.CUSTOM_MODEL_MONTH, "storage"
    else:
        units = bedrock.get_imported_model(modelIdentifier=thing.arn).get("customModelUnits", {})
        count = units.get("customModelUnitsPerModelCopy", 1)
        version = units.get("customModelUnitsVersion", "v1.0")
        window = costs.import_window_usd(count, version)
        month = None if window is None else costs.IMPORTED_UNIT_MONTH * count
        bills = (f"storage; {window:.2f} USD for 5 minutes in which it is asked" if window is not None else
                 f"storage; each 5 minutes in which it is asked, by units of {version}")
    return {"what": thing.kind, "name": thing.name, "status": thing.status,
            "created": f"{thing.created:%Y-%m-%d %H:%M}", "bills": bills, "USD an hour": hour,
            "USD a month": month}


def delete(bedrock, *arns: str, wait_s: float = 600, poll_s: float = 0.3) -> list:
    """Delete things by their ARNs, what stands on them first; wait, and look that they are gone.

    Returns  ["deployment tuneaws-tuned", "custom model …"]; [] when there was nothing. Twice is fine
    Raises   BedrockModelError if something is still there after `wait_s`
    """
    wanted = set(arns)
    every = find(bedrock, {})
    users = {thing.arn for thing in every if thing.model_arn in wanted}
    return _delete(bedrock, [thing for thing in every if thing.arn in wanted | users], wait_s, poll_s)


def delete_all(bedrock, tags: dict, wait_s: float = 600) -> list:
    """Delete everything that carries all `tags`; return what was deleted.

    Raises  ValueError without tags: that would be every model of the account
    """
    if not tags:
        raise ValueError("no tags: that would delete every model of the account. Fix: cfg.project.tags")
    return delete(bedrock, *(thing.arn for thing in find(bedrock, tags)), wait_s=wait_s)


def delete_expired(bedrock, tags: dict) -> list:
    """Delete the deployments that carry all `tags` and whose time is over; return what was deleted."""
    over = [thing.arn for thing in find(bedrock, tags) if (left := time_left(bedrock, thing.arn)) is not None
            and left <= 0]
    return delete(bedrock, *over) if over else []


def time_left(bedrock, arn: str) -> float | None:
    """Seconds until the time of a deployment is over; under 0 when it is, None when it has none."""
    expires = requests.read_time(tags_of(bedrock, arn).get(requests.EXPIRES))
    return (expires - datetime.now(timezone.utc)).total_seconds() if expires else None


def _delete(bedrock, things: list, wait_s: float, poll_s: float) -> list:
    gone, deadline = [], time.monotonic() + wait_s
    for kind in KINDS:  # the next kind may need that the ones before are gone
        chosen = [thing for thing in things if thing.kind == kind.name]
        for thing in chosen:
            _until_taken(bedrock, kind, thing, deadline, poll_s)
        for thing in chosen:
            while _is_there(bedrock, kind, thing.arn):
                if time.monotonic() > deadline:
                    raise BedrockModelError(f"{thing.kind} {thing.name} is there after {wait_s:.0f} s.\n"
                                            "Fix: delete it again, and look at the console")
                time.sleep(poll_s)
            gone.append(f"{thing.kind} {thing.name}")
    return gone


def _until_taken(bedrock, kind: Kind, thing: Thing, deadline: float, poll_s: float) -> None:
    """Ask for the deletion; one that is in use, or being made, is asked again."""
    while True:
        try:
            getattr(bedrock, kind.deleter)(**{kind.identifier: thing.arn})
            return
        except ClientError as err:
            code, said = err.response["Error"]["Code"], err.response["Error"]["Message"]
            if code in GONE:
                return
            if code != "ConflictException" or time.monotonic() > deadline:
                raise BedrockModelError(f"{thing.kind} {thing.name} can't be deleted: {code}: {said}\n"
                                        "Fix: delete what uses it: bedrock_models.find(bedrock, {})") from err
        time.sleep(poll_s)


def _is_there(bedrock, kind: Kind, arn: str) -> bool:
    try:
        getattr(bedrock, kind.getter)(**{kind.identifier: arn})
    except ClientError as err:
        if err.response["Error"]["Code"] in GONE:
            return False
        raise
    return True


def _thing(kind: Kind, row: dict) -> Thing:
    return Thing(kind.name, row[kind.label], row[kind.arn], row.get("status", "Active"), row[kind.created],
                 row.get(kind.model) or "", row.get("modelUnits", 1))
