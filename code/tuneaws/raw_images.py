"""The URI of AWS's Hugging Face training image for a region and a version, without the SageMaker SDK.

    uri = training_image("us-east-1", "4.56.2")

The table is SDK 3.27's (sagemaker.core.image_uris), read 2026-11; a test compares the two. AWS's own page
is PAGE. All these images are for GPUs.
"""

PAGE = "https://aws.github.io/deep-learning-containers/reference/available_images/"
REPOSITORY = "huggingface-pytorch-training"

# transformers: (PyTorch, Python, CUDA and system), newest first
IMAGES = {
    "5.3.0": ("2.9.0", "py312", "cu130-ubuntu22.04"),
    "4.56.2": ("2.8.0", "py312", "cu129-ubuntu22.04"),
    "4.55.0": ("2.7.1", "py312", "cu128-ubuntu22.04"),
    "4.49.0": ("2.5.1", "py311", "cu124-ubuntu22.04"),
}
# Whose registry holds the images: one account for most regions, another for each region that is opt-in.
COMMON_ACCOUNT = "763104351884"
COMMON_REGIONS = (
    "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1",
    "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1",
    "us-east-2", "us-west-1", "us-west-2",
)  # fmt: skip
OTHER_ACCOUNTS = {
    "af-south-1": "626614931356", "ap-east-1": "871362719292", "ap-northeast-3": "364406365360",
    "ap-southeast-3": "907027046896", "ca-west-1": "204538143572", "cn-north-1": "727897471807",
    "cn-northwest-1": "727897471807", "eu-south-1": "692866216735", "il-central-1": "780543022126",
    "me-central-1": "914824155844", "me-south-1": "217643126080", "us-gov-east-1": "446045086412",
    "us-gov-west-1": "442386744353",
}  # fmt: skip
ACCOUNTS = {**dict.fromkeys(COMMON_REGIONS, COMMON_ACCOUNT), **OTHER_ACCOUNTS}


def training_image(region: str, transformers_version: str = "4.56.2") -> str:
    """Return the image's URI, such as "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-…".

    Raises  ValueError for a region or a version that is not in the table, with those that are
    """
    if region not in ACCOUNTS:
        raise ValueError(f"the account that keeps AWS's images in {region!r} is not known here. "
                         f"Fix: one of {', '.join(ACCOUNTS)}, or the image's URI from {PAGE}")
    if transformers_version not in IMAGES:
        raise ValueError(f"no training image with transformers {transformers_version!r} is known here. "
                         f"Fix: one of {', '.join(IMAGES)}, or the image's URI from {PAGE}")
    pytorch, python, system = IMAGES[transformers_version]
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    tag = f"{pytorch}-transformers{transformers_version}-gpu-{python}-{system}"
    return f"{ACCOUNTS[region]}.dkr.ecr.{region}.{domain}/{REPOSITORY}:{tag}"
