"""The values that a hyperparameter may have, and their place on a scale from 0 to 1.

Rules of "Define hyperparameter ranges" and "Hyperparameter scaling" (SageMaker developer guide, 2026-11):
Logarithmic is for ranges over 0; ReverseLogarithmic for continuous ranges within 0 <= x < 1. What Auto takes
is not documented; here it is Logarithmic when the largest value is at least 100 times the smallest, over 0.
"""

import math
import random
from dataclasses import dataclass

from pocketaws.errors import validation_error

AUTO_LOGARITHMIC = 100.0
KINDS = ("Integer", "Continuous", "Categorical")


@dataclass(frozen=True)
class Numbers:
    """An integer or a continuous range. low and high belong to it."""

    name: str
    low: float
    high: float
    whole: bool
    scale: str  # Linear, Logarithmic or ReverseLogarithmic

    size = None  # so many values; None: not to be counted

    def text(self, place: float) -> str:
        """The value at a place from 0 to 1, as the training job gets it."""
        low, high = self._on_scale(self.low), self._on_scale(self.high)
        value = self._from_scale(low + min(max(place, 0.0), 1.0) * (high - low))
        if self.whole:
            value = math.floor(value + 0.5)
        value = min(max(value, self.low), self.high)
        return str(int(value)) if self.whole else repr(float(value))

    def place(self, text: str) -> float:
        """Where a value stands between 0 and 1."""
        low, high = self._on_scale(self.low), self._on_scale(self.high)
        return (self._on_scale(float(text)) - low) / (high - low) if high > low else 0.0

    def draw(self, chance: random.Random) -> str:
        """A value by chance, even on the range's scale."""
        if self.whole and self.scale == "Linear":
            return str(chance.randint(int(self.low), int(self.high)))
        return self.text(chance.random())

    def _on_scale(self, value: float) -> float:
        if self.scale == "Logarithmic":
            return math.log(value)
        return -math.log1p(-value) if self.scale == "ReverseLogarithmic" else value

    def _from_scale(self, value: float) -> float:
        if self.scale == "Logarithmic":
            return math.exp(value)
        return -math.expm1(-value) if self.scale == "ReverseLogarithmic" else value


@dataclass(frozen=True)
class Choices:
    """A categorical range: its values as text, in the order of the request."""

    name: str
    values: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.values)

    def draw(self, chance: random.Random) -> str:
        """One of the values by chance."""
        return chance.choice(self.values)


def read(given: dict) -> list:
    """The ranges of a ParameterRanges. Raises a ValidationException for one that no value fits."""
    found = []
    for kind in KINDS:
        for each in given.get(f"{kind}ParameterRanges", []):
            values = tuple(each["Values"]) if kind == "Categorical" else ()
            if len(set(values)) < len(values):
                raise validation_error(f"The categorical range of {each['Name']!r} has a value twice.")
            found.append(Choices(each["Name"], values) if values else _numbers(each, whole=kind == "Integer"))
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise validation_error(f"The hyperparameter {name!r} has more than one range.")
    return found


def combinations(ranges: list) -> int | None:
    """How many combinations there are; None when a range is not categorical."""
    sizes = [each.size for each in ranges]
    return None if None in sizes else math.prod(sizes)


def _numbers(each: dict, whole: bool) -> Numbers:
    name, scale = each["Name"], each.get("ScalingType", "Auto")
    try:
        low, high = ((int if whole else float)(each[end]) for end in ("MinValue", "MaxValue"))
    except ValueError as err:
        kind = "an integer" if whole else "a number"
        raise validation_error(
            f"MinValue {each['MinValue']!r} and MaxValue {each['MaxValue']!r} of {name!r} have to be "
            f"{kind} each."
        ) from err
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise validation_error(f"MinValue {low} of {name!r} has to be finite and not over MaxValue {high}.")
    if scale == "Auto":
        scale = "Logarithmic" if low > 0 and high >= AUTO_LOGARITHMIC * low else "Linear"
    if scale == "Logarithmic" and low <= 0:
        raise validation_error(f"Logarithmic scaling of {name!r} needs values over 0; MinValue is {low}.")
    if scale == "ReverseLogarithmic" and (whole or low < 0 or high >= 1):
        raise validation_error(
            f"ReverseLogarithmic scaling of {name!r} is for continuous ranges within 0 <= x < 1."
        )
    return Numbers(name, low, high, whole, scale)
