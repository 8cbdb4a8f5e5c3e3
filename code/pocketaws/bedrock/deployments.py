"""Custom model deployments, on demand: Create, Get, List, Update, DeleteCustomModelDeployment.

The ARN of a deployment is the modelId of Converse and InvokeModel. It is Creating until its model has been
loaded and has given a token.
"""

from pocketaws.bedrock import checks, custom_models, warming
from pocketaws.bedrock.served_models import check_access, check_not_ended
from pocketaws.bedrock.tables import MAX_FAILURE_MESSAGE, Resource, in_use, not_found, select
from pocketaws.errors import validation_error
from pocketaws.operations import operation
from pocketaws.sagemaker.job import now


class Deployment(Resource):
    """A deployment: `model` answers, `update` is {"modelArn", "updateStatus"} of the newest update."""

    KEPT = (
        *Resource.KEPT, "model", "coming", "description", "status", "failure_message", "update",
    )  # fmt: skip

    def __init__(self, request: dict, model, region: str, account: str):
        super().__init__("custom-model-deployment", request["modelDeploymentName"], region, account,
                         request.get("tags"))  # fmt: skip
        self.token, self.model, self.coming = request.get("clientRequestToken"), model, None
        self.description = request.get("description")
        self.status, self.failure_message = "Creating", ""
        self.update: dict | None = None

    @property
    def models(self) -> tuple:
        """The custom models that may not be deleted under it."""
        return (self.model, self.coming) if self.coming else (self.model,)

    def ready(self) -> None:
        """The model answers."""
        with self.changing():
            self.status, self.last_modified = "Active", now()

    def failed(self, why: str) -> None:
        """The model does not answer."""
        with self.changing():
            self.status, self.failure_message, self.last_modified = "Failed", why[:MAX_FAILURE_MESSAGE], now()

    def updated(self, why: str = "") -> None:
        """The model that an update brings answers, or does not: then the one before goes on."""
        with self.changing():
            if not why:
                self.model = self.coming
            self.update = {**self.update, "updateStatus": "UpdateFailed" if why else "UpdateCompleted"}
            self.coming, self.last_modified = None, now()
            self.failure_message = why[:MAX_FAILURE_MESSAGE]

    def summary(self) -> dict:
        """A CustomModelDeploymentSummary."""
        return {
            "customModelDeploymentArn": self.arn,
            "customModelDeploymentName": self.name,
            "modelArn": self.model.arn,
            "createdAt": self.created_at,
            "status": self.status,
            "lastUpdatedAt": self.last_modified,
            "failureMessage": self.failure_message or None,
        }

    def describe(self) -> dict:
        """A GetCustomModelDeployment response."""
        answer = {**self.summary(), "modelDeploymentName": self.name, "description": self.description}
        del answer["customModelDeploymentName"]
        answer["updateDetails"] = self.update
        return {name: value for name, value in answer.items() if value is not None}


@operation("bedrock", "CreateCustomModelDeployment")
def create_custom_model_deployment(context, request: dict) -> dict:
    """Deploy a custom model.

    Raises ResourceNotFoundException, ValidationException; ConflictException for a name that is in use.
    """
    tables = context.state.bedrock
    same = tables.deployments.with_token(request.get("clientRequestToken"), context.region, context.account)
    if same is not None:
        return {"customModelDeploymentArn": same.arn}
    checks.check_tag_list(request.get("tags"))
    with tables.using:
        model = _deployable(context, request["modelArn"])
        deployment = Deployment(request, model, context.region, context.account)
        tables.deployments.add(deployment, in_use("deployment", deployment.name))
    warming.start(context.state, model.folder, deployment.ready, deployment.failed)
    return {"customModelDeploymentArn": deployment.arn}


def _deployable(context, arn: str):
    """The custom model of an ARN, if it can be deployed (deploy-custom-model-on-demand, 2026-11)."""
    model = context.state.bedrock.custom_models.by_arn(arn)
    if model is None or (model.region, model.account) != (context.region, context.account):
        raise not_found(f"Could not find the custom model {arn}.")  # not documented; chosen
    check_not_ended(context.state, model.base_model)
    check_access(context.state, model.base_model)
    if not model.base_model.custom_on_demand:
        raise validation_error(
            f"Custom models of {model.base_model.id} cannot be deployed on demand: purchase Provisioned "
            "Throughput for it."
        )
    return model


@operation("bedrock", "GetCustomModelDeployment")
def get_custom_model_deployment(context, request: dict) -> dict:
    """One deployment, by name or ARN."""
    return _deployment(context, request).describe()


@operation("bedrock", "ListCustomModelDeployments")
def list_custom_model_deployments(context, request: dict) -> dict:
    """Summaries, filtered; newest first unless the request says else."""
    every = context.state.bedrock.deployments.of(context.region, context.account)
    status, arn = request.get("statusEquals"), request.get("modelArnEquals")
    found, token = select(
        every, request, lambda each: status in (None, each.status) and arn in (None, each.model.arn)
    )
    return {"modelDeploymentSummaries": [each.summary() for each in found], "nextToken": token}


@operation("bedrock", "UpdateCustomModelDeployment")
def update_custom_model_deployment(context, request: dict) -> dict:
    """Have another custom model answer under the same ARN; the one before answers until it is loaded."""
    with context.state.bedrock.using:
        deployment, model = _deployment(context, request), _deployable(context, request["modelArn"])
        if deployment.status != "Active" or deployment.coming:
            raise validation_error(f"The deployment {deployment.name} is not Active, or is being updated.")
        with deployment.changing():
            deployment.coming = model
            deployment.update = {"modelArn": model.arn, "updateStatus": "Updating"}
    warming.start(context.state, model.folder, deployment.updated, deployment.updated)
    return {"customModelDeploymentArn": deployment.arn}


@operation("bedrock", "DeleteCustomModelDeployment")
def delete_custom_model_deployment(context, request: dict) -> None:
    """Take a deployment away; its ARN answers no more. The custom model stays, and bills for storage."""
    deployment = _deployment(context, request)
    context.state.bedrock.deployments.discard(deployment)
    custom_models.release(context.state, *deployment.models)


def _deployment(context, request: dict) -> Deployment:
    identifier = request["customModelDeploymentIdentifier"]
    return context.state.bedrock.deployments.get(identifier, context.region, context.account)
