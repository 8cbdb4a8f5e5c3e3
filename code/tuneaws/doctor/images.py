"""AWS's container images for the versions that config.yaml asks for: they exist, in this region.

The SDK's table and AWS's registry are two things: an image that the table names may be gone. ECR lets every
account look into AWS's own registry.
"""

from __future__ import annotations

import re

from botocore.exceptions import ClientError

from tuneaws import raw_images
from tuneaws.doctor import lessons
from tuneaws.doctor.check import code_of, failed, passed, told
from tuneaws.endpoints import llm_images

URI = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([^:]+):(.+)")
NOT_THERE = ("ImageNotFoundException", "RepositoryNotFoundException")


def training_image(subject):
    """The image of training jobs: sagemaker.transformers_version and its neighbours."""
    if not lessons.needs(subject.lessons, lessons.TRAINING):
        return None
    job, place = subject.cfg.sagemaker, subject.session.region
    known = raw_images.IMAGES.get(job.transformers_version, ())
    if known[:2] == (job.pytorch_version, job.py_version):
        return _ask(subject, lambda: raw_images.training_image(place, job.transformers_version))
    return _older(subject.client("ecr"), raw_images.ACCOUNTS[place], job)


def serving_image(subject):
    """The image of endpoints: endpoint.serve, with its versions."""
    if not lessons.needs(subject.lessons, lessons.SERVING):
        return None
    return _ask(subject, lambda: _serving(subject.cfg.endpoint, subject.session.region))


def _older(ecr, account: str, job):
    """An image that the course's table has not got: looked for among all tags of AWS's repository."""
    asked = {"registryId": account, "repositoryName": raw_images.REPOSITORY}
    pages = ecr.get_paginator("describe_images").paginate(**asked)
    tags = [tag for page in pages for image in page["imageDetails"] for tag in image.get("imageTags", [])]
    start = f"{job.pytorch_version}-transformers{job.transformers_version}-gpu-{job.py_version}-"
    found = next((tag for tag in tags if tag.startswith(start)), None)
    if found:
        return passed(f"{raw_images.REPOSITORY}:{found}")
    sets = "; ".join(f"transformers {name}, PyTorch {torch}, {python}"
                     for name, (torch, python, _) in raw_images.IMAGES.items())
    return failed(f"AWS has no training image {start}…: versions belong together",
                  f"one of these sets in config.yaml, sagemaker: {sets}")


def _serving(endpoint, region: str) -> str:
    if endpoint.serve == "vllm":
        return llm_images.vllm_uri(region)
    if endpoint.serve == "lmi":
        return llm_images.lmi_uri(region)
    return llm_images.huggingface_uri(region, endpoint.instance_type, endpoint.transformers_version,
                                      endpoint.pytorch_version, endpoint.py_version)


def _ask(subject, make):
    """Ask ECR for the image that make() names."""
    try:
        uri = make()
    except ValueError as err:  # versions without an image, a region whose registry is not known
        return failed(*told(err))
    account, region, repository, tag = URI.fullmatch(uri).groups()
    try:
        subject.client("ecr", region).describe_images(
            registryId=account, repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ClientError as err:
        if code_of(err) not in NOT_THERE:
            raise
        return failed(f"{uri} is not in AWS's registry", "versions of one image that is there: "
                      f"{raw_images.PAGE}")
    return passed(f"{repository}:{tag}")
