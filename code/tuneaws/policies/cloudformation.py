"""The set-up as one CloudFormation template: the two roles, the policies to hand out, the deny list.

    template("tuneaws", documents, trusts, tags)       # a dict, for json.dumps()
"""

from __future__ import annotations

from tuneaws.bedrock_jobs import role as bedrock
from tuneaws.policies.grants import split
from tuneaws.roles import POLICY_NAME, ROLE_NAME

ROLES = {"ExecutionRole": (ROLE_NAME, POLICY_NAME, "execution_role", "sagemaker"),
         "BedrockRole": (bedrock.ROLE_NAME, bedrock.POLICY_NAME, "bedrock_role", "bedrock")}
SAYS = {"learner": "What a learner may do", "studio": "What a learner needs in SageMaker Studio beside that",
        "instructor": "What an instructor may do beside what a learner may"}


def template(documents: dict, trusts: dict, tags: dict, name: str = "tuneaws") -> dict:
    """The template as a dict.

    documents   {"learner", "studio", "instructor", "execution_role", "bedrock_role": policy documents}
    trusts      {"sagemaker", "bedrock": trust policies}
    tags        {key: value} for the roles: the clean-up finds them by these. CloudFormation gives managed
                policies no tags (AWS::IAM::ManagedPolicy, 2026-11)
    The deny list is no part of it: a service control policy belongs to AWS Organizations.
    """
    labels = [{"Key": key, "Value": value} for key, value in tags.items()]
    resources = {logical: _role(*row, documents, trusts, labels) for logical, row in ROLES.items()}
    for who in ("learner", "studio", "instructor"):
        for number, part in enumerate(split(documents[who]), 1):
            resources[f"{who.title()}Policy{number}"] = _policy(f"{name}-{who}-{number}", who, part)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Roles and policies of the {name} course",
        "Resources": resources,
        "Outputs": {logical: {"Description": _says(logical), "Value": _value(logical, one)}
                    for logical, one in resources.items()},
    }


def _role(role_name, policy_name, document, service, documents, trusts, labels) -> dict:
    return {"Type": "AWS::IAM::Role", "Properties": {
        "RoleName": role_name, "AssumeRolePolicyDocument": trusts[service], "Tags": labels,
        "Policies": [{"PolicyName": policy_name, "PolicyDocument": documents[document]}]}}


def _policy(name: str, who: str, part: dict) -> dict:
    return {"Type": "AWS::IAM::ManagedPolicy", "Properties": {
        "ManagedPolicyName": name, "Description": SAYS[who], "PolicyDocument": part}}


def _says(logical: str) -> str:
    if logical in ROLES:
        return f"{'sagemaker' if logical == 'ExecutionRole' else 'bedrock'}.role_arn in config.yaml"
    return "attach it to a user, a group or a permission set"


def _value(logical: str, resource: dict) -> dict:
    """A role's ARN; a managed policy's Ref is its ARN."""
    return {"Fn::GetAtt": [logical, "Arn"]} if resource["Type"] == "AWS::IAM::Role" else {"Ref": logical}
