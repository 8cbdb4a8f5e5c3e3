"""Which instances a model can be tuned on, what an hour and a job of it cost, and in which precision it must
run.

    table(choices(find("llama-2-7b"), Setting("qlora", 1024, 1, checkpointing=True)))
    print(fits(find("llama-2-7b"), "ml.g5.4xlarge", Setting("lora")))

One GPU holds the whole model here: an instance with four GPUs trains four copies, it does not add their
memory up. A g5.4xlarge has ONE A10G of 24 GB, as every ml.g5 up to 16xlarge has; prices.INSTANCES says what
is inside which.
"""

from dataclasses import dataclass

from tuneaws import prices
from tuneaws.sizing.activations import Setting
from tuneaws.sizing.catalogue import BaseModel
from tuneaws.sizing.memory import GB, Memory, memory_needed

# GiB that PyTorch finds on a card: less than its name says where ECC takes a part. From reports of "CUDA out
# of memory", read 2026-11: T4 Zheng-Chong/CatVTON issue 133; A10G (a g5.12xlarge)
# XavierXiao/Dreambooth-Stable-Diffusion issue 18; L40S stepfun-ai/Step-Video-T2V issue 8; A100 TianheWu/CoSeR
# issue 10; V100 Morizeyao/GPT2-Chinese issue 104. The L4 is taken to have what the A10G has (its 23,034 MiB:
# NVIDIA/TensorRT-LLM issue 2398), the H100 what an A100 of 80 GB has (79.14 GiB: lianqi1008/Control-GIC issue
# 6).
USABLE_GIB = {"T4": 14.56, "V100": 15.75, "A10G": 22.2, "L4": 22.0, "L40S": 44.42, "A100": 39.5, "H100": 79.1}

# CUDA's compute capability, https://developer.nvidia.com/cuda-gpus, 2026-11. bfloat16 begins with 8.0,
# Ampere.
CAPABILITY = {"V100": 7.0, "T4": 7.5, "A100": 8.0, "A10G": 8.6, "L4": 8.9, "L40S": 8.9, "H100": 9.0}

# Families that leave float16's range, 65,504: huggingface/transformers issue 23918 (flan-t5-xl trains to NaN)
# and issue 36822 (Gemma 3), read 2026-11.
LEAVES_FLOAT16 = ("t5", "gemma3_text")


@dataclass(frozen=True)
class Fit:
    """An answer: verdict "yes", "tight" or "no"; the memory needed and there, in GB of one GPU; advice."""

    instance_type: str
    gpu: str
    gpus: int
    verdict: str
    need: Memory
    usable_gb: float
    advice: str

    def __str__(self) -> str:
        need = self.need
        there = (f"one {self.gpu} of {self.instance_type} has {self.usable_gb:.1f} GB" if self.gpu else
                 f"{self.instance_type} has none")
        return (f"{self.verdict}: {need.model} with {need.setting.method} needs {need.likely_gb:.1f} GB of a "
                f"GPU ({need.low_gb:.1f} to {need.high_gb:.1f}), {there}. {self.advice}").rstrip()


def precision(gpu: str) -> str:
    """The 16-bit type to compute in: "bfloat16" where the GPU has it, "float16" on a V100 or T4."""
    return "bfloat16" if CAPABILITY[gpu] >= 8 else "float16"


def usable_gb(instance_type: str) -> float:
    """GB (1e9 bytes) that one GPU of an instance has; 0 without a GPU. Raises prices.PriceError."""
    if instance_type not in prices.INSTANCES:
        raise prices.PriceError(f"{instance_type} is not in this course's table of instances.\n"
                                f"Fix: one of {', '.join(prices.INSTANCES)}")
    gpu = prices.INSTANCES[instance_type][3]
    return USABLE_GIB[gpu] * 2**30 / GB if gpu else 0.0


def fits(model: BaseModel, instance_type: str, setting: Setting) -> Fit:
    """Say whether a model can be trained so on one GPU of an instance.

    "yes": even the high estimate fits. "no": not even the low one does. "tight": between; try it with few
    steps.
    Raises  prices.PriceError for an unknown instance
    """
    usable, need = usable_gb(instance_type), memory_needed(model, setting)
    gpus, gpu = prices.INSTANCES[instance_type][2:4]
    verdict = "yes" if need.high_gb <= usable else "no" if need.low_gb > usable else "tight"
    return Fit(instance_type, gpu, gpus, verdict, need, usable, _advice(model, gpu, setting, verdict))


def _advice(model: BaseModel, gpu: str, setting: Setting, verdict: str) -> str:
    said = []
    if gpu and precision(gpu) == "float16":
        said.append(f"A {gpu} has no bfloat16: it computes in float16.")
        if model.shape.family in LEAVES_FLOAT16:
            said.append("This family overflows in it: take another GPU.")
    if gpu and verdict != "yes":
        said.append(f"To need less: {_cheaper(setting)}.")
    return " ".join(said)


