"""Answer with a language model on a SageMaker endpoint: the tuned one, or the base model beside it.

The Hugging Face inference image calls model_fn once, then input_fn → predict_fn → output_fn for each
request (github.com/aws/sagemaker-huggingface-inference-toolkit 2.6.0, handler_service.py, read 2026-11).
This folder goes into model.tar.gz as code/. What is served, the first that is there:

    merged/ in the archive               the tuned model, whole
    a model at the archive's root        a model, whole
    an adapter at its root               the adapter, on HF_MODEL_ID or on the base that its config names
    nothing but code/, and HF_MODEL_ID   that model of the hub: how to deploy the base model

What may be sent, as application/json:

    {"inputs": "text", "parameters": {"max_new_tokens": 80}}   the text is continued as it stands (an
                                                               encoder-decoder answers it)
    {"inputs": ["text", "text"]}                               a batch
    {"inputs": [[{"role": "user", "content": "Hi"}], …]}       a batch of conversations (chat template)
        -> [{"generated_text": "…"}, …], one for each
    {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 80}
        -> OpenAI's chat.completion, with usage; with "stream": true server-sent events of
        chat.completion.chunk

`payloads.py` has all parameters. Without a temperature the most likely token is taken each time: the same
question gets the same answer. What is wrong in a payload raises ValueError with a sentence; the toolkit
answers each error of a script with HTTP 400 and its text.

AWS's image cannot stream: its server, multi-model-server 1.1.11, takes one whole answer from Python. There
the events of a stream come joined, at the end. A server that sends what an iterator gives streams them.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import answers
import payloads

# Model servers that take one body from output_fn: multi-model-server (the Hugging Face images), TorchServe.
WHOLE_ANSWERS_ONLY = ("mms", "ts")


def model_fn(model_dir, context=None):
    """Load the model once, when the container starts. context: the model server's, which may name a GPU."""
    from chat_model import load

    # With HF_MODEL_ID the toolkit hands over its own folder with that model; the archive is where this file
    # is.
    archive = Path(__file__).resolve().parent.parent
    folders = [archive, Path(model_dir)] if archive != Path(model_dir).resolve() else [archive]
    gpu = context.system_properties.get("gpu_id") if context is not None else None
    return load(*find_model(folders, os.environ.get("HF_MODEL_ID")), gpu=gpu)


def find_model(folders: list[Path], hub_id: str | None) -> tuple[str, str | None]:
    """Where the model is, and the adapter to put on it: ("…/merged", None), ("name/base", "…/model").

    Raises  ValueError if there is no model, or an adapter without a base.
    """
    for folder in folders:
        for whole in (folder / "merged", folder):
            if (whole / "config.json").is_file():
                return str(whole), None
        config = folder / "adapter_config.json"
        if config.is_file():
            base = hub_id or json.loads(config.read_text(encoding="utf-8")).get("base_model_name_or_path")
            if not base:
                raise ValueError(
                    f"{config} names no base model. Set HF_MODEL_ID to the model it was made for."
                )
            return base, str(folder)
    if hub_id:
        return hub_id, None
    raise ValueError(
        f"no model in {' or '.join(map(str, folders))}: neither merged/, nor config.json, "
        "nor adapter_config.json, and HF_MODEL_ID is not set."
    )


def input_fn(body, content_type):
    """The request's body, str or bytes, as a checked payload. Raises ValueError with what was expected."""
    return payloads.parse(body, content_type)


def predict_fn(ask, model):
    """The answer to a checked payload: what JSON can hold, or an iterator of events."""
    if not ask.chat:
        return answers.generated(model.complete(ask.prompts, ask.settings), ask)
    if ask.stream:
        return answers.events(model.stream(ask.prompts[0], ask.settings), ask, model.name)
    return answers.chat_completion(model.complete(ask.prompts, ask.settings)[0], ask, model.name)


def output_fn(prediction, accept):
    """JSON text, or the events of a stream: one by one, or joined where the server takes one body."""
    if isinstance(prediction, Iterator):
        return "".join(prediction) if any(name in sys.modules for name in WHOLE_ANSWERS_ONLY) else prediction
    return json.dumps(prediction, ensure_ascii=False)
