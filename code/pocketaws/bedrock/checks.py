"""What AWS checks of Bedrock's requests beyond botocore's model, with AWS's code and, where known, words.

Wordings, read 2026-11: data that cannot be read or written, "Troubleshooting model customization issues"
(Bedrock user guide, fine-tuning-troubleshooting) and repost.aws/knowledge-center/bedrock-fine-tuning-errors;
a role that cannot be assumed, aws-samples/amazon-bedrock-workshop issue 367. Where no report was found, the
message says plainly what is wrong.
"""

from pocketaws import resources
from pocketaws.bedrock.tables import arn_of
from pocketaws.errors import AwsError, not_here, validation_error
from pocketaws.iam.policies import trusts
from pocketaws.s3_files import split_uri

BEDROCK = "bedrock.amazonaws.com"
MAX_TAGS = 50  # a resource, TooManyTagsException of API_TagResource (2026-11)
ROLE = "Could not assume provided IAM role."
READ = "Could not validate GetObject permissions to access Amazon S3 bucket: {bucket} at key {key}"
WRITE = "Could not validate PutObject permissions to access S3 bucket: {bucket} at key {key}"
PROBE = ".write_access_check_file.tmp"  # what Bedrock writes to see whether it may
DIRECTORY = (
    "Invalid {what} input data configuration. Check the input data S3 Uris(Uri should be a file, not a "
    "directory) and retry request"
)


def refuse(operation: str, request: dict, names: tuple[str, ...]) -> None:
    """Raise NotImplemented, by name, for members that are given and cannot be honoured here."""
    found = [name for name in names if request.get(name)]
    if found:
        raise not_here("bedrock", f"{operation} with {', '.join(found)}")


def check_role(context, arn: str, kind: str) -> None:
    """Raise when Bedrock could not assume a role for a job: no such role, or one that does not trust it.

    kind   of the job in its ARN, "model-customization-job": conditions on aws:SourceArn are held against it,
           and those on aws:SourceAccount against the account (model-customization-iam-role, 2026-11)
    """
    owner = arn.split(":")[4]
    if owner and owner != context.account:
        raise AwsError("AccessDeniedException", "Cross-account pass role is not allowed.", 403)
    role = resources.role(context.account, arn)
    if role is None:
        raise validation_error(f"{ROLE} The role {arn} does not exist.")
    source = arn_of(kind, "*", context.region, context.account)
    keys = {"aws:sourceaccount": [context.account], "aws:sourcearn": [source]}
    if not trusts(role.assume_role_policy_document, BEDROCK, keys):
        raise validation_error(
            f"{ROLE} The trust policy of {arn} does not let {BEDROCK} assume it with aws:SourceAccount "
            f"{context.account} and aws:SourceArn {source}."
        )


def check_file(context, uri: str, what: str) -> None:
    """Raise unless an S3 URI is one object in a bucket of this region. what: "training" or "validation"."""
    bucket, key = split_uri(uri)
    if not key or key.endswith("/"):
        raise validation_error(DIRECTORY.format(what=what))
    region = resources.bucket_region(context.account, bucket)
    if region is None:
        raise validation_error(f"{READ.format(bucket=bucket, key=key)}: the bucket does not exist.")
    if region != context.region:
        raise validation_error(
            f"{READ.format(bucket=bucket, key=key)}: the bucket is in {region}, the job in {context.region}."
        )
    if resources.has_object(context.account, bucket, key):
        return
    if resources.has_objects(context.account, bucket, f"{key}/"):
        raise validation_error(DIRECTORY.format(what=what))
    raise validation_error(f"{READ.format(bucket=bucket, key=key)}: there is no such object.")


def check_output(context, uri: str) -> None:
    """Raise unless an S3 URI is in a bucket of this region."""
    bucket, prefix = split_uri(uri)
    region = resources.bucket_region(context.account, bucket)
    if region != context.region:
        key = f"{prefix.rstrip('/')}/{PROBE}".lstrip("/")
        where = "does not exist" if region is None else f"is in {region}, the job in {context.region}"
        raise validation_error(f"{WRITE.format(bucket=bucket, key=key)}: the bucket {where}.")


def check_prefix(context, uri: str) -> None:
    """Raise unless there are objects under an S3 URI, in a bucket of this region."""
    bucket, prefix = split_uri(uri)
    region = resources.bucket_region(context.account, bucket)
    why = "the bucket does not exist" if region is None else f"the bucket is in {region}"
    if region == context.region:
        if resources.has_objects(context.account, bucket, prefix):
            return
        why = "there are no objects"
    raise validation_error(f"{READ.format(bucket=bucket, key=prefix)}: {why}.")


def check_tags(tags: dict) -> None:
    """Raise for tags that no resource can have: more than 50, or keys that only AWS may set."""
    if len(tags) > MAX_TAGS:
        raise AwsError(
            "TooManyTagsException",
            f"The request contains more tags than can be associated with a resource ({MAX_TAGS} tags per "
            "resource). The maximum number of tags includes both existing tags and those included in your "
            "current request.",
        )
    for key in tags:
        if key.lower().startswith("aws:"):
            raise validation_error(
                f"Tag key {key!r}: aws: prefixed tag key names are not allowed for external use."
            )


def check_tag_list(tags: list[dict] | None) -> None:
    """check_tags for [{"key", "value"}], where a key may stand once."""
    keys = [tag["key"] for tag in tags or []]
    if len(set(keys)) < len(keys):
        raise validation_error("Duplicate tag keys: each key can be given once.")
    check_tags(dict.fromkeys(keys, ""))