def _cheaper(setting: Setting) -> str:
    """The steps that save memory and that this setting has not taken, the one that costs least first."""
    steps = [("fewer rows a batch and more accumulation", setting.rows > 1),
             ("gradient checkpointing", not setting.checkpointing),
             ("qlora", setting.method != "qlora"), ("shorter rows", setting.tokens > 256)]
    return ", ".join(step for step, left in steps if left) or "a smaller model"


def choices(model: BaseModel, setting: Setting, region: str = "us-east-1", job_tokens: float | None = None,
            tokens_per_s: dict | None = None) -> list[dict]:
    """Rows of the instances with a GPU, the ones that fit first, then by price.

    job_tokens    tokens of the whole job; with tokens_per_s it is sorted by dollars a job, else by dollars an
                  hour
    tokens_per_s  what was measured, by instance type, or by GPU for instances with one of it
    Returns       fits, GB needed and there, USD/h (None: no price seen in that region), hours and USD a job
    """
    rows = []
    for name, (_, _, gpus, gpu, _, _) in prices.INSTANCES.items():
        if not gpus:
            continue
        fit = fits(model, name, setting)
        row = {"instance": name, "GPU": f"{gpus} x {gpu}", "fits": fit.verdict,
               "need GB": round(fit.need.likely_gb, 1), "of GB": round(fit.usable_gb, 1),
               "USD/h": _usd_per_hour(name, region)}
        if job_tokens:
            known = tokens_per_s or {}
            rate = known.get(name) or (known.get(gpu) if gpus == 1 else None)
            hours = job_tokens / rate / 3600 if rate else None
            row["hours"] = hours and round(hours, 2)
            row["USD/job"] = round(hours * row["USD/h"], 2) if hours and row["USD/h"] else None
        rows.append(row)
    return sorted(rows, key=_order)


def _order(row: dict) -> tuple:
    """No last; then what has a price; then the price of the job, or of an hour."""
    price = row.get("USD/job") if "USD/job" in row else row["USD/h"]
    return (row["fits"] == "no", price is None, price or 0, row["USD/h"] or 0)


def _usd_per_hour(instance_type: str, region: str) -> float | None:
    try:
        return prices.training_price(instance_type, region).usd_per_hour
    except prices.PriceError:
        return None


# A piece of the bar: its terms, its shade, its hatch. They differ in grey and by hatch.
PIECES = {
    "base weights": (("weights",), "0.25", ""),
    "adapter, gradients, optimizer": (("adapter", "gradients", "optimizer", "shared"), "0.7", ""),
    "activations": (("activations",), "#4f9bd6", "//"),
    "logits, one layer's work": (("logits", "workspace"), "#f4a259", ".."),
    "gaps and CUDA": (("fragmentation", "CUDA"), "1.0", ""),
}


def plot_memory(needs: list, cards: dict, title: str, ax=None):
    """Draw each Memory as a bar of its terms with its range, and the cards as lines; return the axes.

    needs  Memory objects, the uppermost bar first
    cards  {"A10G": 23.8, …}, GB that can be used, from usable_gb()
    title  the message
    """
    import matplotlib.pyplot as plt

    ax = ax or plt.subplots(figsize=(8.5, 1.6 + 0.5 * len(needs)))[1]
    places = range(len(needs))
    left = [0.0] * len(needs)
    for piece, (terms, shade, hatch) in PIECES.items():
        sizes = [sum(need.terms[term] for term in terms) / GB for need in needs]
        ax.barh(places, sizes, 0.6, left, color=shade, hatch=hatch, edgecolor="black", linewidth=0.6,
                label=piece)
        left = [start + size for start, size in zip(left, sizes, strict=True)]
    ranges = [[need.likely_gb - need.low_gb for need in needs],
              [need.high_gb - need.likely_gb for need in needs]]
    ax.errorbar(left, places, xerr=ranges, fmt="none", ecolor="black", capsize=4, label="range")
    for row, (card, size) in enumerate(sorted(cards.items(), key=lambda pair: pair[1])):
        ax.axvline(size, color="black", linestyle="--", linewidth=1, zorder=0)
        ax.annotate(card, (size, 1), (0, 4 + 11 * (row % 2)), xycoords=("data", "axes fraction"),
                    textcoords="offset points", ha="center", fontsize=8)
    ax.set_yticks(places, [_label(need) for need in needs])
    ax.invert_yaxis()
    ax.set_xlabel("GB of one GPU")
    ax.set_title(title, loc="left", pad=28, fontsize=11)
    below = -0.5 / (0.1 + 0.5 * len(needs))
    ax.legend(ncol=3, fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.4, below))
    return ax


def _label(need: Memory) -> str:
    s = need.setting
    return (f"{need.model}, {s.method}{', checkpointing' if s.checkpointing else ''}\n"
            f"{s.rows} × {s.tokens} tokens")
