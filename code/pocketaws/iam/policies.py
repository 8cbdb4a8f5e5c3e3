"""A small evaluator of IAM policy documents: Allow and Deny, wildcards in actions and resources.

The logic of "Policy evaluation logic" in the IAM user guide (2026-11) for one account: an explicit Deny wins,
then an Allow, else an implicit deny. Conditions: string, ARN, bool, number, date and null operators on keys
that the caller gives; a statement whose condition needs a key that is not given does not match, and the key
is reported. Not evaluated, and so never met: addresses (IpAddress), BinaryEquals.
"""

import functools
import json
import re
from collections.abc import Iterable
from datetime import datetime, timezone


def as_list(value) -> list:
    """JSON policies allow one value where a list may stand."""
    return value if isinstance(value, list) else [value]


def wildcard_match(pattern: str, text: str, ignore_case: bool = False) -> bool:
    """IAM's wildcards: * for any run of characters, ? for one."""
    return _compiled(pattern, ignore_case).fullmatch(text) is not None


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str, ignore_case: bool) -> re.Pattern:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def statements(document: str | dict) -> list[dict]:
    """The statements of a policy document; not to be changed."""
    content = _read(document) if isinstance(document, str) else document
    return as_list(content.get("Statement", []))


@functools.lru_cache(maxsize=256)  # a learner's policy has 10,000 characters, and is asked at every call
def _read(document: str) -> dict:
    return json.loads(document)


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
            if _covers(statement, action, resource, keys):
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


def trusts_principal(document: str, arn: str, account: str, keys: dict) -> bool:
    """Whether a role's trust policy lets a user or role of its account take it on: by ARN or by account.

    keys   {condition key, lower case: list of values} of the call
    """
    names = {arn, account, f"arn:aws:iam::{account}:root", "*"}
    effects = set()
    for statement in statements(document):
        principal = statement.get("Principal", {})
        given = as_list(principal.get("AWS", [])) if isinstance(principal, dict) else as_list(principal)
        actions = as_list(statement.get("Action", []))
        if names & set(given) and any(wildcard_match(each, "sts:AssumeRole", True) for each in actions):
            if not _unmet(statement.get("Condition", {}), keys):
                effects.add(statement["Effect"])
    return effects == {"Allow"}


def _covers(statement: dict, action: str, resource: str, keys: dict) -> bool:
    if "Action" in statement:
        hit = any(wildcard_match(pattern, action, True) for pattern in as_list(statement["Action"]))
    else:
        hit = not any(
            wildcard_match(pattern, action, True) for pattern in as_list(statement.get("NotAction", "*"))
        )
    if not hit:
        return False
    name = "NotResource" if "NotResource" in statement else "Resource"
    patterns = [filled(pattern, keys) for pattern in as_list(statement.get(name, "*"))]
    return any(wildcard_match(pattern, resource) for pattern in patterns) == (name == "Resource")


def filled(text: str, keys: dict) -> str:
    """A text with its policy variables filled in: "${aws:username}/*". One without a value stays as it is."""
    return VARIABLE.sub(lambda found: (keys.get(found[1].lower()) or [found[0]])[0], text)


def _unmet(conditions: dict, keys: dict) -> list[str]:
    """Condition keys that a statement needs and that are not given; "" for a condition that is false."""
    unmet = []
    for operator, wanted in conditions.items():
        for key, values in wanted.items():
            values = [filled(str(value), keys) for value in as_list(values)]
            unmet += _unmet_one(operator, key, values, keys.get(key.lower()))
    return unmet


def _unmet_one(operator: str, key: str, wanted: list[str], given: list | None) -> list[str]:
    """[] for a condition that holds, [key] for one whose key is not given, [""] for one that is false.

    Without its key a negated condition holds, and so do …IfExists and ForAllValues ("Condition operators",
    "Set operators" in the IAM user guide, 2026-11).
    """
    quantifier, _, base = operator.rpartition(":")
    if base == "Null":
        return [] if (given is None) == (wanted[0].lower() == "true") else [""]
    plain = base.removesuffix("IfExists")
    negated = "Not" in plain
    if given is None:
        holds = base.endswith("IfExists") or quantifier == "ForAllValues" or (negated and not quantifier)
        return [] if holds else [key]
    test = TESTS.get(plain.replace("Not", ""))
    if test is None:
        return [""]  # a kind of condition that is not evaluated here counts as not met
    matches = [any(_safely(test, value, each) for each in wanted) != negated for value in given]
    holds = any(matches) if quantifier == "ForAnyValue" or not (quantifier or negated) else all(matches)
    return [] if holds else [""]


def _safely(test, given, wanted: str) -> bool:
    try:
        return bool(test(str(given), wanted))
    except ValueError:  # a text where a number or a date belongs
        return False


def _time(text: str) -> datetime:
    parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)


VARIABLE = re.compile(r"\$\{([A-Za-z0-9-]+:[A-Za-z0-9/._-]+)\}")
ORDERS = {
    "Equals": lambda a, b: a == b,
    "LessThan": lambda a, b: a < b,
    "LessThanEquals": lambda a, b: a <= b,
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanEquals": lambda a, b: a >= b,
}
TESTS = {
    "StringEquals": lambda a, b: a == b,
    "StringEqualsIgnoreCase": lambda a, b: a.lower() == b.lower(),
    "Bool": lambda a, b: a.lower() == b.lower(),
    "StringLike": lambda a, b: wildcard_match(b, a),
    "ArnLike": lambda a, b: wildcard_match(b, a),
    "ArnEquals": lambda a, b: wildcard_match(b, a),
    **{f"Numeric{name}": lambda a, b, o=order: o(float(a), float(b)) for name, order in ORDERS.items()},
    **{f"Date{name}": lambda a, b, o=order: o(_time(a), _time(b)) for name, order in ORDERS.items()},
}
