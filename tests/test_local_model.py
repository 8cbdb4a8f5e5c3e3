"""A model in this process: batches answer as single questions do, and the same way each time."""

import pytest
from tiny_chat import make_model
from tuneaws import local_model

QUESTIONS = [[{"role": "user", "content": text}] for text in
             ("hi", "who brings the cake to the station, and when?", "Ada: see you\nBen: bye", "x" * 40)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(make_model(tmp_path_factory.mktemp("model")))


def test_a_batch_answers_as_each_question_alone(folder):
    together = local_model.load(folder, max_new_tokens=12)(QUESTIONS)
    one_by_one = local_model.load(folder, max_new_tokens=12, batch_size=1)(QUESTIONS)
    assert together == one_by_one
    assert len(together) == len(QUESTIONS) and len(set(together)) > 1


def test_an_answer_holds_neither_the_question_nor_special_tokens(folder):
    for question, text in zip(QUESTIONS, local_model.load(folder, max_new_tokens=12)(QUESTIONS), strict=True):
        assert question[0]["content"] not in text and "<|" not in text
