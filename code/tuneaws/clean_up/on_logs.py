"""The logs of the course: what its jobs printed, and what its endpoints did.

A log stream carries no tags. It is the course's if its job is: a job's record stays, with its tags, so its
streams are found as long as they are there. The log group of an endpoint is found while the endpoint is
there, and afterwards by the ledger, which says that the course made it.
"""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import ClientError

from tuneaws.clean_up.things import LOGS, Kind, is_gone
from tuneaws.costs import book
from tuneaws.endpoints import requests
from tuneaws.endpoints.life import LOG_GROUP, describe, tags_of
from tuneaws.logs import GROUP as JOBS

BILLS = "storage, 0.03 USD a GB and month (seen 2026-11)"


@dataclass(frozen=True)
class Logs:
    """CloudWatch Logs, and SageMaker beside it, which has the tags. made: {endpoint: tags} of the ledger."""

    client: object
    sm: object
    made: dict


def _open(session, region: str) -> Logs:
    from tuneaws.clean_up.finding import client

    made = {}
    for entry in book.Book(book.path_of(session)).entries():
        if entry["event"] == "made" and entry.get("what") == "endpoint" and entry.get("region") == region:
            made[entry["name"]] = entry
    return Logs(client(session, "logs", region), client(session, "sagemaker", region), made)


def _streams(asked: Logs, job: str) -> list:
    """The names of a job's streams, <job>/algo-<n>-<time>; [] when the group is not there."""
    pages = asked.client.get_paginator("describe_log_streams").paginate(
        logGroupName=JOBS, logStreamNamePrefix=f"{job}/")
    try:
        return [row["logStreamName"] for page in pages for row in page["logStreams"]]
    except ClientError as err:
        if is_gone(err):
            return []
        raise


def _jobs(asked: Logs):
    """The jobs that have streams: one question for the group, and one for the tags of each job in it."""
    try:
        pages = asked.client.get_paginator("describe_log_streams").paginate(logGroupName=JOBS)
        names = {row["logStreamName"].partition("/")[0] for page in pages for row in page["logStreams"]}
    except ClientError as err:
        if not is_gone(err):
            raise
        names = set()
    if not names:
        return
    for page in asked.sm.get_paginator("list_training_jobs").paginate():
        yield from ((row["TrainingJobName"], row["TrainingJobArn"]) for row in page["TrainingJobSummaries"]
                    if row["TrainingJobName"] in names)


def _delete_streams(asked: Logs, thing) -> None:
    for stream in _streams(asked, thing.name):
        asked.client.delete_log_stream(logGroupName=JOBS, logStreamName=stream)


JOB_LOGS = Kind("job's log", "logs", BILLS, _jobs, lambda asked, arn: tags_of(asked.sm, arn), _delete_streams,
                lambda asked, thing: bool(_streams(asked, thing.name)), LOGS, opens=_open)


def _groups(asked: Logs):
    for page in asked.client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=LOG_GROUP):
        yield from ((row["logGroupName"].removeprefix(LOG_GROUP), row["logGroupName"])
                    for row in page["logGroups"])


def _endpoint_tags(asked: Logs, group: str) -> dict | None:
    """The tags of a group's endpoint; of one that is gone, those that the ledger says it was made with.

    None: the endpoint is gone and no ledger here knows it
    """
    name = group.removeprefix(LOG_GROUP)
    found = describe(asked.sm, name)
    if found:
        there = tags_of(asked.sm, found["EndpointArn"])
        return {key: value for key, value in there.items() if key != requests.EXPIRES}
    if "tags" not in asked.made.get(name, {}):
        return None
    return {key: value for key, value in asked.made[name]["tags"].items() if key != requests.EXPIRES}


def _has_group(asked: Logs, thing) -> bool:
    pages = asked.client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=thing.arn)
    return any(row["logGroupName"] == thing.arn for page in pages for row in page["logGroups"])


ENDPOINT_LOGS = Kind("endpoint's log", "logs", BILLS, _groups, _endpoint_tags,
                     lambda asked, thing: asked.client.delete_log_group(logGroupName=thing.arn), _has_group,
                     LOGS, opens=_open)
