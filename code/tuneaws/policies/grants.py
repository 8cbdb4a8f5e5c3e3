"""What a policy is made of here: a table of grants, each with the reason that it stands there.

    statements([Grant("s3:GetObject", ("objects",))], {"objects": "arn:aws:s3:::my-bucket/*"})

The tables are learning.py, executing.py and instructing.py. Grants on the same places under the same
condition become one statement, in the tables' order.
"""

import json
import re
from dataclasses import dataclass

# Characters of a managed policy, without white space
# (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, 2026-11).
MANAGED = 6144


@dataclass(frozen=True)
class Grant:
    """One action that a policy allows.

    action  in IAM's words, "s3:GetObject"
    on      names of places (places() gives their ARNs); ("*",) for an action that knows no resource
    when    name of a condition (conditions() has them), "" for none
    why     why it is here although no call of the course in local needs it; "" for one that a lesson uses
    """

    action: str
    on: tuple = ("*",)
    when: str = ""
    why: str = ""


def statements(grants, places: dict, conditions: dict | None = None) -> list[dict]:
    """IAM statements: one for each set of places and each condition.

    places      {name: ARN or list of ARNs}; "*" needs no entry
    conditions  {name: Condition block}
    """
    grouped = {}
    for grant in grants:
        grouped.setdefault((grant.on, grant.when), []).append(grant.action)
    return [_statement(actions, on, (conditions or {}).get(when), when, places)
            for (on, when), actions in grouped.items()]


def document(found: list[dict]) -> dict:
    """A policy document of statements, each with a Sid of its own."""
    return {"Version": "2012-10-17", "Statement": found}


def split(policy: dict, most: int = MANAGED) -> list[dict]:
    """A document as several that each fit into one managed policy, statements whole and in their order."""
    parts = [[]]
    for statement in policy["Statement"]:
        if parts[-1] and size(document([*parts[-1], statement])) > most:
            parts.append([])
        parts[-1].append(statement)
    return [document(part) for part in parts]


def size(policy: dict) -> int:
    """The characters of a document that IAM counts: white space is free."""
    return len(re.sub(r"\s", "", json.dumps(policy)))


def _statement(actions: list, on: tuple, condition, when: str, places: dict) -> dict:
    arns = [arn for name in on for arn in _arns(places, name)]
    words = "-".join((*on, when)).replace("*", "any").split("-")
    made = {"Sid": "".join(word.title() for word in words), "Effect": "Allow", "Action": sorted(actions),
            "Resource": arns[0] if len(arns) == 1 else arns}
    return {**made, "Condition": condition} if condition else made


def _arns(places: dict, name: str) -> list:
    if name == "*":
        return ["*"]
    found = places[name]
    return [found] if isinstance(found, str) else list(found)


def on(place: str, actions: str, when: str = "") -> tuple:
    """Grants for several actions on one place: on("objects", "s3:GetObject s3:PutObject")."""
    return tuple(Grant(action, (place,), when) for action in actions.split())


def because(why: str, place: str, actions: str, when: str = "") -> tuple:
    """The same for actions that no lesson in local calls, with the reason."""
    return tuple(Grant(action, (place,), when, why) for action in actions.split())
