"""Who makes what is made: the value of the tag `learner`.

    current("ana")     # project.learner of config.yaml
    current()          # from the caller's ARN: arn:aws:sts::…:assumed-role/Course/ana@example.com → "ana"

An ARN is not for everybody's eyes, and an address even less: only the name in it is used, without what
stands behind an @, in lower case, at most 32 letters, digits and hyphens. Two people behind one role without
names of their own, as in a shared Studio profile, are told apart by project.learner only.
"""

import re

LONGEST = 32
# Sessions that are called after the program, not after the person: SageMaker Studio ("SageMaker"), botocore
# (botocore/credentials.py, 1.44.5: "botocore-session-<time>"), an EC2 instance's role ("i-0abc…").
PROGRAMS = re.compile(r"SageMaker|botocore-session-\d+|i-[0-9a-f]+|AWSCLI-Session")

_caller = ""


def remember(caller_arn: str) -> None:
    """Say whose credentials the newest session uses. tuneaws.calls does it for every session."""
    global _caller
    _caller = caller_arn or ""


def current(configured: str | None = None) -> str | None:
    """The learner's short name; None when nothing is configured and no session was made yet."""
    return short(configured) if configured else short(name_in(_caller))


def name_in(arn: str) -> str:
    """The name in an ARN of sts:GetCallerIdentity: "ana" of …:user/students/ana; "" of ""."""
    kind, *rest = arn.rpartition(":")[2].split("/")
    if kind == "assumed-role" and len(rest) > 1 and PROGRAMS.fullmatch(rest[-1]):
        return rest[0]
    return rest[-1] if rest else kind


def short(text: str) -> str | None:
    """A text as the tag has it: "Ana.Lima@example.com" → "ana-lima"."""
    name = re.sub(r"[^a-z0-9]+", "-", text.partition("@")[0].lower()).strip("-")
    return name[:LONGEST].rstrip("-") or None
