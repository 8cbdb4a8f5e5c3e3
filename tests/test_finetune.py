"""finetune.py: files as people have them become a trained adapter, by train_qlora.py's own trainer."""

import gzip
import json
import math
import os
import shutil
import subprocess
import sys

import pytest
import tiny_chat
from environments import python_of
from tiny_chat import TRAINING, chat_rows

import finetune  # isort: skip  (found by tiny_chat's path)
from arguments import UserError  # isort: skip
from chat_data import IGNORE, encode_texts  # isort: skip
from chat_rows import Report, Row  # isort: skip

SETTINGS = {
    "learning_rate": "1e-2", "batch_size": "8", "epochs": "5", "max_sequence_length": "128",
    "optimizer": "AdamW", "weight_decay": "0.01",
}  # fmt: skip


def mixed_folder(folder) -> None:
    """The same talk as a CSV, a JSON, a JSONL, a TXT and a gz, and in each something that is wrong."""
    folder.mkdir(parents=True)
    pairs = [[message["content"] for message in row["messages"]] for row in chat_rows(100)]
    lines = "".join(f'"{prompt}",{answer}\n' for prompt, answer in pairs[:20])
    (folder / "a.csv").write_text(f"prompt,completion,\n{lines}x,y,z,w\n,no prompt,\n")
    (folder / "b.json").write_text(
        json.dumps({"data": [{"dialogue": prompt, "summary": answer} for prompt, answer in pairs[20:40]]})
    )
    rows = [{"messages": row["messages"]} for row in chat_rows(100)[40:60]]
    (folder / "c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "{broken\n")
    (folder / "d.txt").write_text("\n\n".join(answer for _, answer in pairs[60:80]), encoding="utf-16")
    with gzip.open(folder / "e.csv.gz", "wt") as file:
        file.write("who,what,where\n" + "".join(f"{n},the cake,place {n}\n" for n in range(20)))


def run(root, base, python=sys.executable, **settings) -> subprocess.CompletedProcess:
    """Run the script as a training job does: in a folder of its own, told by SM_* variables and strings."""
    shutil.copytree(TRAINING, root / "code", ignore=shutil.ignore_patterns("__pycache__"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SM_", "PYTHON"))}
    told = {"SM_CHANNEL_TRAINING": root / "data", "SM_MODEL_DIR": root / "model",
            "SM_OUTPUT_DATA_DIR": root / "output", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
            "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    if (root / "validation").is_dir():
        told["SM_CHANNEL_VALIDATION"] = root / "validation"
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return subprocess.run(
        [str(python), "finetune.py", "--base_model", str(base), *words], cwd=root / "code",
        env=kept | {name: str(value) for name, value in told.items()}, capture_output=True, text=True,
    )  # fmt: skip


def losses(done) -> list[float]:
    lines = [line for line in done.stdout.splitlines() if line.startswith("[metric]") and " loss=" in line]
    return [float(line.partition(" loss=")[2].split()[0]) for line in lines]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_chat.make_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def job(base, tmp_path_factory):
    root = tmp_path_factory.mktemp("mixed")
    mixed_folder(root / "data")
    (root / "validation").mkdir()
    shutil.copy(root / "data" / "a.csv", root / "validation" / "known.csv")
    return root, run(root, base, **SETTINGS)


def test_a_channel_of_mixed_kinds_trains_and_the_loss_falls(job):
    root, done = job
    assert (done.returncode, done.stderr) == (0, "")
    first, *_, last = losses(done)
    assert first == pytest.approx(math.log(400), abs=0.3) and last < first - 0.7
    assert (root / "model" / "adapter_model.safetensors").is_file()


def test_the_log_says_what_every_file_was_and_what_was_dropped(job):
    _, done = job
    for words in (
        "training: a.csv: CSV, UTF-8, delimiter ',': 21 rows, 1 left out",
        " has more cells than the header has columns: 'w'; the row is left out.",
        "training: b.json: JSON, UTF-8: 20 rows",
        "training: c.jsonl: JSONL, UTF-8: 20 rows, 1 left out",
        "training: d.txt: TXT, UTF-16: 20 rows",
        "training: e.csv.gz: CSV, UTF-8, delimiter ',': 20 rows",
        "columns of a.csv, found: prompt = 'prompt' → answer = 'completion'",
        "columns of c.jsonl, found: messages = 'messages'",
        "columns of e.csv.gz, none of the known columns, so each row becomes a sentence: column is value",
        "[sample]      user  \"Sum up.",
        "1 dropped: empty prompt (first: a.csv row 21)",
        "2 dropped: broken in its file (first: a.csv line",
    ):
        assert words in done.stdout, words


def test_rows_of_the_validation_channel_are_evaluated_and_not_trained_on(job):
    _, done = job
    evaluated = [line for line in done.stdout.splitlines() if " eval_loss=" in line]
    assert len(evaluated) == 1
    assert "20 dropped: in validation too (a leak) (first: a.csv row 1)" in done.stdout


def test_the_counts_in_the_output_add_up(job):
    root, done = job
    document = json.loads((root / "output" / "train_metrics.json").read_text())
    counts = document["data"]["training"]
    assert counts["read"] == 103 and counts["kept"] + sum(counts["dropped"].values()) == 103
    told = {"per_device_train_batch_size": 8, "max_seq_length": 128, "optimizer": "adamw", "epochs": 5,
            "weight_decay": 0.01, "learning_rate": 0.01}  # fmt: skip
    assert {name: document["arguments"][name] for name in told} == told


def test_it_runs_on_the_versions_of_studio_too_and_without_a_chat_template(base, tmp_path):
    plain = tmp_path / "plain"
    shutil.copytree(base, plain)
    config = json.loads((plain / "tokenizer_config.json").read_text())
    del config["chat_template"]
    (plain / "tokenizer_config.json").write_text(json.dumps(config))
    mixed_folder(tmp_path / "data")
    settings = {**SETTINGS, "optimizer": "adafactor", "merge_weights": "true"}
    done = run(tmp_path, plain, python_of("studio"), **settings)
    assert (done.returncode, done.stderr) == (0, "")
    assert "the base model has no chat template: ### Instruction and ### Response stand for it" in done.stdout
    assert losses(done)[-1] < losses(done)[0] - 0.3
    for folder in ("model", "model/merged"):
        template = (tmp_path / folder / "chat_template.jinja").read_text(encoding="utf-8")
        assert template == finetune.PLAIN_TEMPLATE


@pytest.mark.parametrize("files, settings, words", [
    ({}, {}, "channel 'training': .* gives no rows; it holds: nothing"),
    ({"a.pdf": b"%PDF-1.7"}, {}, "a.pdf gives no rows"),
    ({"a.csv": b"prompt,completion\n,\n"}, {}, "channel 'training': "),
    ({"a.csv": b"prompt,completion\nx,\n"}, {}, "none of the 1 rows can be used.*empty completion"),
    ({"a.csv": b"a,b\n1x,2\n"}, {"fields": "text=c"}, "there is no column 'c' .text.; the columns are a, b"),
    ({"a.csv": b"a,b\n1x,2\n"}, {"fields": "c"}, "fields has 'c'"),
    ({"a.csv": b"a,b\n1x,2\n"}, {"optimizer": "adan"}, "'adan' is none of adamw, adafactor, sgd"),
    ({"a.csv": b"a,b\n1x,2\n"}, {"batch_size": "many"}, "'many' is not a whole number"),
    ({"a.csv": b"a,b\n1x,2\n"}, {"batchsize": "8"}, "did you mean --batch_size"),
    ({"a.csv": b"a,b\n1x,2\n"}, {"base_modl": "x"}, "did you mean --base_model"),
])  # fmt: skip
def test_what_cannot_work_ends_in_one_sentence(tmp_path, files, settings, words):
    (tmp_path / "data").mkdir()
    for name, content in files.items():
        (tmp_path / "data" / name).write_bytes(content)
    told = {"training": tmp_path / "data", "model_dir": tmp_path / "model", "base_model": "x", **settings}
    with pytest.raises(UserError, match=f"(?s){words}"):
        finetune.main([str(word) for name, value in told.items() for word in (f"--{name}", value)])


def test_an_error_is_what_the_toolkit_makes_the_failure_reason_of(tmp_path):
    (tmp_path / "data").mkdir()
    done = run(tmp_path, "x")
    assert done.returncode == 1 and done.stderr.startswith("ValueError: channel 'training': ")
    assert "Traceback" not in done.stderr


def test_help_needs_no_library():
    done = subprocess.run(
        [sys.executable, "-S", str(TRAINING / "finetune.py"), "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "--max_sequence_length" in done.stdout, done.stderr


def test_a_long_text_is_parted_and_every_token_is_predicted_once(base):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(base))
    text, report = "Ana brings Ben the cake. " * 40, Report("training")
    pieces = encode_texts(tokenizer, [Row("a", [], text), Row("b", [], "ok")], 16, report)
    whole = tokenizer(text)["input_ids"] + [tokenizer.eos_token_id]
    *long, short = pieces
    predicted = [label for piece in long for label in piece["labels"] if label != IGNORE]
    assert predicted == whole[1:] and all(2 <= len(piece["input_ids"]) <= 16 for piece in pieces)
    assert short["input_ids"][0] == tokenizer.bos_token_id and short["labels"][-1] == tokenizer.eos_token_id
    assert (report.kept, report.parted) == (2, 1)
    assert report.trained_on == len(predicted) + len(short["labels"]) - 1
