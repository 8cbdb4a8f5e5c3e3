"""The rules of one conversation: Nova's and Llama 3.3's schema. Sources: training_rules.py.

Where AWS's own validator is more patient than the course's list of rules, this is as patient as AWS: keys
that Bedrock does not know are passed over, and schemaVersion may be left out and may be any text for Nova
("schemaVersion can be any string value", Nova user guide, read 2026-11). Of Llama 3.3 the guide shows the one
value; that it must be there is not documented; chosen.
"""

ROLES = ("user", "assistant")
# Nova's reserved keywords: those of the guide, and <unk> of AWS's validator, whose newest form looks for them
# in every text, wherever they stand and in any case. Its older forms have "Thought:" too; the guide does not.
RESERVED_WORDS = ("System:", "User:", "Bot:", "Assistant:", "[EOS]", "<image>", "<video>", "<unk>")
# What a content block may hold on AWS beside text, for one model or another. The model that stands in for all
# of them here reads text only.
OTHER_CONTENT = (
    "image",
    "video",
    "document",
    "audio",
    "reasoningContent",
    "toolUse",
    "toolResult",
    "cachePoint",
)


class LineProblem(Exception):
    """A broken rule of one line: `rule` in kebab-case, `message` a sentence."""

    def __init__(self, rule: str, message: str):
        super().__init__(f"{rule}: {message}")
        self.rule, self.message = rule, message


def check_conversation(record: dict, limits: dict) -> int:
    """The characters of a conversation's texts. Raises LineProblem for the first rule that it breaks."""
    _check_version(record, limits)
    characters = 0
    reserved = limits.get("reserved_words", False)
    for block in _system(record, limits.get("max_system")):
        characters += _check_text(block, "system", reserved)
    messages = _messages(record)
    for number, message in enumerate(messages, 1):
        _check_role(message, number)
        characters += _check_content(message, number, reserved)
    if messages[-1]["role"] != "assistant":
        raise LineProblem("last-not-assistant", "the last message is the user's; it must be the assistant's.")
    return characters


def _check_version(record: dict, limits: dict) -> None:
    wanted = limits.get("schema_version")
    strict = limits.get("schema_version_required", False)
    if "schemaVersion" not in record:
        if strict:
            raise LineProblem("missing-schema-version", f'the record has no "schemaVersion": "{wanted}".')
        return
    version = record["schemaVersion"]
    if not isinstance(version, str) or (strict and version != wanted):
        raise LineProblem("wrong-schema-version", f'"schemaVersion" is {version!r:.60} and not "{wanted}".')


def _system(record: dict, most: int | None) -> list[dict]:
    system = record.get("system")
    if system is None:
        return []
    if not isinstance(system, list):
        raise LineProblem("system-not-a-list", '"system" is not a list such as [{"text": "..."}].')
    for block in system:
        if not isinstance(block, dict) or not isinstance(block.get("text"), str):
            raise LineProblem("system-not-text", '"system" has an entry that is not {"text": "..."}.')
    if most is not None and len(system) > most:
        raise LineProblem("too-many-system", f'"system" has {len(system)} texts; this model takes {most}.')
    return system


def _messages(record: dict) -> list[dict]:
    if "messages" not in record:
        raise LineProblem("missing-messages", 'the record has no "messages".')
    messages = record["messages"]
    if not isinstance(messages, list):
        raise LineProblem("messages-not-a-list", '"messages" is not a list.')
    if not messages:
        raise LineProblem("empty-messages", '"messages" is empty.')
    return messages


def _check_role(message, number: int) -> None:
    """Roles are user, assistant, user, assistant, …"""
    if not isinstance(message, dict):
        raise LineProblem("message-not-an-object", f"message {number} is not an object.")
    if "role" not in message:
        raise LineProblem("missing-role", f'message {number} has no "role".')
    role = message["role"]
    if role not in ROLES:
        raise LineProblem(
            "unknown-role", f"message {number} has the role {role!r:.60}; there are user and assistant."
        )
    expected = ROLES[(number - 1) % 2]
    if role != expected and number == 1:
        raise LineProblem("first-not-user", "the first message is the assistant's; it must be the user's.")
    if role != expected:
        raise LineProblem(
            "roles-do-not-alternate",
            f"message {number} is the {role}'s, as the one before it. They must alternate.",
        )


def _check_content(message: dict, number: int, reserved: bool) -> int:
    """The characters of one message."""
    if "content" not in message:
        raise LineProblem("missing-content", f'message {number} has no "content".')
    content = message["content"]
    if not isinstance(content, list):
        raise LineProblem(
            "content-not-a-list", f'"content" of message {number} is not a list of {{"text": "..."}}.'
        )
    if not content:
        raise LineProblem("empty-content", f'"content" of message {number} is empty.')
    characters = 0
    for block in content:
        if not isinstance(block, dict):
            raise LineProblem("content-not-an-object", f"message {number} has content that is not an object.")
        other = [name for name in OTHER_CONTENT if block.get(name) is not None]
        if other or not isinstance(block.get("text"), str):
            seen = other[0] if other else ", ".join(sorted(map(str, block)))[:60] or "nothing"
            raise LineProblem("not-text", f"message {number} has content with {seen}; here it must be text.")
        characters += _check_text(block, f"message {number}", reserved)
    if not "".join(block["text"] for block in content).strip():
        raise LineProblem("empty-text", f"the text of message {number} is empty.")
    return characters


def _check_text(block: dict, place: str, reserved: bool) -> int:
    text = block["text"]
    lower = text.lower() if reserved else ""
    for word in RESERVED_WORDS:
        if word.lower() in lower:
            raise LineProblem(
                "reserved-word", f'{place} has the reserved keyword "{word}". Use another word.'
            )
    return len(text)
