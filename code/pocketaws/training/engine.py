"""The engine: takes training jobs, runs each in a thread and in processes of its own, ends them all."""

import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from pocketaws import hub_cache
from pocketaws.aws_clients import AwsClients
from pocketaws.folders import remove
from pocketaws.training.job_run import JobRun

TERM_GRACE_S = 120.0  # AWS: SIGTERM, then SIGKILL after 120 seconds (docs: StopTrainingJob, 2026-11)


@dataclass(frozen=True)
class EngineSettings:
    """What every job of an engine shares.

    home          the server's folder: jobs/<name>/<host>/ and hub/ lie in it
    python        the interpreter that runs the scripts
    keep_jobs     leave the jobs' folders after they ended
    term_grace_s  seconds from SIGTERM to SIGKILL when a job is stopped
    """

    home: Path
    endpoint_url: str
    python: str
    keep_jobs: bool
    term_grace_s: float

    @property
    def jobs(self) -> Path:
        return self.home / "jobs"

    @property
    def hub(self) -> Path:
        return self.home / "hub"


class Engine:
    """Runs training jobs. Every method may be called from any thread."""

    def __init__(
        self,
        home: Path,
        endpoint_url: str,
        python: str = sys.executable,
        *,
        keep_jobs: bool = False,
        term_grace_s: float = TERM_GRACE_S,
    ):
        """Nothing is started yet. What a server that was killed left in home/jobs is removed."""
        self.settings = EngineSettings(Path(home).resolve(), endpoint_url, python, keep_jobs, term_grace_s)
        self._clients: dict[str, AwsClients] = {}
        self._runs: dict[str, tuple[JobRun, threading.Thread]] = {}
        self._lock = threading.Lock()
        self._closed = False
        if self.settings.jobs.is_dir() and not keep_jobs:
            for left in self.settings.jobs.iterdir():
                remove(left)

    def start(self, job) -> None:
        """Begin to run a TrainingJob; returns at once.

        Raises RuntimeError after close().
        """
        with self._lock:
            if self._closed:
                raise RuntimeError(f"job {job.name} came after the engine was closed")
            clients = self._clients.setdefault(job.region, AwsClients(self.settings.endpoint_url, job.region))
            as_role = clients.as_role(job.request.get("RoleArn"))
            run = JobRun(job, self.settings, as_role, self.prepare_hub)
            thread = threading.Thread(target=self._run, args=(run,), name=f"job {job.name}", daemon=True)
            self._runs[job.arn] = (run, thread)
        thread.start()

    def _run(self, run: JobRun) -> None:
        try:
            run.run()
        finally:
            with self._lock:
                self._runs.pop(run.job.arn, None)

    def stop(self, job) -> None:
        """Stop a job that runs: SIGTERM, later SIGKILL, then its artifacts. An ended job is left alone.

        `job.stop_requested` must be set before (TrainingJob.request_stop does).
        """
        with self._lock:
            run, _ = self._runs.get(job.arn, (None, None))
        if run and run.job is job:
            run.stop()

    def interrupt(self, job, notice_s: float | None = None) -> bool:
        """Take a spot job's instances away while it is Training; False when it does not run any more.

        notice_s   seconds from SIGTERM to SIGKILL, 0: no SIGTERM either; None: term_grace_s
        """
        with self._lock:
            run, _ = self._runs.get(job.arn, (None, None))
        if run is None or run.job is not job:
            return False
        run.interrupt(self.settings.term_grace_s if notice_s is None else notice_s)
        return True

    def close(self, grace_s: float = 5.0) -> None:
        """End every job: SIGTERM, SIGKILL after grace_s seconds; returns when no process is left."""
        with self._lock:
            self._closed = True
            running = list(self._runs.values())
        for run, _ in running:
            run.close(grace_s)
        for _, thread in running:
            thread.join()
        for clients in self._clients.values():
            clients.close()

    def prepare_hub(self) -> list[str]:
        """Bring the jobs' model cache up to date; the ids it has. OSError passes through."""
        return hub_cache.prepare(self.settings.hub)
