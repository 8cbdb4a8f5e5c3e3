"""The answers for people, and for programs.

    show(checks, cfg)          # a line each, its fix below it, and whether the lessons can run
    as_dict(checks, cfg)       # the same for json.dumps()
"""

from __future__ import annotations

import dataclasses
import itertools
import textwrap
from collections import Counter

from tuneaws.doctor import lessons as numbers
from tuneaws.doctor.check import FAIL, PASS, WARN
from tuneaws.doctor.running import ready
from tuneaws.lesson import WIDTH

PARTS = {"training": numbers.TRAINING, "endpoints": numbers.ENDPOINT, "Bedrock": numbers.BEDROCK}
COLUMN = 24  # of the checks' names; a longer name has a line of its own


def show(checks: list, cfg=None) -> None:
    """Print a line for each check, its fix below it, and with `cfg` the verdict at the end."""
    print("\n".join(line for check in together(checks) for line in lines(check)))
    if cfg is not None:
        print("\n".join(verdict(checks, cfg.where)))


def together(checks: list) -> list:
    """The checks, with neighbours that say the very same in one: such as all that were not looked at."""
    found = []
    for _, group in itertools.groupby(checks, key=lambda one: (one.status, one.seen, one.fix)):
        same = list(group)
        names = ", ".join(one.name for one in same)
        found += same if len(same) < 3 else [
            dataclasses.replace(same[0], name=f"{len(same)} checks", seen=f"{same[0].seen}: {names}")]
    return found


def lines(check) -> list:
    """One check: its status, its name, what was seen, wrapped to WIDTH."""
    head, indent = f"{check.status}  {check.name:{COLUMN}}", " " * (COLUMN + 6)
    shown = []
    if len(check.name) >= COLUMN:
        shown, head = [head.rstrip()], indent
    first = True
    for part in check.seen.split("\n"):
        shown += textwrap.wrap(part, WIDTH, initial_indent=head if first else indent,
                               subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        first = False
    if check.fix:
        shown += textwrap.wrap(f"Fix: {check.fix}", WIDTH, initial_indent=indent,
                               subsequent_indent=indent + " " * 5, break_long_words=False,
                               break_on_hyphens=False)
    return shown


def verdict(checks: list, where: str, chosen: str | None = None) -> list:
    """Whether the lessons can run, and in local what they can do here."""
    count = Counter(check.status for check in checks)
    took = sum(check.took_s for check in checks)
    said = [f"{count[PASS]} passed, {count[WARN]} to look at, {count[FAIL]} failed, in {took:.1f} s"]
    if where == "local" and ready(checks):
        found = numbers.chosen(chosen)
        parts = [name for name, part in PARTS.items() if numbers.needs(found, part)] or ["files"]
        said.append(f"local can do: {_named(sorted(found))} on this machine ({', '.join(parts)}),")
        said.append("              without an account, a network or a GPU, and free")
    return [*said, f"ready for {where}: {'yes' if ready(checks) else 'no'}"]


def _named(found: list) -> str:
    """ ["00", "01", "02"] → "lessons 00 to 02"; with gaps each by its number."""
    if len(found) > 2 and int(found[-1]) - int(found[0]) == len(found) - 1:
        return f"lessons {found[0]} to {found[-1]}"
    return f"lesson{'s' * (len(found) > 1)} {', '.join(found)}"


def as_dict(checks: list, where: str) -> dict:
    """{"where", "ready", "passed", "warned", "failed", "checks": [{name, status, seen, fix, took_s}]}."""
    count = Counter(check.status for check in checks)
    return {"where": where, "ready": ready(checks), "passed": count[PASS], "warned": count[WARN],
            "failed": count[FAIL], "checks": [dataclasses.asdict(check) for check in checks]}
