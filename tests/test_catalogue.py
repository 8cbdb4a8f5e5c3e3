"""The catalogue: every shape gives the parameters and the layers that the model has."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM
from tuneaws import config
from tuneaws.sizing import catalogue
from tuneaws.sizing.catalogue import MODELS, CatalogueError

ALL = list(MODELS.values())


def config_of(model) -> dict:
    """The members of config.json that a shape stands for."""
    s = model.shape
    if s.family == "t5":
        return {"d_model": s.hidden, "num_layers": s.encoder_layers, "num_decoder_layers": s.layers,
                "d_kv": s.head_dim, "num_heads": s.heads, "d_ff": s.feed_forward, "vocab_size": s.vocabulary,
                "n_positions": s.context, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": s.tied}
    return {"num_hidden_layers": s.layers, "hidden_size": s.hidden, "num_attention_heads": s.heads,
            "num_key_value_heads": s.kv_heads, "head_dim": s.head_dim, "intermediate_size": s.feed_forward,
            "vocab_size": s.vocabulary, "tie_word_embeddings": s.tied, "max_position_embeddings": s.context,
            "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def built(model):
    """The whole model as transformers builds it, without memory for its weights."""
    maker = AutoModelForSeq2SeqLM if model.shape.family == "t5" else AutoModelForCausalLM
    with torch.device("meta"):
        return maker.from_config(AutoConfig.for_model(model.shape.family, **config_of(model)))


def test_the_catalogue_has_the_models_that_people_ask_for():
    assert {"llama-2-7b", "llama-2-13b", "llama-3.2-1b", "flan-t5-xl"} <= set(MODELS)
    families = {model.shape.family for model in ALL}
    assert len(MODELS) >= 16 and families >= {"qwen2", "qwen3", "mistral", "gemma2", "gemma3_text", "phi3"}


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.name)
def test_the_shape_gives_the_published_number_of_parameters(model):
    assert catalogue.parameters(model) == model.published


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.name)
def test_transformers_builds_the_same_parameters_and_layers_from_the_shape(model):
    whole = built(model)
    # transformers 5 ties T5's output layer in every new model; the checkpoints of FLAN-T5 have one of their
    # own.
    own_head = model.shape.tied or not whole.config.tie_word_embeddings
    missing = 0 if own_head else model.shape.vocabulary * model.shape.hidden
    assert sum(weights.numel() for weights in whole.parameters()) + missing == model.published
    head = whole.get_output_embeddings()
    linear = [(name.rpartition(".")[2], layer) for name, layer in whole.named_modules()
              if isinstance(layer, torch.nn.Linear) and layer is not head]
    assert {name for name, _ in linear} == set(catalogue.target_modules(model))
    for row in catalogue.linear_layers(model):
        same = [layer for name, layer in linear if name == row.name]
        assert len(same) == row.count
        assert {(layer.in_features, layer.out_features) for layer in same} == {(row.n_in, row.n_out)}


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.name)
def test_a_config_json_gives_the_same_shape(model):
    config = {"model_type": model.shape.family, **config_of(model)}
    assert catalogue.from_config(model.name, config).shape == model.shape


def test_a_config_json_may_leave_out_what_follows_from_the_rest():
    model = MODELS["llama-2-7b"]
    config = {"model_type": "llama", **config_of(model)}
    for name in ("num_key_value_heads", "head_dim", "tie_word_embeddings"):
        del config[name]
    assert catalogue.from_config("mine", config).shape == model.shape


def test_the_model_of_the_local_hub_is_counted_from_its_config():
    """16-bit weights in one safetensors file: a header's length in 8 bytes, the header, the numbers."""
    folder = Path(__file__).resolve().parents[1] / "code/pocketaws/hub/models/chat-1m"
    model = catalogue.from_config("chat-1m", json.loads((folder / "config.json").read_text()))
    weights = folder / "model.safetensors"
    with weights.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    assert 2 * catalogue.parameters(model) == weights.stat().st_size - 8 - header


@pytest.mark.parametrize("name", ["llama-3.2-1b", "Llama-3.2-1B", "meta-llama/Llama-3.2-1B"])
def test_a_model_is_found_by_its_name_and_by_its_hub_id(name):
    assert catalogue.find(name).hub_id == "meta-llama/Llama-3.2-1B"


def test_a_chat_variant_has_the_shape_of_its_base():
    cfg = config.load(where="aws")
    assert catalogue.find(cfg.model.id).hub_id == "Qwen/Qwen2.5-0.5B"
    assert catalogue.find("meta-llama/Llama-3.2-1B-Instruct").name == "llama-3.2-1b"


def test_an_unknown_model_is_answered_with_near_ones_and_a_way():
    with pytest.raises(CatalogueError, match="(?s)near it: llama-3.2-1b.*Fix: one of those, or from_config"):
        catalogue.find("meta-llama/Llama-3.2-1")
    with pytest.raises(CatalogueError, match="of the family 'bert'; known here: llama"):
        catalogue.from_config("mine", {"model_type": "bert"})


def test_every_model_names_its_page_licence_and_gate():
    for model in ALL:
        assert model.page == f"https://huggingface.co/{model.hub_id}" and model.licence
        assert model.gated == model.hub_id.startswith(("meta-llama/", "google/gemma", "mistralai/"))
    assert "not for commerce" in MODELS["qwen2.5-3b"].licence


def test_attention_only_takes_the_queries_and_values_of_each_family():
    few = {model.shape.family: catalogue.target_modules(model, attention_only=True) for model in ALL}
    assert few["llama"] == ["q_proj", "v_proj"] and few["phi3"] == ["qkv_proj"] and few["t5"] == ["q", "v"]


def test_the_table_has_a_row_a_model_the_smallest_first():
    rows = catalogue.models_table()
    assert [rows[0]["model"], rows[-1]["model"]] == ["smollm2-135m", "llama-3.3-70b"]
    assert len(rows) == len(ALL)
    assert rows[0]["parameters"] == "0.13 B"


def test_a_wrong_shape_would_be_seen():
    model = MODELS["llama-3.2-1b"]
    for change in ({"layers": 17}, {"kv_heads": 7}, {"tied": False}, {"norms": 4}, {"qkv_bias": True}):
        shape = dataclasses.replace(model.shape, **change)
        assert catalogue.parameters(dataclasses.replace(model, shape=shape)) != model.published
