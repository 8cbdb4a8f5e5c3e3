"""The lines that training_jobs.watch() prints: a bar, the newest metrics, the time, the cost."""

import datetime
import json
import time

ENDED = ("Completed", "Failed", "Stopped")


class JobPrinter:
    """Decides which moments of a job are worth a line, and writes it."""

    def __init__(self, usd_per_hour, every_s):
        self.usd_per_hour, self.every_s = usd_per_hour, every_s
        self.seen, self.tenth, self.last, self.interrupted = None, -1, 0.0, 0

    def show(self, job: dict, table: list) -> None:
        """Print a line if something has changed: `job` is its description, `table` its metrics so far."""
        self._show_interruptions(job)
        status = job["SecondaryStatus"]
        part = progress(job, table)
        tenth = int(part * 10) if part is not None else -1
        changed = status != self.seen
        if not (changed or tenth > self.tenth or time.monotonic() - self.last >= self.every_s):
            return
        if changed and status != "Training" and job["TrainingJobStatus"] not in ENDED:
            text = message_of(job)
        else:
            text = f"{bar(part)}  {newest_metrics(table)}" if table else message_of(job)
        print(f"{clock(elapsed_s(job))}  {status:<12} {text}{self._cost(job)}".rstrip())
        self.seen, self.tenth, self.last = status, max(tenth, self.tenth), time.monotonic()

    def _show_interruptions(self, job: dict) -> None:
        """A line for each interruption, even if the job has started again since the last look."""
        changes = job.get("SecondaryStatusTransitions", [])
        changes = [change for change in changes if change["Status"] == "Interrupted"]
        for change in changes[self.interrupted:]:
            at = (change["StartTime"] - job["CreationTime"]).total_seconds()
            print(f"{clock(at)}  {'Interrupted':<12} its instances were taken away; it starts again")
            self.seen = "Interrupted"
        self.interrupted = len(changes)

    def _cost(self, job: dict) -> str:
        if self.usd_per_hour is None:
            return ""
        return f"  {self.usd_per_hour * billed_s(job) / 3600:.2f} USD so far"


def progress(job: dict, table: list):
    """How much of the training is done, 0 to 1; None when the job's hyperparameters don't say."""
    if job["TrainingJobStatus"] == "Completed":
        return 1.0
    asked = job.get("HyperParameters", {})
    for total, name in (("max_steps", "train:step"), ("epochs", "train:epoch")):
        wanted = _number(asked.get(total))
        reached = [row[name] for row in table if name in row]
        if wanted and wanted > 0 and reached:
            return min(max(reached) / wanted, 1.0)
    return None


def bar(part, width: int = 20) -> str:
    """A progress bar as text: [#######.............]  35 %."""
    if part is None:
        return "[" + "?" * width + "]     "
    full = int(part * width)
    return f"[{'#' * full}{'.' * (width - full)}] {part:4.0%}"


def newest_metrics(table: list) -> str:
    """The newest value of each metric that says how the training goes, in one line."""
    latest = {key: value for row in table for key, value in row.items()}
    shown = [("train:step", "step {:.0f}"), ("train:loss", "loss {:.3f}"), ("eval:loss", "held-out {:.3f}"),
             ("train:tokens_per_s", "{:,.0f} tokens/s")]
    return "  ".join(text.format(latest[name]) for name, text in shown if name in latest)


def clock(seconds: float) -> str:
    """Seconds as minutes: "  1:05"."""
    return f"{int(seconds) // 60:>3}:{int(seconds) % 60:02d}"


def elapsed_s(job: dict) -> float:
    """Seconds from the job's creation to its end, or to now."""
    end = job.get("TrainingEndTime") if job["TrainingJobStatus"] in ENDED else None
    end = end or datetime.datetime.now(datetime.timezone.utc)
    return max((end - job["CreationTime"]).total_seconds(), 0.0)


def billed_s(job: dict) -> float:
    """Seconds that are billed so far: AWS's own count at the end, until then since the training started."""
    if "BillableTimeInSeconds" in job:
        return job["BillableTimeInSeconds"]
    start = job.get("TrainingStartTime")
    return (datetime.datetime.now(datetime.timezone.utc) - start).total_seconds() if start else 0.0


def message_of(job: dict) -> str:
    """What SageMaker says of the job's newest phase."""
    changes = job.get("SecondaryStatusTransitions") or [{}]
    return changes[-1].get("StatusMessage", "") or job.get("FailureReason", "").split("\n")[0]


def _number(text):
    """A hyperparameter as a number: SDK 2 sends "200" as JSON text, others as it is; None if it is none."""
    try:
        return float(json.loads(text)) if text is not None else None
    except (TypeError, ValueError):
        return None
