"""Rows of {"messages": [...]} → what an encoder-decoder (T5, FLAN-T5, BART) learns from: prompt and answer.

The encoder reads all that comes before an answer, rendered by the chat template; the decoder writes the
answer. Such models seldom have a template: PLAIN then stands for it, which for one user message gives that
message as it is. A row with several answers becomes as many examples.

    {"input_ids": [prompt …, end], "labels": [IGNORE, answer …, end]}

The IGNORE stands over the token that starts the decoder: labels[1:] is what is predicted, as in causal rows.
"""

import json

from arguments import UserError
from chat_data import BATCH, IGNORE, render
from chat_rows import Report, Row

# container/inference/chat_model.py renders prompts by the same text.
PLAIN = (
    "{% for m in messages %}{{ 'Answer: ' if m['role'] == 'assistant' else '' }}{{ m['content'] | trim }}"
    "{{ '' if loop.last else '\\n\\n' }}{% endfor %}"
)


def encode_pairs(tokenizer, rows: list[Row], report: Report, max_seq_length: int) -> list[dict]:
    """One example for each answer. Prompts and answers have max_seq_length tokens at most, each; `report`
    counts what is cut or dropped.

    Raises  UserError for texts without a prompt, or if no row is left.
    """
    refuse_texts(rows, report)
    examples = []
    for begin in range(0, len(rows), BATCH):
        some = rows[begin : begin + BATCH]
        pairs = [pair for row in some for pair in _pairs(tokenizer, row, report)]
        if not pairs:
            continue
        prompts = tokenizer([prompt for _, prompt, _ in pairs], verbose=False)["input_ids"]
        answers = tokenizer(text_target=[answer for *_, answer in pairs], verbose=False)["input_ids"]
        whole = list(zip([row for row, *_ in pairs], prompts, answers, strict=True))
        examples += [_example(tokenizer, each, max_seq_length) for each in whole]
        _count(tokenizer, whole, examples[-len(whole) :], max_seq_length, report)
    if not examples:
        why = "; ".join(f"{rows:,}: {reason}" for reason, rows in report.dropped.items())
        raise UserError(
            f"none of the {report.read:,} rows of the channel '{report.channel}' can be used ({why})."
        )
    return examples


def refuse_texts(rows: list[Row], report: Report) -> None:
    """Raises UserError if a row is a text: an encoder-decoder learns answers, and a text has no prompt."""
    texts = [row for row in rows if row.text]
    if texts:
        raise UserError(
            f"channel '{report.channel}': {len(texts):,} rows are texts without a prompt (first: "
            f"{texts[0].place}), and the base model is an encoder-decoder, which learns answers to prompts.\n"
            "Fix: name the columns, --fields prompt=…,completion=…, or take a causal base model."
        )


def _pairs(tokenizer, row: Row, report: Report) -> list[tuple[Row, str, str]]:
    """(row, prompt, answer) of each assistant turn that has both."""
    pairs, why = [], "no answer"
    for index, message in enumerate(row.messages):
        if message["role"] != "assistant":
            continue
        try:
            prompt = render(tokenizer, row.messages[:index], prompt=True) if index else ""
        except UserError as err:
            raise UserError(f"{row.place}: {err}") from err
        answer = message["content"].strip()
        if prompt.strip() and answer:
            pairs.append((row, prompt, answer))
        else:
            why = "the answer has no token" if not answer else "nothing stands before the answer"
    if not pairs:
        report.drop(why, row.place)
    return pairs


def _example(tokenizer, whole: tuple, most: int) -> dict:
    _, prompt, answer = whole
    if tokenizer.eos_token_id is not None and answer[-1:] != [tokenizer.eos_token_id]:
        answer = [*answer, tokenizer.eos_token_id]
    # A cut prompt keeps its end token; a cut answer has none, or the model would learn to stop there.
    prompt = prompt if len(prompt) <= most else [*prompt[: most - 1], prompt[-1]]
    return {"input_ids": prompt, "labels": [IGNORE, *answer[:most]]}


def _count(tokenizer, whole: list[tuple], examples: list[dict], most: int, report: Report) -> None:
    places = set()
    for (row, prompt, answer), example in zip(whole, examples, strict=True):
        places.add(id(row))
        report.longest = max(report.longest, len(prompt), len(answer))
        report.cut += max(len(prompt), len(answer)) > most
        report.cut_answers += len(answer) > most
        report.tokens += len(example["input_ids"]) + len(example["labels"]) - 1
        report.trained_on += len(example["labels"]) - 1
    report.kept += len(places)


def sample_pair(tokenizer, example: dict, width: int = 300) -> list[str]:
    """One example as log lines: what is given and what is trained on."""
    lines = []
    for words, ids in (("given     ", example["input_ids"]), ("trained on", example["labels"][1:])):
        text = json.dumps(tokenizer.decode(ids), ensure_ascii=False)
        text = text if len(text) <= width else f"{text[: width // 2]} … {text[-width // 2 :]}"
        lines.append(f"[sample] {words} {text}")
    return lines
