"""Two ways to run pocketaws in a test: as a process, or in this process with engines that are fakes."""

import contextlib
import http.client
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[1]
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sagemaker.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def client(url: str, service: str, region: str = "us-east-1", **config):
    """A raw boto3 client that tries once and, unless told otherwise, checks parameters as usual."""
    return boto3.session.Session(region_name=region).client(
        service, endpoint_url=url, config=Config(retries={"total_max_attempts": 1}, **config)
    )


class Process:
    """`python -m pocketaws` as a process: its output line by line, its end."""

    def __init__(self, home: Path, *arguments: str):
        self.home = home
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pocketaws", "--home", str(home), *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT / "code")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self._lines: queue.Queue = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))

    def line(self, within_s: float = 120) -> str:
        """The next line of its standard output."""
        return self._lines.get(timeout=within_s)

    def url(self) -> str:
        """The address of its ready line."""
        name, _, url = self.line().partition("=")
        assert name == "AWS_ENDPOINT_URL"
        return url

    def send(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self, within_s: float = 120) -> tuple[int, list[str], str]:
        """Wait for its end: (exit status, output lines not read before, standard error)."""
        status = self._process.wait(timeout=within_s)
        self._reader.join(timeout=5)
        rest = []
        with contextlib.suppress(queue.Empty):
            while True:
                rest.append(self._lines.get_nowait())
        return status, rest, self._process.stderr.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join(timeout=5)
        self._process.stdout.close()
        self._process.stderr.close()


class FakeEngine:
    """Takes jobs and runs nothing: the test moves them."""

    def __init__(self):
        self.started, self.stopped, self.interrupted, self.closed = [], [], [], False

    def start(self, job):
        self.started.append(job)

    def interrupt(self, job, notice_s=None):
        self.interrupted.append((job, notice_s))
        return True

    def stop(self, job):
        self.stopped.append(job)

    def close(self, grace_s: float):
        self.closed = True


class FakeHosting:
    """Takes endpoints and runs nothing: the test moves them, most often with settle().

    calls     [(method, endpoint, its other arguments)]
    restored  [(method, endpoint)] of what was in service before
    """

    def __init__(self):
        self.calls, self.restored, self.closed = [], [], False

    def restore(self, endpoint):
        self.restored.append(("restore", endpoint))

    def create(self, endpoint, spec):
        self.calls.append(("create", endpoint, spec))

    def update(self, endpoint, spec, retain_weights=False):
        self.calls.append(("update", endpoint, spec))

    def update_weights(self, endpoint, changes):
        self.calls.append(("update_weights", endpoint, changes))

    def delete(self, endpoint, forget):
        self.calls.append(("delete", endpoint, forget))

    def close(self, grace_s: float):
        self.closed = True

    def settle(self) -> None:
        """Do at once what the newest call asked for."""
        method, endpoint, asked = self.calls[-1]
        if method == "delete":
            asked()
            return
        if method == "update_weights":
            for name, change in asked.items():
                now = {"current_weight": change["weight"], "current_count": change["count"]}
                endpoint.set_variant(name, **{key: value for key, value in now.items() if value is not None})
        else:
            endpoint.serve(asked)
        endpoint.move("InService")


class InProcess:
    """A gateway served in this process, so that a test can reach its jobs and endpoints.

    url, state, engine (a FakeEngine), hosting (a FakeHosting), client(service)
    """

    def __init__(self, home: Path):
        from pocketaws import listener, server
        from pocketaws.gateway import Gateway
        from pocketaws.state import State

        server.set_environment()
        self.state = State(home, "us-east-1")
        self.engine = self.state._engine = FakeEngine()
        self.hosting = self.state._hosting = FakeHosting()
        gigabyte = 1024**3
        self._server = listener.listen(Gateway(self.state), 0, 8, gigabyte, gigabyte)
        self.url = self.state.url = f"http://127.0.0.1:{self._server.effective_port}"
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()

    def client(self, service: str, region: str = "us-east-1", **config):
        """A raw boto3 client for it."""
        return client(self.url, service, region, **config)

    def job(self, name: str):
        """The TrainingJob object behind a name."""
        return self.state.jobs.get(name, "us-east-1", self.state.account)

    def close(self) -> None:
        """Stop serving, and let go of the home."""
        self._server.close()
        self.state.store.close()


def until(question, within_s: float = 120):
    """Ask until the answer is true, and return it. Raises TimeoutError with the last answer."""
    deadline = time.monotonic() + within_s
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {answer!r} after {within_s} s")
        time.sleep(0.02)
    return answer


def raw(url: str, method: str, path: str, body: bytes = b"", **headers) -> tuple[int, dict, bytes]:
    """One HTTP request as it is: (status, headers in lower case, body)."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def signed_for(service: str) -> str:
    """An Authorization header that names a service; nobody checks the signature."""
    scope = f"Credential=AKIAEXAMPLE/20261101/us-east-1/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00"
