"""A model in this process: batches answer as single questions do, and the same way each time."""

import json
import warnings

import pytest
from tiny_chat import make_model, make_tokenizer
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


# get_peft_model says so; load() does not, as the last line sees.
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing. is deprecated:FutureWarning")
def test_an_adapter_is_put_on_the_base_that_it_names_or_on_the_one_that_is_given(folder, tmp_path):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    whole = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    options = LoraConfig(task_type="CAUSAL_LM", r=8, target_modules="all-linear", init_lora_weights=False)
    tuned = get_peft_model(whole, options)
    tuned.save_pretrained(str(tmp_path), save_embedding_layers=False)
    make_tokenizer(tmp_path)
    wanted = local_model.load(folder, max_new_tokens=12)(QUESTIONS)
    named = local_model.load(str(tmp_path), max_new_tokens=12)(QUESTIONS)
    assert named != wanted
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == folder
    config["base_model_name_or_path"] = "gone/away"
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert local_model.load(str(tmp_path), max_new_tokens=12, base=folder)(QUESTIONS) == named
