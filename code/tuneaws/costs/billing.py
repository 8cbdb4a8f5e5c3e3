"""What bills right now: everything with the course's tags that costs money until somebody ends it.

    rows = still_billing(session, cfg)
    seen = look(session, cfg)       # the same, and what could not be seen: seen.rows, seen.unseen

by the hour   training jobs, warm pools, endpoints, provisioned throughput on Bedrock, managed MLflow
by the month  models kept on Bedrock, bytes in S3, secrets
when asked    deployments on Bedrock; a customization job bills its tokens when it ends

A tuning job is listed without a price: the training jobs that it launched carry its tags
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html, 2026-11)
and are listed themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone

from botocore.exceptions import BotoCoreError, ClientError

from tuneaws import bedrock_models, buckets
from tuneaws.bedrock_client import tags_of as bedrock_tags
from tuneaws.costs import on_aws_only
from tuneaws.costs.rates import Rates, storage_month
from tuneaws.endpoints import life

UNDER_WAY = ("InProgress", "Stopping")


@dataclass
class Seen:
    """What look() found. rows: still_billing()'s; unseen: ["endpoints: AccessDeniedException", …]."""

    rows: list = field(default_factory=list)
    unseen: list = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """Where to look, and for what. tags: cfg.project.tags. bucket: the learner's own, in this region."""

    session: object
    tags: dict
    rates: Rates
    bedrock_region: str
    bucket: str

    def client(self, service: str, region: str | None = None):
        """A client in the session's region, or in another."""
        if region in (None, self.session.region):
            return self.session.client(service)
        return self.session.boto.client(service, region_name=region, endpoint_url=self.session.url)

    def row(self, what, name, since, tags, end, hour=0.0, month=0.0, region=None) -> dict:
        """One row; hour and month are AWS's list prices, None where nobody knows them."""
        paid = {"USD/h": hour, "USD/month": month}
        if self.session.where == "local":
            paid = {"USD/h": 0.0, "USD/month": 0.0, "USD/h on AWS": hour, "USD/month on AWS": month}
        return {"what": what, "name": name, "region": region or self.session.region, "since": minute(since),
                **paid, "learner": tags.get("learner"), "lesson": tags.get("lesson"), "end it with": end}

    def ours(self, tags: dict) -> bool:
        """Whether something with these tags is the course's."""
        return self.tags.items() <= tags.items()


def still_billing(session, cfg) -> list:
    """A row for each thing that bills, or that bills when it is asked. Never raises for what is denied.

    Each row has what, name, region, since (UTC), "USD/h", "USD/month", learner, lesson, "end it with".
    In local the two prices are 0.0, and "USD/h on AWS" and "USD/month on AWS" say what AWS lists for it.
    None: the price is not known here. What could not be looked at: look().
    """
    return look(session, cfg).rows


def look(session, cfg) -> Seen:
    """still_billing(), and what could not be seen."""
    place = Place(session, cfg.project.tags, Rates.of(session), cfg.bedrock.region,
                  session.bucket_name(cfg.project.name))
    seen = Seen()
    for what, source in SOURCES.items():
        try:
            seen.rows += source(place)
        except ClientError as err:
            code = err.response["Error"]["Code"]
            seen.unseen += [f"{what}: {code}"] if code != "NotImplemented" else []  # no such thing is there
        except BotoCoreError as err:
            seen.unseen.append(f"{what}: {err}")
    return seen


# --- SageMaker


def _training_jobs(place: Place) -> Iterator[dict]:
    sm = place.client("sagemaker")
    for job in _summaries(sm, "list_training_jobs", "TrainingJobSummaries", UNDER_WAY):
        tags = life.tags_of(sm, job["TrainingJobArn"])
        if place.ours(tags):
            name = job["TrainingJobName"]
            yield place.row("training job", name, job["CreationTime"], tags,
                            f"sm.stop_training_job(TrainingJobName={name!r})", _job_hour(place, sm, name))


def _warm_pools(place: Place) -> Iterator[dict]:
    sm = place.client("sagemaker")
    pages = sm.get_paginator("list_training_jobs").paginate(WarmPoolStatusEquals="Available")
    for job in [one for page in pages for one in page["TrainingJobSummaries"]]:
        tags = life.tags_of(sm, job["TrainingJobArn"])
        if place.ours(tags):
            name = job["TrainingJobName"]
            end = (f"sm.update_training_job(TrainingJobName={name!r}, "
                   'ResourceConfig={"KeepAlivePeriodInSeconds": 0})')
            yield place.row("warm pool", name, job.get("TrainingEndTime"), tags, end,
                            _job_hour(place, sm, name))


def _tuning_jobs(place: Place) -> Iterator[dict]:
    sm = place.client("sagemaker")
    for job in _summaries(sm, "list_hyper_parameter_tuning_jobs", "HyperParameterTuningJobSummaries",
                          UNDER_WAY):
        tags = life.tags_of(sm, job["HyperParameterTuningJobArn"])
        if place.ours(tags):
            name = job["HyperParameterTuningJobName"]
            end = f"sm.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName={name!r})"
            yield place.row("tuning job", name, job["CreationTime"], tags, end)


