"""Time two things against each other in one run, and say how they compare."""

import statistics
import time
from collections.abc import Callable


def interleaved(sides: dict[str, Callable], rounds: int, warm_up: int = 0) -> dict[str, list[float]]:
    """Run the sides in turns, A B then B A, so that neither gets the better half of a drifting machine.

    sides   {name: a function}; what it returns counts as the seconds, None: the time that it took
    Returns {name: [seconds of each round]}, without the warm-up rounds.
    """
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(-warm_up, rounds):
        names = list(sides) if turn % 2 == 0 else list(reversed(sides))
        for name in names:
            seconds = timed(sides[name])
            if turn >= 0:
                taken[name].append(seconds)
    return taken


def timed(function: Callable) -> float:
    """Seconds of wall time that a call took, or those that it returns."""
    started = time.perf_counter()
    own = function()
    return time.perf_counter() - started if own is None else own


def ratio(taken: dict[str, list[float]], over: str, under: str) -> float:
    """Median of one side divided by the median of the other."""
    return statistics.median(taken[over]) / statistics.median(taken[under])


def difference(taken: dict[str, list[float]], more: str, less: str) -> float:
    """Median of one side minus the median of the other, seconds."""
    return statistics.median(taken[more]) - statistics.median(taken[less])


def medians(taken: dict[str, list[float]], scale: float = 1.0, unit: str = "s") -> str:
    """Such as "pocketaws 4.10 ms, moto 5.90 ms; medians of 100"."""
    parts = [f"{name} {statistics.median(each) * scale:.2f} {unit}" for name, each in taken.items()]
    return f"{', '.join(parts)}; medians of {len(next(iter(taken.values())))}"
