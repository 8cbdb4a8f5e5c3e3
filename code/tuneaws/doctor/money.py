"""What bills now, what earlier runs left behind, and whether a budget would say so."""

from __future__ import annotations

from tuneaws import clean_up
from tuneaws.clean_up.things import WORK
from tuneaws.costs import billing
from tuneaws.costs.showing import usd
from tuneaws.doctor.check import passed, warned

ASK = "ask whoever manages the account for the List actions of those; they only read"
SHOWN = 10  # names of one kind in a list; the rest is counted


def still_billing(subject):
    """What bills by the hour until somebody ends it. In local nothing costs; what runs is said too."""
    found = billing.look(subject.session, subject.cfg)
    column = "USD/h on AWS" if subject.local else "USD/h"
    hourly = [row for row in found.rows if row[column] != 0]
    names = "; ".join(f"{row['what']} {row['name']}" for row in hourly)
    unseen = "".join(f"; could not see {what}" for what in found.unseen)
    if hourly and not subject.local:
        least = "at least " if any(row[column] is None for row in hourly) else ""
        each = sum(row[column] or 0 for row in hourly)
        return warned(f"{least}{usd(each)} an hour: {names}{unseen}",
                      f"end it with {hourly[0]['end it with']}")
    if found.unseen:
        return warned(f"nothing that could be seen bills by the hour{unseen}", ASK)
    running = f"; running here, free: {names}" if hourly else ""
    return passed(f"nothing bills by the hour{running}")


def left_behind(subject):
    """What carries the course's tags: made by this kit, by whatever run."""
    found = clean_up.find(subject.session, subject.cfg)
    seen = inventory(found)
    hidden = list(dict.fromkeys(what for what, _, _ in found.unseen))
    unseen = f"\nnot seen, as it may not be listed: {', '.join(hidden)}" if hidden else ""
    fix = "make clean lists what there is and asks; nothing without the course's tags is touched"
    if not subject.local and any(thing.bills and thing.group == WORK for thing in found):
        return warned(f"{seen}{unseen}", fix)
    if unseen:
        return warned(f"{seen}{unseen}", ASK)
    return passed(seen)


def inventory(things) -> str:
    """One line for each kind: "2 endpoint: a, b"; "nothing" for no things."""
    kinds = {}
    for thing in things:
        kinds.setdefault(thing.kind, []).append(thing.name)
    lines = []
    for kind, names in kinds.items():
        rest = len(names) - SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        lines.append(f"{len(names)} {kind}: {', '.join(names[:SHOWN])}{more}")
    return "\n".join(lines) or "nothing"


def budget(subject):
    """AWS Budgets writes to somebody before the bill does."""
    if subject.local:
        return passed("nothing can be spent in local")
    answer = subject.client("budgets", "us-east-1").describe_budgets(AccountId=subject.session.account)
    names = [one["BudgetName"] for one in answer.get("Budgets", [])]
    if not names:
        return warned("no budget in this account: a forgotten endpoint is noticed on the bill",
                      'costs.set_budget(session, cfg, "you@example.com"), which writes at 50, 80 and 100 %')
    return passed(f"{len(names)} budget{'s' * (len(names) > 1)}: {', '.join(names[:SHOWN])}")
