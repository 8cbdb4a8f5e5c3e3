"""Warnings of the libraries that say nothing to the person who reads the log, each with the reason why; and
no search for garbage while they are imported."""

import contextlib
import gc
import logging
import warnings

# (logger, part of the message)
LOGGED = (
    # A kernel for generating text in bfloat16, of a package that training does not need.
    ("bitsandbytes.backends.cpu.ops", "Failed to load CPU gemm_4bit_forward"),
    # Printed by bitsandbytes at import on every machine without a GPU; the optimizer here has 32 bits.
    ("bitsandbytes.cextension", "8-bit optimizer is not available"),
    # Sampling settings of the base model (a temperature without sampling); nothing is generated here.
    ("transformers.generation.configuration_utils", "generation flags are not valid"),
    # 4.x says so of every model that was loaded to a named device. It is on one.
    ("transformers.trainer", "The model is already on multiple devices"),
    # Checkpoints a few seconds apart are then sorted by their step, which is what is wanted; below for 4.x.
    ("transformers.trainer_utils", "mtime may not be reliable on this filesystem"),
)
# (part of the message, category)
WARNED = (
    # bitsandbytes 0.47 calls a check that newer PyTorch renames; it works.
    (".*_check_is_size will be removed", FutureWarning),
    # peft reads an attribute of the model that transformers 5 renames; it works.
    (".*is_gradient_checkpointing. is deprecated", FutureWarning),
    # peft asks the hub at each checkpoint whether the vocabulary grew, and may not ask. It did not grow.
    (".*will assume that the vocabulary was not modified", UserWarning),
    (".*mtime may not be reliable on this filesystem", UserWarning),
    # accelerate passes PyTorch's former word for it; the newer one is not in every version.
    (".*`broadcast_buffers` is deprecated", FutureWarning),
)


@contextlib.contextmanager
def no_garbage():
    """In this block Python does not look for garbage, and what the block made it never looks at again.

    The imports of training make 4,400 modules and the rows a million numbers, all of which stay; looking
    through them again and again took 2.7 of the 8.0 CPU seconds that a job of one step had (3,200 dialogues,
    medians of three, 2026-11). Every job pays for that.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def silence() -> None:
    """Leave out the messages above and progress bars, whose carriage returns spoil a log. Nothing else."""
    from huggingface_hub.utils import disable_progress_bars
    from transformers.utils import logging as transformers_logging

    for name, part in LOGGED:
        logging.getLogger(name).addFilter(lambda record, part=part: part not in record.getMessage())
    for part, category in WARNED:
        warnings.filterwarnings("ignore", message=part, category=category)
    transformers_logging.disable_progress_bar()
    disable_progress_bars()
