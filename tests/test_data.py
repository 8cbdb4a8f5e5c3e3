"""Rows from any file, cleaned without losing a good one, split so that nothing leaks, written for a job."""

import json
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import pytest
from tuneaws import data
from tuneaws.data import DataError, build_messages, clean, read_rows, split
from tuneaws.rows import find_encoding, iter_rows

matplotlib.use("Agg")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
ROW = {"id": "1", "dialogue": "Ana: café?\nBen: sí 🙂", "summary": "Ana and Ben meet."}


@dataclass(frozen=True)
class Prompt:
    system: str = ""
    user: str = "Summarize.\n\n{dialogue}"


def row(dialogue, summary="S.", split="", id="1") -> dict:
    return {"id": id, "dialogue": dialogue, "summary": summary, "split": split}


def saved(tmp_path, name: str, content) -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# --- formats


CSV = 'id,dialogue,summary\r\n1,"Ana: café?\nBen: sí 🙂",Ana and Ben meet.\r\n'


@pytest.mark.parametrize("name, content", [
    ("rows.json", json.dumps([ROW])),
    ("array-in-object.json", json.dumps({"data": [ROW]})),
    ("one-object.json", json.dumps(ROW)),
    ("lines-named.json", json.dumps(ROW, ensure_ascii=False) + "\n" + json.dumps(ROW)),
    ("line-separator.json", '{"dialogue": "Ana: café?\\nBen: sí 🙂", "summary": "Ana and Ben meet.", '
                            '"x": "\u2028"}\n{"dialogue": "a", "summary": "b"}'),
    ("rows.jsonl", json.dumps(ROW) + "\n\n" + json.dumps(ROW)),
    ("crlf.jsonl", json.dumps(ROW) + "\r\n"),
    ("rows.csv", CSV),
    ("semicolons.csv", CSV.replace(",", ";")),
    ("rows.tsv", CSV.replace(",", "\t")),
    ("empty-columns.csv", CSV.replace("summary\r\n", "summary,,,\r\n").replace("meet.\r\n", "meet.,,,\r\n")),
    ("rows.txt", f"{ROW['dialogue']}\nSummary: {ROW['summary']}\n\nBen: two\nsummary:{ROW['summary']}"),
])
def test_a_row_reads_the_same_from_every_format(tmp_path, name, content):
    first = read_rows(saved(tmp_path, name, content))[0]
    assert (first["dialogue"], first["summary"]) == (ROW["dialogue"], ROW["summary"])


@pytest.mark.parametrize("encoding, found", [
    ("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"),
    ("utf-16-be", "utf-16-be"),
])
@pytest.mark.parametrize("name, content", [("r.json", json.dumps([ROW], ensure_ascii=False)), ("r.csv", CSV)])
def test_an_encoding_with_the_whole_of_unicode_is_found(tmp_path, capsys, encoding, found, name, content):
    path = saved(tmp_path, name, content.encode(encoding))
    assert find_encoding(path) == found
    assert read_rows(path)[0]["dialogue"] == ROW["dialogue"]
    assert capsys.readouterr().out == ""


def test_a_latin_1_file_is_read_and_said(tmp_path, capsys):
    path = saved(tmp_path, "old.csv", "dialogue,summary\nAna: caf\xe9,Ana meets.\n".encode("latin-1"))
    assert read_rows(path)[0]["dialogue"] == "Ana: café"
    assert "old.csv is not UTF-8" in capsys.readouterr().out


def test_a_wrong_byte_far_into_a_file_is_still_seen(tmp_path):
    line = json.dumps({"dialogue": "x" * 1000, "summary": "y"}).encode() + b"\n"
    path = saved(tmp_path, "late.jsonl", line * 3000 + b'{"dialogue": "caf\xe9", "summary": "z"}\n')
    assert find_encoding(path) == "cp1252"
    assert read_rows(path)[-1]["dialogue"] == "café"


def test_one_huge_row_is_read_and_then_dropped_by_its_length(tmp_path):
    path = saved(tmp_path, "huge.csv", "dialogue,summary\n" + "x" * 5_000_000 + ",long\nAna: hi,short\n")
    rows, report = clean(read_rows(path), max_chars=20_000)
    assert [r["summary"] for r in rows] == ["short"]
    assert report.dropped == {"dialogue over 20,000 characters": 1}


def test_reading_is_lazy_so_a_file_may_be_larger_than_memory(tmp_path):
    path = saved(tmp_path, "long.jsonl", json.dumps(ROW) + "\n" + json.dumps(ROW) + "\n" + "{broken")
    rows = iter_rows(path)
    assert next(rows) == ROW
    assert len(read_rows(path, limit=2)) == 2


