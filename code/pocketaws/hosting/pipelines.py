"""Models without an inference.py: a transformers pipeline, as AWS's Hugging Face toolkit makes it.

Facts: transformers_utils.py and handler_service.py of sagemaker-huggingface-inference-toolkit
(github.com/aws, read 2026-11).
"""

import json
import os
from pathlib import Path

from pocketaws.hosting import formats

# The last one that fits an architecture's name counts.
TASKS = {
    "TapasForQuestionAnswering": "table-question-answering",
    "ForQuestionAnswering": "question-answering",
    "ForTokenClassification": "token-classification",
    "ForSequenceClassification": "text-classification",
    "ForMultipleChoice": "multiple-choice",
    "ForMaskedLM": "fill-mask",
    "ForCausalLM": "text-generation",
    "ForConditionalGeneration": "text2text-generation",
    "MTModel": "text2text-generation",
    "EncoderDecoderModel": "text2text-generation",
    "GPT2LMHeadModel": "text-generation",
    "T5WithLMHeadModel": "text2text-generation",
}
FEATURE_TASKS = {
    "automatic-speech-recognition", "image-segmentation", "image-classification", "audio-classification",
    "object-detection", "zero-shot-image-classification",
}  # fmt: skip


def hub_model(model_id: str) -> str:
    """The folder of a model of the hub. AWS downloads it at start-up; here it is in the cache, or it fails.

    Raises OSError with huggingface_hub's words if it is not there.
    """
    from huggingface_hub import snapshot_download

    return snapshot_download(model_id, revision=os.environ.get("HF_MODEL_REVISION"))


def load(model_dir: str):
    """The pipeline of HF_TASK, or of the architecture in config.json. Raises ValueError for neither."""
    task = os.environ.get("HF_TASK")
    config = Path(model_dir, "config.json")
    if not task and config.is_file():
        task = os.environ["HF_TASK"] = task_of(config)
    if not task:
        raise ValueError(
            "There is no inference.py in the archive's code/ folder, no HF_TASK in the model's environment"
            " and no config.json in the model. Give one of them: code/inference.py with a model_fn, or"
            " HF_TASK, such as text-generation."
        )
    from transformers import pipeline

    part = "feature_extractor" if task in FEATURE_TASKS else "tokenizer"
    trust = os.environ.get("HF_TRUST_REMOTE_CODE", "").lower() in ("y", "yes", "t", "true", "on", "1")
    return pipeline(task=task, model=model_dir, device=device(), trust_remote_code=trust, **{part: model_dir})


def task_of(config: Path) -> str:
    """The task that a model's architecture is for. Raises ValueError for one the toolkit does not know."""
    architecture = (json.loads(config.read_text(encoding="utf-8")).get("architectures") or [""])[0]
    tasks = [task for ending, task in TASKS.items() if architecture.endswith(ending)]
    if not tasks:
        raise ValueError(
            f"Task couldn't be inferenced from {architecture}.Inference Toolkit can only inference tasks from"
            f" architectures ending with {list(TASKS)}.Use env `HF_TASK` to define your task."
        )
    return tasks[-1]


def device() -> int:
    """0, the first GPU, or -1."""
    import torch

    return 0 if torch.cuda.is_available() else -1


def decode(content, content_type):
    """A payload for a pipeline. Raises ValueError for CSV where the task needs nested values."""
    task = os.environ.get("HF_TASK")
    if content_type == formats.CSV and task in ("zero-shot-classification", "table-question-answering"):
        raise ValueError(
            f"content type {content_type} not support with {task}, use different content_type : 400"
        )
    return formats.decode(content, content_type)


def predict(data, model):
    """Call a pipeline with {"inputs": …, "parameters": {…}}, or with the payload itself."""
    inputs = data.pop("inputs", data)
    parameters = data.pop("parameters", None)
    return model(inputs) if parameters is None else model(inputs, **parameters)
