"""A conversation as Converse and Nova's InvokeModel have it, checked as AWS checks it, and made a question.

Wordings, from public reports read 2026-11: langchain-ai/langchain-aws issue 130 (roles alternate),
langgenius/dify issue 12340 (user first), strands-agents/sdk-python issue 1241 ("This model doesn't support
the … field"), danny-avila/LibreChat and others (a blank text). What AWS's models can do and the local one
cannot is refused in those words too, with a sentence that says whose limit it is.
"""

from pocketaws.bedrock_serving import Question
from pocketaws.errors import AwsError, validation_error

LOCAL_LIMIT = "In the local AWS models take text and answer with text; on AWS it depends on the model."
START = (
    "A conversation must start with a user message. Try again with a conversation that starts with a user "
    "message."
)
ALTERNATE = (
    "A conversation must alternate between user and assistant roles. Make sure the conversation alternates "
    "between user and assistant roles and try again."
)
PREFILL = (
    "This model does not support assistant message prefill. The conversation must end with a user message."
)
NO_SYSTEM = (
    "This model doesn't support system messages. Try again without a system message or use a model that "
    "supports system messages."
)
# Families without system prompts: "Supported models and model features" of the Converse API (2026-11).
WITHOUT_SYSTEM = ("titan",)
# How an answer ended, as API_runtime_Converse has it (2026-11). Of a context that is full the page does not
# say which models answer with model_context_window_exceeded; chosen, because it says what happened.
STOP_REASONS = {
    "end": "end_turn", "stop": "stop_sequence", "length": "max_tokens",
    "context": "model_context_window_exceeded",
}  # fmt: skip
LEAST_TOP_P = 1e-6  # AWS takes 0: the first token, which is what this gives too


def unsupported(place: str) -> AwsError:
    """What AWS says of a field that a model does not take."""
    return validation_error(
        f"This model doesn't support the {place} field. Remove {place} and try again. {LOCAL_LIMIT}"
    )


def chat_messages(messages: list, system: list | None, family: str) -> list[dict]:
    """[{"role", "content"}] for a chat template, out of Bedrock's messages and system blocks.

    Raises AwsError.
    """
    if not messages or messages[0]["role"] != "user":
        raise validation_error(START)
    chat = [_message(message, place) for place, message in enumerate(messages)]
    roles = [message["role"] for message in chat]
    if any(one == other for one, other in zip(roles, roles[1:], strict=False)) or "system" in roles:
        raise validation_error(ALTERNATE)
    if roles[-1] != "user":
        raise validation_error(PREFILL)
    if system and family in WITHOUT_SYSTEM:
        raise validation_error(NO_SYSTEM)
    texts = [_text(block, f"system.{place}") for place, block in enumerate(system or [])]
    first = [{"role": "system", "content": "\n".join(texts)}] if texts else []
    return [*first, *chat]


def _message(message: dict, place: int) -> dict:
    content = message["content"]
    if not content:
        raise validation_error(
            f"The content field in the Message object at messages.{place} is empty. Add a ContentBlock "
            "object to the content field and try again."
        )
    texts = [_text(block, f"messages.{place}.content.{number}") for number, block in enumerate(content)]
    return {"role": message["role"], "content": "\n".join(texts)}


def _text(block: dict, place: str) -> str:
    """The text of a content block, which must be one of text, and not blank."""
    others = [name for name in block if name != "text"]
    if others:
        raise unsupported(f"{place}.{others[0]}")
    if not block.get("text", "").strip():
        raise validation_error(
            f"The text field in the ContentBlock object at {place} is blank. Add text to the text field, and "
            "try again."
        )
    return block["text"]


def check_max_tokens(wanted: int | None, most: int) -> None:
    """Raise a ValidationException for more tokens than the model's longest answer has."""
    if wanted is not None and wanted > most:
        raise validation_error(
            f"The maximum tokens you requested exceeds the model limit of {most}. Try again with a maximum "
            f"tokens value that is lower than {most}."
        )


def question(chat: list[dict], max_tokens, temperature: float, top_p: float, top_k: int, stop) -> Question:
    """A question to the model's process."""
    return Question(
        messages=chat, max_tokens=max_tokens, temperature=float(temperature),
        top_p=max(LEAST_TOP_P, float(top_p)), top_k=int(top_k), stop=tuple(stop),
    )  # fmt: skip
