"""Checkpoints that are whole or not there, and going on from the newest one.

    class ChatTrainer(WholeCheckpoints, Trainer)     saves so
    begin(trainer, reporter)                         trains, from the newest whole checkpoint if there is one

A checkpoint is what the Trainer of transformers saves (adapter, optimizer, schedule, random numbers, step)
and the report so far, written to a folder aside; last of all comes whole.json, the size and SHA-256 of
every file, and then the folder gets its name. SageMaker copies it to S3 file by file while the job runs,
and back to a new instance after a spot interruption: what came only in part does not fit its whole.json,
and the one before it is taken. Rows are not seen twice and none is left out, because the plan of the rows
(batches.py) depends on nothing but the step: on a CPU a run ends bit for bit as if nothing had happened.
"""

import hashlib
import json
import os
import shutil
from array import array
from pathlib import Path

from arguments import UserError
from reporting import say

MANIFEST, PREFIX, ASIDE = "whole.json", "checkpoint-", "unfinished-"
KEEP = 2  # the newest, and the one before it should the newest not be whole in S3
# What may be another in the run that goes on: it changes where and how things are shown, not what is learned.
FREE = {
    "logging_steps", "eval_steps", "save_steps", "per_device_eval_batch_size", "merge_weights", "training",
    "validation", "model", "model_dir", "output_data_dir", "checkpoint_dir", "gradient_checkpointing",
    "per_device_train_batch_size", "gradient_accumulation_steps",
}  # fmt: skip


class WholeCheckpoints:
    """In front of transformers' Trainer: its checkpoints become whole or nothing.

    made_by    what the training is (made_by()); goes into each checkpoint
    reporter   the callback whose report so far goes in too
    """

    made_by: dict = {}
    reporter = None
    _aside: Path | None = None

    def _get_output_dir(self, trial=None) -> str:
        return str(self._aside) if self._aside else super()._get_output_dir(trial)

    def _save_checkpoint(self, model, trial) -> None:
        step = self.state.global_step
        folder = Path(self.args.output_dir)
        self._aside = folder / f"{ASIDE}{step}"
        try:
            super()._save_checkpoint(model, trial)
            self.accelerator.wait_for_everyone()  # each process saves its own random numbers
            report = self.reporter.state()  # on every process: it adds up what they have
            if self.args.local_process_index == 0:
                written = self._aside / f"{PREFIX}{step}"
                if self.args.should_save:
                    seal(written, {"step": step, "made_by": self.made_by, "report": report})
                put_in_place(written, folder / written.name)
        finally:
            self._aside = None


def seal(folder: Path, about: dict) -> None:
    """Write whole.json: the files of a folder with size and hash, and what `about` says."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    found = {path.relative_to(folder).as_posix(): measure(path) for path in files}
    text = json.dumps({**about, "files": found}) + "\n"
    with open(folder / MANIFEST, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def put_in_place(written: Path, target: Path) -> None:
    """Give a finished checkpoint its name, and remove those before the last KEEP of them."""
    if target.exists():  # this step was saved before: an interruption took the run back
        shutil.rmtree(target)
    os.replace(written, target)
    shutil.rmtree(written.parent)
    for old in by_step(target.parent)[KEEP:]:
        shutil.rmtree(old)


def measure(path: Path) -> list:
    """[bytes, SHA-256 in hex] of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return [path.stat().st_size, digest.hexdigest()]


def by_step(folder: Path) -> list[Path]:
    """The checkpoints of a folder, whole or not, newest first."""
    found = [path for path in folder.glob(f"{PREFIX}*") if path.name.removeprefix(PREFIX).isdigit()]
    return sorted(found, key=lambda path: -int(path.name.removeprefix(PREFIX)))


def flaw(folder: Path) -> str:
    """Why a checkpoint is not whole, "" if it is."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"it has no {MANIFEST}"
    except ValueError:
        return f"its {MANIFEST} is cut off"
    for name, (size, digest) in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size:,} of {size:,} bytes"
        if measure(path)[1] != digest:
            return f"{name} is not what was written"
    return ""


def newest(folder: Path, made_by: dict) -> tuple[Path, dict] | None:
    """The newest whole checkpoint and its whole.json; None without one. Says which it passes over, and why.

    Raises  UserError if another training made it.
    """
    for left in folder.glob(f"{ASIDE}*"):
        shutil.rmtree(left, ignore_errors=True)
    for path in by_step(folder):
        why = flaw(path)
        if why:
            say(f"[resume] {path.name} is not whole: {why}. Looking at the one before it")
            continue
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        _check_same(path, manifest["made_by"], made_by)
        return path, manifest
    return None


def _check_same(path: Path, then: dict, now: dict) -> None:
    unlike = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
    if unlike:
        seen = "; ".join(f"{name} was {then.get(name)!r}, is {now.get(name)!r}" for name in unlike)
        raise UserError(
            f"{path} was made by another training: {seen}.\n"
            "Fix: another checkpoint_s3_uri (or --checkpoint_dir), or the settings and the data from then."
        )


def made_by(args, plan, rows: list[dict]) -> dict:
    """What decides what a training learns: arguments, data, rows a step, as JSON gives them back."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(array("q", [len(row["input_ids"]), *row["input_ids"], *row["labels"]]).tobytes())
    settings = {name: value for name, value in vars(args).items() if name not in FREE}
    whole = {**settings, "rows": digest.hexdigest(), "rows_a_step": plan.rows_a_step}
    return json.loads(json.dumps(whole, default=str))


def begin(trainer, reporter) -> float:
    """Train from the newest whole checkpoint on, or from the start; the seconds that earlier runs took.

    Without save_steps none is looked for.
    """
    trainer.reporter = reporter
    saves = trainer.args.save_strategy != "no"
    found = newest(Path(trainer.args.output_dir), trainer.made_by) if saves else None
    if found is None:
        trainer.train()
        return 0.0
    path, manifest = found
    reporter.restore(manifest["report"])
    step, last = manifest["step"], trainer.args.max_steps
    last = last if last > 0 else trainer.plan.steps(trainer.args.num_train_epochs)
    say(f"[resume] from step {step:,} of {last:,}: {path}")
    if step < last:
        trainer.train(resume_from_checkpoint=str(path))
    else:
        _load_finished(trainer, path)
    return manifest["report"]["runtime_s"]


def _load_finished(trainer, path: Path) -> None:
    """The state after the last step: the Trainer would train one step more."""
    from transformers import TrainerState

    trainer.model.load_adapter(str(path), "default", is_trainable=True)
    trainer.state = TrainerState.load_from_json(str(path / "trainer_state.json"))
