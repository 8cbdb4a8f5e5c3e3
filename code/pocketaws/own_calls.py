"""What pocketaws can be asked that AWS cannot: to interrupt a spot job, to make calls fail.

    POST /_pocketaws/interrupt   {"TrainingJobName": "tuneaws-…"}; answers {"TrainingJobArn": …}
                                 optional: "NoticeInSeconds" (120, as EC2 gives), "Region" (the server's)
    POST /_pocketaws/faults      {"one_in": 20}, see faults.py; answers what GET does
    GET  /_pocketaws/faults      the faults that were made
    … /_pocketaws/iam, /calls    whether policies count, and the record of calls, see iam/asked.py

Answers JSON, or an error in AWS's shape.
"""

import json

from pocketaws import calls
from pocketaws.errors import AwsError, validation_error
from pocketaws.iam import asked as iam

PREFIX = "/_pocketaws/"


def answer(state, environ: dict) -> tuple[int, list, bytes]:
    """(status, headers, body) of a request to a path below /_pocketaws/. Raises AwsError."""
    asked = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")[len(PREFIX) :]
    if asked not in ROUTES:
        there = ", ".join(f"{method} {PREFIX}{name}" for method, name in ROUTES)
        raise AwsError("NotFound", f"{asked[0]} {PREFIX}{asked[1]}: there is only {there}.", 404)
    given = ROUTES[asked](state, _object(calls.read_body(environ)))
    return 200, [("Content-Type", "application/json")], json.dumps(given).encode()


def interrupt(state, request: dict) -> dict:
    """Take the instances of a managed spot job away.

    Raises a ValidationException for a job that is not there, is no spot job, or is not Training.
    """
    name, notice_s = request.get("TrainingJobName"), request.get("NoticeInSeconds")
    if not isinstance(name, str) or type(notice_s) not in (int, float, type(None)):
        raise validation_error('Give {"TrainingJobName": a text, "NoticeInSeconds": a number or nothing}.')
    if notice_s is not None and not 0 <= notice_s <= 120:
        raise validation_error(f"NoticeInSeconds is {notice_s}: from 0 (none) to 120, what EC2 gives.")
    job = state.jobs.get(name, request.get("Region") or state.region, state.account)
    if not job.request.get("EnableManagedSpotTraining"):
        raise validation_error(
            f"Training job {name} runs on demand: only managed spot training is interrupted. "
            "Create it with EnableManagedSpotTraining and MaxWaitTimeInSeconds."
        )
    if job.secondary_status != "Training" or not state.engine.interrupt(job, notice_s):
        raise validation_error(
            f"Training job {name} is {job.secondary_status}: it can be interrupted while Training."
        )
    return {"TrainingJobArn": job.arn}


def _object(body: bytes) -> dict:
    try:
        content = json.loads(body or b"{}")
    except ValueError as err:
        raise validation_error(f"The request body is not JSON: {err}") from err
    if not isinstance(content, dict):
        raise validation_error("The request body is not a JSON object.")
    return content


ROUTES = {
    ("POST", "interrupt"): interrupt,
    ("POST", "faults"): lambda state, request: state.faults.set(request),
    ("GET", "faults"): lambda state, request: state.faults.counted(),
    **iam.ROUTES,
}
