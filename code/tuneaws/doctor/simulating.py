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
# "Invalid Input Actions: [s3:GetObject] and [s3:PutObjectLockConfiguration] require different authorization
# information.", as reported by several programs that ask (read 2026-11); which actions those are is not said.
APART = "require different authorization information"
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
            asked = {"PolicySourceArn": arn, "ResourceArns": resources,
                     "ContextEntries": context(statement.get("Condition", {}), given or {})}
            for start in range(0, len(named), AT_ONCE):
                for action, *answer in _ask(iam, named[start:start + AT_ONCE], asked):
                    results.setdefault(action, []).append(answer)
    return [_refusal(action, answers) for action, answers in results.items()
            if any(decision != "allowed" for _, decision in answers)]


def _refusal(action: str, answers: list) -> Refusal:
    against = [(resource, decision) for resource, decision in answers if decision != "allowed"]
    return Refusal(action, tuple(resource for resource, _ in against), len(against) == len(answers),
                   any(decision == "explicitDeny" for _, decision in against))


def _ask(iam, actions: list, asked: dict) -> list:
    """[(action, resource, decision)]. AWS refuses some actions beside each other: those are asked apart."""
    pages = iam.get_paginator("simulate_principal_policy")
    try:
        results = [one for page in pages.paginate(ActionNames=actions, **asked)
                   for one in page["EvaluationResults"]]
    except ClientError as err:
        if APART not in err.response["Error"].get("Message", "") or len(actions) == 1:
            raise
        groups = _groups(err.response["Error"]["Message"], actions)
        return [answer for group in groups for answer in _ask(iam, group, asked)]
    return [answer for one in results for answer in _by_resource(one)]


def _groups(message: str, actions: list) -> list:
    """The groups that AWS's message names, or else each action alone."""
    groups = [re.split(r"[,\s]+", text.strip()) for text in re.findall(r"\[([^\]]*)\]", message)]
    named = sorted(action for group in groups for action in group)
    return groups if len(groups) > 1 and named == sorted(actions) else [[action] for action in actions]


def _by_resource(result: dict) -> list:
    """An EvaluationResult has one decision, or one for each resource."""
    action, each = result["EvalActionName"], result.get("ResourceSpecificResults")
    if each:
        return [(action, one["EvalResourceName"], one["EvalResourceDecision"]) for one in each]
    return [(action, result.get("EvalResourceName", "*"), result["EvalDecision"])]


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
