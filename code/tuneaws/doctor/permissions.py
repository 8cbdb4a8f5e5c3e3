"""The role that jobs run as, and what it and you may do: asked of IAM, action by action.

What is needed comes from tuneaws/policies: the learner's policy, cut to the actions of the chosen lessons,
and the execution role's. Whoever has other policies that allow the same passes too.
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from tuneaws import policies, roles
from tuneaws.bedrock_jobs import role as bedrock_role
from tuneaws.doctor import lessons, simulating
from tuneaws.doctor.check import FREE_WAY, code_of, failed, passed, told

SAGEMAKER = "sagemaker.amazonaws.com"
SHOWN = 6  # refused actions in one answer; the rest is counted
WRITE = "python code/write_policies.py writes the policy; whoever manages the account attaches it"


def role(subject):
    """The role is there, and SageMaker may take it on. In local connect() makes it where nobody named one."""
    try:
        arn = role_arn(subject)
    except roles.RoleError as err:
        return failed(*told(err))
    try:
        found = subject.client("iam").get_role(RoleName=arn.rpartition("/")[2])["Role"]
    except ClientError as err:
        if code_of(err) != "NoSuchEntity":
            raise
        return failed(f"there is no role {arn}",
                      f"the ARN of one that is there, as sagemaker.role_arn, {FREE_WAY}")
    if found["Arn"] != arn:
        return failed(f"the role's ARN is {found['Arn']}, config.yaml says {arn}",
                      f"sagemaker.role_arn: {found['Arn']}")
    if not roles.trusts(found["AssumeRolePolicyDocument"], SAGEMAKER):
        return failed(f"{arn} does not trust {SAGEMAKER}: no job can run as it",
                      "in IAM, Roles, Trust relationships: the policy that roles.trust_policy() gives")
    return passed(f"{arn} trusts {SAGEMAKER}")


def role_arn(subject) -> str:
    """The role that jobs will run as. Raises roles.RoleError when there is none."""
    return subject.cfg.sagemaker.role_arn or subject.session.role_arn


def pass_role(subject):
    """You may hand the role to SageMaker and, for its lessons, one to Bedrock: iam:PassRole."""
    arn, iam = _principal(subject), subject.client("iam")
    if arn is None:
        return passed("the root user may")
    wanted = {SAGEMAKER: role_arn(subject)}
    if lessons.needs(subject.lessons, lessons.BEDROCK):
        made = f"arn:aws:iam::{subject.session.account}:role/{bedrock_role.ROLE_NAME}"
        wanted[bedrock_role.SERVICE] = subject.cfg.bedrock.role_arn or made
    for service, passed_role in wanted.items():
        statement = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": passed_role,
                     "Condition": {"StringEquals": {"iam:PassedToService": service}}}
        if simulating.refused(iam, arn, {"Statement": statement}):
            return failed(f"{arn} may not pass {passed_role} to {service}", f"iam:PassRole on it: {WRITE}")
    return passed(f"{' and '.join(wanted)}")


def yours(subject):
    """Each action that the chosen lessons call, on what carries the course's name."""
    arn = _principal(subject)
    if arn is None:
        return passed("the root user may do everything")
    actions = policies.actions(sorted(subject.lessons))
    document = policies.learner(subject.session.account, subject.session.region, subject.bucket)
    found = simulating.refused(subject.client("iam"), arn, document, actions)
    return _judge(found, f"{arn} may do the {len(actions)} actions of the lessons", arn)


def the_roles(subject):
    """What a job does under its role: its bucket, its logs, its image."""
    arn = role_arn(subject)
    document = policies.execution_role(subject.session.account, subject.session.region, subject.bucket)
    found = simulating.refused(subject.client("iam"), arn, document)
    return _judge(found, f"{arn.rpartition('/')[2]} may do what jobs do under it", arn)


def _principal(subject) -> str | None:
    return simulating.principal(subject.client("iam"), subject.session.caller_arn)


def _judge(found: list, good: str, arn: str):
    if not found:
        return passed(good)
    actions = list(dict.fromkeys(one.action for one in found))
    more = f" and {len(actions) - SHOWN} more" if len(actions) > SHOWN else ""
    denied = " (an explicit Deny: a service control policy or a boundary)" if any(
        one.decision == "explicitDeny" for one in found) else ""
    return failed(f"{arn} may not: {', '.join(actions[:SHOWN])}{more}{denied}", f"{WRITE}, {FREE_WAY}")
