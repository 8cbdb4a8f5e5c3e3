"""The base model in 4 bits or whole, and the LoRA adapter on it.

Where it runs decides the arithmetic: bfloat16 on GPUs that have it, float16 on older ones (V100, T4), float32
on a CPU.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import distributed
from arguments import UserError
from hub_token import use_secret

# All that a tokenizer and a configuration consist of, and no weights.
SMALL_FILES = ["*.json", "*.model", "*.txt", "*.jinja"]


@dataclass(frozen=True)
class Device:
    """kind "cuda" or "cpu"; name such as "NVIDIA A10G"; dtype of torch; memory_bytes 0 on a CPU."""

    kind: str
    name: str
    dtype: object
    memory_bytes: int = 0

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")


def pick_device(wide: bool = False) -> Device:
    """This process's GPU if there is one (the first, or its rank's own), else the CPU.

    wide  float32 where there is no bfloat16. T5 was trained in bfloat16, and its activations pass the
          65,504 at which float16 ends (66,246 seen, transformers issue 5651): the loss becomes NaN.
    """
    import torch

    if not torch.cuda.is_available():
        return Device("cpu", f"cpu ({torch.get_num_threads()} threads)", torch.float32)
    # is_bf16_supported() also says yes where bf16 is emulated; Ampere (8.0) is the first that has it.
    major, _ = torch.cuda.get_device_capability()
    properties = torch.cuda.get_device_properties(distributed.local_rank())
    dtype = torch.bfloat16 if major >= 8 else torch.float32 if wide else torch.float16
    return Device("cuda", properties.name, dtype, properties.total_memory)


def base_files(args) -> tuple[str, Path]:
    """What from_pretrained shall load, and the folder that holds its tokenizer and configuration.

    A channel called "model" comes first, then a folder, then the hub (or its cache, with HF_HUB_OFFLINE=1).
    Raises  UserError if there is no model.
    """
    if args.model is not None or Path(args.model_id).is_dir():
        folder = Path(args.model or args.model_id)
        if not (folder / "config.json").is_file():
            there = ", ".join(sorted(path.name for path in folder.glob("*"))[:5]) or "nothing"
            raise UserError(
                f"the base model's folder {folder} has no config.json; it holds: {there}.\n"
                "Fix: it must hold the files of one unpacked model, as save_pretrained writes them."
            )
        return str(folder), folder
    return args.model_id, _from_hub(args.model_id)


def _from_hub(model_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    use_secret()
    try:
        return Path(snapshot_download(model_id, allow_patterns=SMALL_FILES))
    except HFValidationError as err:
        raise UserError(f"model_id {model_id!r} is no folder here and no hub id such as name/model.") from err
    except LocalEntryNotFoundError as err:
        offline = os.environ.get("HF_HUB_OFFLINE", "0")
        raise UserError(
            f"the model {model_id!r} is not in the hub cache, and the hub cannot be asked "
            f"(HF_HUB_OFFLINE={offline}).\nFix: give the job a channel called 'model' that holds its files."
        ) from err
    except HfHubHTTPError as err:
        raise UserError(
            f"the hub does not hand out the model {model_id!r}: {str(err).strip().splitlines()[-1]}\n"
            "Fix: check the name; for a gated model accept its licence on the hub and give the job "
            "the name of the secret with your token (HF_TOKEN_SECRET; model.hf_token_secret in config.yaml)."
        ) from err


def longest_input(folder: Path, wanted: int) -> int:
    """`wanted` tokens a row, or the model's own limit (max_position_embeddings) if that is lower."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return min(wanted, config.get("max_position_embeddings") or wanted)


def is_encoder_decoder(folder: Path) -> bool:
    """Whether the model in this folder is an encoder-decoder, such as T5 and BART, by its configuration."""
    return bool(json.loads((folder / "config.json").read_text(encoding="utf-8")).get("is_encoder_decoder"))


def load_tokenizer(folder: Path):
    """The base model's tokenizer. Raises UserError if it cannot be loaded or has no offsets."""
    from transformers import AutoTokenizer, __version__

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
    except (OSError, ValueError, KeyError) as err:
        raise UserError(f"transformers {__version__} cannot load the tokenizer in {folder}: {err}") from err
    if not tokenizer.is_fast:
        raise UserError("the tokenizer has no tokenizer.json, so tokens cannot be placed in the text.")
    return tokenizer


def load_base(
    source: str, device: Device, quantization: str, encoder_decoder: bool = False, on_cpu: bool = False
):
    """The base model, frozen: linear layers in 4-bit NF4 with quantization "nf4", whole with "none".

    on_cpu  leave it in main memory: it is more than a GPU holds, and will be dealt out (distributed.shard)
    T5's `wo` layers stay whole either way: transformers keeps them in float32 (_keep_in_fp32_modules).

    Raises  UserError if 4 bits are asked for and bitsandbytes is not there, or the files make no model.
    """
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    kind = AutoModelForSeq2SeqLM if encoder_decoder else AutoModelForCausalLM
    place = distributed.local_rank() if device.kind == "cuda" and not on_cpu else "cpu"
    options = {"dtype": device.dtype, "device_map": {"": place}}
    if quantization == "nf4":
        options["quantization_config"] = _nf4(device)
    try:
        model = kind.from_pretrained(source, **options)
    except (OSError, ValueError) as err:
        raise UserError(f"the base model {source!r} cannot be loaded: {err}") from err
    keep_gradients_right(model)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    model.config.use_cache = False  # a cache of keys and values is for generating
    return model


