"""Run variants of a training job, some at a time, under a dollar cap; begin again where it was left.

    search = Search(make, channels, price, cap_usd=5)
    preview(session, search, variants)              # what it would do and cost; nothing is started
    rows = run(session, search, variants)           # on AWS: money from here on
    table(rows), plot(rows)                         # views.py

A job's name holds the hash of all that decides its result: hyperparameters, image, machine, code, and the
data's bytes. A variant whose job has completed is not run again, one whose job still runs is followed; so
the same call after an interrupt, in another notebook or on another day goes on where it was.
"""

import contextlib
import hashlib
import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tuneaws import buckets, prices, training_jobs
from tuneaws.job_lines import ENDED, billed_s
from tuneaws.runs.hashes import folder_hash

LOSS = "eval:loss"
NAME_LENGTH = 12  # hexadecimal digits of the hash in a job's name: no two of a million variants share them


class CapError(prices.PriceError):
    """The search could cost more than its cap; the message has the numbers, and what to do."""


@dataclass(frozen=True)
class Search:
    """What the variants have in common.

    make      hyperparameters → an estimator, for example lambda h: launch.estimator_from(cfg, session,
    bucket, h) base      hyperparameters of every variant; a variant's own win channels  {"training":
    "s3://…/", "validation": …} price     prices.Price of an instance hour, from launch.show_price() cap_usd
    the whole search may cost so much at worst, what it has cost already included parallel  jobs at a time.
    On AWS bounded by your quota, here by two cores name      begins the jobs' names
    """

    make: Callable
    base: dict
    channels: dict
    price: prices.Price
    cap_usd: float
    parallel: int = 2
    name: str = "tuneaws"


@dataclass
class Planned:
    """A variant, its hash, the job that it has already (a description) or None, and its estimator."""

    variant: dict
    key: str
    job: dict | None
    estimator: object
    attempt: int = 1


def run(session, search: Search, variants: list, poll_s: float = 0.5) -> list:
    """Run what has not been run; return a row for each variant, in their order, see rows().

    An interrupt stops the watching, not the jobs; call it again to go on.
    Raises  CapError before anything is started; QuotaError if AWS refuses a job: what runs goes on
    """
    sm, planned = session.client("sagemaker"), plan(session, search, variants)
    check_cap(search, planned, free=session.where == "local")
    waiting = [each for each in planned if each.job is None]
    running = [each for each in planned if each.job and each.job["TrainingJobStatus"] not in ENDED]
    for each in planned:
        if each.job:
            print(
                f"{label(each.variant)}: {each.job['TrainingJobName']} {_state(each.job)}, not started again"
            )
    try:
        while waiting or running:
            while waiting and len(running) < search.parallel:
                running.append(_start(sm, search, waiting.pop(0)))
            for each in list(running):
                each.job = training_jobs.get(sm, each.job["TrainingJobName"])
                if each.job["TrainingJobStatus"] in ENDED:
                    running.remove(each)
                    print(f"{label(each.variant)}: {_state(each.job)}")
            if running:
                time.sleep(poll_s)
    except KeyboardInterrupt:
        names = ", ".join(each.job["TrainingJobName"] for each in running)
        print(f"stopped watching; still running: {names or 'none'}. Call run() again to go on")
        raise
    return [row(each, search.price, session.where) for each in planned]


def preview(session, search: Search, variants: list) -> float:
    """Print what run() would do, and return what it could cost at worst in USD. Starts nothing.

    Raises  CapError if that is over the cap, as run() would
    """
    planned = plan(session, search, variants)
    for each in planned:
        print(f"{label(each.variant)}: {_state(each.job) if each.job else 'to be started'}")
    check_cap(search, planned, free=session.where == "local")
    return worst_usd(search, planned)


def plan(session, search: Search, variants: list) -> list:
    """What is to do: each variant with the job that it has already. Starts nothing.

    Raises  ValueError if two variants are the same
    """
    sm, s3 = session.client("sagemaker"), session.client("s3")
    data = {name: data_state(s3, uri) for name, uri in search.channels.items()}
    planned = []
    for variant in variants:
        estimator = search.make({**search.base, **variant})
        request = estimator.request(search.channels)
        key = variant_key(request, {**search.base, **variant}, data, code_state(estimator))
        if key in [each.key for each in planned]:
            raise ValueError(f"the variant {label(variant)} is there twice. Fix: give each once")
        job, attempt = find_job(sm, f"{search.name}-{key}")
        planned.append(Planned(variant, key, job, estimator, attempt))
    return planned


def variant_key(request: dict, hyperparameters: dict, data: dict, code: str) -> str:
    """The hash that stands for a variant: the same for two jobs that would compute the same."""
    machine = {name: request["ResourceConfig"].get(name) for name in ("InstanceType", "InstanceCount")}
    image = request["AlgorithmSpecification"].get("TrainingImage")
    whole = json.dumps([hyperparameters, machine, image, data, code], sort_keys=True, default=str)
    return hashlib.sha256(whole.encode()).hexdigest()[:NAME_LENGTH]


