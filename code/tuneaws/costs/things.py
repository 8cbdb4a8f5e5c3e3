"""What of the course AWS knows and bills, with what it has cost by the list price: the ledger's other half.

    rows = find(session, cfg, entries)      # entries: of the ledger's book

By the tags of cfg.project.tags, whoever made it: what another notebook, another machine or another learner of
the account made is there too. What has been deleted is not: the book has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from tuneaws import bedrock_jobs, bedrock_models, training_jobs
from tuneaws.bedrock_client import tags_of as bedrock_tags
from tuneaws.bedrock_models.costs import HOURS_A_MONTH
from tuneaws.costs import billing, lives, settling, worst_case
from tuneaws.costs.billing import minute, stored
from tuneaws.costs.rates import Rates, storage_month
from tuneaws.endpoints import life

MOST_JOBS = 1000  # of the account's newest that are looked at; each is a request or three


def find(session, cfg, entries: list) -> list:
    """Rows of what there is: what, name, created, type, count, learner, lesson, ended, seconds, "USD so far".

    Prices are list prices, in local too: the ledger puts them into the column that says so. What only the
    book has says "at" too, which is its entry's.
    """
    place = billing.Place(session, cfg.project.tags, Rates.of(session), cfg.bedrock.region,
                          session.bucket_name(cfg.project.name))
    booked = _Endpoints(place, entries)
    rows = []
    for source in (_training_jobs, booked.there, _models, _customizations, _buckets):
        try:
            rows += source(place)
        except (ClientError, BotoCoreError):
            continue  # the book has what was made; still_billing() says what can't be seen
    return rows + list(booked.gone())


def _training_jobs(place) -> Iterator[dict]:
    sm = place.client("sagemaker")
    for summary in training_jobs.find(sm, place.tags, limit=MOST_JOBS):
        job = sm.describe_training_job(TrainingJobName=summary["TrainingJobName"])
        tags = life.tags_of(sm, summary["TrainingJobArn"])
        machines, seconds = billing.machines_of_job(job), settling.billable_s(job)
        hour = place.rates.hours(machines, "Train")
        yield _row("training job", job["TrainingJobName"], job["CreationTime"], tags, machines,
                   job.get("TrainingEndTime"), seconds, hour)


def _models(place) -> Iterator[dict]:
    """Provisioned throughput by the hour, models by the month; deployments bill nothing."""
    bedrock = place.client("bedrock", place.bedrock_region)
    for thing in bedrock_models.find(bedrock, place.tags):
        billed = bedrock_models.billing_row(bedrock, thing)
        month = billed["USD a month"]
        hour = None if month is None else month / HOURS_A_MONTH
        yield _row(thing.kind, thing.name, thing.created, bedrock_tags(bedrock, thing.arn), [], None,
                   _since(thing.created), hour)


def _customizations(place) -> Iterator[dict]:
    """Tuning jobs on Bedrock, at most: the estimate's worst case. Only tokens that are trained on bill."""
    bedrock = place.client("bedrock", place.bedrock_region)
    asker = worst_case.Asker(place.session.boto, place.bedrock_region)
    for summary in bedrock_jobs.find(bedrock, place.tags):
        job = bedrock_jobs.get(bedrock, summary["jobArn"])
        request = {**job, "baseModelIdentifier": job["baseModelArn"].rpartition("/")[2]}
        worst = worst_case.of("bedrock", "CreateModelCustomizationJob", request, asker)
        row = _row("customization job", job["jobName"], job["creationTime"],
                   bedrock_tags(bedrock, job["jobArn"]), [], job.get("endTime"), None, None)
        training = job.get("statusDetails", {}).get("trainingDetails", {}).get("status")
        refused = job["status"] == "Failed" and training == "NotStarted"  # its data, for one
        yield {**row, "type": request["baseModelIdentifier"], "USD so far": 0.0 if refused else worst.usd}


def _buckets(place) -> Iterator[dict]:
    """What is stored now, as if it had been since the first of it came: more than it was."""
    s3 = place.client("s3")
    for name, tags in billing.course_buckets(place, s3):
        size, oldest = stored(s3, name)
        if oldest:
            yield {**_row("bucket", name, oldest, tags, [], None, _since(oldest),
                          storage_month(size) / HOURS_A_MONTH), "type": billing.megabytes(size)}


class _Endpoints:
    """Rows of endpoints: each has the machines of its periods, the one before an update and the one after."""

    def __init__(self, place, entries: list):
        self._place = place
        self._lives = [one for one in lives.of(entries) if one.made["what"] == "endpoint"]
        configs = [one for one in entries if one["what"] == "endpoint configuration" and one.get("machines")]
        self._configs = {one["name"]: [tuple(each) for each in one["machines"]] for one in configs}

    def there(self, place) -> Iterator[dict]:
        """Those that AWS knows, by their machines of now and those that the book has of before."""
        sm = place.client("sagemaker")
        booked = {one.made["name"]: one.periods() for one in self._lives if not one.ended}
        pages = sm.get_paginator("list_endpoints").paginate()
        for one in [each for page in pages for each in page["Endpoints"]]:
            tags = life.tags_of(sm, one["EndpointArn"])
            if place.ours(tags):
                name, created, machines = one["EndpointName"], one["CreationTime"], life.machines_of(sm, one)
                *before, (_, begun, _) = booked.get(name, [(None, created, None)])
                usd = [*map(self._usd, before), _usd(place.rates.hours(machines, "Host"), _since(begun))]
                row = _row("endpoint", name, created, tags, machines, None, _since(created), None)
                yield {**row, "USD so far": _sum(usd)}

    def gone(self) -> Iterator[dict]:
        """Those that the book has, made and deleted."""
        for one in self._lives:
            if one.ended:
                periods, begun = one.periods(), datetime.fromisoformat(one.made["at"])
                machines = next(filter(None, (self._machines(says) for says, _, _ in reversed(periods))), [])
                row = _row("endpoint", one.made["name"], begun, one.made, machines, one.ended,
                           (one.ended - begun).total_seconds(), None)
                yield {**row, "at": one.made["at"], "USD so far": _sum(map(self._usd, periods))}

    def _usd(self, period: tuple) -> float | None:
        """What a period has cost: its configuration's machines, else what the guard found at most."""
        says, start, end = period
        machines = self._machines(says)
        hour = self._place.rates.hours(machines, "Host") if machines else says.get("usd_per_hour")
        return _usd(hour, (end - start).total_seconds())

    def _machines(self, says: dict) -> list:
        return self._configs.get(says.get("config"), [])


def _usd(hour: float | None, seconds: float | None) -> float | None:
    return None if hour is None or seconds is None else hour * seconds / 3600


def _sum(each) -> float | None:
    each = list(each)
    return None if None in each else sum(each)


def _row(what, name, created, tags, machines, ended, seconds, hour) -> dict:
    """A row of the ledger. hour: USD of all machines together."""
    return {"created": minute(created), "what": what, "name": name,
            "type": ", ".join(dict.fromkeys(kind for kind, _ in machines)) or None,
            "count": sum(count for _, count in machines) or None, "learner": tags.get("learner"),
            "lesson": tags.get("lesson"), "ended": minute(ended),
            "seconds": None if seconds is None else round(seconds),
            "USD so far": _usd(hour, seconds)}


def _since(then: datetime) -> float:
    return (billing.now() - then).total_seconds()


