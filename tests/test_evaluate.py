"""Evaluation: scores as rouge-score's, intervals that cover, and what happens when a system fails."""

import itertools
import json
import math
import random
import time
from types import SimpleNamespace

import hosting_aid
import numpy as np
import pytest
from botocore.exceptions import ClientError
from rouge_score.rouge_scorer import RougeScorer
from tuneaws import handover
from tuneaws.endpoints.use import EndpointError, generator
from tuneaws.evaluate import Answers, Price, Report, ask, bootstrap, evaluate, joined, lead, rouge, test_rows
from tuneaws.evaluate.views import Examples
from tuneaws.lesson import table

test_rows.__test__ = False  # a function of the course, not a test of this file

PROMPT = SimpleNamespace(system="", user="Sum up.\n\n{dialogue}")
NAMES = ["Ana", "Ben", "Cleo", "Dev", "Edo", "Fay", "Gus", "Hal"]
THINGS = ["cake", "ladder", "tickets", "bike", "paint", "notes", "keys", "letter"]


def make_rows(count: int, seed: int = 0) -> list:
    pick = random.Random(seed)
    rows = []
    for number in range(count):
        a, b = pick.sample(NAMES, 2)
        thing = pick.choice(THINGS)
        rows.append({
            "id": f"r{number}", "summary": f"{a} brings {b} the {thing} on day {number}.",
            "dialogue": f"{a}: I bring the {thing} on day {number}.\n{b}: Great!",
        })  # fmt: skip
    return rows


ROWS = make_rows(120)
REFERENCES = {PROMPT.user.replace("{dialogue}", row["dialogue"]): row["summary"] for row in ROWS}


def perfect(conversations: list) -> list:
    return [REFERENCES[messages[-1]["content"]] for messages in conversations]


def poor(conversations: list) -> list:
    return ["Somebody brings something." for _ in conversations]


@pytest.fixture(scope="module")
def report() -> Report:
    return evaluate({"base": poor, "tuned": perfect}, ROWS, PROMPT)


# --- ROUGE


def texts(count: int) -> list:
    """Texts with everything that splitting and stemming can meet, in a to z."""
    pick = random.Random(1)
    words = "running runs Studies studied generously 42 1st don't it's A an the x-ray e.g. U.S. ___ ,".split()
    return [" ".join(pick.choices(words, k=pick.randint(0, 30))) for _ in range(count)]


def test_scores_are_those_of_rouge_score():
    some, others = texts(150), texts(151)[1:]
    marks = ["“Yes” – he’s 20 % sure… 👍🏽 ❤️ 1️⃣ m² ½", "a\u200bb\u00a0c"]  # no letters beyond z
    some, others = some + marks, others + ["yes he s 20 sure 1 m", "a b c"]
    theirs = RougeScorer(list(rouge.KINDS), use_stemmer=True)
    checked = 0
    for ours, answer, reference in zip(rouge.scores(some, others), some, others, strict=True):
        wanted = {kind: 100 * score.fmeasure for kind, score in theirs.score(reference, answer).items()}
        assert ours == wanted, answer
        checked += wanted["rouge1"] > 0
    assert checked > 100


@pytest.mark.parametrize(
    "text, words",
    [
        ("Η Άννα φέρνει το κέικ", 5),  # Greek: rouge-score finds no word in it
        ("Ана несе торт", 3),
        ("今日はいい天気", 7),  # no spaces: each letter is a word
        ("สวัสดีครับ", 7),  # vowel signs and tone marks belong to their letter
        ("नमस्ते दुनिया", 2),
        ("עברית ١٢٣", 2),
    ],
)
def test_a_summary_without_any_a_to_z_is_scored(text, words):
    assert RougeScorer(["rouge1"]).score(text, text)["rouge1"].fmeasure == 0
    assert len(rouge.Words().tokenize(text)) == words
    (same, other) = rouge.scores([text, "🙂"], [text, text])
    assert same["rouge1"] == same["rougeL"] == 100 and other["rouge1"] == 0


def test_a_word_with_an_accent_is_one_word_however_it_is_written():
    split = rouge.Words().tokenize
    assert split("Café-BARS öffnen") == ["café", "bar", "öffnen"]  # stemmed where it is a to z
    assert split("Cafe\u0301") == ["café"]
    assert rouge.beyond_ascii("Café") and not rouge.beyond_ascii("it’s 5 € – 👍")


# --- intervals


