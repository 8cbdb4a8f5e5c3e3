"""One instance of a job or an endpoint, as an engine sees it: a supervisor process, its pipes, its log."""

import fcntl
import json
import os
import signal
import subprocess
import threading
from pathlib import Path

SUPERVISOR = Path(__file__).with_name("supervisor.py")
PIPE_BYTES = 1 << 20  # a burst of output fits before the script has to wait
READ_BYTES = 1 << 18
F_SETPIPE_SZ = 1031  # linux/fcntl.h; in the fcntl module from Python 3.10 on Linux only


class Host:
    """A host's processes: start it, run commands in it one after the other, close it.

    name      such as "algo-1"
    log       takes the output: `feed(bytes)` and `end_of_output()`
    on_event  called with (host, event) from a thread of this host; event is one of
              {"event": "exited", "code": int, "oom": bool}, {"event": "failed", "error": str}
    """

    def __init__(self, name: str, python: str, log, on_event):
        self.name = name
        self.log = log
        self._on_event = on_event
        self._pid_of_command: int | None = None
        self._running = False
        self._write_lock = threading.Lock()
        read_fd, write_fd = os.pipe()
        _widen(write_fd)
        self._supervisor = subprocess.Popen(
            [python, "-I", "-S", str(SUPERVISOR), str(write_fd)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(write_fd,), start_new_session=True,
        )  # fmt: skip
        os.close(write_fd)
        self._threads = [
            threading.Thread(target=self._read_log, args=(read_fd,), name=f"{name} log", daemon=True),
            threading.Thread(target=self._read_events, name=f"{name} events", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def run(self, argv: list[str], cwd: str, env: dict, say: str = "") -> None:
        """Start one command; its end comes as an event. `say` goes to the log in front of its output."""
        self._running = True
        self._command(do="run", argv=argv, cwd=cwd, env=env, say=say)

    def terminate(self) -> None:
        """SIGTERM to the command's process group."""
        self._command(do="signal", number=int(signal.SIGTERM))

    def kill(self) -> None:
        """SIGKILL to every process of this host."""
        self._command(do="kill")

    def close(self, wait_s: float = 30.0) -> None:
        """End every process of this host and read its output to the end. Safe to call twice."""
        with self._write_lock:
            if not self._supervisor.stdin.closed:
                try:
                    self._supervisor.stdin.close()
                except BrokenPipeError:
                    pass  # it has gone already
        try:
            self._supervisor.wait(wait_s)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(wait_s)

    def _command(self, **command) -> None:
        with self._write_lock:
            if self._supervisor.stdin.closed:
                return
            try:
                self._supervisor.stdin.write(json.dumps(command).encode() + b"\n")
                self._supervisor.stdin.flush()
            except BrokenPipeError:
                pass  # the supervisor is gone; _read_events tells

    def _read_events(self) -> None:
        with self._supervisor.stdout as events:
            for line in events:
                event = json.loads(line)
                if event["event"] == "started":
                    self._pid_of_command = event["pid"]
                else:
                    self._running, self._pid_of_command = False, None
                    self._on_event(self, event)
        if self._running:  # somebody killed the supervisor: its command must not live on
            self._running = False
            if self._pid_of_command:
                try:
                    os.killpg(self._pid_of_command, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self._on_event(self, {"event": "failed", "error": "the process that supervises it was killed"})

    def _read_log(self, read_fd: int) -> None:
        with open(read_fd, "rb", buffering=0) as output:
            while data := output.read(READ_BYTES):
                self.log.feed(data)
        self.log.end_of_output()


def _widen(fd: int) -> None:
    """Give a pipe 1 MiB where the system allows it."""
    try:
        fcntl.fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES)
    except OSError:
        pass  # not Linux, or over the user's pipe limit: 64 KiB it is
