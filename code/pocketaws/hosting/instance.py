"""One container: its model fetched, its process started and watched, started again when it ends, ended."""

import concurrent.futures
import logging
import math
import queue
import secrets
import signal
import threading
import time
from pathlib import Path

from pocketaws.folders import remove
from pocketaws.hosting import containers, images, model_data
from pocketaws.hosting.connections import Connections
from pocketaws.hosting.errors import Cancelled, StartFailed
from pocketaws.hosting.http_server import PORT_FILE
from pocketaws.processes.host import Host
from pocketaws.processes.last_error import error_message
from pocketaws.processes.log_stream import LogStream

LOG_GROUP = "/aws/sagemaker/Endpoints"
POLL_S = 0.01  # how often a starting container is asked
HEALTH_EVERY_S = 10.0
UNHEALTHY_AFTER = 3  # pings in a row without an answer: the process is stuck
GIVE_UP_AFTER = 5  # starts in a row that failed
log = logging.getLogger(__name__)


class Instance:
    """A container of one variant. A thread of its own leads it from the download to its end.

    id            such as "i-0a1b2c3d4e5f60718"     log_stream   "<variant>/<id>"
    connections   to its process; None while it is not healthy
    in_flight     requests that it has now; guarded by its variant's lock
    up            done at its first 200 from /ping; has StartFailed, or Cancelled if it was closed before
    """

    def __init__(self, settings, clients, endpoint_name: str, variant, root: Path, sharing: int):
        self.id = f"i-0{secrets.token_hex(8)}"
        self.log_stream = f"{variant.name}/{self.id}"
        self.connections: Connections | None = None
        self.in_flight = 0
        self.up: concurrent.futures.Future = concurrent.futures.Future()
        self.restarts = 0
        self.failure: str | None = None  # why it did not come up, or cannot be started again
        self._settings, self._variant = settings, variant
        self._clients = clients.as_role(variant.container.role)
        self._group = f"{LOG_GROUP}/{endpoint_name}"
        self._folder = containers.ContainerFolder(root)
        self._sharing = sharing
        self._inbox: queue.Queue = queue.Queue()  # (Host, event), or (None, {"event": "close"})
        self._closing = threading.Event()
        self._kill_at = math.inf
        self._log: LogStream | None = None
        self._env: dict[str, str] = {}
        self._thread = threading.Thread(target=self._live, name=f"instance {self.log_stream}", daemon=True)

    def start(self) -> None:
        """Begin; `up` tells how it went."""
        self._thread.start()

    def close(self, grace_s: float) -> None:
        """End it: SIGTERM, SIGKILL after grace_s seconds. Returns at once; `join` waits.

        A second call may shorten the time, as when the server ends while an endpoint is being deleted.
        """
        self._kill_at = min(self._kill_at, time.monotonic() + grace_s)
        self._closing.set()
        self._inbox.put((None, {"event": "close"}))

    def join(self) -> None:
        """Wait until its processes are gone, its folder is removed and its log is sent."""
        if self._thread.ident is not None:
            self._thread.join()

    def _live(self) -> None:
        try:
            self._prepare()
            self._keep_running()
        except Cancelled:
            pass
        except StartFailed as err:
            self.failure = str(err)
        except OSError as err:
            self.failure = f"The container's folder could not be used: {err}"
        except Exception as err:  # a fault of pocketaws: the endpoint says so, the server lives on
            log.exception("instance %s", self.log_stream)
            self.failure = f"InternalServerError: pocketaws failed: {type(err).__name__}: {err}"
        finally:
            if not self.up.done():
                self.up.set_exception(Cancelled() if self._closing.is_set() else StartFailed(self.failure))
            remove(self._folder.root)
            if self._log:
                self._log.close()

    def _prepare(self) -> None:
        """Everything up to the first process."""
        if images.family(self._variant.container.image) is None:
            raise StartFailed(images.refusal(self._variant.container.image))
        self._folder.make()
        container, timeout_s = self._variant.container, self._variant.download_timeout_s
        s3 = self._clients.get("s3")
        model_data.fetch(s3, container, self._folder.root, timeout_s, self._should_stop)
        self._settings.prepare_hub()
        self._env = containers.variables(
            self._folder, self._variant, self._settings, self._clients.region, self._sharing
        )
        self._log = LogStream(self._clients.get("logs"), self._group, self.log_stream)

    def _should_stop(self) -> None:
        if self._closing.is_set():
            raise Cancelled

    def _keep_running(self) -> None:
        """Run the process again and again, until it is closed or does not come up any more."""
        failed = 0
        while True:
            reason, was_up = self._one_process(install=self.restarts == 0)
            self._should_stop()
            if not self.up.done():
                raise StartFailed(reason)
            failed = 0 if was_up else failed + 1
            if failed >= GIVE_UP_AFTER:
                self.failure = f"{reason} It was started {failed} times; no more."
                self._say(self.failure)
                self._closing.wait()
                raise Cancelled
            self.restarts += 1
            self._say(f"{reason} It is being started again.")
            if failed:
                self._closing.wait(2.0 ** (failed - 1))
                self._should_stop()

    def _one_process(self, install: bool) -> tuple[str, bool]:
        """Run the container's process to its end: why it ended, and whether it was healthy before."""
        (self._folder.root / PORT_FILE).unlink(missing_ok=True)
        python = self._settings.python
        self._log.tail = []
        host = Host(self.log_stream, python, self._log, lambda host, event: self._inbox.put((host, event)))
        ended, stuck = None, ""
        try:
            argv, say = containers.install(self._folder, self._variant, python) if install else (None, "")
            if argv:
                host.run(argv, str(self._folder.code), self._env, say)
                say, ended = "", self._wait_for_end(host)
                if (ended or {}).get("code") != 0:
                    host.close()
                    return self._not_up("The installation of its requirements.txt", ended), False
            argv = containers.command(self._folder, self._variant, python)
            host.run(argv, str(self._folder.root), self._env, say)
            ended = self._wait_until_healthy(host)
            if self.connections is None:
                host.close()  # its last words are in the log now
                return self._not_up("The container", ended), False
            if not self.up.done():
                self.up.set_result(None)
            ended, stuck = self._watch(host)
        finally:
            connections, self.connections = self.connections, None
            if self._closing.is_set() and ended is None:
                host.terminate()
                self._wait_to_kill(host)
            host.close()
            if connections:
                connections.close()
        return stuck or f"The container {_how(ended)}.{self._last_words(ended)}", True

    def _wait_for_end(self, host: Host) -> dict | None:
        """The event that a command ended with; None if it was closed meanwhile."""
        while True:
            source, event = self._inbox.get()
            if source is host:
                return event
            if source is None:
                return None

    def _wait_to_kill(self, host: Host) -> None:
        """Give a process that was asked to end the time that it has."""
        while (left := self._kill_at - time.monotonic()) > 0:
            try:
                source, _ = self._inbox.get(timeout=left)
            except queue.Empty:
                return
            if source is host:
                return

    def _wait_until_healthy(self, host: Host) -> dict | None:
        """Ask until /ping answers 200, then set `connections`; else the event that ended the process."""
        until = time.monotonic() + self._variant.startup_timeout_s
        while time.monotonic() < until:
            try:
                source, event = self._inbox.get(timeout=POLL_S)
                if source is host:
                    return event
                self._should_stop()
            except queue.Empty:
                pass
            try:
                port = int((self._folder.root / PORT_FILE).read_text())
            except (FileNotFoundError, ValueError):
                continue
            connections = Connections(port)
            if connections.ping() == 200:
                self.connections = connections
                return None
        return None

    def _watch(self, host: Host) -> tuple[dict | None, str]:
        """Wait for the end of a healthy process: its event, or what is wrong with one that is stuck."""
        silent = 0
        while True:
            try:
                source, event = self._inbox.get(timeout=HEALTH_EVERY_S)
            except queue.Empty:
                silent = 0 if self.connections.ping() == 200 else silent + 1
                if silent == UNHEALTHY_AFTER:
                    return None, f"The container did not answer /ping {silent} times in a row."
                continue
            if source is host:
                return event, ""
            if source is None:
                return None, ""

    def _not_up(self, what: str, event: dict | None) -> str:
        """AWS's FailureReason, and why.

        AWS's words: github.com/awslabs/llm-hosting-container/issues/18
        """
        reason = (
            f"The primary container for production variant {self._variant.name} did not pass the ping health"
            " check. Please check CloudWatch logs for this endpoint."
        )
        if event is None:
            seconds = self._variant.startup_timeout_s
            return f"{reason} /ping had not answered 200 after {seconds} seconds.{self._last_words(event)}"
        return f"{reason} {what} {_how(event)}.{self._last_words(event)}"

    def _last_words(self, event: dict | None) -> str:
        """What the process said, unless it was killed: then its last error is that of some old request."""
        if event is not None and event.get("code", 0) < 0:
            return ""
        words = error_message(self._log.tail)
        return f" Its last error: {words}" if words else ""

    def _say(self, text: str) -> None:
        self._log.say(f"pocketaws: {text}")


def _how(event: dict | None) -> str:
    """How a process ended, in words."""
    if event is None:
        return "ended"
    if event["event"] == "failed":
        return f"ended: {event['error']}"
    if event.get("oom"):
        return "ran out of memory and was killed"
    code = event["code"]
    if code < 0:
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"
    return f"ended with exit code {code}"
