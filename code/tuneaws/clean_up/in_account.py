"""What the course makes outside SageMaker and Bedrock: buckets, secrets, roles, policies, the budget."""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import ClientError

from tuneaws import buckets
from tuneaws.clean_up.on_sagemaker import asked as ask
from tuneaws.clean_up.things import DATA, SETUP, Kind, code_of, is_gone
from tuneaws.roles import DENIED

# --- buckets: data, so they stay unless they are asked for


def bucket_region(s3, name: str) -> str:
    """The region of a bucket; S3 calls the first one None."""
    return s3.get_bucket_location(Bucket=name)["LocationConstraint"] or "us-east-1"


def _buckets(s3):
    for bucket in s3.list_buckets()["Buckets"]:
        yield bucket["Name"], f"arn:aws:s3:::{bucket['Name']}"


def _bucket_tags(s3, arn: str) -> dict:
    try:
        return buckets.bucket_tags(s3, arn.rpartition(":")[2])
    except ClientError as err:
        if is_gone(err) or code_of(err) in DENIED:  # deleted since, or another's: a learner reads their own
            return {}
        raise


def _delete_bucket(s3, thing) -> None:
    """Unfinished uploads, objects with their versions, the bucket. Cut anywhere, the tags are still on it."""
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=thing.name):
        for upload in page.get("Uploads", []):
            s3.abort_multipart_upload(Bucket=thing.name, Key=upload["Key"], UploadId=upload["UploadId"])
    key, value = next(iter(thing.tags.items()))
    buckets.delete_bucket(s3, thing.name, {"Key": key, "Value": value})


def _bucket_there(s3, thing) -> bool:
    return ask(s3.head_bucket, Bucket=thing.name) is not None


BUCKET = Kind("bucket", "s3", "what is stored, by the month", _buckets, _bucket_tags, _delete_bucket,
              _bucket_there, DATA, once=True)

# --- secrets: deleted at once, not after the 7 to 30 days for which AWS keeps one by default; the token
# itself is on huggingface.co, and keep_token() makes one again (API_DeleteSecret, 2026-11: asynchronous,
# so it is looked for again)


def _pairs(tags: list) -> dict:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _secrets(sm):
    for page in sm.get_paginator("list_secrets").paginate():
        yield from ((row["Name"], row["ARN"], _pairs(row.get("Tags", []))) for row in page["SecretList"])


SECRET = Kind(
    "secret", "secretsmanager", "0.40 USD a month (seen 2026-11)", _secrets,
    lambda sm, arn: _pairs(sm.describe_secret(SecretId=arn).get("Tags", [])),
    lambda sm, thing: sm.delete_secret(SecretId=thing.arn, ForceDeleteWithoutRecovery=True),
    lambda sm, thing: ask(sm.describe_secret, SecretId=thing.arn) is not None)

# --- roles and policies


def _roles(iam):
    for page in iam.get_paginator("list_roles").paginate():
        yield from ((row["RoleName"], row["Arn"]) for row in page["Roles"]
                    if not row["Path"].startswith("/aws-service-role/"))  # AWS's own


def _role_tags(iam, arn: str) -> dict:
    pages = iam.get_paginator("list_role_tags").paginate(RoleName=arn.rpartition("/")[2])
    return _pairs([tag for page in pages for tag in page["Tags"]])


def _delete_role(iam, thing) -> None:
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=thing.name):
        for policy in page["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=thing.name, PolicyArn=policy["PolicyArn"])
    for page in iam.get_paginator("list_role_policies").paginate(RoleName=thing.name):
        for name in page["PolicyNames"]:
            iam.delete_role_policy(RoleName=thing.name, PolicyName=name)
    iam.delete_role(RoleName=thing.name)


ROLE = Kind("role", "iam", "", _roles, _role_tags, _delete_role,
            lambda iam, thing: ask(iam.get_role, RoleName=thing.name) is not None, SETUP, once=True)


def _policies(iam):
    for page in iam.get_paginator("list_policies").paginate(Scope="Local"):
        yield from ((row["PolicyName"], row["Arn"]) for row in page["Policies"])


def _policy_tags(iam, arn: str) -> dict:
    pages = iam.get_paginator("list_policy_tags").paginate(PolicyArn=arn)
    return _pairs([tag for page in pages for tag in page["Tags"]])


def _delete_policy(iam, thing) -> None:
    """Its older versions, then it. One that somebody else's role or user has stays: AWS says so."""
    for page in iam.get_paginator("list_policy_versions").paginate(PolicyArn=thing.arn):
        for version in page["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=thing.arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=thing.arn)


POLICY = Kind("policy", "iam", "", _policies, _policy_tags, _delete_policy,
              lambda iam, thing: ask(iam.get_policy, PolicyArn=thing.arn) is not None, SETUP, once=True)

# --- the budget: it only warns, and is free


@dataclass(frozen=True)
class Budgets:
    """The client, which has one address for all regions, and the account that each call names."""

    client: object
    account: str


def _open_budgets(session, region: str) -> Budgets:
    return Budgets(session.client("budgets", "us-east-1"), session.account)


def _budgets(asked: Budgets):
    for page in asked.client.get_paginator("describe_budgets").paginate(AccountId=asked.account):
        for row in page.get("Budgets", []):
            yield row["BudgetName"], f"arn:aws:budgets::{asked.account}:budget/{row['BudgetName']}"


BUDGET = Kind(
    "budget", "budgets", "", _budgets,
    lambda asked, arn: _pairs(asked.client.list_tags_for_resource(ResourceARN=arn).get("ResourceTags", [])),
    lambda asked, thing: asked.client.delete_budget(AccountId=asked.account, BudgetName=thing.name),
    lambda asked, thing: _ask_budget(asked, thing.name) is not None, SETUP, once=True, opens=_open_budgets)


def _ask_budget(asked: Budgets, name: str) -> dict | None:
    return ask(asked.client.describe_budget, AccountId=asked.account, BudgetName=name)
