"""Which column is what, what a row becomes, and a count for every row that does not come through."""

import json
from pathlib import Path

import pytest
from container.training.fields import (
    SUMMARIZE,
    Cleaning,
    FieldsError,
    apply,
    convert,
    convert_files,
    find,
    parse_given,
    sample_lines,
    sentence,
)
from tuneaws import config, data
from tuneaws.data import DataError

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
CHAT = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]


def messages(user: str, assistant: str, system: str = "") -> dict:
    turns = [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
    return {"messages": [{"role": "system", "content": system}, *turns] if system else turns}


@pytest.mark.parametrize("row, example", [
    ({"instruction": "Add.", "input": "1 2", "output": "3"}, messages("Add.\n\n1 2", "3")),
    ({"instruction": "Add.", "input": "", "output": 3}, messages("Add.", "3")),
    ({"Instruction": "Add.", "Response": "3"}, messages("Add.", "3")),
    ({"prompt": "p", "completion": "c", "system": "Be kind."}, messages("p", "c", "Be kind.")),
    ({"id": "7", "dialogue": "Ana: hi\r\nBen: ho", "summary": "A."},
     messages(f"{SUMMARIZE}Ana: hi\nBen: ho", "A.")),
    ({"question": "q", "answer": "a", "context": "c"}, messages("q\n\nc", "a")),
    ({"messages": CHAT}, {"messages": CHAT}),
    ({"messages": json.dumps(CHAT)}, {"messages": CHAT}),
    ({"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yo"}]},
     {"messages": CHAT}),
    ({"text": " Once.\r\nUpon ", "id": 1}, {"text": "Once.\nUpon"}),
    ({"year": "2024", "value": 7.5, "unit": "", "more": None, "list": ["é"], "nan": float("nan")},
     {"text": 'year is 2024; value is 7.5; list is ["é"].'}),
    ({"instruction": "no answer beside it"}, {"text": "instruction is no answer beside it."}),
])  # fmt: skip
def test_the_columns_are_found_and_the_row_becomes_what_a_job_trains_on(row, example):
    assert apply(find(row), row) == (example, "")


def test_a_dialogue_gets_the_courses_one_prompt():
    assert config.load().prompt.user == SUMMARIZE + "{dialogue}"


def test_given_columns_go_before_found_ones():
    row = {"text": "t", "Frage": "q", "Antwort": "a", "Note": "n"}
    mapping = find(row, "prompt=frage, completion=Antwort, system=Note")
    assert apply(mapping, row)[0] == messages("q", "a", "n")
    assert str(mapping) == "given: system = 'Note', prompt = 'Frage' → answer = 'Antwort'"
    assert apply(find(row, "text=Note"), row)[0] == {"text": "n"}


@pytest.mark.parametrize("given, words", [
    ("prompt=Fragen,completion=Antwort", "no column 'Fragen' (prompt); the columns are Frage, Antwort. "
                                         "Fix: did you mean 'Frage'?"),
    ("prompt=xyz,completion=Antwort", "Fix: take one of those"),
    ("prompt=Frage", "fields names prompt. Fix: name prompt and completion, or text"),
    ("Frage", "fields has 'Frage'. Fix: name=column, by commas"),
    ("topic=Frage", "the names are prompt, instruction"),
])  # fmt: skip
def test_a_column_that_is_not_there_is_refused_with_those_that_are(given, words):
    with pytest.raises(FieldsError) as refused:
        find({"Frage": "", "Antwort": ""}, given)
    assert words in str(refused.value)


def test_names_by_commas_are_parsed():
    assert parse_given(" question=a b , output=c,") == {"prompt": "a b", "answer": "c"}


PAIR = {"prompt": "p", "completion": "c"}


@pytest.mark.parametrize("row, reason", [
    ({**PAIR, "prompt": " "}, "empty prompt"), ({**PAIR, "completion": None}, "no completion"),
    ({"prompt": "p"}, "no completion"), ({**PAIR, "completion": ["c"]}, "completion is not a text"),
    ({**PAIR, "completion": True}, "completion is not a text"),
    ({**PAIR, "completion": "n/a"}, "empty completion"),
    ({**PAIR, "prompt": "x" * 101}, "over 100 characters"),
    ({**PAIR, "prompt": "\ud83d"}, "half a character"),
    (PAIR, "a duplicate"),
])  # fmt: skip
def test_a_row_that_teaches_nothing_is_dropped_and_counted(row, reason):
    cleaning = Cleaning(file="a.csv")
    found = list(convert([PAIR, row], cleaning, missing=["n/a"], max_chars=100, seen=set()))
    assert found == [messages("p", "c")]
    assert cleaning.dropped == {reason: 1} and (cleaning.read, cleaning.kept) == (2, 1)
    assert f"1 dropped: {reason} (first: a.csv row 2)" in str(cleaning)


