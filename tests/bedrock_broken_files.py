"""Training files that Bedrock refuses, each for one reason: `FILES`, and what the refusal must name.

Each is a good file with one thing wrong. line is where; 0 is the file as a whole.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

NOVA, NOVA2 = "amazon.nova-micro-v1:0:128k", "amazon.nova-2-lite-v1:0:256k"
LLAMA33, LLAMA31 = "meta.llama3-3-70b-instruct-v1:0:128k", "meta.llama3-1-8b-instruct-v1:0:128k"
VERSION = "bedrock-conversation-2024"


@dataclass(frozen=True)
class BrokenFile:
    """training and validation make the bytes when they are asked for, as some are large."""

    name: str
    rule: str
    line: int
    training: Callable[[], bytes]
    model: str = NOVA
    validation: Callable[[], bytes] | None = None
    file_name: str = "train.jsonl"
    hyperparameters: dict = field(default_factory=dict)
    in_validation: bool = False

    @property
    def region(self) -> str:
        """Where AWS tunes the model."""
        return "us-west-2" if "llama" in self.model else "us-east-1"


# --- good records


def chat(question="How many?", answer="Two.", **members) -> dict:
    """A conversation record; members replace or add keys, None takes one away."""
    turns = [says("user", question), says("assistant", answer)]
    record = {"schemaVersion": VERSION, "messages": turns, **members}
    return {key: value for key, value in record.items() if value is not None}


def says(role: str, *texts: str) -> dict:
    """A message."""
    return {"role": role, "content": [{"text": text} for text in texts]}


def pair(**members) -> dict:
    """A prompt and completion record; None takes a key away."""
    record = {"prompt": "How many?", "completion": "Two.", **members}
    return {key: value for key, value in record.items() if value is not None}


def lines(records) -> bytes:
    """JSONL."""
    return b"".join(raw if isinstance(raw := record, bytes) else json.dumps(record).encode() + b"\n"
                    for record in records)  # fmt: skip


def with_one(record, at: int, good: dict, count: int) -> Callable[[], bytes]:
    """A file of `count` good records, in which line `at` is `record` (bytes: as they are)."""
    return lambda: lines([*[good] * (at - 1), record, *[good] * (count - at)])


# --- one thing wrong


def in_nova(name: str, rule: str, record, at: int = 3) -> BrokenFile:
    """For Nova, which takes 8 records and more."""
    return BrokenFile(name, rule, at, with_one(record, at, chat(), 8))


def in_llama33(name: str, rule: str, record, at: int = 50) -> BrokenFile:
    """For Llama 3.3, which takes 100 and more."""
    return BrokenFile(name, rule, at, with_one(record, at, chat(), 100), LLAMA33)


def in_pairs(name: str, rule: str, record, at: int = 100) -> BrokenFile:
    """For Llama 3.1: prompt and completion, 100 and more."""
    return BrokenFile(name, rule, at, with_one(record, at, pair(), 100), LLAMA31)


def messages(*each) -> dict:
    """A conversation record with these messages."""
    return chat(messages=list(each))


def content(value) -> dict:
    """A conversation record in which the user's content is `value`."""
    return messages({"role": "user", "content": value}, says("assistant", "Two."))


def image(where: str = "cat.png") -> dict:
    """A block with an image."""
    return {"image": {"format": "png", "source": {"s3Location": {"uri": f"s3://pictures/{where}"}}}}


USER, ASSISTANT = says("user", "How many?"), says("assistant", "Two.")
GOOD8 = with_one(chat(), 1, chat(), 8)



def of_hyperparameter(name: str, rule: str, **hyperparameters) -> BrokenFile:
    """A good file for Nova, with a hyperparameter that Nova does not take."""
    return BrokenFile(name, rule, 0, GOOD8, hyperparameters=hyperparameters)


