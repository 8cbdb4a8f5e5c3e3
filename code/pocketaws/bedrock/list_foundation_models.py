"""ListFoundationModels, GetFoundationModel, GetFoundationModelAvailability."""

from pocketaws.bedrock import foundation_models, rehearsals
from pocketaws.bedrock.foundation_models import ENDED
from pocketaws.bedrock.tables import not_found
from pocketaws.operations import operation


@operation("bedrock", "ListFoundationModels")
def list_foundation_models(context, request: dict) -> dict:
    """The models of a region that have not ended: "After the EOL date, the model version can only be found on
    this documentation page" (model-lifecycle, 2026-11)."""
    offered = [row for row in foundation_models.every() if context.region in row.regions]
    summaries = [
        row.details(context.region, phase)
        for row in offered
        if _wanted(row, request) and (phase := rehearsals.phase(context.state.home, row)) != ENDED
    ]
    return {"modelSummaries": summaries}


def _wanted(row, request: dict) -> bool:
    return all(
        (
            request.get("byProvider", row.provider).lower() == row.provider.lower(),
            request.get("byCustomizationType") in (None, *row.customizations),
            request.get("byOutputModality") in (None, *row.outputs),
            request.get("byInferenceType") in (None, *row.inference_types),
        )
    )


@operation("bedrock", "GetFoundationModel")
def get_foundation_model(context, request: dict) -> dict:
    """One model, by id or ARN. Raises ResourceNotFoundException for one that is not here, or has ended."""
    identifier = request["modelIdentifier"]
    row = foundation_models.find(identifier, context.region)
    if row is None or rehearsals.phase(context.state.home, row) == ENDED:
        # Its wording is not documented; chosen.
        raise not_found(f"Could not resolve the foundation model from the model identifier: {identifier}")
    return {"modelDetails": row.details(context.region, rehearsals.phase(context.state.home, row))}


@operation("bedrock", "GetFoundationModelAvailability")
def get_foundation_model_availability(context, request: dict) -> dict:
    """Whether this account may use a model, as bedrock_access.json of this home says."""
    row = next((row for row in foundation_models.every() if row.id == request["modelId"]), None)
    if row is None:
        raise not_found(
            f"Could not resolve the foundation model from the model identifier: {request['modelId']}"
        )
    access = rehearsals.has_access(context.state.home, row)
    here = context.region in row.regions and rehearsals.phase(context.state.home, row) != ENDED
    return {
        "modelId": row.id,
        "agreementAvailability": {"status": "AVAILABLE" if access else "NOT_AVAILABLE"},
        "authorizationStatus": "AUTHORIZED",
        "entitlementAvailability": "AVAILABLE" if access else "NOT_AVAILABLE",
        "regionAvailability": "AVAILABLE" if here else "NOT_AVAILABLE",
    }
