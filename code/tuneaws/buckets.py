"""A bucket of your own: private, encrypted, tagged, with a name that nobody else has.

    bucket = ensure_bucket(s3, bucket_name("tuneaws", account, region), region, tags)
"""

import hashlib
import re
from pathlib import Path

from botocore.exceptions import ClientError

FREE_WAY = 'or set WHERE = "local" and go on for free.'
MADE_BY = ("learner", "lesson")  # tags that tell who made a thing: written once
MAX_NAME = 63  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, 2026-11


class BucketError(RuntimeError):
    """The bucket can't be used; the message says why and what to do."""


def bucket_name(project: str, account: str, region: str, owner: str = "") -> str:
    """The name of a learner's bucket in this region: the same each time, and nobody else's.

    Bucket names are shared by all accounts of AWS. The six characters at the end come from all arguments: two
    learners in one account differ by `owner`, the Arn of sts:GetCallerIdentity.
    """
    mark = hashlib.sha256(f"{project}/{account}/{region}/{owner}".encode()).hexdigest()[:6]
    start = project if project.startswith("tuneaws") else f"tuneaws-{project}"
    name = f"{start}-{account}-{region}"[:MAX_NAME - 7].rstrip("-") + f"-{mark}"
    check_name(name)
    return name


def check_name(name: str) -> None:
    """Raise BucketError unless S3 takes the name."""
    wrong = None
    if not 3 <= len(name) <= MAX_NAME:
        wrong = f"has {len(name)} characters, S3 takes 3 to {MAX_NAME}"
    elif not re.fullmatch(r"[a-z0-9][a-z0-9.-]*[a-z0-9]", name):
        wrong = "must be lower-case letters, digits, dots and hyphens, with a letter or digit at both ends"
    elif ".." in name or re.fullmatch(r"\d+\.\d+\.\d+\.\d+", name):
        wrong = "must not hold two dots in a row or look like an IP address"
    elif name.startswith(("xn--", "sthree-", "amzn-s3-demo-")) or name.endswith(("-s3alias", "--ol-s3")):
        wrong = "starts or ends with letters that S3 keeps for itself"
    if wrong:
        raise BucketError(f"{name!r} is no name for a bucket: it {wrong}.\nFix: another name")


def create_request(name: str, region: str) -> dict:
    """The CreateBucket request. us-east-1 must not be named, every other region must be.

    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html, 2026-11)
    """
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    return {"Bucket": name, **where}


def ensure_bucket(s3, name: str, region: str, tags: list = ()) -> str:
    """Create the bucket if it is not there; private, encrypted and tagged in any case. Return its name.

    s3      boto3 S3 client
    tags    [{"Key": ..., "Value": ...}]; they replace nothing else that the bucket carries, and who made it
            stays who made it
    Cost    an empty bucket is free; what is put in it is billed by the month
    Raises  BucketError if the name belongs to somebody else or the bucket is in another region
    """
    check_name(name)
    if not _is_mine(s3, name, region):
        try:
            s3.create_bucket(**create_request(name, region))
        except ClientError as err:
            code = err.response["Error"]["Code"]
            if code == "BucketAlreadyExists":
                raise _foreign(name) from err
            if code != "BucketAlreadyOwnedByYou":  # another notebook was faster
                raise
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(
        ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], True))
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]})
    there = bucket_tags(s3, name)
    first = {key: there[key] for key in MADE_BY if key in there}
    merged = {**there, **{tag["Key"]: tag["Value"] for tag in tags}, **first}
    if merged:
        tag_set = [{"Key": key, "Value": value} for key, value in merged.items()]
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_set})
    return name


def _is_mine(s3, name: str, region: str) -> bool:
    try:
        found = s3.head_bucket(Bucket=name)
    except ClientError as err:
        status = err.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:
            return False
        if status == 403:
            raise _foreign(name) from err
        if status in (301, 400):
            raise BucketError(f"the bucket {name!r} is in another region than {region}.\n"
                              "Fix: use that region in config.yaml, or another project.name") from err
        raise
    there = found.get("BucketRegion") or s3.get_bucket_location(Bucket=name)["LocationConstraint"]
    there = there or "us-east-1"
    if there != region:
        raise BucketError(f"the bucket {name!r} is in {there}, you work in {region}.\n"
                          "Fix: use that region in config.yaml, or another project.name")
    return True


