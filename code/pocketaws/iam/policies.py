"""A small evaluator of IAM policy documents: Allow and Deny, wildcards in actions and resources.

The logic of "Policy evaluation logic" in the IAM user guide (2026-11) for one account: an explicit Deny wins,
then an Allow, else an implicit deny. Conditions: string, ARN, bool and null operators on keys that the caller
gives; a statement whose condition needs a key that is not given does not match, and the key is reported.
"""

import json
import re
from collections.abc import Iterable


def as_list(value) -> list:
    """JSON policies allow one value where a list may stand."""
    return value if isinstance(value, list) else [value]


def wildcard_match(pattern: str, text: str, ignore_case: bool = False) -> bool:
    """IAM's wildcards: * for any run of characters, ? for one."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL | (re.IGNORECASE if ignore_case else 0)) is not None


def statements(document: str | dict) -> list[dict]:
    """The statements of a policy document."""
    content = json.loads(document) if isinstance(document, str) else document
    return as_list(content.get("Statement", []))


def evaluate(documents: Iterable, action: str, resource: str, keys: dict) -> tuple[str, list[str], set[str]]:
    """Decide one action on one resource.

    documents  (name, policy document) pairs
    keys       {condition key, lower case: list of values}
    Returns ("allowed" | "explicitDeny" | "implicitDeny", names of the policies that decided, missing keys).
    """
    found: dict[str, list[str]] = {"Allow": [], "Deny": []}
    missing: set[str] = set()
    for name, document in documents:
        for statement in statements(document):
            if _covers(statement, action, resource):
                lacking = _unmet(statement.get("Condition", {}), keys)
                missing |= {key for key in lacking if key}
                if not lacking:
                    found[statement["Effect"]].append(name)
    if found["Deny"]:
        return "explicitDeny", found["Deny"], missing
    if found["Allow"]:
        return "allowed", found["Allow"], missing
    return "implicitDeny", [], missing


def trusts(document: str, service: str, keys: dict | None = None) -> bool:
    """Whether a role's trust policy lets a service such as "sagemaker.amazonaws.com" assume it.

    keys   {condition key, lower case: list of values} of the call; None: conditions are not looked at
    """
    effects = set()
    for statement in statements(document):
        principal = statement.get("Principal", {})
        services = (
            as_list(principal.get("Service", [])) if isinstance(principal, dict) else as_list(principal)
        )
        actions = as_list(statement.get("Action", []))
        if any(wildcard_match(pattern, "sts:AssumeRole", True) for pattern in actions):
            unmet = [] if keys is None else _unmet(statement.get("Condition", {}), keys)
            if (service in services or "*" in services) and not unmet:
                effects.add(statement["Effect"])
    return effects == {"Allow"}


def _covers(statement: dict, action: str, resource: str) -> bool:
    if "Action" in statement:
        hit = any(wildcard_match(pattern, action, True) for pattern in as_list(statement["Action"]))
    else:
        hit = not any(
            wildcard_match(pattern, action, True) for pattern in as_list(statement.get("NotAction", "*"))
        )
    if not hit:
        return False
    if "NotResource" in statement:
        return not any(wildcard_match(pattern, resource) for pattern in as_list(statement["NotResource"]))
    return any(wildcard_match(pattern, resource) for pattern in as_list(statement.get("Resource", "*")))


def _unmet(conditions: dict, keys: dict) -> list[str]:
    """Condition keys that a statement needs and that are not given; "" for a condition that is false."""
    unmet = []
    for operator, wanted in conditions.items():
        for key, values in wanted.items():
            given = keys.get(key.lower())
            base = operator.split(":")[-1]
            if base == "Null":
                ok = (given is None) == (str(as_list(values)[0]).lower() == "true")
                unmet += [] if ok else [""]
            elif given is None:
                if not base.endswith("IfExists") and not operator.startswith("ForAllValues:"):
                    unmet.append(key)
            elif not _holds(base.removesuffix("IfExists"), given, [str(value) for value in as_list(values)]):
                unmet.append("")
    return unmet


def _holds(operator: str, given: list, wanted: list) -> bool:
    negated = "Not" in operator
    plain = operator.replace("Not", "")
    if plain in ("StringEquals", "Bool", "StringEqualsIgnoreCase"):
        fold = plain != "StringEquals"
        hit = any((a.lower() == b.lower()) if fold else a == b for a in given for b in wanted)
    elif plain in ("StringLike", "ArnLike", "ArnEquals"):
        hit = any(wildcard_match(b, a) for a in given for b in wanted)
    else:
        return False  # a kind of condition that is not evaluated here counts as not met
    return hit != negated
