"""The files of a model that is to be imported: which have to be there, and whether they can be read.

Bedrock takes Hugging Face's format: .safetensors, config.json, tokenizer_config.json and tokenizer.json or
tokenizer.model, weights in FP32, FP16 or BF16, of the architectures below ("Import a customized model into
Amazon Bedrock", model-customization-import-model, read 2026-11). A LoRA adapter has to be merged first.
"""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

from pocketaws.keeping.json_values import dataclass_kind

ARCHITECTURES = (
    "LlamaForCausalLM", "MllamaForConditionalGeneration", "MistralForCausalLM", "MixtralForCausalLM",
    "T5ForConditionalGeneration", "GPTBigCodeForCausalLM", "Qwen2ForCausalLM",
    "Qwen2VLForConditionalGeneration", "Qwen2_5_VLForConditionalGeneration", "Qwen3ForCausalLM",
    "Qwen3MoeForCausalLM", "GptOssForCausalLM",
)  # fmt: skip
DTYPES = ("F32", "F16", "BF16")
INDEX = "model.safetensors.index.json"
# "Converse API is not supported for Qwen2.5, Qwen2-VL, Qwen2.5-VL, and GPT-OSS models"
# (invoke-imported-model, read 2026-11); Qwen2 and Qwen2.5 have one class.
NO_CONVERSE = ("Qwen2ForCausalLM", "Qwen2VLForConditionalGeneration", "Qwen2_5_VLForConditionalGeneration",
               "GptOssForCausalLM")  # fmt: skip
DEFAULT_CONTEXT = 2_048  # tokens, where config.json does not say; chosen
MAX_HEADER = 100_000_000  # bytes, safetensors' own limit


class ModelFilesError(ValueError):
    """These files are not a model that Bedrock imports; the text says why."""


@dataclass_kind
@dataclass(frozen=True)
class Facts:
    """architecture: model_type of config.json, "llama"; instruct: whether Converse can be used."""

    architecture: str
    instruct: bool
    context_tokens: int


def read(folder: Path) -> Facts:
    """Check a folder, and say what model is in it. Raises ModelFilesError."""
    names = {path.name for path in folder.iterdir()}
    _check_names(names)
    config = _json(folder / "config.json")
    (architecture, *_) = config.get("architectures") or ["none"]
    if architecture not in ARCHITECTURES:
        raise ModelFilesError(
            f"The architecture {architecture} of config.json is not one of {', '.join(ARCHITECTURES)}."
        )
    if "quantization_config" in config:
        raise ModelFilesError("The model is quantized: weights have to be FP32, FP16 or BF16.")
    for name in _shards(folder, names):
        _check_weights(folder / name)
    template = "chat_template" in _json(folder / "tokenizer_config.json") or "chat_template.jinja" in names
    return Facts(
        architecture=str(config.get("model_type", architecture)),
        instruct=template and architecture not in NO_CONVERSE,
        context_tokens=int(config.get("max_position_embeddings", DEFAULT_CONTEXT)),
    )


def _check_names(names: set[str]) -> None:
    weights = any(name.endswith(".safetensors") and not name.startswith("adapter_") for name in names)
    if "adapter_config.json" in names and not weights:
        raise ModelFilesError("The files are a LoRA adapter: merge it into its base model, then import that.")
    missing = [name for name in ("config.json", "tokenizer_config.json") if name not in names]
    missing += [] if weights else ["a .safetensors file"]
    missing += [] if names & {"tokenizer.json", "tokenizer.model"} else ["tokenizer.json or tokenizer.model"]
    if missing:
        raise ModelFilesError(f"The model's files lack {', '.join(missing)}.")


def _shards(folder: Path, names: set[str]) -> list[str]:
    """The files of weights, all that the index names among them."""
    found = sorted(name for name in names if name.endswith(".safetensors"))
    if INDEX in names:
        wanted = set(_json(folder / INDEX).get("weight_map", {}).values())
        if wanted - names:
            raise ModelFilesError(f"{INDEX} names {min(wanted - names)}, which is not there.")
    return found


def _json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as err:
        raise ModelFilesError(f"{path.name} cannot be read as JSON: {err}") from err
    if not isinstance(content, dict):
        raise ModelFilesError(f"{path.name} is not a JSON object.")
    return content


def _check_weights(path: Path) -> None:
    """Hold a file against its own header: safetensors have 8 bytes of length, JSON, then the numbers."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else MAX_HEADER + 1
        if length > min(MAX_HEADER, size - 8):
            raise ModelFilesError(f"{path.name} is not a safetensors file, or is cut off.")
        try:
            header = json.loads(file.read(length))
            tensors = [each for name, each in header.items() if name != "__metadata__"]
            end = max((each["data_offsets"][1] for each in tensors), default=0)
            wrong = next((each["dtype"] for each in tensors if each["dtype"] not in DTYPES), None)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as err:
            raise ModelFilesError(
                f"{path.name} is not a safetensors file: its header cannot be read."
            ) from err
    if not tensors or 8 + length + end != size:
        raise ModelFilesError(f"{path.name} has {size:,} bytes, its header asks for {8 + length + end:,}.")
    if wrong:
        raise ModelFilesError(f"{path.name} has weights of type {wrong}: they have to be FP32, FP16 or BF16.")
