"""What tests of serving share: chat-1m and an adapter on it laid out as endpoints get them, and questions."""

import json
import os
import shutil
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INFERENCE = ROOT / "code" / "container" / "inference"
CHAT_1M = ROOT / "code" / "pocketaws" / "hub" / "models" / "chat-1m"
DIALOGUES = ROOT / "code" / "pocketaws" / "hub" / "datasets" / "dialogues" / "test.jsonl"
LAYOUTS = ("whole", "adapter", "merged", "base")
# The inference code is no package: it travels as code/ in an archive, its modules import each other by name.
if str(INFERENCE) not in sys.path:
    sys.path.append(str(INFERENCE))


def conversations(count: int) -> list[list[dict]]:
    """Questions of different lengths about the first test dialogues."""
    lines = DIALOGUES.read_text(encoding="utf-8").splitlines()[:count]
    return [[{"role": "user", "content": f"Sum up.\n\n{json.loads(line)['dialogue']}"}] for line in lines]


def make_layouts(folder: Path) -> Path:
    """Write folder/<layout>/, each what an archive unpacks to: the model's files, and the script in code/.

    The adapter has large random weights, so that its answers are not the base model's.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(7)
    base = AutoModelForCausalLM.from_pretrained(CHAT_1M, dtype=torch.float32)
    config = LoraConfig(r=4, lora_alpha=32, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft reads what transformers 5 renames
        tuned = get_peft_model(base, config)
    tuned.save_pretrained(folder / "adapter", save_embedding_layers=False)
    small = [path for path in CHAT_1M.iterdir() if path.suffix in (".json", ".jinja")]
    for path in small:
        if path.name not in ("config.json", "generation_config.json"):
            shutil.copy(path, folder / "adapter")
    merged = folder / "merged" / "merged"
    tuned.merge_and_unload().save_pretrained(merged)
    for path in small:
        shutil.copy(path, merged)
    shutil.copytree(CHAT_1M, folder / "whole")
    (folder / "base").mkdir()
    for layout in LAYOUTS:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(INFERENCE, folder / layout / "code", ignore=ignore)
    return folder


def environment(layout: str = "", **more: str) -> dict[str, str]:
    """The variables of a container that serves a layout, on top of the test's own: one thread, no hub."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    model = {"HF_MODEL_ID": str(CHAT_1M)} if layout == "base" else {}
    return {**own, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **model, **more}
