"""The errors of an endpoint, in the words of the container behind it."""

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from tuneaws import fixes

LOG_GROUP = "/aws/sagemaker/Endpoints/"  # + the endpoint's name; a stream is <variant>/<instance>
# (https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html, 2026-11)


class InvocationError(ClientError):
    """The container answered with an error. `except ClientError` catches it too, as in SDK 2.

    status     HTTP status that the container gave: 4xx if it did not like the request, 5xx if it failed
    said       its own words
    log_group  where in CloudWatch Logs to look
    fix        the tuneaws.fixes.Fix, None where the table has none
    """

    def __init__(self, endpoint_name: str, error: ClientError):
        super().__init__(error.response, error.operation_name)
        self.status = error.response.get("OriginalStatusCode")
        self.said = words_of(error.response.get("OriginalMessage") or error.response["Error"]["Message"])
        self.log_group = LOG_GROUP + endpoint_name
        self.fix = fixes.find(error, "sagemaker-runtime")
        whose = "the request" if self.status and self.status < 500 else "inference.py"
        self.args = (
            f"endpoint {endpoint_name} answered {self.status or 'an error'}: {self.said}\n"
            f"Fix: {whose}. The container's log: group {self.log_group} in CloudWatch Logs.",
        )


def words_of(message: str) -> str:
    """What the container said, without the JSON that AWS's model server puts around it."""
    try:
        found = json.loads(message)
    except ValueError:
        return message
    inner = found.get("message") or found.get("error") if isinstance(found, dict) else None
    return inner if isinstance(inner, str) else message