def data_state(s3, uri: str) -> str:
    """What tells the bytes below an S3 prefix apart from others: names, sizes and ETags, one hash of them."""
    bucket, prefix = buckets.split_uri(uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    entries = [
        (entry["Key"], entry["Size"], entry["ETag"]) for page in pages for entry in page.get("Contents", [])
    ]
    return hashlib.sha256(json.dumps(sorted(entries)).encode()).hexdigest()


def code_state(estimator) -> str:
    """The hash of the code that an estimator would upload; of its address, if it is in S3 already."""
    source = estimator.source_dir
    if not source or str(source).startswith("s3://"):
        return str(source or estimator.entry_point)
    return folder_hash(Path(source))["sha256"]


def find_job(sm, beginning: str) -> tuple:
    """(the job to go on with or None, the number of the next attempt) of the jobs <beginning>-1, -2, …

    A completed job comes first, then one that runs; failed and stopped ones are tried again.
    """
    pages = sm.get_paginator("list_training_jobs").paginate(NameContains=beginning)
    found = [
        job
        for page in pages
        for job in page["TrainingJobSummaries"]
        if job["TrainingJobName"].rpartition("-")[0] == beginning
    ]
    attempts = [int(job["TrainingJobName"].rpartition("-")[2]) for job in found]
    for wanted in ("Completed", "InProgress"):
        for job in found:
            if job["TrainingJobStatus"] == wanted:
                return training_jobs.get(sm, job["TrainingJobName"]), max(attempts) + 1
    return None, max(attempts, default=0) + 1


# --- the cap


def worst_usd(search: Search, planned: list) -> float:
    """What the search has cost, and can cost at worst from here: every job that is left runs to its limit."""
    return sum(_worst(search.price, each) for each in planned)


def check_cap(search: Search, planned: list, free: bool) -> None:
    """Print what the search can cost. Raises CapError if that is over the cap, also where it is free.

    free   whether it costs nothing here, so that the numbers are those of AWS
    """
    worst, done = worst_usd(search, planned), sum(_is_done(each) for each in planned)
    print(
        f"{len(planned)} variants, {done} done; at worst {worst:.2f} USD{' if on AWS' * free}, "
        f"the cap is {search.cap_usd:.2f} USD"
    )
    if worst > search.cap_usd:
        left = [each for each in planned if not _is_done(each)]
        each_usd = _worst(search.price, left[0]) if left else 0.0
        fit = int((search.cap_usd - (worst - each_usd * len(left))) / each_usd) if each_usd else 0
        raise CapError(
            f"{len(left)} jobs of at worst {each_usd:.2f} USD each come to {worst:.2f} USD with what is "
            f"spent, the cap is {search.cap_usd:.2f} USD. Nothing was started.\n"
            f"Fix: fewer variants ({max(fit, 0)} more fit), a smaller max_run_s, or a larger cap_usd"
        )


def _worst(price: prices.Price, each: Planned) -> float:
    if _is_done(each):
        return usd(price, each.job)
    estimator = each.estimator
    longest_s = estimator.max_run + (estimator.keep_alive_period_in_seconds or 0)
    return price.usd_per_hour * (estimator.instance_count or 1) * longest_s / 3600


def _is_done(each: Planned) -> bool:
    return each.job is not None and each.job["TrainingJobStatus"] in ENDED


def usd(price: prices.Price, job: dict) -> float:
    """What a job has cost: billed seconds × instances × price on demand; spot costs less."""
    return price.usd_per_hour * job["ResourceConfig"].get("InstanceCount", 1) * billed_s(job) / 3600


# --- a job of the search


def _start(sm, search: Search, each: Planned) -> Planned:
    name = f"{search.name}-{each.key}-{each.attempt}"
    with contextlib.redirect_stdout(io.StringIO()):  # one line a job is enough
        each.estimator.fit(search.channels, wait=False, job_name=name)
    each.job = training_jobs.get(sm, name)
    print(f"{label(each.variant)}: started as {name}")
    return each


def row(each: Planned, price: prices.Price, where: str) -> dict:
    """A row for a table: the variant's values, "held-out loss", "seconds", "USD", "status", "job".

    In local the dollars are those that AWS would have charged for the same time, and the column says so.
    """
    job = each.job
    final = {metric["MetricName"]: metric["Value"] for metric in job.get("FinalMetricDataList", [])}
    loss = final.get(LOSS)
    return {
        **each.variant, "held-out loss": None if loss is None else round(loss, 4),
        "seconds": round(billed_s(job)),
        "USD if on AWS" if where == "local" else "USD": round(usd(price, job), 4),
        "status": job["TrainingJobStatus"], "job": job["TrainingJobName"],
    }  # fmt: skip


def label(variant: dict) -> str:
    """A variant in a few words: "learning_rate=0.006 lora_r=8"."""
    return " ".join(f"{name}={value}" for name, value in variant.items())


def _state(job: dict) -> str:
    final = {metric["MetricName"]: metric["Value"] for metric in job.get("FinalMetricDataList", [])}
    loss = f", held-out loss {final[LOSS]:.4f}" if LOSS in final else ""
    why = f": {job['FailureReason'].splitlines()[0]}" if job.get("FailureReason") else ""
    return f"{job['TrainingJobStatus'].lower()}{loss}{why}"
