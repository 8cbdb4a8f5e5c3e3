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


def rotary(shape: Shape, tokens: int) -> torch.Tensor:
    """The turns of the positions as complex numbers, (tokens, 1, head_dim / 2)."""
    powers = torch.arange(0, shape.head_dim, 2, dtype=torch.float32) / shape.head_dim
    angles = torch.outer(torch.arange(tokens, dtype=torch.float32), 1.0 / shape.theta**powers)
    return torch.polar(torch.ones_like(angles), angles).unsqueeze(1)


def paired(weight: torch.Tensor, head_dim: int) -> torch.Tensor:
    """A query's or key's weight with its output in another order: the two numbers that turn together are
    neighbours, as complex numbers have them. Queries and keys change alike, so their products stay.
    """
    halves = weight.view(-1, 2, head_dim // 2, weight.shape[-1])
    return halves.transpose(1, 2).reshape(weight.shape)


def loss_sum(weights: dict, shape: Shape, batch: Batch) -> torch.Tensor:
    """The cross entropy summed over a batch's labels.

    weights   of lora.LoraLlama.step_weights: "<layer>.qkv", "<layer>.o", "<layer>.gate", "<layer>.up",
              "<layer>.down", and the embedding and the last norm by the names of the model's file
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
    mixed = _attention(weights, shape, layer, _normed(hidden, shape), size, turn)
    if places is not None:
        mixed, hidden = mixed[places], hidden[places]
    hidden = hidden + linear(mixed, weights[f"{layer}.o"])
    normed = _normed(hidden, shape)
    gate, up = linear(normed, weights[f"{layer}.gate"]), linear(normed, weights[f"{layer}.up"])
    return hidden + linear(silu(gate) * up, weights[f"{layer}.down"])


def _normed(hidden, shape: Shape):
    """RMS norm without its weight, which step_weights has put into the linear layer that follows."""
    return rms_norm(hidden, hidden.shape[-1:], None, shape.eps)


def _attention(weights, shape: Shape, layer: int, normed, size, turn):
    """What each token gathers from itself and those before it: (tokens of all rows, heads * head_dim)."""
    rows, tokens = size
    mixed = linear(normed, weights[f"{layer}.qkv"]).view(rows, tokens, -1, shape.head_dim)
    turning, value = mixed.split((shape.heads + shape.kv_heads, shape.kv_heads), dim=2)
    pairs = torch.view_as_complex(turning.unflatten(-1, (-1, 2)))
    turned = torch.view_as_real(pairs * turn).flatten(-2)
    query, key = turned.split((shape.heads, shape.kv_heads), dim=2)
    out = scaled_dot_product_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), is_causal=True, enable_gqa=True
    )
    return out.transpose(1, 2).reshape(rows * tokens, -1)
