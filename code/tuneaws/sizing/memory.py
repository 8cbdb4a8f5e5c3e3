"""The GPU memory that training takes, term by term, computed from a model's shape.

    need = memory_needed(find("llama-3.2-1b"), Setting("qlora", tokens=1024, rows=4))
    print(need)                             # every term in GB, and the sum with its range
    need.likely_gb, need.low_gb, need.high_gb

It is the memory of one GPU that holds the whole model, for container/training's way to train: autocast to 16
bits, adapters in float32, scaled_dot_product_attention. GB are 1e9 bytes. Each term is a function of plain
numbers, its formula and where that is from in its docstring; `h` is hidden, `f` feed_forward, `T` tokens a
row. tests/test_memory.py compares them with torch, with bitsandbytes and with measurements that others
published.
"""

from dataclasses import dataclass
from math import ceil

from tuneaws.sizing.activations import Setting, activation_bytes, adapter_layers, workspace_bytes
from tuneaws.sizing.catalogue import BaseModel, linear_layers, parameters

GB = 1e9

# What CUDA and its libraries take beside PyTorch's own memory. Three reports of "CUDA out of memory" give it
# as "this process has … in use" less what PyTorch allocated and reserved: 0.50, 0.49 and 0.49 GiB
# (QwenLM/Qwen3-VL issue 2097, an L40; lianqi1008/Control-GIC issue 6 and TianheWu/CoSeR issue 10, A100; read
# 2026-11).
CUDA_CONTEXT = 0.5 * 2**30
# Reserved by PyTorch's allocator but in no tensor: 3.8, 5.9 and 6.9 % of what is allocated in those reports.
FRAGMENTATION = 0.06
# Activations depend on versions and kernels: measured against formula in tests/test_memory.py.
DOUBT = 0.15


@dataclass(frozen=True)
class Memory:
    """Terms in bytes, in the order they are printed; their sum is the likely peak."""

    model: str
    setting: Setting
    terms: dict

    @property
    def likely_gb(self) -> float:
        """All terms together."""
        return sum(self.terms.values()) / GB

    @property
    def low_gb(self) -> float:
        """With activations, logits and workspace 15 % smaller, and nothing lost to fragmentation."""
        return self.likely_gb - (DOUBT * self._passing() + self.terms["fragmentation"]) / GB

    @property
    def high_gb(self) -> float:
        """With activations, logits and workspace 15 % larger, and all gradients at the same time."""
        return self.likely_gb + (DOUBT * self._passing() - self.terms["shared"]) / GB

    def _passing(self) -> float:
        return sum(self.terms[name] for name in ("activations", "logits", "workspace"))

    def __str__(self) -> str:
        s = self.setting
        lines = [f"{self.model}, {s.method}, {s.rows} rows × {s.tokens} tokens"
                 + (", activations computed twice" if s.checkpointing else "")]
        lines += [f"{name:14} {size / GB:8.2f} GB" for name, size in self.terms.items()]
        lines.append(f"{'sum':14} {self.likely_gb:8.2f} GB   from {self.low_gb:.1f} to {self.high_gb:.1f}")
        return "\n".join(lines)


def nf4_bytes(numbers: int) -> int:
    """Bytes of one matrix in NF4 with double quantization, as bitsandbytes stores it.

    Half a byte a number; a one-byte scale for every 64 numbers; a float32 for every 256 of these scales; and
    1,092 bytes of tables a matrix: 16 and 256 float32 of the two codes, and an offset (arXiv 2305.14314,
    section 3).
    """
    scales = ceil(numbers / 64)
    return ceil(numbers / 2) + scales + 4 * ceil(scales / 256) + 4 * (16 + 256 + 1)


def quantized_layers(model: BaseModel) -> list:
    """The matrices that become 4-bit. transformers leaves T5's `wo` whole (_keep_in_fp32_modules, 5.23)."""
    return [layer for layer in linear_layers(model) if (model.shape.family, layer.name) != ("t5", "wo")]


