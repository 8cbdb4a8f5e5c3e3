"""Watch a customization job by its phases; an interrupt stops the watching, not the job."""

import datetime
import time

from tuneaws import fixes
from tuneaws.bedrock_jobs.running import ENDED, get
from tuneaws.job_lines import clock

PHASES = ("validation", "dataProcessing", "training")


def watch(bedrock, name: str, poll_s: float = 2.0, every_s: float = 60.0,
          timeout_s: float | None = None) -> dict:
    """Print what a job does until it has ended; return its description. Call it again to go on watching.

    One line for each change of a phase, and after `every_s` without one.
    timeout_s  stop watching after so long and return; None: never
    Raises     BedrockJobError if there is no such job
    """
    begin, printed, seen = time.monotonic(), -every_s, None
    try:
        while True:
            job = get(bedrock, name)
            now = state(job)
            if now != seen or time.monotonic() - printed >= every_s:
                print(line(job))
                seen, printed = now, time.monotonic()
            if job["status"] in ENDED:
                break
            if timeout_s is not None and time.monotonic() - begin > timeout_s:
                return job
            time.sleep(poll_s)
    except KeyboardInterrupt:
        print(f"stopped watching; {name} goes on. To stop it: bedrock_jobs.stop(bedrock, {name!r})")
        raise
    print("\n".join([summary(job), *fixes.line_for(bedrock, job.get("failureMessage", ""))]))
    return job


def state(job: dict) -> tuple:
    """(status of the job, of its validation, its data processing, its training)."""
    details = job.get("statusDetails", {})
    phases = [details.get(f"{phase}Details", {}).get("status", "NotStarted") for phase in PHASES]
    return job["status"], *phases


def line(job: dict) -> str:
    """What a job does, in one line: the time since its creation, its status, its phases."""
    status, *phases = state(job)
    shown = "  ".join(f"{name} {phase:<10}" for name, phase in zip(PHASES, phases, strict=True))
    return f"{clock(elapsed_s(job))}  {status:<10}  {shown}".rstrip()


def timeline(job: dict) -> list:
    """The job's phases: [{"phase": "training", "status": "Completed", "seconds": 61.0}, ...]."""
    rows = []
    for name, status in zip(PHASES, state(job)[1:], strict=True):
        details = job.get("statusDetails", {}).get(f"{name}Details", {})
        first, last = details.get("creationTime"), details.get("lastModifiedTime")
        seconds = round((last - first).total_seconds(), 1) if first and last else None
        rows.append({"phase": name, "status": status, "seconds": seconds})
    return rows


def summary(job: dict) -> str:
    """What came of a job that has ended."""
    if job["status"] == "Failed":
        return f"{job['jobName']} failed: {job.get('failureMessage', '(AWS gives no reason)')}"
    if job["status"] == "Stopped":
        return f"{job['jobName']} was stopped; there is no model"
    loss = job.get("trainingMetrics", {}).get("trainingLoss")
    held_out = [row["validationLoss"] for row in job.get("validationMetrics", []) if "validationLoss" in row]
    losses = [f"training loss {loss:.3f}"] if loss is not None else []
    losses += [f"held-out loss {held_out[0]:.3f}"] if held_out else []
    return f"{job['jobName']} made {job.get('outputModelArn', 'no model')}" + (
        f"\n{', '.join(losses)}" if losses else "")


def elapsed_s(job: dict) -> float:
    """Seconds from the job's creation to its end, or to now."""
    end = job.get("endTime") or datetime.datetime.now(datetime.timezone.utc)
    return max((end - job["creationTime"]).total_seconds(), 0.0)
