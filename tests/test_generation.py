"""The generation loop of pocketaws: texts, batches, streams, settings. On chat-1m, in float32 on a CPU."""

import concurrent.futures
import dataclasses

import pytest
import serving_models
from pocketaws import generation
from pocketaws.generation import Engine, PromptError, Request, Settings, complete, decoding, stream
from pocketaws.generation.batch import Batch
from pocketaws.generation.sampling import choose
from pocketaws.generation.text import Detokenizer, StopText

GREEDY = Settings(max_tokens=24)


@pytest.fixture(scope="module")
def model():
    return generation.load(serving_models.CHAT_1M)


@pytest.fixture(scope="module")
def prompts(model):
    return [model.chat_ids(messages) for messages in serving_models.conversations(12)]


@pytest.fixture(scope="module")
def alone(model, prompts):
    """Each greedy answer, computed by itself."""
    return [complete(model, [Request(ids, GREEDY)])[0] for ids in prompts]


def test_greedy_text_is_what_generate_writes(model, prompts, alone):
    import torch

    for ids, answer in zip(prompts[:4], alone, strict=False):
        out = model.model.generate(torch.tensor([ids]), max_new_tokens=24, do_sample=False)[0, len(ids) :]
        assert answer.text == model.tokenizer.decode(out, skip_special_tokens=True)
        assert answer.output_tokens == len(out)


def test_a_row_of_a_batch_gets_the_text_that_it_gets_alone(model, prompts, alone):
    assert len({len(ids) for ids in prompts}) > 6, "the prompts must need padding"
    assert complete(model, [Request(ids, GREEDY) for ids in prompts]) == alone


def test_rows_that_join_while_others_are_under_way_get_their_own_text(model, prompts, alone):
    rows = [decoding.Row(model, Request(ids, GREEDY)) for ids in prompts[:6]]
    texts = {id(row): "" for row in rows}

    def note(results):
        for row, piece in results:
            texts[id(row)] += piece.text

    batch = Batch(model, rows[:1])
    note(batch.step())
    for row in rows[1:]:  # shorter and longer prompts than those already there
        note(batch.step())
        new = Batch(model, [row])
        note(new.step())
        batch.join(new)
    while batch.rows:
        note(batch.step())
    assert [texts[id(row)] for row in rows] == [answer.text for answer in alone[:6]]


def test_the_cache_shrinks_when_the_longest_prompt_has_left(model):
    long = decoding.Row(model, Request([5] * 200, Settings(max_tokens=2)))
    short = decoding.Row(model, Request([5] * 10, Settings(max_tokens=8, ignore_end=True)))
    batch = Batch(model, [long, short])
    batch.step(), batch.step()
    assert batch.rows == [short] and batch._length < 20 and batch._padding == [0]


def test_the_engine_gives_each_thread_its_own_answer(model, prompts, alone):
    engine = Engine(model, max_rows=5)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda ids: engine.complete([Request(ids, GREEDY)])[0], prompts))
    assert answers == alone


def test_a_closed_stream_ends_the_work_on_it(model, prompts, monkeypatch):
    steps = []
    step = model.step
    monkeypatch.setattr(model, "step", lambda *args: steps.append(1) or step(*args))
    engine = Engine(model, max_rows=1)  # one at a time: the next request starts when the first has left
    pieces = engine.stream(Request(prompts[0], Settings(max_tokens=1500, ignore_end=True)))
    assert next(pieces).output_tokens == 1
    pieces.close()
    assert next(engine.stream(Request(prompts[1], GREEDY))).output_tokens == 1
    assert len(steps) < 200


def test_the_first_piece_comes_before_the_last_token_is_made(model, prompts):
    pieces = stream(model, Request(prompts[0], GREEDY))
    assert next(pieces).output_tokens == 1


