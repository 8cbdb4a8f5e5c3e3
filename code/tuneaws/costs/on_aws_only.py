"""What bills on aws and is not there, or has no price, in local: managed MLflow and secrets.

For billing.look(), which gives each function a Place and takes rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from tuneaws.endpoints import life

SECRET_MONTH = 0.40  # USD (https://aws.amazon.com/secrets-manager/pricing/, 2026-11)
# A server that is stopped bills its storage only. Prices: tuneaws.runs.tracking.PRICES; none is known here.
STILL = ("Stopped", "Deleted")
# (lister, the member with its rows, and those with name, ARN and status)
MLFLOW = (("list_mlflow_apps", "Summaries", "Name", "Arn", "Status"),
          ("list_mlflow_tracking_servers", "TrackingServerSummaries", "TrackingServerName",
           "TrackingServerArn", "TrackingServerStatus"))  # fmt: skip


def mlflow(place) -> Iterator[dict]:
    """Apps and servers of managed MLflow, their price not known."""
    if place.session.where == "local":
        return
    sm = place.client("sagemaker")
    for lister, rows, name, arn, status in MLFLOW:
        for one in [each for page in sm.get_paginator(lister).paginate() for each in page[rows]]:
            tags = life.tags_of(sm, one[arn])
            if one[status] not in STILL and place.ours(tags):
                yield place.row("MLflow", one[name], one["CreationTime"], tags,
                                f"tracking.delete(session, {one[arn]!r})", hour=None)


def secrets(place) -> Iterator[dict]:
    """The secret with the Hugging Face token."""
    if place.session.where == "local":
        return
    pages = place.client("secretsmanager").get_paginator("list_secrets").paginate()
    for one in [each for page in pages for each in page["SecretList"]]:
        tags = {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])}
        if place.ours(tags):
            yield place.row("secret", one["Name"], one["CreatedDate"], tags, "python code/clean.py",
                            month=SECRET_MONTH)
