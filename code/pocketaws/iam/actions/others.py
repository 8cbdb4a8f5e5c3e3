"""IAM, STS, logs, CloudWatch, Secrets Manager, quotas, prices, budgets: the action has the operation's name.

What they are about is from each service's page in the Service Authorization Reference, 2026-11. Budgets is
the exception: it has one action to look and one to change.
"""

from moto.iam.models import iam_backends

from pocketaws.iam.actions.ask import Ask, Place, tag_keys, tags_in

# service of botocore → prefix of its actions
PREFIX = {
    "iam": "iam", "sts": "sts", "logs": "logs", "cloudwatch": "cloudwatch",
    "secretsmanager": "secretsmanager", "service-quotas": "servicequotas", "pricing": "pricing",
    "budgets": "budgets", "ecr": "ecr", "ce": "ce", "application-autoscaling": "application-autoscaling",
    "resourcegroupstaggingapi": "tag",
}  # fmt: skip
FREE = ("GetCallerIdentity",)  # allowed to everybody, whatever a policy says (API_GetCallerIdentity, 2026-11)
BUDGETS_VIEW = ("Describe", "List", "View")
BUDGETS_OWN = ("TagResource", "UntagResource", "ListTagsForResource")
# member of an IAM request → kind in the ARN; the first one that is given counts
IAM_KINDS = (
    ("PolicyArn", ""), ("RoleName", "role"), ("GroupName", "group"), ("UserName", "user"),
    ("InstanceProfileName", "instance-profile"), ("ServerCertificateName", "server-certificate"),
    ("SAMLProviderArn", ""), ("OpenIDConnectProviderArn", ""), ("SerialNumber", ""), ("PolicySourceArn", ""),
    ("VirtualMFADeviceName", "mfa"),
)  # fmt: skip
IAM_OF_HOLDER = ("Attach", "Detach")  # of these the holder is meant, and the policy is a condition key
IAM_OF_SELF = ("GetUser", "ListAccessKeys", "CreateAccessKey", "DeleteAccessKey", "UpdateAccessKey",
               "ChangePassword", "GetAccessKeyLastUsed")  # fmt: skip
IAM_TAG = {"CreateRole": "TagRole", "CreateUser": "TagUser", "CreatePolicy": "TagPolicy",
           "CreateInstanceProfile": "TagInstanceProfile"}  # fmt: skip
NO_GROUP = ("DescribeLogGroups", "DescribeDestinations", "DescribeExportTasks", "DescribeQueries",
            "DescribeResourcePolicies", "PutResourcePolicy", "DeleteResourcePolicy",
            "CancelExportTask", "GetQueryResults")  # fmt: skip


def asks(service: str, operation: str, request: dict, place: Place) -> list[Ask]:
    """The asks of an operation of these services."""
    prefix = PREFIX[service]
    if operation in FREE:
        return []
    if service == "budgets":
        return _budgets(operation, request, place)
    reader = READERS.get(service)
    resource, keys = reader(operation, request, place) if reader else ("*", {})
    tags = tags_in(request, "Tags", "tags")
    keys = {**keys, **tag_keys(tags)}
    asked = [Ask(f"{prefix}:{operation}", resource, keys)]
    if tags and operation in IAM_TAG:
        asked.append(Ask(f"iam:{IAM_TAG[operation]}", resource, tag_keys(tags)))
    if tags and operation in ("CreateLogGroup", "CreateSecret", "AssumeRole"):
        action = {"AssumeRole": "TagSession"}.get(operation, "TagResource")
        asked.append(Ask(f"{prefix}:{action}", resource, tag_keys(tags)))
    return asked


def _iam(operation: str, request: dict, place: Place):
    keys = {}
    if "PolicyArn" in request and operation.startswith(IAM_OF_HOLDER):
        keys["iam:policyarn"] = [request["PolicyArn"]]
    if request.get("PermissionsBoundary"):
        keys["iam:permissionsboundary"] = [request["PermissionsBoundary"]]
    members = IAM_KINDS[1:] if operation.startswith(IAM_OF_HOLDER) else IAM_KINDS
    if operation == "CreatePolicy":
        return _named(place.account, "policy", request.get("PolicyName", "*"), request.get("Path")), keys
    for member, kind in members:
        if request.get(member):
            value = request[member]
            return (_named(place.account, kind, value, request.get("Path")) if kind else value), keys
    return "*", keys


