"""CountTokens, which AWS has for Anthropic's models alone.

bedrock/latest/userguide/count-tokens.html lists them (2026-11). For Nova, Llama and Titan it says what this
says, in the same words; the local AWS has none of the models that it answers for. The tokens of a request
stand in the usage of its answer.
"""

from pocketaws.bedrock.served_models import resolve
from pocketaws.errors import validation_error
from pocketaws.operations import operation


@operation("bedrock-runtime", "CountTokens")
def count_tokens(context, request: dict) -> dict:
    """Refused, as AWS refuses it for these models."""
    resolve(context.state, context.region, request["modelId"], context.account)
    raise validation_error("The provided model doesn't support counting tokens.")
