"""Which model a serving image is to serve, by its environment.

vLLM: SM_VLLM_MODEL, then /opt/ml/model if it holds anything, then HF_MODEL_ID; each SM_VLLM_<NAME> is an
argument of `vllm serve`, "true" a bare flag, "false" none (aws.github.io/deep-learning-containers, vLLM,
"Configuration" and "Amazon SageMaker AI Deployment", 2026-11). LMI: HF_MODEL_ID or OPTION_MODEL_ID, then
/opt/ml/model (docs.djl.ai, "LMI configurations", 2026-11). TGI: HF_MODEL_ID (its sagemaker-entrypoint.sh,
2026-11).
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from ...generation import LoadError

CONTAINER_FOLDER = "/opt/ml/model"
# Arguments of vLLM that are about hardware and speed: the answers are the same without them.
NO_EFFECT = frozenset(
    "tensor-parallel-size pipeline-parallel-size data-parallel-size gpu-memory-utilization max-num-seqs "
    "max-num-batched-tokens enforce-eager trust-remote-code swap-space block-size enable-prefix-caching "
    "enable-chunked-prefill disable-log-requests disable-log-stats host port load-format max-lora-rank "
    "max-loras max-cpu-loras uvicorn-log-level".split()
)


@dataclass(frozen=True)
class Serving:
    """What to load and under which names it is asked for.

    source    folder or hub id       names     the base model's names, the first is the one answers have
    context   max tokens, or None    dtype     as pocketaws.generation.load takes it
    adapters  name → folder          notes     lines for the log
    """

    source: str
    names: tuple[str, ...]
    context: int | None = None
    dtype: str = "auto"
    adapters: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def for_vllm(environment: dict[str, str], model_dir: Path) -> Serving:
    """Raises LoadError where the image would not start, or would do what is not done here."""
    given = _arguments(environment, "SM_VLLM_")
    notes = []
    model = given.pop("model", None)
    if not model and model_dir.is_dir() and any(model_dir.iterdir()):
        model = CONTAINER_FOLDER
        notes.append(f"INFO: SM_VLLM_MODEL not set, auto-detected model at {CONTAINER_FOLDER}")
    if not model and (model := environment.get("HF_MODEL_ID")):
        notes.append(f"INFO: SM_VLLM_MODEL not set, using HF_MODEL_ID={model}")
    if not model:
        raise LoadError(
            f"No model specified. Set SM_VLLM_MODEL, HF_MODEL_ID, or mount a model to {CONTAINER_FOLDER}."
        )
    names = tuple(given.pop("served-model-name", _there(model, model_dir)).split())
    context = _whole(given.pop("max-model-len", None), "SM_VLLM_MAX_MODEL_LEN")
    dtype = given.pop("dtype", "auto")
    wants_lora = given.pop("enable-lora", None) == "true"
    modules = given.pop("lora-modules", "")
    adapters = {name: _here(path, model_dir) for name, path in _modules(modules)} if wants_lora else {}
    if modules and not wants_lora:
        raise LoadError("SM_VLLM_LORA_MODULES needs SM_VLLM_ENABLE_LORA=true.")
    notes += [f"SM_VLLM_{name.upper().replace('-', '_')} has no effect in the local AWS."
              for name in sorted(set(given) - NO_EFFECT)]  # fmt: skip
    return Serving(_whole_model(model, model_dir), names, context, dtype, adapters, tuple(notes))


def for_lmi(environment: dict[str, str], model_dir: Path) -> Serving:
    """Raises LoadError where the image would not start, or would do what is not done here."""
    given = _arguments(environment, "OPTION_")
    if given.get("enable-lora") == "true":
        raise LoadError(
            "OPTION_ENABLE_LORA is not done in the local AWS. Serve the merged model, or use the vLLM "
            "image's SM_VLLM_LORA_MODULES."
        )
    model = given.get("model-id") or environment.get("HF_MODEL_ID") or CONTAINER_FOLDER
    names = tuple(given.get("served-model-name", "lmi").split())
    context = _whole(given.get("max-model-len"), "OPTION_MAX_MODEL_LEN")
    dtype = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}.get(given.get("dtype"), "auto")
    return Serving(_whole_model(model, model_dir), names, context, dtype)


def for_tgi(environment: dict[str, str], model_dir: Path) -> Serving:
    """Raises LoadError where the image would not start."""
    model = environment.get("HF_MODEL_ID")
    if not model:
        raise LoadError("HF_MODEL_ID must be set")
    context = _whole(environment.get("MAX_TOTAL_TOKENS"), "MAX_TOTAL_TOKENS")
    return Serving(_whole_model(model, model_dir), (_there(model, model_dir),), context)


def _arguments(environment: dict[str, str], prefix: str) -> dict[str, str]:
    """SM_VLLM_MAX_MODEL_LEN=512 → {"max-model-len": "512"}; false is as good as not given."""
    return {
        name.removeprefix(prefix).lower().replace("_", "-"): value.lower()
        if value.lower() == "true"
        else value
        for name, value in environment.items()
        if name.startswith(prefix) and value.lower() != "false"
    }


def _modules(text: str):
    """--lora-modules: "name=path name=path", or JSON objects with name and path."""
    for word in [text] if text.startswith("{") else text.split():
        name, _, path = word.partition("=")
        if word.startswith("{"):
            try:
                module = json.loads(word)
                name, path = module["name"], module["path"]
            except (ValueError, KeyError) as err:
                raise LoadError(f"SM_VLLM_LORA_MODULES is no JSON object with name and path: {text}") from err
        if not name or not path:
            raise LoadError(f"SM_VLLM_LORA_MODULES must be name=path, not {word!r}.")
        yield name, path


def _here(path: str, model_dir: Path) -> str:
    """A path of the container as it is on this machine."""
    if path == CONTAINER_FOLDER or path.startswith(CONTAINER_FOLDER + "/"):
        return str(model_dir) + path[len(CONTAINER_FOLDER) :]
    return path


def _there(path: str, model_dir: Path) -> str:
    """A path of this machine as the container would see it; a hub id as it is."""
    if path == str(model_dir) or path.startswith(f"{model_dir}/"):
        return CONTAINER_FOLDER + path[len(str(model_dir)) :]
    return path


def _whole_model(model: str, model_dir: Path) -> str:
    """A folder of the container must hold a whole model: the serving images merge no adapters."""
    model = _there(model, model_dir)
    place = _here(model, model_dir)
    if place != model and not Path(place, "config.json").is_file():
        adapter = Path(place, "adapter_config.json").is_file()
        what = "an adapter and no config.json" if adapter else "no config.json"
        merged = Path(place, "merged", "config.json").is_file()
        fix = f" It has a whole model in merged/: set the model to {model}/merged." if merged else ""
        raise LoadError(f"{model} holds {what}, so no model that can be served.{fix}")
    return place


def _whole(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not text.isdigit() or int(text) < 1:
        raise LoadError(f"{name} must be a whole number from 1 up, not {text!r}.")
    return int(text)
