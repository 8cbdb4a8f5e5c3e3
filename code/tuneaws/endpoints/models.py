"""What an endpoint serves: the base model, a training job's, or a version of the registry, as a container.

    base(s3, bucket, region, endpoint, "Qwen/Qwen2.5-0.5B-Instruct")
    of_job(s3, bucket, region, endpoint, job)            # job: what DescribeTrainingJob said
    of_package("arn:aws:sagemaker:…:model-package/tuneaws/3")

Each returns a ContainerDefinition of CreateModel. With the Hugging Face image it also uploads an archive: the
model's files with the course's inference code in code/. The archive's name is made of what is in it, so it is
packed and uploaded once.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from botocore.exceptions import ClientError

from tuneaws import buckets, training_jobs
from tuneaws.endpoints import llm_images
from tuneaws.endpoints.requests import mark
from tuneaws.endpoints.use import EndpointError
from tuneaws.estimator import hosting_request, repack

CODE_DIR = Path(__file__).resolve().parents[2] / "container" / "inference"
PROGRAM = "inference.py"


def base(s3, bucket: str, region: str, endpoint, hub_id: str) -> dict:
    """The model as it comes from the hub, to compare a tuned one with.

    endpoint  the configuration's section: .serve, .instance_type and the versions of the image are read
    With the Hugging Face image the archive holds only code/, and HF_MODEL_ID says which model to load.
    """
    if endpoint.serve != "huggingface":
        return llm_images.container(endpoint.serve, region, hub_id=hub_id)
    uri = archive(s3, bucket, None)
    return _huggingface(region, endpoint, uri, hub_id)


def of_job(s3, bucket: str, region: str, endpoint, job: dict) -> dict:
    """The model that a training job has left.

    job     what DescribeTrainingJob or training_jobs.newest() returned
    Raises  EndpointError if it has none, or vllm or lmi can't serve it
    """
    name, uri = job["TrainingJobName"], job.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    if not uri or job["TrainingJobStatus"] not in ("Completed", "Stopped"):
        raise EndpointError(f"{name} has no model to deploy: it is {job['TrainingJobStatus']}.\n"
                            "Fix: another job; training_jobs.find(sm, tags, \"Completed\") lists yours")
    if endpoint.serve == "huggingface":
        return _huggingface(region, endpoint, archive(s3, bucket, uri))
    if not training_jobs.has_whole_model(job):
        raise EndpointError(f"{name} saved only the adapter, and {endpoint.serve} serves whole models.\n"
                            "Fix: train with training.merge_weights: true, or endpoint.serve: huggingface")
    return llm_images.container(endpoint.serve, region, model_data=uri)


def of_package(arn: str) -> dict:
    """A version of the model registry: it brings its image, its model and its environment along."""
    return {"ModelPackageName": arn}


def archive(s3, bucket: str, model_data: str | None, code_dir=CODE_DIR) -> str:
    """Put a model and the inference code into one model.tar.gz in S3, unless it is there; return its URI.

    model_data  s3://…/model.tar.gz; None: only the code
    Prints what it packed. Takes disk space of the archive's size, in the system's temporary folder.
    """
    label = mark(_etag(s3, model_data), code_mark(code_dir))
    uri = f"s3://{bucket}/endpoints/{label}/model.tar.gz"
    if _etag(s3, uri, missing_ok=True) is None:
        packed = repack.upload_repacked(s3, model_data, uri, str(Path(code_dir) / PROGRAM), str(code_dir))
        print(f"packed {packed} -> {uri}")
    return uri


def code_mark(code_dir=CODE_DIR) -> str:
    """A text that changes when a file of the inference code does."""
    digest = hashlib.sha256()
    for path in sorted(Path(code_dir).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(code_dir)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _huggingface(region: str, endpoint, uri: str, hub_id: str | None = None) -> dict:
    image = llm_images.huggingface_uri(region, endpoint.instance_type, endpoint.transformers_version,
                                       endpoint.pytorch_version, endpoint.py_version)
    environment = llm_images.huggingface_environment(region, hub_id)
    return hosting_request.container_definition(image, uri, environment)


def _etag(s3, uri: str | None, missing_ok: bool = False) -> str | None:
    if uri is None:
        return None
    bucket, key = buckets.split_uri(uri)
    try:
        return s3.head_object(Bucket=bucket, Key=key)["ETag"]
    except ClientError as err:
        if err.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        if missing_ok:
            return None
        raise EndpointError(f"the model at {uri} is not there: it was deleted.\n"
                            "Fix: train again (lesson 04), or deploy another job's") from err
