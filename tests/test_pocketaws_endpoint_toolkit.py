"""inference.py as AWS's Hugging Face and PyTorch images call it: functions, arguments, formats, errors."""

import io
import json
import logging
import os
import sys
import uuid

import numpy as np
import pytest
from engine_aid import a_bare_aws  # noqa: F401  (a fixture)
from hosting_aid import REGISTRY
from hosting_bench import a_hosting_bench  # noqa: F401  (a fixture)
from pocketaws.hosting import formats, handlers, pipelines

PYTORCH_IMAGE = f"{REGISTRY}/pytorch-inference:2.6.0-cpu-py312-ubuntu22.04-sagemaker"


@pytest.fixture(name="handler")
def a_handler(tmp_path, monkeypatch):
    """Make a handler of a script in this process, under a module name of its own."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def make(source: str, kind=handlers.HuggingFaceHandler):
        name = f"inference_{uuid.uuid4().hex}"
        (tmp_path / "code").mkdir(exist_ok=True)
        (tmp_path / "code" / f"{name}.py").write_text(source)
        monkeypatch.setenv("SAGEMAKER_PROGRAM", f"{name}.py")
        return kind(tmp_path)

    yield make
    for name in [name for name in sys.modules if name.startswith("inference_")]:
        del sys.modules[name]


ALL = """
def model_fn(model_dir{context}): return ["model", model_dir][:1]
def input_fn(data, content_type{context}): return ["in", data, content_type]
def predict_fn(data, model{context}): return [*data, *model]
def output_fn(prediction, accept{context}): return str([*prediction, accept])
"""


@pytest.mark.parametrize("context", ["", ", context"])
def test_every_function_may_take_the_context_as_one_argument_more(handler, context):
    answer = handler(ALL.format(context=context))(b"abc", {"content-type": "text/csv", "accept": "x/y"})
    assert answer == (200, {"Content-Type": "x/y"}, b"['in', 'abc', 'text/csv', 'model', 'x/y']")


def test_the_defaults_around_a_predict_fn_are_json(handler):
    ask = handler("def model_fn(d): return 2\ndef predict_fn(data, model): return {'é': data['x'] * model}")
    assert ask(b'{"x": 21}', {"content-type": "application/json"}) == (
        200, {"Content-Type": "application/json"}, '{"é":42}'.encode(),
    )  # fmt: skip
    assert ask(b'{"x": 1}', {"content-type": "application/json", "accept": "*/*"})[1] == {
        "Content-Type": "application/json"
    }


def test_bytes_stay_bytes_unless_they_are_json_or_csv(handler):
    ask = handler("def model_fn(d): pass\ndef transform_fn(m, data, c, a): return type(data).__name__")
    kinds = {kind: ask(b"x", {"content-type": kind})[2] for kind in ("application/json", "text/csv", "a/b")}
    assert kinds == {"application/json": b"str", "text/csv": b"str", "a/b": b"bytearray"}


@pytest.mark.parametrize(
    "body, content_type, message",
    [
        (b"{,", "application/json", "Expecting property name enclosed in double quotes: line 1 column 2"
         " (char 1)"),
        (b"[]", "application/json", "'list' object has no attribute 'get'"),
        (b"{}", "application/json", "'missing'"),
        (b"\xff", "application/json", "'utf-8' codec can't decode byte 0xff in position 0: invalid start"
         " byte"),
        (b"a,b\n1,2", "text/csv", "You need to provide the correct CSV with Header columns to use it with the"
         " inference toolkit default handler. : 400"),
    ],
)  # fmt: skip
def test_every_error_is_a_400_in_the_form_of_awss_model_server(handler, capsys, body, content_type, message):
    ask = handler("def model_fn(d): pass\ndef predict_fn(d, m): d.get('x') or d['missing']")
    status, headers, answer = ask(body, {"content-type": content_type})
    assert (status, headers) == (400, {"Content-Type": "application/json"})
    assert json.loads(answer) == {"code": 400, "type": "InternalServerException", "message": message}
    assert answer.startswith(b'{\n  "code": 400,\n')
    assert "Traceback" in capsys.readouterr().err


def test_a_content_type_that_the_toolkit_does_not_know_is_said_in_its_words(handler):
    ask = handler("def model_fn(d): pass\ndef predict_fn(d, m): return 1")
    for content_type in ("application/octet-stream", "application/json; charset=utf-8"):
        message = json.loads(ask(b"1", {"content-type": content_type})[2])["message"]
        assert message.startswith(f"Content type {content_type} is not supported by this framework.")
    assert (
        json.loads(ask(b"1", {"content-type": "application/json", "accept": "text/html"})[2])["code"] == 400
    )


def test_a_script_with_the_context_may_set_status_and_headers(handler):
    ask = handler(
        "def model_fn(d): pass\n"
        "def transform_fn(m, data, content_type, accept, context):\n"
        "    if context.get_request_header(0, 'X-Who') == 'me':\n"
        "        context.set_response_status(422, 'no', 0)\n"
        "        context.set_response_header(0, 'x-note', 'mine')\n"
        "        context.set_response_content_type(0, 'text/event-stream')\n"
        "    return iter('ab') if data else 'text'"
    )
    assert ask(b"", {"x-who": "me"}) == (
        422, {"x-note": "mine", "Content-Type": "application/json"}, b"text",
    )  # fmt: skip
    assert ask(b"", {}) == (200, {"Content-Type": "application/json"}, b"text")
    status, headers, pieces = ask(b"1", {"x-who": "me"})
    assert headers["Content-Type"] == "text/event-stream" and list(pieces) == ["a", "b"]


def test_what_is_neither_text_nor_json_is_a_503_as_on_aws(handler, capsys):
    ask = handler("def model_fn(d): pass\ndef transform_fn(m, b, c, a): return object() if b else {'a': 1}")
    assert ask(b"", {})[2] == b'{\n  "a": 1\n}'
    status, _, body = ask(b"1", {})
    assert (status, json.loads(body)["message"]) == (503, "Unsupported model output data type.")


def test_without_a_script_and_without_a_task_the_reason_says_what_to_give(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("SAGEMAKER_PROGRAM", "no_such_script.py")
    monkeypatch.delenv("HF_TASK", raising=False)
    with pytest.raises(ValueError, match="no inference.py in the archive's code/ folder, no HF_TASK"):
        handlers.HuggingFaceHandler(tmp_path)


@pytest.mark.parametrize(
    "architecture, task",
    [
        ("LlamaForCausalLM", "text-generation"),
        ("BertForSequenceClassification", "text-classification"),
        ("TapasForQuestionAnswering", "question-answering"),  # the toolkit's last match wins
        ("T5ForConditionalGeneration", "text2text-generation"),
    ],
)
def test_the_task_follows_from_the_architecture(tmp_path, architecture, task):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"architectures": [architecture]}))
    assert pipelines.task_of(config) == task
    config.write_text("{}")
    with pytest.raises(ValueError, match="Use env `HF_TASK` to define your task"):
        pipelines.task_of(config)


def test_arrays_and_numbers_of_numpy_become_json_and_npy():
    content = {"a": np.arange(3), "b": np.float32(0.5), "c": np.int64(7)}
    assert formats.encode(content, formats.JSON) == '{"a":[0,1,2],"b":0.5,"c":7}'
    with pytest.raises(ValueError, match="JSON compliant"):
        formats.encode(float("nan"), formats.JSON)
    array = np.arange(6.0).reshape(2, 3)
    assert (formats.decode(formats.encode(array, formats.NPY), formats.NPY) == array).all()
    assert formats.encode([{"x": 1, "y": 2}], formats.CSV) == "x,y\r\n1,2\r\n"
    assert formats.decode("inputs\nhello\nyou", formats.CSV) == {"inputs": ["hello", "you"]}
    assert formats.decode("question,context\nq,c", formats.CSV) == {
        "inputs": [{"question": "q", "context": "c"}]
    }


def test_an_npy_payload_with_a_pickle_in_it_is_not_opened():
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        formats.decode(buffer.getvalue(), formats.NPY)


def test_the_pytorch_image_answers_errors_with_500_and_the_traceback(handler, capsys):
    source = (
        "class Refused(Exception):\n    status_code = 422\n    message = 'too long'\n"
        "def model_fn(d): pass\n"
        "def transform_fn(m, b, c, a):\n"
        "    if b: raise Refused() if b[0] == 50 else KeyError('x')\n    return 'plain', 'text/plain'"
    )
    ask = handler(source, handlers.PyTorchHandler)
    assert ask(b"", {}) == (200, {"Content-Type": "text/plain"}, b"plain")
    status, headers, body = ask(b"1", {})
    assert status == 500 and body.startswith(b"'x'\nTraceback (most recent call last):")
    status, _, body = ask(b"2", {})
    assert status == 422 and body.startswith(b"too long\nTraceback")


def test_the_functions_that_were_found_are_logged_as_aws_logs_them(handler, caplog):
    with caplog.at_level(logging.INFO):
        handler("def model_fn(d): pass\ndef predict_fn(d, m): pass")
    assert "`predict_fn` implementation found. It will be used in place of the default one." in caplog.text
    assert "No `output_fn` implementation was found." in caplog.text


def test_a_model_of_the_hub_answers_without_a_script(bench):
    """HF_MODEL_ID and HF_TASK: the pipeline of transformers, on the model that comes with pocketaws."""
    hub = {"HF_MODEL_ID": "pocketaws/chat-1m", "HF_TASK": "text-generation", "OMP_NUM_THREADS": "1"}
    source = "def model_fn(d): return d\ndef predict_fn(d, m): return [1.5, 2]"
    endpoint = bench.create(
        bench.variant(model_data=None, environment=hub),
        bench.variant(source, name="torch", image=PYTORCH_IMAGE),
    )
    bench.rests(endpoint, 120)
    assert endpoint.status == "InService", endpoint.failure_reason
    data = json.dumps({"inputs": "Hello", "parameters": {"max_new_tokens": 3, "return_full_text": False}})
    (found,) = bench.ask(endpoint, data, target_variant="AllTraffic").json
    assert set(found) == {"generated_text"}
    assert bench.ask(endpoint, "[1]", target_variant="torch").json == [1.5, 2]
    assert os.environ.get("HF_TASK") is None
