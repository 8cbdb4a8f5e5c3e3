"""Rows of {"messages": [...]} → token ids and labels that count the assistant's words only.

The chat template renders the text once for the whole row and once for each prompt that an answer follows.
If a prompt is the beginning of the whole, what comes after it is the answer: that is what the loss sees.
This needs no special template, and a template for which it does not hold is refused.
"""

import json
import os

from arguments import UserError
from chat_rows import Report, Row

IGNORE = -100  # cross_entropy's ignore_index: a label the loss does not see
BATCH = 512  # rows tokenized at a time


def render(tokenizer, messages: list[dict], prompt: bool = False) -> str:
    """The text of some messages; with prompt, ended by what asks the assistant to speak.

    Raises  UserError if the model has no chat template, or if the template refuses the messages.
    """
    from jinja2 import TemplateError

    if not tokenizer.chat_template:
        raise UserError(
            "the base model's tokenizer has no chat template.\n"
            "Fix: take the instruct or chat variant of the model."
        )
    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
    except TemplateError as err:
        roles = ", ".join(message["role"] for message in messages) or "none"
        raise UserError(f"the model's chat template refuses messages with the roles {roles}: {err}") from err


def special_tokens(tokenizer) -> tuple[str, ...]:
    """The text of every special token, such as ("<|im_start|>", "<|im_end|>")."""
    return tuple(token.content for token in tokenizer.added_tokens_decoder.values() if token.special)


def answers(tokenizer, messages: list[dict], special: tuple[str, ...]) -> tuple[str, list[tuple[int, int]]]:
    """The row's text, and for each assistant turn where it starts and ends, in characters.

    A turn ends with its last special token (the end of turn), not with the line break some templates put
    after it: a model that has ended its turn says no more.
    """
    text, spans = render(tokenizer, messages), []
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        start = render(tokenizer, messages[:index], prompt=True)
        last = index == len(messages) - 1
        through = text if last else render(tokenizer, messages[: index + 1])
        if not through.startswith(start) or not text.startswith(through):
            raise UserError(_not_stable(start if not through.startswith(start) else through, text, index))
        turn = through[len(start) :]
        ended = turn.rstrip()
        if ended.endswith(special):
            turn = ended
        spans.append((len(start), len(start) + len(turn)))
    return text, spans


def _not_stable(start: str, text: str, index: int) -> str:
    at = len(os.path.commonprefix([start, text]))
    return (
        f"the chat template does not keep the text up to message {index + 1} as it was once more follows: "
        f"{start[at : at + 40]!r} becomes {text[at : at + 40]!r}. So where the answers start is not known.\n"
        "Fix: train on rows with one answer, at their end, or take a model with a plainer template."
    )


def encode(tokenizer, rows: list[Row], max_seq_length: int, report: Report) -> list[dict]:
    """Tokens and labels of the rows that teach something: [{"input_ids": [...], "labels": [...]}, …].

    Labels are the token ids inside an answer and IGNORE elsewhere. `report` counts what is dropped or cut.
    """
    examples, special = [], special_tokens(tokenizer)
    for begin in range(0, len(rows), BATCH):
        some = rows[begin : begin + BATCH]
        texts, spans = zip(*(_placed(tokenizer, row, special) for row in some), strict=True)
        encoded = tokenizer(
            list(texts), add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False,
            verbose=False,
        )  # fmt: skip
        for row, ids, offsets, turns in zip(
            some, encoded["input_ids"], encoded["offset_mapping"], spans, strict=True
        ):
            labels = _labels(ids, offsets, turns)
            example = {"input_ids": ids[:max_seq_length], "labels": labels[:max_seq_length]}
            report.longest = max(report.longest, len(ids))
            if _count(example, labels, len(ids), row.place, report):
                examples.append(example)
    return examples


def _placed(tokenizer, row: Row, special: tuple[str, ...]) -> tuple[str, list[tuple[int, int]]]:
    """answers(), with the row's place in its errors."""
    try:
        return answers(tokenizer, row.messages, special)
    except UserError as err:
        raise UserError(f"{row.place}: {err}") from err


def _labels(ids: list[int], offsets: list[tuple[int, int]], turns: list[tuple[int, int]]) -> list[int]:
    """Token ids where a token lies inside an answer, else IGNORE. Nothing predicts the first token."""
    labels = [IGNORE] * len(ids)
    for start, end in turns:
        for at, (begin, stop) in enumerate(offsets):
            if at and start <= begin and stop <= end and begin < stop:
                labels[at] = ids[at]
    return labels


