"""What train_qlora.py and finetune.py can be told: hyperparameters, and SageMaker's folders.

Only the standard library is imported here, so `--help` answers at once.
"""

import argparse
import difflib
import math
import os
import re
from pathlib import Path

# The schedules of transformers.SchedulerType that need no further argument.
SCHEDULES = ("linear", "cosine", "constant", "constant_with_warmup", "inverse_sqrt")


class UserError(ValueError):
    """Something the person who started the job can put right. The message says what happened and one fix."""


class Parser(argparse.ArgumentParser):
    """argparse that raises UserError, and answers an unknown argument with the nearest known ones."""

    def error(self, message: str):
        raise UserError(f"{message}\nFix: see `python {self.prog} --help` for what each argument takes.")

    def parse(self, argv: list[str]) -> argparse.Namespace:
        known, unknown = self.parse_known_args(argv)
        if unknown:
            raise UserError(self._about_unknown(unknown))
        return known

    def _about_unknown(self, unknown: list[str]) -> str:
        first = next((word for word in unknown if word.startswith("--")), unknown[0])
        name = first.lstrip("-").partition("=")[0]
        known = [action.option_strings[-1][2:] for action in self._actions if action.dest != "help"]
        near = difflib.get_close_matches(name.replace("-", "_"), known, n=3)
        near = near or [each for each in known if name in each or each in name]
        if not near:
            return f"unknown argument {first!r}.\nFix: the arguments are {', '.join(known)}."
        return f"unknown argument {first!r}.\nFix: did you mean {' or '.join('--' + each for each in near)}?"


def boolean(text: str) -> bool:
    """True for true, True, 1 and yes: SDKs send Python's and JSON's spelling."""
    word = text.strip().lower()
    if word in ("true", "1", "yes"):
        return True
    if word in ("false", "0", "no"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is not true or false")


def auto_or_boolean(text: str) -> bool | str:
    """The word "auto", or what boolean() reads."""
    return "auto" if text.strip().lower() == "auto" else boolean(text)


def number(kind=float, low=-math.inf, high=math.inf, above: bool = False):
    """A parser for a finite number of `kind` with low ≤ value ≤ high (low < value if `above`)."""

    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}") from None
        if not math.isfinite(value) or value < low or value > high or (above and value == low):
            least = f"more than {low:g}" if above else f"at least {low:g}"
            most = "" if high == math.inf else f" and at most {high:g}"
            raise argparse.ArgumentTypeError(f"{text} is not {least}{most}")
        return value

    return parse


def steps_limit(text: str) -> int:
    """-1 (no limit) or a number of steps; 0 would train nothing."""
    value = number(int, low=-1)(text)
    if value == 0:
        raise argparse.ArgumentTypeError("0 steps would train nothing; -1 means no limit")
    return value


def modules(text: str) -> str | list[str]:
    """all-linear as it is; "q_proj,v_proj" → ["q_proj", "v_proj"]."""
    names = [name for name in re.split(r"[,\s]+", text.strip()) if name]
    if not names:
        raise argparse.ArgumentTypeError('needs "all-linear" or module names such as q_proj,v_proj')
    return "all-linear" if names == ["all-linear"] else names


def make_parser(description: str) -> Parser:
    """The parser. Folders default to SageMaker's SM_* variables, read now."""
    parser = Parser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    _add_hyperparameters(parser.add_argument_group("hyperparameters"))
    _add_folders(parser.add_argument_group("folders (defaults: SageMaker's SM_* variables)"))
    return parser


