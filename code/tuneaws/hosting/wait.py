"""Until an endpoint is in service, or why it is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone

from botocore.exceptions import ClientError

from tuneaws import fixes
from tuneaws.hosting.errors import LOG_GROUP
from tuneaws.logs import LogReader, log_lines

ON_ITS_WAY = ("Creating", "Updating", "SystemUpdating", "RollingBack")
QUICK_S, PATIENT_S = 1.0, 10.0  # between two looks: at first, and after a minute (AWS takes several)
PATIENT_AFTER_S = 60.0
TAIL = 15  # lines of the container's log that an error shows


def follow_endpoint(
    sm,
    logs,
    name: str,
    variant: str = "AllTraffic",
    show_log: bool = False,
    quick_s: float = QUICK_S,
    patient_s: float = PATIENT_S,
    out: Callable[[str], None] = print,
) -> dict:
    """Print an endpoint's status changes until it rests; return its last description.

    sm, logs   boto3 clients for sagemaker and logs     show_log  the variant's log lines too
    """
    reader = LogReader(logs, variant, LOG_GROUP + name) if show_log else None
    started, status = time.monotonic(), None
    while True:
        description = sm.describe_endpoint(EndpointName=name)
        if description["EndpointStatus"] != status:
            status = description["EndpointStatus"]
            out(f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} endpoint {name}: {status}")
        lines = [event["text"].rstrip("\r\n") for event in reader.read()] if reader else []
        if lines:
            out("\n".join(lines))
        if status not in ON_ITS_WAY:
            return description
        time.sleep(quick_s if time.monotonic() - started < PATIENT_AFTER_S else patient_s)


def wait_for_endpoint(session, name: str, config_name: str, show_log: bool = False) -> dict:
    """Print until the endpoint serves config_name; return its description.

    session  SDK 3's
    Raises   sagemaker.core.exceptions.UnexpectedStatusException, or CapacityError, with AWS's reason and the
             container's last lines, if it failed or went back to its old config. Ctrl-C stops the watching,
             not the endpoint.
    """
    logs = session.boto_session.client("logs")
    try:
        description = follow_endpoint(session.sagemaker_client, logs, name, show_log=show_log)
    except KeyboardInterrupt:
        print(
            f"\nYou stopped watching. Endpoint {name} goes on, and is billed on AWS until it is deleted: "
            f'HuggingFacePredictor("{name}").delete_endpoint().'
        )
        raise
    if description["EndpointStatus"] != "InService" or description["EndpointConfigName"] != config_name:
        raise failed(description, _tail(logs, name))
    return description


def failed(description: dict, last_lines: list[str]) -> ValueError:
    """Return SDK 3's UnexpectedStatusException for an endpoint; CapacityError if AWS had no instance for it.

    description  DescribeEndpoint's answer
    """
    from sagemaker.core.exceptions import CapacityError, UnexpectedStatusException

    name, status = description["EndpointName"], description["EndpointStatus"]
    reason = description.get("FailureReason", "(AWS gave no reason)")
    capacity = "CapacityError" in reason
    fix = fixes.advice(fixes.of_job(reason, last_lines), "mend the script or the image and deploy again")
    still = f'Delete it: HuggingFacePredictor("{name}").delete_endpoint()'
    if status == "InService":
        still = f"It serves {description['EndpointConfigName']} as before"
    log = "".join(f"\n  {line}" for line in last_lines) or " (empty)"
    error = (CapacityError if capacity else UnexpectedStatusException)(
        message=f"Error for endpoint {name}: {status}. Reason: {reason}\n"
        f"The end of its log, {LOG_GROUP}{name}:{log}\nFix: {fix}. {still}.",
        allowed_statuses=["InService"],
        actual_status=status,
    )
    error.failure_reason = reason
    return error


def _tail(logs, name: str) -> list[str]:
    """The last lines of the endpoint's log; [] if there is none or it may not be read."""
    try:
        return log_lines(logs, "AllTraffic", TAIL, LOG_GROUP + name)
    except ClientError:
        return []  # the reason of the failure counts for more than a missing permission for the log
