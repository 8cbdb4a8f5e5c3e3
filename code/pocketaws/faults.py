"""Calls that fail on purpose, as a few in a million do on AWS, to see whether a program copes.

    POST /_pocketaws/faults  {"one_in": 20}                     throttle, error and cut, in turns of chance
                             {"one_in": 20, "kinds": ["cut"], "seed": 7}
                             {"one_in": 1, "kinds": ["cut-after"], "operations": ["CreateModel"], "times": 1}
                             {}                                 off; what was counted stays
    GET  /_pocketaws/faults  {"one_in", "kinds", "seed", "operations", "times", "calls", "faults", "failed"}

kinds       throttle    the service's own throttling code; nothing was done
            error       503, or 500: of those half come after the operation was done, as S3 says they may
                        (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ErrorBestPractices.html,
                        2026-11)
            cut         the connection closes: cut-before the operation ran; or cut-after it ran, with no
                        answer, or half of one where it is a GetObject's of 16 KiB and more
operations  only these, such as ["CreateModel"]; none: every one
times       so many faults at most; none: no end
one_in      of each so many calls one fails, which one by chance
seed        the same seed draws the same fates, call by call

What pocketaws itself asks, to run jobs and endpoints, never fails: it says so in its User-Agent.
"""

import collections
import random
import threading
from dataclasses import dataclass

from waitress.channel import ClientDisconnected

from pocketaws.errors import AwsError, validation_error

ENGINE = "app/pocketaws-engine"  # how botocore writes the application id of pocketaws' own clients
FORMS = {  # of each kind, what may happen
    "throttle": ("throttle",),
    "error": ("error-503", "error-500-before", "error-500-after"),
    "cut": ("cut-before", "cut-after"),
    "error-503": ("error-503",),
    "error-500-before": ("error-500-before",),
    "error-500-after": ("error-500-after",),
    "cut-before": ("cut-before",),
    "cut-after": ("cut-after",),
}
KINDS = ("throttle", "error", "cut")
LARGE_BODY = 16 * 1024  # bytes of an object from which on it is its content that is cut

# Codes and statuses: botocore 1.44.5's models where they name one, else the services' lists of common errors
# (https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html and its neighbours,
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, 2026-11); messages as seen from AWS.
RATE = "Rate exceeded"
THROTTLED = {
    "s3": ("SlowDown", "Please reduce your request rate.", 503),
    "iam": ("Throttling", RATE, 400),
    "sts": ("Throttling", RATE, 400),
    "cloudwatch": ("Throttling", RATE, 400),
    "cloudformation": ("Throttling", RATE, 400),
    "service-quotas": ("TooManyRequestsException", RATE, 400),
    "bedrock": ("ThrottlingException", "Too many requests, please wait before trying again.", 429),
    "bedrock-runtime": ("ThrottlingException", "Too many requests, please wait before trying again.", 429),
}
THROTTLED_ELSEWHERE = ("ThrottlingException", RATE, 400)
BEDROCK_500 = ("InternalServerException", "The system encountered an unexpected error during processing. "
               "Try your request again.", 500)  # fmt: skip
FAILED = {
    "s3": ("InternalError", "We encountered an internal error. Please try again.", 500),
    "iam": ("ServiceFailure", "The request processing has failed because of an unknown error.", 500),
    "cloudwatch": ("InternalServiceError", "The request processing has failed because of an unknown error.",
                   500),
    "bedrock": BEDROCK_500,
    "bedrock-runtime": BEDROCK_500,
}  # fmt: skip
FAILED_ELSEWHERE = (
    "InternalFailure",
    "The request processing has failed because of an unknown error, exception or failure.",
    500,
)
UNAVAILABLE = {
    "s3": ("ServiceUnavailable", "Service is unable to handle request.", 503),
    "logs": ("ServiceUnavailableException", "The service cannot complete the request.", 503),
    "bedrock": ("ServiceUnavailableException", "The service isn't currently available. Try again later.",
                503),
    "bedrock-runtime": ("ServiceUnavailableException",
                        "The service isn't currently available. Try again later.", 503),
}  # fmt: skip
UNAVAILABLE_ELSEWHERE = (
    "ServiceUnavailable",
    "The request has failed due to a temporary failure of the server.",
    503,
)


class Cut(ClientDisconnected):
    """Ends a connection without a word: waitress takes it for a client that has gone, and closes."""


@dataclass(frozen=True)
class Plan:
    """What is to fail; one_in 0: nothing."""

    one_in: int = 0
    kinds: tuple = KINDS
    seed: int = 0
    operations: tuple = ()
    times: int | None = None


