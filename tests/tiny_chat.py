"""A tiny random Llama, its tokenizer and chat rows, made in a second for the tests of the training script."""

import json
import random
import sys
from pathlib import Path

# The training script's folder is not a package: it travels alone, and its modules import each other by name.
TRAINING = Path(__file__).resolve().parents[1] / "code" / "container" / "training"
if str(TRAINING) not in sys.path:
    sys.path.append(str(TRAINING))

# Every kind that the script meets: written out here, because no model is there to take them from.
ASK = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
HEAD = "{{ '<|im_start|>' + m['role'] + '\\n' }}"
TEMPLATES = {
    "chatml": (
        "{% for m in messages %}" + HEAD + "{{ m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}" + ASK
    ),
    "llama3": (
        "{{ bos_token }}{% for m in messages %}{{ '<|start|>' + m['role'] + '<|end|>\\n\\n' }}"
        "{{ m['content'] | trim + '<|im_end|>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start|>assistant<|end|>\\n\\n' }}{% endif %}"
    ),
    "no system role": (
        "{% for m in messages %}"
        "{% if m['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        + HEAD
        + "{{ m['content'] + '<|im_end|>' }}{% endfor %}"
        + ASK
    ),
    # What Qwen3 does: only the last answer keeps its thinking.
    "not prefix-stable": (
        "{% for m in messages %}" + HEAD + "{% if m['role'] == 'assistant' and loop.last %}{{ '(thought) ' }}"
        "{% endif %}{{ m['content'] + '<|im_end|>' }}{% endfor %}" + ASK
    ),
}
SPECIAL = ["<|pad|>", "<|bos|>", "<|im_start|>", "<|im_end|>", "<|start|>", "<|end|>"]
NAMES = ["Ana", "Ben", "Cleo", "Dev", "Edo", "Fay", "Gus", "Hal"]
THINGS = ["the cake", "a ladder", "two tickets", "the red bike", "some paint", "her notes"]
SMALL_TALK = ["ok", "nice one", "see you", "thanks a lot"]
PLACES = ["the station", "Gus's house", "the library", "school", "the market"]
HIDDEN, LAYERS, VOCABULARY = 64, 2, 400


def chat_rows(count: int, seed: int = 0, answer: str = "{a} brings {b} {thing} to {place}.") -> list[dict]:
    """`count` rows of {"messages": [user, assistant]}: a short chat and its summary."""
    pick = random.Random(seed)
    rows = []
    for _ in range(count):
        a, b = pick.sample(NAMES, 2)
        thing, place = pick.choice(THINGS), pick.choice(PLACES)
        more = "".join(f"\n{b}: {pick.choice(SMALL_TALK)}" for _ in range(pick.randint(0, 4)))
        chat = f"{a}: I bring you {thing}.\n{b}: Where?\n{a}: At {place}.{more}"
        rows.append(row(f"Sum up.\n\n{chat}", answer.format(a=a, b=b, thing=thing, place=place)))
    return rows


def row(*contents: str) -> dict:
    """{"messages": [user, assistant, user, …]}."""
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(contents)]}


def write_jsonl(path: Path, rows: list) -> Path:
    """Rows (dicts, or strings as they are) as lines of a new file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def make_tokenizer(folder: Path, template: str = "chatml") -> None:
    """A byte-level BPE of 400 tokens that puts <|bos|> first, in files that transformers 4.56 and 5 read."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    text = [message["content"] for row in chat_rows(300, seed=9) for message in row["messages"]]
    tokenizer.train_from_iterator([*text, "system user assistant"], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|bos|> $A", special_tokens=[("<|bos|>", 1)]
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|bos|>", "eos_token": "<|im_end|>",
        "pad_token": "<|pad|>", "additional_special_tokens": ["<|im_start|>", "<|start|>", "<|end|>"],
        "model_max_length": 512, "clean_up_tokenization_spaces": False, "chat_template": TEMPLATES[template],
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))


def make_model(folder: Path, template: str = "chatml", dtype: str = "float16") -> Path:
    """A random Llama of 64 × 2 with tied embeddings, its config in the form of transformers 4."""
    import torch
    from safetensors.torch import save_file
    from transformers import LlamaConfig, LlamaForCausalLM

    make_tokenizer(folder, template)
    shape = {
        "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": 4,
        "num_key_value_heads": 2, "intermediate_size": 128, "vocab_size": VOCABULARY,
        "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "tie_word_embeddings": True,
        "bos_token_id": 1, "eos_token_id": 3, "pad_token_id": 0,
    }  # fmt: skip
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**shape, rope_theta=5000.0))
    weights = {
        name: value.detach().to(getattr(torch, dtype)).contiguous().clone()
        for name, value in model.state_dict().items()
        if name != "lm_head.weight"
    }
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "torch_dtype": dtype, "rope_theta": 5000.0, **shape,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    generation = {"bos_token_id": 1, "eos_token_id": 3, "pad_token_id": 0, "temperature": 0.6}
    (folder / "generation_config.json").write_text(json.dumps(generation))
    return folder
