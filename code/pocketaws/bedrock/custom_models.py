"""Custom models: what a customization job makes, GetCustomModel, ListCustomModels, DeleteCustomModel.

CreateCustomModel takes a Nova model that SageMaker trained, from a bucket of Amazon's: there is none here.
"""

import copy
import logging
import shutil
from pathlib import Path

from pocketaws import folders
from pocketaws.bedrock.tables import Resource, in_use, select
from pocketaws.errors import AwsError
from pocketaws.operations import operation

log = logging.getLogger("pocketaws")


class CustomModel(Resource):
    """A tuned model. `folder` has its merged weights, config and tokenizer; base_model is its row."""

    KEPT = (*Resource.KEPT, "job", "base_model")
    status = "Active"

    def __init__(self, job, models_folder: Path):
        super().__init__("custom-model", job.request["customModelName"], job.region, job.account,
                         job.request.get("customModelTags"), prefix=f"{job.base_model.id}/")  # fmt: skip
        self.job, self.base_model = job, job.base_model
        self.folder = models_folder / self.id

    def describe(self) -> dict:
        """A GetCustomModel response."""
        job = self.job.describe()
        names = ("jobName", "jobArn", "customizationType", "baseModelArn", "hyperParameters",
                 "trainingDataConfig", "validationDataConfig", "outputDataConfig", "trainingMetrics",
                 "validationMetrics")  # fmt: skip
        answer = {name: job[name] for name in names if name in job}
        answer.update(
            modelArn=self.arn, modelName=self.name, creationTime=self.created_at, modelStatus=self.status
        )
        return copy.deepcopy(answer)

    def summary(self) -> dict:
        """A CustomModelSummary. AWS's baseModelName has no room for version and context length."""
        return {
            "modelArn": self.arn,
            "modelName": self.name,
            "creationTime": self.created_at,
            "baseModelArn": self.base_model.arn(self.region),
            "baseModelName": self.base_model.id.partition(":")[0],
            "customizationType": "FINE_TUNING",
            "ownerAccountId": self.account,
            "modelStatus": self.status,
        }


def finish(state, job, folder: Path, losses) -> None:
    """Make the custom model of a job that has been tuned, and complete the job.

    folder   the merged model, which is moved to its place
    losses   .training and .validation, a list
    A job that was stopped meanwhile, or whose name was taken, makes no model.
    """
    models = state.bedrock.custom_models
    model = CustomModel(job, state.bedrock.models_folder)
    model.folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(folder, model.folder)
    try:
        models.add(model, in_use("model", model.name))
    except AwsError as err:
        job.fail(err.message)
        folders.remove(model.folder)
        return
    if not job.complete(losses.training, losses.validation, model.arn):
        models.discard(model)
        folders.remove(model.folder)
        job.stopped()


@operation("bedrock", "GetCustomModel")
def get_custom_model(context, request: dict) -> dict:
    """One custom model, by name or ARN."""
    return _model(context, request).describe()


@operation("bedrock", "ListCustomModels")
def list_custom_models(context, request: dict) -> dict:
    """Summaries, filtered; newest first unless the request says else. All models are the account's own."""
    models = context.state.bedrock.custom_models.of(context.region, context.account)
    if request.get("isOwned") is False:
        models = []

    def wanted(model) -> bool:
        base = model.base_model.arn(model.region)
        bases = [request.get(name, base) for name in ("baseModelArnEquals", "foundationModelArnEquals")]
        return bases == [base, base] and request.get("modelStatus", model.status) == model.status

    found, token = select(models, request, wanted)
    return {"modelSummaries": [model.summary() for model in found], "nextToken": token}


@operation("bedrock", "DeleteCustomModel")
def delete_custom_model(context, request: dict) -> None:
    """Delete a custom model and its weights. Raises ConflictException while something uses it."""
    tables = context.state.bedrock
    with tables.using:
        model = _model(context, request)
        users = users_of(tables, model)
        if users:
            raise AwsError(  # the wording is not documented; chosen
                "ConflictException",
                f"The model {model.arn} is in use by {users[0].arn}. Delete that first.",
            )
        tables.custom_models.discard(model)
    remove_weights(context.state, model.folder)


def users_of(tables, model: CustomModel) -> list:
    """The deployments and throughputs that a custom model answers for, or is about to."""
    every = [*tables.deployments.all(), *tables.provisioned.all()]
    return [each for each in every if model in each.models]


def release(state, *models: CustomModel) -> None:
    """End the processes of models that nothing uses any more."""
    for model in set(models):
        if not users_of(state.bedrock, model):
            _forget(state, model.folder)


def remove_weights(state, folder: Path) -> None:
    """End the process that answers for a model, if there is one, and delete its weights."""
    _forget(state, folder)
    folders.remove(folder)


def _forget(state, folder: Path) -> None:
    if state.has_serving:
        state.serving.forget(folder)


def _model(context, request: dict) -> CustomModel:
    return context.state.bedrock.custom_models.get(
        request["modelIdentifier"], context.region, context.account
    )
