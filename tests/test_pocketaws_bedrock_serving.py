"""Which process answers for a model: how many there are, which one ends, and what a broken one says."""

import concurrent.futures
import sys
import time

import pytest
from local_server import until
from pocketaws.bedrock_serving import NotUp, Question, Serving, model_process, serving
from pocketaws.bedrock_serving.process import ModelProcess
from pocketaws.generation import LoadError

QUESTION = Question(messages=[{"role": "user", "content": "hi"}], max_tokens=2)


class FakeProcess:
    """A process that is up at once and whose connections answer every question alike."""

    def __init__(self, model, folder, python, endpoint_url, hub):
        self.model, self.in_flight, self.last_used = model, 0, time.monotonic()
        self.alive, self.closed, self.up = True, 0, concurrent.futures.Future()
        made.append(self)

    def start(self):
        self.up.set_result(self)

    def post(self, body, headers, timeout_s):
        return FakeExchange()

    def ended_within(self, seconds):
        return True

    def close(self):
        self.alive = False
        self.closed += 1


class FakeExchange:
    status = 200

    def pieces(self):
        yield b'{"text": "yes", "reason": "end", "stop": null, "input_tokens": 3, "output_tokens": 1}'

    def close(self):
        pass


made: list[FakeProcess] = []


@pytest.fixture
def fakes(monkeypatch):
    made.clear()
    monkeypatch.setattr(serving, "ModelProcess", FakeProcess)
    return made


def test_one_process_a_model_and_the_least_recently_used_ends_when_there_are_too_many(fakes, tmp_path):
    models = Serving(tmp_path, "", sys.executable, keep=2)
    for name in ("a", "b", "a", "c"):
        assert models.whole(tmp_path / name, QUESTION, 5).text == "yes"
    assert [process.model.name for process in fakes] == ["a", "b", "c"]
    until(lambda: fakes[1].closed)
    assert [process.alive for process in fakes] == [True, False, True]
    models.close()
    assert not any(process.alive for process in fakes)


def test_a_process_with_a_question_is_not_ended_for_another(fakes, tmp_path):
    models = Serving(tmp_path, "", sys.executable, keep=1)
    stream = models.streamed(tmp_path / "a", QUESTION, 5)
    models.whole(tmp_path / "b", QUESTION, 5)
    assert fakes[0].alive and fakes[0].in_flight == 1
    stream.close()
    stream.close()
    models.whole(tmp_path / "b", QUESTION, 5)
    until(lambda: not fakes[0].alive)
    assert fakes[0].in_flight == 0 and fakes[1].alive
    models.close()


def test_what_nobody_asks_ends_and_starts_again_when_somebody_does(fakes, tmp_path):
    models = Serving(tmp_path, "", sys.executable, idle_s=0.1)
    models.whole(tmp_path / "a", QUESTION, 5)
    until(lambda: not fakes[0].alive)
    models.whole(tmp_path / "a", QUESTION, 5)
    assert len(fakes) == 2
    models.forget(tmp_path / "a")
    assert not fakes[1].alive
    models.close()
    with pytest.raises(NotUp, match="shutting down"):
        models.whole(tmp_path / "a", QUESTION, 5)


def test_a_model_that_cannot_be_loaded_says_why_to_everyone_who_asked(tmp_path):
    models = Serving(tmp_path, "http://127.0.0.1:1", sys.executable)
    empty = tmp_path / "empty"
    empty.mkdir()
    try:
        with pytest.raises(NotUp, match="is being started") as caught:
            models.whole(empty, QUESTION, 60, wait=False)
        assert not caught.value.failed
        with pytest.raises(NotUp, match="LoadError: cannot load") as caught:
            models.whole(empty, QUESTION, 60)
        assert caught.value.failed
    finally:
        models.close()


def test_a_missing_package_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr(model_process.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LoadError, match=r"need torch, transformers, .* -m pip install torch transformers"):
        model_process.make_server(tmp_path, "model")


def test_closing_while_a_process_comes_up_leaves_none(tmp_path):
    process = ModelProcess(tmp_path, tmp_path / "process", sys.executable, "http://127.0.0.1:1", tmp_path)
    process.start()
    process.close()
    with pytest.raises(NotUp):
        process.up.result(30)
    until(lambda: not (tmp_path / "process").exists())
