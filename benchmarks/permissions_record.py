"""What the record of calls says of a run of the course: which lesson asked for which action, and when."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

APP = "tuneaws-"  # what tuneaws.environment.app_id() begins with
ROLES = {"tuneaws-sagemaker": "execution_role", "tuneaws-bedrock": "bedrock_role"}


def stamp() -> str:
    """Now, as the record writes times."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def load(path: Path, default):
    """What a JSON file holds, or the default."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else default


def save(path: Path, content) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def lines(home: Path) -> list[dict]:
    """The record of a home, the file before first."""
    found = []
    for name in ("calls.1.jsonl", "calls.jsonl"):
        path = home / name
        if path.exists():
            found += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return found


def policy_of(principal: str) -> str | None:
    """The generated policy that a caller is judged by: "learner", "execution_role", "bedrock_role"."""
    if ":user/" in principal:
        return "learner"
    if ":assumed-role/" in principal:
        return ROLES.get(principal.split("/")[1])
    return None


def actions(document: dict) -> list[str]:
    """The actions of a policy document."""
    return [action for one in document["Statement"] for action in _as_list(one["Action"])]


def _as_list(value) -> list:
    return value if isinstance(value, list) else [value]


def asked(home: Path) -> dict:
    """{"policy action": {lesson: calls}} of a home's record.

    The learner's calls say their lesson in the User-Agent; a role's belong to the lesson that called last.
    """
    found: dict = {}
    lesson = None
    for line in lines(home):
        policy, app = policy_of(line["principal"]), line["app"] or ""
        if app.startswith(APP):
            lesson = app[len(APP) :]
        if policy is None or lesson is None:
            continue
        for action in dict.fromkeys(line["actions"]):
            uses = found.setdefault(f"{policy} {action}", {})
            uses[lesson] = uses.get(lesson, 0) + 1
    return found


def refused(home: Path, since: str) -> Counter:
    """{"policy action": calls refused for it since a time}."""
    rows = [row for row in lines(home) if row["refused"] and row["at"] >= since]
    return Counter(f"{policy_of(row['principal'])} {row['refused']}" for row in rows)


def seconds_between(first: str, second: str) -> float:
    """Seconds from one of the record's times to another."""
    begin, end = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (first, second))
    return (end - begin).total_seconds()
