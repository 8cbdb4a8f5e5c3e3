"""The bucket: reachable, in the right region, private, encrypted, with the course's tags."""

from __future__ import annotations

from botocore.exceptions import ClientError

from tuneaws import buckets
from tuneaws.doctor.check import FREE_WAY, code_of, denied, failed, passed, warned

NO_BUCKET = ("404", "NoSuchBucket")
ALL_BLOCKED = {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"}
MEND = "lesson 00, or python code/create_s3_bucket.py, which sets it right"


def bucket(subject):
    """The learner's bucket in this region, as it is now. Not being there is no fault: a lesson makes it."""
    name, s3 = subject.bucket, subject.client("s3")
    try:
        there = region_of(s3, name)
    except ClientError as err:
        if code_of(err) in NO_BUCKET:
            return passed(f"{name} is not there yet: the first lesson makes it")
        if not denied(err):
            raise
        return failed(f"{name} belongs to another account, or these credentials may not use it",
                      f"another project.name in config.yaml, or s3:ListBucket on it, {FREE_WAY}")
    if there != subject.session.region:
        return failed(f"{name} is in {there}, the session in {subject.session.region}: jobs can't read it",
                      f"region: {there} in config.yaml, or another project.name")
    return _as_it_should_be(subject, s3, name)


def region_of(s3, name: str) -> str:
    """Where a bucket is. botocore follows S3's redirect, so that a bucket elsewhere is no error."""
    found = s3.head_bucket(Bucket=name).get("BucketRegion")
    return found or s3.get_bucket_location(Bucket=name)["LocationConstraint"] or "us-east-1"


def _as_it_should_be(subject, s3, name: str):
    if is_public(s3, name):
        return failed(f"{name} is not kept from the public: it lacks a public access block", MEND)
    if not is_encrypted(s3, name):
        return warned(f"{name} has no encryption of its own", MEND)
    tags = buckets.bucket_tags(s3, name)
    if not subject.cfg.project.tags.items() <= tags.items():
        return warned(f"{name} lacks the course's tags: the clean-up does not find it", MEND)
    return passed(f"{name}: reachable, private, encrypted, tagged")


def is_public(s3, name: str) -> bool:
    """Whether a bucket lacks one of the four blocks: then a policy or an ACL could make it public."""
    try:
        blocked = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    except ClientError as err:
        if code_of(err) != "NoSuchPublicAccessBlockConfiguration":
            raise
        return True
    return not all(blocked.get(one) for one in ALL_BLOCKED)


def is_encrypted(s3, name: str) -> bool:
    """Whether S3 encrypts what is put there. AWS does since 2023 for every bucket, with its own keys
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html, 2026-11)."""
    try:
        return bool(s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"])
    except ClientError as err:
        if code_of(err) != "ServerSideEncryptionConfigurationNotFoundError":
            raise
        return False
