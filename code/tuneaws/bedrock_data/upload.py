"""Put checked files where a customization job finds them."""

from pathlib import Path

from tuneaws.bedrock_data.check import CheckReport, check
from tuneaws.bedrock_data.families import Family


def upload(s3, bucket: str, prefix: str, training, family: Family, validation=None) -> dict:
    """Check the files, upload them, and return {"training": "s3://…", "validation": "s3://…"}.

    s3      boto3 S3 client. The bucket must be in the region of the job
    Raises  BedrockDataError with every problem, and nothing is uploaded
    """
    report: CheckReport = check(training, family, validation)
    report.raise_if_wrong()
    uris = {}
    for name, path in (("training", training), ("validation", validation)):
        if path is not None:
            key = f"{prefix.strip('/')}/{name}/{Path(path).name}".lstrip("/")
            s3.upload_file(str(path), bucket, key)
            uris[name] = f"s3://{bucket}/{key}"
    return uris
