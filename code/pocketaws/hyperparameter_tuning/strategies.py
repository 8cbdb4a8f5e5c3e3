"""Random, Grid and Bayesian: which combination of hyperparameters to try next.

As "Understand the hyperparameter tuning strategies" of the developer guide describes them (2026-11). How
AWS's Bayesian search works inside is not public; this one draws a few combinations by chance and then takes
the one of many from which a Gaussian process expects the largest improvement.
"""

import itertools
import random

from pocketaws.hyperparameter_tuning.gaussian_process import GaussianProcess, expected_improvement
from pocketaws.hyperparameter_tuning.ranges import Choices

FIRST_BY_CHANCE = 3  # combinations, before there is anything to learn from
CANDIDATES = 200  # combinations that Bayesian compares
APART = 0.25  # how far a categorical value stands from the others: measured, 0.25 found better places than 1
ATTEMPTS = 50  # draws, to find a combination that was not tried yet


class RandomSearch:
    """Combinations by chance; one that was tried comes again only when no other is found."""

    def __init__(self, ranges: list, seed: int | None):
        self._ranges, self._chance = ranges, random.Random(seed)

    def next(self, tried: list[dict], results: list[tuple[dict, float]]) -> dict | None:
        """The next combination {name: text}; None when there is none left.

        tried     every combination so far       results   those with a value; the lower the better
        """
        for _ in range(ATTEMPTS):
            combination = {each.name: each.draw(self._chance) for each in self._ranges}
            if combination not in tried:
                break
        return combination


class GridSearch:
    """Every combination of the categorical ranges once, in the order of the request."""

    def __init__(self, ranges: list, seed: int | None):
        names = [each.name for each in ranges]
        values = itertools.product(*(each.values for each in ranges))
        self._left = iter([dict(zip(names, each, strict=True)) for each in values])

    def next(self, tried: list[dict], results: list[tuple[dict, float]]) -> dict | None:
        """The next combination {name: text}; None when all were tried."""
        return next(self._left, None)


class BayesianSearch:
    """The combination that promises most, by what the jobs before have shown."""

    def __init__(self, ranges: list, seed: int | None):
        self._ranges = ranges
        self._random = RandomSearch(ranges, seed)

    def next(self, tried: list[dict], results: list[tuple[dict, float]]) -> dict | None:
        """The next combination {name: text}; like RandomSearch's while there are few results.

        A combination that runs already counts as one that came out as expected there, so that two jobs at
        the same time try different things.
        """
        if len(results) < FIRST_BY_CHANCE:
            return self._random.next(tried, results)
        points = [self.point(combination) for combination, _ in results]
        values = [value for _, value in results]
        known = [combination for combination, _ in results]
        for combination in tried:
            if combination not in known:
                expected, _ = GaussianProcess(points, values).expect(self.point(combination))
                points, values = [*points, self.point(combination)], [*values, expected]
        process, best = GaussianProcess(points, values), min(values)
        candidates = [self._random.next(tried, results) for _ in range(CANDIDATES)]
        return max(candidates, key=lambda each: expected_improvement(*process.expect(self.point(each)), best))

    def point(self, combination: dict) -> list[float]:
        """A combination as numbers from 0 to 1; a categorical one as one number for each of its values."""
        point: list[float] = []
        for each in self._ranges:
            text = combination[each.name]
            if isinstance(each, Choices):
                point += [APART * (text == value) for value in each.values]
            else:
                point.append(each.place(text))
        return point


STRATEGIES = {"Random": RandomSearch, "Grid": GridSearch, "Bayesian": BayesianSearch}
