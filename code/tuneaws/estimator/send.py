"""The two calls that change something in AWS: the source's upload and CreateTrainingJob."""

from __future__ import annotations

import tempfile
from pathlib import Path

from botocore.exceptions import ClientError

from tuneaws import fixes
from tuneaws.estimator.source import Packed, pack


class QuotaError(RuntimeError):
    """The account may not have the instances that a job asks for."""


def upload_source(
    s3, entries: dict[str, Path], uri: str, kms_key: str | None = None, owner: str | None = None
) -> Packed:
    """Pack entries (see source.roots) and upload the archive to uri; return how much it was.

    s3       boto3 S3 client
    kms_key  key to encrypt it with; None is the account's own for S3, as SDK 2 does
    owner    account that must own the bucket, for a bucket whose name anybody could have guessed and taken
    Raises   ValueError for what cannot be packed; botocore's errors pass through.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    extra = {"ServerSideEncryption": "aws:kms"}
    if kms_key:
        extra["SSEKMSKeyId"] = kms_key
    if owner:
        extra["ExpectedBucketOwner"] = owner
    with tempfile.TemporaryFile() as archive:
        packed = pack(entries, archive)
        archive.seek(0)
        s3.upload_fileobj(archive, bucket, key, ExtraArgs=extra)
    return packed


def create_training_job(sm, request: dict) -> str:
    """Start the job; return its ARN. On AWS it is billed from the moment its instances are up.

    Raises  QuotaError if the account's quota has no room for it; botocore's other errors pass through.
    """
    try:
        return sm.create_training_job(**request)["TrainingJobArn"]
    except ClientError as err:
        if err.response["Error"]["Code"] != "ResourceLimitExceeded":
            raise
        raise quota_error(err, request["ResourceConfig"].get("InstanceType"), "training job usage") from err


def quota_error(err: ClientError, instance_type: str | None, use: str) -> QuotaError:
    """The error for a ResourceLimitExceeded: what AWS said, how to get more, and the free way on."""
    ask = f'ask for more in Service Quotas ("{instance_type or "the instances"} for {use}")'
    fix = fixes.advice(fixes.find(err, "sagemaker"), ask)
    return QuotaError(f"{err.response['Error']['Message']}\nFix: {fix},\n{fixes.FREE_WAY}")
