"""What moto holds and other operations have to check: roles, buckets, objects, AWS's managed policies.

The one place, besides passthrough.py, that knows moto's insides (5.2.5).
"""

import base64
import hashlib
import json
import re

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, iam_backends
from moto.s3.models import s3_backends

# AWS's own policies that people attach to a SageMaker or Bedrock role. moto could load all of the 1,400.
MANAGED_POLICIES = (
    "AdministratorAccess",
    "AmazonBedrockFullAccess",
    "AmazonBedrockReadOnly",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonS3FullAccess",
    "AmazonS3ReadOnlyAccess",
    "AmazonSageMakerFullAccess",
    "AmazonSageMakerReadOnly",
    "CloudWatchFullAccess",
    "CloudWatchLogsFullAccess",
    "IAMFullAccess",
    "IAMReadOnlyAccess",
    "PowerUserAccess",
    "ReadOnlyAccess",
)


def load_managed_policies(account: str) -> list[str]:
    """Put MANAGED_POLICIES into the account's IAM, so that they can be attached; returns their ARNs."""
    backend = iam_backends[account]["aws"]
    decoder = json.JSONDecoder()
    for name in MANAGED_POLICIES:
        found = re.search(rf'^ "{name}":', aws_managed_policies_data, re.MULTILINE)
        if found:
            data, _ = decoder.raw_decode(aws_managed_policies_data, found.end())
            policy = AWSManagedPolicy.from_data(name, account, "aws", data)
            digest = base64.b32encode(hashlib.sha256(policy.arn.encode()).digest()).decode()
            policy.id = f"ANPA{digest[:17]}"  # the same at each start; moto draws one
            backend.managed_policies[policy.arn] = policy
            backend.aws_managed_policies.append(policy)
    return sorted(backend.managed_policies)


def role(account: str, arn: str):
    """moto's role with this ARN, None when there is none."""
    return next((role for role in list(iam_backends[account]["aws"].roles.values()) if role.arn == arn), None)


def user(account: str, arn: str):
    """moto's IAM user with this ARN, None when there is none."""
    return next((user for user in list(iam_backends[account]["aws"].users.values()) if user.arn == arn), None)


def groups_of(account: str, user_name: str) -> list:
    """moto's groups that an IAM user is in."""
    groups = list(iam_backends[account]["aws"].groups.values())
    return [group for group in groups if any(member.name == user_name for member in group.users)]


def managed_policy(account: str, arn: str):
    """moto's managed policy with this ARN, the account's own or AWS's, None when there is none."""
    return iam_backends[account]["aws"].managed_policies.get(arn)


def document_of(policy) -> str:
    """The JSON of a managed policy's default version."""
    return next(v.document for v in policy.versions if v.version_id == policy.default_version_id)


def bucket_region(account: str, name: str) -> str | None:
    """The region of a bucket, None when the account has no such bucket."""
    bucket = s3_backends[account]["aws"].buckets.get(name)
    return bucket.region_name if bucket else None


def has_objects(account: str, bucket: str, prefix: str) -> bool:
    """Whether a bucket that exists holds a key that starts with prefix."""
    return any(key.startswith(prefix) for key in list(s3_backends[account]["aws"].buckets[bucket].keys))


def has_object(account: str, bucket: str, key: str) -> bool:
    """Whether a bucket that exists holds this very key."""
    return s3_backends[account]["aws"].get_object(bucket, key) is not None
