"""Section `training`: our script, the plain way and TRL train the same rows on the same model, in one run.

What is counted is tokens that carry loss: those of the answers. All ways train on the answers only and see
every row once; rows of over 512 tokens are left out, so that no way cuts one. Two ways say what a difference
is made of: the script with the plain way's settings, and the plain Trainer with the script's. One function
computes the held-out loss of all (train_ways.held_out). A GPU, where there is one, gets two more models.
"""

import json
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import quality
import servers
from report import BenchError, Figure

SAMSUM = servers.ROOT.parent / "shared" / "data" / "samsum"
MODEL = servers.CODE / "pocketaws" / "hub" / "models" / "chat-1m"
LIMIT_S = 1200  # of one way
LEARNING_RATE = 6e-3
SEEDS = (42, 43, 44)
PLAIN = {
    "batch": 1,
    "accumulation": 4,
    "eval_steps": 25,
    "pad": "max_length",
    "targets": ["q_proj", "v_proj"],
}
OURS = {"per_device_train_batch_size": 16, "per_device_eval_batch_size": 16}
LIKE_PLAIN = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 4, "eval_steps": 25,
              "target_modules": "q_proj,v_proj"}  # fmt: skip
LIKE_OURS = {"batch": 16, "accumulation": 1, "eval_steps": 0, "pad": "longest", "targets": "all-linear"}
TRL = {"targets": "all-linear"}
# What makes TRL fastest here. Packed: rows of 512 tokens, as many a step as hold about 16 rows.
TRL_PADDED = {**TRL, "per_device_train_batch_size": 16, "per_device_eval_batch_size": 16,
              "gradient_checkpointing": False, "train_sampling_strategy": "group_by_length"}  # fmt: skip
TRL_PACKED = {**TRL, "packing": True, "eval_packing": False, "per_device_train_batch_size": 8,
              "per_device_eval_batch_size": 16, "gradient_checkpointing": False}  # fmt: skip


@dataclass
class Way:
    """One way to train, and what its runs came to: results of train_ways.main, one for each seed."""

    name: str
    kind: str
    settings: dict
    results: list[dict] = field(default_factory=list)

    def median(self, what: str) -> float:
        return statistics.median(result[what] for result in self.results)


def ways() -> dict[str, Way]:
    """The ways by a short word, in the order in which they run."""
    made = {
        "script": Way("train_qlora.py", "script", OURS),
        "plain": Way("The plain way", "plain", PLAIN),
        "trl": Way("TRL, its defaults", "trl", TRL),
        "trl padded": Way("TRL, 16 rows by length", "trl", TRL_PADDED),
        "trl packed": Way("TRL, packed", "trl", TRL_PACKED),
        "script as plain": Way("train_qlora.py, plain settings", "script", LIKE_PLAIN),
        "plain as script": Way("The plain Trainer, the script's settings", "plain", LIKE_OURS),
    }
    return made


def compared(out: Path, rows: int, seeds: int) -> Iterator[Figure]:
    """Every way once on `rows` training rows; the script, and the Trainer with its settings, once a seed."""
    python = bench_python()
    data = make_rows(out, MODEL, rows)
    done = ways()
    for way in done.values():
        run(python, out, MODEL, data, way, SEEDS[0])
    for seed in SEEDS[1:seeds]:
        for word in ("plain as script", "script"):
            run(python, out, MODEL, data, done[word], seed)
    yield from figures(done, data, "chat-1m")
    yield from on_gpu(python, out, rows)


def bench_python() -> Path:
    """The interpreter of an environment that has TRL beside the course's packages."""
    sys.path.append(str(servers.ROOT / "tests"))
    import environments

    try:
        return environments.python_of("trl")
    except RuntimeError as err:
        raise BenchError(f"the environment with TRL could not be built: {err}") from err


