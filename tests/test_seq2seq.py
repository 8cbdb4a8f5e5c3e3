"""Encoder-decoders (T5's kind): what they are trained on, by the same trainer, and how they are served."""

import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch
from environments import ROOT, python_of
from pocketaws import hub_cache
from serving_models import inference
from tiny_chat import TRAINING, row

import finetune  # isort: skip  (found by tiny_chat's path)
import qlora  # isort: skip
import train_qlora  # isort: skip
from arguments import UserError, parse_arguments  # isort: skip
from chat_data import IGNORE, Collator  # isort: skip
from chat_rows import Report, Row  # isort: skip
from quiet import WARNED  # isort: skip
from seq2seq_data import PLAIN, encode_pairs  # isort: skip

pytestmark = [pytest.mark.filterwarnings(f"ignore:{part}:{kind.__name__}") for part, kind in WARNED]
HUB = ROOT / "code" / "pocketaws" / "hub"
T5 = HUB / "models" / "t5-1m"
DIALOGUES = HUB / "datasets" / "dialogues"
LOGITS = """
import sys, torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForSeq2SeqLM.from_pretrained(sys.argv[1], torch_dtype=torch.float32).eval()
ids = tokenizer("Ana: I bring the cake.\\nBen: at 7 €?", return_tensors="pt")
with torch.no_grad():
    loss = model(**ids, labels=tokenizer("Ana brings it.", return_tensors="pt")["input_ids"]).loss
print(ids["input_ids"].tolist(), f"{loss:.4f}")
"""


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(T5))
    tokenizer.chat_template = PLAIN
    return tokenizer


def write(folder, split: str, count: int):
    """The first rows of a split as a CSV, columns dialogue and summary."""
    import csv

    folder.mkdir(parents=True)
    lines = (DIALOGUES / f"{split}.jsonl").read_text("utf-8").splitlines()[:count]
    with (folder / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("dialogue", "summary"), *(list(json.loads(x).values())[1:] for x in lines)]
        )
    return folder


@pytest.fixture(scope="module")
def channels(tmp_path_factory):
    root = tmp_path_factory.mktemp("channels")
    return {
        "training": write(root / "train", "train", 400),
        "validation": write(root / "val", "validation", 24),
    }


def run(channels, base, out, python=sys.executable, **settings):
    """finetune.py in a process of its own; (its metric lines as dicts, all it printed)."""
    told = {"base_model": base, **channels, "model_dir": out, "learning_rate": 6e-3, "batch_size": 16,
            "max_sequence_length": 256, "lora_dropout": 0, "logging_steps": 1, **settings}  # fmt: skip
    own = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(out.parent / "hub")}
    done = subprocess.run(
        [str(python), str(TRAINING / "finetune.py"), *(f"--{name}={value}" for name, value in told.items())],
        capture_output=True, text=True, env={**os.environ, **own},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("[metric] ")]
    return [{k: float(v) for k, v in (word.split("=") for word in line)} for line in lines], done.stdout


@pytest.fixture(scope="module")
def runs(channels, tmp_path_factory):
    """Two at a time: one by the hub id, in 4 bits, merged; one on the versions of Studio, whole, merged; and
    what the inference image's versions make of the base model."""
    root = tmp_path_factory.mktemp("runs")
    hub_cache.prepare(root / "hub")
    (root / "held").mkdir()
    (root / "held" / "a.csv").write_text("dialogue,summary\nAna: Hi!,Ana says hi.\n")
    whole = {"training": channels["validation"], "validation": root / "held"}  # all of it in one batch
    told = {"warmup_ratio": 0, "merge_weights": "true", "gradient_checkpointing": "true"}
    older = {**told, "batch_size": 24, "max_steps": 3, "quantization": "none"}
    command = [str(python_of("inference")), "-W", "ignore", "-c", LOGITS, str(T5)]
    with ThreadPoolExecutor(2) as pool:
        started = [
            pool.submit(run, channels, "pocketaws/t5-1m", root / "tuned", max_steps=9, **told),
            pool.submit(run, whole, T5, root / "studio", python_of("studio"), **older),
            pool.submit(subprocess.check_output, command, text=True),
        ]
    return root, *(each.result() for each in started)


