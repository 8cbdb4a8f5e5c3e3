"""Data for tuning a model on Amazon Bedrock: convert, split, check, upload.

    from tuneaws import bedrock_data

    nova = bedrock_data.family("amazon.nova-micro-v1:0")
    print(bedrock_data.convert("rows.csv", "build/all.jsonl", nova))
    parts = bedrock_data.split("build/all.jsonl", "build/nova", nova, validation_records=200)
    print(parts)
    print(bedrock_data.check(parts.training, nova, parts.validation))       # ok, or file, line, rule and fix
    uris = bedrock_data.upload(s3, bucket, "data/mine/nova", parts.training, nova, parts.validation)

    families  what each family wants        rules    the rules for one record
    convert   rows to records               check    both files, by every rule
    split     within the record limit       upload   to S3, after a check
    frozen    all of it for the course's frozen rows

boto3 and the standard library; no PyTorch, no SageMaker SDK.
"""

from tuneaws.bedrock_data.check import CheckReport, Problem, check, check_hyperparameters, problems
from tuneaws.bedrock_data.convert import ConvertReport, convert, to_example, to_record
from tuneaws.bedrock_data.families import FAMILIES, BedrockDataError, Family, family
from tuneaws.bedrock_data.frozen import Prepared, from_files, from_frozen_rows
from tuneaws.bedrock_data.rules import RULES
from tuneaws.bedrock_data.split import SplitReport, split
from tuneaws.bedrock_data.upload import upload

__all__ = ["FAMILIES", "RULES", "BedrockDataError", "CheckReport", "ConvertReport", "Family", "Prepared",
           "Problem", "SplitReport", "check", "check_hyperparameters", "convert", "family", "from_files",
           "from_frozen_rows", "problems", "split", "to_example", "to_record", "upload"]