def make_rows(out: Path, model: Path, rows: int, tokenizer=None) -> dict:
    """Folders with `rows` training rows and a fifth as many held-out rows that fit, and what they hold.

    {"name", "training", "validation": folders, "rows", "held_out", "tokens", "labels": of the training rows}
    """
    sys.path.append(str(servers.CODE / "container" / "training"))
    from chat_data import IGNORE, encode
    from chat_rows import Report, Row
    from qlora import load_tokenizer
    from train_ways import LENGTH
    from tuneaws import config, data

    tokenizer = tokenizer or load_tokenizer(model)
    cfg = config.load(where="local", **{"dataset.source": str(SAMSUM) if SAMSUM.is_dir() else None})
    splits = quality.read_splits(cfg)
    made = {"name": "SAMSum" if SAMSUM.is_dir() else "the course's dialogues"}
    for split, channel, wanted in (("train", "training", rows), ("test", "validation", max(8, rows // 5))):
        kept, encoded = [], []
        for row in splits[split]:
            chat = data.build_messages(row, cfg.prompt)
            found = encode(tokenizer, [Row("", chat["messages"])], 10**6, Report(channel))
            if found and len(found[0]["input_ids"]) <= LENGTH and len(kept) < wanted:
                kept.append(chat)
                encoded += found
        folder = out / f"rows-{model.name}" / channel
        data.write_jsonl(kept, folder / "rows.jsonl")
        made[channel] = str(folder)
        made["rows" if channel == "training" else "held_out"] = len(kept)
        if channel == "training":
            made["tokens"] = sum(len(each["input_ids"]) for each in encoded)
            made["labels"] = sum(label != IGNORE for each in encoded for label in each["labels"])
    return made


def run(python: Path, out: Path, model: Path, data: dict, way: Way, seed: int, rate=LEARNING_RATE) -> None:
    """One run in a process of its own; its result is added to the way. Raises BenchError if it fails."""
    folder = out / f"{model.name}-{way.name}-{seed}".replace(" ", "-").replace(",", "").replace("'", "")
    folder.mkdir(parents=True, exist_ok=True)
    settings = dict(way.settings)
    if way.kind == "script":
        settings |= {"learning_rate": rate, "seed": seed, "warmup_ratio": 0}
    spec = {
        "way": way.kind, "model": str(model), "training": data["training"], "validation": data["validation"],
        "out": str(folder / "model"), "settings": settings, "seed": seed, "learning_rate": rate,
    }  # fmt: skip
    (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    program = Path(__file__).with_name("train_ways.py")
    command = [str(python), str(program), str(folder / "spec.json")]
    servers.run_command(command, folder / "log.txt", folder, LIMIT_S, HF_HUB_OFFLINE="1")
    way.results.append(json.loads((folder / "result.json").read_text(encoding="utf-8")))


def figures(done: dict[str, Way], data: dict, model: str, limits: bool = True) -> Iterator[Figure]:
    """A rate and a detail for each way; the script's time against the plain way's and TRL's best."""
    for way in done.values():
        seconds = way.median("train_s")
        detail = (f"an epoch of {data['rows']:,} rows in {seconds:.1f} s ({way.median('cpu_s'):.1f} of CPU), "
                  f"peak {way.median('peak_mb'):.0f} MiB, held-out loss {way.median('held_out'):.3f}; "
                  f"{way.median('whole_s'):.1f} s with imports and loading")  # fmt: skip
        samples = {"results": way.results}
        yield Figure(
            "training", f"{model}: {way.name}", data["labels"] / seconds, "tokens/s", None, detail, samples
        )
    script = done["script"].median("train_s")
    ratio, limit = script / done["plain"].median("train_s"), 0.5 if limits else None
    what = f"{model}: time of the script, against the plain way"
    in_cpu = f"CPU seconds {done['script'].median('cpu_s') / done['plain'].median('cpu_s'):.2f} ×"
    yield Figure("training", what, ratio, "x", limit, f"{in_cpu}; {described(data)}")
    best = min((way for way in done.values() if way.kind == "trl"), key=lambda way: way.median("train_s"))
    ratio = script / best.median("train_s")
    cpu = done["script"].median("cpu_s") / best.median("cpu_s")
    detail = f"the best is {best.name}; CPU seconds {cpu:.2f} ×"
    yield Figure("training", f"{model}: time of the script, against TRL's best", ratio, "x", 1.0, detail)
    yield quality_figure(done["script"], done["plain as script"], model)


def described(data: dict) -> str:
    """Such as "SAMSum: 480 rows, 105,120 tokens, 21,004 of them in answers; 96 held-out rows"."""
    held_out = f"{data['held_out']:,} held-out rows"
    tokens = f"{data['tokens']:,} tokens, {data['labels']:,} of them in answers"
    return f"{data['name']}: {data['rows']:,} rows, {tokens}; {held_out}"


def quality_figure(script: Way, plain: Way, model: str) -> Figure:
    """How much worse the script's held-out loss is than the plain Trainer's with the same settings.

    Held to the noise: to what one seed makes different from another on either side.
    """
    ours, theirs = ([result["held_out"] for result in way.results] for way in (script, plain))
    worse = statistics.mean(ours) - statistics.mean(theirs)
    spread = max(max(each) - min(each) for each in (ours, theirs))
    each = "; ".join(
        f"{name} {', '.join(f'{loss:.3f}' for loss in losses)}"
        for name, losses in (("script", ours), ("plain Trainer", theirs))
    )
    detail = f"{each}; seeds {', '.join(map(str, SEEDS[: len(ours)]))}; limit: what a seed changes"
    limit = round(spread, 4) if len(ours) > 1 else None
    return Figure(
        "training", f"{model}: held-out loss, script minus plain Trainer", worse, "nats", limit, detail
    )


def on_gpu(python: Path, out: Path, rows: int) -> Iterator[Figure]:
    """The same on models of the shape of Llama 3.2 1B and 3.1 8B with random weights, if there is a GPU."""
    import torch

    if not torch.cuda.is_available():
        print("  training: no GPU here, so the cells of 1B and 8B stay empty", flush=True)
        return
    import gpu_models

    peak = gpu_models.matmul_flops()
    for name in gpu_models.SHAPES:
        model, tokenizer = gpu_models.make(out, name)
        data = make_rows(out, model, rows, tokenizer)
        done = ways()
        for way in done.values():
            run(python, out, model, data, way, SEEDS[0], rate=2e-4)
        yield from figures(done, data, name, limits=False)
        yield from gpu_models.utilization(name, done, data, peak)