def test_an_error_in_a_step_ends_the_requests_under_way_and_the_engine_lives(model, prompts, monkeypatch):
    engine = Engine(model)
    monkeypatch.setattr(model, "step", lambda *_: (_ for _ in ()).throw(RuntimeError("out of memory")))
    with pytest.raises(RuntimeError, match="out of memory"):
        engine.complete([Request(prompts[0], GREEDY)])
    monkeypatch.undo()
    assert engine.complete([Request(prompts[0], GREEDY)])[0].text


def test_waiting_requests_take_turns(model, prompts, alone):
    engine = Engine(model, max_rows=1)
    assert engine.complete([Request(ids, GREEDY) for ids in prompts[:3]]) == alone[:3]


# --- settings


def test_a_seed_gives_the_same_draw_alone_and_beside_others(model, prompts):
    drawn = Settings(temperature=1.0, seed=3, max_tokens=12)
    by_itself = complete(model, [Request(prompts[0], drawn)])[0]
    beside = complete(model, [Request(ids, drawn) for ids in prompts[:4]])[0]
    more = [Request(prompts[0], dataclasses.replace(drawn, seed=seed)) for seed in range(4)]
    others = {answer.text for answer in complete(model, more)}
    assert by_itself == beside
    assert len(others) > 1


def test_without_a_seed_two_draws_differ(model, prompts):
    drawn = Settings(temperature=1.5, max_tokens=12)
    answers = complete(model, [Request(prompts[0], drawn)] * 4)
    assert len({answer.text for answer in answers}) > 1


@pytest.mark.parametrize(
    "settings", [Settings(temperature=0.7, top_p=0.6), Settings(temperature=0.7, top_k=5)]
)
def test_a_draw_stays_within_what_transformers_would_keep(settings):
    import torch
    from transformers import TopKLogitsWarper, TopPLogitsWarper

    logits = torch.randn(50, generator=torch.Generator().manual_seed(1)) * 2
    warper = TopKLogitsWarper(settings.top_k) if settings.top_k else TopPLogitsWarper(settings.top_p)
    kept = warper(None, (logits / settings.temperature)[None])[0]
    allowed = set(torch.nonzero(kept > float("-inf")).flatten().tolist())
    draw = torch.Generator().manual_seed(0)
    drawn = {choose(logits, settings, draw, [], []) for _ in range(400)}
    assert drawn <= allowed and len(drawn) > 1


def test_penalties_are_those_of_vllm():
    import torch

    logits = torch.tensor([2.0, 1.9, -1.0, 0.5])
    repetition = Settings(repetition_penalty=1.2)
    assert choose(logits, repetition, None, [0], []) == 1  # 2.0 / 1.2 < 1.9: seen in the prompt
    assert choose(logits, Settings(presence_penalty=0.2), None, [0], [0]) == 1
    assert choose(logits, Settings(presence_penalty=0.2), None, [0], []) == 0  # the prompt does not count
    assert choose(logits, Settings(frequency_penalty=0.06), None, [], [0]) == 0
    assert choose(logits, Settings(frequency_penalty=0.06), None, [], [0, 0]) == 1


def test_an_answer_ends_at_its_end_token_or_at_max_tokens(model):
    question = model.chat_ids([{"role": "user", "content": "Hi"}])
    whole = complete(model, [Request(question, Settings(max_tokens=200))])[0]
    assert whole.reason == "end" and whole.output_tokens < 200
    cut = complete(model, [Request(question, Settings(max_tokens=2))])[0]
    assert (cut.reason, cut.output_tokens, cut.input_tokens) == ("length", 2, len(question))
    longer = Settings(max_tokens=whole.output_tokens + 5, ignore_end=True)
    on = complete(model, [Request(question, longer)])[0]
    assert on.output_tokens == whole.output_tokens + 5


def test_a_stop_text_across_tokens_is_left_out_or_kept(model, prompts, alone):
    text = alone[0].text
    stop = text[9:14]
    assert len(model.tokenizer(stop)["input_ids"]) > 1
    cut = complete(model, [Request(prompts[0], Settings(max_tokens=24, stop=("never", stop)))])[0]
    assert (cut.text, cut.reason, cut.stop) == (text[: text.index(stop)], "stop", stop)
    assert cut.output_tokens < 24
    kept = complete(model, [Request(prompts[0], Settings(max_tokens=24, stop=(stop,), keep_stop=True))])[0]
    assert kept.text == text[: text.index(stop)] + stop


