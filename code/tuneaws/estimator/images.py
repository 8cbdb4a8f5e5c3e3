"""The images that AWS has made for a set of versions, found in the table that SDK 3 carries.

AWS makes fewer inference images than training images: transformers 4.56.2 with PyTorch 2.8.0 trains, and has
no image to serve it. The newest that serve are 4.51.3 and 5.5.3, both with PyTorch 2.6.0; 5.5.3 is in the
table of sagemaker 3.27 and not in Studio's 3.12 (read 2026-11).
"""

from __future__ import annotations

import re

FRAMEWORK = "huggingface"


def training_image_uri(
    region: str,
    instance_type: str,
    transformers_version: str,
    pytorch_version: str,
    py_version: str,
    distribution: dict | None = None,
) -> str:
    """Return the URI of the image, such as "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-…".

    Raises  ValueError that lists the newest sets of versions with an image, if there is none for these.
    """
    from sagemaker.core import image_uris  # 2 to 3 s, so not at the top

    try:
        uri = image_uris.get_training_image_uri(
            region=region,
            framework=FRAMEWORK,
            framework_version=transformers_version,
            py_version=py_version,
            pytorch_version=pytorch_version,
            instance_type=instance_type,
            distribution=distribution,
        )
        # For "4.49" SDK 3.27 writes 4.49.0 beside PyTorch's short version, which is no tag of AWS's.
        return re.sub(r"-transformers[\d.]+-", f"-transformers{transformers_version}-", uri)
    except (ValueError, KeyError) as err:
        asked = f"transformers {transformers_version}, PyTorch {pytorch_version}, {py_version}"
        raise ValueError(
            f"no training image for {asked} on {instance_type} in {region}: {_reason(err)}\n"
            f"The newest that this SageMaker SDK knows: {'; '.join(newest_versions())}.\n"
            f"Fix: {_fix(str(err))}, or image_uri= for an image of your own."
        ) from err


def inference_image_uri(
    region: str,
    instance_type: str | None,
    transformers_version: str,
    pytorch_version: str,
    py_version: str,
    serverless: object | None = None,
) -> str:
    """Return the URI of the image that serves a model; instance_type says whether the one for GPUs.

    serverless  a serverless configuration, for which there is no instance_type
    Raises      ValueError that lists the newest sets of versions with an image, if there is none for these.
    """
    from sagemaker.core import image_uris

    try:
        uri = image_uris.retrieve(
            FRAMEWORK,
            region,
            version=transformers_version,
            py_version=py_version,
            instance_type=instance_type,
            image_scope="inference",
            base_framework_version=f"pytorch{pytorch_version}",
            serverless_inference_config=serverless,
        )
        return re.sub(r"-transformers[\d.]+-", f"-transformers{transformers_version}-", uri)
    except (ValueError, KeyError) as err:
        asked = f"transformers {transformers_version}, PyTorch {pytorch_version}, {py_version}"
        newest = newest_versions(scope="inference")
        raise ValueError(
            f"no inference image for {asked} on {instance_type} in {region}: {_reason(err)}\n"
            f"The newest that this SageMaker SDK knows: {'; '.join(newest)}.\n"
            f"Fix: {_fix(str(err))} in deploy() or HuggingFaceModel(), or image_uri= for your own image."
        ) from err


def newest_versions(count: int = 3, scope: str = "training") -> list[str]:
    """The newest sets of versions with a PyTorch image, newest first, as arguments to copy.

    scope  "training" or "inference"
    """
    from packaging.version import Version
    from sagemaker.core import image_uris

    table = image_uris.config_for_framework(FRAMEWORK)[scope]["versions"]
    found = []
    for transformers in sorted(table, key=Version, reverse=True):
        for name, entry in table[transformers].items():
            if name.startswith("pytorch"):
                found.append(
                    f'transformers_version="{transformers}", '
                    f'pytorch_version="{name.removeprefix("pytorch")}", '
                    f'py_version="{entry["py_versions"][-1]}"'
                )
    return found[:count]


def _reason(err: Exception) -> str:
    """The SDK's own sentence, without its advice to upgrade and its long list."""
    return str(err).partition(" You may need to upgrade")[0].strip(".'\"") + "."


def _fix(said: str) -> str:
    if "processor" in said:
        return 'instance_type="ml.g5.xlarge", which has a GPU (with WHERE = "local" it is this machine, free)'
    if "region" in said:
        return "a region that AWS has the images in, such as us-east-1"
    if "instance type" in said:
        return 'instance_type="ml.g5.xlarge" or another with ml. in front'
    return "one of these sets"
