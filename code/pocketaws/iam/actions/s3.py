"""S3: many operations go by another action's name, and some ask for two.

From "Actions, resources, and condition keys for Amazon S3", Service Authorization Reference, and "Required
permissions for Amazon S3 API operations" of the S3 user guide
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html, 2026-11).
"""

from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree

from pocketaws.iam.actions.ask import Ask, Place, tag_keys

# operation → action, where it is not s3:<operation>
OTHER = {
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketInventoryConfiguration": "GetInventoryConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBucketInventoryConfigurations": "GetInventoryConfiguration",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PostObject": "PutObject",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "PutBucketCors": "PutBucketCORS",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketInventoryConfiguration": "PutInventoryConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutBucketReplication": "PutReplicationConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "SelectObjectContent": "GetObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
VERSIONED = {  # with a versionId the action is another one
    "GetObject": "GetObjectVersion",
    "DeleteObject": "DeleteObjectVersion",
    "GetObjectAcl": "GetObjectVersionAcl",
    "PutObjectAcl": "PutObjectVersionAcl",
    "GetObjectTagging": "GetObjectVersionTagging",
    "PutObjectTagging": "PutObjectVersionTagging",
    "DeleteObjectTagging": "DeleteObjectVersionTagging",
    "GetObjectAttributes": "GetObjectVersionAttributes",
}
LISTS = ("ListBucket", "ListBucketVersions")
WRITES = ("PutObject", "CreateMultipartUpload", "CopyObject")  # may carry tags and an ACL of their own


def asks(operation: str, request: dict, place: Place) -> list[Ask]:
    """The asks of an S3 operation.

    request   labels Bucket and Key, "query" {name: value}, "headers" {name in lower case: value}, and for
              DeleteObjects "objects" [(key, version or None)]
    """
    action = OTHER.get(operation, operation)
    query, headers = request.get("query", {}), request.get("headers", {})
    bucket, key = request.get("Bucket"), request.get("Key")
    arn = f"arn:aws:s3:::{bucket}" if bucket else "*"
    if operation == "DeleteObjects":
        return [_deleted(arn, *each) for each in request.get("objects", [])] or [Ask("s3:DeleteObject", arn)]
    if key is not None or operation == "PostObject":
        arn = f"{arn}/{key or '*'}"
    if query.get("versionId") and query["versionId"] != "null":
        action = VERSIONED.get(action, action)
    found = [Ask(f"s3:{action}", arn, _keys(action, query, headers))]
    if operation == "GetObjectAttributes":
        found.append(Ask("s3:GetObjectVersion" if "versionId" in query else "s3:GetObject", arn))
    if operation in ("CopyObject", "UploadPartCopy"):
        found.append(_source(headers.get("x-amz-copy-source", "")))
    if operation in WRITES:
        found += [Ask(f"s3:{more}", arn, keys) for more, keys in _beside(headers)]
    return found


def _deleted(bucket_arn: str, key: str, version: str | None) -> Ask:
    return Ask("s3:DeleteObjectVersion" if version else "s3:DeleteObject", f"{bucket_arn}/{key}")


def _source(header: str) -> Ask:
    """What is copied: "/bucket/key?versionId=x", percent-encoded."""
    path, _, query = header.partition("?")
    action = "s3:GetObjectVersion" if "versionId=" in query else "s3:GetObject"
    return Ask(action, f"arn:aws:s3:::{unquote(path).removeprefix('/')}")


def _beside(headers: dict) -> list[tuple[str, dict]]:
    """Actions that a put needs beside PutObject: for the tags and the ACL that it sets."""
    found = []
    if headers.get("x-amz-tagging"):
        found.append(("PutObjectTagging", tag_keys(dict(parse_qsl(headers["x-amz-tagging"])))))
    if any(name == "x-amz-acl" or name.startswith("x-amz-grant-") for name in headers):
        found.append(("PutObjectAcl", {}))
    return found


def _keys(action: str, query: dict, headers: dict) -> dict:
    keys = {}
    if action in LISTS:
        names = {"s3:prefix": "prefix", "s3:delimiter": "delimiter", "s3:max-keys": "max-keys"}
        keys = {key: [query[name]] for key, name in names.items() if name in query}
    for name in ("x-amz-acl", "x-amz-server-side-encryption", "x-amz-storage-class"):
        if name in headers:
            keys[f"s3:{name}"] = [headers[name]]
    return keys


def objects_of(body: bytes) -> list[tuple[str, str | None]]:
    """(key, version) of a DeleteObjects body; [] for one that is no XML."""
    try:
        every = ElementTree.fromstring(body).iter()
    except ElementTree.ParseError:
        return []
    found = []
    for entry in every:
        if _local(entry) == "Object":
            given = {_local(member): member.text or "" for member in entry}
            found.append((given.get("Key", ""), given.get("VersionId")))
    return found


def _local(element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]
