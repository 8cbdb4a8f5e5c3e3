"""Runs that others measured and published, and how far the plan is from each.

    lesson.table(errors())          # each run: tokens a second and GB, measured, planned, error
    print(summary())

All read 2026-11. Memory is of one GPU, without CUDA's own. Each is planned as it was run: those in parts cut
the adapter and its optimizer up as well, which this course's script does not.

    Qwen        "Profiling of Memory and Speed" in README.md of github.com/QwenLM/Qwen: A100 80 GB, rank 64,
                one row a forward pass, 8 a step, checkpointing (finetune/*.sh). 72B: 4 GPUs, ZeRO 3
    fsdp_qlora  benchmarks_03_2024.md of github.com/AnswerDotAI/fsdp_qlora: FSDP, rank 64, checkpointing, the
                time of 1,024 rows of 2,048 tokens; memory is what two RTX 3090 had reserved
    torchtune   README.md of github.com/pytorch/torchtune as of 2024-10: 2 packed rows of 2,048 tokens a GPU,
                no dropout, checkpointing, torch.compile, a loss in 8 chunks; 8B: memory of one GPU
    LitGPT      tutorials/resource-tables.md of github.com/Lightning-AI/litgpt, 2023-10-20: memory of one
                A100, rank 8 on queries and values, Alpaca's longest row of 1,304 tokens

Qwen's Q-LoRA stores weights by GPTQ and not in NF4, and LitGPT's by a bitsandbytes (0.41) that kept the
inputs of 4-bit layers; nothing was fitted to them, and they show what the plan does where it was not made
for. Left out: LitGPT's runs on several GPUs, whose peak is that of loading, and its speeds, whose rows have
any length; speeds on an RTX 4090 and an A6000, which AWS does not rent. A local job has no GPU to compare.
"""

import functools
import math
import statistics
from dataclasses import dataclass

from tuneaws.plan.rates import tokens_per_s
from tuneaws.sizing.activations import Setting
from tuneaws.sizing.catalogue import BaseModel, Shape, find
from tuneaws.sizing.memory import GB
from tuneaws.sizing.sharding import sharded_memory


@dataclass(frozen=True)
class Run:
    """One measured run; tokens_per_s is of all GPUs, gb of one; None: not given.

    ours      whether weights are stored as this course does: only such runs have a part in the rates
    reserved  gb is what PyTorch's allocator had reserved; else what was in tensors
    """

    source: str
    model: BaseModel
    setting: Setting
    gpu: str
    gpus: int = 1
    sharded: bool = False
    tokens_per_s: float | None = None
    gb: float | None = None
    ours: bool = True
    reserved: bool = True


def _shape(name: str, layers: int, hidden: int, heads: int, kv_heads: int, feed_forward: int,
           vocabulary: int, family: str = "qwen2") -> BaseModel:
    """A model that is not in the catalogue any more; sizes from its config.json, heads of 128."""
    shape = Shape(family, layers, hidden, heads, kv_heads, 128, feed_forward, vocabulary, False, 8192,
                  qkv_bias=family == "qwen2")
    return BaseModel(name, name, "unknown", False, shape, 0)


QWEN = {
    "1.8b": _shape("qwen-1.8b", 24, 2048, 16, 16, 5504, 151936),
    "7b": _shape("qwen-7b", 32, 4096, 32, 32, 11008, 151936),
    "14b": _shape("qwen-14b", 40, 5120, 40, 40, 13696, 152064),
    "72b": _shape("qwen-72b", 80, 8192, 64, 64, 24576, 152064),
}
LLAMA_70B = _shape("llama-2-70b", 80, 8192, 64, 8, 28672, 32000, "llama")
YI_34B = _shape("yi-34b", 60, 7168, 56, 8, 20480, 64000, "llama")
LENGTHS = (256, 512, 1024, 2048, 4096, 8192)
# fsdp_qlora's train.py adapts these by default
ALL_BUT_O = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj", "down_proj")

