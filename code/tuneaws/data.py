"""From rows to what a training job reads: clean, one prompt, one frozen test set, JSONL, S3.

    rows = read_rows("my/rows")
    rows, report = clean(rows)                  # print(report) says what was dropped and why
    splits = split(rows, 3200, 200, 200, seed=7)
    write_jsonl((build_messages(row, prompt) for row in splits["train"]), "train.jsonl")

A row is {"id", "dialogue", "summary", "split"}; split is "train", "validation", "test", or "" when the source
has no splits.
"""

import hashlib
import itertools
import json
import os
import re
from pathlib import Path

from tuneaws.cleaning import CleanReport, clean, text_key
from tuneaws.rows import Cleaning, DataError, Report, iter_examples, iter_rows, kind_of

__all__ = ["CleanReport", "DataError", "Report", "build_messages", "clean", "convert", "head",
           "plot_token_lengths", "read_rows", "split", "token_lengths", "upload_jsonl", "write_jsonl"]

SPLITS = {"train": "train", "training": "train", "validation": "validation", "valid": "validation",
          "val": "validation", "dev": "validation", "eval": "validation", "test": "test"}
ENCODE = json.JSONEncoder(ensure_ascii=False).encode  # made once: json.dumps makes one for each row
FIELDS = {"id": "id", "dialogue": "dialogue", "summary": "summary"}


# --- read


def read_rows(source, fields=None, limit: int | None = None, report: Report | None = None) -> list:
    """Read all rows of a source.

    source  a file (JSON, JSONL, CSV, TSV, TXT, each also .gz), a folder with files named train, validation
            (or val, dev) and test, "pocketaws/dialogues", or the id of a data set on the Hugging Face hub.
            A relative path is looked up from the working directory, then from the course's folder.
    fields  {"id": ..., "dialogue": ..., "summary": ...}, the names of your columns; id None numbers the rows
    limit   stop after so many rows of each file
    report  takes what is wrong with the files, and broken rows are left out. None: the first one is refused
    Raises  DataError
    """
    fields = dict(FIELDS if fields is None else fields if isinstance(fields, dict) else vars(fields))
    rows = []
    for name, records in _open(source, report):
        for number, record in enumerate(itertools.islice(records, limit)):
            rows.append(_row(record, number, name, fields, source))
    if not rows:
        raise DataError(f"{source} has no rows")
    return rows


def _open(source, report: Report | None = None) -> list:
    """Return [(split, iterator of records)]."""
    text = os.fspath(source)
    for path in (Path(text), Path(__file__).resolve().parents[2] / text):
        if path.is_dir():
            return [(name, iter_rows(file, report)) for name, file in _split_files(path)]
        if path.exists() or kind_of(path) and "/" not in text:
            return [(SPLITS.get(path.name.partition(".")[0].lower(), ""), iter_rows(path, report))]
    if text.startswith("pocketaws/"):
        from tuneaws.session import dataset_path

        return [(name, iter_rows(file, report)) for name, file in _split_files(dataset_path(text))]
    if re.fullmatch(r"[\w.-]+/[\w.-]+", text) and not text.startswith(".") and not kind_of(text):
        return _from_hub(text)
    raise DataError(f"there is no file or folder {text!r} (looked in {Path.cwd()}). Fix: give its full path")


def _split_files(folder: Path) -> list:
    files = sorted(file for file in folder.iterdir() if kind_of(file) and file.is_file())
    found = [(SPLITS[word], file) for file in files
             if (word := re.split(r"[-_.]", file.stem.lower())[0]) in SPLITS]
    if found:
        return found
    if len(files) == 1:
        return [("", files[0])]
    there = ", ".join(file.name for file in files) or "no JSON, JSONL, CSV or TXT"
    raise DataError(f"{folder} has no file named train, validation or test; it has {there}.\n"
                    "Fix: name them so, or give one file")