def test_nine_in_ten_and_more_intervals_hold_the_true_mean():
    pick = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        (found,) = bootstrap.intervals(pick.exponential(10, size=(100, 1)), resamples=300, seed=seed)
        held += found.low <= 10 <= found.high
    assert 0.90 * 200 <= held <= 0.99 * 200, held


def test_pairing_finds_a_difference_that_the_two_intervals_hide():
    pick = np.random.default_rng(0)
    hard = pick.normal(30, 20, size=200)  # some rows are hard for every system
    one, two = hard + pick.normal(1, 2, size=200), hard
    first, second, difference = bootstrap.intervals(np.column_stack([one, two, one - two]))
    assert first.overlaps(second)
    assert difference.low > 0 and difference.mean == pytest.approx(first.mean - second.mean)


def test_the_same_rows_give_the_same_interval_and_many_rows_fit_into_memory(monkeypatch):
    values = np.random.default_rng(3).normal(size=(50, 2))
    once = bootstrap.intervals(values)
    assert bootstrap.intervals(values) == once != bootstrap.intervals(values, seed=8)
    assert bootstrap.intervals(values[:, ::-1]) == once[::-1]  # columns share their draws
    monkeypatch.setattr(bootstrap, "CHUNK", 500)  # ten draws at once
    assert np.allclose([tuple(vars(one).values()) for one in bootstrap.intervals(values)],
                       [tuple(vars(one).values()) for one in once], atol=0.05)  # fmt: skip


def test_scores_and_intervals_of_200_rows_take_under_a_second():
    rows = make_rows(200)
    rouge.scores(["warm"], ["up"])  # the import of rouge-score takes a second, once
    answers = Answers([row["summary"][:-3] for row in rows])
    made = [{"id": row["id"], "dialogue": row["dialogue"], "reference": row["summary"], "messages": []}
            for row in rows]  # fmt: skip
    started = time.perf_counter()
    done = Report(made, {"a": answers, "b": answers})
    done.table(), done.compare("a", "b")
    assert time.perf_counter() - started < 1


# --- asking


def test_answers_come_back_in_the_order_of_the_rows_and_long_ones_go_first():
    seen = []

    def system(conversations):
        seen.append([len(messages[-1]["content"]) for messages in conversations])
        return perfect(conversations)

    done = evaluate({"tuned": system}, ROWS[::-1], PROMPT, batch_size=7)
    assert done.systems["tuned"].texts == [row["summary"] for row in ROWS[::-1]]
    lengths = [length for batch in seen for length in batch]
    assert lengths == sorted(lengths, reverse=True)
    assert [len(batch) for batch in seen] == [7] * 17 + [1]
    assert done.interval("tuned").mean == pytest.approx(100)


