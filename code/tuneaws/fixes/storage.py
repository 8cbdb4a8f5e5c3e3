"""S3: buckets, keys, regions, and what people write in their place."""

from tuneaws.fixes.entry import Entry

ERRORS = "https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, 2026-11"
NAMES = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, 2026-11"

ROWS = (
    Entry(
        "uri-as-bucket", "call", r"Invalid bucket name \"(?P<name>s3:/[^\"]*)\"",
        'give the name alone: Bucket="my-bucket", Key="a/b.txt"; buckets.split_uri({name!r}) takes one apart',
        NAMES, code="ParamValidationError", service="s3",
    ),
    Entry(
        "bucket-name", "call", r"Invalid bucket name|The specified bucket is not valid",
        "take 3 to 63 lower-case letters, digits and hyphens; session.bucket_name(project) makes a good one",
        NAMES, code="ParamValidationError|InvalidBucketName", service="s3",
    ),
    Entry(
        "no-such-bucket", "call", r"The specified bucket does not exist",
        "make it, launch.ensure_bucket does, or take a name that s3.list_buckets() shows",
        ERRORS, code="NoSuchBucket",
    ),
    Entry(
        "bucket-taken", "call", r".*",
        "take another name: all accounts of AWS share them; session.bucket_name(project) is nobody else's",
        ERRORS, code="BucketAlreadyExists",
    ),
    Entry(
        "bucket-is-yours", "call", r".*",
        "go on and use it, it is yours already; buckets.ensure_bucket makes a bucket only when there is none",
        ERRORS, code="BucketAlreadyOwnedByYou",
    ),
    Entry(
        "bucket-region-to-make", "call", r"location constraint",
        "name the client's region: CreateBucketConfiguration={{'LocationConstraint': region}}, and none in "
        "us-east-1; buckets.create_request writes it",
        "https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html, 2026-11",
        code="IllegalLocationConstraintException|InvalidLocationConstraint",
    ),
    Entry(
        "bucket-not-empty", "call", r".*",
        "empty it first, versions too: buckets.delete_bucket does both for a bucket with the course's tag",
        ERRORS, code="BucketNotEmpty",
    ),
    Entry(
        "no-such-key", "call", r".*",
        "look what is there, buckets.list_objects(s3, bucket, prefix): a key is the whole path, and upper "
        "and lower case differ",
        ERRORS, code="NoSuchKey",
    ),
    Entry(
        "head-404", "call", r"Not Found",
        "look what is there, buckets.list_objects(s3, bucket, prefix): the bucket or the key of this request "
        "is not",
        ERRORS, code="404", service="s3",
    ),
    Entry(
        "head-403", "call", r"Forbidden",
        "check the bucket's name, it may be somebody else's, and have s3:ListBucket and s3:GetObject allowed",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html, 2026-11",
        code="403", service="s3",
    ),
)  # fmt: skip
