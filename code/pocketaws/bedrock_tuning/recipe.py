"""How the adapter learns: which rows make a step, the learning rate of each step, the losses on the way."""

import math
import random
from collections.abc import Callable, Iterator

import torch

from pocketaws.bedrock_tuning.llama import batch_of, loss_sum
from pocketaws.bedrock_tuning.lora import LoraLlama
from pocketaws.bedrock_tuning.muon import Muon

ROWS_A_STEP = 16
WINDOW = 50 * ROWS_A_STEP  # rows of like length are looked for among so many
SEED = 0


class NotANumber(Exception):
    """The loss is no number any more."""


def plan(lengths: list[int], epochs: int, seed: int = SEED) -> Iterator[tuple[int, list[int]]]:
    """(epoch, rows) of each step. Every row comes once an epoch; rows of like length share a step."""
    draw = random.Random(seed)
    for epoch in range(epochs):
        order = list(range(len(lengths)))
        draw.shuffle(order)
        steps = []
        for start in range(0, len(order), WINDOW):
            some = sorted(order[start : start + WINDOW], key=lambda row: lengths[row])
            steps += [some[at : at + ROWS_A_STEP] for at in range(0, len(some), ROWS_A_STEP)]
        draw.shuffle(steps)
        yield from ((epoch, rows) for rows in steps)


def rate(step: int, steps: int, warmup: int) -> float:
    """The share of the learning rate in a step: rising for `warmup` steps, then a half cosine to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def tune(model: LoraLlama, rows, settings: dict, validations, tell: Callable[[dict], None]) -> None:
    """Train the adapter. `tell` gets {"step", "epoch", "loss"} of each step, and after each epoch
    {"step", "epoch", "validation", "loss"} of each validation file, numbered from 0.

    rows, settings   rows.Row's; {"epochs", "learning_rate", "warmup_steps"}
    Raises NotANumber when the loss has become infinite or no number.
    """
    optimizer = Muon(model.parameters())
    steps = list(plan([len(row.ids) for row in rows], settings["epochs"]))
    for step, (epoch, chosen) in enumerate(steps):
        batch = batch_of([rows[row] for row in chosen])
        loss = loss_sum(model.step_weights(), model.shape, batch) / len(batch.labels)
        loss.backward()
        optimizer.step(settings["learning_rate"] * rate(step, len(steps), settings["warmup_steps"]))
        value = loss.item()
        if not math.isfinite(value):
            raise NotANumber(f"the training loss is {value} at step {step}")
        tell({"step": step, "epoch": epoch, "loss": value})
        if step + 1 == len(steps) or steps[step + 1][0] != epoch:
            for number, held_out in enumerate(validations):
                tell(
                    {
                        "step": step,
                        "epoch": epoch,
                        "validation": number,
                        "loss": mean_loss(model, held_out),
                    }
                )


@torch.no_grad()
def mean_loss(model: LoraLlama, rows) -> float:
    """The mean cross entropy over every label of some rows."""
    weights = model.step_weights()
    ordered = sorted(rows, key=lambda row: len(row.ids))
    total = labels = 0.0
    for start in range(0, len(ordered), 2 * ROWS_A_STEP):
        batch = batch_of(ordered[start : start + 2 * ROWS_A_STEP])
        total += loss_sum(weights, model.shape, batch).item()
        labels += len(batch.labels)
    return total / labels
