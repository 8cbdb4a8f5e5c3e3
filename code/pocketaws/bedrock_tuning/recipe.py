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
TOKENS_AT_ONCE = 6144  # about 340 MB of activations; 16 of the course's dialogues have 2,600


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
        value = backward(model, [rows[row] for row in chosen])
        optimizer.step(settings["learning_rate"] * rate(step, len(steps), settings["warmup_steps"]))
        if not math.isfinite(value):
            raise NotANumber(f"the training loss is {value} at step {step}")
        tell({"step": step, "epoch": epoch, "loss": value})
        if step + 1 == len(steps) or steps[step + 1][0] != epoch:
            for number, held_out in enumerate(validations):
                held_out_loss = mean_loss(model, held_out)
                tell({"step": step, "epoch": epoch, "validation": number, "loss": held_out_loss})


def backward(model: LoraLlama, rows) -> float:
    """Leave the gradient of a step's mean loss in the adapter; that loss.

    Rows go through the model in parts of at most TOKENS_AT_ONCE, which bounds the memory and changes nothing:
    the gradient of the merged weights is the sum over the parts, and goes on to A and B once.
    """
    weights = model.step_weights()
    leaves = {name: weight.detach().requires_grad_(weight.requires_grad) for name, weight in weights.items()}
    labels = sum(end - start for row in rows for start, end in row.answers)
    total = 0.0
    for part in parts(rows):
        loss = loss_sum(leaves, model.shape, batch_of(part)) / labels
        loss.backward()
        total += loss.item()
    learning = [name for name, weight in weights.items() if weight.requires_grad]
    torch.autograd.backward([weights[name] for name in learning], [leaves[name].grad for name in learning])
    return total


def parts(rows) -> Iterator[list]:
    """The rows, shortest first, in parts of at most TOKENS_AT_ONCE with padding; a longer row is alone."""
    part: list = []
    for row in sorted(rows, key=lambda each: len(each.ids)):
        if part and (len(part) + 1) * len(row.ids) > TOKENS_AT_ONCE:
            yield part
            part = []
        part.append(row)
    if part:
        yield part


@torch.no_grad()
def mean_loss(model: LoraLlama, rows) -> float:
    """The mean cross entropy over every label of some rows."""
    weights = model.step_weights()
    total = labels = 0.0
    for part in parts(rows):
        batch = batch_of(part)
        total += loss_sum(weights, model.shape, batch).item()
        labels += len(batch.labels)
    return total / labels
