"""What a model does when a request names no temperature, top p, top k or length.

AWS's figures, read 2026-11: nova/latest/userguide/complete-request-schema.html; Bedrock's user guide,
model-parameters-meta.html and model-parameters-titan-text.html. An imported model's are those of its
generation_config.json on AWS; the table below has vLLM's own, which serve where that file names none. Other
families: not documented here; chosen as Llama's.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Defaults:
    """max_tokens: of InvokeModel; Converse gives "the maximum allowed value for the model"."""

    temperature: float
    top_p: float
    top_k: int = 0
    max_tokens: int | None = None


NOVA = Defaults(0.7, 0.9, 50)
LLAMA = Defaults(0.5, 0.9, 0, 512)
TITAN = Defaults(0.7, 0.9, 0, 512)
IMPORTED = Defaults(1.0, 1.0, 0)


def of(family: str) -> Defaults:
    """The defaults of a family of models: "nova", "llama3.1", "titan", "imported"."""
    if family.startswith("nova"):
        return NOVA
    return {"titan": TITAN, "imported": IMPORTED}.get(family, LLAMA)
