"""A training job's log lines and status changes as they come, and how it ended."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timezone

from tuneaws import fixes
from tuneaws.logs import LogReader

ENDED = ("Completed", "Failed", "Stopped")
QUICK_S, PATIENT_S = 1.0, 5.0  # between two looks: while there is news, and after a minute without
PATIENT_AFTER_S = 60.0


class StatusLines:
    """Status changes as SDK 2 prints them: 2026-11-22 08:30:00 Starting - Starting the training job."""

    def __init__(self):
        self._seen: dict[int, str] = {}  # position in the history -> message

    def new(self, description: dict) -> list[tuple[datetime, str]]:
        """Return (time, text) for each change in DescribeTrainingJob's answer that was not given yet."""
        found = []
        for position, change in enumerate(description.get("SecondaryStatusTransitions", [])):
            message = change.get("StatusMessage", "")
            if self._seen.get(position) == message:
                continue
            again = position in self._seen  # the same status with another message
            at = (description["LastModifiedTime"] if again else change["StartTime"]).astimezone(timezone.utc)
            found.append((at, f"{at:%Y-%m-%d %H:%M:%S} {change['Status']} - {message}"))
            self._seen[position] = message
        return found


def follow(
    sm,
    logs,
    job_name: str,
    show_log: bool = True,
    quick_s: float = QUICK_S,
    patient_s: float = PATIENT_S,
    out: Callable[[str], None] = print,
) -> dict:
    """Print a job's status changes and log lines until it has ended; return its last description.

    sm, logs   boto3 clients for sagemaker and logs
    quick_s    seconds between two looks at AWS; patient_s when a minute has brought nothing
    """
    description = sm.describe_training_job(TrainingJobName=job_name)
    reader = LogReader(logs, job_name) if show_log else None
    hosts = instance_count(description)
    statuses, news_at = StatusLines(), time.monotonic()
    while True:
        ended = description["TrainingJobStatus"] in ENDED
        if ended and reader:
            time.sleep(quick_s)  # the last lines may reach CloudWatch after the job's end
        news = statuses.new(description) + (_log_lines(reader, hosts) if reader else [])
        if news:
            news_at = time.monotonic()
            out("\n".join(text for _, text in sorted(news, key=lambda line: line[0])))
        if ended:
            return description
        quiet_s = time.monotonic() - news_at
        time.sleep(quick_s if quiet_s < PATIENT_AFTER_S else patient_s)
        description = sm.describe_training_job(TrainingJobName=job_name)


def _log_lines(reader: LogReader, hosts: int) -> list[tuple[datetime, str]]:
    """The log's new lines as (time, text), each with its host's name if there are several."""
    found = []
    for event in reader.read():
        host = f"[{event['host']}] " if hosts > 1 else ""
        at = datetime.fromtimestamp(event["time_ms"] / 1000, timezone.utc)
        found.append((at, host + event["text"].rstrip("\r\n")))
    return found


def instance_count(description: dict) -> int:
    """How many instances a job has, in one or several groups."""
    resources = description["ResourceConfig"]
    groups = resources.get("InstanceGroups") or [resources]
    return sum(group["InstanceCount"] for group in groups)


def summary(description: dict) -> str:
    """The lines that SDK 2 ends with: seconds trained and billed, over all instances, and what spot saved."""
    hosts = instance_count(description)
    trained, billed = description.get("TrainingTimeInSeconds"), description.get("BillableTimeInSeconds")
    lines = []
    if trained is not None:
        lines.append(f"Training seconds: {trained * hosts}")
    if billed is not None:
        lines.append(f"Billable seconds: {billed * hosts}")
    if description.get("EnableManagedSpotTraining") and trained and billed is not None:
        lines.append(f"Managed Spot Training savings: {100 * (1 - billed / trained):.1f}%")
    if description["TrainingJobStatus"] == "Stopped":
        why = description.get("SecondaryStatus")
        lines.append(f"Ended as {why}, not as Completed: it did not run to its end. What it saved is there.")
    return "\n".join(lines)


def exit_code(failure_reason: str) -> int | None:
    """The script's exit code as FailureReason names it ("… exit code: 3", "ExitCode 3"), or None."""
    found = re.search(r"exit ?code:?\s*(-?\d+)", failure_reason, re.IGNORECASE)
    return int(found.group(1)) if found else None


def raise_if_failed(description: dict, log_lines: list = ()) -> None:
    """Raise SDK 3's UnexpectedStatusException if the job failed; CapacityError if AWS had no instance for it.

    log_lines  the end of its log, where the table of fixes looks too
    Both are ValueErrors with allowed_statuses, actual_status and here also failure_reason and exit_code.
    """
    status = description["TrainingJobStatus"]
    if status != "Failed":
        return
    from sagemaker.core.exceptions import CapacityError, UnexpectedStatusException

    reason = description.get("FailureReason", "(AWS gave no reason)")
    capacity, code = "CapacityError" in reason, exit_code(reason)
    look = "read the last log lines, mend the script, and run it by hand first, which is free"
    fix = fixes.advice(fixes.of_job(reason, log_lines), look)
    name = description["TrainingJobName"]
    error = (CapacityError if capacity else UnexpectedStatusException)(
        message=f"Error for Training job {name}: {status}. Reason: {reason}\n"
        + (f"Exit code: {code}\n" if code is not None else "")
        + f"Fix: {fix}.",
        allowed_statuses=["Completed", "Stopped"],
        actual_status=status,
    )
    error.failure_reason, error.exit_code = reason, code
    raise error
