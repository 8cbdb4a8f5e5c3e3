"""A Llama forward pass for tuning: only what the loss needs is computed. Needs torch.

The same mathematics as transformers' LlamaForCausalLM (a test compares the losses), without what training on
answers has no use for: no cache, no mask (rows are padded at their end, and no token looks ahead), no logits
of prompts, and in the last layer no feed-forward of tokens whose next word does not count, which is most of a
chat's.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy, linear, rms_norm, scaled_dot_product_attention, silu


@dataclass(frozen=True)
class Shape:
    """A Llama's sizes, of its config.json."""

    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    eps: float
    theta: float

    @classmethod
    def of(cls, folder: Path) -> "Shape":
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return cls(
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            kv_heads=config["num_key_value_heads"],
            head_dim=config["head_dim"],
            eps=config["rms_norm_eps"],
            theta=config["rope_theta"],
        )


@dataclass(frozen=True)
class Batch:
    """Rows padded at their end to the longest.

    ids      (rows, tokens)
    places   (labels,) index into the flattened ids of each token whose next one is part of an answer
    labels   (labels,) those next ones
    """

    ids: torch.Tensor
    places: torch.Tensor
    labels: torch.Tensor


def batch_of(rows) -> Batch:
    """The Batch of some rows (rows.Row)."""
    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    places, labels = [], []
    for number, row in enumerate(rows):
        ids[number, : len(row.ids)] = torch.frombuffer(row.ids, dtype=torch.int32)
        for start, end in row.answers:
            places += range(number * longest + start - 1, number * longest + end - 1)
            labels.append(torch.frombuffer(row.ids, dtype=torch.int32)[start:end])
    return Batch(ids, torch.tensor(places), torch.cat(labels).long())


def rotary(shape: Shape, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines of the positions, each (tokens, head_dim)."""
    powers = torch.arange(0, shape.head_dim, 2, dtype=torch.float32) / shape.head_dim
    angles = torch.outer(torch.arange(tokens, dtype=torch.float32), 1.0 / shape.theta**powers)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def loss_sum(weights: dict, shape: Shape, batch: Batch) -> torch.Tensor:
    """The cross entropy summed over a batch's labels.

    weights   the model's, by the names of its file; where a layer's are fused: "qkv" and "gate_up" of layer n
              as "<n>.qkv", "<n>.gate_up", and "<n>.o", "<n>.down"
    """
    rows, tokens = batch.ids.shape
    table = weights["model.embed_tokens.weight"]
    hidden = table[batch.ids.view(-1)]
    turn = rotary(shape, tokens)
    for layer in range(shape.layers):
        places = batch.places if layer == shape.layers - 1 else None
        hidden = _layer(weights, shape, layer, hidden, (rows, tokens), turn, places)
    hidden = rms_norm(hidden, hidden.shape[-1:], weights["model.norm.weight"], shape.eps)
    return cross_entropy(linear(hidden, table), batch.labels, reduction="sum")


def _layer(weights, shape: Shape, layer: int, hidden, size, turn, places):
    """One layer; with `places`, its result for those tokens only."""
    name = f"model.layers.{layer}"
    normed = rms_norm(hidden, hidden.shape[-1:], weights[f"{name}.input_layernorm.weight"], shape.eps)
    mixed = _attention(weights, shape, layer, normed, size, turn)
    if places is not None:
        mixed, hidden = mixed[places], hidden[places]
    hidden = hidden + linear(mixed, weights[f"{layer}.o"])
    normed = rms_norm(
        hidden, hidden.shape[-1:], weights[f"{name}.post_attention_layernorm.weight"], shape.eps
    )
    gate, up = linear(normed, weights[f"{layer}.gate_up"]).chunk(2, dim=-1)
    return hidden + linear(silu(gate) * up, weights[f"{layer}.down"])


def _attention(weights, shape: Shape, layer: int, normed, size, turn):
    """What each token gathers from itself and those before it: (tokens of all rows, heads * head_dim)."""
    rows, tokens = size
    wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    mixed = linear(normed, weights[f"{layer}.qkv"]).view(rows, tokens, -1)
    query, key, value = (
        part.reshape(rows, tokens, -1, shape.head_dim).transpose(1, 2)
        for part in mixed.split((wide, narrow, narrow), dim=-1)
    )
    cos, sin = turn
    query, key = query * cos + _turned(query) * sin, key * cos + _turned(key) * sin
    out = scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    return out.transpose(1, 2).reshape(rows * tokens, wide)


def _turned(x):
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)
