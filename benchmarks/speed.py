"""How fast the training script trains on this machine, 4-bit and whole, and how long it takes to begin."""

from collections.abc import Iterator
from pathlib import Path

import jobs
from report import Figure


def tokens(out: Path, steps: int) -> Iterator[Figure]:
    """Tokens a second of one run each with quantization nf4 and none, by the script's own count."""
    data = jobs.chat_rows(out)
    for quantization, name in (("nf4", "QLoRA (4-bit base)"), ("none", "LoRA (whole base)")):
        settings = {**jobs.SETTINGS, "max_steps": steps, "quantization": quantization}
        hand = jobs.HandSide(out, jobs.source(), "train_qlora.py", settings, data)
        seconds = hand.run()
        final = hand.metrics()["final"]
        loop_s = final["train_runtime_s"]
        detail = (f"{final['trained_tokens']:,} tokens in {steps} steps of 16 rows, {loop_s:.1f} s; "
                  f"{seconds - loop_s:.1f} s around it; peak {final['peak_memory_mb']:.0f} MiB")  # fmt: skip
        yield Figure("trainer", name, final["trained_tokens"] / loop_s, "tokens/s", detail=detail)
