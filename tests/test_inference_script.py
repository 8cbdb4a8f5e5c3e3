"""container/inference/: what its endpoint answers, from the functions, under AWS's toolkit, and over HTTP."""

import concurrent.futures
import json
import subprocess
import sys
import threading

import pytest
import serving_models
from environments import python_of
from serving_models import inference, payloads

IMAGE = (
    "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-inference:2.6.0-transformers4.51.3-cpu"
)
TOKENS = 24


@pytest.fixture(scope="module")
def layouts(tmp_path_factory):
    return serving_models.make_layouts(tmp_path_factory.mktemp("layouts"))


@pytest.fixture(scope="module")
def model():
    return inference.model_fn(str(serving_models.CHAT_1M))


@pytest.fixture(scope="module")
def questions():
    return serving_models.conversations(10)


def ask(model, payload, content_type="application/json"):
    """A payload through the three functions: what JSON holds, or the list of a stream's events."""
    body = payload if isinstance(payload, (str, bytes)) else json.dumps(payload)
    out = inference.output_fn(
        inference.predict_fn(inference.input_fn(body, content_type), model), "application/json"
    )
    return json.loads(out) if isinstance(out, str) else list(out)


def texts(model, inputs, **parameters) -> list[str]:
    parameters = {"max_new_tokens": TOKENS, **parameters}
    return [row["generated_text"] for row in ask(model, {"inputs": inputs, "parameters": parameters})]


def deltas(events: list[str]) -> list[dict]:
    """The chunks of a stream; checks its form."""
    assert events[-1] == "data: [DONE]\n\n"
    assert all(event.startswith("data: ") and event.endswith("\n\n") for event in events)
    return [json.loads(event[len("data: ") :]) for event in events[:-1]]


def streamed(chunks: list[dict]) -> str:
    return "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks if chunk["choices"])


# --- answers


def test_a_chat_is_answered_as_openai_does(model, questions):
    answer = ask(model, {"messages": questions[0], "max_tokens": TOKENS, "model": "mine", "temperature": 0})
    assert (answer["object"], answer["model"]) == ("chat.completion", "mine")
    assert answer["id"].startswith("chatcmpl-")
    [choice] = answer["choices"]
    assert choice["message"] == {"role": "assistant", "content": texts(model, [questions[0]])[0]}
    assert choice["finish_reason"] == "length"
    usage = answer["usage"]
    assert usage["completion_tokens"] == TOKENS
    assert usage["total_tokens"] == usage["prompt_tokens"] + TOKENS


def test_an_answer_that_the_model_ended_says_stop(model):
    answer = ask(model, {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 200})
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["completion_tokens"] < 200


def test_a_batch_gives_each_the_text_that_it_gets_alone_in_the_order_sent(model, questions):
    lengths = [len(model.prompt_ids(question)) for question in questions]
    assert len(set(lengths)) > 5 and lengths != sorted(lengths)
    together = texts(model, questions)
    assert together == [texts(model, [question])[0] for question in questions]
    assert len(set(together)) > 5


def test_more_prompts_than_a_batch_holds_keep_their_order(model, questions, monkeypatch):
    whole = texts(model, questions)
    monkeypatch.setattr(sys.modules["chat_model"], "BATCH_ROWS", 3)
    assert texts(model, questions) == whole


def test_a_text_is_continued_and_may_come_back_in_front(model):
    [answer] = texts(model, "Ana: I bring you")
    assert answer and not answer.startswith("Ana")
    assert texts(model, "Ana: I bring you", return_full_text=True) == ["Ana: I bring you" + answer]


def test_text_parts_are_one_text(model, questions):
    content = questions[0][0]["content"]
    parts = [{"type": "text", "text": content[:20]}, {"type": "text", "text": content[20:]}]
    assert texts(model, [[{"role": "user", "content": parts}]]) == texts(model, [questions[0]])