def _named(account: str, kind: str, name: str, path: str | None = None) -> str:
    """The ARN of a role, user, group or profile; with the path of the one that exists."""
    backend = iam_backends[account]["aws"]
    table = {"role": "roles", "user": "users", "group": "groups"}.get(kind)
    found = None
    if table == "roles":  # moto keys them by id
        found = next((each for each in list(backend.roles.values()) if each.name == name), None)
    elif table:
        found = getattr(backend, table).get(name)
    return found.arn if found is not None else f"arn:aws:iam::{account}:{kind}{path or '/'}{name}"


def _sts(operation: str, request: dict, place: Place):
    given = {"sts:externalid": "ExternalId", "sts:rolesessionname": "RoleSessionName"}
    keys = {key: [request[member]] for key, member in given.items() if member in request}
    return request.get("RoleArn", "*"), keys


def _logs(operation: str, request: dict, place: Place):
    """A group is log-group:NAME:log-stream:, a stream has its name behind that; tags are on the group."""
    given = request.get("resourceArn") or request.get("logGroupIdentifier") or ""
    name = request.get("logGroupName") or next(iter(request.get("logGroupNames", [])), None)
    if given.startswith("arn:"):
        return given, {}
    if not (name or given) or operation in NO_GROUP:
        return "*", {}
    return place.arn("logs", f"log-group:{name or given}:log-stream:{request.get('logStreamName', '')}"), {}


def _cloudwatch(operation: str, request: dict, place: Place):
    if operation == "PutMetricData":
        return "*", {"cloudwatch:namespace": [request.get("Namespace", "")]}
    names = request.get("AlarmNames") or [request.get("AlarmName")]
    if operation.endswith("Alarms") and operation.startswith("Delete") or operation == "PutMetricAlarm":
        return place.arn("cloudwatch", f"alarm:{names[0] or '*'}"), {}
    return request.get("ResourceARN", "*"), {}


def _secret(operation: str, request: dict, place: Place):
    name = request.get("SecretId") or request.get("Name")
    if not name:
        return "*", {}
    keys = {"secretsmanager:name": [name]} if operation == "CreateSecret" else {}
    return (name if name.startswith("arn:") else place.arn("secretsmanager", f"secret:{name}-??????")), keys


def _quota(operation: str, request: dict, place: Place):
    code = request.get("QuotaCode")
    if operation == "GetServiceQuota" or operation.startswith("RequestService"):
        return place.arn("servicequotas", f"{request.get('ServiceCode')}/{code}"), {}
    return "*", {}


def _repository(operation: str, request: dict, place: Place):
    name, registry = request.get("repositoryName"), request.get("registryId") or place.account
    if not name:
        return "*", {}
    return f"arn:aws:ecr:{place.region}:{registry}:repository/{name}", {}


def _budgets(operation: str, request: dict, place: Place) -> list[Ask]:
    name = request.get("BudgetName") or request.get("Budget", {}).get("BudgetName") or "*"
    arn = request.get("ResourceARN") or f"arn:aws:budgets::{place.account}:budget/{name}"
    tags = tags_in(request, "ResourceTags")
    if operation in BUDGETS_OWN:
        return [Ask(f"budgets:{operation}", arn, tag_keys(tags))]
    asked = [Ask("budgets:ViewBudget" if operation.startswith(BUDGETS_VIEW) else "budgets:ModifyBudget", arn)]
    return asked + ([Ask("budgets:TagResource", arn, tag_keys(tags))] if tags else [])


READERS = {
    "iam": _iam, "sts": _sts, "logs": _logs, "cloudwatch": _cloudwatch, "secretsmanager": _secret,
    "service-quotas": _quota, "ecr": _repository,
}  # fmt: skip
