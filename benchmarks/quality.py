"""Does the course's recipe make the small model better? Train as lesson 03 does, then base against tuned.

    python benchmarks/quality.py                                  the course's dialogues, its frozen test set
    python benchmarks/quality.py --data ../shared/data/samsum     your own rows, or SAMSum's
    python benchmarks/quality.py --steps 20 --test-rows 50        to try it, not to quote it

Runs train_qlora.py with the settings of config.yaml, then asks the base model and the merged one every test
row. The test rows are those of the source; where it has none, all its validation rows are the test, and
validation rows are drawn from the training rows. Prints a table, writes report.md, report.json (all answers)
and intervals.png to build/quality/<name of the data>. About 90 s on two cores with the course's rows.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT / "code") not in sys.path:
    sys.path.append(str(ROOT / "code"))

import report as bench_report  # noqa: E402  (after code/ is on the path)
import servers  # noqa: E402
from tuneaws import config, data  # noqa: E402

TRAIN_LIMIT_S = 3600


def read_splits(cfg, test_rows: int | None = None) -> dict:
    """{"train", "validation", "test"} as the course splits them; validation becomes test if there is none."""
    rows, _ = data.clean(data.read_rows(cfg.dataset.source, cfg.dataset.fields), cfg.dataset.max_chars)
    there = {row["split"] for row in rows}
    borrowed = "validation" in there and "test" not in there
    if borrowed:
        rows = [{**row, "split": "test"} if row["split"] == "validation" else row for row in rows]
    if test_rows is None:
        test_rows = 0 if borrowed else cfg.dataset.test_rows
    return data.split(rows, cfg.dataset.train_rows, cfg.dataset.validation_rows, test_rows, cfg.dataset.seed)


def train(cfg, splits: dict, base: str, out: Path) -> float:
    """Run the training script in a process of its own; the seconds from its start to its end.

    Leaves the model in out/model, and what the script said in out/train.log. Raises BenchError if it fails.
    """
    variables = {"SM_MODEL_DIR": str(out / "model"), "SM_OUTPUT_DATA_DIR": str(out / "output"),
                 "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    for split, channel in (("train", "TRAINING"), ("validation", "VALIDATION")):
        path = out / split / f"{split}.jsonl"
        data.write_jsonl((data.build_messages(row, cfg.prompt) for row in splits[split]), path)
        variables[f"SM_CHANNEL_{channel}"] = str(path.parent)
    settings = {**cfg.training.hyperparameters(), "model_id": base, "merge_weights": True}
    command = [sys.executable, "train_qlora.py"]
    command += [str(word) for name, value in settings.items() for word in (f"--{name}", value)]
    folder = servers.CODE / "container" / "training"
    return servers.run_command(command, out / "train.log", folder, TRAIN_LIMIT_S, **variables)


def measure(cfg, splits: dict, base: str, merged: Path):
    """The Report of base and tuned on the test rows; first lines as the floor."""
    from transformers import AutoTokenizer
    from tuneaws import local_model
    from tuneaws.evaluate import evaluate

    systems = {"base": local_model.load(base), "tuned": local_model.load(str(merged))}
    return evaluate(systems, splits["test"], cfg.prompt, tokenizer=AutoTokenizer.from_pretrained(base),
                    training_rows=splits["train"], lead_lines=(1, 3))  # fmt: skip


def loss_lines(log: Path) -> list[str]:
    """The held-out losses that the script printed, such as ["eval_loss=0.947 at step 50", ...]."""
    from tuneaws import metrics

    rows = metrics.parse_lines(log.read_text(encoding="utf-8").splitlines())
    held_out = [row for row in rows if "eval:loss" in row]
    return [f"{row['eval:loss']:.3f} after {row['train:step']:.0f} steps" for row in held_out]


def as_markdown(rows: list) -> list[str]:
    """Rows of a table, dicts with the same keys, as lines of Markdown."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([str(cell) for cell in row.values()] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def document(name: str, splits: dict, done, machine: dict, seconds: dict, losses: list) -> str:
    """The whole report as Markdown: when, on what, how long, the tables, what to be careful with."""
    counts = ", ".join(f"{len(splits[split]):,} {split}" for split in ("train", "validation", "test"))
    lines = [f"# {name}: base against tuned", "", f"Measured {done.measured}. Rows: {counts}.", ""]
    lines += [f"- {what}: {value}" for what, value in machine.items()]
    took = ", ".join(f"{what} {each:.0f} s" for what, each in seconds.items())
    lines += [f"- Took: {took}", f"- Held-out loss, nats per token: {', '.join(losses)}", ""]
    lines += [*as_markdown(done.table()), "", *as_markdown(done.compare("tuned", "base")), ""]
    lines += [*as_markdown(done.costs()), "", f"**{done.verdict('tuned', 'base')}.**"]
    floors = [name for name, system in done.systems.items() if system.floor and done.beats("tuned", name)]
    lines += [f"\n{done.verdict('tuned', floor)}." for floor in floors]
    lines += [f"\nNote: {line}." for line in done.warnings()]
    return "\n".join(lines) + "\n"


def read_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="PATH", help="a file or folder of rows; default: config.yaml's")
    parser.add_argument("--steps", type=int, help="of training; default: config.yaml's")
    parser.add_argument("--test-rows", type=int, help="at most so many; default: as said above")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "quality", help="default build/quality")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Train, measure, write the report; return 0."""
    args = read_arguments(arguments)
    import matplotlib

    matplotlib.use("Agg")
    cfg = config.load(where="local", **{"dataset.source": args.data, "training.max_steps": args.steps})
    name = Path(cfg.dataset.source).stem
    out = args.out.resolve() / name
    base = str(servers.CODE / "pocketaws" / "hub" / "models" / cfg.model.id.rpartition("/")[2])
    shutil.rmtree(out, ignore_errors=True)
    machine = bench_report.machine()
    splits = read_splits(cfg, args.test_rows)
    print(f"{name}: training on {len(splits['train']):,} rows …", flush=True)
    seconds = {"training": train(cfg, splits, base, out)}
    print(f"{seconds['training']:.0f} s; asking {len(splits['test']):,} test rows …", flush=True)
    started = time.perf_counter()
    done = measure(cfg, splits, base, out / "model" / "merged")
    seconds["evaluation"] = time.perf_counter() - started
    text = document(name, splits, done, machine, seconds, loss_lines(out / "train.log"))
    (out / "report.md").write_text(text, encoding="utf-8")
    done.save(out / "report.json")
    done.plot().figure.savefig(out / "intervals.png", dpi=110)
    print(f"\n{text}\n{out / 'report.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
