"""Measure pocketaws/chat-1m on the test split of pocketaws/dialogues: base against fine-tuned, and lead-1.

    cd code
    python -m pocketaws.hub.measure --trainer container/training/train_qlora.py --steps 50 100 200 400

Fine-tunes with the training script it is given, in a process of its own, once for each number of steps; then
writes a summary for every test dialogue (greedy) and prints the table of models/chat-1m/README.md.
Other arguments go to the training script as they are. Needs rouge-score.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HUB = Path(__file__).resolve().parent
MODEL = HUB / "models" / "chat-1m"
DATA = HUB / "datasets" / "dialogues"
INSTRUCTION = "Summarize this conversation in one sentence.\n\n"
RECIPE = {
    "learning_rate": 6e-3, "per_device_train_batch_size": 16, "gradient_accumulation_steps": 1, "lora_r": 16,
    "lora_alpha": 32, "lora_dropout": 0, "target_modules": "all-linear", "lr_scheduler_type": "cosine",
    "warmup_ratio": 0.05, "max_seq_length": 768, "quantization": "nf4", "seed": 1, "logging_steps": 10,
}  # fmt: skip


def read_rows(split: str) -> list:
    """Return the rows {"id", "dialogue", "summary"} of a split."""
    return [json.loads(line) for line in (DATA / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]


def as_messages(row: dict) -> list:
    """Return the course's prompt and the summary as chat messages."""
    return [
        {"role": "user", "content": INSTRUCTION + row["dialogue"]},
        {"role": "assistant", "content": row["summary"]},
    ]


def fine_tune(trainer: Path, base: Path, steps: int, more: list, work: Path) -> tuple:
    """Run the training script for `steps` steps; return (folder of the adapter, seconds it took)."""
    for split, channel in (("train", "training"), ("validation", "validation")):
        lines = [json.dumps({"messages": as_messages(row)}) for row in read_rows(split)]
        (work / channel).mkdir(exist_ok=True)
        (work / channel / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    model_dir = work / f"model-{steps}"
    options = {"model_id": base, "training": work / "training", "validation": work / "validation"}
    options |= {"model_dir": model_dir, "max_steps": steps, **RECIPE}
    command = [sys.executable, trainer, *(f"--{name}={value}" for name, value in options.items()), *more]
    started = time.monotonic()
    with open(work / f"log-{steps}.txt", "w", encoding="utf-8") as log:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
        code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=environment).returncode
    if code:
        raise SystemExit(f"the training script ended with {code}:\n{Path(log.name).read_text()[-2000:]}")
    return model_dir, time.monotonic() - started


def load(base: Path, adapter: Path | None = None):
    """Return (tokenizer, model) in float32, with the adapter merged in if there is one."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    return tokenizer, model.eval()


def held_out_loss(tokenizer, model, rows: list) -> float:
    """Return the mean loss of a summary token (the closing one included), in nats."""
    import torch

    total = count = 0.0
    for row in rows:
        text = tokenizer.apply_chat_template(as_messages(row), tokenize=False)
        start = text.rindex("<|assistant|>") + len("<|assistant|>")
        prompt, answer = (
            tokenizer(t, add_special_tokens=False)["input_ids"] for t in (text[:start], text[start:])
        )
        ids = torch.tensor([prompt + answer])
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, len(prompt) - 1 : -1]
        total += torch.nn.functional.cross_entropy(logits, ids[0, len(prompt) :], reduction="sum").item()
        count += len(answer)
    return total / count


def summaries(tokenizer, model, rows: list, batch_size: int = 32) -> list:
    """Return a greedy summary for each row, at most 80 tokens, ended at the end-of-turn token."""
    import torch

    texts = [
        tokenizer.apply_chat_template(as_messages(row)[:1], tokenize=False, add_generation_prompt=True)
        for row in rows
    ]
    order = sorted(range(len(rows)), key=lambda i: len(texts[i]))
    written = [""] * len(rows)
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        inputs = tokenizer(
            [texts[i] for i in part], add_special_tokens=False, padding=True, return_tensors="pt",
            return_token_type_ids=False,
        )  # fmt: skip
        with torch.no_grad():
            out = model.generate(**inputs, max_new_tokens=80, do_sample=False)
        for i, ids in zip(part, out[:, inputs["input_ids"].shape[1] :], strict=True):
            written[i] = tokenizer.decode(ids, skip_special_tokens=True).strip()
    return written


def scores(written: list, rows: list) -> dict:
    """Return ROUGE-1, -2 and -L (F1, stemmed), exact matches and empty answers, all in percent."""
    from rouge_score.rouge_scorer import RougeScorer

    kinds = ("rouge1", "rouge2", "rougeL")
    scorer = RougeScorer(kinds, use_stemmer=True)
    each = [scorer.score(row["summary"], text) for text, row in zip(written, rows, strict=True)]
    figures = {kind: 100 * sum(s[kind].fmeasure for s in each) / len(rows) for kind in kinds}
    figures["exact"] = 100 * sum(t == r["summary"] for t, r in zip(written, rows, strict=True)) / len(rows)
    figures["empty"] = 100 * sum(not text for text in written) / len(rows)
    return figures


def lead_1(row: dict) -> str:
    """Return the floor: the dialogue's first line, without the speaker's name."""
    return row["dialogue"].split("\n")[0].partition(": ")[2]


def table_line(name: str, loss: float | None, figures: dict, seconds: float | None) -> str:
    """Return one line of the README's table."""
    cells = [name, f"{loss:.3f}" if loss is not None else "", *(f"{value:.1f}" for value in figures.values())]
    return "| " + " | ".join([*cells, f"{seconds:.0f} s" if seconds is not None else ""]) + " |"


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description="Measure chat-1m: base, fine-tuned, lead-1.")
    parser.add_argument("--trainer", type=Path, help="the training script; none: only base and lead-1")
    parser.add_argument("--steps", type=int, nargs="*", default=[200])
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--split", default="test", choices=("test", "validation"))
    parser.add_argument("--show", type=int, default=0, help="print so many summaries of each model")
    args, more = parser.parse_known_args(argv)
    rows = read_rows(args.split)
    print("| | loss | ROUGE-1 | ROUGE-2 | ROUGE-L | exact % | empty % | training |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    print(table_line("lead-1", None, scores([lead_1(row) for row in rows], rows), None))
    with tempfile.TemporaryDirectory() as folder:
        for steps in [0, *args.steps] if args.trainer else [0]:
            adapter, seconds = None, None
            if steps:
                adapter, seconds = fine_tune(args.trainer.resolve(), args.model, steps, more, Path(folder))
            tokenizer, model = load(args.model, adapter)
            written = summaries(tokenizer, model, rows)
            figures = scores(written, rows)
            name = f"tuned, {steps} steps" if steps else "base"
            print(table_line(name, held_out_loss(tokenizer, model, rows), figures, seconds), flush=True)
            for row, text in zip(rows[: args.show], written, strict=False):
                print(f"    {row['summary']}\n        {text!r}")


if __name__ == "__main__":
    main()
