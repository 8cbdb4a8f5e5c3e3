"""Calls to pocketaws against the same calls to a bare moto: small ones, and objects of 100 MB."""

import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import servers
import timing
from report import Figure

BUCKET = "bench"
SMALL_LIMIT, LARGE_LIMIT = 1.5, 1.2  # times bare moto
LARGE = 100 * 10**6  # bytes


def small(out: Path, rounds: int) -> Iterator[Figure]:
    """STS, S3 and logs calls in turns on both. Each client keeps its connection where the server does."""
    with servers.pocketaws(out) as ours, servers.bare_moto(out) as moto:
        sides = {server.name: small_calls(server) for server in (ours, moto)}
        for what in sides["moto"]:
            pair = {name: calls[what] for name, calls in sides.items()}
            taken = timing.interleaved(pair, rounds, warm_up=10)
            times = timing.ratio(taken, "pocketaws", "moto")
            detail = timing.medians(taken, 1000, "ms")
            yield Figure("calls", f"{what}, against bare moto", times, "x", SMALL_LIMIT, detail, taken)
        # moto invents training jobs, so there is nothing to compare this one with.
        list_jobs = ours.client("sagemaker").list_training_jobs
        taken = timing.interleaved({"pocketaws": lambda: _done(list_jobs())}, rounds, warm_up=10)
        yield Figure("calls", "ListTrainingJobs", statistics.median(taken["pocketaws"]) * 1000, "ms",
                     samples=taken)  # fmt: skip


def small_calls(server: servers.Server) -> dict[str, Callable]:
    """{name: one call}, on a bucket with one object of 1 KB and a log with 100 lines."""
    sts, s3, logs = (server.client(service) for service in ("sts", "s3", "logs"))
    s3.create_bucket(Bucket=BUCKET)
    body, where = os.urandom(1000), {"Bucket": BUCKET, "Key": "small"}
    s3.put_object(Body=body, **where)
    names = {"logGroupName": "/bench", "logStreamName": "one"}
    logs.create_log_group(logGroupName="/bench")
    logs.create_log_stream(**names)
    events = [{"timestamp": 1_700_000_000_000 + at, "message": f"line {at}"} for at in range(100)]
    logs.put_log_events(logEvents=events, **names)
    return {
        "GetCallerIdentity": lambda: _done(sts.get_caller_identity()),
        "HeadObject": lambda: _done(s3.head_object(**where)),
        "GetObject of 1 KB": lambda: _done(s3.get_object(**where)["Body"].read()),
        "PutObject of 1 KB": lambda: _done(s3.put_object(Body=body, **where)),
        "GetLogEvents, 100 lines": lambda: _done(logs.get_log_events(**names)),
    }


def _done(answer) -> None:
    """Take an answer and give nothing back, so that the time counts and not the value."""
    if not answer:
        raise AssertionError("an empty answer")


def large(out: Path, rounds: int, size: int = LARGE) -> Iterator[Figure]:
    """Put and get one object of `size` bytes in turns on both, and upload it as a file, in parts."""
    file = Path(tempfile.mkdtemp(prefix="file-", dir=out)) / "large"
    file.write_bytes(os.urandom(size))
    with servers.pocketaws(out) as ours, servers.bare_moto(out) as moto:
        sides = {server.name: large_calls(server, file) for server in (ours, moto)}
        for what in sides["moto"]:
            pair = {name: calls[what] for name, calls in sides.items()}
            taken = timing.interleaved(pair, rounds, warm_up=1)
            times = timing.ratio(taken, "pocketaws", "moto")
            label = f"{what} of {size / 1e6:.0f} MB, against bare moto"
            yield Figure("upload", label, times, "x", LARGE_LIMIT, timing.medians(taken), taken)


def large_calls(server: servers.Server, file: Path) -> dict[str, Callable]:
    """{name: one transfer}. The object is replaced each time, so the server holds one at most."""
    s3 = server.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    body, where = file.read_bytes(), {"Bucket": BUCKET, "Key": "large"}

    def get() -> None:
        if len(s3.get_object(**where)["Body"].read()) != len(body):
            raise AssertionError("the object came back shorter or longer than it is")

    return {
        "put_object": lambda: _done(s3.put_object(Body=body, **where)),
        "get_object": get,
        "upload_file": lambda: s3.upload_file(str(file), BUCKET, "large"),
    }
