"""What the course makes on Bedrock, in the order in which AWS lets it go.

A customization job that has ended is a record and stays. An import job can't be stopped: it is waited for,
and what it has made is found when AWS is asked again.
"""

from __future__ import annotations

from tuneaws.bedrock_client import tags_of
from tuneaws.bedrock_models import end
from tuneaws.clean_up.on_sagemaker import asked
from tuneaws.clean_up.things import Kind

BILLS = {"deployment": "tokens, when it is asked",
         "provisioned throughput": "every hour, asked or not, until it is deleted",
         "custom model": "storage by the month", "imported model": "storage by the month"}


def _jobs(lister: str, rows: str):
    def listed(bedrock):
        for page in bedrock.get_paginator(lister).paginate(statusEquals="InProgress"):
            yield from ((row["jobName"], row["jobArn"]) for row in page[rows])

    return listed


def _stop(bedrock, thing) -> None:
    found = asked(bedrock.get_model_customization_job, jobIdentifier=thing.arn) or {}
    if found.get("status") == "InProgress":
        bedrock.stop_model_customization_job(jobIdentifier=thing.arn)


def _runs(getter: str):
    def runs(bedrock, thing):
        found = asked(getattr(bedrock, getter), jobIdentifier=thing.arn) or {}
        return found.get("status") in ("InProgress", "Stopping")

    return runs


CUSTOMIZATION_JOB = Kind(
    "customization job", "bedrock", "the tokens that it trains on",
    _jobs("list_model_customization_jobs", "modelCustomizationJobSummaries"), tags_of, _stop,
    _runs("get_model_customization_job"), done="stopped")
IMPORT_JOB = Kind(
    "import job", "bedrock", "", _jobs("list_model_import_jobs", "modelImportJobSummaries"), tags_of,
    lambda bedrock, thing: None, _runs("get_model_import_job"), done="waited for")


def _kind(of: end.Kind) -> Kind:
    """A kind of bedrock_models.end as one of the clean-up's."""

    def listed(bedrock):
        for page in bedrock.get_paginator(of.lister).paginate():
            yield from ((row[of.label], row[of.arn]) for row in page[of.rows])

    return Kind(of.name, "bedrock", BILLS[of.name], listed, tags_of,
                lambda bedrock, thing: getattr(bedrock, of.deleter)(**{of.identifier: thing.arn}),
                lambda bedrock, thing: asked(getattr(bedrock, of.getter),
                                             **{of.identifier: thing.arn}) is not None)


MODELS = tuple(_kind(of) for of in end.KINDS)
