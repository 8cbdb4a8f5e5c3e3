"""Provisioned Throughput: Create, Get, List, Update, DeleteProvisionedModelThroughput.

It bills by the hour from its creation to its deletion, used or not. The local AWS bills nothing, and writes
down what AWS would: <home>/bedrock/provisioned.json has ARN, name, units, when it began and the price, null
where the table has none.

What may be bought is what an account may buy that asked for nothing (prov-throughput, read 2026-11): for a
custom model and without commitment, one model unit each, two of them in all. Base models need a commitment,
and of units with commitment the default quota is 0.
"""

import json

from pocketaws.bedrock import checks, custom_models, warming
from pocketaws.bedrock.served_models import check_usable
from pocketaws.bedrock.tables import MAX_FAILURE_MESSAGE, Resource, in_use, select
from pocketaws.errors import AwsError, validation_error
from pocketaws.operations import operation
from pocketaws.sagemaker.job import now

MOST_WITHOUT_COMMITMENT = 2  # Provisioned Throughputs of an account


class Provisioned(Resource):
    """A Provisioned Throughput of a custom model."""

    KEPT = (*Resource.KEPT, "model", "desired", "units", "status", "failure_message")

    def __init__(self, request: dict, model, region: str, account: str):
        super().__init__("provisioned-model", request["provisionedModelName"], region, account,
                         request.get("tags"))  # fmt: skip
        self.token, self.model, self.desired = request.get("clientRequestToken"), model, model
        self.units = request["modelUnits"]
        self.status, self.failure_message = "Creating", ""

    @property
    def base_model(self):
        """The row that its model was tuned from."""
        return self.model.base_model

    @property
    def models(self) -> tuple:
        """The custom models that may not be deleted under it."""
        return self.model, self.desired

    @property
    def usd_an_hour(self) -> float | None:
        """What all its units cost on AWS, None where the table has no price."""
        price = self.base_model.provisioned_usd_an_hour
        return None if price is None else price * self.units

    def ready(self) -> None:
        """The model that is wanted answers."""
        with self.changing():
            self.model, self.status, self.last_modified = self.desired, "InService", now()

    def failed(self, why: str) -> None:
        """The model that is wanted does not answer."""
        with self.changing():
            self.status = "Failed" if self.status == "Creating" else "InService"
            self.desired, self.last_modified = self.model, now()
            self.failure_message = why[:MAX_FAILURE_MESSAGE]

    def summary(self) -> dict:
        """A ProvisionedModelSummary."""
        return {
            "provisionedModelName": self.name,
            "provisionedModelArn": self.arn,
            "modelArn": self.model.arn,
            "desiredModelArn": self.desired.arn,
            "foundationModelArn": self.base_model.arn(self.region),
            "modelUnits": self.units,
            "desiredModelUnits": self.units,
            "status": self.status,
            "creationTime": self.created_at,
            "lastModifiedTime": self.last_modified,
        }

    def describe(self) -> dict:
        """A GetProvisionedModelThroughput response."""
        return {
            **self.summary(),
            **({"failureMessage": self.failure_message} if self.failure_message else {}),
        }


@operation("bedrock", "CreateProvisionedModelThroughput")
def create_provisioned_model_throughput(context, request: dict) -> dict:
    """Buy throughput for a custom model, without commitment.

    Raises ResourceNotFoundException, ValidationException; ServiceQuotaExceededException for more than an
    account may buy unasked.
    """
    tables = context.state.bedrock
    same = tables.provisioned.with_token(request.get("clientRequestToken"), context.region, context.account)
    if same is not None:
        return {"provisionedModelArn": same.arn}
    checks.check_tag_list(request.get("tags"))
    with tables.using:
        model = tables.custom_models.find(request["modelId"], context.region, context.account)
        if model is None:
            _refuse_base_model(request)
            model = tables.custom_models.get(request["modelId"], context.region, context.account)
        check_usable(context.state, model.base_model)  # no new one in the legacy phase (model-lifecycle)
        _check_quotas(context, request)
        made = Provisioned(request, model, context.region, context.account)
        tables.provisioned.add(made, in_use("provisioned model", made.name))
    record(context.state)
    warming.start(context.state, model.folder, made.ready, made.failed)
    return {"provisionedModelArn": made.arn}


