"""How much memory pocketaws holds while nobody asks it anything: fresh, and after work that is over."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import calls
import jobs
import servers
from report import Figure

LIMIT_MB = 200
SETTLE_S = 3  # of quiet before memory is read


def idle(out: Path, rounds: int) -> Iterator[Figure]:
    """Resident memory of the whole process tree, after each kind of work; objects are deleted first."""
    with servers.pocketaws(out) as server:
        yield _figure(server, "Idle, just started")
        for call in calls.small_calls(server).values():
            for _ in range(rounds):
                call()
        yield _figure(server, f"Idle, after {5 * rounds:,} small calls")
        jobs.JobSide(server, {"hello.py": jobs.HELLO}, "hello.py", {}, jobs.chat_rows(out)).run()
        yield _figure(server, "Idle, after a training job")
        s3 = server.client("s3")
        for number in range(4):
            s3.put_object(Bucket=calls.BUCKET, Key=f"large-{number}", Body=os.urandom(50 * 10**6))
        for number in range(4):
            s3.get_object(Bucket=calls.BUCKET, Key=f"large-{number}")["Body"].read()
            s3.delete_object(Bucket=calls.BUCKET, Key=f"large-{number}")
        yield _figure(server, "Idle, after four objects of 50 MB came and went")


def _figure(server: servers.Server, what: str) -> Figure:
    time.sleep(SETTLE_S)
    return Figure("memory", what, server.memory_mb(), "MB", LIMIT_MB)
