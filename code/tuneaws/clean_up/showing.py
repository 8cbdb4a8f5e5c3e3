"""The list that a person reads before anything is deleted."""

from __future__ import annotations

from tuneaws.clean_up.choosing import GROUPS, time_left, why_not
from tuneaws.clean_up.kinds import BY_NAME
from tuneaws.clean_up.things import STACK
from tuneaws.endpoints.life import span
from tuneaws.lesson import table


def show(things, *groups: str, learner: str | None = None) -> None:
    """Print what was found, what of it stays and why, and what could not be looked at.

    groups, learner  as for chosen()
    """
    if things:
        table([_row(thing, groups, learner) for thing in things])
    else:
        print("nothing with the course's tags is there")
    for thing in getattr(things, "stacks", ()):
        print(f"{thing} is of the CloudFormation stack {thing.tags[STACK]}: it goes when that is deleted")
    for what, region, why in getattr(things, "unseen", ()):
        print(f"not looked at: {what} in {region or 'the account'}: {why}")


def bills(kind: str) -> bool:
    """Whether things of a kind cost money on AWS."""
    return bool(BY_NAME[kind].bills)


def rows(things) -> list:
    """The Things as plain dicts, for a program: kind, name, arn, region, bills, group, tags, seconds left."""
    return [{"kind": thing.kind, "name": thing.name, "arn": thing.arn, "region": thing.region,
             "bills": thing.bills, "group": thing.group, "tags": thing.tags, "time_left_s": time_left(thing)}
            for thing in things]


def _row(thing, groups: tuple, learner: str | None) -> dict:
    left, stays = time_left(thing), why_not(thing, groups, learner)
    asked = f"--{ {'data': 'buckets'}.get(stays, stays) }" if stays in GROUPS else "--everyone"
    return {"what": thing.kind, "name": thing.name, "region": thing.region or "all",
            "bills on AWS": thing.bills or "nothing", "time left": "" if left is None else span(left),
            "stays": f"{stays} ({asked})" if stays else ""}