def test_a_prompt_that_fills_the_context_is_refused_and_an_answer_stops_there():
    short = generation.load(serving_models.CHAT_1M, context=20)
    with pytest.raises(PromptError, match="maximum context length is 20 tokens.*has 20 input tokens"):
        complete(short, [Request([5] * 20)])
    answer = complete(short, [Request([5] * 15, Settings(ignore_end=True))])[0]
    assert (answer.output_tokens, answer.reason) == (5, "length")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"temperature": -1}, "temperature must be non-negative, got -1"),
        ({"temperature": float("nan")}, "temperature must be non-negative"),
        ({"top_p": 0}, r"top_p must be in \(0, 1\], got 0"),
        ({"top_k": -2}, "top_k must be 0"),
        ({"max_tokens": 0}, "max_tokens must be at least 1, got 0"),
        ({"stop": ("",)}, "stop cannot contain an empty string"),
        ({"repetition_penalty": 0}, "repetition_penalty must be greater than zero"),
        ({"presence_penalty": 3}, r"presence_penalty must be in \[-2, 2\]"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        Settings(**wrong)


# --- text


def test_no_piece_holds_half_a_character(model):
    text = "naïve 🎉 — 日本語 e\u0301 ok"
    ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert len(ids) > len(text), "some characters must take several tokens"
    words = Detokenizer(model.tokenizer)
    pieces = [words.add(i) for i in ids]
    assert "".join(pieces) == text and words.rest() == ""
    assert not any("\ufffd" in piece for piece in pieces)


def test_a_character_that_was_cut_off_is_left_out(model):
    ids = model.tokenizer("ok 🎉", add_special_tokens=False)["input_ids"][:-1]
    words = Detokenizer(model.tokenizer)
    assert "".join([words.add(i) for i in ids]) + words.rest() == "ok "


@pytest.mark.parametrize(
    ("pieces", "stops", "out"),
    [
        (["one tw", "o three"], ("two",), "one "),
        (["one tw", "ice"], ("two",), "one twice"),
        (["ab", "cab", "cd"], ("abcd",), "abc"),
        (["xxend"], ("nd", "end"), "xx"),  # the one that begins first
        (["one tw"], ("two",), "one tw"),  # the end of the answer gives the held text out
        (["a", "b"], (), "ab"),
    ],
)
def test_a_stop_text_is_found_across_pieces(pieces, stops, out):
    watch = StopText(stops)
    text = ""
    for piece in pieces:
        if not watch.found:
            text += watch.add(piece)
    assert text + watch.rest() == out


# --- loading


@pytest.fixture(scope="module")
def layouts(tmp_path_factory):
    return serving_models.make_layouts(tmp_path_factory.mktemp("layouts"))


def test_an_adapter_is_put_on_the_base_that_it_names(layouts, model, prompts, alone):
    request = Request(prompts[0], GREEDY)
    named = complete(generation.load(layouts / "adapter"), [request])[0]
    given = complete(generation.load(serving_models.CHAT_1M, adapter=layouts / "adapter"), [request])[0]
    merged = complete(generation.load(layouts / "merged" / "merged"), [request])[0]
    assert named == given == merged != alone[0]


@pytest.mark.parametrize("source", ["/no/such/folder", "no/such-model-anywhere"])
def test_a_model_that_is_not_there_is_named(source):
    with pytest.raises(generation.LoadError, match=f"cannot load {source}"):
        generation.load(source)


def test_messages_that_the_template_refuses_are_a_prompt_error(model):
    with pytest.raises(PromptError, match="roles system, user and assistant, not tool"):
        model.chat_ids([{"role": "tool", "content": "x"}])
