"""The lines a run prints. A line that starts with [metric] has one form, which metric regexes can read."""

import importlib.metadata
import json
import math
import platform
import resource
import sys
import time
from pathlib import Path

import distributed
from arguments import UserError

FORMATS = {
    "loss": "{:.6f}", "eval_loss": "{:.6f}", "train_loss": "{:.6f}", "learning_rate": "{:.3e}",
    "epoch": "{:.3f}", "tokens_per_s": "{:.1f}", "train_runtime_s": "{:.1f}", "peak_memory_mb": "{:.0f}",
}  # fmt: skip


def say(line: str) -> None:
    """Print one line and flush it: a log that comes late looks like a job that hangs. Rank 0 alone prints."""
    if distributed.is_first():
        print(line, flush=True)


def metric_line(**values) -> str:
    """metric_line(step=12, loss=1.7) → "[metric] step=12 loss=1.700000"; nan and inf are written so."""
    words = [f"{name}={FORMATS.get(name, '{}').format(value)}" for name, value in values.items()]
    return f"[metric] {' '.join(words)}"


def versions() -> str:
    """Such as "python 3.11.9, torch 2.13.0, transformers 5.23.0, peft 0.21.2, bitsandbytes 0.50.2"."""
    found = [f"python {platform.python_version()}"]
    for name in ("torch", "transformers", "peft", "bitsandbytes"):
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


def peak_memory_mb() -> float:
    """The most memory the run held so far: of the GPU if there is one, else of the process."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)  # macOS counts bytes, Linux kilobytes


def make_reporter(trainer):
    """A callback that prints the metric lines of `trainer` and keeps them as dicts in `.history`."""
    from transformers import TrainerCallback

    class Reporter(TrainerCallback):
        def __init__(self):
            self.history: list[dict] = []
            self.loss_sum = self.trained_tokens = 0.0
            self.reported_step = 0
            self.since = self.began = time.perf_counter()
            self.runtime_s = 0.0  # of the runs that this one goes on from

        def state(self) -> dict:
            """What a checkpoint keeps of the report, for restore()."""
            loss, tokens = self._window()
            return {
                "history": self.history, "loss_sum": self.loss_sum, "trained_tokens": self.trained_tokens,
                "reported_step": self.reported_step, "window_loss": loss,
                "window_tokens": tokens / distributed.world(), "rate": trainer.rate,
                "runtime_s": self.runtime_s + time.perf_counter() - self.began,
            }  # fmt: skip

        def restore(self, state: dict) -> None:
            """Go on with the report of a checkpoint."""
            for name in ("history", "loss_sum", "trained_tokens", "reported_step", "runtime_s"):
                setattr(self, name, state[name])
            for name in ("window_loss", "window_tokens", "rate"):
                setattr(trainer, name, state[name])

        def report(self, **values) -> None:
            self.history.append(values)
            say(metric_line(**values))

        def has_just_evaluated(self) -> bool:
            return bool(self.history) and "eval_loss" in self.history[-1]

        def on_train_begin(self, args, state, control, **kwargs):
            self.since = time.perf_counter() - trainer.paused_s

        def on_step_end(self, args, state, control, **kwargs):
            control.should_log |= (
                state.global_step >= state.max_steps
            )  # the last steps, before they are evaluated
            if trainer.stop.agree():
                control.should_training_stop = True
                control.should_evaluate = False
                control.should_save = args.save_strategy != "no"  # there are two minutes for it

        def on_log(self, args, state, control, logs=None, **kwargs):
            if "eval_loss" in logs:
                self.report(step=state.global_step, eval_loss=logs["eval_loss"])
            elif "loss" in logs:
                self._close_window(state)

        def on_train_end(self, args, state, control, **kwargs):
            if state.global_step > self.reported_step:
                self._close_window(state)

        def _window(self) -> tuple[float, float]:
            """The losses of the steps since the last report, summed, and their tokens, of all ranks."""
            loss, tokens = distributed.totals(float(trainer.window_loss), float(trainer.window_tokens))
            return loss / distributed.world(), tokens

        def _close_window(self, state) -> None:
            """Report the steps since the last report: their mean loss, tokens trained a second."""
            loss, tokens = self._window()
            steps = state.global_step - self.reported_step
            now = time.perf_counter() - trainer.paused_s
            self.report(
                step=state.global_step, loss=loss / steps, learning_rate=trainer.rate,
                epoch=float(state.epoch), tokens_per_s=tokens / max(now - self.since, 1e-9),
            )  # fmt: skip
            self.loss_sum += loss
            self.trained_tokens += tokens
            self.reported_step, self.since = state.global_step, now
            trainer.window_loss = trainer.window_tokens = 0.0
            if not math.isfinite(loss):
                raise UserError(
                    f"the loss is {loss} at step {state.global_step}: training has diverged.\n"
                    f"Fix: lower learning_rate (now {trainer.args.learning_rate:g}) or raise warmup_ratio."
                )

    return Reporter()


def write_metrics(
    folder: Path, args, history: list[dict], reports: list, final: dict, stopped: bool, run: dict
) -> None:
    """Write train_metrics.json: what was asked, what the data was, every metric line, the last figures.

    run   what else repeats it, see provenance.py
    """
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "versions": versions(),
        "stopped_early": stopped,
        "arguments": {
            key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items()
        },
        "data": {report.channel: vars(report) for report in reports},
        "run": run,
        "history": history,
        "final": final,
    }
    (folder / "train_metrics.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
