"""What can answer: from the modelId of a Converse or InvokeModel to the folder of weights behind it.

    served = resolve(context.state, context.region, "us.amazon.nova-micro-v1:0")
    served.folder        config.json, model.safetensors, tokenizer: transformers reads it

modelId can be a foundation model's id or ARN, an inference profile's id or ARN, or the ARN of a custom model
deployment, of a provisioned model or of an imported model ("modelId" of API_runtime_Converse, read 2026-11).

In the local AWS every foundation model is stood in for by one: pocketaws/chat-1m, which comes with it.

Wordings, from public reports read 2026-11: an unknown id, aws-samples/amazon-bedrock-workshop issue 315; the
end of life and the legacy phase, issue 708 of aws-solutions-library-samples/
accelerated-intelligent-document-processing-on-aws; no access and not ready, repost.aws/knowledge-center/
bedrock-invokemodel-api-error and bedrock-imported-models-modelnotreadyexception.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from pocketaws import hub_cache
from pocketaws.bedrock import foundation_models, rehearsals
from pocketaws.bedrock.tables import not_found
from pocketaws.errors import AwsError, validation_error

STAND_IN = hub_cache.SHIPPED / "chat-1m"
INVALID = "The provided model identifier is invalid."
NO_ACCESS = "You don't have access to the model with the specified model ID."
END_OF_LIFE = (
    "This model version has reached the end of its life. "
    "Please refer to the AWS documentation for more details."
)
LEGACY_PHASE = (
    "Access denied. This Model is marked by provider as Legacy and you have not been actively using the "
    "model in the last 30 days. Please upgrade to an active model on Amazon Bedrock"
)
NOT_READY = "Model is not ready for inference. Wait and try your request again."


@dataclass(frozen=True)
class ServedModel:
    """A model that answers.

    kind            "base", "custom" or "imported"
    model_id        as it was asked for
    arn             of the foundation, custom or imported model behind it
    family          "nova", "llama", "titan", …: the shape of InvokeModel's body. "imported" has its own
    folder          a transformers folder
    context_tokens  the row's, AWS's figure; the weights in `folder` may have less
    output_tokens   the longest answer, AWS's figure
    streaming       whether it streams
    instruct        whether Converse takes it; of an imported model, its instructSupported
    """

    kind: str
    model_id: str
    arn: str
    family: str
    folder: Path
    context_tokens: int
    output_tokens: int
    streaming: bool
    instruct: bool = True


def resolve(state, region: str, model_id: str, account: str | None = None) -> ServedModel:
    """The model that answers for a modelId in a region.

    Raises AWS's errors: ValidationException, AccessDeniedException, ResourceNotFoundException,
    ModelNotReadyException.
    """
    account = account or state.account
    kind = _kind_of(model_id, region, account)
    if kind in BY_ARN:
        return BY_ARN[kind](state, model_id)
    if kind == "application-inference-profile":
        profile = state.bedrock.inference_profiles.by_arn(model_id)
        if profile is None:
            raise validation_error(INVALID)
        return _base(state, region, model_id, profile.model)
    if kind == "custom-model" and state.bedrock.custom_models.by_arn(model_id) is not None:
        raise _no_on_demand(model_id)  # it answers by its deployment
    by_profile = foundation_models.find_by_profile(model_id, region, account)
    model = by_profile[0] if by_profile else foundation_models.find(model_id, region)
    if model is None:
        raise validation_error(INVALID)
    if not by_profile and "ON_DEMAND" not in model.inference_types:
        raise _no_on_demand(model_id)
    return _base(state, region, model_id, model)


def _no_on_demand(model_id: str) -> AwsError:
    """github.com/langchain-ai/langchain-aws issue 258, and many others, have the wording."""
    return validation_error(
        f"Invocation of model ID {model_id} with on-demand throughput isn’t supported. Retry your request "
        "with the ID or ARN of an inference profile that contains this model."
    )


def _kind_of(model_id: str, region: str, account: str) -> str:
    """The kind in an own ARN, such as "imported-model"; empty for an id. Raises for another's ARN."""
    parts = model_id.split(":", 5)
    if parts[0] != "arn" or len(parts) < 6:
        return ""
    if parts[3] != region or parts[4] not in ("", account):
        raise validation_error(INVALID)
    return parts[5].partition("/")[0]


def check_usable(state, model) -> None:
    """Raise AWS's error for a foundation model that this account may not use, or that is used no more."""
    check_not_ended(state, model)
    if rehearsals.phase(state.home, model) == foundation_models.LEGACY:
        raise not_found(LEGACY_PHASE)
    check_access(state, model)


def check_access(state, model) -> None:
    """Raise an AccessDeniedException when this account has no access to a foundation model."""
    if not rehearsals.has_access(state.home, model):
        raise AwsError("AccessDeniedException", NO_ACCESS, 403)


def check_not_ended(state, model) -> None:
    """Raise a ResourceNotFoundException when the foundation model under a custom one has ended."""
    if rehearsals.phase(state.home, model) == foundation_models.ENDED:
        raise not_found(END_OF_LIFE)


def _base(state, region: str, model_id: str, model) -> ServedModel:
    check_usable(state, model)
    return _served("base", model_id, model.arn(region), STAND_IN, model)


def _served(kind: str, model_id: str, arn: str, folder: Path, row) -> ServedModel:
    return ServedModel(
        kind=kind, model_id=model_id, arn=arn, family=re.match("[a-z]+", row.family)[0], folder=folder,
        context_tokens=row.context_tokens, output_tokens=row.output_tokens, streaming=row.streaming,
    )  # fmt: skip


def _deployment(state, model_id: str) -> ServedModel:
    deployment = state.bedrock.deployments.by_arn(model_id)
    if deployment is None:
        raise not_found(f"The custom model deployment {model_id} does not exist.")
    if deployment.status != "Active":
        raise AwsError("ModelNotReadyException", NOT_READY, 429)
    model = deployment.model
    check_not_ended(state, model.base_model)
    return _served("custom", model_id, model.arn, model.folder, model.base_model)


def _provisioned(state, model_id: str) -> ServedModel:
    provisioned = state.bedrock.provisioned.by_arn(model_id)
    if provisioned is None:
        raise not_found(f"The provisioned model {model_id} does not exist.")
    if provisioned.status == "Creating":
        raise AwsError("ModelNotReadyException", NOT_READY, 429)
    model = provisioned.model
    check_not_ended(state, model.base_model)
    return _served("custom", model_id, model.arn, model.folder, model.base_model)


def _imported(state, model_id: str) -> ServedModel:
    model = state.bedrock.imported_models.by_arn(model_id)
    if model is None:
        raise not_found(f"The imported model {model_id} does not exist.")
    return ServedModel(
        kind="imported", model_id=model_id, arn=model.arn, family="imported", folder=model.folder,
        context_tokens=model.context_tokens, output_tokens=model.context_tokens, streaming=True,
        instruct=model.facts.instruct,
    )  # fmt: skip


BY_ARN = {
    "custom-model-deployment": _deployment, "provisioned-model": _provisioned, "imported-model": _imported,
}  # fmt: skip