@pytest.mark.parametrize("name, content, words", [
    ("a.json", b"", "is empty"),
    ("a.json", b"[]", "has no rows"),
    ("a.json", b'[{"dialogue": "a", "summ', r"a.json line 1 column .*ends in the middle of a row"),
    ("a.json", b'[\n{"dialogue": "a",\n "summary": "b"}', r"line 3 column .*ends in the middle of an array"),
    ("a.json", b'[{"dialogue": "a" "summary": "b"}]', "line 1 column .*is not JSON: Expecting ',' del"),
    ("a.json", b'"text"', "holds a str"),
    ("a.json", b'["text"]', "row 1 is \"text\""),
    ("a.jsonl", b'{"dialogue": "a", "summary": "b"}\n{"dialogue": "a", "su',
     "line 2 column [0-9]+: the file ends in the middle"),
    ("a.jsonl", b'{"dialogue": "a", "summary": "b"}\n[1]\n', r"line 2 is \[1\]"),
    ("a.jsonl", b"not json\n", "line 1 column 1: not JSON"),
    ("a.csv", b'dialogue,summary\n"never closed,b\n', "line 2 has a quote that does not fit: unexpected end"),
    ("a.csv", b"dialogue,summary\na,b,c\n", "line 2 has more cells than the header has columns: 'c'"),
    ("a.csv", b"text,summary\na,b\n", "(?s)no column 'dialogue'; it has text, summary.*fields.dialogue"),
    ("a.xlsx", b"PK", r"\.xlsx is not read here.*\.csv"),
    ("a.csv", b"\xff\xfea\x00\x00", "starts as utf-16"),
])
def test_a_file_that_cannot_be_read_is_named_with_the_line_and_a_fix(tmp_path, name, content, words):
    with pytest.raises(DataError, match=words):
        read_rows(saved(tmp_path, name, content))


def test_a_missing_file_or_folder_is_named(tmp_path):
    for source in ("nowhere/rows.csv", "nowhere", tmp_path / "rows.csv"):
        with pytest.raises(DataError, match="there is no file"):
            read_rows(source)
    with pytest.raises(DataError, match="no file named train, validation or test"):
        read_rows(tmp_path)


def test_a_data_set_of_the_hub_that_is_out_of_reach_says_how_to_go_on(monkeypatch):
    import datasets

    def offline(name):
        raise ConnectionError("offline mode is enabled")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(DataError, match="(?s)knkarthick/samsum.*HF_HUB_OFFLINE=0.*pocketaws/dialogues"):
        read_rows("knkarthick/samsum")
    monkeypatch.setattr(datasets, "load_dataset", lambda name: {"train": [ROW], "test": [ROW]})
    assert [r["split"] for r in read_rows("knkarthick/samsum")] == ["train", "test"]


def test_your_own_column_names_are_mapped_and_rows_without_an_id_are_numbered(tmp_path):
    path = saved(tmp_path, "rows.csv", "chat,tldr\nAna: hi,A.\nBen: ho,B.\n")
    rows = read_rows(path, {"id": None, "dialogue": "chat", "summary": "tldr"})
    assert rows[1] == {"id": "row-1", "dialogue": "Ben: ho", "summary": "B.", "split": ""}


def test_a_folder_gives_its_splits_and_other_files_are_left_alone(tmp_path):
    for name in ("train.json", "val.json", "test-00000.json"):
        saved(tmp_path, name, json.dumps([ROW]))
    saved(tmp_path, "licence.txt", "All rights reserved.")
    assert sorted(r["split"] for r in read_rows(tmp_path)) == ["test", "train", "validation"]


def test_the_shipped_data_set_reads_by_its_name():
    rows = read_rows("pocketaws/dialogues")
    assert {r["split"] for r in rows} == {"train", "validation", "test"}
    kept, report = clean(rows)
    assert report.dropped == {} and len(kept) == len(rows)


# --- cleaning


def test_good_rows_come_through_untouched():
    rows = [row("Ana: a  b\n\n  Ben: c", "S  s.", "train", "1"), row("Ana: x", "S  s.", "test", "2")]
    kept, report = clean(rows)
    assert kept == rows
    assert (report.total, report.kept) == (2, 2)
    assert not any(report.dropped.values()) and not any(report.tidied.values())


