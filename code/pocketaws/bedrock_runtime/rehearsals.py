"""Limits to rehearse: an account's quota, and a model that takes too long.

One file, read at every request; there is none by default, and nothing is throttled:

    <home>/bedrock_throttle.json   {"requests_per_minute": 6,   more than so many in 60 seconds to one model:
                                                                ThrottlingException
                                    "timeout_s": 0.5}           a model gets so long, not AWS's 60 minutes

AWS's own quotas are requests and tokens a minute for each model of an account and region
(docs.aws.amazon.com/general/latest/gr/bedrock.html, 2026-11).
"""

import threading
import time
from collections import defaultdict, deque

from pocketaws.errors import AwsError
from pocketaws.home_files import read_json

FILE = "bedrock_throttle.json"
WINDOW_S = 60.0
TOO_MANY = "Too many requests, please wait before trying again."
NUMBERS = ("requests_per_minute", "timeout_s")
_sent: dict[tuple, deque] = defaultdict(deque)
_lock = threading.Lock()


def check_rate(home, model: tuple, now=time.monotonic) -> None:
    """Count a request to a model. Raises ThrottlingException when there were too many in the last minute.

    model   what has a quota of its own: (account, region, model ARN)
    """
    most = _read(home).get("requests_per_minute")
    if most is None:
        return
    with _lock:
        times, moment = _sent[(home, *model)], now()
        while times and moment - times[0] >= WINDOW_S:
            times.popleft()
        if len(times) >= most:
            raise AwsError("ThrottlingException", TOO_MANY, 429)
        times.append(moment)


def timeout_s(home) -> float | None:
    """How long a model may take by this home's file, None where it does not say."""
    return _read(home).get("timeout_s")


def _read(home) -> dict:
    path = home / FILE
    content = read_json(path, "InternalServerException")
    if content is None:
        return {}
    if not isinstance(content, dict) or set(content) - set(NUMBERS):
        raise AwsError("InternalServerException", f"{path} is not an object of {', '.join(NUMBERS)}.", 500)
    for name, value in content.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise AwsError("InternalServerException", f"{name} in {path} is {value!r}, not a number.", 500)
    return content
