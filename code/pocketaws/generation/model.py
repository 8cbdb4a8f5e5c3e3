"""A chat model in memory: where it comes from, its prompt ids, one step of it."""

import inspect
import json
import threading
import warnings
from pathlib import Path

ADAPTER = "adapter_config.json"
CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")


class LoadError(Exception):
    """A model cannot be loaded; the text says which, and why."""


class PromptError(ValueError):
    """A prompt that the model cannot take: too long, or its chat template refuses it."""


class ChatModel:
    """A loaded causal language model with its tokenizer, ready to answer.

    Any thread may make prompt ids; steps are for one thread (an Engine has one).

    model, tokenizer    transformers' own       device    torch.device
    end_ids             ids that end an answer  pad_id    fills shorter prompts of a batch
    context             tokens that prompt and answer may have together; None when the model names no limit
    """

    def __init__(self, model, tokenizer, context: int | None = None):
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.device = model.device
        self.end_ids = _end_ids(model, tokenizer)
        pad = tokenizer.pad_token_id
        self.pad_id = pad if pad is not None else min(self.end_ids, default=0)
        own = next((v for name in CONTEXT_NAMES if (v := getattr(model.config, name, None))), None)
        self.context = min(filter(None, (own, context)), default=None)
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        takes = inspect.signature(base.forward).parameters
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in takes else {}
        self._positions = "position_ids" in takes
        self._tokenizing = threading.Lock()

    def chat_ids(self, messages: list[dict]) -> list[int]:
        """The prompt of a conversation, [{"role", "content"}, …], by the model's own chat template.

        Raises  PromptError if the model has no template, or the template does not take the messages.
        """
        from jinja2.exceptions import TemplateError

        if not getattr(self.tokenizer, "chat_template", None):
            raise PromptError("the model has no chat template; send a prompt instead of messages.")
        try:
            text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        except TemplateError as err:
            raise PromptError(str(err)) from err
        return self._ids(text, add_special_tokens=False)  # the template wrote them

    def text_ids(self, text: str) -> list[int]:
        """The prompt of a plain text, with the special tokens that the tokenizer puts around one."""
        ids = self._ids(text)
        if ids and ids[-1] in self.end_ids and len(ids) > 1:
            ids = ids[:-1]  # a tokenizer that closes each text would have the model answer to the end
        return ids or [self.pad_id]

    def _ids(self, text: str, **options) -> list[int]:
        with self._tokenizing:  # a fast tokenizer raises "Already borrowed" when two threads set it up
            return self.tokenizer(text, **options)["input_ids"]

    def room(self, prompt_tokens: int) -> int:
        """How many tokens an answer to such a prompt may have. Raises PromptError if there is none."""
        if self.context is None:
            return 1 << 20
        if prompt_tokens >= self.context:
            raise PromptError(
                f"This model's maximum context length is {self.context} tokens. However, your request has "
                f"{prompt_tokens} input tokens. Please reduce the length of the input messages."
            )
        return self.context - prompt_tokens

    def step(self, inputs, mask, positions, cache):
        """One forward pass: (logits of the last place [rows, vocabulary], the cache to go on with)."""
        more = {**self._last_only, **({"position_ids": positions} if self._positions else {})}
        out = self.model(input_ids=inputs, attention_mask=mask, past_key_values=cache, use_cache=True, **more)
        return out.logits[:, -1], out.past_key_values


def _end_ids(model, tokenizer) -> frozenset[int]:
    """What the model's generation settings call its end, and the tokenizer's own end token."""
    named = getattr(model.generation_config, "eos_token_id", None)
    ids = set(named) if isinstance(named, (list, tuple)) else {named}
    return frozenset(int(i) for i in ids | {tokenizer.eos_token_id} if i is not None)


def load(
    source: str | Path, adapter: str | Path | None = None, context: int | None = None, dtype: str = "auto"
) -> ChatModel:
    """Load a model, on a GPU when there is one.

    source    a folder with a model, or with an adapter (its base model is then found by the name it gives);
              else a hub id, from the hub or its cache
    adapter   a folder with a PEFT adapter to put on it
    context   a lower limit for prompt and answer together, tokens
    dtype     float32, float16, bfloat16, or auto: bfloat16 on GPUs that have it, float16 on others, float32
              on a CPU
    Raises    LoadError with the reason
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    source = str(source)
    files = source
    if adapter is None and Path(source, ADAPTER).is_file():
        adapter, source = source, _base_of(Path(source))
        if not Path(files, "tokenizer_config.json").is_file():
            files = source
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        tokenizer = AutoTokenizer.from_pretrained(files)
        model = AutoModelForCausalLM.from_pretrained(source, dtype=_dtype(dtype, device)).to(device)
        if adapter is not None:
            model = _with_adapter(model, str(adapter))
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as err:
        raise LoadError(f"cannot load {source}{_with(adapter)}: {err}") from err
    return ChatModel(model, tokenizer, context)


def _with_adapter(model, folder: str):
    """The model with the adapter added to its weights: a step then costs what the base model's does."""
    from peft import PeftModel

    with warnings.catch_warnings():
        # peft reads an attribute of the model that transformers 5 renames; it works.
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing. is deprecated", FutureWarning)
        return PeftModel.from_pretrained(model, folder).merge_and_unload()


def _with(adapter) -> str:
    return f" with the adapter {adapter}" if adapter else ""


def _base_of(folder: Path) -> str:
    base = json.loads((folder / ADAPTER).read_text(encoding="utf-8")).get("base_model_name_or_path")
    if not base:
        raise LoadError(f"the adapter in {folder} does not name its base model (base_model_name_or_path).")
    return base


def _dtype(name: str, device):
    import torch

    names = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16,
             "half": torch.float16, "float": torch.float32}  # fmt: skip
    if name in names:
        return names[name]
    if name != "auto":
        raise LoadError(f"dtype {name!r} is none of auto, {', '.join(names)}.")
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float16
