"""What the ledger's book says of each thing's life: when it was made, changed and deleted.

    for life in lives.of(entries):
        for says, start, end in life.periods():     # an endpoint that was updated once has two
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Life:
    """One thing. made, changed: entries of the book, oldest first; ended: when it was deleted, or None."""

    made: dict
    changed: list = field(default_factory=list)
    ended: datetime | None = None

    def periods(self) -> list:
        """[(the entry that says what it runs on, from, until; None: still), …], oldest first."""
        says = [self.made, *self.changed]
        starts = [datetime.fromisoformat(one["at"]) for one in says]
        return list(zip(says, starts, [*starts[1:], self.ended], strict=True))


def of(entries: list) -> list:
    """A Life for each thing that was made, oldest first. A name that was made again is another thing."""
    names = {one["arn"]: one["name"] for one in entries if one["event"] == "made" and one.get("arn")}
    lives, there = [], {}
    for one in entries:
        key = one.get("what"), names.get(one.get("name"), one.get("name"))
        if one["event"] == "made":
            there[key] = Life(one)
            lives.append(there[key])
        elif one["event"] == "changed" and key in there:
            there[key].changed.append(one)
        elif one["event"] == "ended" and key in there:
            there.pop(key).ended = datetime.fromisoformat(one["at"])
    return lives


def hours(start: datetime, end: datetime) -> float:
    """From one time to another."""
    return (end - start).total_seconds() / 3600
