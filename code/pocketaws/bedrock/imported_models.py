"""Imported models: GetImportedModel, ListImportedModels, DeleteImportedModel.

On AWS an imported model bills for storage by the month, and per unit and minute while it answers.
"""

from pathlib import Path

from pocketaws.bedrock.custom_models import remove_weights
from pocketaws.bedrock.tables import Resource, select
from pocketaws.operations import operation

# A copy of a model of up to 8B parameters at 128K context needs 2 units, a small one 1
# ("Calculate the cost of running a custom model", import-model-calculate-cost, 2026-11).
UNITS = {"customModelUnitsPerModelCopy": 1, "customModelUnitsVersion": "v1.0"}


class ImportedModel(Resource):
    """A model that was imported; its ARN is the modelId that answers. `folder` has its files."""

    KEPT = (*Resource.KEPT, "job", "facts", "context_tokens")

    def __init__(self, job, facts, models_folder: Path):
        super().__init__("imported-model", job.request["importedModelName"], job.region, job.account,
                         job.request.get("importedModelTags"))  # fmt: skip
        self.job, self.facts = job, facts
        self.folder = models_folder / self.id
        self.context_tokens = facts.context_tokens

    def summary(self) -> dict:
        """An ImportedModelSummary."""
        return {
            "modelArn": self.arn,
            "modelName": self.name,
            "creationTime": self.created_at,
            "instructSupported": self.facts.instruct,
            "modelArchitecture": self.facts.architecture,
        }

    def describe(self) -> dict:
        """A GetImportedModel response."""
        return {
            **self.summary(),
            "jobName": self.job.name,
            "jobArn": self.job.arn,
            "modelDataSource": self.job.request["modelDataSource"],
            "customModelUnits": UNITS,
        }


@operation("bedrock", "GetImportedModel")
def get_imported_model(context, request: dict) -> dict:
    """One imported model, by name or ARN."""
    return _model(context, request).describe()


@operation("bedrock", "ListImportedModels")
def list_imported_models(context, request: dict) -> dict:
    """Summaries, filtered; newest first unless the request says else."""
    every = context.state.bedrock.imported_models.of(context.region, context.account)
    found, token = select(every, request)
    return {"modelSummaries": [model.summary() for model in found], "nextToken": token}


@operation("bedrock", "DeleteImportedModel")
def delete_imported_model(context, request: dict) -> None:
    """Delete an imported model and its files."""
    model = _model(context, request)
    context.state.bedrock.imported_models.discard(model)
    remove_weights(context.state, model.folder)


def _model(context, request: dict) -> ImportedModel:
    return context.state.bedrock.imported_models.get(
        request["modelIdentifier"], context.region, context.account
    )
