"""Fine-tune a language model on files as they are: CSV, TSV, JSON, JSONL, TXT, each also gz, of mixed kinds.

    python finetune.py --base_model HuggingFaceTB/SmolLM2-135M-Instruct --training my/files \\
        --model_dir out/model --learning_rate 2e-4 --batch_size 8 --epochs 1 --max_sequence_length 512 \\
        --optimizer adamw --weight_decay 0.01

In a training job the folders come from SageMaker's SM_* variables and the rest from the hyperparameters, all
of them strings. Which column is what is found from the names (see fields.py), or given:
--fields prompt=Frage,completion=Antwort. Chats and question-and-answer rows are learned by their answers,
texts by every word. A row that cannot be used is counted with its reason and place; the rest is trained on.

The base model may be an encoder-decoder (google/flan-t5-base): its encoder reads the prompt, its decoder
learns the answer, and each may have max_sequence_length tokens. It learns answers only: texts are refused.

The trainer is that of train_qlora.py, and its other hyperparameters are taken here too: lora_r, quantization,
max_steps, merge_weights, …
"""

import argparse
import sys

import distributed
from arguments import UserError, parse_arguments
from chat_rows import Report, Row
from fields import Cleaning, FieldsError, convert_files, parse_given, sample_lines
from reading import ReadError, read_folder
from reading import Report as FileReport
from reporting import say
from seq2seq_data import PLAIN as PLAIN_SEQ2SEQ
from train_qlora import run

# The names of this script for hyperparameters that train_qlora.py has under another name.
NAMES = {
    "base_model": ("model_id", "base model: a hub id or a folder"),
    "batch_size": ("per_device_train_batch_size", "rows a forward pass"),
    "max_sequence_length": ("max_seq_length", "tokens a row"),
}
OPTIMIZERS = {
    word: word.partition("_")[0] for word in ("adamw", "adamw_torch", "adamw_hf", "adafactor", "sgd")
}
# For base models, which have no chat template of their own: the headings that Alpaca made common.
PLAIN_TEMPLATE = (
    "{{ bos_token or '' }}{% for m in messages %}"
    "{% if m['role'] == 'assistant' %}{{ '### Response:\\n' + m['content'] + eos_token + '\\n\\n' }}"
    "{% else %}{{ '### ' + ('Instruction' if m['role'] == 'user' else 'System') + ':\\n' }}"
    "{{ m['content'] + '\\n\\n' }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}"
)


def main(argv: list[str]) -> None:
    """Train as told; see the module's docstring for what comes from where.

    Raises  UserError for what the caller can put right.
    """
    args = parse_arguments(argv, __doc__, add_arguments)
    template = []

    def prepare(tokenizer, channels, encoder_decoder) -> None:
        if not tokenizer.chat_template and any(row.messages for rows, _ in channels for row in rows):
            plain, words = PLAIN_TEMPLATE, "### Instruction and ### Response stand for it"
            if encoder_decoder:
                plain, words = PLAIN_SEQ2SEQ, "the encoder reads the prompt as it is"
            tokenizer.chat_template = plain
            template.append(plain)
            say(f"[data] the base model has no chat template: {words}")

    run(args, read_data, prepare)
    writes = template and distributed.is_first()
    for folder in (args.model_dir, args.model_dir / "merged") if writes else ():
        if folder.is_dir():
            (folder / "chat_template.jinja").write_text(template[0], encoding="utf-8")


def add_arguments(parser) -> None:
    """The hyperparameters of this script that train_qlora.py does not have, or has under another name."""
    group = parser.add_argument_group("hyperparameters of this script")
    kinds = {action.dest: action.type for action in parser._actions}
    for name, (dest, text) in NAMES.items():
        group.add_argument(f"--{name}", dest=dest, type=kinds[dest], default=argparse.SUPPRESS, help=text)
    group.add_argument("--optimizer", type=optimizer, default="adamw", help="adamw, adafactor or sgd (adamw)")
    group.add_argument("--fields", type=fields, default="", help="columns: prompt=Frage,completion=Antwort")
    group.add_argument("--missing", default="", help="cells that mean nothing, by commas: C,S,n/a")


def optimizer(text: str) -> str:
    """adamw, adafactor or sgd, in any of their usual spellings."""
    if text.strip().lower() not in OPTIMIZERS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of adamw, adafactor, sgd")
    return OPTIMIZERS[text.strip().lower()]


def fields(text: str) -> str:
    """The text as it is, if it names columns."""
    try:
        parse_given(text)
    except FieldsError as err:
        raise argparse.ArgumentTypeError(str(err)) from None
    return text


def read_data(args) -> list[tuple[list[Row], Report]]:
    """The rows of the training channel and, if there is one, of the validation channel."""
    held_out, later = set(), []
    if args.validation is None:
        say("[data] validation: no such channel, so there is no eval_loss")
    else:
        later = [read_channel(args.validation, "validation", args, seen=held_out)]
    return [read_channel(args.training, "training", args, seen=set(), held_out=held_out), *later]


def read_channel(folder, channel: str, args, **unlike) -> tuple[list[Row], Report]:
    """Every row of a channel that teaches something, and the report that counts the others; says both.

    unlike  seen, held_out: what its rows must not repeat, see fields.convert()
    Raises  UserError if a file or a column is not there, or no row is left.
    """
    files, cleaning = FileReport(), Cleaning()
    missing = [word.strip() for word in args.missing.split(",") if word.strip()]
    found = read_folder(folder, files)
    pairs = convert_files(found, cleaning, given=args.fields, missing=missing, **unlike)
    rows, examples = [], []
    try:
        for name, example in pairs:
            place = f"{name} row {cleaning.read - cleaning.before}"
            rows.append(Row(place, example.get("messages", []), example.get("text", "")))
            if len(examples) < 3:
                examples.append(example)
    except (ReadError, FieldsError) as err:
        raise UserError(f"channel '{channel}': {err}") from err
    for line in [*files.lines(), *cleaning.lines()]:
        say(f"[data] {channel}: {line}")
    for line in sample_lines(examples):
        say(f"[sample] {line}")
    if not rows:
        raise UserError(f"channel '{channel}': none of the {cleaning.read:,} rows can be used.\n{cleaning}")
    return rows, _counts(channel, files, cleaning)


def _counts(channel: str, files: FileReport, cleaning: Cleaning) -> Report:
    """The counts in the form that train_metrics.json has. Rows read = rows kept + rows dropped."""
    report = Report(channel, files=len(files.files), read=cleaning.read + files.left_out)
    report.dropped.update(cleaning.dropped)
    report.first.update(cleaning.first)
    if files.left_out:
        reason = "broken in its file"
        report.dropped[reason] = files.left_out
        report.first[reason] = next(str(p.file) + f" line {p.line}" for p in files.problems if p.lost)
    return report


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
        distributed.leave()
    except UserError as err:
        # The sagemaker-training toolkit makes FailureReason of what follows the name of a Python exception.
        sys.exit(f"ValueError: {err}")
