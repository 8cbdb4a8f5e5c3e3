"""Names and ranges of a family's hyperparameters, and what they mean for the model that stands in.

The ranges are in bedrock/foundation_models.json, from "Custom model hyperparameters" (Bedrock user guide,
custom-models-hp, read 2026-11).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pocketaws.bedrock_tuning.training_rules import Problem

# Bedrock's learning rates are made for models a thousand times as large as the one that is tuned here: 1e-5
# would leave it as it was. So each family's default stands for the rate that is right for the local model,
# and other rates keep their proportion to it: twice the default is twice the local rate.
LOCAL_RATE = 6e-3
DEFAULT_RATE, DEFAULT_EPOCHS, DEFAULT_WARMUP = "1e-5", "1", "0"


@dataclass(frozen=True)
class Settings:
    """What the trainer is told: passes over the rows, the local learning rate, steps until it is reached."""

    epochs: int
    learning_rate: float
    warmup_steps: int


def problems(given: dict[str, str], limits: dict) -> Iterator[Problem]:
    """Hyperparameters that a family does not have, or not with this value."""
    ranges = limits.get("hyperparameters", {})
    for name, text in given.items():
        if name not in ranges:
            there = ", ".join(ranges) or "none"
            yield Problem(
                0, "unknown-hyperparameter", f"{name} is not one of this model's: {there}.", "job's"
            )
            continue
        number = _number(text, ranges[name]["kind"])
        if number is None:
            kind = "a whole number" if ranges[name]["kind"] == "integer" else "a number"
            yield Problem(
                0, "hyperparameter-not-a-number", f"{name} is {text!r:.60} and not {kind}.", "job's"
            )
        elif not ranges[name]["min"] <= number <= ranges[name]["max"]:
            between = f"{ranges[name]['min']} to {ranges[name]['max']}"
            yield Problem(
                0, "hyperparameter-out-of-range", f"{name} is {text}, outside of {between}.", "job's"
            )


def settings(given: dict[str, str], limits: dict) -> Settings:
    """The trainer's settings of hyperparameters without problems; what is left out has the family's default.

    batchSize is held to its range and means nothing here: a step has 16 rows.
    """
    ranges = limits.get("hyperparameters", {})
    default = {name: row.get("default") for name, row in ranges.items()}
    chosen = {**default, **given}
    usual = float(default.get("learningRate") or DEFAULT_RATE)
    return Settings(
        epochs=int(chosen.get("epochCount") or DEFAULT_EPOCHS),
        learning_rate=float(chosen.get("learningRate") or usual) / usual * LOCAL_RATE,
        warmup_steps=int(chosen.get("learningRateWarmupSteps") or DEFAULT_WARMUP),
    )


def _number(text: str, kind: str) -> float | None:
    try:
        number = int(text) if kind == "integer" else float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
