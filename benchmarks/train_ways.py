"""One training run for the section `training`, in a process of its own: by our script, plain, or by TRL.

    python train_ways.py spec.json        → result.json beside it

All ways get the same rows, the same base in NF4, the same kind of adapter, and labels on the answers only;
what they come to is measured by one function, held_out(), on a freshly loaded base with the saved adapter.
"""

import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

TRAINING = Path(__file__).resolve().parents[1] / "code" / "container" / "training"
sys.path.append(str(TRAINING))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the script does for itself

LENGTH = 512  # tokens a row at most; training.py has chosen rows that fit


def script(spec: dict, clock) -> None:
    """container/training/train_qlora.py as it is; its training and its last evaluation are what is timed."""
    import train_qlora

    def timed(trainer):
        with clock:
            return train(trainer)

    train, train_qlora.train = train_qlora.train, timed
    settings = {
        "model_id": spec["model"], "training": spec["training"], "validation": spec["validation"],
        "model_dir": spec["out"], "max_seq_length": LENGTH, "lora_dropout": 0, **spec["settings"],
    }  # fmt: skip
    train_qlora.main([f"--{name}={value}" for name, value in settings.items()])


def plain(spec: dict, clock) -> None:
    """The Trainer of transformers with peft's layers, as most courses use it.

    settings  batch, accumulation, eval_steps (0: once at the end), pad ("longest" or "max_length"), targets
    """
    from transformers import Trainer, TrainingArguments

    settings = spec["settings"]
    model, tokenizer, device = base_and_tokenizer(spec)
    train, validation = (encoded(tokenizer, spec[name]) for name in ("training", "validation"))
    arguments = TrainingArguments(
        per_device_train_batch_size=settings["batch"], per_device_eval_batch_size=settings["batch"],
        gradient_accumulation_steps=settings["accumulation"],
        eval_strategy="steps" if settings["eval_steps"] else "no", eval_steps=settings["eval_steps"] or None,
        **common(spec, device),
    )  # fmt: skip
    trainer = Trainer(
        model=adapted(model, settings["targets"]), args=arguments, train_dataset=train,
        eval_dataset=validation, data_collator=Padded(tokenizer.pad_token_id, settings["pad"]),
    )  # fmt: skip
    with clock:
        trainer.train()
        if not settings["eval_steps"]:
            trainer.evaluate()
    trainer.model.save_pretrained(spec["out"], save_embedding_layers=False)


