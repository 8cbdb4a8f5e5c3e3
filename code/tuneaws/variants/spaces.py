"""What to try: every combination of a few values, or combinations by chance.

    grid({"learning_rate": [2e-3, 6e-3], "lora_r": [8, 16]})                       4 variants
    random({"learning_rate": log_uniform(1e-3, 2e-2), "lora_r": [4, 8, 16]}, 6)    6 variants

A variant is a dict of hyperparameters that take the place of the configuration's. Chance finds good learning
rates with fewer jobs than a grid, because no two of its jobs have the same one (Bergstra and Bengio, "Random
Search for Hyper-Parameter Optimization", JMLR 13, 2012).
"""

import itertools
import math
import random as chance
from dataclasses import dataclass

DIGITS = 3  # of a number drawn by chance: 0.00612 says all that a table needs
ATTEMPTS = 1000  # draws, to find variants that are not the same


@dataclass(frozen=True)
class Choice:
    """One of some values. A plain list means the same."""

    values: tuple


@dataclass(frozen=True)
class Numbers:
    """A range of numbers; low and high belong to it. scale: "Linear" or "Logarithmic"."""

    low: float
    high: float
    scale: str = "Linear"
    whole: bool = False

    def __post_init__(self):
        if not self.low <= self.high:
            raise ValueError(f"the range goes from {self.low} to {self.high}. Fix: the smaller one first")
        if self.scale == "Logarithmic" and self.low <= 0:
            raise ValueError(f"a logarithmic range begins over 0, not at {self.low}. Fix: uniform()")

    def draw(self, source: chance.Random):
        """A value by chance, on the range's scale."""
        if self.whole:
            return source.randint(int(self.low), int(self.high))
        if self.scale == "Logarithmic":
            value = math.exp(source.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = source.uniform(self.low, self.high)
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)


def choice(*values) -> Choice:
    """One of these values."""
    return Choice(values)


def uniform(low: float, high: float) -> Numbers:
    """Any number from low to high."""
    return Numbers(float(low), float(high))


def log_uniform(low: float, high: float) -> Numbers:
    """Any number from low to high, each power of ten as likely as the next: for learning rates."""
    return Numbers(float(low), float(high), "Logarithmic")


def whole(low: int, high: int) -> Numbers:
    """Any whole number from low to high."""
    return Numbers(int(low), int(high), whole=True)


def grid(space: dict) -> list:
    """Every combination of the values: [{"learning_rate": 2e-3, "lora_r": 8}, ...].

    space   {name: list of values}      Raises  ValueError for a range, which has no end of values
    """
    lists = {name: _values(name, each) for name, each in checked(space).items()}
    return [dict(zip(lists, each, strict=True)) for each in itertools.product(*lists.values())]


def random(space: dict, n: int, seed: int = 7) -> list:
    """`n` different combinations by chance; the same seed gives the same ones.

    space   {name: list of values, choice(), uniform(), log_uniform() or whole()}
    Raises  ValueError if there are no `n` different ones
    """
    source, found = chance.Random(seed), []
    checked(space)
    for _ in range(ATTEMPTS):
        if len(found) == n:
            return found
        variant = {name: _draw(each, source) for name, each in space.items()}
        if variant not in found:
            found.append(variant)
    raise ValueError(f"only {len(found)} different variants were found, not {n}. Fix: a smaller n, or grid()")


def checked(space: dict) -> dict:
    """Return the space. Raises ValueError for an empty one, or a value that is no list and no range."""
    if not space:
        raise ValueError('there is nothing to vary. Fix: {"learning_rate": [2e-3, 6e-3]}')
    for name, each in space.items():
        if not isinstance(each, (list, tuple, Choice, Numbers)):
            raise ValueError(f"{name} is {each!r}. Fix: a list of values, or a range such as uniform(0, 1)")
        if not isinstance(each, Numbers) and not _list(each):
            raise ValueError(f"{name} has no values to try. Fix: a list of at least one")
    return space


def _values(name: str, each) -> list:
    if isinstance(each, Numbers):
        raise ValueError(f"{name} is a range; a grid needs a list of values. Fix: a list, or random()")
    return _list(each)


def _list(each) -> list:
    return list(each.values if isinstance(each, Choice) else each)


def _draw(each, source: chance.Random):
    return each.draw(source) if isinstance(each, Numbers) else source.choice(_list(each))
