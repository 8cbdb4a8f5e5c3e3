"""Start and end what is measured: pocketaws, a bare moto, a command by hand. Nothing outlives its block.

Each runs in a session of its own: a Ctrl-C reaches this program alone, which then ends them in order.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import psutil
from botocore.config import Config
from report import BenchError

ROOT = Path(__file__).resolve().parents[1]
CODE = ROOT / "code"
REGION = "us-east-1"
READY_WITHIN_S = 60
END_WITHIN_S = 30


@dataclass
class Server:
    """One that listens on loopback. log takes what it says on stderr, home is pocketaws' folder."""

    name: str
    url: str
    process: subprocess.Popen
    log: Path
    home: Path | None = None

    def client(self, service: str):
        """A raw boto3 client for it, with credentials that nobody checks; it tries once."""
        return boto3.session.Session("bench", "bench", region_name=REGION).client(
            service, endpoint_url=self.url,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=300, proxies={}),
        )  # fmt: skip

    def memory_mb(self) -> float:
        """Resident memory of its whole process tree, MB of 10^6 bytes; shared pages count in each process."""
        top = psutil.Process(self.process.pid)
        return sum(each.memory_info().rss for each in [top, *top.children(recursive=True)]) / 1e6


def plain_environment(**more: str) -> dict[str, str]:
    """This environment without anything of AWS, SageMaker or the hub that the shell may have set."""
    ours = {name: value for name, value in os.environ.items()
            if not name.startswith(("AWS_", "SM_", "HF_", "MOTO_")) and name != "PYTHONPATH"}  # fmt: skip
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
               "AWS_EC2_METADATA_DISABLED": "true"}  # fmt: skip
    return {**ours, **nothing, **more}


@contextlib.contextmanager
def pocketaws(out: Path) -> Iterator[Server]:
    """A pocketaws with a new home in out, until the block ends. Raises BenchError if it does not start."""
    home = Path(tempfile.mkdtemp(prefix="home-", dir=out))
    command = [sys.executable, "-m", "pocketaws", "--port", "0", "--home", str(home)]
    with started(command, out / "pocketaws.log", PYTHONPATH=str(CODE)) as process:
        ready = home / "server.json"
        wait_until(lambda: ready.exists(), process, out / "pocketaws.log")
        url = process.stdout.readline().strip().partition("=")[2]
        yield Server("pocketaws", url, process, out / "pocketaws.log", home)


@contextlib.contextmanager
def bare_moto(out: Path) -> Iterator[Server]:
    """moto's own server, started as its documentation does: `moto_server`, which is this module."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with started(command, out / "moto.log") as process:
        wait_until(lambda: answers(port), process, out / "moto.log")
        yield Server("moto", f"http://127.0.0.1:{port}", process, out / "moto.log")


@contextlib.contextmanager
def started(command: list[str], log: Path, **variables: str) -> Iterator[subprocess.Popen]:
    """A process whose stderr goes to a file, and which is ended with the block, children and all."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=log.parent,
            env=plain_environment(**variables), start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        end(process)
        process.stdout.close()


def end(process: subprocess.Popen) -> None:
    """SIGTERM, and after END_WITHIN_S SIGKILL for it and whatever it started."""
    if process.poll() is not None:
        return
    family = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(END_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for left in psutil.wait_procs(family, timeout=5)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            left.kill()


def answers(port: int) -> bool:
    """Whether something accepts connections on this port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(ready, process: subprocess.Popen, log: Path) -> None:
    """Wait until ready() is true. Raises BenchError when the process ends or READY_WITHIN_S pass."""
    deadline = time.monotonic() + READY_WITHIN_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            state = "ended" if process.poll() is not None else f"was not ready within {READY_WITHIN_S} s"
            raise BenchError(f"{' '.join(process.args[1:4])} {state}: {tail(log)}")
        time.sleep(0.02)


def run_command(command: list[str], log: Path, cwd: Path, limit_s: float, **variables: str) -> float:
    """Run a command to its end, output to a file; the seconds from its start to its end.

    Raises BenchError when it fails or takes longer than limit_s.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, stdout=output, stderr=subprocess.STDOUT, env=plain_environment(**variables),
            start_new_session=True,
        )  # fmt: skip
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            taken = time.perf_counter() - begun
            end(process)
    if code != 0:
        how = f"ended with exit code {code}" if code is not None else f"took more than {limit_s:g} s"
        raise BenchError(f"{Path(command[1]).name} {how}: {tail(log)}")
    return taken


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a log, in one."""
    return " / ".join(log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-lines:])
