"""Models of the shape of Llama 3.2 1B and Llama 3.1 8B with random weights, for `training` on a GPU.

The weights say nothing, so their held-out loss says nothing either; seconds and memory are those of a model
that has learned. Their tokenizer is a byte-level BPE of 32,000 tokens learned from the rows themselves
(a row of SAMSum has 186). The vocabulary, and so the logits, have Llama's size.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from report import Figure

SHAPES = {"Llama 3.2 1B": "llama-3.2-1b", "Llama 3.1 8B": "llama-3.1-8b"}
TOKENS = 32_000
SMALL = Path(__file__).resolve().parents[1] / "code" / "pocketaws" / "hub" / "models" / "chat-1m"


def make(out: Path, name: str, shape=None, device: str = "cuda") -> tuple[Path, object]:
    """A folder with a model of this shape in bfloat16, and its tokenizer.

    shape  tuneaws.sizing's Shape; None: that of SHAPES[name]
    """
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
    from tuneaws.sizing.catalogue import find

    shape = shape or find(SHAPES[name]).shape
    folder = out / name.replace(" ", "-")
    learn_tokenizer(folder)
    config = LlamaConfig(
        hidden_size=shape.hidden, num_hidden_layers=shape.layers, num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads, head_dim=shape.head_dim, intermediate_size=shape.feed_forward,
        vocab_size=shape.vocabulary, tie_word_embeddings=shape.tied, max_position_embeddings=2048,
        dtype="bfloat16",
    )  # fmt: skip
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            model = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    model.save_pretrained(str(folder))
    del model
    if device == "cuda":
        torch.cuda.empty_cache()
    return folder, AutoTokenizer.from_pretrained(str(folder))


def learn_tokenizer(folder: Path) -> None:
    """chat-1m's tokenizer, with TOKENS tokens learned from the dialogues."""
    import quality
    from training import SAMSUM
    from transformers import AutoTokenizer
    from tuneaws import config

    cfg = config.load(where="local", **{"dataset.source": str(SAMSUM) if SAMSUM.is_dir() else None})
    rows = quality.read_splits(cfg)["train"]
    folder.mkdir(parents=True, exist_ok=True)
    larger = AutoTokenizer.from_pretrained(str(SMALL)).train_new_from_iterator(
        (row[field] for row in rows for field in ("dialogue", "summary")), TOKENS, show_progress=False
    )
    larger.save_pretrained(str(folder))


def matmul_flops(size: int = 8192, rounds: int = 30) -> float:
    """FLOP/s that the GPU reaches in products of bfloat16 matrices: what utilization is measured against."""
    import torch

    a, b = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(5):
        a @ b
    torch.cuda.synchronize()
    begun = time.perf_counter()
    for _ in range(rounds):
        a @ b
    torch.cuda.synchronize()
    return 2 * size**3 * rounds / (time.perf_counter() - begun)


def utilization(name: str, done: dict, data: dict, peak: float) -> Iterator[Figure]:
    """Each way's share of `peak`: FLOPs that the rows need, without padding and recomputing, over time."""
    from tuneaws.sizing.activations import Setting
    from tuneaws.sizing.catalogue import find
    from tuneaws.sizing.flops import training_flops

    length = round(data["tokens"] / data["rows"])
    share = data["labels"] / data["tokens"]
    for way in done.values():
        targets = ("q_proj", "v_proj") if "plain" in way.name.lower() and "Trainer" not in way.name else None
        setting = Setting("qlora", length, 1, targets=targets, labels=share)
        work = training_flops(find(SHAPES[name]), setting) * data["rows"]
        value = work / way.median("train_s") / peak
        detail = (
            f"{work / 1e12:,.0f} TFLOP an epoch; the card's own matrix products: {peak / 1e12:,.0f} TFLOP/s"
        )
        yield Figure("training", f"{name}: utilization, {way.name}", 100 * value, "%", None, detail)
