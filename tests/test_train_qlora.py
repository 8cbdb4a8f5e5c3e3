"""train_qlora.py as a training job runs it: in a folder of its own, told by SM_* variables and arguments."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_chat
from arguments import UserError, parse_arguments
from environments import python_of
from tiny_chat import TRAINING, chat_rows, write_jsonl
from tuneaws.metrics import METRIC_DEFINITIONS, parse_lines

STEPS = 30
HYPERPARAMETERS = {
    "max_steps": STEPS, "learning_rate": "1e-2", "per_device_train_batch_size": 8, "lora_r": 8,
    "lora_dropout": 0, "logging_steps": 5, "eval_steps": 10, "save_steps": 15, "merge_weights": "True",
}  # fmt: skip


class Job:
    """A folder laid out as /opt/ml with the script in code/, and the process that runs it there."""

    def __init__(self, root: Path, base, python=sys.executable, rows=None, hub="", **hyperparameters):
        self.root, self.model_dir = root, root / "model"
        write_jsonl(root / "input/data/training/train.jsonl", rows or chat_rows(120))
        write_jsonl(root / "input/data/validation/validation.jsonl", chat_rows(24, seed=1))
        shutil.copytree(TRAINING, root / "code", ignore=shutil.ignore_patterns("__pycache__"))
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("SM_", "PYTHON"))
        }
        environment |= {
            "SM_HOSTS": '["algo-1"]', "SM_CURRENT_HOST": "algo-1", "SM_CHANNELS": '["training","validation"]',
            "SM_CHANNEL_TRAINING": str(root / "input/data/training"),
            "SM_CHANNEL_VALIDATION": str(root / "input/data/validation"),
            "SM_MODEL_DIR": str(self.model_dir), "SM_OUTPUT_DATA_DIR": str(root / "output/data"),
            "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(hub),
            "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        arguments = [str(word) for name, value in hyperparameters.items() for word in (f"--{name}", value)]
        self.process = subprocess.Popen(
            [str(python), "train_qlora.py", "--model_id", str(base), *arguments], cwd=root / "code",
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def finish(self) -> "Job":
        self.out, self.err = self.process.communicate(timeout=600)
        self.code = self.process.returncode
        return self

    @property
    def metrics(self) -> list[dict]:
        lines = [line for line in self.out.splitlines() if line.startswith("[metric] ")]
        return [{k: float(v) for k, v in (word.split("=") for word in line.split()[1:])} for line in lines]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_chat.make_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def hub(base, tmp_path_factory):
    """A hub cache as a container has it, with the tiny model under the id tests/tiny."""
    cache = tmp_path_factory.mktemp("hub")
    folder, revision = cache / "models--tests--tiny", "0123456789abcdef" * 2 + "01234567"
    shutil.copytree(base, folder / "snapshots" / revision)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(revision)
    return cache


@pytest.fixture(scope="module")
def jobs(hub, tmp_path_factory):
    """The same job three times, its model a hub id: twice here, once on SageMaker Studio's versions."""
    pythons = {"here": sys.executable, "again": sys.executable, "studio": python_of("studio")}
    started = {
        name: Job(tmp_path_factory.mktemp(name), "tests/tiny", python, hub=hub, **HYPERPARAMETERS)
        for name, python in pythons.items()
    }
    return {name: job.finish() for name, job in started.items()}


@pytest.fixture(params=["here", "studio"])
def job(jobs, request):
    return jobs[request.param]


def test_a_good_run_ends_with_0_and_says_nothing_on_stderr(job):
    assert (job.code, job.err) == (0, "")


def test_train_metrics_json_has_what_repeats_the_run(jobs):
    here, again, studio = (
        json.loads((jobs[name].root / "output/data/train_metrics.json").read_text())["run"]
        for name in ("here", "again", "studio")
    )
    assert here == again
    for what in ("data", "code", "model", "seed", "program"):
        assert studio[what] == here[what]
    assert studio["packages"]["transformers"] == "4.57.6" != here["packages"]["transformers"]
    assert here["model"]["id"] == "tests/tiny" and here["model"]["revision"].startswith("0123456789abcdef")
    assert here["data"]["training"]["files"] == here["data"]["validation"]["files"] == 1
    assert here["data"]["training"]["sha256"] != here["data"]["validation"]["sha256"]


