"""The rules for one record, and what they are called. Each breach is (rule, value seen, fix).

    for rule, seen, fix in breaches({"messages": []}, family("amazon.nova-micro-v1:0")):
        ...

Names and sentences are in RULES. Sources, read 2026-11, stand in families.py; that a prompt and completion
record has these two keys and no more, and a file no empty line, is from
https://docs.aws.amazon.com/bedrock/latest/userguide/fine-tuning-troubleshooting.html. What AWS does not
document is marked. Of a conversation AWS's own validator passes over keys that it does not know, so
unread_keys() names them and no rule is broken.
"""

import json
from collections.abc import Iterator

from tuneaws.bedrock_data.families import SCHEMA_VERSION, Family

RULES = {
    "not-utf8": "the file must be UTF-8",
    "not-json": "each line must be one JSON value",
    "not-an-object": "each line must be a JSON object",
    "empty-line": "no line may be empty",
    "missing-schema-version": "a conversation record needs schemaVersion",
    "wrong-schema-version": "schemaVersion must be a string, for most models a certain one",
    "unknown-key": "a record may hold a prompt and a completion and nothing else",
    "missing-messages": "a conversation record needs messages",
    "messages-not-a-list": "messages must be a list",
    "empty-messages": "messages must not be empty",
    "message-not-an-object": "each message must be an object",
    "missing-role": "each message needs a role",
    "unknown-role": "a role is user or assistant",
    "first-not-user": "the first message must be the user's",
    "roles-do-not-alternate": "user and assistant must take turns",
    "last-not-assistant": "the last message must be the assistant's",
    "missing-content": "each message needs content",
    "content-not-a-list": "content must be a list of blocks",
    "empty-content": "content must not be empty",
    "content-not-an-object": "each block of content must be an object",
    "not-text": "only text can be tuned on here",
    "empty-text": "a message must have text",
    "system-not-a-list": "system must be a list",
    "system-not-text": "system holds objects with a text each",
    "too-many-system": "this model takes one system text",
    "missing-prompt": "a record needs a prompt",
    "missing-completion": "a record needs a completion",
    "prompt-not-a-string": "prompt must be a string",
    "completion-not-a-string": "completion must be a string",
    "empty-prompt": "prompt must not be empty",
    "empty-completion": "completion must not be empty",
    "reserved-word": "a text holds a word that the model reserves",
    "wrong-schema-for-model": "the record has the schema of another family",
    "too-many-tokens": "a record is longer than the model takes",
    "too-few-records": "there are too few records",
    "too-many-records": "there are too many records",
    "file-empty": "the file is empty",
    "file-too-large": "the file is larger than the model takes",
    "wrong-extension": "the file must be called .jsonl",
    "bad-file-name": "a file name has letters, digits, dots, hyphens and underscores only",
    "validation-not-supported": "this model takes no validation file",
    "unknown-hyperparameter": "the model has no such hyperparameter",
    "hyperparameter-not-a-number": "a hyperparameter must be a number",
    "hyperparameter-out-of-range": "a hyperparameter is out of its range",
}

TOP = {"conversation": ("schemaVersion", "system", "messages"), "prompt-completion": ("prompt", "completion")}
WANTS = {"conversation": "messages", "prompt-completion": "prompt and completion"}
MEDIA = ("image", "video", "document", "audio", "reasoningContent", "toolUse", "toolResult", "cachePoint")
CONVERT = "write the file with bedrock_data.convert()"


def breaches(record, family: Family) -> Iterator[tuple[str, str, str]]:
    """Yield (rule, seen, fix) of one parsed line. Nothing: the record is fine."""
    if not isinstance(record, dict):
        yield "not-an-object", shown(record), f"one object a line, no list around them; {CONVERT}"
    elif _of_other_schema(record, family):
        yield ("wrong-schema-for-model", f"the keys {', '.join(record)}",
               f"{family.name} wants {WANTS[family.schema]}; {CONVERT} for this model")
    elif family.schema == "conversation":
        yield from _conversation(record, family)
        yield from _texts_breaches(record, family)
    else:
        yield from _pair(record)
        yield from _texts_breaches(record, family)


