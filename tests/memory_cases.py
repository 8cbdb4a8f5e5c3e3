"""What tuneaws.sizing.memory is held against: memory that others measured, and small models to count here.

The measurements are peaks of torch.cuda.max_memory_allocated: without CUDA's own memory and without what the
allocator reserves beyond tensors.
"""

import collections

from tuneaws.sizing.activations import Setting
from tuneaws.sizing.catalogue import find, from_config

# LitGPT, tutorials/resource-tables.md of github.com/Lightning-AI/litgpt, dated 2023-10-20, read 2026-11:
# A100, LoRA of rank 8 on queries and values with dropout, bf16-true, Alpaca's longest row of 1,304 Llama
# tokens, GB of 1e9 bytes; nf4-dq is NF4 with double quantization, by bitsandbytes 0.41.1.
LITGPT = "LitGPT's resource tables, 2023-10-20"
# README.md of github.com/pytorch/torchtune as of 2024-10, read 2026-11, GiB: 2 packed rows of 2,048 tokens,
# torch.compile, and by recipes/configs/llama3_1/8B_*lora_single_device.yaml rank 8 on all linear layers, no
# dropout, activation checkpointing, and a loss in 8 chunks: an eighth of the logits at a time.
TORCHTUNE = "torchtune's README, 2024-10"


def _qv(method, rows):
    return Setting(method, 1304, rows, rank=8, targets=("q_proj", "v_proj"), padded=False)


def _packed(method):
    return Setting(method, 2048, 2, rank=8, dropout=False, checkpointing=True, padded=False, labels=1 / 8)


# source, model, setting, GB measured
MEASURED = [
    (LITGPT, find("llama-2-7b"), _qv("lora", 1), 21.30),
    (LITGPT, find("llama-2-7b"), _qv("lora", 2), 29.07),
    (LITGPT, find("llama-2-7b"), _qv("qlora", 1), 13.84),
    (LITGPT, find("llama-2-13b"), _qv("lora", 1), 38.12),
    (LITGPT, find("llama-2-13b"), _qv("qlora", 1), 22.55),
    (TORCHTUNE, find("llama-3.1-8b"), _packed("lora"), 16.2 * 2**30 / 1e9),
    (TORCHTUNE, find("llama-3.1-8b"), _packed("qlora"), 7.4 * 2**30 / 1e9),
]


def kept_by_old_bitsandbytes(model, setting) -> float:
    """GB that the 4-bit layers of its time kept, and today's do not: the input of every layer, used or not.

    MatMul4Bit.forward had ctx.tensors = (A, B), and has (None, B) in 0.47 and 0.50. A layer's inputs are
    6 h + 2 f bytes a token: of queries, keys and values, of the output, of gate and up, and of down.
    """
    s = model.shape
    return s.layers * setting.rows * setting.tokens * (6 * s.hidden + 2 * s.feed_forward) / 1e9


SIZES = {"hidden_size": 256, "num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 2,
         "head_dim": 64, "intermediate_size": 768, "vocab_size": 512, "tie_word_embeddings": True,
         "max_position_embeddings": 512, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
T5_SIZES = {"d_model": 256, "num_layers": 3, "num_decoder_layers": 3, "num_heads": 4, "d_kv": 48, "d_ff": 768,
            "vocab_size": 512, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}


def small_model(family="llama", **sizes):
    """A catalogue row and a transformers model in bfloat16 of the same small shape, every weight frozen."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

    config = {**(T5_SIZES if family == "t5" else SIZES), **sizes}
    maker = AutoModelForSeq2SeqLM if family == "t5" else AutoModelForCausalLM
    how = {"attn_implementation": "eager"} if family == "t5" else {}
    model = maker.from_config(AutoConfig.for_model(family, **config), **how).to(torch.bfloat16)
    model.config.use_cache = False
    return from_config(family, {"model_type": family, **config}), model.requires_grad_(False)


def with_adapter(model, rank=8, dropout=0.05):
    """The model with an adapter on every linear layer, in float32 as PEFT makes it, training."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_dropout=dropout, target_modules="all-linear")
    return get_peft_model(model, config).train()


def kept_bytes(model, run) -> int:
    """Bytes of all tensors that run() leaves for the backward pass, under autocast, parameters left out."""
    import torch

    own = {tensor.untyped_storage().data_ptr() for tensor in [*model.parameters(), *model.buffers()]}
    kept = collections.OrderedDict()

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage  # held, so that no address is used twice
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with hooks, torch.autocast("cpu", torch.bfloat16):
        result = run()
    assert result is not None
    return sum(storage.nbytes() for storage in kept.values())


def peak_bytes(step) -> int:
    """The most bytes that were allocated at one time while step() ran, as torch's profiler saw it."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    size = highest = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        size += event.nbytes()
        highest = max(highest, size)
    return highest
