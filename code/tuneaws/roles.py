"""The IAM role that a training job runs as: find it, make it, or say how to get it."""

import json
import re
from pathlib import Path

from botocore.exceptions import ClientError

ROLE_NAME = "tuneaws-sagemaker"
STUDIO_METADATA = Path("/opt/ml/metadata/resource-metadata.json")  # on Studio and notebook instances
POLICY_NAME = "execution"  # of the role's own policy
DENIED = ("AccessDenied", "AccessDeniedException")


class RoleError(RuntimeError):
    """There is no role that SageMaker may assume; the message says how to get one."""


def trust_policy(service: str = "sagemaker.amazonaws.com", account: str | None = None) -> dict:
    """Who may take on the role: the service, and nobody else.

    account  only for things of this account; without, another account's job could be made to use it
    (https://docs.aws.amazon.com/sagemaker/latest/dg/security-confused-deputy-prevention.html, 2026-11)
    """
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if account:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
    return {"Version": "2012-10-17", "Statement": [statement]}


def trusts(document, service: str = "sagemaker.amazonaws.com") -> bool:
    """Whether a role's AssumeRolePolicyDocument (dict or JSON text) lets `service` assume it."""
    document = json.loads(document) if isinstance(document, str) else document
    statements = document.get("Statement", [])
    for entry in [statements] if isinstance(statements, dict) else statements:
        principal = entry.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        actions = entry.get("Action", [])
        named = service in ([services] if isinstance(services, str) else services)
        may = {"sts:AssumeRole", "sts:*", "*"} & set([actions] if isinstance(actions, str) else actions)
        if entry.get("Effect") == "Allow" and named and may:
            return True
    return False


def ensure_role(iam, name: str = ROLE_NAME, tags: list = (), policy: dict | None = None,
                account: str | None = None) -> str:
    """Create the role if it is not there, trusted by SageMaker, and return its ARN. Free.

    tags     [{"Key": ..., "Value": ...}]
    policy   what the role may do: policies.execution_role(...); one that is there gets it too
    account  trust SageMaker for things of this account only
    Whoever may not write a role's policy uses the role as it is.
    """
    document = json.dumps(trust_policy(account=account))
    try:
        role = iam.get_role(RoleName=name)["Role"]
        if not trusts(role["AssumeRolePolicyDocument"]):
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=document)
    except iam.exceptions.NoSuchEntityException:
        try:
            role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, Tags=list(tags),
                                   Description="Runs the training jobs of the tuneaws course")["Role"]
        except iam.exceptions.EntityAlreadyExistsException:  # another notebook was faster
            role = iam.get_role(RoleName=name)["Role"]
    if policy:
        ensure_policy(iam, name, POLICY_NAME, policy)
    return role["Arn"]


def ensure_policy(iam, role_name: str, policy_name: str, policy: dict) -> None:
    """Have a role's own policy say this. Nothing happens if it does, or if the caller may not write it."""
    try:
        there = iam.get_role_policy(RoleName=role_name, PolicyName=policy_name)["PolicyDocument"]
    except ClientError as err:
        if err.response["Error"]["Code"] not in ("NoSuchEntity", *DENIED):
            raise
        there = None
    if there == policy:
        return
    document = json.dumps(policy)
    or_denied(iam.put_role_policy, RoleName=role_name, PolicyName=policy_name, PolicyDocument=document)


def or_denied(call, **request) -> bool:
    """Make a call; False when the caller may not, which is no error here."""
    try:
        call(**request)
    except ClientError as err:
        if err.response["Error"]["Code"] not in DENIED:
            raise
        return False
    return True


def find_role(iam, caller_arn: str, metadata: Path = STUDIO_METADATA) -> str:
    """Find the role to run a job as: Studio's own, the caller's own, or one made by ensure_role().

    caller_arn  the Arn of sts:GetCallerIdentity
    Raises      RoleError, which says how to get a role
    """
    arn = _studio_role(metadata)
    if arn:
        return arn
    assumed = re.fullmatch(r"(arn:[\w-]+):sts::(\d+):assumed-role/([^/]+)/.*", caller_arn)
    if assumed:
        arn = _usable(iam, assumed[3])
        if arn:
            return arn
        if assumed[3].startswith("AmazonSageMaker"):  # reading it was denied; SageMaker makes them here
            return f"{assumed[1]}:iam::{assumed[2]}:role/service-role/{assumed[3]}"
    arn = _usable(iam, ROLE_NAME)
    if arn:
        return arn
    raise RoleError(
        f"no role that SageMaker may assume was found for {caller_arn}.\n"
        "Fix: `python code/write_policies.py --help`: its CloudFormation template makes one, and so does "
        f"roles.ensure_role(), which needs iam:CreateRole and makes {ROLE_NAME!r},\n"
        "or put the ARN of a role that trusts sagemaker.amazonaws.com in config.yaml, sagemaker.role_arn,\n"
        'or set WHERE = "local" and go on for free.'
    )


def _studio_role(metadata: Path):
    try:
        return json.loads(metadata.read_text()).get("ExecutionRoleArn")
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def _usable(iam, name: str):
    """The ARN of the role if it can be read and trusts SageMaker, else None."""
    try:
        role = iam.get_role(RoleName=name)["Role"]
    except ClientError as err:
        if err.response["Error"]["Code"] in ("NoSuchEntity", *DENIED):
            return None
        raise
    return role["Arn"] if trusts(role["AssumeRolePolicyDocument"]) else None