def test_a_stream_is_the_whole_answer_in_pieces(model, questions):
    whole = ask(model, {"messages": questions[0], "max_tokens": TOKENS})
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = deltas(ask(model, {"messages": questions[0], "max_tokens": TOKENS, **options}))
    assert streamed(chunks) == whole["choices"][0]["message"]["content"]
    assert len(chunks) > TOKENS / 2
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [c["choices"][0]["finish_reason"] for c in chunks[:-1]][-2:] == [None, "length"]
    assert chunks[-1]["usage"] == whole["usage"]
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_a_stop_text_across_tokens_ends_batches_and_streams_alike(model, questions):
    text = texts(model, [questions[0]])[0]
    stop = text[9:14]
    assert len(model.tokenizer(stop)["input_ids"]) > 1
    before = text[: text.index(stop)]
    assert texts(model, [questions[0]], stop=stop) == [before]
    ended = model.complete(questions[:3], payloads.Settings(max_tokens=TOKENS, stop=(stop,)))
    assert ended[0].reason == "stop" and ended[0].tokens < TOKENS == max(each.tokens for each in ended)
    beside = texts(model, questions[:3], stop=["never said", stop])
    assert beside[0] == before
    other = texts(model, [questions[1]])[0]
    assert beside[1] == other.partition(stop)[0]
    payload = {"messages": questions[0], "max_tokens": TOKENS, "stop": [stop]}
    whole = ask(model, payload)
    assert whole["choices"][0]["finish_reason"] == "stop"
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = deltas(ask(model, {**payload, **options}))
    assert streamed(chunks) == before
    assert chunks[-1]["usage"] == whole["usage"]


def test_a_seed_repeats_a_draw(model, questions):
    drawn = {"temperature": 1.2, "top_p": 0.9, "max_new_tokens": 10}
    first, again = (texts(model, questions[:2], seed=5, **drawn) for _ in range(2))
    assert first == again
    assert len({texts(model, [questions[0]], seed=seed, **drawn)[0] for seed in range(4)}) > 1


def test_without_a_temperature_or_with_zero_the_answer_is_the_likeliest(model, questions):
    greedy = texts(model, [questions[0]])
    assert texts(model, [questions[0]], temperature=0, top_p=0.5) == greedy
    assert texts(model, [questions[0]], temperature=2.0, do_sample=False) == greedy


def test_threads_get_their_own_answers(model, questions):
    """Drawn ones: PyTorch has one random state for all threads, so only one answer may be made at a time."""

    def draw(question):
        return texts(model, [question], temperature=1.0, seed=2)[0]

    alone = [draw(question) for question in questions[:4]]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, questions[:4])) == alone


# --- streams that end early


def test_closing_a_stream_ends_the_work_and_frees_the_model(model, questions, monkeypatch):
    monkeypatch.setattr(model.model.generation_config, "eos_token_id", None)  # it would not end by itself
    before = set(threading.enumerate())
    made = []
    put = sys.modules["chat_model"]._Tokens.put
    sys.modules["chat_model"]._Tokens.put = lambda self, value: made.append(1) or put(self, value)
    try:
        ask_for = payloads.parse(json.dumps({"messages": questions[0], "max_tokens": 1500, "stream": True}))
        events = inference.predict_fn(ask_for, model)
        assert "content" in next(events)
        events.close()
    finally:
        sys.modules["chat_model"]._Tokens.put = put
    assert set(threading.enumerate()) <= before
    assert len(made) < 200
    assert texts(model, [questions[0]], max_new_tokens=2)


