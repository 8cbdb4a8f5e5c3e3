"""benchmarks/quality.py: which rows it trains on and asks, and what it writes. A run of it takes minutes."""

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
if str(BENCHMARKS) not in sys.path:
    sys.path.append(str(BENCHMARKS))

import quality  # noqa: E402
from tuneaws import config  # noqa: E402
from tuneaws.evaluate import evaluate  # noqa: E402


def make_rows(count: int, word: str) -> list:
    return [{"id": f"{word}{at}", "dialogue": f"Ana: {word} {at}\nBen: ok", "summary": f"Ana says {at}."}
            for at in range(count)]  # fmt: skip


@pytest.fixture
def source(tmp_path):
    """A folder with train.json and val.json, as SAMSum has them."""
    (tmp_path / "train.json").write_text(json.dumps(make_rows(60, "train")))
    (tmp_path / "val.json").write_text(json.dumps(make_rows(25, "val")))
    return tmp_path


def load(source, **more):
    values = {"dataset.source": str(source), "dataset.validation_rows": 10, **more}
    return config.load(where="local", **values)


def test_without_test_rows_all_validation_rows_are_the_test(source):
    splits = quality.read_splits(load(source))
    assert {row["id"] for row in splits["test"]} == {f"val{at}" for at in range(25)}
    assert len(splits["validation"]) == 10 and len(splits["train"]) == 50
    trained = {row["id"] for part in ("train", "validation") for row in splits[part]}
    assert all(name.startswith("train") for name in trained) and len(trained) == 60
    assert len(quality.read_splits(load(source), 7)["test"]) == 7


def test_the_test_rows_of_the_source_are_the_courses_frozen_ones(source):
    (source / "test.json").write_text(json.dumps(make_rows(30, "test")))
    cfg = load(source, **{"dataset.test_rows": 20})
    splits = quality.read_splits(cfg)
    assert len(splits["test"]) == 20 and all(row["id"].startswith("test") for row in splits["test"])
    assert all(row["id"].startswith("val") for row in splits["validation"])


def test_the_report_says_when_on_what_and_what_came_out(source):
    splits = quality.read_splits(load(source))

    def tuned(asked):
        return [f"Ana says {messages[-1]['content'].split()[-3]}." for messages in asked]

    systems = {"base": lambda asked: ["Nothing."] * len(asked), "tuned": tuned}
    done = evaluate(systems, splits["test"], load(source).prompt)
    log = source / "log"
    log.write_text("[metric] step=50 eval_loss=0.94711\n[metric] step=50 loss=1.0\n")
    text = quality.document("rows", splits, done, {"Processor": "2 cores, X"}, {"training": 61.4},
                            quality.loss_lines(log))  # fmt: skip
    assert "50 train, 10 validation, 25 test" in text and "- Processor: 2 cores, X" in text
    assert "Took: training 61 s" in text and "nats per token: 0.947 after 50 steps\n" in text
    assert "| tuned |" in text and "**tuned beats base: " in text and "tuned beats lead-1" in text
    assert "Note: only 25 test rows" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 5 + 5 + 4 and all(line.endswith("|") for line in rows)