FILES = [
    # --- lines
    in_nova("latin-1", "not-utf8", json.dumps(chat("caf~")).encode().replace(b"~", b"\xe9") + b"\n"),
    in_nova("half-a-line", "not-json", b'{"schemaVersion": "bedrock-conver\n'),
    in_nova("single-quotes", "not-json", b"{'messages': []}\n", 1),
    in_nova("comma-after-the-object", "not-json", json.dumps(chat()).encode() + b",\n"),
    in_nova("two-objects-on-a-line", "not-json", json.dumps(chat()).encode() * 2 + b"\n", 8),
    in_nova("a-list", "not-an-object", [chat()]),
    in_nova("a-string", "not-an-object", "How many? Two."),
    in_nova("empty-line-inside", "empty-line", b"\n", 4),
    in_nova("empty-line-at-the-end", "empty-line", b"\n", 8),
    in_nova("spaces-on-a-line", "empty-line", b"   \n", 5),
    # --- schema version
    in_llama33("no-version", "missing-schema-version", chat(schemaVersion=None)),
    in_llama33("old-version", "wrong-schema-version", chat(schemaVersion="bedrock-conversation-2023")),
    in_nova("version-is-a-number", "wrong-schema-version", chat(schemaVersion=2024)),
    # --- messages
    in_nova("no-messages", "missing-messages", chat(messages=None)),
    in_nova("messages-is-an-object", "messages-not-a-list", chat(messages=USER)),
    in_nova("no-message-in-messages", "empty-messages", chat(messages=[])),
    in_nova("message-is-a-string", "message-not-an-object", messages("How many?", ASSISTANT)),
    in_nova("no-role", "missing-role", messages({"content": [{"text": "How many?"}]}, ASSISTANT)),
    in_nova("system-as-a-role", "unknown-role", messages(says("system", "Be short."), USER, ASSISTANT)),
    in_nova("human-and-gpt", "unknown-role", messages(says("human", "How many?"), ASSISTANT)),
    in_nova("assistant-first", "first-not-user", messages(ASSISTANT, USER, ASSISTANT)),
    in_nova("user-twice", "roles-do-not-alternate", messages(USER, USER, ASSISTANT)),
    in_nova("assistant-twice", "roles-do-not-alternate", messages(USER, ASSISTANT, ASSISTANT)),
    in_nova("no-answer", "last-not-assistant", messages(USER)),
    in_nova("user-last", "last-not-assistant", messages(USER, ASSISTANT, USER)),
    # --- content
    in_nova("no-content", "missing-content", messages({"role": "user"}, ASSISTANT)),
    in_nova("content-is-a-string", "content-not-a-list", content("How many?")),
    in_nova("content-is-an-object", "content-not-a-list", content({"text": "How many?"})),
    in_nova("no-block-in-content", "empty-content", content([])),
    in_nova("block-is-a-string", "content-not-an-object", content(["How many?"])),
    in_nova("an-image", "not-text", content([{"text": "How many?"}, image()])),
    in_nova("a-video", "not-text", content([{"video": {"format": "mp4"}}])),
    in_nova("a-document", "not-text", content([{"document": {"format": "pdf"}}])),
    in_nova("text-is-a-number", "not-text", content([{"text": 2}])),
    in_nova("empty-question", "empty-text", chat(question="")),
    in_nova("empty-answer", "empty-text", chat(answer="")),
    # --- system
    in_nova("system-is-a-string", "system-not-a-list", chat(system="Be short.")),
    in_nova("system-holds-a-string", "system-not-text", chat(system=["Be short."])),
    in_nova("system-without-a-text", "system-not-text", chat(system=[{"value": "Be short."}])),
    in_llama33("two-system-texts", "too-many-system", chat(system=[{"text": "Be short."}] * 2)),
    # --- words
    in_nova("user-colon", "reserved-word", chat("User: how many?")),
    in_nova("assistant-colon-in-the-answer", "reserved-word", chat(answer="Assistant: two.")),
    in_nova("bot-colon-inside", "reserved-word", chat("Ann: hi\nBot: hello")),
    in_nova("system-colon-in-system", "reserved-word", chat(system=[{"text": "System: be short."}])),
    in_nova("end-of-sentence", "reserved-word", chat("How many? [EOS]")),
    in_nova("image-tag", "reserved-word", chat("See <image>. How many?")),
    in_nova("video-tag", "reserved-word", chat("See <video>. How many?")),
    # --- length and number
    in_nova("too-long", "too-many-tokens", chat("word " * 40_000)),
    in_pairs("pair-too-long", "too-many-tokens", pair(prompt="word " * 20_000), at=7),
    BrokenFile("seven-records", "too-few-records", 0, lambda: lines([chat()] * 7)),
    BrokenFile("seven-and-a-validation-file", "too-few-records", 0, lambda: lines([chat()] * 7),
               validation=GOOD8),
    BrokenFile("ninety-nine-pairs", "too-few-records", 0, lambda: lines([pair()] * 99), LLAMA31),
    BrokenFile("twenty-thousand-and-one", "too-many-records", 0, lambda: lines([chat()] * 20_001)),
    BrokenFile("too-many-with-validation", "too-many-records", 0, lambda: lines([pair()] * 9_901), LLAMA31,
               lambda: lines([pair()] * 100)),
    BrokenFile("over-a-thousand-to-validate", "too-many-records", 0, lambda: lines([pair()] * 100), LLAMA31,
               lambda: lines([pair()] * 1_001), in_validation=True),
    BrokenFile("no-bytes", "file-empty", 0, lambda: b""),
    BrokenFile("called-json", "wrong-extension", 0, GOOD8, file_name="train.json"),
    BrokenFile("called-txt", "wrong-extension", 0, GOOD8, file_name="train.txt"),
    BrokenFile("downloaded-twice", "bad-file-name", 0, GOOD8, file_name="train(1).jsonl"),
    BrokenFile("nova-2-with-validation", "validation-not-supported", 0, lambda: lines([chat()] * 200), NOVA2,
               GOOD8, in_validation=True),
    # --- prompt and completion
    in_pairs("no-prompt", "missing-prompt", pair(prompt=None)),
    in_pairs("no-completion", "missing-completion", pair(completion=None)),
    in_pairs("prompt-is-a-list", "prompt-not-a-string", pair(prompt=["How many?"])),
    in_pairs("completion-is-a-number", "completion-not-a-string", pair(completion=2)),
    in_pairs("empty-prompt", "empty-prompt", pair(prompt="")),
    in_pairs("empty-completion", "empty-completion", pair(completion="")),
    in_pairs("a-third-key", "unknown-key", pair(id="1")),
    # --- the schema of another family
    in_nova("pairs-for-nova", "wrong-schema-for-model", pair(), 1),
    in_pairs("chats-for-llama-3-1", "wrong-schema-for-model", chat(), at=1),
    # --- the validation file
    BrokenFile("validation-half-a-line", "not-json", 2, GOOD8,
               validation=lambda: lines([chat(), b'{"messages": [\n']), in_validation=True),
    BrokenFile("validation-without-answer", "last-not-assistant", 1, GOOD8,
               validation=lambda: lines([messages(USER)]), in_validation=True),
    # --- hyperparameters
    of_hyperparameter("batch-size-for-nova", "unknown-hyperparameter", batchSize="1"),
    of_hyperparameter("epochs-in-words", "hyperparameter-not-a-number", epochCount="two"),
    of_hyperparameter("half-an-epoch", "hyperparameter-not-a-number", epochCount="0.5"),
    of_hyperparameter("rate-is-nan", "hyperparameter-not-a-number", learningRate="nan"),
    of_hyperparameter("six-epochs", "hyperparameter-out-of-range", epochCount="6"),
    of_hyperparameter("sagemaker-learning-rate", "hyperparameter-out-of-range", learningRate="0.0002"),
]  # fmt: skip