def _refuse_base_model(request: dict) -> None:
    if "." in request["modelId"] and ":custom-model/" not in request["modelId"]:
        if "commitmentDuration" in request:
            raise _over_quota("model units with commitment", 0)
        raise validation_error(  # the wording is not documented; chosen
            "Provisioned Throughput without commitment is not available for base models: give "
            "commitmentDuration OneMonth or SixMonths."
        )


def _check_quotas(context, request: dict) -> None:
    if "commitmentDuration" in request:
        raise _over_quota("model units with commitment", 0)
    if request["modelUnits"] > 1:
        raise _over_quota("model units without commitment for a Provisioned Throughput of a custom model", 1)
    used = len(context.state.bedrock.provisioned.of(context.region, context.account))
    if used >= MOST_WITHOUT_COMMITMENT:
        raise _over_quota("Provisioned Throughputs without commitment", MOST_WITHOUT_COMMITMENT)


def _over_quota(what: str, most: int) -> AwsError:
    return AwsError("ServiceQuotaExceededException", f"The quota of {what} is {most}: ask AWS for more.")


def record(state) -> None:
    """Write down what runs, and what it costs on AWS."""
    rows = [
        {"arn": each.arn, "name": each.name, "units": each.units, "usd_an_hour": each.usd_an_hour,
         "since": each.created_at.isoformat(timespec="seconds")}
        for each in state.bedrock.provisioned.all()
    ]  # fmt: skip
    path = state.bedrock.provisioned_record
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


@operation("bedrock", "GetProvisionedModelThroughput")
def get_provisioned_model_throughput(context, request: dict) -> dict:
    """One Provisioned Throughput, by name or ARN."""
    return _provisioned(context, request).describe()


@operation("bedrock", "ListProvisionedModelThroughputs")
def list_provisioned_model_throughputs(context, request: dict) -> dict:
    """Summaries, filtered; newest first unless the request says else."""
    every = context.state.bedrock.provisioned.of(context.region, context.account)
    status, arn = request.get("statusEquals"), request.get("modelArnEquals")
    found, token = select(
        every, request, lambda each: status in (None, each.status) and arn in (None, each.model.arn)
    )
    return {"provisionedModelSummaries": [each.summary() for each in found], "nextToken": token}


@operation("bedrock", "UpdateProvisionedModelThroughput")
def update_provisioned_model_throughput(context, request: dict) -> None:
    """Rename it, or have another custom model of the same base model answer (prov-thru-edit, 2026-11)."""
    tables = context.state.bedrock
    with tables.using:
        made = _provisioned(context, request)
        if made.status != "InService":
            raise validation_error(f"The provisioned model {made.name} is in status {made.status}.")
        name = request.get("desiredProvisionedModelName", made.name)
        if name != made.name and tables.provisioned.find(name, context.region, context.account):
            raise in_use("provisioned model", name)
        model = made.model
        if "desiredModelId" in request:
            model = tables.custom_models.get(request["desiredModelId"], context.region, context.account)
            if model.base_model != made.base_model:
                raise validation_error(f"The model {model.name} is not tuned from {made.base_model.id}.")
        changed = model is not made.model
        with made.changing():
            made.name, made.desired, made.last_modified = name, model, now()
            made.status = "Updating" if changed else made.status
    record(context.state)
    if changed:
        warming.start(context.state, model.folder, made.ready, made.failed)


@operation("bedrock", "DeleteProvisionedModelThroughput")
def delete_provisioned_model_throughput(context, request: dict) -> None:
    """Give it back; from now on it would bill no more."""
    made = _provisioned(context, request)
    context.state.bedrock.provisioned.discard(made)
    custom_models.release(context.state, *made.models)
    record(context.state)


def _provisioned(context, request: dict) -> Provisioned:
    identifier = request["provisionedModelId"]
    return context.state.bedrock.provisioned.get(identifier, context.region, context.account)