# method, size, GPUs, (GB of all GPUs, seconds a step) for each of LENGTHS
_QWEN_TABLE = [
    ("lora", "1.8b", 1, (6.7, 1.0), (7.4, 1.0), (8.4, 1.1), (11.0, 1.7), (16.2, 3.3), (21.8, 6.8)),
    ("lora", "7b", 1, (20.1, 1.2), (20.4, 1.5), (21.5, 2.8), (23.8, 5.2), (29.7, 10.1), (36.6, 21.3)),
    ("lora", "14b", 1, (34.6, 1.6), (35.1, 2.4), (35.3, 4.4), (37.4, 8.4), (42.5, 17.0), (55.2, 36.0)),
    ("lora", "72b", 4, (215.4, 17.6), (217.7, 20.5), (222.6, 29.4), (228.8, 45.7), (249.0, 83.4),
     (289.2, 161.5)),
    ("qlora", "1.8b", 1, (5.8, 1.4), (6.0, 1.4), (6.6, 1.4), (7.8, 2.0), (10.2, 3.4), (15.8, 6.5)),
    ("qlora", "7b", 1, (11.5, 3.0), (11.5, 3.0), (12.3, 3.5), (13.9, 7.0), (16.9, 11.6), (23.5, 22.3)),
    ("qlora", "14b", 1, (18.7, 5.3), (18.4, 6.3), (18.9, 8.2), (19.9, 11.8), (23.0, 20.1), (27.9, 38.3)),
    ("qlora", "72b", 1, (61.4, 27.4), (61.4, 31.5), (62.9, 41.4), (64.1, 59.5), (68.0, 97.7), (75.6, 179.8)),
]


def _qwen() -> list[Run]:
    found = []
    for method, size, gpus, *cells in _QWEN_TABLE:
        for tokens, (gb, seconds) in zip(LENGTHS, cells, strict=True):
            setting = Setting(method, tokens, 1, rank=64, checkpointing=True, padded=False)
            name = "Qwen" if method == "lora" else "Qwen, GPTQ"
            speed = 8 * gpus * tokens / seconds
            found.append(Run(name, QWEN[size], setting, "A100 80 GB", gpus, gpus > 1, speed, gb / gpus,
                             ours=method == "lora"))
    return found


def _answer_ai(model: BaseModel, method: str, gpu: str, gpus: int, rows: int,
               seconds: float | None = None, gib: float | None = None, tokens: int = 2048,
               sharded: bool = True) -> Run:
    setting = Setting(method, tokens, rows, rank=64, targets=ALL_BUT_O, checkpointing=True, padded=False)
    speed = 1024 * tokens / seconds if seconds else None
    return Run("fsdp_qlora", model, setting, gpu, gpus, sharded, speed, gib and gib * 2**30 / GB)


def _litgpt(name: str, method: str, rows: int, gb: float) -> Run:
    setting = Setting(method, 1304, rows, rank=8, targets=("q_proj", "v_proj"), padded=False)
    return Run("LitGPT", find(name), setting, "A100", gb=gb, ours=method == "lora", reserved=False)


def _torchtune(name: str, method: str, gpus: int, rank: int, gib: float, speed: float | None = None) -> Run:
    setting = Setting(method, 2048, 2, rank=rank, dropout=False, checkpointing=True, padded=False,
                      labels=1 / 8)
    gpu = "A100 80 GB" if gpus > 1 else "RTX 4090"
    return Run("torchtune", find(name), setting, gpu, gpus, gpus > 1, speed, gib * 2**30 / GB, reserved=False)