FAULTS = [
    ClientError({"Error": {"Code": "ModelError", "Message": "500"}}, "InvokeEndpoint"),
    EndpointError("the container of x answered with ModelError"),
    TimeoutError("ModelError after 60 s"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_row_that_fails_costs_no_other_row_its_answer(fault):
    bad = {ROWS[3]["dialogue"], ROWS[50]["dialogue"]}

    def system(conversations):
        if any(dialogue in messages[-1]["content"] for dialogue in bad for messages in conversations):
            raise fault
        return perfect(conversations)

    done = evaluate({"base": poor, "tuned": system}, ROWS, PROMPT, batch_size=16)
    found = done.systems["tuned"]
    assert sorted(found.failed) == [3, 50]
    assert "ModelError" in found.failed[3]
    assert [row for row, text in enumerate(found.texts) if text is None] == [3, 50]
    assert done.interval("tuned").mean == pytest.approx(100)  # of the rows that it answered
    assert done.table()[-1]["failed"] == 2
    assert any("tuned gave no answer to 2 of 120 rows" in line for line in done.warnings())
    # The comparison is on the 118 rows that both answered.
    both = [score["rougeL"] for at, score in enumerate(done.scores["base"]) if at not in found.failed]
    wanted = 100 - sum(both) / 118
    assert done.difference("tuned", "base").mean == pytest.approx(wanted)


def test_an_endpoint_that_is_gone_is_not_asked_for_ever():
    calls = []

    def gone(conversations):
        calls.append(len(conversations))
        raise ConnectionRefusedError("nobody there")

    done = evaluate({"base": poor, "tuned": gone}, ROWS, PROMPT, batch_size=4, give_up_after=5)
    assert len(calls) == 7  # 4, then 1 1 1 1, then 4, then 1
    assert len(done.systems["tuned"].failed) == 120
    assert done.interval("tuned").mean is None and not done.beats("tuned", "base")
    assert "no answered row in common" in done.verdict("tuned", "base")
    assert done.table()[-1]["ROUGE-L"] == "" and done.costs()[-1]["s/row"] == ""
    assert len(done.worst(3)) == 0
    done.plot()
    table(done.table())
    assert done.metrics()["failed"] == 120 and "rougeL" not in done.metrics()


def test_failures_here_and_there_are_no_reason_to_give_up():
    turn = itertools.count()

    def flaky(conversations):
        if next(turn) % 3:
            return perfect(conversations)
        raise TimeoutError("60 s")

    found = evaluate({"tuned": flaky}, ROWS, PROMPT, batch_size=1, give_up_after=3).systems["tuned"]
    assert len(found.failed) == 40 and set(found.failed.values()) == {"TimeoutError: 60 s"}


def test_an_error_in_the_function_itself_is_raised():
    def broken(conversations):
        raise KeyError("typo")

    with pytest.raises(KeyError, match="typo"):
        evaluate({"tuned": broken}, ROWS, PROMPT)


@pytest.mark.parametrize(
    "result, says",
    [
        ("a text", "tuned must return a list of str, one for each conversation; it returned str"),
        ([b"x"] * 16, "it returned a list with bytes"),
        (["x"], "tuned was asked 16 conversations and returned 1 texts"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(result, says):
    with pytest.raises((TypeError, ValueError), match=says):
        evaluate({"tuned": lambda conversations: result}, ROWS, PROMPT)


def test_calls_are_timed():
    def slow(conversations):
        time.sleep(0.02)
        return ["x"] * len(conversations)

    rows = [{"messages": [{"role": "user", "content": "x" * at}]} for at in range(6)]
    found = ask(slow, rows, batch_size=2)
    assert [count for count, _, _ in found.calls] == [2, 2, 2]
    assert found.seconds >= 0.06
    took = found.timing()
    assert took["s_per_row"] == pytest.approx(found.seconds / 6)
    assert 0.02 <= took["call_p50_s"] <= took["call_p95_s"] == max(seconds for _, seconds, _ in found.calls)


# Answers as inference.py does, and with an error for one of the dialogues.
SUMMARIZER = """
def model_fn(model_dir):
    return None

def predict_fn(data, model):
    texts = [messages[-1]["content"] for messages in data["inputs"]]
    if any("on day 7." in text for text in texts):
        raise ValueError("day 7 is too much")
    return [{"generated_text": text.partition("I bring ")[2].partition(".")[0]} for text in texts]
"""


def test_an_endpoint_is_a_system_and_one_that_is_deleted_loses_only_its_own_answers(
    local_aws, role_arn, bucket
):
    archive = hosting_aid.tiny_archive(SUMMARIZER)
    name = hosting_aid.deploy(local_aws, role_arn, bucket, "evaluate", archive)
    runtime = local_aws.client("sagemaker-runtime")
    try:
        done = evaluate({"base": poor, "endpoint": generator(runtime, name)}, ROWS[:30], PROMPT)
    finally:
        hosting_aid.delete(local_aws, name)
    assert list(done.systems["endpoint"].failed) == [7]
    assert "day 7 is too much" in done.systems["endpoint"].failed[7]
    said = ROWS[12]["dialogue"].partition("I bring ")[2].partition(".")[0]
    assert done.systems["endpoint"].texts[12] == said
    gone = evaluate({"base": poor, "endpoint": generator(runtime, name)}, ROWS[:30], PROMPT)
    assert len(gone.systems["endpoint"].failed) == 30
    assert gone.interval("base") == done.interval("base")
    assert "there is no endpoint" in gone.systems["endpoint"].failed[0] + gone.warnings()[1]


# --- rows


def test_rows_of_lesson_02_in_s3_and_rows_of_the_source_are_asked_alike(local_aws, bucket, tmp_path):
    s3 = local_aws.client("s3")
    # U+2028 is a line end to splitlines(), and none in JSONL
    rows = [{**row, "summary": row["summary"] + "\u2028"} for row in ROWS[:5]]
    uris = handover.upload_rows(s3, bucket, "some/rows", {"train": rows, "validation": rows, "test": rows},
                                PROMPT, tmp_path)  # fmt: skip
    kept = test_rows(s3, uris["test"])
    assert [row["id"] for row in kept] == [f"test-{at}" for at in range(5)]
    asked = {}
    for name, some in (("s3", kept), ("source", rows)):
        done = evaluate({"tuned": poor}, some, PROMPT)
        asked[name] = [{**row, "id": ""} for row in done.rows]
    assert asked["s3"] == asked["source"]
    assert asked["s3"][0]["messages"] == [{"role": "user", "content": "Sum up.\n\n" + rows[0]["dialogue"]}]
    assert asked["s3"][0]["dialogue"] == rows[0]["dialogue"]
    with pytest.raises(ValueError, match="holds no rows. Fix: run lesson 02"):
        test_rows(s3, f"s3://{bucket}/nothing/")


def test_a_system_prompt_is_sent_and_the_dialogue_still_found():
    prompt = SimpleNamespace(system="Be short.", user="<{dialogue}> Sum up.")
    done = evaluate({"tuned": poor}, ROWS[:1], prompt)
    messages = done.rows[0]["messages"]
    assert [message["role"] for message in messages] == ["system", "user"]
    row = {"messages": [*messages, {"role": "assistant", "content": "x"}]}
    assert evaluate({"tuned": poor}, [row], prompt).rows[0]["dialogue"] == ROWS[0]["dialogue"]


@pytest.mark.parametrize(
    "row, says",
    [
        ({"dialogue": "A: x", "summary": " "}, "row row-0 has an empty reference"),
        ({"messages": [{"role": "user", "content": "Sum up.\n\nA: x"}]}, "does not end with an assistant"),
        ({"messages": [{"role": "user", "content": "Other"}, {"role": "assistant", "content": "x"}]},
         "row row-0 was written with another prompt"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_used_is_named(row, says):
    with pytest.raises(ValueError, match=says):
        evaluate({"tuned": poor}, [row], PROMPT)
    with pytest.raises(ValueError, match="no rows"):
        evaluate({"tuned": poor}, [], PROMPT)


def test_lead_is_the_first_lines_as_they_stand():
    assert lead("\nAna: hi\n\nBen: yo\nAna: bye") == "Ana: hi"
    assert lead("Ana: hi\n\nBen: yo\nAna: bye", 2) == "Ana: hi Ben: yo"
    done = evaluate({"tuned": poor}, ROWS, PROMPT, lead_lines=(1, 3))
    assert list(done.systems) == ["lead-1", "lead-3", "tuned"]
    assert [row["copied %"] for row in done.table()] == ["100.0", "100.0", "0.0"]
    assert [row["system"] for row in done.costs()] == ["tuned"]


# --- the report


def test_a_clear_winner_has_intervals_apart(report):
    assert report.beats("tuned", "base") and not report.beats("base", "tuned")
    assert report.verdict("tuned", "base").startswith("tuned beats base: 100.0 against")
    assert report.verdict("base", "tuned") == report.verdict("tuned", "base")
    assert [row["intervals overlap"] for row in report.compare("tuned", "base")] == ["no"] * 3
    assert report.warnings() == []


def test_two_that_are_alike_are_not_told_apart():
    def right_on(days):
        return lambda asked: [text if int(text[-2]) in days else "no" for text in perfect(asked)]

    done = evaluate({"one": right_on({0, 2, 4, 6, 8, 9}), "two": right_on({1, 3, 5, 7, 9})}, ROWS, PROMPT)
    assert done.difference("one", "two").mean == pytest.approx(10)
    assert not done.beats("one", "two") and not done.beats("two", "one")
    assert "can't be told apart" in done.verdict("one", "two")
    assert done.compare("one", "two")[2]["intervals overlap"] == "yes"


def test_what_rouge_does_not_see_is_counted():
    rows = ROWS[:4]
    some = [rows[0]["summary"] + "  ", "", "I bring the", rows[3]["dialogue"].replace("\n", "  ")]
    done = evaluate({"tuned": lambda conversations: some[:]}, rows, PROMPT, batch_size=1000, lead_lines=())
    by_row = dict(zip([row["id"] for row in done.rows], done.systems["tuned"].texts, strict=True))
    assert sorted(by_row.values()) == sorted(some)
    found = evaluate({"tuned": lambda c: [some[3]]}, rows[3:], PROMPT, lead_lines=()).table()[0]
    assert (found["copied %"], found["exact %"], found["empty %"]) == ("100.0", "0.0", "0.0")
    found = evaluate({"tuned": lambda c: [some[0]]}, rows[:1], PROMPT, lead_lines=()).table()[0]
    assert (found["copied %"], found["exact %"], found["length"]) == ("0.0", "100.0", "1.00")
    found = evaluate({"tuned": lambda c: [some[1]]}, rows[:1], PROMPT, lead_lines=()).table()[0]
    assert (found["copied %"], found["empty %"], found["ROUGE-1"]) == ("0.0", "100.0", "0.0 [0.0, 0.0]")


def test_a_cost_needs_a_price_and_carries_its_date():
    found = Answers(["x"] * 4, calls=[(2, 1.5, True), (2, 0.5, True)], tokens_in=[100] * 4,
                    tokens_out=[10] * 4)  # fmt: skip
    assert found.usd_per_1000() is None
    found.price = Price("2026-11", usd_per_hour=3.6)  # 0.001 USD a second, 0.5 s a row
    assert found.usd_per_1000() == pytest.approx(0.5)
    found.price = Price("2026-11", usd_per_1m_tokens_in=0.1, usd_per_1m_tokens_out=2)
    assert found.usd_per_1000() == pytest.approx(0.01 + 0.02)
    found.tokens_out = None
    assert found.usd_per_1000() is None  # half a price is none
    assert Answers([None], price=found.price).usd_per_1000() is None  # nothing answered
    with pytest.raises(TypeError, match="date"):
        Price(usd_per_hour=1)
    prices = {"tuned": Price("2026-11", usd_per_hour=1.0)}
    costs = evaluate({"base": poor, "tuned": poor}, ROWS, PROMPT, prices=prices).costs()
    assert [(row["price of"], bool(row["USD/1,000"])) for row in costs] == [("", False), ("2026-11", True)]


class Letters:
    """A tokenizer in which each letter is a token."""

    def apply_chat_template(self, messages, tokenize, add_generation_prompt):
        assert not tokenize and add_generation_prompt
        return "".join(f"<{message['content']}>" for message in messages) + "<"

    def __call__(self, texts, add_special_tokens, verbose):
        return {"input_ids": [list(text) for text in texts]}


def test_tokens_are_counted_with_the_chat_template():
    done = evaluate({"base": poor, "tuned": poor}, ROWS[:1], PROMPT, tokenizer={"tuned": Letters()})
    asked = len("Sum up.\n\n" + ROWS[0]["dialogue"]) + 3
    assert done.systems["tuned"].tokens_in == [asked]
    assert done.systems["tuned"].tokens_out == [len("Somebody brings something.")]
    assert [row["tokens in"] for row in done.costs()] == ["", f"{asked}"]


def test_the_report_warns_of_what_makes_scores_unfair():
    rows = [*ROWS[:3], ROWS[0], {**ROWS[4], "summary": "Η Άννα φέρνει το κέικ"}]
    trained = [{"messages": [{"role": "user", "content": "Sum up.\n\n" + ROWS[1]["dialogue"].upper()},
                             {"role": "assistant", "content": "x"}]}, ROWS[2]]  # fmt: skip
    done = evaluate({"tuned": poor}, rows, PROMPT, training_rows=trained)
    said = "\n".join(done.warnings())
    assert "only 5 test rows" in said
    assert "2 test rows were trained on, such as r1, r2" in said
    assert "1 test rows are there twice" in said
    assert "1 references have letters beyond a to z" in said


def test_two_reports_join_on_the_rows_that_both_saw(report):
    first = evaluate({"base": poor}, ROWS, PROMPT)
    second = evaluate({"tuned": perfect}, ROWS[:19:-1], PROMPT)  # 100 of them, in another order
    both = joined(first, second)
    assert list(both.systems) == ["lead-1", "base", "tuned"] and len(both.rows) == 100
    assert both.systems["tuned"].texts == [row["reference"] for row in both.rows]
    (said,) = both.warnings()
    assert said == "the systems saw different rows, 120 and 100: only the 100 in common are compared"
    assert joined(first, evaluate({"tuned": perfect}, ROWS, PROMPT)).table() == report.table()
    with pytest.raises(ValueError, match="no row in common"):
        joined(first, evaluate({"tuned": poor}, make_rows(3, seed=9), PROMPT))


def test_saving_and_loading_keeps_every_figure(report, tmp_path):
    price = Price("2026-11", usd_per_hour=2.0, source="price page")
    done = evaluate({"base": poor, "tuned": perfect}, ROWS, PROMPT, training_rows=ROWS[:2],
                    tokenizer=Letters(), prices=price)  # fmt: skip
    done.systems["base"].failed[7], done.systems["base"].texts[7] = "gone", None
    again = Report.load(done.save(tmp_path / "new" / "report.json"))
    done = Report(**{name: getattr(done, name) for name in done.__dataclass_fields__})
    for figures in ("table", "costs", "warnings", "metrics"):
        assert getattr(again, figures)() == getattr(done, figures)(), figures
    assert again == done
    (tmp_path / "other.json").write_text(json.dumps({"format": 7}))
    with pytest.raises(ValueError, match="other.json is no evaluation report"):
        Report.load(tmp_path / "other.json")


def test_metrics_are_flat_numbers(report):
    flat = report.metrics()
    assert flat["rougeL"] == 100 and flat["rougeL_low"] == flat["rougeL_high"] == 100
    assert flat["rougeL_gain"] == pytest.approx(report.difference("tuned", "base").mean, abs=1e-3)
    assert flat["rows"] == 120 and flat["exact_percent"] == 100
    assert all(isinstance(value, int | float) and math.isfinite(value) for value in flat.values())
    assert len(flat) <= 50  # what a model package's CustomerMetadataProperties takes
    assert report.metrics("base")["rougeL_gain"] < 0


def test_a_system_below_the_floor_is_told_so():
    done = evaluate({"base": poor, "tuned": poor}, ROWS, PROMPT)
    (said,) = done.warnings()
    assert said.startswith("tuned does not beat lead-1, a floor that any model must beat: lead-1 beats tuned")
    ax = done.plot()
    assert ax.get_title().replace("\n", " ").endswith("; tuned is not above lead-1")


# --- to look at


def test_the_best_and_the_worst_rows_are_in_order_and_shown_with_every_system(report):
    def short(conversations):
        return [" ".join(text.split()[:len(text) % 6]) for text in perfect(conversations)]

    done = evaluate({"short": short, "tuned": perfect}, ROWS, PROMPT)
    worst, best = done.worst(70, "short"), done.best(70, "short")
    scores = [[row["score"] for row in some.rows] for some in (worst, best)]
    assert scores[0] == sorted(scores[0]) and scores[1] == sorted(scores[1], reverse=True)
    assert scores[0][0] == min(scores[0]) < scores[0][-1] and scores[1][-1] < scores[1][0]
    assert {row["id"] for row in worst.rows} | {row["id"] for row in best.rows} == {row["id"] for row in ROWS}
    best = report.best(3, "base")
    assert list(best.rows[0]["answers"]) == ["base", "tuned"]
    text = str(report.best(10))
    assert text.startswith("The 10 best answers of tuned, by ROUGE-L")
    assert max(map(len, text.splitlines())) <= 110
    assert "    | Dev" in text or "    | Ana" in text


def test_what_a_model_writes_is_shown_and_never_run():
    row = {"id": "1", "dialogue": "A: <b>hi</b>\n" + "B: x\n" * 20, "reference": "a & b", "score": 1.0,
           "answers": {"<i>": "<script>alert(1)</script>\nline", "gone": None, "none": ""}}  # fmt: skip
    page = Examples("10 <worst>", "ROUGE-L", [row])._repr_html_()
    assert "<script" not in page and "<b>" not in page and "&lt;script&gt;" in page and "a &amp; b" in page
    assert "<th style='text-align:left;vertical-align:top'>&lt;i&gt;</th>" in page
    assert "10 &lt;worst&gt;" in page and "<i>no answer</i>" in page and "<i>empty</i>" in page
    assert "… 14 more lines" in page
    assert page.startswith("<div class='tex2jax_ignore mathjax_ignore'>")  # two prices are no formula
    text = str(Examples("t", "ROUGE-L", [row]))
    assert "<script>alert(1)</script>" in text and "(no answer)" in text and "(empty)" in text


def test_the_plot_shows_every_interval_under_a_title_that_says_what_came_out(report):
    import matplotlib.pyplot as plt

    ax = report.plot()
    assert ax.get_title().startswith("tuned beats base: 100.0 against")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["ROUGE-1", "ROUGE-2", "ROUGE-L"]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["lead-1", "base", "tuned"]
    assert len(ax.texts) == 9 and "120 test rows" in ax.get_xlabel()
    plt.close(ax.figure)
