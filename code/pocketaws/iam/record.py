"""The record of calls: one line for each, in <home>/calls.jsonl, and counts of them in memory.

    {"at": "2026-11-01T12:00:00.123Z", "principal": "arn:aws:iam::123…:root", "app": "tuneaws-04_…",
     "service": "s3", "operation": "PutObject", "actions": ["s3:PutObject"], "resources": ["arn:…:b/k"],
     "decision": null, "refused": null, "status": 200, "error": null, "ms": 3.1}

actions and resources stand in pairs. decision is "allowed", "denied" (refused: of which action) or null
(nobody was asked). No body, no header, no secret is ever written. At MOST_BYTES the file becomes
calls.1.jsonl, in place of the one before, and a new one begins.
"""

import json
import logging
import os
import re
import threading
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

from pocketaws.calls import Call
from pocketaws.iam.enforcement import Decision

log = logging.getLogger("pocketaws")
MOST_BYTES = 20 * 1024**2
MOST_COUNTS = 20_000  # different (principal, app, action, …) that are counted
MOST_ASKS = 20  # of one call; DeleteObjects can have a thousand
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-appid.html, 2026-11
APP = re.compile(r"\bapp/(\S+)")


def app_of(environ: dict) -> str | None:
    """The application's own name in the User-Agent, from AWS_SDK_UA_APP_ID."""
    found = APP.search(environ.get("HTTP_USER_AGENT", ""))
    return found[1] if found else None


class Record:
    """Writes calls.jsonl in a home; usable from every thread."""

    def __init__(self, home: Path):
        self.path = home / "calls.jsonl"
        self._lock = threading.Lock()
        self._file = None
        self._size = 0
        self._calls = 0
        self._counts: Counter = Counter()

    def note(self, call: Call, decision: Decision, app, status: int, error: str | None, ms: float) -> None:
        """Add one call. A record that cannot be written fails no call: the log says so."""
        said = {True: "allowed", False: "denied", None: None}[decision.allowed]
        names = list(dict.fromkeys(ask.action for ask in decision.asks))
        line = {
            "at": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "principal": decision.principal.arn,
            "app": app,
            "service": call.service,
            "operation": call.name[:200],
            "actions": [ask.action for ask in decision.asks[:MOST_ASKS]],
            "resources": [ask.resource for ask in decision.asks[:MOST_ASKS]],
            "decision": said,
            "refused": decision.refused.action if decision.refused else None,
            "status": status,
            "error": error,
            "ms": round(ms, 1),
        }
        with self._lock:
            try:
                self._write((json.dumps(line, ensure_ascii=False) + "\n").encode(errors="backslashreplace"))
            except OSError as err:
                log.error("%s cannot be written: %s", self.path, err)
            self._calls += 1
            for name in names:
                if len(self._counts) < MOST_COUNTS:
                    refused = said == "denied" and name == decision.refused.action
                    self._counts[decision.principal.arn, app, name, "denied" if refused else said] += 1

    def summary(self) -> dict:
        """What GET /_pocketaws/calls says: calls, and how often each action was asked for by whom."""
        with self._lock:
            rows = sorted(self._counts.items(), key=lambda row: tuple(str(part) for part in row[0]))
            calls = self._calls
        names = ("principal", "app", "action", "decision")
        counted = [{**dict(zip(names, key, strict=True)), "calls": n} for key, n in rows]
        return {"calls": calls, "actions": counted}

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        file, self._file = self._file, None  # first: the number may soon be another file's
        if file is not None:
            os.close(file)

    def _write(self, data: bytes) -> None:
        if self._file is not None and self._size > MOST_BYTES:
            self._close()
            self.path.replace(self.path.with_name("calls.1.jsonl"))
        if self._file is None:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._size = os.fstat(self._file).st_size
        os.write(self._file, data)
        self._size += len(data)