def _from_hub(name: str) -> list:
    from datasets import load_dataset

    try:
        found = load_dataset(name)
    except (OSError, ValueError) as err:
        offline = os.environ.get("HF_HUB_OFFLINE") not in (None, "", "0")
        fix = ("the hub is switched off here; set HF_HUB_OFFLINE=0 before you start Python" if offline
               else "check the name on https://huggingface.co/datasets and the network")
        raise DataError(f"{name!r} is no file here, and the hub did not give it: {err}.\nFix: {fix}, or use "
                        "pocketaws/dialogues, which is shipped") from err
    return [(SPLITS.get(part, part), iter(found[part])) for part in found]


def _row(record: dict, number: int, name: str, fields: dict, source) -> dict:
    missing = [theirs for ours, theirs in fields.items() if theirs is not None and theirs not in record]
    if fields["id"] in missing and fields["id"] == FIELDS["id"]:
        missing.remove(fields["id"])  # nobody asked for an id by name: number the rows
    if missing and number == 0:
        ours = next(ours for ours, theirs in fields.items() if theirs == missing[0])
        raise DataError(f"{source} has no column {missing[0]!r}; it has {', '.join(map(str, record))}.\n"
                        f"Fix: in config.yaml, dataset.fields.{ours}, write the name of your column")
    row = {ours: record.get(theirs) for ours, theirs in fields.items()}
    row["id"] = str(row["id"]) if row["id"] is not None else f"{name or 'row'}-{number}"
    row["split"] = name
    return row


# --- split


def split(rows, train_rows: int = 0, validation_rows: int = 0, test_rows: int = 0, seed: int = 7) -> dict:
    """Return {"train": [...], "validation": [...], "test": [...]}; 0 takes all there are.

    The splits of the source are kept. A split that the source lacks is taken from its train rows (0: a tenth
    of them). Each row's place is drawn from its own text and the seed, so a row that is added or dropped
    elsewhere moves no other row: the test set stays the same.
    Raises  DataError if a split would be empty
    """
    pools = {name: [row for row in rows if row["split"] == name] for name in ("test", "validation")}
    pools["train"] = [row for row in rows if row["split"] not in pools]
    wanted = {"test": test_rows, "validation": validation_rows, "train": train_rows}
    drawn = {name: sorted(pool, key=lambda row: _lot(row, seed)) for name, pool in pools.items()}
    for name in ("test", "validation"):
        if not drawn[name]:
            count = wanted[name] or len(pools["train"]) // 10
            drawn[name], drawn["train"] = _take(drawn["train"], count)
    empty = [name for name, pool in drawn.items() if not pool]
    if empty:
        raise DataError(f"{len(rows)} rows leave none for {empty[0]}. Fix: more rows, or smaller "
                        "dataset.validation_rows and test_rows in config.yaml")
    return {name: [{**row, "split": name} for row in drawn[name][:wanted[name] or None]]
            for name in ("train", "validation", "test")}


def _take(pool: list, count: int) -> tuple:
    """Take `count` rows, and all rows of the same dialogues with them: none may stay behind to leak."""
    taken = pool[:count]
    dialogues = {text_key(row["dialogue"]) for row in taken}
    return taken, [row for row in pool[count:] if text_key(row["dialogue"]) not in dialogues]


