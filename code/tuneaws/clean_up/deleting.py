"""Delete what was found: in order, waiting for what AWS does later, going on after a failure.

Every step is asked for again until AWS says that the thing is gone, and nothing is remembered between two
runs: cut it anywhere, run it again, and it goes on from what AWS has.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from tuneaws.clean_up.finding import opened
from tuneaws.clean_up.kinds import BY_NAME
from tuneaws.clean_up.things import CleanUpError, Thing, code_of, is_gone

# AWS's ways to say "not now": it is being made or changed, or something stands on it still.
BUSY = ("ConflictException", "ResourceInUse", "ResourceInUseException", "DeleteConflict", "BucketNotEmpty",
        "OperationAborted", "ConflictingOperationException", "ConcurrentModification")
BUSY_WORDS = ("cannot delete", "in use", "in-progress", "in progress", "being ", "delete them first")
POLL_S, LONGEST_POLL_S = 0.2, 10
REFUSED_S = 120  # what stands on a thing was deleted before it: a refusal that lasts is not ours to wait for


@dataclass
class Outcome:
    """What a clean-up did.

    gone    Things that AWS no longer has       failed  [(Thing, why)]: they are there, and may bill
    """

    gone: list = field(default_factory=list)
    failed: list = field(default_factory=list)


def delete(session, things, wait_s: float = 900, show=print) -> Outcome:
    """Delete the Things, in order, and look that each is gone. May be interrupted and run again.

    things  what find() gave, or some of it. It cannot be undone; nothing else is touched
    wait_s  seconds to wait for one thing; an endpoint takes AWS minutes, a job 2 to stop
    show    takes a line for each thing
    A failure is noted, and the next thing is deleted: see Outcome.failed.
    """
    done = Outcome()
    for thing in sorted(things, key=lambda thing: thing.order):
        try:
            delete_one(session, thing, wait_s)
        except (CleanUpError, ClientError, BotoCoreError) as err:
            done.failed.append((thing, str(err)))
            show(f"NOT deleted {thing}: {err}")
        else:
            done.gone.append(thing)
            show(f"{BY_NAME[thing.kind].done} {thing}")
    return done


def delete_one(session, thing: Thing, wait_s: float = 900, poll_s: float = POLL_S) -> None:
    """Delete one thing and wait until AWS has it no more; nothing happens when it is gone already.

    poll_s  the first pause in seconds; each one is longer, up to LONGEST_POLL_S
    Raises  CleanUpError if it is there after `wait_s`, if AWS refuses it for REFUSED_S, or if it does not
            carry the tags any more that it was found by
    """
    kind, began = BY_NAME[thing.kind], time.monotonic()
    asked = opened(session, kind, thing.region)
    _check_tags(asked, kind, thing)
    while kind.there(asked, thing):
        refused, took = _ask(kind, asked, thing), time.monotonic() - began
        if not kind.there(asked, thing):
            return
        if took > (min(wait_s, REFUSED_S) if refused else wait_s):
            fix = "delete what uses it, then run" if refused else "look at the console, and run"
            raise CleanUpError(f"it is there {took:.0f} s later{refused}.\nFix: {fix} the clean-up again")
        time.sleep(poll_s)
        poll_s = min(poll_s * 1.5, LONGEST_POLL_S)


def _ask(kind, asked, thing: Thing) -> str:
    """Ask for the deletion; why AWS does not do it now, "" when it took it."""
    try:
        kind.delete(asked, thing)
    except ClientError as err:
        said = err.response["Error"].get("Message", "")
        if is_gone(err):
            return ""
        if code_of(err) in BUSY or any(word in said.lower() for word in BUSY_WORDS):
            return f": {code_of(err)}: {said}"
        raise
    return ""


def _check_tags(asked, kind, thing: Thing) -> None:
    """Whoever changed the tags since it was listed may have meant to keep it."""
    try:
        there = kind.tags(asked, thing.arn)
    except ClientError as err:
        if is_gone(err):
            return
        raise
    if there is not None and there != thing.tags and kind.there(asked, thing):
        raise CleanUpError("its tags have changed since it was listed.\nFix: list again and look at it")