def test_an_error_while_a_stream_is_made_reaches_the_reader(model, questions, monkeypatch):
    def fail(**_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(model.model, "generate", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        ask(model, {"messages": questions[0], "stream": True})


def test_a_server_that_takes_one_body_gets_the_events_joined(monkeypatch):
    assert inference.output_fn(iter("ab"), "application/json") != "ab"
    monkeypatch.setitem(sys.modules, "mms", object())
    assert inference.output_fn(iter("ab"), "application/json") == "ab"


# --- text


def test_no_piece_holds_half_a_character(model):
    from stopping import Pieces

    text = "naïve 🎉 — 日本語 ok"
    ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    words = Pieces(model.tokenizer)
    pieces = [words.add(i) for i in ids]
    assert len(ids) > len(text) and "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)
    cut = Pieces(model.tokenizer)
    ids = model.tokenizer("ok 🎉", add_special_tokens=False)["input_ids"]
    assert "".join([cut.add(i) for i in ids[:-1]]) + cut.rest() == "ok "


# --- what may not be sent

WRONG = [
    (b"{", "the body is not JSON"),
    ("[1]", r"the body is \[1\]. Expected"),
    ("{}", "the body has the keys none. Expected"),
    ({"inputs": "a", "messages": []}, "both inputs and messages"),
    ({"inputs": ""}, 'inputs must be a text or a list of messages, not ""'),
    ({"inputs": []}, "inputs is an empty list"),
    ({"inputs": ["a", 3]}, r"inputs\[1\] must be a text or a list of messages, not 3"),
    ({"inputs": "a", "stream": True}, "beside inputs only parameters may stand, not stream"),
    ({"inputs": "a", "parameters": [1]}, "parameters must be an object"),
    (
        {"inputs": "a", "parameters": {"max_length": 3}},
        "parameters.max_length is unknown here. Known are do_sample",
    ),
    ({"inputs": "a", "parameters": {"max_new_tokens": "9"}}, 'must be a whole number from 1 up, not "9"'),
    ({"inputs": "a", "parameters": {"max_new_tokens": True}}, "must be a whole number from 1 up, not true"),
    ({"inputs": "a", "parameters": {"temperature": -1}}, "temperature must be a number from 0 up"),
    (
        {"inputs": "a", "parameters": {"stop": ["", "b"]}},
        "stop must be a text or a list of texts, none of them",
    ),
    ({"inputs": "a", "parameters": {"top_p": 1.5}}, "top_p must be a number over 0, up to 1, not 1.5"),
    ({"inputs": "a", "parameters": {"max_new_tokens": 9999}}, "more than the 2048 that the model takes"),
    ({"inputs": "so " * 3000}, "more than the 2048 that the model takes. Shorten the prompt"),
    ({"messages": []}, r"messages must be a list of {\"role\": …, \"content\": …}, not \[\]"),
    ({"messages": [{"role": "user"}]}, r"messages\[0\].content must be a text, not null"),
    ({"messages": [{"content": "a"}]}, r"messages\[0\] must be"),
    ({"messages": [{"role": "tool", "content": "a"}]}, "chat template refuses the messages: chat-1m knows"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "may hold parts"),
    ({"messages": [{"role": "user", "content": "a"}], "tools": []}, "tools is unknown here. Known are max_"),
    ({"messages": [{"role": "user", "content": "a"}], "n": 2}, "n must be 1"),
]


@pytest.mark.parametrize(("payload", "sentence"), WRONG, ids=[str(row[0])[:40] for row in WRONG])
def test_what_is_wrong_is_said_in_a_sentence(model, payload, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask(model, payload)


def test_only_json_is_taken(model):
    with pytest.raises(ValueError, match="the content type must be application/json, not 'text/csv'"):
        ask(model, {"inputs": "a"}, "text/csv")
    assert ask(model, {"inputs": "a", "parameters": {"max_new_tokens": 1}}, "application/json; charset=utf-8")


# --- which model


def test_the_model_that_is_served_is_the_first_that_is_there(tmp_path):
    archive, other = tmp_path / "archive", tmp_path / "hub"
    for folder in (archive, other):
        folder.mkdir()
    find = inference.find_model
    with pytest.raises(
        ValueError, match="neither merged/, nor config.json, nor adapter_config.json, and HF_MODEL_ID"
    ):
        find([archive], None)
    assert find([archive], "a/base") == ("a/base", None)
    (other / "config.json").write_text("{}")
    assert find([archive, other], "a/base") == (str(other), None)
    adapter = archive / "adapter_config.json"
    adapter.write_text('{"base_model_name_or_path": "b/base"}')
    assert find([archive, other], None) == ("b/base", str(archive))
    assert find([archive], "a/base") == ("a/base", str(archive))
    adapter.write_text("{}")
    with pytest.raises(ValueError, match="names no base model. Set HF_MODEL_ID"):
        find([archive], None)
    (archive / "merged").mkdir()
    (archive / "merged" / "config.json").write_text("{}")
    assert find([archive, other], "a/base") == (str(archive / "merged"), None)
    (archive / "config.json").write_text("{}")
    assert find([archive], None) == (str(archive / "merged"), None)


def test_no_heavy_library_is_imported_with_the_script():
    code = "import sys, inference; print([m for m in ('torch', 'transformers', 'peft') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=serving_models.INFERENCE, capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stderr


# --- the same answers everywhere


@pytest.fixture(scope="module")
def requests(questions):
    """[[body, content type], …]: good ones first."""
    good = [
        {"inputs": questions[:4], "parameters": {"max_new_tokens": TOKENS}},
        {"messages": questions[4], "max_tokens": TOKENS},
        {"messages": questions[5], "max_tokens": TOKENS, "stream": True, "stop": ["\n"]},
    ]
    bad = [["{", "application/json"], ['{"inputs": 3}', "application/json"], ["a", "text/csv"]]
    return [[json.dumps(each), "application/json"] for each in good] + bad


@pytest.fixture(scope="module")
def elsewhere(layouts, requests, tmp_path_factory):
    """The answers of three other processes, each starting now: toolkit, studio, server -> a Future."""
    folder = tmp_path_factory.mktemp("elsewhere")
    env = serving_models.environment(folder / "hub", SM_MODEL_DIR=str(layouts / "adapter"))
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        yield {
            "toolkit": pool.submit(from_toolkit, layouts, requests, env),
            "studio": pool.submit(from_studio, layouts, requests, env),
            "server": pool.submit(from_server, folder, requests, env),
        }


def from_toolkit(layouts, requests, env) -> dict:
    """What AWS's own handler service makes of them: {layout: [[status, text], …]}."""
    script = serving_models.ROOT / "tests" / "inference_under_toolkit.py"
    return last_line([python_of("inference"), str(script), str(layouts)], requests, env)


def from_studio(layouts, requests, env) -> list:
    """What the functions answer to the good ones with the transformers of Studio: [text, …]."""
    code = (
        "import json, sys, inference as i\n"
        "m = i.model_fn(sys.argv[1])\n"
        "bodies = [body for body, kind in json.load(sys.stdin)[:2]]\n"
        "kind = 'application/json'\n"
        "print(json.dumps([i.output_fn(i.predict_fn(i.input_fn(b, kind), m), kind) for b in bodies]))\n"
    )
    env = {**env, "PYTHONPATH": str(serving_models.INFERENCE)}
    return last_line([python_of("studio"), "-c", code, str(layouts / "adapter")], requests, env)


def from_server(folder, requests, env) -> list:
    """What the local AWS's model server answers: [(status, text), …]."""
    with serving_models.server("model_server.py", folder, IMAGE, env) as served:
        return [served.post(body.encode(), content_type) for body, content_type in requests]


def last_line(argv: list, data, env: dict):
    """Run a program with JSON as its input; the JSON in the last line of its output."""
    done = subprocess.run(argv, input=json.dumps(data), env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def said(answer) -> str:
    """The text in a good answer, whatever its form."""
    status, text = answer
    assert status == 200, text
    if text.startswith("data: "):
        return streamed(deltas([f"{event}\n\n" for event in text.split("\n\n") if event]))
    data = json.loads(text)
    if isinstance(data, list):
        return [row["generated_text"] for row in data]
    return data["choices"][0]["message"]["content"]


def test_awss_toolkit_runs_the_script_in_each_layout(elsewhere, model, questions):
    answers = elsewhere["toolkit"].result()
    assert sorted(answers) == sorted(serving_models.LAYOUTS)
    heard = {layout: [said(each) for each in rows[:3]] for layout, rows in answers.items()}
    assert heard["whole"] == heard["base"]
    assert heard["whole"][:2] == [texts(model, questions[:4]), texts(model, [questions[4]])[0]]
    assert heard["adapter"] == heard["merged"] != heard["whole"]
    assert heard["whole"][2] == texts(model, [questions[5]])[0].partition("\n")[0]


def test_awss_toolkit_answers_what_is_wrong_with_400_and_the_sentence(elsewhere):
    for rows in elsewhere["toolkit"].result().values():
        assert [status for status, _ in rows[3:]] == [400] * 3
        not_json, wrong, not_taken = [text for _, text in rows[3:]]
        assert not_json.startswith("the body is not JSON")
        assert wrong == "inputs must be a text or a list of messages, not 3."
        assert not_taken.startswith("the content type must be application/json, not 'text/csv'")


def test_the_local_awss_model_server_answers_as_awss_toolkit(elsewhere):
    heard, expected = elsewhere["server"].result(), elsewhere["toolkit"].result()["adapter"]
    assert [said(each) for each in heard[:3]] == [said(each) for each in expected[:3]]
    for (status, text), (wanted, sentence) in zip(heard[3:], expected[3:], strict=True):
        assert status == wanted
        assert json.loads(text) == {"code": 400, "type": "InternalServerException", "message": sentence}


def test_transformers_of_studio_gives_the_same_texts(elsewhere):
    heard = [said((200, text)) for text in elsewhere["studio"].result()]
    assert heard == [said(each) for each in elsewhere["toolkit"].result()["adapter"][:2]]
