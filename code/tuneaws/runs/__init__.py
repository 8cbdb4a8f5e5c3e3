"""Runs: what repeats a training job, runs side by side, SageMaker's tracking, managed MLflow.

The functions:

    record(session, job)           all of one run in a dict; kept in the job's trial component
    compare(session, [jobs])       a table of what differs, a figure of the losses
    repeat(session, job)           the request that repeats a job; check_repeat() says what has changed since
    tracking                       a module: requests for managed MLflow, on aws only
"""

from tuneaws.runs.comparing import Comparison, compare
from tuneaws.runs.hashes import folder_hash, s3_hash
from tuneaws.runs.recording import RunError, record, train_metrics
from tuneaws.runs.repeating import check_repeat, repeat

__all__ = ["Comparison", "RunError", "check_repeat", "compare", "folder_hash", "record", "repeat", "s3_hash",
           "train_metrics"]
