"""What repeats a run: the hashes say when data or code is another, and only then."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny_chat  # noqa: F401  (it puts the training folder on the path)
from provenance import describe, folder_hash


@pytest.fixture
def folder(tmp_path) -> Path:
    root = tmp_path / "data"
    for name, text in {"a.jsonl": "one", "deep/b.jsonl": "two", "deep/c.py": "three"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_folder_has_the_hash_of_its_bytes_wherever_it_lies(folder, tmp_path):
    first = folder_hash(folder)
    assert (first["files"], first["bytes"]) == (3, 11)
    moved = folder.rename(tmp_path / "elsewhere")
    assert folder_hash(moved) == first


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "a.jsonl").write_text("onE"),
        lambda root: (root / "deep/b.jsonl").unlink(),
        lambda root: (root / "more.jsonl").write_text(""),
        lambda root: (root / "a.jsonl").rename(root / "z.jsonl"),
    ],
    ids=["a byte", "a file less", "an empty file more", "another order"],
)
def test_any_change_of_the_bytes_or_their_order_gives_another_hash(folder, change):
    before = folder_hash(folder)["sha256"]
    change(folder)
    assert folder_hash(folder)["sha256"] != before


def test_what_python_and_editors_leave_behind_is_not_part_of_it(folder):
    before = folder_hash(folder)
    for name in ("__pycache__/a.pyc", ".hidden", ".git/config"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    assert folder_hash(folder) == before


def test_patterns_pick_the_code(folder):
    assert folder_hash(folder, ("*.py",))["files"] == 1


def test_a_single_file_is_hashed_like_a_folder_that_holds_it(folder):
    assert folder_hash(folder / "a.jsonl") == {**folder_hash(folder, ("a.jsonl",)), "files": 1}


def test_a_run_is_described_without_a_validation_channel_and_outside_of_a_job(folder, monkeypatch):
    for name in ("SM_HOSTS", "WORLD_SIZE", "TRAINING_JOB_NAME"):
        monkeypatch.delenv(name, raising=False)
    args = SimpleNamespace(training=folder, validation=None, model_id="some/model", seed=7)
    found = describe(args, folder)
    assert list(found["data"]) == ["training"] and found["job"] is None
    assert (found["hosts"], found["processes"], found["seed"]) == (1, 1, 7)
    assert found["code"]["files"] > 10, "the training script's own modules"
    assert "revision" not in found["model"], "no folder of the hub's cache"
