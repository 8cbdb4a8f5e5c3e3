"""The container that an endpoint runs: image, model and environment, as pure functions from dated facts.

    llm_images.container("vllm", "us-east-1", hub_id="Qwen/Qwen2.5-0.5B-Instruct")
    llm_images.container("lmi", "us-east-1", model_data="s3://b/models/job/output/model.tar.gz")

Three ways to serve the same model:

    huggingface  AWS's Hugging Face image with the course's own inference.py, which you can read and change
    vllm         AWS's vLLM image: many requests at once on one GPU, real streaming
    lmi          AWS's large model inference image (DJL Serving around vLLM): the same, with more settings

Each function returns a ContainerDefinition of CreateModel. The facts are AWS's own lists of images
(https://aws.github.io/deep-learning-containers/reference/available_images/; its source is docs/src/data of
github.com/aws/deep-learning-containers), read in 2026-11.
"""

from __future__ import annotations

from tuneaws.estimator import hosting_request

SERVES = ("huggingface", "vllm", "lmi")

# Who owns the images: this account, and another one in the regions that AWS opened later. From the table of
# SageMaker SDK 3.27 for the Hugging Face image; a test compares.
ACCOUNT = "763104351884"
OTHER_ACCOUNTS = {
    "af-south-1": "626614931356", "ap-east-1": "871362719292", "ap-northeast-3": "364406365360",
    "ap-south-2": "772153158452", "ap-southeast-3": "907027046896", "ap-southeast-4": "457447274322",
    "ca-west-1": "204538143572", "eu-central-2": "380420809688", "eu-south-1": "692866216735",
    "eu-south-2": "503227376785", "il-central-1": "780543022126", "me-central-1": "914824155844",
    "me-south-1": "217643126080",
}
SAME_ACCOUNT = ("ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
                "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
                "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2")

VLLM_TAG = "0.30.0-gpu-py312-cu130-ubuntu24.04-sagemaker"  # docs/src/data/vllm/0.30.0-gpu-sagemaker.yml
LMI_TAG = "0.38.0-lmi29.0.0-cu130"  # vLLM 0.28.0; docs/src/data/djl-inference/0.38-lmi29.0.0-gpu.yml

# Images with CUDA 13 need driver 580, which the default host does not have: this one does ("NVIDIA driver
# version: 580, CUDA version: 13.0", API reference of ProductionVariant, InferenceAmiVersion, 2026-11).
CUDA_13_HOST = "al2023-ami-sagemaker-inference-gpu-4-1"

MODEL_DIR = "/opt/ml/model"  # where SageMaker unpacks model.tar.gz


class ImageError(ValueError):
    """There is no image for what was asked; the message says which there are."""


def registry(region: str) -> str:
    """The host that AWS's images are pulled from: "763104351884.dkr.ecr.us-east-1.amazonaws.com"."""
    if region not in OTHER_ACCOUNTS and region not in SAME_ACCOUNT:
        raise ImageError(f"the account of AWS's images in {region} is not known here.\n"
                         "Fix: another region, or look it up at https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/")
    return f"{OTHER_ACCOUNTS.get(region, ACCOUNT)}.dkr.ecr.{region}.amazonaws.com"


def huggingface_uri(region: str, instance_type: str, transformers_version: str, pytorch_version: str,
                    py_version: str) -> str:
    """AWS's Hugging Face inference image, with CUDA for an instance type with a GPU.

    The newest two: 5.5.3 and 4.51.3, both with PyTorch 2.6.0, py312 and CUDA 12.4
    (docs/src/data/huggingface-pytorch-inference/2.6-gpu-sagemaker.yml and its history, 2026-11).
    """
    versions = f"{pytorch_version}-transformers{transformers_version}"
    device = f"gpu-{py_version}-cu124" if has_gpu(instance_type) else f"cpu-{py_version}"
    return f"{registry(region)}/huggingface-pytorch-inference:{versions}-{device}-ubuntu22.04"


def vllm_uri(region: str, tag: str = VLLM_TAG) -> str:
    """AWS's vLLM image for SageMaker."""
    return f"{registry(region)}/vllm:{tag}"