def test_the_first_lines_say_versions_data_and_what_is_trained(jobs):
    lines = jobs["studio"].out.splitlines()
    assert re.match(
        r"\[setup\] python 3\.\d+\.\d+, torch 2\S+, transformers 4\.57\.6, peft 0\.17\.1, bits", lines[0]
    )
    text = "\n".join(lines)
    assert "[data] training: 120 rows in 1 file, 120 kept; " in text
    assert '[sample] trained on "Gus brings Hal the red bike to the station.<|im_end|>"' in text
    assert (
        "on cpu (1 threads), float32, quantization nf4, gradient checkpointing off, rows packed; trains "
        "16,384 of" in text
    )
    assert f"[train] {STEPS} steps of 8 rows, 120 rows an epoch" in text


def test_the_loss_falls_and_so_does_the_loss_on_rows_it_has_not_seen(job):
    losses = [m["loss"] for m in job.metrics if "loss" in m]
    held_out = [m["eval_loss"] for m in job.metrics if "eval_loss" in m]
    assert losses[0] == pytest.approx(math.log(400), abs=0.1)  # a random model knows nothing
    assert losses[-1] < losses[0] - 0.5
    assert held_out == sorted(held_out, reverse=True) and held_out[-1] < losses[0] - 0.5


def test_metric_lines_come_when_they_were_asked_for(job):
    assert [m["step"] for m in job.metrics if "loss" in m] == [1, 5, 10, 15, 20, 25, 30]
    assert [m["step"] for m in job.metrics if "eval_loss" in m] == [10, 20, 30]
    keys = ["train_loss", "train_runtime_s", "trained_tokens", "peak_memory_mb"]
    assert list(job.metrics[-1]) == keys and all(job.metrics[-1][key] > 0 for key in keys)
    rates = [m["learning_rate"] for m in job.metrics if "loss" in m]
    assert max(rates) <= 1e-2 and rates[1:] == sorted(rates[1:], reverse=True)


def test_the_courses_regexes_read_every_metric_line(job):
    table = parse_lines(job.out.splitlines(), METRIC_DEFINITIONS)
    for name in ("loss", "eval_loss", "learning_rate", "epoch", "tokens_per_s"):
        metric = name.replace("_", ":") if name == "eval_loss" else f"train:{name}"
        read = [(row["train:step"], row[metric]) for row in table if metric in row]
        assert read == [(m["step"], m[name]) for m in job.metrics if name in m] and read, name


def test_both_stacks_learn_the_same(jobs):
    """4-bit rounding differs a little from one bitsandbytes to the next."""
    for key in ("loss", "eval_loss"):
        here, studio = ([m[key] for m in jobs[name].metrics if key in m] for name in ("here", "studio"))
        assert studio == pytest.approx(here, abs=2e-2)


def test_the_same_seed_gives_the_same_adapter_to_the_byte(jobs):
    adapters = [
        (jobs[name].model_dir / "adapter_model.safetensors").read_bytes() for name in ("here", "again")
    ]
    assert adapters[0] == adapters[1]


def test_the_model_folder_holds_model_and_nothing_else(job):
    tokenizer = {"tokenizer.json", "tokenizer_config.json"}
    adapter = {path.name for path in job.model_dir.iterdir()}
    merged = {path.name for path in (job.model_dir / "merged").iterdir()}
    assert adapter == {"adapter_config.json", "adapter_model.safetensors", "merged", *tokenizer}
    assert merged == {"config.json", "generation_config.json", "model.safetensors", *tokenizer}


def test_checkpoints_are_written_beside_the_model(job):
    kept = sorted(path.name for path in (job.root / "checkpoints").iterdir())
    assert kept == ["checkpoint-15", "checkpoint-30"]
    assert (job.root / "checkpoints/checkpoint-15/optimizer.pt").is_file()


