"""The variants of one endpoint config, with their containers: which of them takes a request."""

import concurrent.futures
import contextlib
import itertools
import random
import threading
import time
from pathlib import Path

from pocketaws.hosting.errors import Cancelled, NoSuchVariant, NotServing
from pocketaws.hosting.instance import Instance

DRAIN_S = 60.0  # what requests in flight get when their container has to go: the limit of a request


class Place:
    """Where an endpoint's containers are made, and what they share.

    settings   a HostingSettings (engine.py)     clients   AwsClients of the endpoint's region
    """

    def __init__(self, settings, clients, endpoint_name: str, root: Path):
        self.settings, self.clients, self.endpoint_name, self.root = settings, clients, endpoint_name, root
        self._numbers = itertools.count(1)  # of an endpoint's whole life: two fleets live side by side

    def instance(self, spec, sharing: int) -> Instance:
        """A new container of a variant, not started yet."""
        root = self.root / spec.name / str(next(self._numbers))
        return Instance(self.settings, self.clients, self.endpoint_name, spec, root, sharing)


class Variant:
    """One variant: its containers, its weight. Every method may be called from any thread."""

    def __init__(self, spec, place: Place):
        self.spec, self.name, self.weight = spec, spec.name, spec.weight
        self.instances: list[Instance] = []
        self._place = place
        self._lock = threading.Condition()

    def grow(self, count: int) -> list[Instance]:
        """Begin to start so many containers more; they take requests from when they are added."""
        made = [self._place.instance(self.spec, count) for _ in range(count)]
        for instance in made:
            instance.start()
        return made

    def add(self, instances: list[Instance]) -> None:
        """Let containers that are up take requests."""
        with self._lock:
            self.instances = self.instances + instances

    def shrink(self, count: int) -> list[Instance]:
        """Take containers beyond `count` out of the traffic; they still have what they took."""
        with self._lock:
            gone, self.instances = self.instances[count:], self.instances[:count]
        return gone

    @contextlib.contextmanager
    def take(self):
        """The healthy container with the fewest requests in flight, and its connections, for one request.

        Raises NotServing at once when there is none.
        """
        instance, connections = self.begin()
        try:
            yield instance, connections
        finally:
            self.end(instance)

    def begin(self):
        """As `take`, for a request whose end is `end(instance)`."""
        with self._lock:
            best = None
            for each in self.instances:
                connections = each.connections
                if connections is not None and (best is None or each.in_flight < best[0].in_flight):
                    best = each, connections
            if best is None:
                raise NotServing(self._why())
            best[0].in_flight += 1
            return best

    def end(self, instance: Instance) -> None:
        """A request that `begin` gave to this container is over."""
        with self._lock:
            instance.in_flight -= 1
            self._lock.notify_all()

    def drain(self, instances: list[Instance], timeout_s: float) -> None:
        """Wait until these have no request left, at most timeout_s seconds."""
        with self._lock:
            self._lock.wait_for(lambda: not any(each.in_flight for each in instances), timeout_s)

    def _why(self) -> str:
        failures = [each.failure for each in self.instances if each.failure]
        if failures:
            return f"Variant {self.name} has no healthy container. {failures[0]}"
        return f"Variant {self.name} has no healthy container now; it is being started."


class Fleet:
    """All variants of one endpoint config."""

    def __init__(self, spec, place: Place):
        self.spec = spec
        self.variants = {each.name: Variant(each, place) for each in spec.variants}
        self._starting: list[Instance] = []
        self._lock = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Start every container and wait until all are up; if one is not, none is left.

        Raises StartFailed, Cancelled.
        """
        with self._lock:
            if self._closed:
                raise Cancelled
            made = {each: each.grow(each.spec.instance_count) for each in self.variants.values()}
            self._starting = [instance for instances in made.values() for instance in instances]
        wait_until_up(self._starting)
        for variant, instances in made.items():
            variant.add(instances)

    def choose(self, target: str | None = None) -> Variant:
        """The variant that takes a request: the one that is named, else by chance according to the weights.

        Raises NoSuchVariant, NotServing.
        """
        if target:
            if target not in self.variants:
                raise NoSuchVariant(f"Variant {target} not found.")
            return self.variants[target]
        if len(self.variants) == 1:
            return next(iter(self.variants.values()))
        variants = list(self.variants.values())
        weights = [variant.weight for variant in variants]
        if not any(weights):
            raise NotServing("Every variant has weight 0: name one with TargetVariant.")
        return random.choices(variants, weights)[0]

    def drain(self, timeout_s: float = DRAIN_S) -> None:
        """Wait until no request is left, at most timeout_s seconds."""
        until = time.monotonic() + timeout_s
        for variant in self.variants.values():
            variant.drain(variant.instances, max(0.0, until - time.monotonic()))

    def close(self, grace_s: float) -> None:
        """End every container, those that are still coming up too; returns when all are gone."""
        with self._lock:
            self._closed = True
            instances = {*self._starting}
        for variant in self.variants.values():
            instances.update(variant.shrink(0))
        end(instances, grace_s)


def wait_until_up(instances: list[Instance]) -> None:
    """Wait for containers that were started together; the first failure ends all of them.

    Raises StartFailed, Cancelled.
    """
    futures = [instance.up for instance in instances]
    concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_EXCEPTION)
    failures = [future.exception() for future in futures if future.done() and future.exception()]
    if failures:
        end(instances, grace_s=0)
        raise failures[0]


def end(instances, grace_s: float) -> None:
    """End containers and wait until they are gone."""
    for instance in instances:
        instance.close(grace_s)
    for instance in instances:
        instance.join()