def _endpoints(place: Place) -> Iterator[dict]:
    sm = place.client("sagemaker")
    pages = sm.get_paginator("list_endpoints").paginate()
    for one in [each for page in pages for each in page["Endpoints"]]:
        tags = life.tags_of(sm, one["EndpointArn"])
        if place.ours(tags):
            hour = place.rates.hours(life.machines_of(sm, one), "Host")
            yield place.row("endpoint", one["EndpointName"], one["CreationTime"], tags,
                            f"endpoints.delete(sm, {one['EndpointName']!r})", hour)


def _summaries(sm, lister: str, key: str, statuses: tuple) -> list:
    """The summaries of all pages with one of the statuses."""
    pager = sm.get_paginator(lister)
    return [one for status in statuses for page in pager.paginate(StatusEquals=status) for one in page[key]]


def _job_hour(place: Place, sm, name: str) -> float | None:
    return place.rates.hours(machines_of_job(sm.describe_training_job(TrainingJobName=name)), "Train")


def machines_of_job(job: dict) -> list:
    """[(instance type, how many), …] of what DescribeTrainingJob says, or of a CreateTrainingJob request."""
    resources = job.get("ResourceConfig", {})
    groups = resources.get("InstanceGroups") or [resources]
    return [(one["InstanceType"], one.get("InstanceCount", 1)) for one in groups if "InstanceType" in one]


# --- Bedrock and S3


def _bedrock_models(place: Place) -> Iterator[dict]:
    bedrock = place.client("bedrock", place.bedrock_region)
    for thing in bedrock_models.find(bedrock, place.tags):
        billed = bedrock_models.billing_row(bedrock, thing)
        hourly = thing.kind == "provisioned throughput"
        yield place.row(thing.kind, thing.name, thing.created, bedrock_tags(bedrock, thing.arn),
                        f"bedrock_models.delete(bedrock, {thing.arn!r})", billed["USD an hour"],
                        0.0 if hourly else billed["USD a month"], place.bedrock_region)


def _customization_jobs(place: Place) -> Iterator[dict]:
    bedrock = place.client("bedrock", place.bedrock_region)
    for job in _summaries_of_bedrock(bedrock):
        tags = bedrock_tags(bedrock, job["jobArn"])
        if place.ours(tags):
            end = f"bedrock.stop_model_customization_job(jobIdentifier={job['jobName']!r})"
            yield place.row("customization job", job["jobName"], job["creationTime"], tags, end,
                            region=place.bedrock_region)


def _summaries_of_bedrock(bedrock) -> list:
    pages = bedrock.get_paginator("list_model_customization_jobs").paginate(statusEquals="InProgress")
    return [job for page in pages for job in page["modelCustomizationJobSummaries"]]


def _buckets(place: Place) -> Iterator[dict]:
    s3 = place.client("s3")
    for name, tags in course_buckets(place, s3):
        size, _ = stored(s3, name)
        if not size:
            continue
        yield place.row(f"{megabytes(size)} in S3,", name, None, tags, "python code/clean.py --buckets",
                        month=storage_month(size))


def course_buckets(place: Place, s3) -> Iterator[tuple]:
    """(name, tags) of the learner's bucket and of those of others that these credentials may look into."""
    for name in _bucket_names(place, s3):
        try:
            tags = buckets.bucket_tags(s3, name)
        except ClientError as err:
            if name != place.bucket or err.response["Error"]["Code"] == "NoSuchBucket":
                continue
            raise
        if place.ours(tags):
            yield name, tags


def _bucket_names(place: Place, s3) -> list:
    """The learner's own bucket, and, where it may be asked, those that begin as all of the course do here."""
    begins = place.bucket.rpartition("-")[0]
    try:
        every = [one["Name"] for one in s3.list_buckets()["Buckets"]]
    except ClientError:  # a learner need not see those of others
        every = []
    return [place.bucket, *(name for name in every if name.startswith(begins) and name != place.bucket)]


def megabytes(size: int) -> str:
    """"48 MB", "under 1 MB"."""
    return f"{size / 1e6:,.0f} MB" if size >= 1e6 else "under 1 MB"


def stored(s3, bucket: str) -> tuple:
    """(bytes, when the oldest came or None) of a bucket: every version of every object bills."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    every = [(one["Size"], one["LastModified"]) for page in pages for one in page.get("Versions", [])]
    return sum(size for size, _ in every), min((came for _, came in every), default=None)


def now() -> datetime:
    """Now, in UTC."""
    return datetime.now(timezone.utc)


def minute(at: datetime | None) -> str | None:
    """As tables have it: in UTC, "2026-11-22 14:03"."""
    return at and f"{at.astimezone(timezone.utc):%Y-%m-%d %H:%M}"


SOURCES: dict[str, Callable] = {
    "training jobs": _training_jobs, "warm pools": _warm_pools, "tuning jobs": _tuning_jobs,
    "endpoints": _endpoints, "models on Bedrock": _bedrock_models,
    "customization jobs": _customization_jobs, "buckets": _buckets, "MLflow": on_aws_only.mlflow,
    "secrets": on_aws_only.secrets,
}
