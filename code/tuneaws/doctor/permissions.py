"""The role that jobs run as, and what it and you may do: asked of IAM, action by action.

What is needed comes from tuneaws/policies: the learner's policy, cut to the actions of the chosen lessons,
and the execution role's. Whoever has other policies that allow the same passes too.
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from tuneaws import policies, roles
from tuneaws.bedrock_jobs import role as bedrock_role
from tuneaws.doctor import lessons, simulating
from tuneaws.doctor.check import FREE_WAY, code_of, failed, passed, told, warned

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
    arn, cfg = _principal(subject), subject.cfg
    if arn is None:
        return passed("the root user may do everything")
    actions = policies.actions(sorted(subject.lessons))
    document = policies.learner(subject.session.account, subject.session.region, subject.bucket,
                                cfg.project.name, cfg.project.tags, secret=cfg.model.hf_token_secret,
                                bedrock_region=cfg.bedrock.region)
    types = {"sagemaker:InstanceTypes": [cfg.sagemaker.instance_type, cfg.endpoint.instance_type]}
    found = simulating.refused(subject.client("iam"), arn, document, actions, types)
    return _judge(subject, found, f"{arn} may do the {len(actions)} actions of the lessons", arn)


def the_roles(subject):
    """What a job does under its role: its bucket, its logs, its image, its secret if there is one."""
    arn, cfg = role_arn(subject), subject.cfg
    secret = cfg.model.hf_token_secret
    document = policies.execution_role(subject.session.account, subject.session.region, subject.bucket,
                                       cfg.project.name, secret)
    found = [one for one in simulating.refused(subject.client("iam"), arn, document)
             if secret or not one.action.startswith("secretsmanager:")]
    return _judge(subject, found, f"{arn.rpartition('/')[2]} may do what jobs do under it", arn)


def _principal(subject) -> str | None:
    return simulating.principal(subject.client("iam"), subject.session.caller_arn)


def _judge(subject, found: list, good: str, arn: str):
    """Failed if something is refused everywhere; in local policies count only when they are enforced."""
    if not found:
        return passed(good)
    nowhere = [one for one in found if one.everywhere] or found
    more = f" and {len(nowhere) - SHOWN} more" if len(nowhere) > SHOWN else ""
    names = ", ".join(one.action for one in nowhere[:SHOWN])
    explicit = " (by an explicit Deny: a policy, a boundary or a service control policy)" if any(
        one.explicit for one in nowhere) else ""
    if subject.local:
        return warned(f"{arn} may not: {names}{more}{explicit}; in local that counts only where policies are "
                      "enforced", "python -m pocketaws without --enforce-iam, or the policy of "
                      "python code/write_policies.py")
    if not nowhere[0].everywhere:
        return warned(f"{arn} may not everywhere: {names}{more}{explicit}, for example on "
                      f"{nowhere[0].resources[0]}", WRITE)
    return failed(f"{arn} may not: {names}{more}{explicit}", f"{WRITE}, {FREE_WAY}")
