"""resuming.py: checkpoints that are whole or not there, and a run that ends as if nothing had happened."""

import io
import json
import os
import shutil
import signal
import subprocess

import pytest
import tiny_chat  # noqa: F401  puts the training script's folder on the path
from arguments import UserError
from environments import python_of
from quiet import WARNED, silence
from resuming import by_step, flaw, newest, seal
from resuming_aid import SAVE_STEPS, STEPS, Bench, Cut, at_pass, drill

pytestmark = [pytest.mark.filterwarnings(f"ignore:{part}:{kind.__name__}") for part, kind in WARNED]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    silence()
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def alone(bench):
    """What the run gives when nothing happens to it."""
    bench.seen = {}
    return {**bench.run("alone"), "seen": bench.seen}


def same(came: dict, alone: dict) -> bool:
    """Whether two runs gave the same adapter, metric lines and final figures."""
    return all(came[name] == alone[name] for name in ("adapter", "history", "final"))


@pytest.mark.parametrize("seed", [0, 1])
def test_interrupted_three_times_at_random_points_a_run_ends_bit_for_bit_the_same(bench, alone, seed):
    came = drill(bench, seed, alone)
    assert same(came["interrupted"], alone), came["points"]
    assert sorted(alone["seen"]) == list(range(STEPS))
    assert came["interrupted"]["seen"] == alone["seen"], "each step has trained its own rows"
    steps = [row["step"] for row in came["interrupted"]["history"]]
    assert steps == sorted(steps) and steps[-1] == STEPS, "the metric lines go on and none comes twice"
    assert "eval_loss" in came["interrupted"]["history"][-1]


def test_it_holds_with_the_versions_of_studio(tmp_path):
    command = [python_of("studio"), "-W", "ignore", "tests/resuming_aid.py", tmp_path, "3", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    came = json.loads(done.stdout.splitlines()[-1])
    assert came["interrupted"] == came["alone"], came["points"]


def test_sigterm_leaves_a_checkpoint_of_the_step_it_came_in(bench, alone):
    def warn(trainer):
        if trainer.state.global_step == 7 and not trainer.stop:
            os.kill(os.getpid(), signal.SIGTERM)

    bench.run("warned", cut=warn)
    assert (bench.root / "warned/checkpoints/checkpoint-8").is_dir() and 8 % SAVE_STEPS
    out = io.StringIO()
    assert same(bench.run("warned", out=out), alone)
    assert f"[resume] from step 8 of {STEPS}" in out.getvalue()


def test_a_run_that_had_finished_trains_no_step_more(bench):
    half = {"max_steps": 12, "cut": (passes := []).append}  # in the middle of an epoch
    done = bench.run("finished", **half)
    assert len(passes) == 24
    assert bench.run("finished", **half) == done and len(passes) == 24


def test_without_save_steps_a_run_begins_anew(bench, alone):
    out = io.StringIO()
    came = bench.run("anew", checkpoints="alone", out=out, save_steps=0)
    assert "[resume]" not in out.getvalue() and came["adapter"] == alone["adapter"]


# --- checkpoints that are not whole


@pytest.mark.parametrize(
    ("file", "kept", "words"),
    [
        ("whole.json", None, "it has no whole.json"),
        ("whole.json", 40, "its whole.json is cut off"),
        ("optimizer.pt", None, "optimizer.pt is missing"),
        ("optimizer.pt", 40, "optimizer.pt has 40 of "),
        ("adapter_model.safetensors", -1, "adapter_model.safetensors is not what was written"),
    ],
    ids=["no list", "half a list", "a file is missing", "half a file", "other bytes"],
)
def test_what_is_wrong_with_a_checkpoint_is_said(bench, alone, tmp_path, file, kept, words):
    folder = shutil.copytree(bench.root / "alone/checkpoints/checkpoint-24", tmp_path / "checkpoint-24")
    assert flaw(folder) == ""
    harm(folder / file, kept)
    assert flaw(folder).startswith(words)


def harm(path, kept: int | None) -> None:
    """Remove a file, keep its first bytes only, or change its last byte (-1)."""
    content = path.read_bytes()
    if kept is None:
        path.unlink()
    else:
        path.write_bytes(content[:kept] + (bytes([content[-1] ^ 1]) if kept == -1 else b""))


def test_a_checkpoint_that_is_not_whole_is_passed_over(bench, alone):
    assert bench.run("harmed", cut=at_pass(15)) is None
    folder = bench.root / "harmed" / "checkpoints"
    assert [path.name for path in by_step(folder)] == ["checkpoint-6", "checkpoint-3"]
    harm(folder / "checkpoint-6" / "optimizer.pt", 40)
    out = io.StringIO()
    assert same(bench.run("harmed", out=out), alone)
    assert "[resume] checkpoint-6 is not whole: optimizer.pt has 40 of " in out.getvalue()
    assert f"[resume] from step 3 of {STEPS}" in out.getvalue()


def test_a_checkpoint_that_was_being_written_has_no_name_yet(bench, alone, monkeypatch):
    def lost(folder, about):
        if about["step"] == 6:
            raise Cut
        seal(folder, about)

    monkeypatch.setattr("resuming.seal", lost)
    assert bench.run("lost") is None
    monkeypatch.undo()
    folder = bench.root / "lost" / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint-3", "unfinished-6"]
    assert same(bench.run("lost"), alone)
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint-21", "checkpoint-24"]


def test_the_checkpoint_of_another_training_is_refused_with_what_differs(bench, alone):
    with pytest.raises(UserError, match=r"made by another training: lora_alpha was 32.0, is 64.0") as refused:
        bench.run("other", checkpoints="alone", lora_alpha=64)
    assert "Fix: another checkpoint_s3_uri" in str(refused.value)
    with pytest.raises(UserError, match="rows_a_step was 8, is 16"):
        bench.run("other", checkpoints="alone", gradient_accumulation_steps=4)


def test_the_same_rows_a_step_may_come_in_other_micro_batches(bench, alone):
    out = io.StringIO()
    changes = {"gradient_accumulation_steps": 1, "per_device_train_batch_size": 8, "logging_steps": 2}
    bench.run("other batches", checkpoints="alone", out=out, **changes)
    assert f"[resume] from step {STEPS} of {STEPS}" in out.getvalue()


def test_nothing_is_taken_for_a_checkpoint_that_has_no_step(tmp_path):
    for name in ("checkpoint-x", "checkpoint-12", "runs"):
        (tmp_path / name).mkdir()
    assert by_step(tmp_path) == [tmp_path / "checkpoint-12"]
    assert newest(tmp_path, {}) is None

