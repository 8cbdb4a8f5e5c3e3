"""Ask the systems every row, with what fails kept apart from what is answered."""

import datetime
import json
import time

from botocore.exceptions import BotoCoreError, ClientError

from tuneaws.bedrock_models.errors import BedrockModelError
from tuneaws.cleaning import text_key
from tuneaws.data import build_messages
from tuneaws.endpoints.use import EndpointError
from tuneaws.evaluate.answers import Answers
from tuneaws.evaluate.report import Report

# What an endpoint, a network or a file can do to one request. OSError has timeouts and refused connections
# among its kinds. Any other error is a mistake in the function, and is raised at once.
REQUEST_ERRORS = (EndpointError, BedrockModelError, BotoCoreError, ClientError, OSError)


def test_rows(s3, uri: str) -> list:
    """Read the frozen test rows of lesson 02: handover.find_or_make_rows(...)["test"].

    uri      such as "s3://bucket/data/dialogues/test/"; every .jsonl object under it is read, by name
    Returns  [{"id": "test-0", "messages": [...]}, ...]
    Raises   ValueError when there are none; botocore errors pass through
    """
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))
    rows = []
    for key in keys:
        if key.endswith(".jsonl"):
            text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8")
            # not splitlines(): a text may hold U+2028, which is no line end in JSONL
            rows += [json.loads(line) for line in text.split("\n") if line.strip()]
    if not rows:
        raise ValueError(f"{uri} holds no rows. Fix: run lesson 02, which uploads them")
    return [{"id": row.get("id", f"test-{number}"), "messages": row["messages"]}
            for number, row in enumerate(rows)]


def evaluate(systems: dict, rows: list, prompt, *, tokenizer=None, prices=None, training_rows=None,
             lead_lines=(1,), batch_size: int = 16, resamples: int = 1000, seed: int = 7,
             errors=REQUEST_ERRORS, give_up_after: int = 10) -> Report:
    """Ask every system every row, score the answers, and return the Report.

    systems        {"base": generate, "tuned": generate}, generate(list of messages) -> list of str
    rows           [{"id", "dialogue", "summary"}, ...], or of test_rows(); the frozen ones, in any order
    prompt         the section of the configuration; has .system and .user with {dialogue}
    tokenizer      of the model: counts tokens. One for all, or {"tuned": tokenizer}; None: they stay empty
    prices         {"tuned": Price(...)} or one Price for all; None: the cost stays empty, nothing is guessed
    training_rows  what was trained on, in either form: a test row among them is a warning in the report
    lead_lines     (1,) adds "lead-1", the dialogue's first line as it stands: the floor
    batch_size     conversations a call, long ones with long ones: less padding, and one endpoint request each
                   if the function sends them together
    errors         what counts as a row without an answer; other exceptions pass through
    give_up_after  so many rows in a row without an answer, and the rest are not asked: the endpoint is gone
    Raises         ValueError for rows that can't be used, TypeError when a system answers with no list of str
    Takes as long as the systems; scores and intervals of 200 rows take under a second. Asking costs what the
    systems cost.
    """
    rows = [_row(row, number, prompt) for number, row in enumerate(rows)]
    if not rows:
        raise ValueError("there are no rows to evaluate on")
    results = {f"lead-{lines}": Answers([lead(row["dialogue"], lines) for row in rows], floor=True)
               for lines in lead_lines}
    for name, generate in systems.items():
        results[name] = ask(generate, rows, name, batch_size, errors, give_up_after)
        results[name].price = prices.get(name) if isinstance(prices, dict) else prices
        counter = tokenizer.get(name) if isinstance(tokenizer, dict) else tokenizer
        if counter is not None:
            count_tokens(results[name], rows, counter)
    leaked = _leaked(rows, training_rows)
    measured = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return Report(rows, results, measured=measured, leaked=leaked, batch_size=batch_size,
                  resamples=resamples, seed=seed)


def lead(dialogue: str, lines: int = 1) -> str:
    """The floor: a dialogue's first lines as they stand. With the speaker's name, which scores higher."""
    return " ".join([line for line in dialogue.split("\n") if line.strip()][:lines])


def joined(first: Report, second: Report) -> Report:
    """One report of two that were made apart, such as yesterday's base and today's tuned model.

    Only rows that both asked are kept; what was left out is among the warnings. A system of the second takes
    the place of one of the same name. Raises ValueError when they have no row in common.
    """
    def key(row):
        return row["dialogue"], row["reference"], json.dumps(row["messages"])

    there = {key(row): at for at, row in enumerate(second.rows)}
    pairs = [(at, there[key(row)]) for at, row in enumerate(first.rows) if key(row) in there]
    if not pairs:
        raise ValueError("the two reports have no row in common: another test set, or another prompt")
    systems = {name: found.only([one for one, _ in pairs]) for name, found in first.systems.items()}
    systems |= {name: found.only([two for _, two in pairs]) for name, found in second.systems.items()}
    left_out = [*first.left_out, *second.left_out]
    if len(pairs) < max(len(first.rows), len(second.rows)):
        left_out.append(f"the systems saw different rows, {len(first.rows)} and {len(second.rows)}: only the "
                        f"{len(pairs)} in common are compared")
    rows = [first.rows[one] for one, _ in pairs]
    leaked = [row["id"] for row in rows if row["id"] in {*first.leaked, *second.leaked}]
    return Report(rows, systems, second.measured, leaked, left_out, second.batch_size, first.resamples,
                  first.seed)