def weight_bytes(model: BaseModel, method: str) -> int:
    """Bytes of the base model: 2 a parameter; with "qlora" its quantized_layers() in NF4, the rest 2.

    With "full" 6: float32, and the 16-bit copy that autocast makes of every weight and keeps for the backward
    pass.
    """
    if method != "qlora":
        return parameters(model) * (6 if method == "full" else 2)
    small = quantized_layers(model)
    rest = parameters(model) - sum(layer.count * layer.n_in * layer.n_out for layer in small)
    return 2 * rest + sum(layer.count * nf4_bytes(layer.n_in * layer.n_out) for layer in small)


def adapter_parameters(model: BaseModel, rank: int, targets=None) -> int:
    """rank × (n_in + n_out) for each matrix that is adapted (arXiv 2106.09685)."""
    return sum(layer.count * rank * (layer.n_in + layer.n_out) for layer in adapter_layers(model, targets))


def adapter_bytes(model: BaseModel, rank: int, targets=None) -> int:
    """6 bytes a parameter: PEFT makes them float32, and autocast keeps a 16-bit copy."""
    return 6 * adapter_parameters(model, rank, targets)


def optimizer_bytes(trained: int, optimizer: str, rows_and_columns: int = 0) -> int:
    """Bytes of the optimizer's state for `trained` parameters in float32.

    adamw 8: two float32 averages. adamw_8bit, paged or not, 2 and two float32 scales for every 256 parameters
    (arXiv 2110.02861; measured with bitsandbytes 0.50); paged may move to the host. adafactor 4 for each row
    and column, which is why it takes their number (arXiv 1804.04235). sgd without momentum: nothing.
    """
    if optimizer.endswith("8bit"):
        return 2 * trained + 8 * ceil(trained / 256)
    return {"adamw": 8 * trained, "adafactor": 4 * rows_and_columns, "sgd": 0}[optimizer]


def logits_bytes(vocabulary: int, labelled: int) -> int:
    """Bytes of the loss at its peak: 12 for each token with a label and each word of the vocabulary.

    Three float32 tensors meet in the backward pass: the log of the softmax, its gradient and that of the
    logits. In the forward pass it is 10: 16-bit logits, their float32 copy, and the log of the softmax.
    """
    return 12 * vocabulary * labelled


def memory_needed(model: BaseModel, setting: Setting) -> Memory:
    """Every term for one model and one way to train it, in bytes; see Setting, and the functions for
    formulas.

    "shared" is negative: gradients come as activations and logits go, so the smaller of the two takes no
    room.
    """
    full = setting.method == "full"
    trained = parameters(model) if full else adapter_parameters(model, setting.rank, setting.targets)
    logits = logits_bytes(model.shape.vocabulary, round(setting.rows * setting.tokens * setting.labels))
    terms = {
        "weights": weight_bytes(model, setting.method),
        "adapter": 0 if full else adapter_bytes(model, setting.rank, setting.targets),
        "optimizer": optimizer_bytes(trained, setting.optimizer, _rows_and_columns(model, setting)),
        "gradients": 4 * trained,
        "activations": activation_bytes(model, setting),
        "logits": logits,
        # The logits are gone when the backward pass reaches the layers: only what a layer takes beyond them
        # counts.
        "workspace": max(0, workspace_bytes(model, setting) - logits),
    }
    terms["shared"] = -min(terms["gradients"], terms["activations"] + logits)
    terms["fragmentation"] = FRAGMENTATION * sum(terms.values())
    return Memory(model.name, setting, {**terms, "CUDA": CUDA_CONTEXT})


def _rows_and_columns(model: BaseModel, setting: Setting) -> int:
    """Rows and columns of all matrices that are trained; an adapter has two for each that it adapts."""
    if setting.method == "full":
        return sum(layer.count * (layer.n_in + layer.n_out) for layer in linear_layers(model))
    return sum(layer.count * (layer.n_in + layer.n_out + 2 * setting.rank)
               for layer in adapter_layers(model, setting.targets))
