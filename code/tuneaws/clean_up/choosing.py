"""What of the things that were found goes now: the work, mine, what is over its time. Pure."""

from __future__ import annotations

from tuneaws.clean_up.things import DATA, LOGS, SETUP, WORK
from tuneaws.endpoints import requests

GROUPS = (DATA, LOGS, SETUP)  # stay unless they are asked for
LEARNER = "learner"  # the tag that says who has made a thing


def chosen(things, *groups: str, learner: str | None = None) -> list:
    """What goes: the work, and the groups that are named: "data", "logs", "setup".

    learner  only what this learner has made, and what says nobody's name; None: everybody's
    """
    unknown = set(groups) - set(GROUPS)
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))}: no group of things. Fix: {', '.join(GROUPS)}")
    return [thing for thing in things if thing.group in (WORK, *groups) and is_of(thing, learner)]


def is_of(thing, learner: str | None) -> bool:
    """Whether a thing is this learner's, or nobody's by name."""
    return learner is None or thing.tags.get(LEARNER, learner) == learner


def why_not(thing, groups: tuple, learner: str | None = None) -> str:
    """Why a thing stays: "it is ana's", "data"; "" when it goes."""
    if not is_of(thing, learner):
        return f"{thing.tags[LEARNER]}'s"
    return "" if thing.group in (WORK, *groups) else thing.group


def time_left(thing) -> float | None:
    """Seconds until the time of an endpoint or a deployment is over; under 0 when it is, None without one."""
    expires = requests.read_expires(thing.tags)
    return (expires - requests.now()).total_seconds() if expires else None


def expired(things) -> list:
    """What is over its time, with the configurations and models of the endpoints among it."""
    over = [thing for thing in things if (left := time_left(thing)) is not None and left <= 0]
    behind = [thing for thing in things if thing.kind in ("endpoint configuration", "model")
              and any(requests.belongs_to(thing.name, one.name) for one in over
                      if one.kind == "endpoint" and one.region == thing.region)]
    return [*over, *(thing for thing in behind if thing not in over)]
