"""One request to a container and its answer, whole or in pieces."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pocketaws.hosting.errors import ContainerError


@dataclass(frozen=True)
class Answer:
    """What a container answered, whatever the status.

    headers     as the container sent them     log_stream   such as "AllTraffic/i-0123456789abcdef0"
    """

    status: int
    headers: dict[str, str]
    body: bytes
    variant: str
    log_stream: str

    @property
    def json(self):
        """The body, read as JSON."""
        return json.loads(self.body)


class StreamAnswer:
    """The head of a container's answer; `chunks` yields the rest piece by piece, as the container sends it.

    `chunks` raises ContainerTimeout and ContainerGone. `close` must be called when the client goes away; it
    may be called at any time, by any thread, and after the end.
    """

    def __init__(self, exchange, variant: str, log_stream: str, on_end: Callable[[], None]):
        self.status, self.headers = exchange.status, exchange.headers
        self.variant, self.log_stream = variant, log_stream
        self.chunks = self._pieces()
        self._exchange, self._on_end = exchange, on_end
        self._lock = threading.Lock()

    def _pieces(self) -> Iterator[bytes]:
        try:
            yield from self._exchange.pieces()
        except ContainerError as err:
            raise type(err)(str(err), self.variant, self.log_stream) from err
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the container; it sees that its client has gone."""
        self._exchange.close()
        with self._lock:
            on_end, self._on_end = self._on_end, None
        if on_end:
            on_end()


class Request:
    """One request on its way: its container, and its times for the metrics."""

    def __init__(self, endpoint_name, variant, instance, connections, metrics, received_at):
        self.endpoint_name, self.variant, self.instance = endpoint_name, variant, instance
        self._connections, self._metrics, self._received_at = connections, metrics, received_at
        self._sent_at = time.monotonic()
        self._status: int | None = None

    def post(self, body: bytes, headers: dict[str, str], timeout_s: float):
        """Send it; its Exchange."""
        self._sent_at = time.monotonic()
        exchange = self._connections.post(body, headers, timeout_s)
        self._status = exchange.status
        return exchange

    def end(self) -> None:
        """It is answered, or never will be."""
        now = time.monotonic()
        self.variant.end(self.instance)
        model_s = now - self._sent_at
        overhead_s = self._sent_at - self._received_at
        self._metrics.record(self.endpoint_name, self.variant.name, self._status, model_s, overhead_s)
