"""From an error to what to do: one table of what AWS, botocore, jobs and logs say, and a fix for each.

    try:
        sm.create_training_job(**request)
    except ClientError as err:
        print(err)                 # AWS's words, then "Fix: …": every client of a session says it
        err.fix                    # the Fix, None where the table has none; err.response is as AWS sent it

    fixes.find("ModuleNotFoundError: No module named 'peft'")     # any text that you have: a Fix or None
    fixes.of_job(job["FailureReason"], log_lines)                 # of a job that failed

Each row is provoked for real, in the local AWS, by tests/test_fixes.py. `python code/explain.py "text"` does
the same for a message that you paste.
"""

from collections.abc import Iterable

from tuneaws.bedrock_client import on_aws
from tuneaws.fixes import bedrock, endpoints, jobs, permissions, reaching, requests, storage
from tuneaws.fixes.entry import FREE_WAY, Entry, Fix, said_by

__all__ = ["FREE_WAY", "TABLE", "Entry", "Fix", "advice", "find", "line_for", "of_job"]

# The order counts: the first row that fits is the fix, and the general ones come last.
_PARTS = (reaching, bedrock, permissions, endpoints, requests, storage, jobs)
TABLE = tuple(sorted((row for part in _PARTS for row in part.ROWS), key=lambda row: row.general))


def find(error, service: str = "") -> Fix | None:
    """The fix for an exception or a text, None where the table has none.

    error    an exception, what caused it is looked at too; or a text: a FailureReason, a line of a log
    service  botocore's name of who was asked, such as "s3", where it is known
    """
    seen = []
    while error is not None and error not in seen:
        if isinstance(getattr(error, "fix", None), Fix):
            return error.fix
        said = said_by(error, service)
        if (fix := _first(said, _rows_for(said))) is not None:
            return fix
        seen.append(error)
        error = getattr(error, "__cause__", None)
    return None


def of_job(reason: str, log_lines: Iterable[str] = ()) -> Fix | None:
    """The fix for a job or an endpoint that failed: by its FailureReason, else by the last error in its log.

    A line of the log that says what is wrong counts for more than a reason that only says where to look, and
    rows about jobs for more than those about calls: a job's reason may quote a call of its own.
    """
    of_jobs = [row for row in TABLE if row.where != "call"]
    special = [row for row in of_jobs if not row.general]
    for text in (reason, *reversed(list(log_lines))):
        if (fix := _first(said_by(text), special)) is not None:
            return fix
    return _first(said_by(reason), of_jobs) or find(reason)


def _rows_for(said) -> Iterable[Entry]:
    """All rows, but for a refused call those about calls: what a job's role lacks is not what you lack.

    A model's own error comes as the answer to a call, and is a job's.
    """
    if not said.operation or "ModelError" in said.codes:
        return TABLE
    return [row for row in TABLE if row.where in ("call", "local")]


def _first(said, rows) -> Fix | None:
    return next((fix for row in rows if (fix := row.fits(said)) is not None), None)


def advice(fix: Fix | None, otherwise: str) -> str:
    """What follows "Fix: ": the fix, or the asker's own words where the table only knows where to look."""
    return otherwise if fix is None or fix.general else fix.text


def line_for(client, reason: str, log_lines: Iterable[str] = ()) -> list:
    """["Fix: …"] for a job that failed, [] where the table has none or the reason names its own fix.

    client  whose job it is: a boto3 client of AWS or of the local AWS
    """
    fix = None if "Fix: " in reason else of_job(reason, log_lines)
    return [] if fix is None else [fix.line("aws" if on_aws(client) else "local")]
