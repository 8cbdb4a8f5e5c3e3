"""Start, serve and end one local AWS.

lock the home → clear what a killed one left → read what the one before knew → listen on 127.0.0.1, where
that one did if it can be had → start again what was serving → ready line → … → end every process
"""

import ctypes
import errno
import fcntl
import json
import logging
import logging.handlers
import os
import resource
import signal
import sqlite3
import sys
import threading
from pathlib import Path

from pocketaws import __version__
from pocketaws.folders import remove

THREADS = 24  # a request holds one; a training job's engine and its script are clients too
ALIVE_EVERY_S = 1.0  # a job that a kill ended is billed to within this
GRACE_S = 3.0  # from SIGTERM to SIGKILL for jobs that run when the server ends
MAX_UPLOAD = 5 * 1024**3 + 1  # bytes; S3 takes 5 GiB in one put
OPEN_FILES = 4096  # of this process; an invocation takes two: its client's connection and its container's
MEMORY_UPLOAD = 16 * 1024**2  # bytes of a request kept in memory; longer ones go through a temporary file


class StartError(Exception):
    """The local AWS cannot start; the message is for the user."""


def main(home: Path, port: int, region: str, keep_jobs: bool = False, enforce_iam: bool = False) -> int:
    """Run a local AWS until SIGINT, SIGTERM or the terminal's end; returns the exit status.

    Prints one line, AWS_ENDPOINT_URL=http://127.0.0.1:PORT, once requests are answered.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # ignored under nohup
            signal.signal(number, lambda *_: stop.set())
    try:
        with locked(home):
            _log_to(home / "pocketaws.log")
            return _serve(home, port, region, keep_jobs, enforce_iam, stop)
    except (StartError, OSError, sqlite3.Error) as err:
        text = err if isinstance(err, StartError) else f"cannot use {home} as home: {err}. Name another."
        print(f"pocketaws: {text}", file=sys.stderr)
        return 1


class locked:
    """Hold <home>/lock while the with block runs; the system lets go of it when the process dies.

    Raises StartError when another pocketaws holds it, or the home cannot be written.
    """

    def __init__(self, home: Path):
        self.home = home

    def __enter__(self):
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            self._file = open(self.home / "lock", "a+")
        except OSError as err:
            raise StartError(
                f"cannot use {self.home} as home: {err.strerror}. Name another with --home."
            ) from err
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            self._file.close()
            raise StartError(
                f"another pocketaws{_describe(self.home)} uses {self.home}. Use that one, end it, or name "
                "another home with --home."
            ) from err

    def __exit__(self, *_):
        self._file.close()


def _describe(home: Path) -> str:
    try:
        running = json.loads((home / "server.json").read_text(encoding="utf-8"))
        return f" (process {running['pid']}, {running['url']})"
    except (OSError, ValueError, KeyError):
        return ""


def clear_leftovers(home: Path, keep_jobs: bool) -> None:
    """Remove what a killed pocketaws left of what it ran: server.json, folders of jobs and containers.

    What it knew stays: buckets, jobs, models with their weights, all that restart.py brings back.
    """
    (home / "server.json").unlink(missing_ok=True)
    for name in ("endpoints", "bedrock/tuning", "bedrock/serving", *([] if keep_jobs else ["jobs"])):
        remove(home / name)


def _log_to(path: Path) -> None:
    logging.raiseExceptions = False  # a log that cannot be written, on a full disk, is no reason to stop
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=5_000_000, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for name in ("pocketaws", "waitress"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False


def _serve(
    home: Path, port: int, region: str, keep_jobs: bool, enforce_iam: bool, stop: threading.Event
) -> int:
    set_environment()
    return_large_blocks()
    allow_open_files()
    from pocketaws import listener, resources, restart
    from pocketaws.gateway import Gateway
    from pocketaws.state import State

    ended_at = restart.last_seen(home)
    clear_leftovers(home, keep_jobs)
    state = State(home, region, keep_jobs)
    state.iam.enforce = enforce_iam
    resources.load_managed_policies(state.account)
    restart.read(state, ended_at)
    server = _listen(listener, Gateway(state), port, home / "port")
    state.url = f"http://127.0.0.1:{server.effective_port}"
    restart.resume(state)  # before the first request is read; what it asks of this server waits for that
    threading.Thread(target=server.run, name="http", daemon=True).start()
    try:
        _announce(home, state)
        while not stop.wait(ALIVE_EVERY_S):
            _say_alive(home)
    finally:
        state.close(GRACE_S)
        (home / "server.json").unlink(missing_ok=True)
    return 0


def _listen(listener, gateway, port: int, last: Path):
    """A listener on the port, or where 0 is asked for on the last one of this home, which its clients know.

    last   the file that has it
    Raises StartError when the port cannot be had.
    """
    for wanted in [_number(last), 0] if port == 0 else [port]:
        try:
            server = listener.listen(gateway, wanted, THREADS, MEMORY_UPLOAD, MAX_UPLOAD)
        except OSError as err:
            if port == 0 and wanted:
                continue  # somebody else has it now
            if err.errno != errno.EADDRINUSE:
                raise StartError(f"cannot listen on 127.0.0.1:{port}: {err.strerror}.") from err
            raise StartError(
                f"port {port} is in use. Name another with --port, or --port 0 for a free one."
            ) from err
        last.write_text(f"{server.effective_port}\n", encoding="utf-8")
        return server


def _number(path: Path) -> int:
    """The port in a file; 0 when there is none."""
    try:
        port = int(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return 0
    return port if 0 < port < 65536 else 0


def _say_alive(home: Path) -> None:
    """Touch server.json: its time says, after a kill, until when this server was there."""
    try:
        os.utime(home / "server.json")
    except OSError:
        pass  # removed by hand


def return_large_blocks() -> None:
    """Have glibc give freed blocks of a megabyte and more back to the system; elsewhere do nothing.

    Its own rule keeps blocks of up to 32 MB: 280 MB were resident after eight transfers of 50 MB, now 82.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(-3, 1024 * 1024)  # M_MMAP_THRESHOLD, malloc.h


def allow_open_files() -> None:
    """Raise the number of files this process may have open: macOS starts with 256, Linux often with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def set_environment() -> None:
    """Settings that moto reads from the environment when it is imported.

    No CORS headers, so that no web page can talk to the local AWS; one account, whatever the shell says.
    """
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"
    for name in ("MOTO_ACCOUNT_ID", "S3_IGNORE_SUBDOMAIN_BUCKETNAME", "MOTO_S3_CUSTOM_ENDPOINTS"):
        os.environ.pop(name, None)


def _announce(home: Path, state) -> None:
    """Write server.json, in one piece, then print the ready line."""
    content = json.dumps({"url": state.url, "pid": state.pid, "version": __version__})
    draft = home / "server.json.new"
    draft.write_text(content, encoding="utf-8")
    draft.replace(home / "server.json")
    try:
        print(f"AWS_ENDPOINT_URL={state.url}", flush=True)
    except BrokenPipeError:  # whoever started it does not read its output; it serves all the same
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
