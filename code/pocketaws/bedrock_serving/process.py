"""One model's process: started, asked, watched, ended."""

import concurrent.futures
import logging
import threading
import time
from pathlib import Path

from pocketaws.bedrock_serving.errors import NotUp
from pocketaws.folders import remove
from pocketaws.hosting.connections import Connections
from pocketaws.hosting.http_server import PORT_FILE
from pocketaws.processes import environment
from pocketaws.processes.host import Host
from pocketaws.processes.last_error import error_message

PROGRAM = Path(__file__).with_name("model_process.py")
POLL_S = 0.01  # how often a process that comes up is asked
STARTS_WITHIN_S = 300.0  # reading some GB of weights from a slow disk
TAIL_LINES = 50
log = logging.getLogger("pocketaws")


class ModelProcess:
    """The process that answers for the model in one folder.

    up         done with its Connections at the first 200 from /ping; has NotUp when it did not come up
    in_flight, last_used   kept by Serving, under its lock
    """

    def __init__(self, model: Path, folder: Path, python: str, endpoint_url: str, hub: Path):
        self.model, self.folder = model, folder
        self.up: concurrent.futures.Future = concurrent.futures.Future()
        self.in_flight, self.last_used = 0, time.monotonic()
        self._python = python
        self._env = _variables(endpoint_url, hub)
        self._log = _Tail(model.name)
        self._ended = threading.Event()
        self._host: Host | None = None

    @property
    def alive(self) -> bool:
        """Whether it can answer, or may come to."""
        return not self._ended.is_set()

    def ended_within(self, seconds: float) -> bool:
        """Wait for the news of its end: a broken connection is there a moment earlier."""
        return self._ended.wait(seconds)

    def start(self) -> None:
        """Begin; `up` tells how it went. Returns at once."""
        threading.Thread(target=self._come_up, name=f"model {self.model.name}", daemon=True).start()

    def close(self) -> None:
        """End the process and remove its folder. May be called twice, and while it comes up."""
        self._ended.set()
        if self._host is not None:
            self._host.close()
        if not self.up.done():
            self._not_up("was ended while it was being started")
        remove(self.folder)

    def _come_up(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            argv = [self._python, str(PROGRAM), "--folder", str(self.folder), "--model", str(self.model)]
            self._host = Host(f"model {self.model.name}", self._python, self._log, self._on_event)
            self._host.run(argv, str(self.folder), self._env)
            self._wait_for_ping(time.monotonic() + STARTS_WITHIN_S)
        except OSError as err:
            self._ended.set()
            self._not_up(f"could not be started: {err}")
        if self._ended.is_set():  # closed while it was coming up
            self.close()

    def _wait_for_ping(self, until: float) -> None:
        port_file = self.folder / PORT_FILE
        while not self._ended.wait(POLL_S):
            if time.monotonic() > until:
                self._ended.set()
                self._not_up(f"did not answer within {STARTS_WITHIN_S:.0f} seconds")
                return
            try:
                connections = Connections(int(port_file.read_text()))
            except (FileNotFoundError, ValueError):
                continue
            if connections.ping() == 200:
                connections.close()  # keep none: what no new connection can be made to never had the question
                self.up.set_result(connections)
                return

    def _on_event(self, host: Host, event: dict) -> None:
        """The process has ended, by itself or by somebody's hand."""
        self._ended.set()
        words = error_message(self._log.lines)
        self._not_up(f"ended before it could answer. {words}".strip())
        log.info("the model process of %s ended: %s", self.model, event)

    def _not_up(self, why: str) -> None:
        if not self.up.done():
            try:
                text = f"The process of the model in {self.model} {why}"
                self.up.set_exception(NotUp(text, failed=True))
            except concurrent.futures.InvalidStateError:
                pass  # another thread was first


class _Tail:
    """The last lines that a process printed; all of them go to pocketaws.log."""

    def __init__(self, name: str):
        self.name, self.lines, self._rest = name, [], b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace")
            self.lines = [*self.lines[-TAIL_LINES:], text]
            log.info("model %s: %s", self.name, text)

    def end_of_output(self) -> None:
        if self._rest:
            self.feed(b"\n")


def _variables(endpoint_url: str, hub: Path) -> dict[str, str]:
    """The environment of a model's process: nothing of the user's shell that could change its answers."""
    return {
        **environment.inherited(),
        **environment.instance("us-east-1", endpoint_url, hub),
        "PYTHONPATH": environment.python_path([str(environment.CODE)]),
    }