def test_the_figures_are_in_the_output_data(job):
    document = json.loads((job.root / "output/data/train_metrics.json").read_text())
    assert document["stopped_early"] is False and document["arguments"]["learning_rate"] == 0.01
    assert document["data"]["training"]["kept"] == 120
    assert [row["step"] for row in document["history"] if "eval_loss" in row] == [10, 20, 30]
    assert document["final"]["train_loss"] == pytest.approx(job.metrics[-1]["train_loss"], abs=1e-6)


LOAD = """
import sys, torch
from peft import AutoPeftModelForCausalLM
from transformers import AutoModelForCausalLM, AutoTokenizer
folder = sys.argv[1]
tokenizer = AutoTokenizer.from_pretrained(folder)
merged = AutoModelForCausalLM.from_pretrained(folder + "/merged", dtype=torch.float32)
assert AutoTokenizer.from_pretrained(folder + "/merged").chat_template == tokenizer.chat_template
adapted = AutoPeftModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
ids = torch.tensor([tokenizer("Ana brings Ben the cake.")["input_ids"]])
with torch.no_grad():
    a, b = merged(ids).logits, adapted(ids).logits
# Not equal: merged/ has the values of the 4-bit layers that the adapter was trained on (saving.py).
assert 0.01 < (a - b).norm() / b.norm() < 0.1, (a - b).norm() / b.norm()
rope = merged.model.rotary_emb.inv_freq[1].item()
print(f"{a.double().abs().sum().item():.3f} {b.double().abs().sum().item():.3f} {rope:.6f}")
"""


