"""How sure is a mean? Intervals by drawing the rows again and again: the bootstrap (Efron 1979).

    intervals([[36.0, 40.1], [12.5, 9.8], ...])     # a row for each test row, a column for each score
    # [Interval(mean=36.0, low=33.4, high=38.7), Interval(mean=38.2, low=...)]

The interval answers: had the test set been another 200 rows of the same kind, where would the mean have been?
It says nothing about rows of another kind, or about training again with another seed.
"""

from dataclasses import dataclass

import numpy as np

CHUNK = 2_000_000  # row numbers drawn at once: 16 MB


@dataclass(frozen=True)
class Interval:
    """A mean with the ends of its 95 % interval; None, None, None where there was nothing to average."""

    mean: float | None
    low: float | None
    high: float | None

    def overlaps(self, other: "Interval") -> bool:
        """Whether the two intervals have a value in common."""
        return self.low <= other.high and other.low <= self.high

    def __str__(self) -> str:
        return "" if self.mean is None else f"{self.mean:.1f} [{self.low:.1f}, {self.high:.1f}]"


def bootstrap_means(columns, resamples: int = 1000, seed: int = 7) -> np.ndarray:
    """Return the means of `columns` over rows drawn with replacement: an array of (resamples, columns).

    columns  array of (rows, columns). All columns share a draw, so two of them can be subtracted: a paired
             bootstrap. The same seed and number of rows draw the same rows.
    """
    columns = np.asarray(columns, dtype=float)
    rows, width = columns.shape
    pick = np.random.default_rng(seed)
    means = np.empty((resamples, width))
    at_once = max(1, CHUNK // rows)
    for start in range(0, resamples, at_once):
        stop = min(start + at_once, resamples)
        drawn = pick.integers(0, rows, size=(stop - start, rows))
        for column in range(width):
            means[start:stop, column] = columns[:, column][drawn].mean(axis=1)
    return means


def intervals(columns, resamples: int = 1000, seed: int = 7, level: float = 0.95) -> list:
    """Return one Interval for each column: its mean, and the middle `level` of the drawn means (percentiles).

    columns  array or list of lists, (rows, columns); no rows give intervals of None
    """
    columns = np.asarray(columns, dtype=float)
    if columns.shape[0] == 0:
        return [Interval(None, None, None)] * (columns.shape[1] if columns.ndim == 2 else 0)
    drawn = bootstrap_means(columns, resamples, seed)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return [Interval(*map(float, three)) for three in zip(columns.mean(axis=0), low, high, strict=True)]