# --- rows


def _row(row: dict, number: int, prompt) -> dict:
    """{"id", "dialogue", "reference", "messages"} of a row in either form; messages hold no answer."""
    name = str(row.get("id") or f"row-{number}")
    if "messages" in row:
        asked = row["messages"]
        if len(asked) < 2 or asked[-1]["role"] != "assistant":
            raise ValueError(f"row {name} does not end with an assistant's message, which is the reference")
        reference, asked = asked[-1]["content"], asked[:-1]
        dialogue = _dialogue(asked[-1]["content"], prompt.user, name)
    else:
        dialogue, reference = row["dialogue"], row["summary"]
        asked = build_messages(row, prompt, answer=False)["messages"]
    if not reference.strip():
        raise ValueError(f"row {name} has an empty reference, with which nothing can be compared.\n"
                         "Fix: data.clean() drops such rows")
    return {"id": name, "dialogue": dialogue, "reference": reference, "messages": asked}


def _dialogue(text: str, template: str, name: str) -> str:
    before, _, after = template.partition("{dialogue}")
    if not (text.startswith(before) and text.endswith(after)):
        raise ValueError(f"row {name} was written with another prompt: its question begins {text[:40]!r}, "
                         f"the prompt with {before[:40]!r}.\nFix: pass the prompt that made the rows")
    return text[len(before):len(text) - len(after)]


def _leaked(rows: list, training_rows) -> list:
    """The ids of rows whose question was trained on, word for word but for case and spaces."""
    seen = set()
    for row in training_rows or ():
        if "messages" in row:
            seen.add(text_key(next(m["content"] for m in reversed(row["messages"]) if m["role"] == "user")))
        else:
            seen.add(text_key(row["dialogue"]))
    return [row["id"] for row in rows
            if text_key(row["dialogue"]) in seen or text_key(row["messages"][-1]["content"]) in seen]


# --- ask


def ask(generate, rows: list, name: str = "system", batch_size: int = 16, errors=REQUEST_ERRORS,
        give_up_after: int = 10) -> Answers:
    """Ask one system all rows, long ones first, and return its Answers in the order of the rows.

    When a call fails, its rows are asked once more, one by one: one bad row costs no other its answer.
    The longest come first: what does not fit into memory fails at the start.
    """
    order = sorted(range(len(rows)), key=lambda at: -sum(len(m["content"]) for m in rows[at]["messages"]))
    found, todo = Answers([None] * len(rows)), [order[at:at + batch_size]
                                               for at in range(0, len(order), batch_size)]
    unanswered = 0
    while todo:
        batch = todo.pop(0)
        if unanswered >= give_up_after:
            found.failed.update(dict.fromkeys(batch, f"not asked: {unanswered} rows before it got no answer"))
            continue
        started, done = time.perf_counter(), False
        try:
            texts = _checked(generate([rows[at]["messages"] for at in batch]), len(batch), name)
            done = True
        except errors as err:
            if len(batch) > 1:
                todo[:0] = [[at] for at in batch]
            else:
                found.failed[batch[0]] = f"{type(err).__name__}: {err}"[:500]
                unanswered += 1
            continue
        finally:
            found.calls.append((len(batch), time.perf_counter() - started, done))
        unanswered = 0
        for at, text in zip(batch, texts, strict=True):
            found.texts[at] = text
            if text is None:
                found.failed[at] = "no answer (None)"
    return found


def _checked(texts, count: int, name: str) -> list:
    """What a system returned, when it is what evaluate() can use."""
    if not isinstance(texts, list) or not all(isinstance(text, str | None) for text in texts):
        seen = type(texts).__name__ if not isinstance(texts, list) else \
            "a list with " + next(type(text).__name__ for text in texts if not isinstance(text, str | None))
        raise TypeError(f"{name} must return a list of str, one for each conversation; it returned {seen}")
    if len(texts) != count:
        raise ValueError(f"{name} was asked {count} conversations and returned {len(texts)} texts")
    return texts


def count_tokens(found: Answers, rows: list, tokenizer) -> None:
    """Fill in the tokens of each question, with the chat template, and of each answer."""
    asked = [tokenizer.apply_chat_template(row["messages"], tokenize=False, add_generation_prompt=True)
             for row in rows]
    texts = [text or "" for text in found.texts]
    found.tokens_in, found.tokens_out = (
        [len(ids) for ids in tokenizer(some, add_special_tokens=False, verbose=False)["input_ids"]]
        for some in (asked, texts)
    )