def test_what_one_stack_writes_the_other_loads_and_computes_alike(jobs, hub):
    """Written by transformers 5, read by 4.57 and by 5: same logits, same rotary base."""
    readers = [
        subprocess.Popen(
            [str(python), "-W", "ignore", "-c", LOAD, str(jobs["here"].model_dir)],
            env={**os.environ, "HF_HUB_CACHE": str(hub)}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for python in (sys.executable, python_of("studio"))
    ]  # fmt: skip
    read = [reader.communicate(timeout=600) for reader in readers]
    assert [reader.returncode for reader in readers] == [0, 0], [err[-1500:] for _, err in read]
    here, studio = ([float(word) for word in out.split()] for out, _ in read)
    assert studio == pytest.approx(here, rel=1e-5)  # merged, adapter on base, rotary base
    assert here[2] == pytest.approx(5000.0 ** (-2 / 16), abs=1e-5)


def test_sigterm_saves_the_adapter_of_the_steps_done_and_ends_with_0(base, tmp_path):
    job = Job(tmp_path, base, **{**HYPERPARAMETERS, "max_steps": 100_000, "save_steps": 0})
    seen = []
    for line in job.process.stdout:
        seen.append(line)
        if " step=20 loss=" in line:
            break
    job.process.terminate()
    job.finish()
    assert (job.code, job.err) == (0, ""), job.err
    stopped = re.search(
        r"\[stopped\] by SIGTERM after step (\d+) of 100000: adapter saved, the merged", job.out
    )
    last = [m for m in job.metrics if "loss" in m][-1]
    assert stopped and last["step"] == int(stopped[1]) >= 20
    assert (job.model_dir / "adapter_model.safetensors").stat().st_size > 10_000
    assert not (job.model_dir / "merged").exists()
    assert json.loads((job.root / "output/data/train_metrics.json").read_text())["stopped_early"] is True


def test_a_broken_row_ends_the_job_with_one_error_and_no_traceback(base, tmp_path):
    job = Job(tmp_path, base, rows=[*chat_rows(3), '{"messages": [']).finish()
    assert job.code == 1
    assert job.err.startswith("ValueError: train.jsonl line 4 is not JSON: ") and job.err.count("\n") == 1
    assert not job.model_dir.exists()


AS_AWS_DOES = """
import sys
from sagemaker_training import errors, process
try:
    process.check_error(sys.argv[1:], errors.ExecuteUserScriptError, 1, capture_error=True, cwd=".")
except errors.ExecuteUserScriptError as err:
    print(f"REASON {err}")
"""


def test_awss_toolkit_finds_the_error_for_the_failure_reason(tmp_path):
    """The toolkit takes stderr from the first line that names a Python exception."""
    command = [sys.executable, str(TRAINING / "train_qlora.py"), "--lerning_rate", "1e-4"]
    done = subprocess.run(
        [str(python_of("toolkit")), "-c", AS_AWS_DOES, *command], capture_output=True, text=True, cwd=tmp_path
    )
    reason = done.stdout.partition("REASON ")[2]
    assert "ValueError: unknown argument '--lerning_rate'.\n Fix: did you mean --learning_rate?" in reason, (
        done
    )


def test_help_needs_no_library(tmp_path):
    """It answers at once, and before the libraries are installed."""
    done = subprocess.run(
        [sys.executable, "-S", str(TRAINING / "train_qlora.py"), "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "--per_device_train_batch_size" in done.stdout, done.stderr


def test_nothing_of_the_container_names_opt_ml():
    files = [path for path in TRAINING.rglob("*.py")]
    assert len(files) >= 8
    assert [path.name for path in files if "/opt/ml" in path.read_text()] == []


NEEDED = ["--training", "t", "--model_dir", "m", "--model_id", "x"]


@pytest.mark.parametrize(
    "text, value", [("true", True), ("True", True), ("1", True), ("false", False), ("False", False)]
)
def test_booleans_arrive_in_every_spelling(text, value):
    args = parse_arguments([*NEEDED, "--merge_weights", text, "--gradient_checkpointing", text], "")
    assert args.merge_weights is args.gradient_checkpointing is value


@pytest.mark.parametrize(
    "argument, said",
    [
        ("--merge_weights=maybe", "'maybe' is not true or false"),
        ("--learning_rate=0", "0 is not more than 0"),
        ("--learning_rate=nan", "nan is not"),
        ("--epochs=-1", "-1 is not more than 0"),
        ("--max_steps=0", "0 steps would train nothing"),
        ("--per_device_train_batch_size=2.5", "'2.5' is not a whole number"),
        ("--lora_dropout=1", "1 is not at least 0 and at most 0.99"),
        ("--quantization=int8", "invalid choice: 'int8'"),
        ("--target_modules=,", "needs \"all-linear\" or module names"),
        ("--batch_size=4", "unknown argument '--batch_size=4'.\nFix: did you mean"),
        ("--zzz=4", "unknown argument '--zzz=4'.\nFix: the arguments are model_id, epochs"),
        ("--epoch=4", "did you mean --epochs"),
    ],
)  # fmt: skip
def test_an_impossible_argument_is_refused(argument, said):
    with pytest.raises(UserError, match=re.escape(said)):
        parse_arguments([*NEEDED, argument], "")


@pytest.mark.parametrize(
    "missing, said",
    [
        ("--training", "no channel is called 'training' (the job's channels: [\"train\"])"),
        ("--model_dir", "there is no folder for the model"),
        ("--model_id", "there is no base model"),
    ],
)
def test_what_cannot_be_left_out_is_named(missing, said, monkeypatch):
    for name in ("SM_CHANNEL_TRAINING", "SM_MODEL_DIR", "SM_CHANNEL_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SM_CHANNELS", '["train"]')
    at = NEEDED.index(missing)
    with pytest.raises(UserError, match=re.escape(said)):
        parse_arguments(NEEDED[:at] + NEEDED[at + 2 :], "")


def test_folders_come_from_sagemakers_variables(monkeypatch):
    for name, value in {"TRAINING": "t", "VALIDATION": "v", "MODEL": "b"}.items():
        monkeypatch.setenv(f"SM_CHANNEL_{name}", f"/job/{value}")
    monkeypatch.setenv("SM_MODEL_DIR", "/job/model")
    monkeypatch.setenv("SM_OUTPUT_DATA_DIR", "/job/output/data")
    args = parse_arguments([], "")
    assert [str(each) for each in (args.training, args.validation, args.model)] == [
        "/job/t",
        "/job/v",
        "/job/b",
    ]
    assert [str(each) for each in (args.model_dir, args.checkpoint_dir)] == ["/job/model", "/job/checkpoints"]


def test_several_instances_that_nothing_joins_are_refused(monkeypatch):
    import distributed

    monkeypatch.setenv("SM_HOSTS", '["algo-1","algo-2"]')
    with pytest.raises(UserError, match="2 instances .*\nFix: distribution=.*, or instance_count=1"):
        distributed.check_launch()