@pytest.fixture(scope="module")
def tuned(runs):
    """(the folder of the run in 4 bits, its metric lines, all it printed)."""
    return runs[0] / "tuned", *runs[1]


@pytest.fixture(scope="module")
def base_loss(channels, tmp_path_factory):
    """Of the base model on the validation rows."""
    return make_trainer(channels, tmp_path_factory.mktemp("base") / "model", max_seq_length=256)[
        0
    ].evaluate()["eval_loss"]


def make_trainer(channels, out, **settings):
    """What finetune.py makes before it trains, without its process; and the encoded rows."""
    told = {
        "model_id": T5,
        **channels,
        "model_dir": out,
        "quantization": "none",
        "lora_dropout": 0,
        **settings,
    }
    args = parse_arguments([f"--{k}={v}" for k, v in told.items()], "", finetune.add_arguments)
    source, _, tokenizer = train_qlora.open_base(args)
    tokenizer.chat_template = PLAIN
    examples = train_qlora.encode_data(tokenizer, finetune.read_data(args), args, encoder_decoder=True)
    return train_qlora.make_run(args, source, tokenizer, examples, encoder_decoder=True), examples


# --- rows


def encoded(tokenizer, *rows, most=64):
    report = Report("training", read=len(rows))
    rows = [Row(f"line {i}", each["messages"]) for i, each in enumerate(rows, 1)]
    return encode_pairs(tokenizer, rows, report, most), report


def test_the_prompt_goes_to_the_encoder_and_the_answer_with_its_end_to_the_decoder(tokenizer):
    [example], report = encoded(tokenizer, row("Where is Ana?\n", " At school. "))
    assert tokenizer.decode(example["input_ids"]) == "Where is Ana?<|end|>"
    assert example["labels"][0] == IGNORE
    assert tokenizer.decode(example["labels"][1:]) == "At school.<|end|>"
    assert (report.trained_on, report.kept) == (len(example["labels"]) - 1, 1)
    assert report.tokens == len(example["input_ids"]) + report.trained_on


def test_each_answer_of_a_conversation_is_an_example_after_all_that_was_said(tokenizer):
    talk = row("Where is Ana?", "At school.", "And Ben?", "At home.")
    talk["messages"].insert(0, {"role": "system", "content": "Be short."})
    examples, report = encoded(tokenizer, talk)
    assert [tokenizer.decode(each["input_ids"]) for each in examples] == [
        "Be short.\n\nWhere is Ana?<|end|>",
        "Be short.\n\nWhere is Ana?\n\nAnswer: At school.\n\nAnd Ben?<|end|>",
    ]
    assert [tokenizer.decode(each["labels"][1:]) for each in examples] == [
        "At school.<|end|>",
        "At home.<|end|>",
    ]
    assert report.kept == 1


def test_what_is_cut_or_dropped_is_counted(tokenizer):
    end = tokenizer.eos_token_id
    rows = [row("Why? " * 40, "Yes."), row("Why?", "Yes. " * 40), row("Why?", " "), row("Why?", "Yes.")]
    (long, answer, short), report = encoded(tokenizer, *rows, most=16)
    assert len(long["input_ids"]) == 16 and long["input_ids"][-1] == end and long["labels"][-1] == end
    assert len(answer["labels"]) == 17 and answer["labels"][-1] != end
    assert short["labels"] == long["labels"]
    assert (report.kept, report.cut, report.cut_answers, report.longest > 64) == (3, 2, 1, True)
    assert dict(report.first) == {"the answer has no token": "line 3"}


@pytest.mark.parametrize("content", ["text\nOnce upon a time\n", "year,value\n2024,7\n"])
def test_texts_without_a_prompt_are_refused_in_one_sentence(tmp_path, content):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text(content)
    told = {"base_model": T5, "training": tmp_path / "data", "model_dir": tmp_path / "model"}
    with pytest.raises(
        UserError, match=r"1 rows are texts .*a.csv row 1.*encoder-decoder(?s:.)*--fields prompt="
    ):
        finetune.main([f"--{name}={value}" for name, value in told.items()])


