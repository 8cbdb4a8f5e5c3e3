"""Run variants of a training job, some at a time, under a dollar cap; begin again where it was left.

    search = search_from(cfg, session, bucket, rows, cap_usd=5)    # course.py, or a Search of your own
    preview(session, search, variants)              # what it would do and cost; nothing is started
    rows = run(session, search, variants)           # on AWS: money from here on
    table(rows), plot(rows)                         # views.py

A job's name holds the hash of all that decides its result: hyperparameters, image, machine, code, and the
data's bytes. A variant whose job has completed is not run again, one whose job still runs is followed; so
the same call after an interrupt, in another notebook or on another day goes on where it was.
"""

import contextlib
import io
import time

from tuneaws import prices, training_jobs
from tuneaws.job_lines import ENDED, billed_s
from tuneaws.variants.planning import Planned, Search, label, plan

LOSS = "eval:loss"


class CapError(prices.PriceError):
    """The search could cost more than its cap; the message has the numbers, and what to do."""


def run(session, search: Search, variants: list, poll_s: float = 0.5) -> list:
    """Run what has not been run; return a row for each variant, in their order, see row().

    An interrupt stops the watching, not the jobs; call it again to go on.
    Raises  CapError before anything is started; QuotaError if AWS refuses a job: what runs goes on
    """
    sm, planned = session.client("sagemaker"), plan(session, search, variants)
    check_cap(search, planned, free=session.where == "local")
    waiting = [each for each in planned if each.job is None]
    running = [each for each in planned if each.job and each.job["TrainingJobStatus"] not in ENDED]
    for each in planned:
        if each.job:
            name = each.job["TrainingJobName"]
            print(f"{label(each.variant)}: {name} {_state(each.job)}, not started again")
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


# --- the cap


def worst_usd(search: Search, planned: list) -> float:
    """What the search has cost, and can cost at worst from here: every job that is left runs to its limit."""
    return sum(_worst(search.price, each) for each in planned)


def check_cap(search: Search, planned: list, free: bool) -> None:
    """Print what the search can cost. Raises CapError if that is over the cap, also where it is free.

    free   whether it costs nothing here, so that the numbers are those of AWS
    """
    worst, done = worst_usd(search, planned), sum(_is_done(each) for each in planned)
    print(f"{len(planned)} variants, {done} done; at worst {worst:.2f} USD{' if on AWS' * free}, "
          f"the cap is {search.cap_usd:.2f} USD")
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


def _state(job: dict) -> str:
    final = {metric["MetricName"]: metric["Value"] for metric in job.get("FinalMetricDataList", [])}
    loss = f", held-out loss {final[LOSS]:.4f}" if LOSS in final else ""
    why = f": {job['FailureReason'].splitlines()[0]}" if job.get("FailureReason") else ""
    return f"{job['TrainingJobStatus'].lower()}{loss}{why}"