@pytest.mark.parametrize("bad, reason", [
    (row(""), "empty dialogue"), (row(" \r\n "), "empty dialogue"), (row("a", ""), "empty summary"),
    (row(None), "no dialogue"), (row("a", None), "no summary"), (row(7), "dialogue is not a text"),
    (row(["a"]), "dialogue is not a text"), (row("a" * 101), "dialogue over 100 characters"),
    (row("a", "b" * 101), "summary over 100 characters"), (row("\ud83d"), "dialogue has a broken character"),
])
def test_a_row_that_teaches_nothing_is_dropped_and_counted(bad, reason):
    kept, report = clean([row("Ana: hi", id="good"), {**bad, "id": "bad"}], max_chars=100)
    assert [r["id"] for r in kept] == ["good"]
    assert report.dropped == {reason: 1} and report.examples == {reason: ["bad"]}
    assert f"dropped: {reason}" in str(report) and report.total == report.kept + sum(report.dropped.values())


def test_windows_line_ends_and_marks_go_and_every_word_stays():
    kept, report = clean([row("\ufeffAna: a \r\nBen:  b\r\n\r\n", " S. ")])
    assert (kept[0]["dialogue"], kept[0]["summary"]) == ("Ana: a\nBen:  b", "S.")
    assert report.tidied == {"line ends": 1, "byte order marks": 1, "spaces": 2}


def test_a_duplicate_goes_and_another_summary_of_the_same_dialogue_stays():
    kept, report = clean([row("Ana: hi", "A."), row("ana:  HI", "a."), row("Ana: hi", "B.")])
    assert [r["summary"] for r in kept] == ["A.", "B."]
    assert report.dropped == {"duplicate": 1}


def test_a_dialogue_in_two_splits_stays_in_the_one_it_is_scored_on():
    rows = [row("Ana: hi", "A.", "train"), row("Ana: hi", "B.", "validation"), row("Ana: hi", "C.", "test"),
            row("Ben: ho", "D.", "train"), row("Ben: ho", "D.", "validation")]
    kept, report = clean(rows)
    assert [(r["summary"], r["split"]) for r in kept] == [("C.", "test"), ("D.", "validation")]
    assert report.dropped == {"also in test (a leak)": 2, "also in validation (a leak)": 1}


# --- splitting


ROWS = [row(f"Ana: {i}", f"S{i}.", id=str(i)) for i in range(100)]


def test_a_source_without_splits_gets_three_that_share_nothing():
    parts = split(ROWS, 0, 10, 20)
    ids = {name: {r["id"] for r in part} for name, part in parts.items()}
    assert {name: len(part) for name, part in ids.items()} == {"train": 70, "validation": 10, "test": 20}
    assert not ids["train"] & ids["test"] and not ids["train"] & ids["validation"]
    assert not ids["validation"] & ids["test"]
    assert all(r["split"] == name for name, part in parts.items() for r in part)


def test_the_test_set_does_not_move_with_the_order_or_the_rest_of_the_rows():
    frozen = [r["id"] for r in split(ROWS, 0, 10, 20)["test"]]
    assert [r["id"] for r in split(ROWS[::-1], 30, 10, 20)["test"]] == frozen
    fewer = [r for r in ROWS if r["id"] not in set(frozen)][:40] + [r for r in ROWS if r["id"] in frozen]
    assert [r["id"] for r in split(fewer, 0, 10, 20)["test"]] == frozen
    assert [r["id"] for r in split(ROWS, 0, 10, 20, seed=8)["test"]] != frozen


def test_the_splits_of_the_source_are_kept_and_limited():
    rows = [{**r, "split": "test" if i < 30 else "train"} for i, r in enumerate(ROWS)]
    parts = split(rows, 40, 5, 10)
    assert {name: len(part) for name, part in parts.items()} == {"train": 40, "validation": 5, "test": 10}
    assert {int(r["id"]) for r in parts["test"]} < set(range(30))
    assert {int(r["id"]) for r in parts["validation"]} < set(range(30, 100))


def test_two_summaries_of_one_dialogue_never_stand_in_two_splits():
    rows = [row(f"Ana: {i // 2}", f"S{i}.", id=str(i)) for i in range(100)]
    parts = split(rows, 0, 10, 20)
    dialogues = {name: {r["dialogue"] for r in part} for name, part in parts.items()}
    assert not dialogues["train"] & dialogues["test"] and not dialogues["train"] & dialogues["validation"]


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match="2 rows leave none"):
        split(ROWS[:2], 0, 5, 5)


# --- prompt and JSONL


def test_one_builder_makes_the_prompt_for_training_and_for_use():
    assert build_messages(ROW, Prompt()) == {"messages": [
        {"role": "user", "content": "Summarize.\n\n" + ROW["dialogue"]},
        {"role": "assistant", "content": ROW["summary"]}]}
    asked = build_messages(ROW, Prompt(system="Be brief."), answer=False)["messages"]
    assert [m["role"] for m in asked] == ["system", "user"]


