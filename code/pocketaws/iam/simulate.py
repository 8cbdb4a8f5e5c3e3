"""iam SimulatePrincipalPolicy, which moto lacks and SageMaker's SDK 3 calls before it uses a role."""

import re

from pocketaws import resources
from pocketaws.errors import AwsError, not_here
from pocketaws.iam.policies import evaluate
from pocketaws.operations import operation

UNSUPPORTED = (
    "PolicyExclusionList",
    "ResourcePolicy",
    "ResourceHandlingOption",
    "PermissionsBoundaryPolicyInputList",
)


@operation("iam", "SimulatePrincipalPolicy")
def simulate_principal_policy(context, request: dict) -> dict:
    """Evaluate the policies of a role or user, inline and attached, for each action on each resource.

    Raises NoSuchEntity for a principal that does not exist, NotImplemented for members that are not evaluated
    here, InvalidInput for a marker.
    """
    for member in UNSUPPORTED:
        if request.get(member):
            raise not_here("iam", f"SimulatePrincipalPolicy with {member}")
    arn = request["PolicySourceArn"]
    documents = policies_of(context.account, arn)
    documents += [
        (f"PolicyInputList.{n}", text) for n, text in enumerate(request.get("PolicyInputList", []), 1)
    ]
    keys = {
        entry["ContextKeyName"].lower(): [str(value) for value in entry.get("ContextKeyValues", [])]
        for entry in request.get("ContextEntries", [])
    }
    boundary = boundary_of(context.account, arn)
    pairs = [(a, r) for a in request["ActionNames"] for r in request.get("ResourceArns") or ["*"]]
    start, size = _marker(request.get("Marker")), request.get("MaxItems", 100)
    results = [
        _result(documents, boundary, action, target, keys) for action, target in pairs[start : start + size]
    ]
    answer = {"EvaluationResults": results, "IsTruncated": start + size < len(pairs)}
    return {**answer, "Marker": str(start + size)} if answer["IsTruncated"] else answer


def policies_of(account: str, arn: str) -> list[tuple[str, str]]:
    """(name, document) of every policy of a role or user, groups included. Raises AwsError NoSuchEntity."""
    principal = resources.role(account, arn) or resources.user(account, arn)
    if principal is None:
        raise AwsError("NoSuchEntity", f"The principal {arn} cannot be found.", 404)
    holders = [principal]
    if ":user/" in arn:
        holders += resources.groups_of(account, principal.name)
    documents = []
    for holder in holders:
        documents += list(holder.policies.items())
        documents += [
            (policy.name, resources.document_of(policy)) for policy in holder.managed_policies.values()
        ]
    return documents


def boundary_of(account: str, arn: str) -> list | None:
    """(name, document) of the permissions boundary of a role; None when it has none."""
    role = resources.role(account, arn)
    boundary_arn = role.permissions_boundary_arn if role else None
    if not boundary_arn:
        return None
    policy = resources.managed_policy(account, boundary_arn)
    return [(policy.name, resources.document_of(policy))] if policy else []


def _result(documents, boundary, action: str, target: str, keys: dict) -> dict:
    decision, deciding, missing = evaluate(documents, action, target, keys)
    result = {"EvalActionName": action, "EvalResourceName": target, "EvalDecision": decision}
    if boundary is not None:
        inside = evaluate(boundary, action, target, keys)[0] == "allowed"
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": inside}
        if decision == "allowed" and not inside:
            result["EvalDecision"], deciding = "implicitDeny", []
    result["MatchedStatements"] = [{"SourcePolicyId": name} for name in deciding]
    result["MissingContextValues"] = sorted(missing)
    return result


def _marker(marker: str | None) -> int:
    if marker is None:
        return 0
    if not re.fullmatch("[0-9]{1,9}", marker):
        raise AwsError("InvalidInput", f"Invalid marker {marker!r}: pass the one of the answer before.")
    return int(marker)
