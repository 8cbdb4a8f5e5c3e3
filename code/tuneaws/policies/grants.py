"""What a policy is made of here: a table of grants, each with the reason that it stands there.

    statements([Grant("s3:GetObject", ("objects",))], {"objects": "arn:aws:s3:::my-bucket/*"})

The tables are learning.py, executing.py and instructing.py. Grants on the same places under the same
condition become one statement, in the tables' order.
"""

from dataclasses import dataclass


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
