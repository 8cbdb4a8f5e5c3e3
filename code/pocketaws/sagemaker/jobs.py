"""All training jobs of this local AWS, and pages of them that stay right while new jobs come."""

import base64
import binascii
import json
from datetime import datetime, timezone

from pocketaws.errors import AwsError, validation_error
from pocketaws.keeping.tables import KeptTable
from pocketaws.sagemaker.job import TrainingJob


class Jobs(KeptTable):
    """Training jobs by ARN, which is in lower case: names that differ only in case are the same job."""

    def __init__(self, store=None):
        super().__init__("training-job", store)

    def add(self, job: TrainingJob) -> None:
        """Keep a new job. Raises ResourceInUse when its name is taken in this account and region."""
        text = "Training job names must be unique within an AWS account and region, and a training job with "
        super().add(job, AwsError("ResourceInUse", f"{text}this name already exists ({job.arn})"))

    def get(self, name: str, region: str, account: str) -> TrainingJob:
        """The job of this name. AWS's error for none is a ValidationException (aws/aws-sdk issue 165)."""
        job = self.by_arn(f"arn:aws:sagemaker:{region}:{account}:training-job/{name.lower()}")
        if job is None or job.name != name:
            raise validation_error("Requested resource not found.")
        return job


def page(items: list, key, size: int, token: str | None, question: dict, descending: bool):
    """One page of a sorted list, and the token for the next: (items, token or None).

    key        item → [sort value, name]; the name makes it unique, so that a page starts behind the last item
               of the one before, whatever was added or has ended meanwhile
    question   the request without its token; a token goes with its own question only
    Raises a ValidationException for a token that is not from here or belongs to another question.
    """
    items = sorted(items, key=key, reverse=descending)
    asked = json.dumps(question, sort_keys=True, default=str)
    if token is not None:
        last = _read_token(token, asked)
        items = [item for item in items if (key(item) < last if descending else key(item) > last)]
    chosen = items[:size]
    if len(items) <= size:
        return chosen, None
    content = json.dumps({"last": key(chosen[-1]), "question": asked})
    return chosen, base64.urlsafe_b64encode(content.encode()).decode()


def _read_token(token: str, asked: str) -> list:
    try:
        content = json.loads(base64.urlsafe_b64decode(token.encode()))
        last, question = content["last"], content["question"]
    except (binascii.Error, UnicodeDecodeError, ValueError, TypeError, KeyError) as err:
        raise validation_error(
            "Invalid NextToken: pass the one that the answer before gave, unchanged."
        ) from err
    if question != asked:
        raise validation_error(
            "Invalid NextToken: it belongs to a request with other filters or another order."
        )
    return last


def when(value) -> float:
    """Seconds since 1970 of a timestamp as a request carries it: a number, also as text, or ISO 8601.

    Raises a ValidationException for anything else.
    """
    try:
        return float(value)
    except ValueError:
        pass  # then it is ISO 8601
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError as err:
        raise validation_error(f"Invalid timestamp {value!r}: give seconds since 1970 or ISO 8601.") from err
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
