"""Runs the commands of one instance of a job or an endpoint; none of their processes stays behind.

A process of its own, started as `python -I -S supervisor.py LOG_FD` in its own session. Standard library
only, so that it starts in about 30 ms. The server holds the other ends of its pipes:

    stdin    commands, a JSON object a line:
             {"do": "run", "argv": [...], "cwd": "...", "env": {...}, "say": "..."}   one command at a time;
                                                        "say" goes to the log in front of its output
             {"do": "signal", "number": 15}                             to the command's process group
             {"do": "kill"}                                             SIGKILL to every process there is
    stdout   events, a JSON object a line: {"event": "started", "pid": N},
             {"event": "exited", "code": N, "oom": bool}  code < 0: the signal that ended it,
             {"event": "failed", "error": "..."}          the command could not be started
    LOG_FD   stdout and stderr of the commands

End of file on stdin, which is also what a server killed by SIGKILL leaves, means: kill everything, exit.
On Linux the supervisor is a subreaper, so children that double-fork or call setsid come back to it; if it is
killed itself, the kernel kills the command (PR_SET_PDEATHSIG). Elsewhere it kills the command's group.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
GIVE_UP_KILLING_S = 10.0


def main(log_fd: int) -> None:
    """Obey the commands on stdin until it ends, then kill what is left."""
    os.set_inheritable(log_fd, False)
    prctl = _prctl()
    if prctl:
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake_fd = _wake_on_signals()
    supervisor = Supervisor(log_fd, prctl)
    inbox = b""
    while True:
        ready = select.select([0, wake_fd], [], [])[0]
        if wake_fd in ready:
            if any(number != signal.SIGCHLD for number in os.read(wake_fd, 4096)):
                break  # SIGTERM or SIGINT to the supervisor itself
            supervisor.reap()
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                break
            inbox += data
            *lines, inbox = inbox.split(b"\n")
            for line in lines:
                supervisor.obey(json.loads(line))
    supervisor.kill_all()


class Supervisor:
    """The running command, if there is one, and every process that came out of it."""

    def __init__(self, log_fd: int, prctl):
        self.log_fd = log_fd
        self.prctl = prctl
        self.child: int | None = None
        self.oom_kills = 0

    def obey(self, command: dict) -> None:
        """Carry out one command of the server."""
        if command["do"] == "run":
            _write(self.log_fd, command["say"].encode())
            self.run(command["argv"], command["cwd"], command["env"])
        elif command["do"] == "signal" and self.child:
            _signal_group(self.child, command["number"])
        elif command["do"] == "kill":
            self.kill_all()

    def run(self, argv: list[str], cwd: str, env: dict) -> None:
        """Start a command in a session of its own, its output on the log."""
        self.oom_kills = _oom_kills()
        try:
            process = subprocess.Popen(
                argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=self.log_fd, stderr=self.log_fd,
                start_new_session=True, preexec_fn=self._die_with_me,
            )  # fmt: skip
        except (OSError, ValueError, subprocess.SubprocessError) as err:
            _tell(event="failed", error=f"{type(err).__name__}: {err}")
            return
        self.child = process.pid
        process.returncode = 0  # reap() waits for it, not Popen
        _tell(event="started", pid=process.pid)

    def _die_with_me(self) -> None:
        if self.prctl:
            self.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    def reap(self) -> bool:
        """Collect every child that has ended; False when there is no child at all any more.

        When the command itself ends, what it left behind is killed before the server hears of it.
        """
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.child:
                self._command_ended(os.waitstatus_to_exitcode(status))

    def _command_ended(self, code: int) -> None:
        oom = code in (-signal.SIGKILL, 128 + signal.SIGKILL) and _oom_kills() > self.oom_kills
        group, self.child = self.child, None
        _signal_group(group, signal.SIGKILL)
        self.kill_all()
        _tell(event="exited", code=code, oom=oom)

    def kill_all(self) -> None:
        """SIGKILL every descendant until there is none, or until the kernel has refused for 10 s."""
        until = time.monotonic() + GIVE_UP_KILLING_S
        while time.monotonic() < until:
            if self.child:
                _signal_group(self.child, signal.SIGKILL)
            for pid in _descendants(os.getpid()):
                _kill(pid)
            if not self.reap():
                return
            time.sleep(0.002)


def _descendants(root: int) -> list[int]:
    """Every live process below root, by /proc; empty where there is no /proc."""
    parents = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in names:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
            except OSError:
                continue  # gone meanwhile
            if state != b"Z":
                parents[int(name)] = int(parent)
    found, front = [], {root}
    while front:
        front = {pid for pid, parent in parents.items() if parent in front}
        found += front
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # gone meanwhile, or a set-uid program that is not ours to kill


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass


def _oom_kills() -> int:
    """How many processes the kernel has killed for memory since it started; 0 where it does not say."""
    try:
        with open("/proc/vmstat") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("oom_kill ")), 0)
    except OSError:
        return 0


def _prctl():
    """libc's prctl on Linux, None elsewhere."""
    return ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


def _wake_on_signals() -> int:
    """Make SIGCHLD, SIGTERM, SIGINT and SIGHUP readable from a pipe.

    Python handlers, not SIG_IGN: an ignored signal would stay ignored in the commands.
    """
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    signal.set_wakeup_fd(write_fd)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return read_fd


def _tell(**event) -> None:
    _write(1, json.dumps(event).encode() + b"\n")


def _write(fd: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(fd, data) :]
    except OSError:
        pass  # the server is gone; end of file on stdin says the same


if __name__ == "__main__":
    main(int(sys.argv[1]))
