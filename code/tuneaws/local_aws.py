"""The AWS of this machine, as a process: start it when it is not up, find it, stop it.

    info = start(folder(home), "us-east-1")      # {"url", "home", "account", "region", "pid", …}
    stop_local(home)

This is the one module of tuneaws that knows pocketaws as a program. A file lock says whether it lives, and
server.json in its home where it answers.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tuneaws import environment

CODE = Path(__file__).resolve().parents[1]
START_WITHIN_S = 60
STOP_WITHIN_S = 60
ANSWER_WITHIN_S = 5

_children = {}  # home -> the Popen of a server that this process started


class SessionError(RuntimeError):
    """No session: the message says why, how to mend it, and the free way on."""


def is_up(home=None) -> bool:
    """Whether a local AWS answers, without starting one.

    home  None: the one that AWS_ENDPOINT_URL points to, else <course>/.pocketaws
    """
    found = ask(os.environ.get("AWS_ENDPOINT_URL")) if home is None else None
    return bool(found or _alive(folder(home)))


def stop_local(home=None) -> bool:
    """Stop the local AWS of `home`. False if none was running.

    What it knows (buckets, finished jobs, models) stays on disk for the next connect(); a job that runs is
    Failed. To remove it all, stop it and delete the folder.
    """
    home = folder(home)
    info = _read(home) or {}
    stopped = _held(home / "lock")
    if stopped:
        pid = (ask(info.get("url")) or info).get("pid")
        if not _is_pocketaws(pid):
            raise SessionError(f"something holds {home / 'lock'}, and its process is not known.\n"
                               f"Fix: find it with `lsof {home / 'lock'}` and end it")
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            if _until(lambda: not _held(home / "lock"), STOP_WITHIN_S if number == signal.SIGTERM else 10):
                break
    child = _children.pop(home, None)
    if child is not None:
        child.wait(STOP_WITHIN_S)
    if info.get("url") and os.environ.get("AWS_ENDPOINT_URL") == info["url"]:
        environment.leave()
    return stopped


@contextlib.contextmanager
def only_for_now():
    """End with the block each local AWS that was started in it. What they keep stays on disk."""
    before = set(_children)
    try:
        yield
    finally:
        for home in set(_children) - before:
            stop_local(home)


def start(home: Path, region: str) -> dict:
    """Return what the local AWS of `home` says of itself, after starting it when needed.

    Two notebooks may come here at once: the second waits for the first's lock and finds the server up.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        gate = (home / "start.lock").open("w")
    except OSError as err:
        fix = "connect(home=...) with another folder"
        raise SessionError(f"{home} can't be written: {err}.\nFix: {fix}") from err
    with gate:
        if not _until(lambda: _try_lock(gate), START_WITHIN_S):
            raise SessionError(f"another process has been starting the local AWS for {START_WITHIN_S} s.\n"
                               f"Fix: look at {home / 'start.log'}")
        if _held(home / "lock"):  # somebody runs it, or is just ending
            found = _await_server(home, lambda: not _held(home / "lock"))
            if found:
                return found
            if _held(home / "lock"):
                raise SessionError(f"the local AWS of {home} runs but does not answer ({_read(home)}).\n"
                                   "Fix: tuneaws.session.stop_local(), then connect again.\n" + _tail(home))
        return _spawn(home, region)


def _spawn(home: Path, region: str) -> dict:
    env = environment.without_aws(os.environ)
    env["PYTHONPATH"] = os.pathsep.join([str(CODE), *filter(None, [env.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "pocketaws", "--port", "0", "--home", str(home), "--region", region]
    with (home / "start.log").open("w") as log:
        child = subprocess.Popen(command, env=env, cwd=home, stdin=subprocess.DEVNULL, stdout=log,
                                 stderr=subprocess.STDOUT, start_new_session=True)
    found = _await_server(home, lambda: child.poll() is not None)
    if found:
        _children[home] = child
        return found
    code = child.poll()
    if code is None:
        child.kill()
        child.wait()
    what = f"did not answer within {START_WITHIN_S} s" if code is None else f"ended with exit code {code}"
    raise SessionError(f"the local AWS {what}.\nIt was started with: {' '.join(command)}\n" + _tail(home))


def _await_server(home: Path, gone) -> dict:
    """Wait until the server of `home` answers or `gone()`; what it says of itself, {} if it says nothing."""
    found = {}
    _until(lambda: found.update(_alive(home) or {}) or found or gone(), START_WITHIN_S)
    return found


def folder(home) -> Path:
    """The home that is meant: the one given, else <course>/.pocketaws."""
    return Path(home).resolve() if home is not None else CODE.parent / ".pocketaws"


def _read(home: Path):
    """server.json as a dict, or None if it is missing or half written."""
    try:
        return json.loads((home / "server.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def opener():
    """What opens addresses of this machine, whatever proxy the environment names."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url):
    """What a server at `url` says of itself, with its url; None if it is not a local AWS that answers."""
    if not url or not url.startswith("http://127.0.0.1:"):
        return None
    try:
        with opener().open(f"{url}/_pocketaws", timeout=ANSWER_WITHIN_S) as answer:
            info = json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return {**info, "url": url} if isinstance(info, dict) and info.get("service") == "pocketaws" else None


def _alive(home: Path):
    """The server of `home` if it answers. Another server may have got a dead one's port: compare homes."""
    info = ask((_read(home) or {}).get("url"))
    return info if info and Path(info["home"]).resolve() == home.resolve() else None


def _try_lock(file) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _held(path: Path) -> bool:
    """Whether a living process holds the lock: true exactly as long as the server lives."""
    try:
        with path.open("r") as file:
            return not _try_lock(file)
    except FileNotFoundError:
        return False


def _is_pocketaws(pid) -> bool:
    if not isinstance(pid, int):
        return False
    shown = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True)
    return "pocketaws" in shown.stdout


def _until(condition, within_s: float) -> bool:
    """Ask every 50 ms until `condition()` is true; False after `within_s`."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _tail(home: Path, lines: int = 15) -> str:
    """The ends of both logs of the server: what it printed, and what it has noted itself."""
    parts = []
    for log in (home / "start.log", home / "pocketaws.log"):
        if log.exists() and (text := log.read_text(errors="replace").strip()):
            parts += [f"The end of {log}:", *(f"  {line}" for line in text.splitlines()[-lines:])]
    return "\n".join(parts) or f"Its logs in {home} are empty."
