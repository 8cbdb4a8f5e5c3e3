"""What Bedrock asks of training data, rule by rule: a problem names its line and its rule.

    for problem in problems(open("train.jsonl", "rb"), "nova"):
        print(problem.line, problem.rule, problem.message)

Sources, read 2026-11:
- Nova: "Preparing data for fine-tuning Understanding models" (Nova user guide,
  fine-tune-prepare-data-understanding), and the validator AWS publishes,
  aws-samples/amazon-nova-samples, customization/bedrock-finetuning/understanding/dataset_validation.
- Titan, Llama: "Prepare data for fine-tuning your models" (Bedrock user guide, model-customization-prepare).
- Llama's one system text and 1,000 validation records: AWS's dataset_validation.py,
  aws-samples/amazon-bedrock-samples, custom-models/bedrock-fine-tuning/meta-llama/dataset_validation.
- Empty lines and keys beyond the two: "Troubleshooting model customization issues" (Bedrock user guide,
  fine-tuning-troubleshooting).

Nobody outside has the tokenizers of these models. The same page estimates six characters a token and gives
"token quota x 6" as the quota of characters a sample may have: that is what too-many-tokens holds.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pocketaws.bedrock import foundation_models
from pocketaws.bedrock_tuning.message_rules import LineProblem, check_conversation

CHARACTERS_A_TOKEN = 6
MAX_LINE_BYTES = 16 << 20  # a longer line is not parsed; no family's quota of characters comes near it
TRAINING, VALIDATION = "training", "validation"
PAIR_KEYS = {"prompt", "completion"}


@dataclass(frozen=True)
class Problem:
    """One broken rule. line counts from 1, 0: the file as a whole; file "training" or "validation"."""

    line: int
    rule: str
    message: str
    file: str = TRAINING

    def __str__(self) -> str:
        place = f"line {self.line} of the {self.file} data" if self.line else f"the {self.file} data"
        return f"{place}: {self.rule}: {self.message}"


def problems(
    lines: Iterable[bytes], family: str, validation_lines: Iterable[bytes] | None = None
) -> Iterator[Problem]:
    """Every broken rule of the data, the first one of each line, as they are found.

    lines, validation_lines   bytes, with or without their line feed; read once, none is kept
    family                    a family of foundation_models.json, such as "nova"
    """
    limits = foundation_models.families()[family]
    counted = Counted()
    yield from line_problems(lines, limits, counted, TRAINING)
    if validation_lines is not None:
        yield from line_problems(validation_lines, limits, counted, VALIDATION)
    yield from count_problems(limits, counted)


class Counted:
    """How many records each file has: {"training": 3200, "validation": 400}."""

    def __init__(self):
        self.records: dict[str, int] = {}


def line_problems(lines: Iterable[bytes], limits: dict, counted: Counted, file: str) -> Iterator[Problem]:
    """The broken rules of one file, line by line; counts its records in `counted`."""
    counted.records.setdefault(file, 0)
    number = 0
    for number, line in enumerate(lines, 1):
        found = _line_problem(line, limits)
        if found is not None:
            yield Problem(number, found.rule, found.message, file)
        counted.records[file] += 1
    if number == 0:
        yield Problem(0, "file-empty", "the file has no records.", file)


def count_problems(limits: dict, counted: Counted) -> Iterator[Problem]:
    """too-few-records and too-many-records. The most is for training and validation together; so is Llama's
    least, while Nova's is for training.
    """
    every, training = sum(counted.records.values()), counted.records.get(TRAINING, 0)
    if every == 0:
        return  # file-empty has said it
    count, what = (
        (every, "training and validation") if limits.get("records_together") else (training, "training")
    )
    least, most = limits.get("min_records", 1), limits.get("max_records", every)
    held_out = every - training
    if count < least:
        text = f"there are {count:,} {what} records, and this model needs at least {least:,}."
        yield Problem(0, "too-few-records", text)
    if every > most:
        text = f"there are {every:,} training and validation records, and this model takes at most {most:,}."
        yield Problem(0, "too-many-records", text)
    elif held_out > limits.get("max_validation", held_out):
        text = (
            f"there are {held_out:,} records, and this model takes at most {limits['max_validation']:,} here."
        )
        yield Problem(0, "too-many-records", text, VALIDATION)


def _line_problem(line: bytes, limits: dict) -> LineProblem | None:
    """The first rule that a line breaks, None if it breaks none."""
    try:
        record = parse(line)
        if limits["schema"] == "conversation":
            characters = _check_chat(record, limits)
        else:
            characters = _check_pair(record)
        most = limits["max_tokens"] * CHARACTERS_A_TOKEN
        if characters > most:
            raise LineProblem("too-many-tokens", _too_long(characters, limits["max_tokens"]))
    except LineProblem as problem:
        return problem
    return None


def _too_long(characters: int, tokens: int) -> str:
    return (
        f"the record has {characters:,} characters, and a sample may have {tokens * CHARACTERS_A_TOKEN:,} "
        f"({tokens:,} tokens, at an estimated {CHARACTERS_A_TOKEN} characters a token)."
    )


def parse(line: bytes) -> dict:
    """The JSON object of a line. Raises LineProblem."""
    if len(line) > MAX_LINE_BYTES:
        raise LineProblem("too-many-tokens", f"the line is longer than {MAX_LINE_BYTES:,} bytes.")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as err:
        raise LineProblem("not-utf8", f"byte {err.start + 1} of the line is not UTF-8.") from err
    if not text.strip():
        raise LineProblem("empty-line", "the line is empty. Each line must be a JSON object.")
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise LineProblem("not-json", f"the line is not JSON: {str(err)[:150]}.") from err
    if not isinstance(record, dict):
        raise LineProblem("not-an-object", f"the line is JSON, but {_kind(record)} and not an object.")
    return record


def _kind(value) -> str:
    names = {list: "an array", str: "a string", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def _check_chat(record: dict, limits: dict) -> int:
    """Characters of a conversation. Raises LineProblem."""
    if "messages" not in record and PAIR_KEYS & set(record):
        raise LineProblem(
            "wrong-schema-for-model",
            "the record is a prompt and a completion, and this model is tuned on conversations: "
            '{"schemaVersion": "bedrock-conversation-2024", "messages": [...]}.',
        )
    return check_conversation(record, limits)


def _check_pair(record: dict) -> int:
    """Characters of a prompt and its completion. Raises LineProblem."""
    if "messages" in record and not PAIR_KEYS & set(record):
        raise LineProblem(
            "wrong-schema-for-model",
            'the record is a conversation, and this model is tuned on {"prompt": ..., "completion": ...}.',
        )
    for name in ("prompt", "completion"):
        if name not in record:
            raise LineProblem(f"missing-{name}", f'the record has no "{name}".')
        if not isinstance(record[name], str):
            raise LineProblem(f"{name}-not-a-string", f'"{name}" is {_kind(record[name])} and not a string.')
        if not record[name].strip():
            raise LineProblem(f"empty-{name}", f'"{name}" is empty.')
    extra = sorted(set(record) - PAIR_KEYS)
    if extra:
        raise LineProblem(
            "unknown-key", f'the record has the key "{extra[0]}" beside "prompt" and "completion".'
        )
    return len(record["prompt"]) + len(record["completion"])
