"""CloudWatch in the store: alarms and dashboards in one piece, metrics by what each call added.

kind                         key         value
service                      cloudwatch  a pickle of all but the metrics
metrics <account> <region>   <number>    a pickle of the data points of one call
"""

from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends

from pocketaws.keeping import pickles
from pocketaws.keeping.store import Store
from pocketaws.keeping.wholes import Whole

METRICS = "metrics "


class MetricsKeeper(Whole):
    """Keeps and restores CloudWatch. Not thread-safe: the Keeper's lock is held."""

    def __init__(self, store: Store):
        leave = ("metric_data", "paged_metric_data")
        super().__init__(store, "cloudwatch", {"cloudwatch": cloudwatch_backends}, leave)
        self._kept: dict[str, tuple[int, int]] = {}  # kind → data points and calls that are kept

    def keep(self, structure: bool) -> None:
        """Write new data points and, where a request may have changed it, the rest."""
        for kind, backend in _all():
            points, calls = self._kept.get(kind, (0, 0))
            if new := backend.metric_data[points:]:
                self._store.put(kind, f"{calls:08}", pickles.dumps(new, lambda _: None))
                self._kept[kind] = points + len(new), calls + 1
        if structure:
            super().keep()

    def restore(self) -> None:
        """Give CloudWatch what the store holds."""
        super().restore()
        for kind in self._store.kinds():
            if kind.startswith(METRICS):
                _, account, region = kind.split(" ")
                self._restore_points(kind, cloudwatch_backends[account][region])

    def _restore_points(self, kind: str, backend: CloudWatchBackend) -> None:
        calls = 0
        for key, value in self._store.items(kind):
            try:
                backend.metric_data += pickles.loads(value, self.find)
            except pickles.DamagedError as err:
                self._store.set_aside(kind, key, str(err))
            calls = int(key) + 1
        self._kept[kind] = len(backend.metric_data), calls


def _all() -> list[tuple[str, CloudWatchBackend]]:
    backends = list(cloudwatch_backends.iter_backends())
    return [(f"{METRICS}{account} {region}", backend) for account, region, backend in backends]
