"""A model in this process that answers messages: to look at a few answers, base beside tuned.

    answer = load("build/lesson-04/merged")
    answer([[{"role": "user", "content": "Summarize …"}]])      # ["Ines will bring the cake."]

The signature, list of messages -> list of texts, is the one that any way of serving a model can have.
"""

from __future__ import annotations

from collections.abc import Callable


def load(model: str, max_new_tokens: int = 80, batch_size: int = 16) -> Callable[[list], list]:
    """Return a function that answers conversations: list of lists of {"role", "content"} -> list of str.

    model           a folder with a model and its tokenizer, or a hub id
    max_new_tokens  an answer is cut here
    Greedy decoding, so the same question gets the same answer. On a GPU when there is one.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # it would stay in a notebook's stored output, at 0 %
    tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=dtype).to(device).eval()

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
