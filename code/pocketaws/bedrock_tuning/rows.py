"""Lines of training data → token ids, and where the answers are in them. Needs tokenizers, and no torch."""

import json
from array import array
from dataclasses import dataclass
from pathlib import Path

# The local base model was trained on conversations of up to so many; longer ones lose their start.
MAX_TOKENS = 1024
BATCH = 1024  # lines tokenized at a time


@dataclass(frozen=True)
class Row:
    """ids: a conversation's tokens. answers: (start, end) of each run of ids that the loss sees."""

    ids: array
    answers: tuple[tuple[int, int], ...]


class ChatTokens:
    """The base model's tokenizer and its chat template, written out: a test holds them to be the same.

    <|begin|><|system|>text<|end|><|user|>text<|end|><|assistant|>text<|end|>, each text without the white
    space around it. Special tokens part a text, so texts can be tokenized one by one.
    """

    def __init__(self, folder: Path):
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.begin, self.end = (self._tokenizer.token_to_id(f"<|{name}|>") for name in ("begin", "end"))
        self.roles = {
            role: self._tokenizer.token_to_id(f"<|{role}|>") for role in ("system", "user", "assistant")
        }

    def rows(self, conversations: list[list[tuple[str, str]]]) -> list[Row]:
        """A Row for each conversation, [(role, text), …]. A conversation without an answer makes no row."""
        texts = [text.strip() for turns in conversations for _, text in turns]
        encoded = iter(self._tokenizer.encode_batch_fast(texts, add_special_tokens=False))
        found = []
        for turns in conversations:
            ids, answers = array("i", [self.begin]), []
            for role, _ in turns:
                ids.append(self.roles[role])
                start = len(ids)
                ids.extend(next(encoded).ids)
                ids.append(self.end)
                if role == "assistant":
                    answers.append((start, len(ids)))
            row = cut(ids, answers)
            if row.answers:
                found.append(row)
        return found


def cut(ids: array, answers: list[tuple[int, int]], most: int = MAX_TOKENS) -> Row:
    """A row of at most so many tokens: the first one, and the last ones, where the answer is."""
    gone = max(0, len(ids) - most)
    if not gone:
        return Row(ids, tuple(answers))
    kept = [(max(start - gone, 1), end - gone) for start, end in answers if end - gone > 1]
    return Row(ids[:1] + ids[gone + 1 :], tuple(kept))


def turns(line: str, schema: str) -> list[tuple[str, str]]:
    """[(role, text), …] of a line that keeps the rules. Blocks of one message are joined by a line break."""
    record = json.loads(line)
    if schema != "conversation":
        return [("user", record["prompt"]), ("assistant", record["completion"])]
    found = []
    if record.get("system"):
        found.append(("system", _joined(record["system"])))
    return found + [(message["role"], _joined(message["content"])) for message in record["messages"]]


def _joined(blocks: list[dict]) -> str:
    return "\n".join(block["text"] for block in blocks)


def read(path: Path, schema: str, tokens: ChatTokens) -> list[Row]:
    """The rows of a file of lines that keep the rules."""
    found, some = [], []
    with open(path, encoding="utf-8") as file:
        for line in file:
            some.append(turns(line, schema))
            if len(some) == BATCH:
                found += tokens.rows(some)
                some = []
    return found + tokens.rows(some)