@pytest.mark.parametrize("value, reason", [
    ("no json", "messages is not JSON"), (None, "messages is not a list of messages"),
    ([7], "messages is not a list of messages"), (CHAT[:1], "no assistant message"),
    ([{"role": "tool", "content": "x"}], "a message of the role 'tool'"),
    ([{"role": "user", "content": ""}], "an empty message"),
])  # fmt: skip
def test_messages_that_are_none_are_dropped_and_counted(value, reason):
    cleaning = Cleaning()
    assert len(list(convert([{"messages": CHAT}, {"messages": value}], cleaning))) == 1
    assert cleaning.dropped == {reason: 1}


def test_a_row_without_a_column_that_others_have_is_dropped_and_not_made_a_sentence():
    cleaning = Cleaning()
    assert list(convert([{"prompt": "p"}, PAIR], cleaning)) == [messages("p", "c")]
    assert cleaning.dropped == {"no completion": 1}


def test_every_file_of_a_folder_has_its_own_columns():
    pairs = [("a.csv", PAIR), ("a.csv", PAIR), ("b.txt", {"text": "t"}), ("c.csv", {"year": 1}),
             ("c.csv", {})]
    cleaning = Cleaning()
    found = list(convert_files(pairs, cleaning))
    assert [name for name, _ in found] == ["a.csv", "a.csv", "b.txt", "c.csv"]
    assert [mapping.kind for mapping in cleaning.mappings.values()] == ["pair", "text", "table"]
    assert "1 dropped: every cell is empty (first: c.csv row 2)" in str(cleaning)
    assert "columns of b.txt, found: text = 'text'" in str(cleaning)


def test_withheld_values_are_counted_and_can_be_left_out():
    rows = [{"year": "2024", "value": f"{n},000.5"} for n in range(20)] + [{"year": "2024", "value": "C"}] * 2
    cleaning = Cleaning()
    assert list(convert(rows, cleaning))[-1] == {"text": "year is 2024; value is C."}
    assert "column 'value' has 20 numbers, and 'C' 2 times" in str(cleaning)
    assert list(convert(rows, Cleaning(), missing=["C"]))[-1] == {"text": "year is 2024."}
    assert sentence({"value": "C"}, frozenset("C")) == ""


def test_samples_show_the_first_rows_cut():
    lines = sample_lines([messages("x" * 500, "short"), {"text": "t"}], count=2, width=100)
    assert [line.split()[0] for line in lines] == ["user", "assistant", "text"]
    assert max(map(len, lines)) < 120


# --- beside you: tuneaws.data.convert


def test_a_folder_becomes_the_jsonl_of_a_job(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("prompt,completion\np,c\nq,\nx,y,z\n")
    (tmp_path / "in" / "b.jsonl").write_text('{"text": "é\u2028t"}\n{oops\n', encoding="utf-8")
    report, cleaning = data.convert(tmp_path / "in", tmp_path / "out.jsonl")
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]
    assert written == [messages("p", "c"), {"text": "é\u2028t"}]
    assert (report.rows, report.left_out) == (3, 2) and (cleaning.read, cleaning.kept) == (3, 2)
    assert "a.csv line 4 has more cells" in str(report) and "b.jsonl line 2 column 2" in str(report)


def test_a_folder_that_gives_nothing_says_what_became_of_its_rows(tmp_path):
    (tmp_path / "a.csv").write_text("prompt,completion\np,\n")
    with pytest.raises(DataError, match="(?s)there are no rows.*a.csv: CSV.*1 dropped: empty completion"):
        data.convert(tmp_path / "a.csv", tmp_path / "out.jsonl")
    with pytest.raises(DataError, match="no column 'Frage'"):
        data.convert(tmp_path / "a.csv", tmp_path / "out.jsonl", columns="text=Frage")
    with pytest.raises(DataError, match="there is no file"):
        data.convert(tmp_path / "b.csv", tmp_path / "out.jsonl")


def test_the_survey_of_new_zealand_becomes_sentences(tmp_path):
    files = sorted((SHARED / "stats_nz").glob("*.csv")) if SHARED.exists() else []
    if not files:
        pytest.skip(f"the survey's files are not in {SHARED / 'stats_nz'}")
    report, cleaning = data.convert(SHARED / "stats_nz", tmp_path / "out.jsonl")
    assert (report.left_out, cleaning.read, cleaning.kept) == (0, 35_604, 35_604)
    assert "column 'value' has 34,929 numbers, and 'C' 675 times" in str(cleaning)
    first = json.loads((tmp_path / "out.jsonl").read_bytes().partition(b"\n")[0])["text"]
    assert first == (
        "year is 2011; industry_code_ANZSIC is A; industry_name_ANZSIC is Agriculture, Forestry and Fishing; "
        "rme_size_grp is a_0; variable is Activity unit; value is 46134; unit is COUNT."
    )


@pytest.mark.parametrize("first", ["messages", "text"])
def test_what_was_converted_from_mixed_files_is_read_again_without_a_loss(first):
    chat = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
    rows = [chat, {"text": "Some words."}] if first == "messages" else [{"text": "Some words."}, chat]
    many = [rows[0]] * 150 + [rows[1]] * 2  # the second form comes after the rows that are peeked at
    cleaning = Cleaning()
    assert list(convert(many, cleaning)) == many
    assert not cleaning.dropped
