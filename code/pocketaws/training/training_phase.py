"""The Training phase of a job: its hosts run their commands, until they end or are made to end."""

import queue
import time

from pocketaws.processes.host import Host
from pocketaws.processes.last_error import error_message
from pocketaws.processes.log_stream import LogStream
from pocketaws.training import drivers, rank_errors, steps
from pocketaws.training.failure import (
    JobFailure,
    JobStopped,
    algorithm_error,
    cut,
    script_error,
)
from pocketaws.training.interruption import notice_s
from pocketaws.training.layout import LOG_GROUP, HostFolder, host_names
from pocketaws.training.metrics import MetricScan

PEER_SPEAKS_WITHIN_S = 3.0  # a host that lost its connection waits so long for what another one says
FAILED_PEER_GRACE_S = 5.0  # what the other hosts get when one host's script has failed
DRIVER_FAILED = "Command failed with exit code"  # SDK 3's drivers, common/utils.py


class TrainingPhase:
    """Runs the hosts of one job.

    run    the JobRun it belongs to     argv   the container's command, None in script mode
    """

    def __init__(self, run, argv: list[str] | None):
        self._run = run
        self._job = run.job
        self._settings = run.settings
        self._argv = argv
        self._hosts: list[Host] = []
        self._logs: list[LogStream] = []
        self._drivers: list[drivers.Drivers] = []
        self._left: dict[Host, list[steps.Step]] = {}  # what a host has still to do, the running step first
        self._metrics: MetricScan | None = None
        self.killed = False  # whether something had to be ended by SIGKILL

    def say(self, text: str) -> None:
        """A line of the engine's own in the first host's log."""
        if self._logs:
            self._logs[0].say(steps.info(text, "WARNING"))

    def run(self) -> str:
        """Run everything; the job's last SecondaryStatus. Raises JobFailure, JobStopped."""
        stopping = self._job.request.get("StoppingCondition", {})
        left_s = stopping.get("MaxRuntimeInSeconds", 86400) - self._run.plan.trained_s
        limits = [(time.monotonic() + left_s, "MaxRuntimeExceeded")]
        limits.append((self._run.wait_until, "MaxWaitTimeExceeded"))
        self._open_logs()
        names = host_names(self._job.request)
        for name, log in zip(names, self._logs, strict=True):
            self._hosts.append(Host(name, self._settings.python, log, self._tell))
        port = drivers.free_port()
        for host, folder in zip(self._hosts, self._run.folders, strict=True):
            self._left[host] = self._prepare(host, folder, port)
        self._run.start_background()
        for host in self._hosts:
            self._next_step(host)
        return self._wait(*min(limits))

    def end(self) -> None:
        """End every process, read every log to its end, publish every metric. Safe to call at any point."""
        for host in self._hosts:
            host.close()
        for each in self._drivers:
            each.close()
        for log in self._logs:
            log.flush()
        if self._metrics:
            self._metrics.close()
        for log in self._logs:
            log.close()

    def _open_logs(self) -> None:
        job, clients = self._job, self._run.clients
        has_metrics = bool(job.request["AlgorithmSpecification"].get("MetricDefinitions"))
        epoch = self._run.log_epoch()
        for name in host_names(job.request):
            on_lines = self._scan if has_metrics or self._run.plan.waits_for_a_word else None
            stream = f"{job.name}/{name}-{epoch}"
            self._logs.append(LogStream(clients.get("logs"), LOG_GROUP, stream, on_lines))
        if has_metrics:
            self._metrics = MetricScan(job, clients.get("cloudwatch"), self._settings.python, self.say)

    def _scan(self, lines: list[str], moment_ms: int) -> None:
        if moment := self._run.plan.reads(lines):
            self._run.interrupt(notice_s(moment, self._settings.term_grace_s))
        if self._metrics:
            self._metrics.feed(lines, moment_ms)

    def _prepare(self, host: Host, folder: HostFolder, port: int) -> list[steps.Step]:
        count = len(self._hosts)
        env = steps.base_environment(self._job, self._settings, folder, host.name, count)
        if self._argv:
            ready = drivers.Drivers(folder, self._argv, count, port)
            self._drivers.append(ready)
            return steps.container_steps(ready, folder, env)
        script = steps.script_environment(self._job, folder, host.name, env)
        uri = steps.source_uri(script)
        if uri:
            self._run.fetch_source(uri, folder)
        return steps.script_steps(script, env, self._settings.python, port)

    def _next_step(self, host: Host) -> None:
        step = self._left[host][0]
        host.run(step.argv, step.cwd, step.env, step.say)

    def _tell(self, host: Host, event: dict) -> None:
        self._run.inbox.put(("host", host, event))

    def _wait(self, until: float, limit: str) -> str:
        """Serve events until every host is done. The first reason to end is the one that counts.

        until, limit   when the job has run for too long, and the SecondaryStatus that it then ends as
        """
        reason: str | JobFailure | None = None
        term_at: float | None = None
        kill_at: float | None = None
        while self._left:
            now = time.monotonic()
            if reason is None and now >= until:
                reason, kill_at = limit, self._terminate(self._settings.term_grace_s)
                self._job.move("Stopping")
            if reason is None and (moment := self._run.plan.is_due()):
                self._run.interrupt(notice_s(moment, self._settings.term_grace_s))
            if term_at is not None and now >= term_at:
                term_at, kill_at = None, self._terminate(FAILED_PEER_GRACE_S)
            if kill_at is not None and now >= kill_at:
                kill_at = None
                self.killed = True
                for host in self._left:
                    host.kill()
            try:
                event = self._run.inbox.get(timeout=self._patience(reason, until, term_at, kill_at))
            except queue.Empty:
                continue
            if event[0] == "host":
                failure = self._step_ended(event[1], event[2], reason)
                if failure and failure.lost_peer:  # the one that it lost may say why
                    reason, term_at = failure, time.monotonic() + PEER_SPEAKS_WITHIN_S
                elif failure:
                    reason, term_at, kill_at = failure, None, self._terminate(FAILED_PEER_GRACE_S)
            elif event[0] == "stop" and reason is None:
                reason, kill_at = "Stopped", self._terminate(self._settings.term_grace_s)
            elif event[0] == "interrupt" and reason is None and event[2] == self._run.attempt:
                within_s = event[1]
                reason, kill_at = "Interrupted", self._terminate(within_s) if within_s else time.monotonic()
            elif event[0] == "close":
                reason, term_at, kill_at = "Closed", None, self._terminate(event[1])
        return self._outcome(reason)

    def _outcome(self, reason: str | JobFailure | None) -> str:
        if isinstance(reason, JobFailure):
            raise reason
        if reason == "Closed":
            raise JobStopped
        if reason is None and not self._argv:
            for host in self._hosts:
                host.close()
            for log in self._logs:
                log.say(steps.info("Reporting training SUCCESS"))
        return reason or "Completed"

    def _patience(self, reason, until: float, *moments: float | None) -> float | None:
        """Seconds until something is due; None when only an event can change anything."""
        now = time.monotonic()
        due = [moment - now for moment in moments if moment is not None]
        if reason is None:
            due.append(until - now)
            interruption = self._run.plan.due_in_s()
            due += [] if interruption is None else [interruption]
        return max(0.0, min(due)) if due else None

    def _terminate(self, grace_s: float) -> float:
        """SIGTERM to every host that still runs; the time to kill what is left."""
        for host in self._left:
            host.terminate()
        return time.monotonic() + grace_s

    def _step_ended(self, host: Host, event: dict, reason: str | JobFailure | None) -> JobFailure | None:
        """Go on with a host's next step; its failure, if that is why the job fails.

        reason   why the job is ending already
        """
        if host not in self._left:
            return None
        step = self._left[host].pop(0)
        good = event["event"] == "exited" and event["code"] == 0
        if good and self._left[host] and reason is None:
            self._next_step(host)
            return None
        del self._left[host]
        if good or not (reason is None or (isinstance(reason, JobFailure) and reason.lost_peer)):
            return None
        failure = self._failure(host, step, event)
        return None if reason and failure.lost_peer else failure

    def _failure(self, host: Host, step: steps.Step, event: dict) -> JobFailure:
        """Read the host's log to its end, then say why its step failed."""
        host.close()
        index = self._hosts.index(host)
        log, folder = self._logs[index], self._run.folders[index]
        if event["event"] == "failed":
            command = cut(" ".join(step.argv), 300)
            text, code = f'{step.kind}:\nErrorMessage "{event["error"]}"\nCommand "{command}"', 1
            lost_peer = False
        else:
            code = event["code"]
            text = script_error(step.kind, code, step.argv, log.tail, event["oom"])
            lost_peer = rank_errors.is_lost_peer(text) or rank_errors.was_told_to_end(code, log.tail)
        written = _failure_file(folder)
        if step.kind == steps.CONTAINER:
            code = code if code >= 0 else 128 - code
            own = _own_error(log.tail)
            text = written or text.replace(f"{steps.CONTAINER}:\n", "", 1)
            if own and own not in text:
                text = cut(text, 500) + f"\nThe script's own last error: {cut(own, 400)}"
            return algorithm_error(text, code)
        log.say(steps.info("Reporting training FAILURE", "ERROR"))
        log.say(steps.info(text, "ERROR"))
        failure = algorithm_error(written or text, 1)  # the toolkit exits 1 whatever the script's code was
        failure.lost_peer = lost_peer and not written
        return failure


def _failure_file(folder: HostFolder) -> str:
    """The first 1,024 characters of output/failure, "" when the script wrote none."""
    try:
        with open(folder.failure, encoding="utf-8", errors="replace") as file:
            return file.read(1024).strip()
    except OSError:
        return ""


def _own_error(tail: list[str]) -> str:
    """The script's error in the log of SDK 3's drivers, which put a traceback of their own behind it."""
    own = next((index for index, line in enumerate(tail) if line.startswith(DRIVER_FAILED)), len(tail))
    return error_message(tail[:own])