def _count(example: dict, labels: list[int], length: int, place: str, report: Report) -> bool:
    """Count one row; False if no label is left in it."""
    kept = sum(label != IGNORE for label in example["labels"])
    if length > len(example["labels"]):
        report.cut += 1
        report.cut_answers += labels[len(example["labels"])] != IGNORE and kept > 0
    if not kept:
        beyond = length > len(example["labels"])
        report.drop("the answer lies beyond max_seq_length" if beyond else "the answer has no token", place)
        return False
    report.kept += 1
    report.tokens += len(example["input_ids"])
    report.trained_on += kept
    return True


def encode_channel(tokenizer, rows: list[Row], report: Report, max_seq_length: int) -> list[dict]:
    """The rows as encode() or encode_texts() gives them, or UserError if none is left to learn from."""
    chats, texts = [row for row in rows if not row.text], [row for row in rows if row.text]
    examples = encode(tokenizer, chats, max_seq_length, report)
    examples += encode_texts(tokenizer, texts, max_seq_length, report)
    if not examples:
        raise UserError(_nothing_left(report, max_seq_length))
    return examples


def encode_texts(tokenizer, rows: list[Row], max_seq_length: int, report: Report) -> list[dict]:
    """Tokens and labels of texts that are learned whole: every token counts, and the end of the text too.

    A text of more than max_seq_length tokens becomes several rows. Each begins with the last token of the one
    before it, so every token is predicted once.
    """
    examples, start, end = [], tokenizer.bos_token_id, tokenizer.eos_token_id
    for begin in range(0, len(rows), BATCH):
        texts = [row.text for row in rows[begin : begin + BATCH]]
        for ids in tokenizer(texts, return_attention_mask=False, verbose=False)["input_ids"]:
            ids = [start] * (start is not None and ids[:1] != [start]) + ids
            ids = ids + [end] * (end is not None and ids[-1:] != [end])
            report.texts += 1
            report.longest = max(report.longest, len(ids))
            report.kept += 1
            report.parted += len(ids) > max_seq_length
            for at in range(0, max(len(ids) - 1, 1), max_seq_length - 1):
                piece = ids[at : at + max_seq_length]
                examples.append({"input_ids": piece, "labels": [IGNORE, *piece[1:]]})
                report.tokens += len(piece)
                report.trained_on += len(piece) - 1
    return examples


def _nothing_left(report: Report, max_seq_length: int) -> str:
    why = "; ".join(f"{rows:,}: {reason}" for reason, rows in report.dropped.items())
    message = f"none of the {report.read:,} rows of the channel '{report.channel}' can be used ({why})."
    if report.cut:
        message += (
            f"\nFix: raise max_seq_length from {max_seq_length}; the longest row has {report.longest:,}."
        )
    return message


def sample(tokenizer, example: dict, pieces: int = 3, width: int = 300) -> list[str]:
    """The first pieces of one row as log lines, each marked by whether the loss sees it."""
    runs = []
    for token, label in zip(example["input_ids"], example["labels"], strict=True):
        seen = label != IGNORE
        if not runs or runs[-1][0] != seen:
            runs.append((seen, []))
        runs[-1][1].append(token)
    lines = []
    texts = [(seen, tokenizer.decode(ids)) for seen, ids in runs]
    for seen, text in [(seen, text) for seen, text in texts if text.strip()][:pieces]:
        text = json.dumps(text, ensure_ascii=False)
        text = text if len(text) <= width else f"{text[: width // 2]} … {text[-width // 2 :]}"
        lines.append(f"[sample] {'trained on' if seen else 'given     '} {text}")
    return lines


class Collator:
    """Rows → one batch of tensors, padded on the right to the longest row, up to a multiple of 8 tokens.

    Labels are padded to the longest labels: an encoder-decoder's are not as long as its prompts.
    """

    def __init__(self, pad_id: int):
        self.pad_id = pad_id
        self.nothing = {"input_ids": [pad_id] * 2, "labels": [IGNORE] * 2}  # for a rank without a share

    def __call__(self, rows: list[dict]) -> dict:
        """{"input_ids", "attention_mask", "labels"}, each int64 of (rows, tokens)."""
        import torch

        rows = rows or [self.nothing]
        length, wide = (-(-max(len(row[name]) for row in rows) // 8) * 8 for name in ("input_ids", "labels"))
        batch = {
            "input_ids": torch.full((len(rows), length), self.pad_id),
            "attention_mask": torch.zeros((len(rows), length), dtype=torch.long),
            "labels": torch.full((len(rows), wide), IGNORE),
        }
        for index, row in enumerate(rows):
            size = len(row["input_ids"])
            batch["input_ids"][index, :size] = torch.tensor(row["input_ids"])
            batch["attention_mask"][index, :size] = 1
            batch["labels"][index, : len(row["labels"])] = torch.tensor(row["labels"])
        return batch
