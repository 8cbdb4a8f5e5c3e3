"""What the record of calls says of a run of the course: which lesson asked for which action, and when."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

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


def asked(home: Path, lessons: dict) -> dict:
    """{"policy action": {lesson: {"calls", "after_s"}}} of the lessons' own runs.

    lessons   {name: {"began", "ended", "status"}}: a call belongs to the lesson that ran at its time
    """
    found: dict = {}
    spans = [(one["began"], one["ended"], name) for name, one in lessons.items() if one["status"] == "passed"]
    for line in lines(home):
        policy = policy_of(line["principal"])
        lesson = next((name for began, ended, name in spans if began <= line["at"] <= ended), None)
        if policy is None or lesson is None:
            continue
        after = seconds_between(lessons[lesson]["began"], line["at"])
        for action in dict.fromkeys(line["actions"]):
            uses = found.setdefault(f"{policy} {action}", {})
            use = uses.setdefault(lesson, {"calls": 0, "after_s": round(after, 1)})
            use["calls"] += 1
    return found


def refused(path: Path, since: str, action: str) -> int:
    """How many calls were refused for an action since a time."""
    text = path.read_text(encoding="utf-8").splitlines()
    rows = (json.loads(line) for line in text)
    return sum(row["at"] >= since and row["refused"] == action for row in rows)


def seconds_between(first: str, second: str) -> float:
    """Seconds from one of the record's times to another."""
    begin, end = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (first, second))
    return (end - begin).total_seconds()