def test_a_batch_pads_prompts_and_answers_each_to_its_own_length():
    batch = Collator(7)(
        [{"input_ids": [1] * 9, "labels": [IGNORE, 2]}, {"input_ids": [3], "labels": [IGNORE, 4, 5]}]
    )
    assert {name: tuple(value.shape) for name, value in batch.items()} == {
        "input_ids": (2, 16), "attention_mask": (2, 16), "labels": (2, 8)
    }  # fmt: skip
    assert (
        batch["attention_mask"].sum(1).tolist() == [9, 1] and batch["input_ids"][1].tolist() == [3] + [7] * 15
    )
    assert batch["labels"][1].tolist() == [IGNORE, 4, 5] + [IGNORE] * 5


# --- training


def test_the_loss_is_that_of_the_model_itself_whatever_the_batch_size(channels, tmp_path):
    trainer, examples = make_trainer(channels, tmp_path / "model")
    batch = Collator(0)(examples["validation"])
    given = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
    with torch.no_grad():
        theirs = trainer.model.eval()(**given, labels=batch["labels"][:, 1:].contiguous()).loss.item()
        ours = trainer.compute_loss(trainer.model, batch).item()
    assert ours == pytest.approx(theirs, rel=1e-5)
    for size in (1, 5):
        trainer.args.per_device_eval_batch_size = size
        assert trainer.evaluate()["eval_loss"] == pytest.approx(theirs, rel=1e-5)


def test_the_held_out_loss_falls_in_4_bits_by_the_hub_id(tuned, base_loss):
    out, metrics, log = tuned
    assert len([each for each in metrics if "loss" in each]) == 9
    [held_out] = [each["eval_loss"] for each in metrics if "eval_loss" in each]
    assert held_out < base_loss - 0.5
    assert "quantization nf4" in log and "the encoder reads the prompt as it is" in log
    assert json.loads((out / "adapter_config.json").read_text())["task_type"] == "SEQ_2_SEQ_LM"
    final = metrics[-1]
    assert final["trained_tokens"] > 9 * 16 * 50 and not math.isnan(final["peak_memory_mb"])


def test_the_merged_model_has_the_loss_of_the_one_in_training(tuned, channels, tmp_path):
    from transformers import AutoModelForSeq2SeqLM

    out, metrics, _ = tuned
    _, examples = make_trainer(channels, tmp_path / "model", max_seq_length=256)
    batch = Collator(0)(examples["validation"])
    model = AutoModelForSeq2SeqLM.from_pretrained(str(out / "merged"), dtype=torch.float32).eval()
    labels = batch.pop("labels")[:, 1:].contiguous()
    with torch.no_grad():
        loss = model(**batch, labels=labels).loss.item()
    [trained] = [each["eval_loss"] for each in metrics if "eval_loss" in each]
    assert loss == pytest.approx(trained, abs=0.01)


def test_it_trains_on_the_versions_of_studio_from_the_same_loss(runs, base_loss):
    root, _, (metrics, log), _ = runs
    assert "transformers 4.57" in log
    losses = [each["loss"] for each in metrics if "loss" in each]
    assert losses[0] == pytest.approx(base_loss, abs=1e-4) and losses[-1] < base_loss - 0.1
    assert (root / "studio" / "merged" / "model.safetensors").is_file()


@pytest.mark.parametrize("capability, wide, dtype", [
    ((7, 5), False, torch.float16), ((7, 5), True, torch.float32), ((8, 0), True, torch.bfloat16),
])  # fmt: skip
def test_an_old_gpu_computes_an_encoder_decoder_in_float32(monkeypatch, capability, wide, dtype):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda *_: SimpleNamespace(name="", total_memory=1)
    )
    assert qlora.pick_device(wide=wide).dtype == dtype


# --- serving


def ask(model, payload):
    out = inference.output_fn(
        inference.predict_fn(inference.input_fn(json.dumps(payload), None), model), None
    )
    return json.loads(out) if isinstance(out, str) else list(out)


@pytest.fixture(scope="module")
def prompts():
    lines = (DIALOGUES / "test.jsonl").read_text("utf-8").splitlines()[:3]
    return [
        "Summarize this conversation in one sentence.\n\n" + json.loads(line)["dialogue"] for line in lines
    ]


