"""The arithmetic of a step against torch's own counter."""

import pytest
import torch
from memory_cases import small_model, with_adapter
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode
from tuneaws.sizing.activations import Setting
from tuneaws.sizing.catalogue import find, parameters
from tuneaws.sizing.flops import forward_flops, training_flops

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning")


@pytest.mark.parametrize("family", ["llama", "qwen3", "phi3"])
@pytest.mark.parametrize("method, checkpointing", [("lora", False), ("full", False), ("lora", True)])
def test_a_step_takes_the_flops_that_torch_counts(family, method, checkpointing):
    row, model = small_model(family, num_hidden_layers=10)
    model.set_attn_implementation("eager")  # the counter knows its two multiplications
    model = with_adapter(model, dropout=0.0) if method == "lora" else model.requires_grad_(True).train()
    if checkpointing:
        model.enable_input_require_grads()
        model.gradient_checkpointing_enable({"use_reentrant": False})
    ids = torch.randint(3, 500, (2, 128))
    with FlopCounterMode(display=False) as counter, torch.autocast("cpu", torch.bfloat16):
        cross_entropy(model(input_ids=ids).logits.float().flatten(0, 1), ids.flatten()).backward()
    formula = training_flops(row, Setting(method, 128, 2, rank=8, checkpointing=checkpointing))
    assert formula == pytest.approx(counter.get_total_flops(), rel=0.03)


def test_a_full_step_is_close_to_six_flops_a_parameter_and_an_adapters_to_four():
    model = find("llama-2-7b")
    tokens = 512
    for method, rule in (("full", 6), ("lora", 4)):
        done = training_flops(model, Setting(method, tokens, 1))
        assert done / tokens / parameters(model) == pytest.approx(rule, rel=0.06), method


def test_logits_of_labelled_tokens_only_save_their_share():
    model = find("llama-3.2-1b")
    whole, part = (forward_flops(model, Setting("lora", 512, 1, labels=share))[3] for share in (1.0, 0.25))
    assert part == whole / 4
    with pytest.raises(ValueError, match="with a decoder only"):
        training_flops(find("flan-t5-xl"), Setting())