def _lot(row: dict, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{row['dialogue']}\0{row['summary']}".encode()).digest()


# --- prompt, JSONL, S3


def build_messages(row: dict, prompt, answer: bool = True) -> dict:
    """The one prompt builder: a row as {"messages": [{"role": ..., "content": ...}, ...]}.

    prompt  has .system (empty: no system message) and .user, in which {dialogue} is filled
    answer  False leaves the assistant's message out: what a model is asked
    """
    messages = [{"role": "system", "content": prompt.system}] if prompt.system else []
    messages.append({"role": "user", "content": prompt.user.replace("{dialogue}", row["dialogue"])})
    if answer:
        messages.append({"role": "assistant", "content": row["summary"]})
    return {"messages": messages}


def write_jsonl(records, path) -> int:
    """Write one JSON object a line, UTF-8; return how many. Raises DataError if there are none."""
    path, written = Path(path), 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(ENCODE(record) + "\n")
            written += 1
    if not written:
        path.unlink()
        raise DataError(f"nothing to write to {path}: there are no rows")
    return written


def convert(source, path, columns: str = "", **how) -> tuple[Report, Cleaning]:
    """Write any file or folder as the JSONL that finetune.py trains on; return (Report, Cleaning).

    print() both: what was wrong with the files, and what became of the rows. Memory does not grow with them.

    columns, how  see tuneaws.rows.iter_examples()
    Raises        DataError if nothing can be read or nothing is left
    """
    report, cleaning = Report(), Cleaning()
    try:
        write_jsonl(iter_examples(source, report, cleaning, columns, **how), path)
    except DataError as err:
        seen = str(cleaning) if cleaning.read else ""
        raise DataError("\n".join(filter(None, [str(err), str(report), seen]))) from err
    return report, cleaning


def upload_jsonl(s3, path, bucket: str, prefix: str) -> str:
    """Upload one JSONL file and return its URI, such as "s3://b/p/train.jsonl".

    s3      boto3 S3 client
    path    UTF-8, one {"messages": [...]} object a line
    Raises  DataError if a line is not one; botocore errors pass through
    """
    path = Path(path)
    for count, row in enumerate(iter_rows(path), start=1):
        if not isinstance(row.get("messages"), list) or not row["messages"]:
            raise DataError(f"{path} row {count} has no messages. Fix: write it with build_messages()")
    key = f"{prefix.strip('/')}/{path.name}".lstrip("/")
    s3.upload_file(str(path), bucket, key)
    return f"s3://{bucket}/{key}"


# --- look


def head(rows, count: int = 2, width: int = 300) -> None:
    """Print the first rows, cut to `width` characters."""
    for row in rows[:count]:
        for name, value in row.items():
            text = str(value)
            text = text if len(text) <= width else text[:width] + f" ... ({len(text):,} characters)"
            print(f"{name:>8}  " + text.replace("\n", "\n" + " " * 10))
        print()


def token_lengths(records, tokenizer) -> list:
    """Tokens of each {"messages": [...]} under the model's chat template, with answer and special tokens."""
    texts = [tokenizer.apply_chat_template(record["messages"], tokenize=False) for record in records]
    encoded = tokenizer(texts, add_special_tokens=False, verbose=False)  # no warning for each long row
    return [len(ids) for ids in encoded["input_ids"]]


def plot_token_lengths(lengths, max_seq_length: int, ax=None):
    """Draw how long the rows are and which of them would be cut; return the axes."""
    import matplotlib.pyplot as plt

    ax = ax if ax is not None else plt.subplots(figsize=(7, 3.5), layout="constrained")[1]
    over = sum(length > max_seq_length for length in lengths)
    share = over / len(lengths) if lengths else 0
    ax.hist(lengths, bins=min(50, max(len(set(lengths)), 1)), color="0.6", edgecolor="white", linewidth=0.4)
    ax.margins(y=0.15)
    ax.axvline(max_seq_length, color="#0b559f", linestyle="--", linewidth=2)
    ax.annotate(f"max_seq_length = {max_seq_length:,}", (max_seq_length, 0.95), ha="right", va="top",
                xycoords=("data", "axes fraction"), xytext=(-6, 0), textcoords="offset points",
                color="#0b559f")
    ax.set_xlabel("tokens in a row, prompt and answer")
    ax.set_ylabel("rows")
    fits = f"All {len(lengths):,} rows fit into {max_seq_length:,} tokens"
    cut = f"{share:.1%} of {len(lengths):,} rows are longer than {max_seq_length:,} tokens and would be cut"
    ax.set_title(cut if over else fits, fontsize=11)
    return ax
