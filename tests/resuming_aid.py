"""Runs of the training script that are cut off: in this process, or as a program in another environment.

    python resuming_aid.py FOLDER SEED CUTS      prints drill() as JSON
"""

import contextlib
import hashlib
import json
import random
import signal
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))  # as a program under -P or from elsewhere
import tiny_chat
from tiny_chat import chat_rows, write_jsonl

STEPS, ROWS, SAVE_STEPS = 24, 61, 3
SETTINGS = {
    "max_steps": STEPS, "learning_rate": "1e-2", "per_device_train_batch_size": 4, "lora_r": 8,
    "gradient_accumulation_steps": 2, "lora_dropout": 0.1, "logging_steps": 5, "eval_steps": 10,
    "save_steps": SAVE_STEPS, "quantization": "none", "max_seq_length": 512,
}  # fmt: skip


class Cut(BaseException):
    """The instance is gone: nothing of the script may catch it."""


class Bench:
    """A tiny model and its rows in a folder, and runs over them, each with its own folders."""

    def __init__(self, root: Path):
        self.root = root
        self.base = tiny_chat.make_model(root / "base", dtype="float32")
        write_jsonl(root / "training" / "train.jsonl", chat_rows(ROWS))
        write_jsonl(root / "validation" / "validation.jsonl", chat_rows(16, seed=1))
        self.seen: dict[int, list[str]] = {}  # step → its micro-batches, the newest time that it was trained

    def run(self, name: str, checkpoints: str | None = None, cut=None, out=None, **changes) -> dict | None:
        """Train; what came of it, None if it was cut off.

        cut      called with the trainer before each forward pass: raises Cut where the instance is lost
        out      takes what the script prints
        """
        import train_qlora
        from arguments import parse_arguments
        from trainer import ChatTrainer

        folders = {
            "training": self.root / "training", "validation": self.root / "validation",
            "model_id": self.base, "model_dir": self.root / name / "model",
            "output_data_dir": self.root / name / "data",
            "checkpoint_dir": self.root / (checkpoints or name) / "checkpoints",
        }  # fmt: skip
        words = {**SETTINGS, **folders, **changes}
        arguments = [str(word) for key, value in words.items() for word in (f"--{key}", value)]
        step_as_it_is, handler = ChatTrainer.training_step, signal.getsignal(signal.SIGTERM)
        seen, begun = self.seen, set()

        def training_step(trainer, model, inputs, *rest, **named):
            if cut:
                cut(trainer)
            step = trainer.state.global_step
            if step not in begun:
                begun.add(step)
                seen[step] = []
            seen[step].append(hashlib.sha256(inputs["input_ids"].numpy().tobytes()).hexdigest())
            return step_as_it_is(trainer, model, inputs, *rest, **named)

        ChatTrainer.training_step = training_step
        try:
            with contextlib.redirect_stdout(out or sys.stderr):
                train_qlora.run(parse_arguments(arguments, ""), train_qlora.read_data)
        except Cut:
            return None
        finally:
            ChatTrainer.training_step = step_as_it_is
            signal.signal(signal.SIGTERM, handler)
        return self.result(name)

    def result(self, name: str) -> dict:
        """The adapter's hash, the metric lines and the final figures, without seconds and memory."""
        document = json.loads((self.root / name / "data" / "train_metrics.json").read_text())
        adapter = (self.root / name / "model" / "adapter_model.safetensors").read_bytes()
        history = [{k: v for k, v in row.items() if k != "tokens_per_s"} for row in document["history"]]
        final = {k: document["final"][k] for k in ("train_loss", "trained_tokens")}
        return {"adapter": hashlib.sha256(adapter).hexdigest(), "history": history, "final": final}


def at_pass(number: int):
    """Lose the instance before the forward pass of this number, two to a step, of this run."""
    passes = [0]

    def cut(trainer):
        passes[0] += 1
        if passes[0] > number:
            raise Cut

    return cut


def drill(bench: Bench, seed: int, alone: dict | None = None, cuts: int = 3) -> dict:
    """One run left alone, one interrupted at points drawn by chance: what came of both.

    alone   the run left alone, if there was one already
    A point is a forward pass, two to a step: 15 of them reach the second checkpoint of an attempt at most.
    """
    chance = random.Random(seed)
    if alone is None:
        bench.seen = {}
        alone = {**bench.run(f"alone-{seed}"), "seen": bench.seen}
    bench.seen, points = {}, []
    for _ in range(cuts):
        points.append(chance.randrange(16))
        assert bench.run(f"cut-{seed}", cut=at_pass(points[-1])) is None, points
    came = bench.run(f"cut-{seed}")
    return {"points": points, "alone": alone, "interrupted": {**came, "seen": bench.seen}}


if __name__ == "__main__":
    print(json.dumps(drill(Bench(Path(sys.argv[1])), int(sys.argv[2]), cuts=int(sys.argv[3]))))
