"""The list that a person reads before anything is deleted, and the choice of what goes."""

from __future__ import annotations

from tuneaws.clean_up.things import WORK
from tuneaws.lesson import table


def chosen(things, *groups: str) -> list:
    """What goes: the work, and the groups that are named: "data", "logs", "setup"."""
    return [thing for thing in things if thing.group in (WORK, *groups)]


def show(things, *groups: str) -> None:
    """Print what was found, what stays unless it is asked for, and what could not be looked at."""
    if things:
        table([_row(thing, groups) for thing in things])
    else:
        print("nothing with the course's tags is there")
    for thing in getattr(things, "stacks", ()):
        stack = thing.tags["aws:cloudformation:stack-name"]
        print(f"{thing} is of the CloudFormation stack {stack}: it goes when that is deleted")
    for what, region, why in getattr(things, "unseen", ()):
        print(f"not looked at: {what} in {region or 'the account'}: {why}")


def _row(thing, groups: tuple) -> dict:
    goes = thing.group in (WORK, *groups)
    return {"what": thing.kind, "name": thing.name, "region": thing.region or "all",
            "bills on AWS": thing.bills or "nothing", "": "" if goes else f"stays ({thing.group})"}