def shown(value, width: int = 60) -> str:
    """A value as JSON, cut: what an error shows, with the characters of the value itself."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    length = len(value if isinstance(value, str) else text)
    return text if len(text) <= width else f"{text[:width]}… ({length:,} characters)"


def texts(record: dict) -> Iterator[tuple[str, str]]:
    """Yield (where, text) of every text of a record of either schema; what has another form is left out."""
    for key in ("prompt", "completion"):
        if "messages" not in record and isinstance(record.get(key), str):
            yield key, record[key]
    for block in _list(record.get("system")):
        if isinstance(block, dict) and isinstance(block.get("text"), str):
            yield "system", block["text"]
    for number, message in enumerate(_list(record.get("messages")), start=1):
        for block in _list(message.get("content") if isinstance(message, dict) else None):
            if isinstance(block, dict) and isinstance(block.get("text"), str):
                yield f"message {number}", block["text"]


def unread_keys(record) -> Iterator[str]:
    """Keys of a conversation that nothing reads, such as "sytem": often a typo."""
    if isinstance(record, dict) and "messages" in record:
        yield from (key for key in record if key not in TOP["conversation"])


def _list(value) -> list:
    return value if isinstance(value, list) else []


def _of_other_schema(record: dict, family: Family) -> bool:
    chat, pair = "messages" in record, "prompt" in record or "completion" in record
    return pair and not chat if family.schema == "conversation" else chat and not pair


# --- both schemas


def _texts_breaches(record: dict, family: Family) -> Iterator[tuple[str, str, str]]:
    length = 0
    for where, text in texts(record):
        length += len(text)
        if family.reserved:
            low = text.lower()
            for word in family.reserved:
                if word.lower() in low:
                    at = low.index(word.lower())
                    yield ("reserved-word", f"{word} in {where}: {shown(text[max(0, at - 15):at + 25])}",
                           "put another word of the same meaning there, or drop the record")
    if length > family.max_characters:
        yield ("too-many-tokens", f"{length:,} characters, about {length // 6:,} tokens",
               f"at most {family.max_tokens:,} tokens, about {family.max_characters:,} characters: drop it")


# --- prompt and completion


def _pair(record: dict) -> Iterator[tuple[str, str, str]]:
    extra = [key for key in record if key not in TOP["prompt-completion"]]
    if extra:
        yield "unknown-key", ", ".join(map(repr, extra)), "take it out"
    for key in ("prompt", "completion"):
        if key not in record:
            yield f"missing-{key}", f"the keys {', '.join(record) or '(none)'}", f'add "{key}": "..."'
        elif not isinstance(record[key], str):
            yield f"{key}-not-a-string", shown(record[key]), "put its text in quotes"
        elif not record[key].strip():  # only spaces: not documented; chosen, as nothing can be learnt from it
            yield f"empty-{key}", shown(record[key]), "write one, or drop the record"


# --- conversations


def _conversation(record: dict, family: Family) -> Iterator[tuple[str, str, str]]:
    yield from _version(record, family)
    yield from _system(record, family)
    if "messages" not in record:
        yield "missing-messages", f"the keys {', '.join(record) or '(none)'}", CONVERT
    elif not isinstance(record["messages"], list):
        yield "messages-not-a-list", shown(record["messages"]), "put the messages into [ ]"
    elif not record["messages"]:
        yield "empty-messages", "[]", "drop the record"
    else:
        yield from _order(record["messages"])
        for number, message in enumerate(record["messages"], start=1):
            yield from _message(message, f"message {number}")


def _version(record: dict, family: Family) -> Iterator[tuple[str, str, str]]:
    fix = f'write "schemaVersion": "{SCHEMA_VERSION}"'
    if "schemaVersion" not in record:
        if family.schema_version is not None:
            yield "missing-schema-version", f"the keys {', '.join(record) or '(none)'}", fix
    elif not isinstance(record["schemaVersion"], str):
        yield "wrong-schema-version", shown(record["schemaVersion"]), fix
    elif family.schema_version not in (None, record["schemaVersion"]):
        yield "wrong-schema-version", shown(record["schemaVersion"]), fix


def _system(record: dict, family: Family) -> Iterator[tuple[str, str, str]]:
    if record.get("system") is None:
        return
    system, fix = record["system"], 'write "system": [{"text": "..."}], or leave it out'
    if not isinstance(system, list):
        yield "system-not-a-list", shown(system), fix
        return
    for block in system:
        if not isinstance(block, dict) or not isinstance(block.get("text"), str):
            yield "system-not-text", shown(block), fix
    if family.max_system is not None and len(system) > family.max_system:
        yield "too-many-system", f"{len(system)} texts", "join them into one"


def _order(messages: list) -> Iterator[tuple[str, str, str]]:
    """AWS's validator: user and assistant in turns, the user first, the assistant last."""
    roles = [message.get("role") if isinstance(message, dict) else None for message in messages]
    if any(role not in ("user", "assistant") for role in roles):
        return  # each of them is reported for itself
    if roles[0] != "user":
        yield "first-not-user", shown(roles[0]), "begin with what the user says"
    for number in range(1, len(roles)):
        if roles[number] == roles[number - 1]:
            yield ("roles-do-not-alternate", f"messages {number} and {number + 1} are both {roles[number]}",
                   "join them into one message")
            break
    if roles[-1] != "assistant":
        yield "last-not-assistant", shown(roles[-1]), "end with the answer to learn, or drop the record"


def _message(message, where: str) -> Iterator[tuple[str, str, str]]:
    if not isinstance(message, dict):
        yield "message-not-an-object", f"{where}: {shown(message)}", 'write {"role": ..., "content": [...]}'
        return
    if "role" not in message:
        yield "missing-role", where, 'add "role": "user" or "assistant"'
    elif message["role"] not in ("user", "assistant"):
        fix = 'its text goes into "system"' if message["role"] == "system" else 'write "user" or "assistant"'
        yield "unknown-role", f"{where}: {shown(message['role'])}", fix
    if "content" not in message:
        yield "missing-content", where, 'add "content": [{"text": "..."}]'
    elif not isinstance(message["content"], list):
        yield "content-not-a-list", f"{where}: {shown(message['content'])}", 'write [{"text": "..."}]'
    elif not message["content"]:
        yield "empty-content", where, "drop the record"
    else:
        yield from _blocks(message["content"], where)


def _blocks(content: list, where: str) -> Iterator[tuple[str, str, str]]:
    said = ""
    for block in content:
        if not isinstance(block, dict):
            yield "content-not-an-object", f"{where}: {shown(block)}", 'write {"text": "..."}'
            return
        media = [key for key in MEDIA if block.get(key) is not None]
        if media or not isinstance(block.get("text"), str):
            seen = media[0] if media else shown(block)
            yield "not-text", f"{where}: {seen}", 'a block is {"text": "..."}; drop records with other things'
            return
        said += block["text"]
    if not said.strip():  # only spaces: not documented; chosen, as nothing can be learnt from it
        yield "empty-text", f"{where}: {shown(said)}", "drop the record"
