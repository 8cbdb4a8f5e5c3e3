"""The values of metrics in the order they came, and what a trial component says of each.

A training job keeps what its regexes found in its log, a trial component what BatchPutMetrics brought. Count,
minimum, maximum, mean and deviation are of every value; the values themselves are kept up to MAX_POINTS.
"""

import math
import threading
from dataclasses import dataclass, field
from datetime import datetime

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

    def add(self, name: str, value: float, moment: datetime, step: int | None = None) -> None:
        """Note one value, a finite number, of the time `moment`."""
        with self._lock:
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
