"""What a run leaves behind: the adapter, the tokenizer it needs, and the merged model if it was asked for."""

import json
import shutil
from pathlib import Path

import distributed
from arguments import UserError

# Copied from the base model rather than written anew: neither is changed by training, and what transformers 5
# writes does not load in 4.x (the tokenizer's class is unknown there, and the config's rope_theta is lost).
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "tokenizer.model", "vocab.json", "merges.txt", "vocab.txt", "chat_template.jinja", "chat_template.json",
)  # fmt: skip
CONFIG_FILES = ("config.json", "generation_config.json")


def copy_files(names: tuple[str, ...], source: Path, target: Path) -> list[str]:
    """Copy those of the files that are there (the hub's cache holds links, copies are plain files)."""
    target.mkdir(parents=True, exist_ok=True)
    there = [name for name in names if (source / name).is_file()]
    for name in there:
        shutil.copyfile(source / name, target / name)
    return there


def save_adapter(model, base_folder: Path, model_dir: Path) -> None:
    """Write adapter_model.safetensors, adapter_config.json and the base model's tokenizer to model_dir."""
    # "auto" would look at the hub whether the vocabulary was resized; it was not.
    weights = adapter_weights(model)
    model.save_pretrained(str(model_dir), state_dict=weights, save_embedding_layers=False)
    (model_dir / "README.md").unlink(missing_ok=True)  # peft's empty model card
    copy_files(TOKENIZER_FILES, base_folder, model_dir)


def adapter_weights(model) -> dict:
    """The trained weights by name. peft would bring dealt-out weights together, only to leave them out."""
    return {name: each.detach() for name, each in model.named_parameters() if each.requires_grad}


def check_can_merge(base_folder: Path) -> None:
    """Raises UserError if the base model is stored in few bits: there is no whole model to merge into."""
    config = json.loads((base_folder / "config.json").read_text(encoding="utf-8"))
    if config.get("quantization_config"):
        raise UserError(
            "merge_weights needs a base model in 16 or 32 bits, this one is stored quantized.\n"
            "Fix: --merge_weights false, or the unquantized variant of the model."
        )


def merge(model_dir: Path, source: str, base_folder: Path, trained=None) -> Path:
    """Add the saved adapter to the base model, in the base's own precision; return merged/.

    trained  the model that was trained, with its 4-bit layers if it has any; None: the base as it is stored
    The result is not rounded to 4 bits: that would lose what the adapter learned.
    Needs main memory for the whole base model, 2 bytes a parameter in 16 bits.
    """
    from peft import PeftModel
    from qlora import is_encoder_decoder
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, GenerationConfig

    kind = AutoModelForSeq2SeqLM if is_encoder_decoder(base_folder) else AutoModelForCausalLM
    base = kind.from_pretrained(source, dtype="auto", device_map={"": "cpu"})
    if trained is not None:
        take_4bit_weights(base, trained)
    merged = PeftModel.from_pretrained(base, str(model_dir)).merge_and_unload(safe_merge=True)
    if (base_folder / "generation_config.json").is_file():
        # Some hub models ship sampling settings that save_pretrained refuses; theirs are copied below.
        merged.generation_config = GenerationConfig()
    folder = model_dir / "merged"
    merged.save_pretrained(str(folder))
    copy_files(TOKENIZER_FILES + CONFIG_FILES, base_folder, folder)
    return folder


def take_4bit_weights(base, trained) -> int:
    """Give base the values that trained's 4-bit layers compute with; return how many layers that were.

    The adapter has learned on these values, and to make up for what rounding to 4 bits took away; on the
    weights as stored it corrects an error that is not there. chat-1m after lesson 04's recipe, held-out loss:
    0.820 with the 4-bit layers, 0.848 merged into the weights as stored, 0.820 merged into these.
    """
    import torch

    count = 0
    targets = dict(base.named_modules())
    for name, weight, state in gather_4bit_weights(trained, take=True):
        from bitsandbytes.functional import dequantize_4bit

        target = targets[name.removesuffix(".base_layer")].weight
        with torch.no_grad():
            target.copy_(dequantize_4bit(weight, state).reshape(target.shape))
        count += 1
    return count


def gather_4bit_weights(trained, take: bool = False):
    """(name, 4-bit weight, its scales) of each layer, dealt-out ones brought together one after the other.

    take  False: only help the rank that takes them
    """

    def each():
        for name, layer in trained.get_base_model().named_modules():
            state = getattr(getattr(layer, "weight", None), "quant_state", None)
            state = state or getattr(layer, "quant_state", None)  # FSDP's weights have lost it
            if state is not None and not hasattr(layer, "base_layer"):
                yield name, distributed.whole(layer.weight), state  # a LoRA layer shows that of the one in it

    if take:
        return each()
    for _ in each():
        pass
