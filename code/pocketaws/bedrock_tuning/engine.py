"""The tuning engine: takes customization jobs, validates each at once, tunes one after the other.

    engine = TuningEngine(home, "http://127.0.0.1:4610")
    engine.start(job, finished)     returns at once; finished(job, folder, losses) is called when it is tuned
    engine.stop(job)                after job.request_stop()
    engine.close()

Data are validated as soon as a job comes. Tuning takes all the cores it gets, so one job tunes at a time; the
others wait, in the order they came, with dataProcessing NotStarted.
"""

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pocketaws.aws_clients import AwsClients
from pocketaws.folders import remove
from pocketaws.processes.host import Host

log = logging.getLogger("pocketaws")
THREAD = "customization"  # how the engine's threads are called


@dataclass(frozen=True)
class Losses:
    """training: of the last step. validation: the last one of each validation file, in their order."""

    training: float
    validation: list[float] = field(default_factory=list)


class Turns:
    """One at a time, first come first served."""

    def __init__(self):
        self._waiting: list[object] = []
        self._changed = threading.Condition()

    def join(self, who) -> None:
        """Stand in line."""
        with self._changed:
            self._waiting.append(who)

    def wait(self, who, stopped: threading.Event) -> bool:
        """Wait until it is one's turn; False if `stopped` is set first (call `wake` after setting it)."""
        with self._changed:
            self._changed.wait_for(lambda: stopped.is_set() or self._waiting[0] is who)
            return not stopped.is_set()

    def leave(self, who) -> None:
        """Make room for the next, or leave the line. Safe to call twice."""
        with self._changed:
            if who in self._waiting:
                self._waiting.remove(who)
            self._changed.notify_all()

    def wake(self) -> None:
        """Have those who wait look again whether they are stopped."""
        with self._changed:
            self._changed.notify_all()


class TuningEngine:
    """Runs customization jobs. Every method may be called from any thread.

    home           the server's folder; a running job's files are in home/bedrock/tuning/<id>
    endpoint_url   where S3 answers
    python         the interpreter that trains: it needs torch, safetensors and tokenizers
    """

    def __init__(self, home: Path, endpoint_url: str, python: str = sys.executable):
        """Nothing is started yet. What a server that was killed left is removed."""
        self.folder = Path(home).resolve() / "bedrock" / "tuning"
        self.endpoint_url, self.python = endpoint_url, python
        self.turns = Turns()
        self._clients: dict[str, AwsClients] = {}
        self._runs: dict[str, tuple] = {}
        self._lock = threading.Lock()
        self._closed = False
        remove(self.folder)

    def start(self, job, finished: Callable[[object, Path, Losses], None]) -> None:
        """Begin to run a CustomizationJob; returns at once.

        finished   called from a thread of the engine with (job, folder, losses) when the model is tuned and
                   its metrics are in S3. folder is a transformers folder (config, safetensors, tokenizer);
                   whoever is called moves it to its place and calls job.complete. What is left of it is
                   removed afterwards.
        A job that fails or is stopped ends by job.fail or job.stopped, without that call.
        Raises RuntimeError after close().
        """
        from pocketaws.bedrock_tuning.tuning_run import TuningRun

        with self._lock:
            if self._closed:
                raise RuntimeError(f"job {job.name} came after the engine was closed")
            clients = self._clients.setdefault(job.region, AwsClients(self.endpoint_url, job.region))
            as_role = clients.as_role(job.request.get("roleArn"), "bedrock")
            run = TuningRun(self, job, as_role.get("s3"), finished)
            self.turns.join(run)
            thread = threading.Thread(target=self._run, args=(run,), name=f"{THREAD} {job.name}", daemon=True)
            self._runs[job.arn] = (run, thread)
        thread.start()

    def _run(self, run) -> None:
        try:
            run.run()
        finally:
            self.turns.leave(run)
            with self._lock:
                self._runs.pop(run.job.arn, None)

    def stop(self, job) -> None:
        """End the processes of a job that was asked to stop; it goes to Stopped by itself."""
        with self._lock:
            run, _ = self._runs.get(job.arn, (None, None))
        if run is not None:
            run.stop()
            self.turns.wake()

    def close(self, grace_s: float = 5.0) -> None:
        """End every job and every process of theirs, at once: a trainer has nothing to save."""
        with self._lock:
            self._closed = True
            running = list(self._runs.values())
        for run, _ in running:
            run.stop()
        self.turns.wake()
        for _, thread in running:
            thread.join()
        for clients in self._clients.values():
            clients.close()

    def host(self, job, output, on_event) -> Host:
        """A supervised process for a job; its output goes to `output`."""
        return Host(f"{THREAD} {job.id}", self.python, output, on_event)