def trl(spec: dict, clock) -> None:
    """TRL's SFTTrainer; settings are passed to its SFTConfig as they are."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    model, tokenizer, device = base_and_tokenizer(spec)
    settings = dict(spec["settings"])
    targets = settings.pop("targets")
    sets = [Dataset.from_list(prompts(spec[name])) for name in ("training", "validation")]
    arguments = SFTConfig(max_length=LENGTH, **{**common(spec, device), **settings})
    trainer = SFTTrainer(
        model=model, args=arguments, train_dataset=sets[0], eval_dataset=sets[1],
        processing_class=tokenizer, peft_config=lora(targets),
    )  # fmt: skip
    with clock:
        trainer.train()
        trainer.evaluate()
    trainer.model.save_pretrained(spec["out"], save_embedding_layers=False)


def common(spec: dict, device) -> dict:
    """What every way has the same: seed, epochs, schedule, no files, no bars."""
    return {
        "output_dir": f"{spec['out']}-work", "seed": spec["seed"], "num_train_epochs": 1,
        "learning_rate": spec["learning_rate"], "lr_scheduler_type": "cosine", "save_strategy": "no",
        "report_to": "none", "disable_tqdm": True, "use_cpu": device.kind == "cpu",
        "bf16": device.dtype_name == "bfloat16", "fp16": device.dtype_name == "float16",
        "dataloader_pin_memory": device.kind == "cuda", "remove_unused_columns": spec["way"] == "trl",
    }  # fmt: skip


def base_and_tokenizer(spec: dict):
    """The base in NF4, its tokenizer, and where it runs: by the functions of the script."""
    from qlora import load_base, load_tokenizer, pick_device
    from quiet import silence

    silence()
    device = pick_device()
    return load_base(spec["model"], device, "nf4"), load_tokenizer(Path(spec["model"])), device


def lora(targets):
    from peft import LoraConfig

    return LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, lora_dropout=0.0, target_modules=targets)


def adapted(model, targets):
    from peft import get_peft_model

    return get_peft_model(model, lora(targets))


def encoded(tokenizer, folder: str) -> list[dict]:
    """The rows as the script encodes them: [{"input_ids", "labels"}, …]."""
    from chat_data import encode_channel
    from chat_rows import read_channel

    rows, report = read_channel(Path(folder), "training")
    return encode_channel(tokenizer, rows, report, LENGTH)


def prompts(folder: str) -> list[dict]:
    """The rows as TRL takes them where only answers shall count: {"prompt": [...], "completion": [...]}."""
    lines = (Path(folder) / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    chats = [json.loads(line)["messages"] for line in lines]
    return [{"prompt": chat[:-1], "completion": chat[-1:]} for chat in chats]


class Padded:
    """Rows → tensors, padded to the longest of the batch or to LENGTH."""

    def __init__(self, pad_id: int, to: str):
        self.pad_id, self.to = pad_id, to

    def __call__(self, rows: list[dict]) -> dict:
        import torch

        wide = LENGTH if self.to == "max_length" else max(len(row["input_ids"]) for row in rows)
        made = {"input_ids": [], "attention_mask": [], "labels": []}
        for row in rows:
            more = wide - len(row["input_ids"])
            made["input_ids"].append(row["input_ids"] + [self.pad_id] * more)
            made["attention_mask"].append([1] * len(row["input_ids"]) + [0] * more)
            made["labels"].append(row["labels"] + [-100] * more)
        return {name: torch.tensor(values) for name, values in made.items()}


def held_out(spec: dict) -> float:
    """Mean −log p of every answer token of the validation rows, nats: base in NF4 with the saved adapter."""
    import torch
    from peft import PeftModel

    model, tokenizer, device = base_and_tokenizer(spec)
    model = PeftModel.from_pretrained(model, spec["out"]).eval()
    rows = sorted(encoded(tokenizer, spec["validation"]), key=lambda row: len(row["input_ids"]))
    collate, total, count = Padded(tokenizer.pad_token_id, "longest"), 0.0, 0
    for at in range(0, len(rows), 8):
        batch = {name: value.to(model.device) for name, value in collate(rows[at : at + 8]).items()}
        labels = batch.pop("labels")[:, 1:]
        with torch.no_grad():
            logits = model(**batch).logits[:, :-1].float()
        total += torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum"
        ).item()
        count += int((labels != -100).sum())
    return total / count


class Clock:
    """Wall seconds and the process' CPU seconds of a block."""

    wall_s = cpu_s = 0.0

    def __enter__(self):
        self.begun = time.perf_counter(), time.process_time()

    def __exit__(self, *error):
        self._wait()
        wall, cpu = self.begun
        self.wall_s, self.cpu_s = time.perf_counter() - wall, time.process_time() - cpu

    @staticmethod
    def _wait() -> None:
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()


def peak_mb() -> float:
    """Of the GPU if there is one, else of the process, libraries and all."""
    from reporting import peak_memory_mb

    return peak_memory_mb()


def main(path: str) -> None:
    spec = json.loads(Path(path).read_text(encoding="utf-8"))
    clock, begun = Clock(), time.perf_counter()
    {"script": script, "plain": plain, "trl": trl}[spec["way"]](spec, clock)
    result = SimpleNamespace(train_s=clock.wall_s, cpu_s=clock.cpu_s, peak_mb=peak_mb())
    result.whole_s = time.perf_counter() - begun
    result.held_out = held_out(spec)
    Path(path).with_name("result.json").write_text(json.dumps(vars(result)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
