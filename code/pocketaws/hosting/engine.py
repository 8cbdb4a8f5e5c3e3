"""The engine: takes endpoints, runs each one's containers, sends requests to them, ends them all."""

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pocketaws import hub_cache
from pocketaws.aws_clients import AwsClients
from pocketaws.folders import remove
from pocketaws.hosting.answers import Answer, Request, StreamAnswer
from pocketaws.hosting.errors import Cancelled, ContainerError, NotServing, StartFailed
from pocketaws.hosting.fleet import Fleet, Place, end, wait_until_up
from pocketaws.hosting.metrics import Metrics
from pocketaws.hosting.spec import EndpointSpec

TERM_GRACE_S = 30.0  # AWS: SIGTERM, SIGKILL after 30 seconds ("Custom Inference Code with Hosting Services")
INVOKE_TIMEOUT_S = 60.0  # a container's time for one request (API_runtime_InvokeEndpoint, 2026-11)
STREAM_TIMEOUT_S = 480.0  # and for a streamed answer
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HostingSettings:
    """What every container of an engine shares.

    home          the server's folder: endpoints/<endpoint>/<variant>/<n>/ and hub/ lie in it
    python        the interpreter that runs the containers' programs
    term_grace_s  seconds from SIGTERM to SIGKILL
    """

    home: Path
    endpoint_url: str
    python: str
    term_grace_s: float

    @property
    def endpoints(self) -> Path:
        return self.home / "endpoints"

    @property
    def hub(self) -> Path:
        return self.home / "hub"

    def prepare_hub(self) -> None:
        """Bring the containers' model cache up to date. OSError passes through."""
        hub_cache.prepare(self.hub)


class _Hosted:
    """The engine's own part of an endpoint.

    fleet      the one that has the traffic      aside   fleets and containers on their way in or out
    changing   held by the thread that changes it
    settled    set but while a fleet is started again that was in service before this server
    """

    def __init__(self, place: Place):
        self.place = place
        self.settled = threading.Event()
        self.settled.set()
        self.fleet: Fleet | None = None
        self.aside: list = []
        self.changing = threading.Lock()
        self.cancelled = threading.Event()

    def check_wanted(self) -> None:
        """Raise Cancelled when it was ended meanwhile: then a container that failed says nothing."""
        if self.cancelled.is_set():
            raise Cancelled

    def end(self, grace_s: float) -> None:
        """End every container, whatever is going on; returns when all are gone."""
        self.cancelled.set()
        for each in list(self.aside):
            each.close(0)
        self._end_fleet(grace_s)
        with self.changing:  # whoever was changing it sees that it is over
            self._end_fleet(0)

    def _end_fleet(self, grace_s: float) -> None:
        fleet, self.fleet = self.fleet, None
        if fleet is not None:
            self.aside = [fleet]  # for a second caller that has less time
            fleet.close(grace_s)
            self.aside = []


