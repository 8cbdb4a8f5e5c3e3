"""The role that a customization job reads and writes S3 as: trusted by Bedrock for your jobs only.

Trust and permissions: https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-iam-role.html
and, for imports, model-import-iam-role.html beside it, 2026-11.
"""

import json

from tuneaws.roles import ensure_policy, or_denied

SERVICE = "bedrock.amazonaws.com"
ROLE_NAME = "tuneaws-bedrock"
POLICY_NAME = "customization-data"


def trust_policy(account: str, region: str, imports: bool = False) -> dict:
    """Who may take on the role: Bedrock, for customization jobs of this account and region, nobody else.

    imports  for CreateModelImportJob too
    Without the conditions, another account's job could be made to use it (the confused deputy).
    """
    kinds = ("model-customization-job", "model-import-job") if imports else ("model-customization-job",)
    return {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnEquals": {"aws:SourceArn": f"arn:aws:bedrock:{region}:{account}:{kind}/*"}}}
        for kind in kinds]}


def data_policy(bucket: str, account: str) -> dict:
    """What the role may do: read the data and write the results in this bucket of this account."""
    owned = {"StringEquals": {"aws:ResourceAccount": account}}
    arn = f"arn:aws:s3:::{bucket}"
    return {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": [arn, f"{arn}/*"],
         "Condition": owned},
        {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": [f"{arn}/*"], "Condition": owned}]}


def ensure_role(iam, account: str, region: str, bucket: str, name: str = ROLE_NAME, tags: dict | None = None,
                imports: bool = False) -> str:
    """Create the role if it is not there, set its trust and its permissions, and return its ARN. Free.

    Whoever may only look uses the role that the set-up has made.
    imports  let CreateModelImportJob use it too
    On AWS a new role may take some seconds until Bedrock can assume it: start() tries again.
    """
    trust = trust_policy(account, region, imports)
    document = json.dumps(trust)
    try:
        role = iam.get_role(RoleName=name)["Role"]
        if role["AssumeRolePolicyDocument"] != trust:
            or_denied(iam.update_assume_role_policy, RoleName=name, PolicyDocument=document)
    except iam.exceptions.NoSuchEntityException:
        labels = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
        try:
            role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, Tags=labels,
                                   Description="Bedrock customization jobs of the tuneaws course")["Role"]
        except iam.exceptions.EntityAlreadyExistsException:  # another notebook was faster
            role = iam.get_role(RoleName=name)["Role"]
    ensure_policy(iam, name, POLICY_NAME, data_policy(bucket, account))
    return role["Arn"]