def _foreign(name: str) -> BucketError:
    fix = "another project.name in config.yaml, or ask for s3:ListBucket on it"
    return BucketError(f"the bucket {name!r} belongs to another account, or you may not use it.\n"
                       f"Fix: {fix},\n{FREE_WAY}")


def bucket_tags(s3, name: str) -> dict:
    """The bucket's tags as {name: value}."""
    try:
        tags = s3.get_bucket_tagging(Bucket=name)["TagSet"]
    except ClientError as err:
        if err.response["Error"]["Code"] == "NoSuchTagSet":
            return {}
        raise
    return {tag["Key"]: tag["Value"] for tag in tags}


def upload_file(s3, path, bucket: str, prefix: str) -> str:
    """Upload one file under its own name and return its URI, "s3://bucket/prefix/name"."""
    path = Path(path)
    key = f"{prefix.strip('/')}/{path.name}".lstrip("/")
    s3.upload_file(str(path), bucket, key)
    return f"s3://{bucket}/{key}"


def split_uri(uri: str) -> tuple:
    """Return (bucket, key) of "s3://bucket/key"."""
    match = re.fullmatch(r"s3://([^/]+)/?(.*)", uri)
    if not match:
        raise BucketError(f"{uri!r} is no S3 address. Fix: s3://bucket/key")
    return match[1], match[2]


def list_objects(s3, bucket: str, prefix: str = "") -> list:
    """All objects under a prefix: [{"key", "bytes", "modified"}, ...]."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [{"key": entry["Key"], "bytes": entry["Size"], "modified": entry["LastModified"]}
            for page in pages for entry in page.get("Contents", [])]


def download(s3, uri: str, to) -> list:
    """Download one object, or all below a prefix that ends in "/", into the folder `to`; return the paths.

    Raises  BucketError if there is nothing, or a key would be written outside `to`
    """
    bucket, prefix = split_uri(uri)
    to = Path(to).resolve()
    root = prefix if prefix.endswith("/") or not prefix else prefix.rpartition("/")[0] + "/"
    keys = [entry["key"] for entry in list_objects(s3, bucket, prefix)]
    keys = [key for key in keys if not key.endswith("/") and (key == prefix or root == prefix)]
    if not keys:
        raise BucketError(f"there is nothing at {uri}. Fix: a folder's address ends in /")
    paths = []
    for key in keys:
        path = (to / key.removeprefix(root if root != "/" else "")).resolve()
        if not path.is_relative_to(to):
            raise BucketError(f"the key {key!r} leads out of {to}")
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, key, str(path))
        paths.append(path)
    return paths


def delete_bucket(s3, name: str, tag: dict) -> int:
    """Empty and delete a bucket, versions too, but only if it carries `tag`; return how many objects went.

    tag     {"Key": "course", "Value": "tuneaws"}
    Raises  BucketError without the tag: it is not the course's bucket
    """
    if bucket_tags(s3, name).get(tag["Key"]) != tag["Value"]:
        raise BucketError(f"the bucket {name!r} does not carry the tag {tag['Key']}={tag['Value']}: it is "
                          "not the course's, and is not deleted.\nFix: delete it yourself if you are sure")
    gone = 0
    while True:
        page = s3.list_object_versions(Bucket=name)  # at most 1,000, as delete_objects takes
        entries = [{"Key": entry["Key"], "VersionId": entry["VersionId"]}
                   for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]]
        if not entries:
            break
        answer = s3.delete_objects(Bucket=name, Delete={"Objects": entries, "Quiet": True})
        if answer.get("Errors"):
            first = answer["Errors"][0]
            raise BucketError(f"{first['Key']!r} in {name} can't be deleted: {first['Message']}")
        gone += len(entries)
    s3.delete_bucket(Bucket=name)
    return gone
