"""What Converse and InvokeModel have in common: find the model, ask its process, say what went wrong.

Wordings, all from public reports read 2026-11: throttling, aws-samples/aws-genai-llm-chatbot issue 220; a
model that is not loaded, repost.aws/knowledge-center/bedrock-imported-models-modelnotreadyexception; a model
that failed, "The system encountered an unexpected error …", and one that took too long, many; the codes and
statuses are those of botocore's model.
"""

from pocketaws.bedrock.served_models import ServedModel, resolve
from pocketaws.bedrock_runtime import rehearsals
from pocketaws.bedrock_serving import ModelGone, ModelTimeout, NotUp, Question, Refused, ServingError, Whole
from pocketaws.errors import AwsError, validation_error

TOO_LONG = "Input is too long for requested model."
NO_CHAT = (
    "This action doesn't support the model that you provided. Try again with a supported text or chat model."
)
TIMED_OUT = "Model has timed out in processing the request. Try your request again."
FAILED = "The system encountered an unexpected error during processing. Try your request again."
NOT_LOADED = "Model is not ready for inference. Wait and try your request again."
CLOSING = "Bedrock is unable to process your request: the local AWS is shutting down."
# Seconds. nova/latest/userguide/complete-request-schema.html has 60 minutes (2026-11); of other models no
# page does, so they have as many.
ANSWER_WITHIN_S = 3600.0
# A stream's exception events are called as its shape has them; both shapes have this one.
IN_STREAM = "modelStreamErrorException"


def served(context, model_id: str) -> ServedModel:
    """The model behind a modelId. Raises AWS's errors, ThrottlingException among them."""
    model = resolve(context.state, context.region, model_id, context.account)
    rehearsals.check_rate(context.state.home, (context.account, context.region, model.arn))
    return model


def whole(context, model: ServedModel, question: Question) -> Whole:
    """The model's whole answer. Raises AwsError."""
    try:
        return context.state.serving.whole(model.folder, question, limit_s(context), wait=waits(model))
    except ServingError as err:
        raise error(err, model) from err


def streamed(context, model: ServedModel, question: Question):
    """The model's answer as a bedrock_serving.Stream. Raises AwsError for what is wrong before its start."""
    try:
        return context.state.serving.streamed(model.folder, question, limit_s(context), wait=waits(model))
    except ServingError as err:
        raise error(err, model) from err


def limit_s(context) -> float:
    """How long a model may take, seconds."""
    return rehearsals.timeout_s(context.state.home) or ANSWER_WITHIN_S


def waits(model: ServedModel) -> bool:
    """Whether a request waits for a model that is being loaded.

    AWS keeps base models loaded. An imported one that nobody used for a while is not, and says so at once:
    repost.aws/knowledge-center/bedrock-imported-models-modelnotreadyexception (2026-11).
    """
    return model.kind != "imported"


def error(err: ServingError, model: ServedModel) -> AwsError:
    """What AWS says, as the answer to a request, of a question that has no answer."""
    if isinstance(err, Refused):
        return _refusal(err)
    if isinstance(err, ModelTimeout):
        return AwsError("ModelTimeoutException", TIMED_OUT, 408)
    if isinstance(err, NotUp) and not err.failed:
        if waits(model):
            return AwsError("ServiceUnavailableException", CLOSING, 503)
        return AwsError("ModelNotReadyException", NOT_LOADED, 429)
    reason = f" ({err})" if isinstance(err, NotUp) else ""
    members = {"originalStatusCode": 500, "resourceName": model.model_id}
    return AwsError("ModelErrorException", FAILED + reason, 424, members)


def stream_error(err: ServingError, timeout_code: str = IN_STREAM) -> AwsError:
    """The exception event that ends a stream. timeout_code: what the stream's shape calls a timeout."""
    if isinstance(err, ModelTimeout):
        return AwsError(timeout_code, TIMED_OUT)
    if isinstance(err, ModelGone):
        return AwsError(IN_STREAM, FAILED, members={"originalStatusCode": 500, "originalMessage": str(err)})
    return AwsError(IN_STREAM, FAILED)


def _refusal(err: Refused) -> AwsError:
    if err.kind == "too_long":
        return validation_error(f"{TOO_LONG} ({err})")
    if err.kind == "template":
        return validation_error(f"{NO_CHAT} ({err})")
    return validation_error(f"Malformed input request: {err}")
