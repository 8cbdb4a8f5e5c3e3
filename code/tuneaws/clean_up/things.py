"""What the clean-up finds: one Thing each, and how its kind is listed, read, deleted and looked for again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

# What a group is for, and whether it goes unless it is asked for.
WORK, LOGS, DATA, SETUP = "work", "logs", "data", "setup"
GONE = ("ResourceNotFound", "ResourceNotFoundException", "NotFoundException", "NoSuchEntity", "NoSuchBucket",
        "NoSuchTagSet", "404")
STACK = "aws:cloudformation:stack-name"  # set by CloudFormation on what it makes; only its stack deletes it


class CleanUpError(RuntimeError):
    """Something could not be found or deleted; the message says what, why, and what to do."""


@dataclass(frozen=True)
class Thing:
    """One thing of the course.

    kind    "endpoint", "training job", …: the names of kinds.KINDS
    region  where it is; "" for what an account has once (roles, budgets)
    bills   what it bills on AWS, in words; "" when it costs nothing
    order   smaller goes first: what runs, then what stands on others, the role last
    group   "work", or what stays unless asked: "data", "logs", "setup"
    """

    kind: str
    name: str
    arn: str
    region: str
    tags: dict = field(hash=False)
    bills: str
    order: int
    group: str = WORK

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" + (f" ({self.region})" if self.region else "")


@dataclass(frozen=True)
class Kind:
    """How things of one kind are handled. Each function takes a boto3 client of `service` first.

    rows    client → iterable of (name, arn), or of (name, arn, tags) where listing gives the tags
    tags    client, arn → {name: value}; what carries no tags of its own gives those of what it belongs to,
            None when that is gone and nobody can say any more
    delete  client, thing → None; called again while AWS says that it is busy
    there   client, thing → whether it is still there, as AWS says when asked again
    once    an account has it once, not in every region
    done    what has become of it then: a job is "stopped"
    opens   session, region → what the functions take instead of a client of `service` alone
    """

    name: str
    service: str
    bills: str
    rows: Callable
    tags: Callable
    delete: Callable
    there: Callable
    group: str = WORK
    once: bool = False
    done: str = "deleted"
    opens: Callable | None = None


def carries(there: dict, wanted: dict) -> bool:
    """Whether all of `wanted` stand in the tags `there`, letter by letter. False when nothing is wanted."""
    return bool(wanted) and all(there.get(key) == value for key, value in wanted.items())


def code_of(err) -> str:
    """The error code of a botocore ClientError."""
    return err.response["Error"]["Code"]


def is_gone(err) -> bool:
    """Whether an error says that the thing is not there. SageMaker says so in words only."""
    said = err.response["Error"].get("Message", "").lower()
    absent = "could not find" in said or "does not exist" in said or "not found" in said
    return code_of(err) in GONE or (code_of(err) in ("ValidationException", "ValidationError") and absent)
