"""Rows laid end to end instead of padded, each row attending to itself alone.

A padded batch of chats is often half padding, which costs what words cost. Here the rows of a micro-batch
make one sequence of sum(lengths) tokens: every layer works on words only, positions start anew with each row,
and attention runs row by row. Marking rows by position ids alone is not enough: under SDPA with a cache of
keys and values such rows see each other (logits differ by 1.28, transformers 4.56 to 5.23, measured 2026-11).
So keeps_rows_apart() compares the model's logits of packed rows with those of each row alone before anything
is trained, and a model that fails is trained on padded rows.
"""

import itertools

from chat_data import IGNORE

NAME = "per_row"  # of this attention among transformers' attn_implementation
TRIED = (37, 5, 60, 18)  # tokens of the rows that keeps_rows_apart() tries


class Current:
    """The rows of the sequence that is in the model now: tokens of each, or None for padded batches.

    It must hold until the backward pass is over: gradient checkpointing computes attention once more there.
    """

    lengths: tuple[int, ...] | None = None
    bounds = None  # int32 tensor on the model's device: 0, and where each row ends


def pack(rows: list[dict]) -> dict:
    """Rows → one batch of one sequence, every tensor int64 of (1, tokens) but two.

    {"input_ids", "labels", "position_ids", "columns": where the next token has a label, "lengths": a tuple}
    """
    import torch

    lengths = tuple(len(row["input_ids"]) for row in rows)
    labels = list(itertools.chain.from_iterable(row["labels"] for row in rows))
    # A row's first label is always IGNORE, so no row's end predicts the next row's first token.
    columns = [at - 1 for at, label in enumerate(labels) if label != IGNORE]
    return {
        "input_ids": torch.tensor([list(itertools.chain.from_iterable(row["input_ids"] for row in rows))]),
        "labels": torch.tensor([labels]),
        "position_ids": torch.cat([torch.arange(length) for length in lengths])[None],
        "columns": torch.tensor(columns, dtype=torch.long),
        "lengths": lengths,
    }


class PackedCollator:
    """pack() for a DataLoader. No rows (a rank without a share) become one row that teaches nothing."""

    def __init__(self, pad_id: int):
        self.nothing = {"input_ids": [pad_id] * 2, "labels": [IGNORE] * 2}

    def __call__(self, rows: list[dict]) -> dict:
        return pack(rows or [self.nothing])


def enter(lengths: tuple[int, ...] | None, device=None) -> None:
    """Say which rows the next forward pass has; None: a padded batch, or any other use of the model."""
    import torch

    Current.lengths = lengths
    Current.bounds = None
    if lengths is not None and device is not None and torch.device(device).type == "cuda":
        ends = torch.tensor((0, *itertools.accumulate(lengths)), dtype=torch.int32)
        Current.bounds = ends.to(device, non_blocking=True)


def attend(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **kwargs):
    """transformers' attention interface: (1, heads, tokens, size) each → ((1, tokens, heads, size), None).

    On a GPU that has flash_attn in 16 bits one kernel takes all rows; elsewhere SDPA is called for each row.
    """
    import torch
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    if Current.lengths is None:
        more = {**kwargs, "scaling": scaling, "dropout": dropout}
        return ALL_ATTENTION_FUNCTIONS["sdpa"](module, query, key, value, attention_mask, **more)
    varlen = _varlen(query)
    if varlen is not None:
        most = max(Current.lengths)
        tokens = [each[0].transpose(0, 1) for each in (query, key, value)]
        out = varlen(
            *tokens, Current.bounds, Current.bounds, most, most,
            dropout_p=dropout, softmax_scale=scaling, causal=True,
        )  # fmt: skip
        return out[None], None
    split = [each.split(Current.lengths, dim=2) for each in (query, key, value)]
    grouped = {"enable_gqa": True} if query.shape[1] != key.shape[1] else {}
    rows = [
        torch.nn.functional.scaled_dot_product_attention(
            *row, dropout_p=dropout, scale=scaling, is_causal=True, **grouped
        ).transpose(1, 2)
        for row in zip(*split, strict=True)
    ]
    return torch.cat(rows, dim=1), None


def _varlen(query):
    """flash_attn's function for rows of different lengths, or None where it is not there or does not fit."""
    import torch

    if Current.bounds is None or query.dtype not in (torch.float16, torch.bfloat16):
        return None
    if torch.cuda.get_device_capability(query.device)[0] < 8:  # FlashAttention 2 begins with Ampere
        return None
    try:
        from flash_attn import flash_attn_varlen_func
    except ImportError:  # not installed, or built for another PyTorch
        return None
    return flash_attn_varlen_func


def use_per_row_attention(model) -> bool:
    """Give a causal model this attention if it keeps its rows apart so; True if it has it now."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    config = model.config
    if config.is_encoder_decoder or not reads_plainly(config):
        return False
    padded = ALL_MASK_ATTENTION_FUNCTIONS["sdpa"]
    ALL_ATTENTION_FUNCTIONS.register(NAME, attend)
    ALL_MASK_ATTENTION_FUNCTIONS.register(
        NAME, lambda *args, **kwargs: None if Current.lengths is not None else padded(*args, **kwargs)
    )
    before = config._attn_implementation
    if before != "sdpa":  # eager only: the model's attention does not go through the interface
        return False
    model.set_attn_implementation(NAME)
    if config._attn_implementation == NAME and keeps_rows_apart(model):
        return True
    model.set_attn_implementation(before)
    return False


def reads_plainly(config) -> bool:
    """False for attention that attend() does not do: softcapped, with sinks, in windows shorter than rows."""
    text = config.get_text_config()
    odd = ("attn_logit_softcapping", "sliding_window", "attention_chunk_size")
    windows = getattr(text, "use_sliding_window", True)  # Qwen2 names a window and does not use it
    return not any(getattr(text, name, None) for name in odd if windows or name != "sliding_window")


def keeps_rows_apart(model) -> bool:
    """Whether the logits of packed rows are those of each row alone, to within rounding.

    Random tokens, so a row that sees another one's words changes by about as much as logits vary: 1, against
    1e-6 in float32 and some 1e-2 in 16 bits.
    """
    import torch

    device = model.get_input_embeddings().weight.device
    generator = torch.Generator().manual_seed(0)
    most = min(model.get_input_embeddings().weight.shape[0], 1000)
    ids = [torch.randint(most, (length,), generator=generator).tolist() for length in TRIED]
    rows = [{"input_ids": each, "labels": [IGNORE] * len(each)} for each in ids]
    was = model.training
    model.eval()
    try:
        packed = _logits(model, pack(rows), device)
        alone = torch.cat([_logits(model, pack([row]), device) for row in rows])
    finally:
        enter(None)
        model.train(was)
    difference = (packed - alone).norm() / (alone - alone.mean(dim=1, keepdim=True)).norm()
    return bool(difference < 0.1)


def _logits(model, batch: dict, device):
    """The logits of a packed batch, (tokens, vocabulary) in float32."""
    import torch

    enter(batch["lengths"], device)
    ids, positions = (batch[name].to(device) for name in ("input_ids", "position_ids"))
    with torch.no_grad():
        return model(input_ids=ids, position_ids=positions, use_cache=False).logits[0].float()