_7B = find("llama-2-7b")
RUNS: list[Run] = [
    *_qwen(),
    _answer_ai(LLAMA_70B, "qlora", "A100", 2, 1, 3277),
    _answer_ai(LLAMA_70B, "qlora", "A100", 4, 4, 1266),
    _answer_ai(LLAMA_70B, "qlora", "A100", 8, 4, 672),
    _answer_ai(LLAMA_70B, "qlora", "H100", 4, 8, 667),
    _answer_ai(_7B, "qlora", "RTX 3090", 2, 1, gib=4.98, tokens=512),
    _answer_ai(_7B, "qlora", "RTX 3090", 2, 1, gib=5.21),
    _answer_ai(_7B, "lora", "RTX 3090", 2, 1, gib=10.24, tokens=512),
    _answer_ai(_7B, "lora", "RTX 3090", 2, 1, gib=10.22),
    _answer_ai(_7B, "qlora", "RTX 3090", 2, 4, gib=11.22),
    _answer_ai(_7B, "qlora", "RTX 3090", 2, 10, gib=20.97),
    _answer_ai(_7B, "lora", "RTX 3090", 2, 4, gib=16.14),
    _answer_ai(_7B, "lora", "RTX 3090", 2, 6, gib=21.35),
    _answer_ai(_7B, "qlora", "RTX 3090", 2, 8, gib=20.94, sharded=False),
    _answer_ai(_7B, "lora", "RTX 3090", 2, 4, gib=22.04, sharded=False),
    _answer_ai(YI_34B, "qlora", "RTX 3090", 2, 2, gib=23.05),
    _torchtune("llama-3.1-8b", "lora", 1, 8, 16.2),
    _torchtune("llama-3.1-8b", "qlora", 1, 8, 7.4),
    _torchtune("llama-3.3-70b", "lora", 8, 16, 27.6, 3497),
    _litgpt("llama-2-7b", "lora", 1, 21.30),
    _litgpt("llama-2-7b", "lora", 2, 29.07),
    _litgpt("llama-2-13b", "lora", 1, 38.12),
    _litgpt("llama-2-7b", "qlora", 1, 13.84),
    _litgpt("llama-2-13b", "qlora", 1, 22.55),
]


def planned(run: Run) -> tuple[float | None, float | None]:
    """The plan's (tokens a second, GB of one GPU without CUDA's own) for a run; None as there."""
    speed = gb = None
    if run.tokens_per_s:
        speed = tokens_per_s(run.model, run.setting, run.gpu, run.gpus, run.sharded)
    if run.gb:
        need = sharded_memory(run.model, run.setting, run.gpus if run.sharded else 1, all_in_parts=True)
        beside = need.terms["CUDA"] + (0 if run.reserved else need.terms["fragmentation"])
        gb = need.likely_gb - beside / GB
    return speed, gb


def errors(runs: list[Run] | None = None) -> list[dict]:
    """Rows for a table: every measured run, the plan for it, and the error of both; none is left out."""
    rows = []
    for run in RUNS if runs is None else runs:
        speed, gb = planned(run)
        s = run.setting
        rows.append({
            "source": run.source, "model": run.model.name, "method": s.method,
            "GPUs": f"{run.gpus} x {run.gpu}{', in parts' if run.sharded else ''}",
            "rows": f"{s.rows} x {s.tokens}",
            "tokens/s": run.tokens_per_s and round(run.tokens_per_s), "planned": speed and round(speed),
            "error": _percent(speed, run.tokens_per_s), "GB": run.gb and round(run.gb, 1),
            "planned GB": gb and round(gb, 1), "error GB": _percent(gb, run.gb), "stored as here": run.ours,
        })  # fmt: skip
    return rows


def _percent(value: float | None, truth: float | None) -> str | None:
    return f"{value / truth - 1:+.0%}" if value and truth else None


def deviations(what: str, ours: bool = True) -> list[float]:
    """|planned / measured - 1| of every run that has it; what: "speed" or "memory"."""
    found = []
    for run in RUNS:
        at = ("speed", "memory").index(what)
        truth, value = (run.tokens_per_s, run.gb)[at], planned(run)[at]
        if truth and run.ours == ours:
            found.append(abs(value / truth - 1))
    return found


def summary() -> str:
    """How far the plan is from all of them, in four lines."""
    lines = []
    for what in ("speed", "memory"):
        for ours, name in ((True, "weights stored as here"), (False, "stored otherwise")):
            values = deviations(what, ours)
            lines.append(f"{what:6} {len(values):3} runs, {name}: median error "
                         f"{statistics.median(values):.0%}, largest {max(values):.0%}")
    return "\n".join(lines)


@functools.cache
def spread() -> float:
    """The factor within which the speeds of nine of ten runs lie, such as 1.15: the range of an answer."""
    runs = [run for run in RUNS if run.ours and run.tokens_per_s]
    ratios = sorted(abs(math.log(planned(run)[0] / run.tokens_per_s)) for run in runs)
    return math.exp(ratios[math.ceil(0.9 * len(ratios)) - 1])