class HostingEngine:
    """Runs endpoints. Every method may be called from any thread; changes return at once."""

    def __init__(
        self,
        home: Path,
        endpoint_url: str,
        python: str = sys.executable,
        *,
        term_grace_s: float = TERM_GRACE_S,
    ):
        """Nothing is started yet. What a server that was killed left in home/endpoints is removed."""
        self.settings = HostingSettings(Path(home).resolve(), endpoint_url, python, term_grace_s)
        self._clients: dict[str, AwsClients] = {}
        self._metrics: dict[str, Metrics] = {}
        self._hosted: dict[str, _Hosted] = {}  # by endpoint ARN
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._closed = False
        remove(self.settings.endpoints)

    # --- changes

    def create(self, endpoint, spec: EndpointSpec) -> None:
        """Creating → InService, or Failed with the reason. Raises RuntimeError after close()."""
        with self._lock:
            self._check_open()
            hosted = self._hosted_anew(endpoint)
        self._change(endpoint, hosted, self._create, spec)

    def restore(self, endpoint) -> None:
        """SystemUpdating → InService on the fleet that a server before this one ran, or Failed and why.

        Requests that come meanwhile wait for it. Raises RuntimeError after close().
        """
        with self._lock:
            self._check_open()
            hosted = self._hosted_anew(endpoint)
            hosted.settled.clear()
        self._change(endpoint, hosted, self._restore)

    def update(self, endpoint, spec: EndpointSpec) -> None:
        """Updating → InService on the new fleet, or RollingBack → InService on the old one, and why."""
        self._change(endpoint, self._of(endpoint), self._update, spec)

    def update_weights(self, endpoint, changes: dict[str, dict]) -> None:
        """Updating → InService. changes: {variant: {"weight": float or None, "count": int or None}}."""
        self._change(endpoint, self._of(endpoint), self._update_weights, changes)

    def delete(self, endpoint, forget: Callable[[], None]) -> None:
        """End every process and remove every folder of an endpoint, then call forget()."""
        self._in_thread(f"delete {endpoint.name}", lambda: self._delete(endpoint, forget))

    def close(self, grace_s: float = 5.0) -> None:
        """End every container: SIGTERM, SIGKILL after grace_s seconds; returns when no process is left."""
        with self._lock:
            self._closed = True
            hosted, threads = list(self._hosted.values()), list(self._threads)
        enders = [threading.Thread(target=each.end, args=(grace_s,)) for each in hosted]
        for thread in enders:
            thread.start()
        for thread in [*enders, *threads]:
            thread.join()
        for metrics in self._metrics.values():
            metrics.close()
        for clients in self._clients.values():
            clients.close()
        remove(self.settings.endpoints)

    @property
    def closed(self) -> bool:
        """Whether the server ends: what fails from now on says nothing of the container."""
        return self._closed

    def _hosted_anew(self, endpoint) -> _Hosted:
        """The engine's part of an endpoint that it has none of yet. The lock is held."""
        clients = self._clients.get(endpoint.region)
        if clients is None:
            clients = AwsClients(self.settings.endpoint_url, endpoint.region)
            self._clients[endpoint.region] = clients
            self._metrics[endpoint.region] = Metrics(clients)
        root = self.settings.endpoints / endpoint.name
        if root.exists():  # an endpoint of this name in another region
            root = self.settings.endpoints / f"{endpoint.name}-{endpoint.region}-{time.time_ns()}"
        hosted = _Hosted(Place(self.settings, clients, endpoint.name, root))
        endpoint.engine_state = self._hosted[endpoint.arn] = hosted
        return hosted

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("an endpoint came after the engine was closed")

    @staticmethod
    def _of(endpoint) -> _Hosted:
        if endpoint.engine_state is None:
            raise RuntimeError(f"endpoint {endpoint.name} was never given to the engine")
        return endpoint.engine_state

    def _change(self, endpoint, hosted: _Hosted, change, *args) -> None:
        """Run one change in a thread; a fault of pocketaws in it is said by the endpoint."""

        def work():
            with hosted.changing:
                try:
                    change(endpoint, hosted, *args)
                except Cancelled:
                    pass
                except Exception as err:
                    log.exception("endpoint %s", endpoint.name)
                    reason = f"InternalServerError: pocketaws failed: {type(err).__name__}: {err}"
                    endpoint.move("InService" if hosted.fleet else "Failed", reason)

        self._in_thread(f"change {endpoint.name}", work)

    def _in_thread(self, name: str, work) -> None:
        def body():
            try:
                work()
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=body, name=name, daemon=True)
        with self._lock:
            self._check_open()
            self._threads.add(thread)
        thread.start()

    def _start(self, hosted: _Hosted, spec: EndpointSpec) -> Fleet:
        """A new fleet, up and healthy. Raises StartFailed, Cancelled."""
        fleet = Fleet(spec, hosted.place)
        hosted.aside = [fleet]
        try:
            if hosted.cancelled.is_set():
                raise Cancelled
            fleet.start()
            if hosted.cancelled.is_set():
                fleet.close(0)
                raise Cancelled
            return fleet
        finally:
            hosted.aside = []

    def _create(self, endpoint, hosted: _Hosted, spec: EndpointSpec) -> None:
        try:
            hosted.fleet = self._start(hosted, spec)
        except StartFailed as err:
            hosted.check_wanted()
            endpoint.move("Failed", str(err))
            return
        endpoint.serve(spec)
        endpoint.move("InService")

    def _restore(self, endpoint, hosted: _Hosted) -> None:
        try:
            hosted.fleet = self._start(hosted, endpoint.spec)
        except StartFailed as err:
            hosted.check_wanted()
            endpoint.move("Failed", str(err))
        else:
            endpoint.move("InService", endpoint.failure_reason)
        finally:
            hosted.settled.set()

    def _update(self, endpoint, hosted: _Hosted, spec: EndpointSpec) -> None:
        try:
            fleet = self._start(hosted, spec)
        except StartFailed as err:
            hosted.check_wanted()
            endpoint.move("RollingBack", str(err))
            endpoint.move("InService", str(err))
            return
        old = hosted.fleet
        hosted.aside = [] if old is None else [old]  # None: it was ended meanwhile
        hosted.fleet = fleet
        if hosted.cancelled.is_set():
            raise Cancelled
        endpoint.serve(spec)
        old.drain()
        old.close(self.settings.term_grace_s)
        hosted.aside = []
        endpoint.move("InService")

    def _update_weights(self, endpoint, hosted: _Hosted, changes: dict[str, dict]) -> None:
        failure = ""
        for name, change in changes.items():
            variant = hosted.fleet.variants[name]
            weight, count = change.get("weight"), change.get("count")
            if weight is not None:
                variant.weight = weight
                endpoint.set_variant(name, desired_weight=weight, current_weight=weight)
            if count is None:
                continue
            endpoint.set_variant(name, desired_count=count, status="Updating")
            try:
                self._resize(hosted, variant, count)
            except StartFailed as err:
                failure = str(err)
            endpoint.set_variant(name, current_count=len(variant.instances))
        hosted.fleet.spec = _as_it_is(hosted.fleet)
        endpoint.serve(hosted.fleet.spec)
        endpoint.move("InService", failure)

    def _resize(self, hosted: _Hosted, variant, count: int) -> None:
        """Start or end containers of a variant until there are `count`. Raises StartFailed, Cancelled."""
        gone = variant.shrink(count)
        hosted.aside = gone
        variant.drain(gone, INVOKE_TIMEOUT_S)
        end(gone, self.settings.term_grace_s)
        made = variant.grow(max(0, count - len(variant.instances)))
        hosted.aside = made
        try:
            if hosted.cancelled.is_set():
                end(made, 0)
                raise Cancelled
            wait_until_up(made)
            variant.add(made)
        finally:
            hosted.aside = []

    def _delete(self, endpoint, forget: Callable[[], None]) -> None:
        with self._lock:
            hosted = self._hosted.get(endpoint.arn)
        try:
            if hosted is not None:
                hosted.end(self.settings.term_grace_s)
                remove(hosted.place.root)
                self._metrics[endpoint.region].flush()
        finally:
            with self._lock:
                if self._hosted.get(endpoint.arn) is hosted:
                    self._hosted.pop(endpoint.arn, None)
            forget()

    # --- requests

    def invoke(
        self,
        endpoint,
        body: bytes,
        headers: dict[str, str],
        *,
        target_variant: str | None = None,
        timeout_s: float = INVOKE_TIMEOUT_S,
        received_at: float | None = None,
    ) -> Answer:
        """Send a request to a container and wait for its whole answer.

        received_at   time.monotonic() when the service got the request, for OverheadLatency
        Raises NoSuchVariant, NotServing, ContainerTimeout, ContainerGone.
        """
        request = self._begin(endpoint, target_variant, received_at)
        try:
            exchange = request.post(body, headers, timeout_s)
            data = b"".join(exchange.pieces())
        except ContainerError as err:
            raise type(err)(str(err), request.variant.name, request.instance.log_stream) from err
        finally:
            request.end()
        return Answer(
            exchange.status, exchange.headers, data, request.variant.name, request.instance.log_stream
        )

    def invoke_stream(
        self,
        endpoint,
        body: bytes,
        headers: dict[str, str],
        *,
        target_variant: str | None = None,
        timeout_s: float = STREAM_TIMEOUT_S,
        received_at: float | None = None,
    ) -> StreamAnswer:
        """As `invoke`, but returns at the answer's head. timeout_s is for the whole answer."""
        request = self._begin(endpoint, target_variant, received_at)
        try:
            exchange = request.post(body, headers, timeout_s)
        except ContainerError as err:
            request.end()
            raise type(err)(str(err), request.variant.name, request.instance.log_stream) from err
        except BaseException:
            request.end()
            raise
        return StreamAnswer(exchange, request.variant.name, request.instance.log_stream, request.end)

    def _begin(self, endpoint, target_variant: str | None, received_at: float | None) -> Request:
        received_at = time.monotonic() if received_at is None else received_at
        hosted = endpoint.engine_state
        if hosted is not None:
            hosted.settled.wait(INVOKE_TIMEOUT_S)
        while True:
            fleet = hosted.fleet if hosted is not None else None
            if fleet is None:
                raise NotServing(f"Endpoint {endpoint.name} is {endpoint.status} and answers no requests.")
            variant = fleet.choose(target_variant)
            try:
                instance, connections = variant.begin()
            except NotServing:
                if hosted.fleet is not fleet:
                    continue  # an update has switched the traffic meanwhile
                raise
            metrics = self._metrics[endpoint.region]
            return Request(endpoint.name, variant, instance, connections, metrics, received_at)


def _as_it_is(fleet: Fleet) -> EndpointSpec:
    """A fleet's spec with the weights and counts that it has now."""
    variants = []
    for variant in fleet.spec.variants:
        live = fleet.variants[variant.name]
        variants.append(replace(variant, weight=live.weight, instance_count=len(live.instances)))
    return replace(fleet.spec, variants=tuple(variants))