class Faults:
    """Draws the fate of each call, and counts. Safe from any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._begin(Plan())

    def _begin(self, plan: Plan) -> None:
        self.plan, self._random = plan, random.Random(plan.seed)
        self._calls, self._hit, self._counts = 0, 0, collections.Counter()
        self._failed: collections.Counter = collections.Counter()

    def set(self, request: dict) -> dict:
        """POST: begin anew by a plan; {} ends it and keeps the counts. Raises AwsError."""
        plan = read_plan(request)
        with self._lock:
            if plan.one_in:
                self._begin(plan)
            else:
                self.plan = plan
        return self.counted()

    def counted(self) -> dict:
        """GET: the plan, the calls that it could have hit, the faults by form and by operation."""
        with self._lock:
            plan = self.plan
            return {
                "one_in": plan.one_in, "kinds": list(plan.kinds), "seed": plan.seed,
                "operations": list(plan.operations), "times": plan.times, "calls": self._calls,
                "faults": dict(sorted(self._counts.items())), "failed": dict(sorted(self._failed.items())),
            }  # fmt: skip

    def draw(self, call, environ: dict) -> str | None:
        """The form of this call's fault, such as "cut-after"; None: it is answered as always."""
        if not self.plan.one_in or ENGINE in environ.get("HTTP_USER_AGENT", ""):
            return None
        with self._lock:
            plan = self.plan
            if not plan.one_in or (plan.operations and call.operation not in plan.operations):
                return None
            if self._calls % plan.one_in == 0:  # the next one_in calls: which of them it will be
                self._hit = self._calls + self._random.randrange(plan.one_in)
            self._calls += 1
            if self._calls - 1 != self._hit or plan.times == sum(self._counts.values()):
                return None
            drawn = self._random.choice(FORMS[self._random.choice(plan.kinds)])
            self._counts[drawn] += 1
            self._failed[f"{call.service}:{call.name}"] += 1
            return drawn


def read_plan(request: dict) -> Plan:
    """The plan of a request. Raises a ValidationException that names what is wrong."""
    unknown = sorted(set(request) - {"one_in", "kinds", "seed", "operations", "times"})
    one_in, seed, times = request.get("one_in", 0), request.get("seed", 0), request.get("times")
    kinds, operations = request.get("kinds", list(KINDS)), request.get("operations", [])
    if unknown:
        raise validation_error(f"{', '.join(unknown)}: there are one_in, kinds, seed, operations, times.")
    if type(one_in) is not int or one_in < 0:
        raise validation_error(f"one_in is {one_in!r}: a whole number, 0 for none.")
    if type(seed) is not int or not (times is None or (type(times) is int and times >= 0)):
        raise validation_error(f"seed is {seed!r} and times {times!r}: whole numbers.")
    if not isinstance(kinds, list) or not kinds or any(kind not in FORMS for kind in kinds):
        raise validation_error(f"kinds is {kinds!r}: a list of {', '.join(FORMS)}.")
    if not isinstance(operations, list) or not all(isinstance(name, str) for name in operations):
        raise validation_error(f'operations is {operations!r}: a list such as ["CreateModel"].')
    return Plan(one_in, tuple(kinds), seed, tuple(operations), times)


def under(fault: str | None, call, answer):
    """What a call with this fault gets; answer() does the operation.

    Returns  (status, headers, body) as answer() does
    Raises   AwsError for an answer that is an error, Cut for none at all
    """
    service = call.service
    if fault is None:
        return answer()
    if fault == "throttle":
        raise AwsError(*THROTTLED.get(service, THROTTLED_ELSEWHERE))
    if fault == "error-503":
        raise AwsError(*UNAVAILABLE.get(service, UNAVAILABLE_ELSEWHERE))
    if fault == "error-500-before":
        raise AwsError(*FAILED.get(service, FAILED_ELSEWHERE))
    if fault == "cut-before":
        raise Cut
    try:
        status, headers, body = answer()
    except AwsError:
        if fault == "cut-after":
            raise Cut from None
        raise
    length = _length(headers) if call.operation == "GetObject" else 0
    if fault == "cut-after" and length >= LARGE_BODY:
        return status, headers, _Half(body, length // 2)
    if hasattr(body, "close"):
        body.close()
    if fault == "cut-after":
        raise Cut
    raise AwsError(*FAILED.get(service, FAILED_ELSEWHERE))


def _length(headers: list) -> int:
    return next((int(value) for name, value in headers if name.lower() == "content-length"), 0)


class _Half:
    """The first bytes of a body, and then the end of the connection."""

    def __init__(self, body, length: int):
        self._body, self._left = body, length

    def __iter__(self):
        for piece in [self._body] if isinstance(self._body, bytes) else self._body:
            yield piece[: self._left]
            self._left -= len(piece)
            if self._left <= 0:
                break
        raise Cut

    def close(self) -> None:
        """Let go of the body, whichever way it ends."""
        if hasattr(self._body, "close"):
            self._body.close()