def test_braces_in_a_dialogue_are_left_alone():
    message = build_messages(row("Ana: {dialogue} {x} {0}"), Prompt())["messages"][0]
    assert message["content"].endswith("Ana: {dialogue} {x} {0}")
    asks_for_json = Prompt(user='Answer as {"summary": ...}.\n{dialogue}')
    assert build_messages(ROW, asks_for_json)["messages"][0]["content"].startswith('Answer as {"summary"')


def test_written_rows_are_one_line_each_and_read_back_the_same(tmp_path):
    records = [build_messages(row("Ana: a\u2028b\nBen: 🙂"), Prompt()), build_messages(ROW, Prompt())]
    path = tmp_path / "new" / "train.jsonl"
    assert data.write_jsonl(iter(records), path) == 2
    assert path.read_bytes().count(b"\n") == 2
    assert list(iter_rows(path)) == records


def test_no_rows_are_not_written(tmp_path):
    with pytest.raises(DataError, match="there are no rows"):
        data.write_jsonl([], tmp_path / "train.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_checked_and_uploaded(tmp_path, local_aws, bucket):
    s3 = local_aws.client("s3")
    data.write_jsonl([build_messages(ROW, Prompt())], tmp_path / "train.jsonl")
    uri = data.upload_jsonl(s3, tmp_path / "train.jsonl", bucket, "data/training/")
    assert uri == f"s3://{bucket}/data/training/train.jsonl"
    body = s3.get_object(Bucket=bucket, Key="data/training/train.jsonl")["Body"].read()
    assert body == (tmp_path / "train.jsonl").read_bytes()


@pytest.mark.parametrize("content, words", [("", "is empty"), (json.dumps(ROW), "row 1 has no messages")])
def test_empty_or_foreign_jsonl_is_not_uploaded(tmp_path, content, words):
    with pytest.raises(DataError, match=words):
        data.upload_jsonl(None, saved(tmp_path, "train.jsonl", content), "b", "p")


# --- looking at the data


def test_head_cuts_what_is_long(capsys):
    data.head([row("x" * 1000)], width=50)
    out = capsys.readouterr().out
    assert "(1,000 characters)" in out and max(map(len, out.splitlines())) < 100


class WordTokenizer:
    def apply_chat_template(self, messages, tokenize):
        return " ".join(f"<{m['role']}> {m['content']}" for m in messages)

    def __call__(self, texts, add_special_tokens, verbose):
        return {"input_ids": [text.split() for text in texts]}


def test_lengths_count_prompt_answer_and_template():
    assert data.token_lengths([build_messages(row("Ana: hi", "A b."), Prompt())], WordTokenizer()) == [7]


@pytest.mark.parametrize("lengths, title", [
    ([10, 20, 600, 700], "50.0% of 4 rows are longer than 512 tokens and would be cut"),
    ([10], "All 1 rows fit into 512 tokens"), ([], "All 0 rows fit into 512 tokens"),
])
def test_the_histogram_says_what_would_be_cut(lengths, title):
    import matplotlib.pyplot as plt

    ax = data.plot_token_lengths(lengths, 512)
    assert ax.get_title() == title and "tokens" in ax.get_xlabel()
    ax.figure.canvas.draw()
    plt.close(ax.figure)


# --- real files, when they are there


def test_samsum_loses_its_empty_row_its_duplicates_and_its_leaks_and_nothing_else():
    if not (SHARED / "samsum" / "train.json").exists():
        pytest.skip(f"the SAMSum files are not in {SHARED / 'samsum'}")
    rows = read_rows(SHARED / "samsum")
    kept, report = clean(rows)
    assert (len(rows), len(kept)) == (15_550, 15_497)
    assert report.examples["empty dialogue"] == ["13828807"]
    assert set(report.dropped) == {"empty dialogue", "duplicate", "also in validation (a leak)"}
    assert not any("\r" in r["dialogue"] for r in kept)
    before = {r["id"]: "".join((r["dialogue"] + r["summary"]).replace("\ufeff", "").split()) for r in rows}
    assert all("".join((r["dialogue"] + r["summary"]).split()) == before[r["id"]] for r in kept)


def test_real_spreadsheets_keep_every_row_and_lose_their_empty_columns():
    files = sorted((SHARED / "stats_nz").glob("*.csv")) if SHARED.exists() else []
    if not files:
        pytest.skip(f"the survey's files are not in {SHARED / 'stats_nz'}")
    assert [sum(1 for _ in iter_rows(path)) for path in files] == [13_932, 21_672]
    assert all("" not in next(iter_rows(path)) for path in files)