def _nf4(device: Device):
    """The configuration of QLoRA (arXiv 2305.14314): NF4, with the scales quantized once more."""
    try:
        import bitsandbytes  # noqa: F401
    except (ImportError, OSError, RuntimeError) as err:  # not installed, or not for this platform
        raise UserError(
            f"4-bit weights need bitsandbytes, which cannot be used here: {err}\n"
            "Fix: --quantization none trains the same adapter on unquantized weights."
        ) from err
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=device.dtype,
    )  # fmt: skip


def check_ids(model, examples: dict[str, list[dict]]) -> None:
    """Raises UserError if the tokenizer has more tokens than the model has embeddings."""
    rows = model.get_input_embeddings().weight.shape[0]
    highest = max(max(*row["input_ids"], *row["labels"]) for some in examples.values() for row in some)
    if highest >= rows:
        raise UserError(
            f"the tokenizer makes token {highest}, and the model knows tokens 0 to {rows - 1}.\n"
            "Fix: the model and the tokenizer must be of one base model."
        )


def keep_gradients_right(model) -> int:
    """Stop bitsandbytes from repacking 4-bit weights on CPUs with AVX512-BF16; return how many layers it has.

    bitsandbytes 0.49 to 0.50.2 repacks a layer at its first pass outside training (evaluation, generation)
    into a form that has no right gradient: training after it goes on without an error, on wrong gradients.
    """
    layers = [module for module in model.modules() if hasattr(module, "support_avx512bf16_for_cpu")]
    for layer in layers:
        layer.support_avx512bf16_for_cpu = False
    return len(layers)


def add_adapter(model, args, source: str):
    """The model with a fresh LoRA adapter, its only trainable weights, in float32.

    Raises  UserError if target_modules names layers that the model does not have.
    """
    from peft import LoraConfig, get_peft_model

    task = "SEQ_2_SEQ_LM" if model.config.is_encoder_decoder else "CAUSAL_LM"
    config = LoraConfig(
        task_type=task, r=args.lora_r, lora_alpha=args.lora_alpha, lora_dropout=args.lora_dropout,
        target_modules=args.target_modules, bias="none",
    )  # fmt: skip
    try:
        model = get_peft_model(model, config)
    except ValueError as err:
        names = _linear_names(model)
        raise UserError(
            f"target_modules {args.target_modules} does not fit the model: {err}\n"
            f"Fix: use all-linear or some of {', '.join(names)}."
        ) from err
    # The folder of a channel is gone after the job: name the model by its id where there is one.
    model.peft_config["default"].base_model_name_or_path = args.model_id or source
    return model


def _linear_names(model) -> list[str]:
    """The short names of the linear layers, the output layer left out: ["down_proj", "gate_proj", …]."""
    import torch

    head = model.get_output_embeddings()
    layers = [
        name
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear) and layer is not head
    ]
    return sorted({name.rpartition(".")[2] for name in layers})


def wants_checkpointing(model, args, device: Device, longest_row: int) -> bool:
    """Whether to compute activations twice to save their memory.

    "auto" is no on a CPU. On a GPU it is yes if the weights and the activations would take over 70 % of the
    memory. With an adapter on every linear layer and dropout, a layer keeps 34 bytes of each number of its
    hidden size and 9 of its feed-forward size, for every token: norms 8, attention 8 and 6 in 16 bits, and
    what the adapters multiply, 12 + 6 and 2 + 1 (counted by torch's saved_tensors_hooks, 2026-11).
    """
    if args.gradient_checkpointing != "auto":
        return args.gradient_checkpointing
    if device.kind == "cpu":
        return False
    tokens = args.per_device_train_batch_size * min(args.max_seq_length, longest_row)
    config = model.config.get_text_config()
    layers = config.num_hidden_layers
    if config.is_encoder_decoder:  # num_hidden_layers counts the encoder's
        layers += getattr(config, "num_decoder_layers", getattr(config, "decoder_layers", layers))
    feed_forward = getattr(config, "intermediate_size", getattr(config, "d_ff", 4 * config.hidden_size))
    activations = (34 * config.hidden_size + 9 * feed_forward) * tokens * layers
    logits = tokens * config.vocab_size * 12  # three float32 tensors meet in the backward pass of the loss
    weights = model.get_memory_footprint() / (distributed.parts() if args.fsdp else 1)
    return weights + activations + logits > 0.7 * device.memory_bytes
