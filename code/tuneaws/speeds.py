"""How many tokens a job trains on, and how fast a machine trains: counted, measured, or said to be assumed.

    tokens = count_tokens("build/train.jsonl", tokenizer, max_tokens=1024)
    speed = measured(sm, tags, "ml.g5.xlarge") or assumed(494_000_000, "ml.g5.xlarge")

Trust a measured speed most, then tuneaws.plan.speed(), which needs the model's layers (sizing.catalogue) and
how its rows are laid out. assumed() needs a number of parameters only, and is the roughest.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tuneaws import prices, training_jobs

# English, where no tokenizer is at hand: https://platform.openai.com/tokenizer, 2026-11
CHARACTERS_PER_TOKEN = 4

# Dense 16-bit tensor TFLOPS of one GPU, from NVIDIA's data sheets (half of what they give "with sparsity");
# A10G, which has none, from https://www.baseten.co/blog/nvidia-a10-vs-a10g-for-ml-model-inference/, 2026-11.
PEAK_TFLOPS = {"T4": 65, "V100": 125, "A10G": 70, "L4": 121, "L40S": 362, "A100": 312, "H100": 989}
# The share of that peak which Q-LoRA reaches: from the table "Profiling of Memory and Speed" in the README of
# github.com/QwenLM/Qwen, one A100, batch 1, 8 accumulated, read 2026-11. Slow: 1.8B with rows of 256 tokens,
# 8 × 256 / 1.4 s = 1,463 tokens/s × 6 × 1.84e9 = 16 of 312 TFLOPS. Likely: 1.8B, 1,024: 8 × 1,024 / 1.4 s.
# Fast: 7B, 1,024: 8 × 1,024 / 3.5 s = 2,341 tokens/s × 6 × 7.72e9 = 108 TFLOPS.
SHARES = (0.05, 0.21, 0.35)
FLOPS_PER_PARAMETER = 6  # 2 forward, 2 to recompute it (gradient checkpointing), 2 back through a frozen base


@dataclass(frozen=True)
class Speed:
    """Tokens a second of one instance: slow, likely, fast; and how that is known."""

    slow: float
    likely: float
    fast: float
    source: str


@dataclass(frozen=True)
class Tokens:
    """How many tokens there are, in how many rows, and how that is known."""

    count: int
    rows: int
    source: str

    def __str__(self) -> str:
        return f"{self.count:,} tokens in {self.rows:,} rows ({self.source})"


def count_tokens(path, tokenizer=None, max_tokens: int | None = None, sample: int = 500) -> Tokens:
    """Count the tokens of a training JSONL file, in constant memory.

    tokenizer   text -> {"input_ids": [...]} or a list; how many characters a token has is found in the first
                `sample` rows. None: 4 characters, and it says so
    max_tokens  a longer row is cut to so many, as the training script does
    Raises      ValueError if there is no text
    """
    first = list(islice(_rows(path), sample))
    if not first:
        raise ValueError(f"{path} holds no text. Fix: one JSON object a line, such as tuneaws.data writes")
    per_token, source = float(CHARACTERS_PER_TOKEN), f"{CHARACTERS_PER_TOKEN} characters a token, assumed"
    if tokenizer is not None:
        per_token = sum(map(len, first)) / sum(_length(tokenizer(text)) for text in first)
        source = f"{per_token:.2f} characters a token, from {len(first):,} rows"
    rows, tokens = 0, 0.0
    for text in _rows(path):
        rows += 1
        length = len(text) / per_token
        tokens += min(length, max_tokens or length)
    return Tokens(round(tokens), rows, source)


def assumed(parameters: int, instance_type: str) -> Speed:
    """The speed that published measurements suggest for Q-LoRA on one GPU of an instance: an assumption.

    parameters  of the base model
    It knows the GPU's arithmetic and not its memory, and an L4's memory is half as fast as an A10G's: the
    order of two GPUs that are near each other is not certain. Its likely share is that of one row at a time
    on an A100, which waits for its next instruction with so small a model, and of activations computed twice.
    So it gives a 1B model 1,980 tokens a second on an A10G (470 to 3,300) and 3,430 on an L4 (820 to 5,700);
    plan.speed() gives it 4,120 (half to double) and 3,230, for 4 packed rows of 1,024. Of the two, trust the
    plan: its arithmetic is held against 29 runs, with an error of 7 % in the middle. measured() is better.
    Raises      prices.PriceError for an instance without a GPU, or one that is not in the table
    """
    gpu = gpu_of(instance_type)
    speeds = [share * PEAK_TFLOPS[gpu] * 1e12 / (FLOPS_PER_PARAMETER * parameters) for share in SHARES]
    slow, likely, fast = SHARES
    source = (f"ASSUMED: {likely:.0%} ({slow:.0%} to {fast:.0%}) of the {PEAK_TFLOPS[gpu]} TFLOPS of one "
              f"{gpu}, the share that Qwen's README measured on an A100")
    return Speed(*speeds, source)


def measured(sm, tags: dict, instance_type: str, base_model: str | None = None) -> Speed | None:
    """The speed of your completed jobs on that machine, from their own logs; None if there is none.

    base_model  only jobs whose hyperparameter base_model or model_id is this one
    The newest job's is the likely one; slow and fast are the others', of the last five. Not for local, where
    every instance type is this machine.
    """
    found = []
    for summary in training_jobs.find(sm, tags, "Completed"):
        job = training_jobs.get(sm, summary["TrainingJobName"])
        values = {each["MetricName"]: each["Value"] for each in job.get("FinalMetricDataList", [])}
        asked = job.get("HyperParameters", {})
        model = str(asked.get("base_model", asked.get("model_id", ""))).strip('"')
        same = job["ResourceConfig"].get("InstanceType") == instance_type and base_model in (None, model)
        if same and values.get("train:tokens_per_s"):
            found.append((values["train:tokens_per_s"], summary["TrainingJobName"]))
        if len(found) == 5:
            break
    if not found:
        return None
    speeds = [speed for speed, _ in found]
    return Speed(min(speeds), speeds[0], max(speeds), f"MEASURED by {found[0][1]} and {len(found) - 1} more")


def gpu_of(instance_type: str) -> str:
    """The GPU of an instance type, "A10G". Raises PriceError if it has none, or is not in the table."""
    gpu = prices.INSTANCES.get(instance_type, (0, 0, 0, "", 0, ""))[3]
    if gpu not in PEAK_TFLOPS:
        raise prices.PriceError(f"no GPU is known for {instance_type}, so there is no speed to assume.\n"
                                f"Fix: measured(), or one of {', '.join(prices.INSTANCES)}")
    return gpu


def _rows(path) -> Iterator[str]:
    """The text of each row that has some."""
    with Path(path).open(encoding="utf-8") as lines:
        for line in lines:
            text = "\n".join(_texts(json.loads(line))) if line.strip() else ""
            if text:
                yield text


def _length(tokenized) -> int:
    """How many tokens a tokenizer gave: it answers with a dict of lists, or with a list."""
    return len(tokenized["input_ids"]) if hasattr(tokenized, "keys") else len(tokenized)


def _texts(value) -> list:
    """Every string in a row, but the roles of its messages."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, each in value.items() if key != "role" for text in _texts(each)]
    return [text for each in value for text in _texts(each)] if isinstance(value, list) else []
