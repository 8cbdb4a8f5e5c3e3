"""Bring a model that was trained on SageMaker to Bedrock: merged weights, from its archive, by an import job.

    uri = stage(s3, job, f"s3://{bucket}/import/tuned/")          # a training job with merge_weights: true
    job_arn = import_model(bedrock, "tuneaws-imported", role_arn, uri, tags)
    arn = wait(bedrock, job_arn)["importedModelArn"]              # answers under this ARN

Bedrock takes Llama, Mistral, Qwen, T5 and some more as whole models in 16 or 32 bits, no adapters, and no
Nova (https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-import-model.html, 2026-11).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tuneaws import artifacts, buckets
from tuneaws.bedrock_models import requests
from tuneaws.bedrock_models.deploying import send
from tuneaws.bedrock_models.errors import BedrockModelError

NEEDED = ("config.json", "tokenizer_config.json")
TOKENIZERS = ("tokenizer.json", "tokenizer.model")
WEIGHTS = ".safetensors"


def import_model(bedrock, name: str, role_arn: str, uri: str, tags: dict | None = None) -> str:
    """Start the import of the model under an S3 prefix; return the job's ARN, which wait() takes.

    role_arn  bedrock_jobs.ensure_role(..., imports=True)
    The import is free; the model that it makes bills for storage until it is deleted, and while it is asked.
    Raises    BedrockModelError
    """
    asked = requests.import_request(name, role_arn, uri, tags)
    return send(bedrock, "create_model_import_job", asked, name)["jobArn"]


def stage(s3, job: dict, to: str) -> str:
    """Unpack a training job's merged model and upload its files right under `to`; return that URI.

    job     what DescribeTrainingJob says of a job that ran with merge_weights: true
    to      such as "s3://bucket/import/tuned/"
    Raises  BedrockModelError if the archive has no merged model; artifacts.ArtifactError
    """
    with tempfile.TemporaryDirectory() as folder:
        model = artifacts.download_model(s3, job, Path(folder) / "archive")
        return upload(s3, _merged(model, job["TrainingJobName"]), to)


def upload(s3, folder, to: str) -> str:
    """Upload a folder of merged weights, config and tokenizer right under `to`; return that URI.

    Raises  BedrockModelError if it is no model that Bedrock could import
    """
    files = sorted(path for path in Path(folder).iterdir() if path.is_file())
    missing = missing_files([path.name for path in files])
    if missing:
        raise BedrockModelError(f"{folder} lacks {', '.join(missing)}.\nFix: a merged model as transformers "
                                "saves it: the job's merge_weights: true writes one to merged/")
    bucket, prefix = buckets.split_uri(to)
    for path in files:
        buckets.upload_file(s3, path, bucket, prefix.rstrip("/"))
    return f"s3://{bucket}/{prefix.rstrip('/')}/"


def missing_files(names: list) -> list:
    """What Bedrock needs of a model and does not find among these files."""
    missing = [name for name in NEEDED if name not in names]
    missing += [] if any(name in names for name in TOKENIZERS) else [" or ".join(TOKENIZERS)]
    whole = [name for name in names if name.endswith(WEIGHTS) and not name.startswith("adapter")]
    return missing + ([] if whole else [f"a {WEIGHTS} file of the whole model"])


def _merged(folder: Path, job_name: str) -> Path:
    for place in (folder / "merged", folder):
        if (place / "config.json").is_file():
            return place
    raise BedrockModelError(f"{job_name} has left an adapter, and Bedrock imports whole models.\n"
                            "Fix: train it with merge_weights: true (config.yaml, training)")
