"""Rows to records to files: nothing is lost without a word, nobody is in both files, the limits hold."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tuneaws import bedrock_data, data
from tuneaws.rows import DataError

CODE = str(Path(__file__).resolve().parents[1] / "code")
PROMPT = SimpleNamespace(system="", user="Summarize:\n\n{dialogue}")
NOVA = bedrock_data.family("amazon.nova-micro-v1:0")
LLAMA31 = bedrock_data.family("meta.llama3-1-8b-instruct-v1:0")


def course_rows(count: int, start: int = 0) -> list:
    return [{"id": str(n), "dialogue": f"Ann: number {n}?\r\nBen: yes, {n}. ", "summary": f"Ben says {n}."}
            for n in range(start, start + count)]


def records_of(path) -> list:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def converted(tmp_path, rows, family=NOVA, name="all.jsonl", prompt=PROMPT) -> Path:
    path = tmp_path / name
    bedrock_data.convert(rows, path, family, prompt=prompt)
    return path


# --- families


@pytest.mark.parametrize("model, name", [
    ("amazon.nova-micro-v1:0", "nova"), ("us.amazon.nova-micro-v1:0", "nova"),
    ("amazon.nova-lite-v1:0:300k", "nova"), ("amazon.nova-2-lite-v1:0:256k", "nova2"),
    ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0:300k", "nova"),
    ("meta.llama3-3-70b-instruct-v1:0:128k", "llama3.3"), ("meta.llama3-1-8b-instruct-v1:0", "llama3.1"),
    ("amazon.titan-text-express-v1:0:8k", "titan"), ("titan-premier", "titan-premier"),
])  # fmt: skip
def test_a_model_is_of_the_family_that_its_id_says(model, name):
    assert bedrock_data.family(model).name == name


@pytest.mark.parametrize("model", ["amazon.nova-canvas-v1:0", "anthropic.claude-3-haiku-20240307-v1:0", ""])
def test_an_unknown_model_is_refused_with_those_that_are_known(model):
    with pytest.raises(bedrock_data.BedrockDataError, match=r"nova: conversation records, 8 to 20,000"):
        bedrock_data.family(model)


# --- convert


def test_a_row_becomes_what_nova_wants_by_the_one_prompt(tmp_path):
    path = converted(tmp_path, course_rows(8))
    row = {"dialogue": "Ann: number 0?\nBen: yes, 0.", "summary": "Ben says 0."}
    asked = data.build_messages(row, PROMPT)
    assert records_of(path)[0] == {
        "schemaVersion": "bedrock-conversation-2024",
        "messages": [{"role": "user", "content": [{"text": asked["messages"][0]["content"]}]},
                     {"role": "assistant", "content": [{"text": "Ben says 0."}]}]}  # fmt: skip
    assert bedrock_data.to_example(records_of(path)[0]) == asked


def test_a_system_text_has_a_place_in_each_schema(tmp_path):
    prompt = SimpleNamespace(system="Be short.", user="{dialogue}")
    chat = records_of(converted(tmp_path, course_rows(8), prompt=prompt))[0]
    pair = records_of(converted(tmp_path, course_rows(8), LLAMA31, prompt=prompt))[0]
    assert chat["system"] == [{"text": "Be short."}]
    assert pair == {"prompt": "Be short.\n\nAnn: number 0?\nBen: yes, 0.", "completion": "Ben says 0."}


@pytest.mark.parametrize("name, text", [
    ("a.csv", "prompt,completion\nHow many?,Two.\n"),
    ("a.json", '[{"instruction": "How many?", "output": "Two."}]'),
    ("a.jsonl", '{"messages": [{"role": "user", "content": "How many?"},'
                ' {"role": "assistant", "content": "Two."}]}'),
    ("a.tsv", "question\tanswer\nHow many?\tTwo.\n"),
])  # fmt: skip
def test_files_of_each_kind_give_the_same_record(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    report = bedrock_data.convert(tmp_path / name, tmp_path / "out.jsonl", LLAMA31)
    assert records_of(tmp_path / "out.jsonl") == [{"prompt": "How many?", "completion": "Two."}]
    assert (report.read, report.kept, report.dropped) == (1, 1, {})


def test_blocks_of_text_are_dialogues_with_a_summary(tmp_path):
    (tmp_path / "a.txt").write_text("Ann: number 1?\nBen: yes.\nSummary: Ben says yes.\n")
    bedrock_data.convert(tmp_path / "a.txt", tmp_path / "out.jsonl", LLAMA31, prompt=PROMPT)
    assert records_of(tmp_path / "out.jsonl")[0]["prompt"] == "Summarize:\n\nAnn: number 1?\nBen: yes."


def test_each_dropped_row_is_counted_by_its_reason_with_the_first_ones(tmp_path):
    rows = course_rows(20)
    rows[3]["dialogue"] = "Talbot: hi"
    rows[4]["dialogue"] = "x" * 30_000
    rows[5]["summary"] = None
    rows[6]["summary"] = "[eos]"
    report = bedrock_data.convert(rows, tmp_path / "out.jsonl", NOVA, prompt=PROMPT, max_chars=20_000)
    assert report.dropped == {"reserved-word": 2, "dialogue over 20,000 characters": 1, "no summary": 1}
    assert report.kept + sum(report.dropped.values()) == report.read == 20
    assert "2 dropped: reserved-word (row 4: Bot: in message 1" in str(report)
    assert bedrock_data.check(tmp_path / "out.jsonl", NOVA).ok


def test_what_prompt_and_completion_cannot_hold_is_dropped_and_named(tmp_path):
    turns = [{"role": role, "content": "x"} for role in ("user", "assistant", "user", "assistant")]
    rows = [{"messages": turns}, {"messages": turns[:2]}]
    report = bedrock_data.convert(rows, tmp_path / "out.jsonl", LLAMA31)
    assert report.dropped == {"not one question and one answer, all that prompt and completion hold": 1}
    assert bedrock_data.convert(rows, tmp_path / "chat.jsonl", NOVA).kept == 2


def test_nothing_is_left_behind_when_no_row_can_be_used(tmp_path):
    (tmp_path / "a.csv").write_text("year,value\n2024,7\n")
    with pytest.raises(bedrock_data.BedrockDataError, match=r"Fix: name the columns"):
        bedrock_data.convert(tmp_path / "a.csv", tmp_path / "out.jsonl", NOVA)
    with pytest.raises(DataError, match="no column 'Frage'"):
        bedrock_data.convert(tmp_path / "a.csv", tmp_path / "out.jsonl", NOVA,
                             columns="prompt=Frage,completion=x")  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


# --- split


def dialogues(path) -> set:
    return {bedrock_data.to_example(record)["messages"][0]["content"] for record in records_of(path)}


def small(limit: int):
    """Llama 3.1 with another limit, so that a test needs no 10,000 records."""
    from dataclasses import replace

    return replace(LLAMA31, max_records=limit, min_records=2)


def test_a_family_of_ten_keeps_ten_of_fifteen_and_says_which_are_left_out(tmp_path):
    family = small(10)
    source = converted(tmp_path, course_rows(15), family)
    parts = bedrock_data.split(source, tmp_path / "out", family, validation_records=3)
    assert parts.records == {"training": 7, "validation": 3} and parts.read == 15
    assert "5 left out: over llama3.1's limit of 10 records (such as line " in str(parts)
    assert bedrock_data.check(parts.training, family, parts.validation).ok
    assert not dialogues(parts.training) & dialogues(parts.validation)


def test_the_same_rows_are_split_the_same_way_whatever_their_order(tmp_path):
    family = small(10)
    found = []
    for rows in (course_rows(15), course_rows(15)[::-1], course_rows(15) + course_rows(3)):
        parts = bedrock_data.split(converted(tmp_path, rows, family), tmp_path / "out", family, 3)
        found.append((dialogues(parts.training), dialogues(parts.validation)))
    assert found[0] == found[1] == found[2]
    source = converted(tmp_path, course_rows(15), family)
    other = bedrock_data.split(source, tmp_path / "b", family, 3, seed=8)
    assert dialogues(other.validation) != found[0][1]


def test_a_row_that_is_added_moves_no_other_between_the_files(tmp_path):
    before = bedrock_data.split(converted(tmp_path, course_rows(40)), tmp_path / "a", NOVA, 10)
    after = bedrock_data.split(converted(tmp_path, course_rows(41)), tmp_path / "b", NOVA, 10)
    moved = dialogues(before.validation) ^ dialogues(after.validation)
    assert len(moved) in (0, 2), "the new row may push one out of the validation file, and no more"


def test_the_validation_file_is_the_same_whatever_the_limit(tmp_path):
    found = []
    for limit in (8, 10, 1000):
        source = converted(tmp_path, course_rows(15), small(limit))
        found.append(dialogues(bedrock_data.split(source, tmp_path / "out", small(limit), 3).validation))
    assert found[0] == found[1] == found[2]


def test_no_dialogue_is_in_both_files_though_it_has_several_summaries(tmp_path):
    rows = [{**row, "dialogue": row["dialogue"].upper() if k % 2 else row["dialogue"], "summary": f"{n} {k}"}
            for k in range(4) for n, row in enumerate(course_rows(12))]
    parts = bedrock_data.split(converted(tmp_path, rows), tmp_path / "out", NOVA, validation_records=5)
    lower = [{text.casefold() for text in dialogues(path)} for path in (parts.training, parts.validation)]
    assert not lower[0] & lower[1] and len(lower[1]) == 2
    assert parts.records == {"training": 40, "validation": 8}, "dialogues are taken whole"


def test_duplicates_the_test_set_and_the_validation_set_are_left_out_of_training(tmp_path):
    source = converted(tmp_path, course_rows(30) + course_rows(2))
    given = converted(tmp_path, course_rows(6, start=4), name="validation.jsonl")
    held_out = converted(tmp_path, course_rows(5), name="test.jsonl")
    parts = bedrock_data.split(source, tmp_path / "out", NOVA, validation=given, held_out=held_out)
    assert parts.left_out == {"in the test set": 7, "in the validation set": 5}
    assert parts.records == {"training": 20, "validation": 5}
    assert len(dialogues(parts.training) | dialogues(parts.validation)) == 25
    plain = bedrock_data.split(source, tmp_path / "out2", NOVA)
    assert plain.left_out == {"a duplicate": 2} and plain.validation is None


def test_too_few_records_are_said_before_a_file_is_written(tmp_path):
    source = converted(tmp_path, course_rows(9))
    with pytest.raises(bedrock_data.BedrockDataError, match="7 training and 2 validation records are left"):
        bedrock_data.split(source, tmp_path / "out", NOVA, validation_records=2)
    assert not (tmp_path / "out").exists()


# --- all of it


def test_the_frozen_rows_become_files_without_what_the_test_set_asks(tmp_path, local_aws, bucket):
    from tuneaws import handover

    s3 = local_aws.client("s3")
    splits = {"train": course_rows(30), "validation": course_rows(5, 30), "test": course_rows(4, 35)}
    rows = handover.upload_rows(s3, bucket, "my/rows", splits, PROMPT, tmp_path / "made")
    made = bedrock_data.from_frozen_rows(s3, rows, tmp_path / "files", NOVA)
    assert made.parts.records == {"training": 30, "validation": 5} and made.checked.ok
    uris = bedrock_data.upload(s3, bucket, "data/rows/bedrock/nova", made.training, NOVA, made.validation)
    assert uris["training"] == f"s3://{bucket}/data/rows/bedrock/nova/training/training.jsonl"
    key = uris["validation"].partition(f"{bucket}/")[2]
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == made.validation.read_bytes()


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Ten times the records through convert, split and check: measured in a process of its own."""
    program = f"""
import sys, tracemalloc
sys.path.insert(0, {CODE!r})
from tuneaws import bedrock_data as b
from dataclasses import replace
family = replace(b.family("llama3.1"), max_records=200)
rows = lambda n: ({{"messages": [{{"role": "user", "content": f"How many is {{i}}? " * 20}},
                                {{"role": "assistant", "content": str(i)}}]}} for i in range(n))
def peak(n):
    tracemalloc.start()
    b.convert(rows(n), {str(tmp_path / 'all.jsonl')!r}, family)
    parts = b.split({str(tmp_path / 'all.jsonl')!r}, {str(tmp_path / 'out')!r}, family, 50)
    assert b.check(parts.training, family, parts.validation).ok
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
peak(300)
print(peak(300), peak(3000))
"""
    found = subprocess.check_output([sys.executable, "-c", program], text=True)
    small_file, large = map(int, found.split())
    assert large < small_file + 60_000, "2,700 records more, 1,200,000 bytes of them"


HEAVY = ("torch", "transformers", "peft", "datasets", "sagemaker", "pandas", "numpy")


@pytest.mark.parametrize("program", [
    "import tuneaws.bedrock_data, tuneaws.bedrock_jobs",
    "import prepare_bedrock_data as p; p.main(['--check', 'rows.jsonl', '--model', 'nova'])",
    "import train_bedrock as t; t.main(['--set', 'bedrock.epoch=2'])",
])  # fmt: skip
def test_bedrock_needs_neither_pytorch_nor_the_sagemaker_sdk(tmp_path, program):
    (tmp_path / "rows.jsonl").write_text("{}\n")
    block = f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r})); sys.path.insert(0, {CODE!r}); "
    command = [sys.executable, "-c", block + program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "ModuleNotFoundError" not in done.stderr, done.stderr
