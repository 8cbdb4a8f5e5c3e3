"""What a user or a role may do, asked of IAM before anything is done: SimulatePrincipalPolicy.

    refused(iam, "arn:aws:iam::123456789012:role/course", policy_document)
    # [Refusal("s3:PutObject", ("arn:aws:s3:::…",), everywhere=True, explicit=False)]

The document says what is needed: each action on each resource, under the conditions that it names. IAM
answers for the policies that hold now, boundaries and service control policies included, and does nothing.
(https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html, 2026-11.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from botocore.exceptions import ClientError

from tuneaws.doctor.check import denied

AT_ONCE = 40  # actions in a question; how many AWS takes is not documented, chosen
ASSUMED = re.compile(r"(arn:[\w-]+):sts::(\d+):assumed-role/([^/]+)/.*")
USER_NAME = "${aws:username}"


@dataclass(frozen=True)
class Refusal:
    """One action that is not allowed, on some of the resources it is needed on, or everywhere.

    explicit  a Deny says so: a service control policy, a boundary or a policy of one's own
    """

    action: str
    resources: tuple
    everywhere: bool
    explicit: bool


def principal(iam, caller_arn: str) -> str | None:
    """The ARN that is simulated for a caller: a session's is its role's. None for the root user, who may all.

    A role's path is not in a session's ARN, so IAM is asked for it.
    """
    if caller_arn.endswith(":root"):
        return None
    session = ASSUMED.fullmatch(caller_arn)
    if not session:
        return caller_arn
    partition, account, name = session.groups()
    try:
        return iam.get_role(RoleName=name)["Role"]["Arn"]
    except ClientError as err:
        if not denied(err):
            raise
        path = "service-role/" if name.startswith("AmazonSageMaker") else ""  # SageMaker makes them there
        return f"{partition}:iam::{account}:role/{path}{name}"


def refused(iam, arn: str, document: dict, actions=None, given: dict | None = None) -> list:
    """The Refusals for what a policy document allows, by action.

    actions  only these of it; None: all
    given    {condition key: [value, …]} that is known better than the document's patterns say
    """
    results = {}
    for statement in as_list(document["Statement"]):
        named = [one for one in as_list(statement.get("Action", [])) if actions is None or one in actions]
        if statement["Effect"] == "Allow" and named:
            resources = [example(one, arn) for one in as_list(statement.get("Resource", "*"))]
            for one in _ask(iam, arn, named, resources, context(statement.get("Condition", {}), given or {})):
                results.setdefault(one["EvalActionName"], []).append(one)
    return [_refusal(action, answers) for action, answers in results.items()
            if any(one["EvalDecision"] != "allowed" for one in answers)]


def _refusal(action: str, answers: list) -> Refusal:
    against = [one for one in answers if one["EvalDecision"] != "allowed"]
    return Refusal(action, tuple(one.get("EvalResourceName", "*") for one in against),
                   len(against) == len(answers),
                   any(one["EvalDecision"] == "explicitDeny" for one in against))


def _ask(iam, arn: str, actions: list, resources: list, entries: list) -> list:
    pages, results = iam.get_paginator("simulate_principal_policy"), []
    for start in range(0, len(actions), AT_ONCE):
        asked = {"PolicySourceArn": arn, "ActionNames": actions[start:start + AT_ONCE],
                 "ResourceArns": resources, "ContextEntries": entries}
        results += [one for page in pages.paginate(**asked) for one in page["EvaluationResults"]]
    return results


def example(resource: str, arn: str = "") -> str:
    """A resource that a pattern covers: "…:training-job/tuneaws-*" → "…:training-job/tuneaws-doctor"."""
    if resource == "*":
        return resource
    named = resource.replace(USER_NAME, arn.rpartition("/")[2]).replace(":*/", ":training-job/")
    return named.replace("*", "doctor").replace("?", "x")


def context(conditions: dict, given: dict) -> list:
    """ContextEntries under which a statement's conditions hold. Null conditions need no value."""
    entries = {}
    for operator, keys in conditions.items():
        plain = operator.partition(":")[2] or operator
        if plain.startswith(("Null", "StringNot", "ArnNot", "NumericNot")):
            continue
        for key, values in keys.items():
            kind = _type_of(plain) + ("List" if operator.startswith("For") else "")
            texts = given.get(key) or [example(str(value)) for value in as_list(values)]
            entries[key] = {"ContextKeyName": key, "ContextKeyType": kind,
                            "ContextKeyValues": texts if kind.endswith("List") else texts[:1]}
    return list(entries.values())


def _type_of(operator: str) -> str:
    if operator.startswith("Numeric"):
        return "numeric"
    return "boolean" if operator.startswith("Bool") else "string"


def as_list(value) -> list:
    """Policies write one value where a list may stand."""
    return value if isinstance(value, list) else [value]
