"""DescribeImages and BatchGetImage for AWS's own images, from a dated table: images.json, see make_table.py.

What the table does not say is left out: digests, sizes, dates and manifests. Errors in AWS's words, from
public reports of both exceptions, read 2026-11.
"""

import functools
import json
from pathlib import Path

from pocketaws.errors import AwsError
from pocketaws.operations import operation
from pocketaws.paging import page

TABLE = Path(__file__).with_name("images.json")


@operation("ecr", "DescribeImages")
def describe_images(context, request: dict) -> dict:
    """The images of one repository, all or those asked for.

    Raises RepositoryNotFoundException for a repository that this registry has not got in this region,
    ImageNotFoundException for an image that is not there.
    """
    registry, repository = _place(context, request)
    tags = _tags(context.region, registry, repository)
    asked = request.get("imageIds")
    if asked is not None:
        for image in asked:
            if image.get("imageTag") not in tags:
                raise AwsError("ImageNotFoundException", _no_image(image, registry, repository))
        tags = [image["imageTag"] for image in asked]
    token = request.get("nextToken")
    wrong = AwsError("InvalidParameterException", f"Invalid parameter: nextToken {token!r}.")
    chosen, more = page(tags, request, wrong, names=("nextToken", "maxResults"))
    details = [{"registryId": registry, "repositoryName": repository, "imageTags": [tag]} for tag in chosen]
    return {"imageDetails": details, **more}


@operation("ecr", "BatchGetImage")
def batch_get_image(context, request: dict) -> dict:
    """The images asked for, and for each that is not there why."""
    registry, repository = _place(context, request)
    tags, images, failures = _tags(context.region, registry, repository), [], []
    for image in request["imageIds"]:
        if image.get("imageTag") in tags:
            images.append({"registryId": registry, "repositoryName": repository, "imageId": image})
        else:
            failures.append({"imageId": image, "failureCode": "ImageNotFound",
                             "failureReason": "Requested image not found"})  # fmt: skip
    return {"images": images, "failures": failures}


def _place(context, request: dict) -> tuple[str, str]:
    return request.get("registryId", context.account), request["repositoryName"]


def _tags(region: str, registry: str, repository: str) -> list[str]:
    content = _content()
    found = content["repositories"].get(repository, {})
    tags = [tag for tag, n in found.items() if content["registries"][n].get(region) == registry]
    if not tags:
        raise AwsError(
            "RepositoryNotFoundException",
            f"The repository with name '{repository}' does not exist in the registry with id '{registry}'",
        )
    return tags


def _no_image(image: dict, registry: str, repository: str) -> str:
    digest, tag = (image.get(key, "null") for key in ("imageDigest", "imageTag"))
    return (
        f"The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the "
        f"repository with name '{repository}' in the registry with id '{registry}'"
    )


@functools.cache
def _content() -> dict:
    return json.loads(TABLE.read_text(encoding="utf-8"))
