"""A Gaussian process over points between 0 and 1: what value to expect where nobody has looked.

Matérn 5/2 with one length for every dimension, values made to mean 0 and deviation 1; length and noise are
those of a small grid under which the seen values are likeliest. Plain Python: a tuning job has tens of
jobs, not thousands, and 50 points take 0.1 s.
"""

import math

LENGTHS = (0.1, 0.2, 0.4, 0.8, 1.6)
NOISES = (1e-4, 1e-2, 1e-1)


class GaussianProcess:
    """Fitted to points (lists of numbers from 0 to 1) and their values; at least one of them."""

    def __init__(self, points: list, values: list[float]):
        self._points = points
        self._mean = math.fsum(values) / len(values)
        spread = math.sqrt(math.fsum((value - self._mean) ** 2 for value in values) / len(values))
        self._spread = spread or 1.0
        shown = [(value - self._mean) / self._spread for value in values]
        fits = [(_fit(points, shown, length, noise), length) for length in LENGTHS for noise in NOISES]
        (self._likelihood, self._factor, self._weights), self._length = max(fits, key=lambda fit: fit[0][0])

    def expect(self, point: list) -> tuple[float, float]:
        """(mean, deviation) of the value at a point."""
        near = [matern(point, other, self._length) for other in self._points]
        mean = math.fsum(a * b for a, b in zip(near, self._weights, strict=True))
        solved = _forward(self._factor, near)
        variance = max(1.0 - math.fsum(value * value for value in solved), 1e-12)
        return self._mean + self._spread * mean, self._spread * math.sqrt(variance)


def expected_improvement(mean: float, deviation: float, best: float) -> float:
    """How far under `best` a value with this mean and deviation is expected to come; 0 or more."""
    distance = (best - mean) / deviation
    density = math.exp(-0.5 * distance * distance) / math.sqrt(2 * math.pi)
    below = 0.5 * math.erfc(-distance / math.sqrt(2))
    return deviation * (distance * below + density)


def matern(left: list, right: list, length: float) -> float:
    """Matérn 5/2 kernel: 1 for the same point, towards 0 far away."""
    distance = math.sqrt(5.0) * math.dist(left, right) / length
    return (1.0 + distance + distance * distance / 3.0) * math.exp(-distance)


def _fit(points: list, values: list[float], length: float, noise: float) -> tuple[float, list, list]:
    """(log likelihood, Cholesky factor, weights of the points)."""
    count = len(points)
    kernel = [[matern(a, b, length) for b in points] for a in points]
    for i in range(count):
        kernel[i][i] += noise
    factor = _cholesky(kernel)
    half = _forward(factor, values)
    weights = _backward(factor, half)
    determinant = math.fsum(math.log(factor[i][i]) for i in range(count))
    return -0.5 * math.fsum(v * v for v in half) - determinant, factor, weights


def _cholesky(matrix: list) -> list:
    """The lower triangle L with L·Lᵀ = matrix, which is symmetric and positive."""
    count = len(matrix)
    factor = [[0.0] * count for _ in range(count)]
    for i in range(count):
        for j in range(i + 1):
            left = matrix[i][j] - math.fsum(factor[i][k] * factor[j][k] for k in range(j))
            factor[i][j] = math.sqrt(max(left, 1e-12)) if i == j else left / factor[j][j]
    return factor


def _forward(factor: list, values: list[float]) -> list[float]:
    """x of L·x = values."""
    solved: list[float] = []
    for i, row in enumerate(factor):
        solved.append((values[i] - math.fsum(row[k] * solved[k] for k in range(i))) / row[i])
    return solved


def _backward(factor: list, values: list[float]) -> list[float]:
    """x of Lᵀ·x = values."""
    count = len(values)
    solved = [0.0] * count
    for i in reversed(range(count)):
        after = math.fsum(factor[k][i] * solved[k] for k in range(i + 1, count))
        solved[i] = (values[i] - after) / factor[i][i]
    return solved