@pytest.fixture(scope="module")
def served(tuned):
    return inference.model_fn(str(tuned[0]))  # merged/ goes first


def test_texts_messages_and_streams_get_one_answer(served, prompts):
    parameters = {"max_new_tokens": 24}
    texts = [each["generated_text"] for each in ask(served, {"inputs": prompts, "parameters": parameters})]
    assert len(set(texts)) == 3 and all(texts) and not any(text.startswith("Summarize") for text in texts)
    for prompt, text in zip(prompts, texts, strict=True):
        chat = {"messages": [{"role": "user", "content": prompt}], "max_tokens": 24}
        whole = ask(served, chat)
        assert whole["choices"][0]["message"]["content"] == text
        *events, _ = ask(served, {**chat, "stream": True})
        pieces = [json.loads(event[len("data: ") :])["choices"][0] for event in events]
        assert "".join(piece["delta"]["content"] for piece in pieces) == text and len(pieces) > 3
        assert pieces[-1]["finish_reason"] == whole["choices"][0]["finish_reason"]
        assert whole["usage"]["completion_tokens"] <= 24


def test_a_stop_text_ends_an_answer(served, prompts):
    [whole] = ask(served, {"inputs": prompts[0], "parameters": {"max_new_tokens": 24}})
    stop = whole["generated_text"].split()[1]
    [cut] = ask(served, {"inputs": prompts[0], "parameters": {"max_new_tokens": 24, "stop": stop}})
    assert cut["generated_text"] == whole["generated_text"].partition(stop)[0]
    chat = {"messages": [{"role": "user", "content": prompts[0]}], "max_tokens": 24, "stop": stop}
    assert 2 <= ask(served, chat)["usage"]["completion_tokens"] < 9  # and no token is made after it


def test_an_adapter_is_served_on_its_base_and_asked_as_it_was_trained(
    tuned, served, prompts, tmp_path, tokenizer
):
    shutil.copytree(tuned[0], tmp_path / "adapter", ignore=shutil.ignore_patterns("merged"))
    from chat_model import load

    model = load(str(T5), str(tmp_path / "adapter"))
    messages = [
        {"role": "system", "content": " Be short."},
        *row(prompts[0], "Yes.", "Why?", "So.")["messages"],
    ]
    examples, _ = encoded(tokenizer, {"messages": messages}, most=512)
    asked = [model.prompt_ids(messages[:2]), model.prompt_ids(messages[:4])]
    assert asked == [example["input_ids"] for example in examples]
    assert model.prompt_ids(prompts[0]) == model.prompt_ids([{"role": "user", "content": prompts[0]}])
    [answer] = ask(model, {"inputs": prompts[0], "parameters": {"max_new_tokens": 8}})
    assert answer["generated_text"]


def test_the_base_model_takes_messages_in_the_words_that_training_uses(prompts):
    import chat_model

    assert chat_model.PLAIN == PLAIN
    model = inference.model_fn(str(T5))
    answer = ask(model, {"messages": [{"role": "user", "content": prompts[0]}], "max_tokens": 8})
    assert answer["usage"]["prompt_tokens"] == len(model.tokenizer(prompts[0])["input_ids"])


# --- the base model


def test_the_card_says_what_the_model_is(tokenizer):
    from transformers import AutoModelForSeq2SeqLM

    card = (T5 / "README.md").read_text("utf-8")
    assert f"{AutoModelForSeq2SeqLM.from_pretrained(str(T5)).num_parameters():,} parameters" in card
    assert f"{len(tokenizer):,} tokens" in card
    assert hashlib.sha256((T5 / "model.safetensors").read_bytes()).hexdigest() in card
    assert sum(path.stat().st_size for path in T5.iterdir()) < 3e6


def test_the_versions_of_the_inference_image_load_the_same_tokens_and_the_same_loss(
    runs, capsys, monkeypatch
):
    monkeypatch.setattr(sys, "argv", ["", str(T5)])
    exec(LOGITS, {})
    assert runs[-1] == capsys.readouterr().out != ""
