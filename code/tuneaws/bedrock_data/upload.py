"""Put checked files where a customization job finds them."""

from tuneaws import buckets
from tuneaws.bedrock_data.check import check
from tuneaws.bedrock_data.families import Family


def upload(s3, bucket: str, prefix: str, training, family: Family, validation=None) -> dict:
    """Check the files, upload them, and return {"training": "s3://…", "validation": "s3://…"}.

    s3      boto3 S3 client. The bucket must be in the region of the job
    Raises  BedrockDataError with every problem, and nothing is uploaded
    """
    check(training, family, validation).raise_if_wrong()
    uris = {}
    for name, path in (("training", training), ("validation", validation)):
        if path is not None:
            uris[name] = buckets.upload_file(s3, path, bucket, f"{prefix.strip('/')}/{name}")
    return uris
