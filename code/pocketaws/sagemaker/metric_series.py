"""The values of metrics in the order they came, and what a trial component says of each.

A training job keeps what its regexes found in its log, a trial component what BatchPutMetrics brought. Count,
minimum, maximum, mean and deviation are of every value; the values themselves are kept up to MAX_POINTS.
What comes together is one entry of the store; a server that starts anew adds the entries up again, in their
order, so that every figure comes out the same.
"""

import logging
import math
import sqlite3
import threading
from dataclasses import dataclass, field
from datetime import datetime

from pocketaws.keeping import json_values
from pocketaws.keeping.store import StoreClosed

KIND = "metric-values"  # of the store's entries
log = logging.getLogger("pocketaws")
MAX_POINTS = 100_000  # values of one metric that can be asked for again; about 10 MB


@dataclass
class _Metric:
    """One metric: its points [(moment, step or None, value)], and figures over all values (Welford's way)."""

    points: list = field(default_factory=list)
    count: int = 0
    mean: float = 0.0
    squares: float = 0.0  # sum of the squared distances from the mean
    smallest: float = math.inf
    largest: float = -math.inf
    last: float = math.nan
    moment: datetime | None = None

    def add(self, value: float, moment: datetime, step: int | None) -> None:
        """Note one value."""
        self.count += 1
        distance = value - self.mean
        self.mean += distance / self.count
        self.squares += distance * (value - self.mean)
        self.smallest, self.largest = min(self.smallest, value), max(self.largest, value)
        self.last, self.moment = value, moment
        if len(self.points) < MAX_POINTS:
            self.points.append((moment, step, value))


class MetricSeries:
    """Metrics by name. Every method may be called from any thread."""

    def __init__(self):
        self._metrics: dict[str, _Metric] = {}
        self._lock = threading.Lock()
        self._store, self._owner, self._entries = None, "", 0

    def add(self, name: str, value: float, moment: datetime, step: int | None = None) -> None:
        """Note one value, a finite number, of the time `moment`."""
        self.add_all([(name, value, moment, step)])

    def add_all(self, rows: list[tuple]) -> None:
        """Note values that came together: [(name, value, moment, step or None)]."""
        with self._lock:
            self._count(rows)
            if self._store is not None and rows:
                text = json_values.write([[*row] for row in rows])
                try:
                    self._store.put(KIND, f"{self._owner} {self._entries}", text)
                except (sqlite3.Error, OSError, StoreClosed) as err:
                    log.error("%d metric values of %s could not be kept: %s", len(rows), self._owner, err)
                self._entries += 1

    def keep_in(self, store, owner: str) -> None:
        """Keep what is added from now on. owner: the ARN of whose metrics they are."""
        self._store, self._owner = store, owner

    def read(self, store, owner: str, entries: dict[int, list]) -> None:
        """Take up what a store has of this owner, by number, and keep there what is added from now on."""
        for number in sorted(entries):
            self._count(entries[number])
        self._store, self._owner, self._entries = store, owner, max(entries, default=-1) + 1

    def forget(self) -> None:
        """Take every value out of the store."""
        with self._lock:
            store, self._store = self._store, None
            if store is not None:
                store.change(deletes=[(KIND, f"{self._owner} {n}") for n in range(self._entries)])

    def _count(self, rows: list[tuple]) -> None:
        for name, value, moment, step in rows:
            self._metrics.setdefault(name, _Metric()).add(value, moment, step)

    def points(self, name: str) -> list[tuple]:
        """[(moment, step or None, value)] of one metric, oldest first; empty when there is none."""
        with self._lock:
            return list(self._metrics[name].points) if name in self._metrics else []

    def names(self) -> list[str]:
        """The metrics that have a value."""
        with self._lock:
            return list(self._metrics)

    def summaries(self, source_arn: str) -> list[dict]:
        """TrialComponentMetricSummary of each metric.

        StdDev is of the whole population: 0 for one value. API_TrialComponentMetricSummary (2026-11) does not
        say which of the two it is; chosen.
        """
        with self._lock:
            return [
                {
                    "MetricName": name,
                    "SourceArn": source_arn,
                    "TimeStamp": metric.moment,
                    "Max": metric.largest,
                    "Min": metric.smallest,
                    "Last": metric.last,
                    "Count": metric.count,
                    "Avg": metric.mean,
                    "StdDev": math.sqrt(metric.squares / metric.count),
                }
                for name, metric in self._metrics.items()
            ]
