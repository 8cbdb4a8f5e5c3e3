"""Calls that AWS throttled, failed or cut are made again, with back-off, and nothing is made twice.

    install(boto, facts)      # done by every Session

- Every client tries six times: botocore's mode "standard" waits up to 1, 2, 4, 8 and 16 s, at random
  (https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html, 2026-11). It is said by
  AWS_RETRY_MODE and AWS_MAX_ATTEMPTS, so that the SageMaker SDK's own clients and the AWS CLI do it too; what
  you have set stays.
- A create, a delete, an update whose answer was lost on the way is made again, and AWS says "it exists
  already" or "there is none": lost_answers.py looks whether it was this call's own doing.
- An object whose content broke off is read on from there: cut_bodies.py.
- A local AWS that nobody is behind is asked twice only: it does not come back by waiting.
"""

import contextlib
import contextvars
import os
import time
import uuid

from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

from tuneaws.calls import cut_bodies, lost_answers

VARIABLES = {"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "6"}
NEVER_SENT = (EndpointConnectionError, ConnectTimeoutError)

_call = contextvars.ContextVar("tuneaws_call", default=None)


class Call:
    """One call with all its attempts.

    started  time.monotonic() of the first    lost  an attempt's answer did not come: AWS may have done it
    """

    def __init__(self):
        self.started, self.lost = time.monotonic(), False


def install(boto, facts) -> None:
    """Have the clients of a boto3.Session retry, and look after what was done when an answer was lost.

    boto   without clients yet      facts  tuneaws.calls.Facts
    """
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
    boto.events.register("creating-client-class", _add)
    boto.events.register("response-received", _note)
    if facts.where == "local":
        boto.events.register("needs-retry", _gone)
    # The one token of the course's creates that botocore 1.44.5 does not fill in by itself.
    boto.events.register("before-parameter-build.bedrock.CreateModelImportJob", _token)


class Retrying:
    """Goes in front of a client's class: botocore calls _make_api_call for every operation."""

    def _make_api_call(self, operation_name, api_params):
        make = super()._make_api_call
        with _watched() as call:
            try:
                answer = make(operation_name, api_params)
            except ClientError as err:
                found = lost_answers.look(self, operation_name, api_params, err, call) if call.lost else None
                if found is None:
                    raise
                return found
        if operation_name == "GetObject":
            cut_bodies.read_on(answer, api_params, make)
        return answer


@contextlib.contextmanager
def _watched():
    call = Call()
    token = _call.set(call)
    try:
        yield call
    finally:
        _call.reset(token)


def _add(base_classes, **_) -> None:
    base_classes.insert(0, Retrying)


def _note(response_dict=None, exception=None, **_) -> None:
    """botocore has an attempt's answer, or the exception that came instead of one."""
    call = _call.get()
    if call is None:
        return
    if exception is not None:
        call.lost |= not isinstance(exception, NEVER_SENT)
    elif response_dict is not None and response_dict["status_code"] >= 500:
        call.lost = True


def _gone(caught_exception=None, attempts=1, **_) -> None:
    """Do not wait for a local AWS that was killed: connect() starts it again, not patience."""
    if attempts > 1 and isinstance(caught_exception, EndpointConnectionError):
        raise caught_exception


def _token(params, **_) -> None:
    params.setdefault("clientRequestToken", str(uuid.uuid4()))