def _add_hyperparameters(group) -> None:
    def add(name, kind, default, text, **more):
        group.add_argument(f"--{name}", type=kind, default=default, help=f"{text} ({default})", **more)

    add("model_id", str, "", "base model: a hub id or a folder; a channel called 'model' goes before it")
    add("epochs", number(low=0, above=True), 1.0, "passes over the training rows")
    add("max_steps", steps_limit, -1, "stop after so many steps, whatever epochs says; -1: no limit")
    add("learning_rate", number(low=0, above=True), 2e-4, "peak learning rate")
    add("per_device_train_batch_size", number(int, low=1), 4, "rows a forward pass")
    add("per_device_eval_batch_size", number(int, low=1), 8, "rows a forward pass in evaluation")
    add("gradient_accumulation_steps", number(int, low=1), 1, "forward passes an optimizer step")
    add("max_seq_length", number(int, low=8), 1024, "tokens a row; longer rows are cut on the right")
    add("lora_r", number(int, low=1), 16, "rank of the adapter")
    add("lora_alpha", number(low=0, above=True), 32.0, "the adapter counts alpha / r")
    add("lora_dropout", number(low=0, high=0.99), 0.05, "dropout before the adapter")
    add("target_modules", modules, "all-linear", "all-linear, or names: q_proj,v_proj")
    add("quantization", str, "nf4", "nf4: base weights in 4 bits; none: whole", choices=("nf4", "none"))
    add("lr_scheduler_type", str, "cosine", "learning rate schedule", choices=SCHEDULES)
    add("warmup_ratio", number(low=0, high=1), 0.03, "share of the steps that warm up")
    add("weight_decay", number(low=0), 0.0, "AdamW's weight decay")
    add("seed", number(int, low=0, high=2**32 - 1), 42, "for the adapter's start, the order of rows, dropout")
    add("logging_steps", number(int, low=1), 10, "steps between two loss lines")
    every = "steps between two evaluations; 0: once, at the end; -1: as often as takes 5 %% of the time"
    add("eval_steps", number(int, low=-1), 0, every)
    add("save_steps", number(int, low=0), 0, "steps between two checkpoints; 0: none")
    add("merge_weights", boolean, False, "true: also save the base model with the adapter in it, in merged/")
    add("fsdp", boolean, False, "true: deal the base model out to the GPUs, if one cannot hold it")
    add("gradient_checkpointing", auto_or_boolean, "auto", "trade time for memory: auto, true or false")


def _add_folders(group) -> None:
    def add(name, variable, text):
        group.add_argument(
            f"--{name}",
            type=Path,
            default=os.environ.get(variable),
            metavar="DIR",
            help=f"{text} ({variable})",
        )

    add("training", "SM_CHANNEL_TRAINING", "*.jsonl to train on")
    add("validation", "SM_CHANNEL_VALIDATION", "*.jsonl to evaluate on, optional")
    add("model", "SM_CHANNEL_MODEL", "the base model's files, instead of model_id")
    add("model_dir", "SM_MODEL_DIR", "takes the adapter, its tokenizer and merged/")
    add("output_data_dir", "SM_OUTPUT_DATA_DIR", "takes train_metrics.json")
    group.add_argument("--checkpoint_dir", type=Path, metavar="DIR", help="(`checkpoints` beside model_dir)")


def parse_arguments(argv: list[str], description: str, add=None) -> argparse.Namespace:
    """Arguments of one run, checked as far as they can be without loading anything.

    add     takes the parser, to give it more arguments
    Raises  UserError for an unknown argument, an impossible value or a folder that is missing.
    """
    parser = make_parser(description)
    parser.set_defaults(optimizer="adamw")
    if add is not None:
        add(parser)
    args = parser.parse(argv)
    if args.training is None:
        channels = os.environ.get("SM_CHANNELS", "[]")
        raise UserError(
            f"there is no training data: no channel is called 'training' (the job's channels: {channels}).\n"
            'Fix: fit({"training": "s3://bucket/prefix"}), or --training FOLDER when you run it by hand.'
        )
    if args.model_dir is None:
        raise UserError("there is no folder for the model.\nFix: set SM_MODEL_DIR or pass --model_dir.")
    if not (args.model or args.model_id):
        raise UserError(
            "there is no base model.\n"
            "Fix: pass --model_id, a hub id or a folder, or give the job a channel called 'model'."
        )
    # SageMaker names no variable for checkpoints; its default folder is the model folder's neighbour.
    args.checkpoint_dir = args.checkpoint_dir or args.model_dir.parent / "checkpoints"
    args.output_data_dir = args.output_data_dir or args.model_dir.parent / "output" / "data"
    return args
