"""Make training and validation file for a model that Amazon Bedrock tunes, and check them as Bedrock does.

    python code/prepare_bedrock_data.py my/rows.csv                          # for the configured model
    python code/prepare_bedrock_data.py my/rows --model meta.llama3-1-8b-instruct-v1:0
    python code/prepare_bedrock_data.py my/rows.csv --columns prompt=Frage,completion=Antwort
    python code/prepare_bedrock_data.py dialogues.json --summaries           # with the course's prompt
    python code/prepare_bedrock_data.py --check training.jsonl --with validation.jsonl   # only check files

CSV, JSON, JSONL or TXT, a file or a folder. No account, no network: nothing is uploaded. Lesson 13 does the
same, step by step. Exit status: 0 good, 1 the checked files have problems, 2 nothing could be made.
"""

import argparse
import sys
from pathlib import Path


def main(argv: list | None = None) -> int:
    """Convert, split, check, print the reports; return the exit status."""
    args = parse(argv)
    from tuneaws import bedrock_data, config, rows

    try:
        cfg = config.load(args.config)
        family = bedrock_data.family(args.model or cfg.bedrock.model_id)
        if args.check:
            return report(bedrock_data.check(args.check, family, args.validation_file))
        return prepare(args, cfg, family)
    except (bedrock_data.BedrockDataError, config.ConfigError, rows.DataError, OSError) as err:
        print(f"{type(err).__name__}: {err}", file=sys.stderr)
        return 2


def prepare(args: argparse.Namespace, cfg, family) -> int:
    """Convert the source, split it within the model's limits, check the two files."""
    from tuneaws import bedrock_data

    how = {"columns": args.columns}
    if args.summaries:
        how = {"prompt": cfg.prompt, "fields": vars(cfg.dataset.fields)}
    converted = args.out / "all.jsonl"
    made = bedrock_data.convert(args.source, converted, family, max_chars=cfg.dataset.max_chars, **how)
    print(made)
    wanted = min(200, made.kept // 10) if args.validation is None else args.validation
    wanted = wanted if family.validation else 0
    parts = bedrock_data.split(converted, args.out, family, wanted, seed=cfg.dataset.seed)
    print(parts)
    return report(bedrock_data.check(parts.training, family, parts.validation))


def report(checked) -> int:
    """Print what a check found; return the exit status."""
    print(checked)
    return 0 if checked.ok else 1


def parse(argv: list | None) -> argparse.Namespace:
    """Read the command line."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("source", nargs="?", help="a file or a folder of rows")
    parser.add_argument("--model", help="base model, or a family such as nova; default: bedrock.model_id")
    parser.add_argument("--config", help="another config.yaml")
    parser.add_argument("--columns", default="", help="prompt=Frage,completion=Antwort; default: found")
    parser.add_argument("--summaries", action="store_true", help="rows are dialogues and their summaries")
    parser.add_argument("--validation", type=int, metavar="N",
                        help="records; 0: none; default: a tenth of the rows, at most 200")
    parser.add_argument("--check", type=Path, metavar="FILE", help="check this file, make nothing")
    parser.add_argument("--with", dest="validation_file", type=Path, metavar="FILE", help="and this one")
    parser.add_argument("--out", type=Path, default=Path("build/bedrock_data"), help="for the files")
    args = parser.parse_args(argv)
    if (args.source is None) == (args.check is None):
        parser.error("give a source, or --check and a file")
    if args.validation_file and args.check is None:
        parser.error("--with is for --check; how many rows a source gives for validation: --validation N")
    if args.validation is not None and args.validation < 0:
        parser.error(f"--validation {args.validation}: 0 or more records")
    for file in (args.check, args.validation_file):
        if file is not None and file.is_dir():
            parser.error(f"{file} is a folder: check one file at a time, {file}/training.jsonl")
    return args


if __name__ == "__main__":
    sys.exit(main())
