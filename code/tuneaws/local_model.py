"""A model in this process that answers messages: to look at a few answers, base beside tuned.

    answer = load("build/lesson-04/merged")
    answer([[{"role": "user", "content": "Summarize …"}]])      # ["Ines will bring the cake."]

The signature, list of messages -> list of texts, is the one that any way of serving a model can have.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path


def load(model: str, max_new_tokens: int = 80, batch_size: int = 16,
         base: str | None = None) -> Callable[[list], list]:
    """Return a function that answers conversations: list of lists of {"role", "content"} -> list of str.

    model           a folder with a model and its tokenizer, or a hub id; or a folder with an adapter
    max_new_tokens  an answer is cut here
    base            of an adapter: the model to put it on; None: the one that its adapter_config.json names.
                    An adapter of 4-bit training is a little better merged, as the training job merges it
    Greedy decoding, so the same question gets the same answer. On a GPU when there is one.
    """
    # Threads that wait sleep instead of spin; libgomp reads this when torch is imported first. Beside other
    # busy programs on two cores, spinning made an answer take 2 to 30 times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch
    from transformers import AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # it would stay in a notebook's stored output, at 0 %
    tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    loaded = _weights(model, base, dtype).to(device).eval()

    @torch.inference_mode()
    def answer(conversations: list) -> list:
        texts = [tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
                 for messages in conversations]
        # Rows of like length share a batch: less padding to compute.
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        answers = [""] * len(texts)
        for start in range(0, len(order), batch_size):
            places = order[start:start + batch_size]
            # The template has written the special tokens already.
            batch = tokenizer([texts[at] for at in places], return_tensors="pt", padding=True,
                              add_special_tokens=False).to(device)
            out = loaded.generate(**batch, max_new_tokens=max_new_tokens, do_sample=False,
                                  pad_token_id=tokenizer.pad_token_id)
            new = out[:, batch["input_ids"].shape[1]:]
            for at, text in zip(places, tokenizer.batch_decode(new, skip_special_tokens=True), strict=True):
                answers[at] = text.strip()
        return answers

    return answer


def _weights(model: str, base: str | None, dtype):
    from transformers import AutoModelForCausalLM

    adapter = Path(model) / "adapter_config.json"
    if not adapter.is_file():
        return AutoModelForCausalLM.from_pretrained(model, dtype=dtype)
    # bitsandbytes, which peft imports, misses a kernel that is not needed, and peft reads an attribute which
    # transformers 5 renames: nothing that the reader of a notebook could put right.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    from peft import PeftModel

    base = base or json.loads(adapter.read_text(encoding="utf-8"))["base_model_name_or_path"]
    whole = AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing. is deprecated", FutureWarning)
        return PeftModel.from_pretrained(whole, model).merge_and_unload()
