"""What happens around every AWS call of a session, whoever makes it: your cell, a helper here, the SDK.

    install(boto, Facts("aws", "us-east-1", "123456789012", arn, None))

Each module here has an install(boto, facts) of its own, which registers botocore's events on the session
before its first client is made (https://boto3.amazonaws.com/v1/documentation/api/latest/guide/events.html,
2026-11).
"""

from dataclasses import dataclass
from pathlib import Path

from tuneaws.calls import explaining, retrying, spending, tokens

PARTS = (tokens, retrying, spending, explaining)  # modules, in the order of their events


@dataclass(frozen=True)
class Facts:
    """Whose calls they are. home: the local AWS's folder, None on aws."""

    where: str
    region: str
    account: str
    caller_arn: str
    home: Path | None


def install(boto, facts: Facts) -> None:
    """Have every client that `boto`, a boto3.Session, makes from now on go through the parts."""
    for part in PARTS:
        part.install(boto, facts)