def lmi_uri(region: str, tag: str = LMI_TAG) -> str:
    """AWS's large model inference (LMI) image."""
    return f"{registry(region)}/djl-inference:{tag}"


def has_gpu(instance_type: str) -> bool:
    """Whether an instance type such as "ml.g5.xlarge" has a GPU; by its family's first letter."""
    family = instance_type.split(".")[1]
    return family[0] in "gp"


def huggingface_environment(region: str, hub_id: str | None = None, program: str = "inference.py") -> dict:
    """The environment by which AWS's Hugging Face image finds the script, and HF_MODEL_ID for a hub model."""
    hub = {"HF_MODEL_ID": hub_id} if hub_id else {}
    return {**hub, **hosting_request.script_environment(program, hosting_request.CODE_IN_CONTAINER, region)}


def vllm_environment(model: str, max_model_len: int | None = None, gpus: int = 1, **arguments) -> dict:
    """The environment of the vLLM image: SM_VLLM_<NAME> becomes the server's argument --<name>.

    model          a hub id, or a folder below /opt/ml/model
    max_model_len  tokens of prompt and answer together; None: what the model was made for
    gpus           the model is spread over so many
    arguments      any other of vLLM's, such as gpu_memory_utilization=0.8; True is a flag of its own
    (https://aws.github.io/deep-learning-containers/vllm/configuration/, 2026-11)
    """
    given = {"model": model, "max_model_len": max_model_len,
             "tensor_parallel_size": gpus if gpus > 1 else None, **arguments}
    return {f"SM_VLLM_{name.upper()}": _text(value) for name, value in given.items() if value is not None}


def lmi_environment(model: str, max_model_len: int | None = None, gpus: int = 1, **options) -> dict:
    """The environment of the LMI image, in its asynchronous mode: the vLLM engine itself queues the requests.

    OPTION_<NAME> is a setting of the engine. These four are what AWS's own recipes deploy LMI with
    (github.com/aws/sagemaker-hyperpod-recipes, HostingConfigs; the options are those of
    https://docs.djl.ai/master/docs/serving/serving/docs/lmi/user_guides/vllm_user_guide.html, 2026-11).
    """
    given = {"max_model_len": max_model_len, **options}
    return {"HF_MODEL_ID": model, "SERVING_FAIL_FAST": "true", "OPTION_ASYNC_MODE": "true",
            "OPTION_ROLLING_BATCH": "disable", "OPTION_ENTRYPOINT": "djl_python.lmi_vllm.vllm_async_service",
            "OPTION_TENSOR_PARALLEL_DEGREE": str(gpus),
            **{f"OPTION_{name.upper()}": _text(value) for name, value in given.items() if value is not None}}


def container(serve: str, region: str, hub_id: str | None = None, model_data: str | None = None,
              folder: str = "merged", max_model_len: int | None = None, gpus: int = 1) -> dict:
    """The ContainerDefinition for "vllm" or "lmi".

    hub_id      a model of the hub; or
    model_data  s3://.../model.tar.gz of a training job, with a whole model in `folder` ("" is its root)
    Raises      ImageError unless exactly one of the two is given
    """
    if serve not in ("vllm", "lmi"):
        raise ImageError(f"serve is {serve!r}. Fix: \"vllm\" or \"lmi\"; the Hugging Face image also "
                         "needs the archive that endpoints.deploy() makes")
    if bool(hub_id) == bool(model_data):
        raise ImageError("give either hub_id, a model of the hub, or model_data, an archive in S3")
    model = hub_id or f"{MODEL_DIR}/{folder}".rstrip("/")
    if serve == "vllm":
        image, environment = vllm_uri(region), vllm_environment(model, max_model_len, gpus)
    else:
        image, environment = lmi_uri(region), lmi_environment(model, max_model_len, gpus)
    return hosting_request.container_definition(image, model_data, environment)


def host_for(image: str) -> str | None:
    """The InferenceAmiVersion that an image needs, None for the default host."""
    return CUDA_13_HOST if "-cu13" in image else None


def _text(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
