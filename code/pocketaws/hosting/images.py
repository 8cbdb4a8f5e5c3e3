"""Which program stands in for which of AWS's inference images.

pocketaws runs no containers. It knows images by their repository's name, as AWS's list has it
(github.com/aws/deep-learning-containers, available_images.md, 2026-11).
"""

import fnmatch

TOOLKIT, PYTORCH, LLM = "huggingface", "pytorch", "llm"
_FAMILIES = (
    ("huggingface-pytorch-inference", TOOLKIT),
    ("pytorch-inference", PYTORCH),
    ("vllm*", LLM),
    ("huggingface-vllm*", LLM),
    ("djl-inference", LLM),
    ("huggingface-pytorch-tgi-inference", LLM),
)


def family(image: str) -> str | None:
    """TOOLKIT, PYTORCH or LLM for an image's registry path; None for one that cannot be run here."""
    name = repository(image)
    return next((kind for pattern, kind in _FAMILIES if fnmatch.fnmatchcase(name, pattern)), None)


def repository(image: str) -> str:
    """ "….amazonaws.com/vllm:0.11-gpu" → "vllm"; a digest is left out as a tag is."""
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0]


def refusal(image: str) -> str:
    """Why an image cannot be run here, and what can."""
    known = ", ".join(name.rstrip("*") for name, _ in _FAMILIES)
    return (
        f"pocketaws runs no containers, so {image} cannot run here. What it stands in for: AWS's images"
        f" {known}. Use one of these, or deploy on AWS."
    )
