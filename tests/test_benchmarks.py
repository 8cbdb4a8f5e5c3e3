"""What `make bench` calculates and writes; what it measures is not tested, for it differs by machine."""

import itertools
import json
import math
import sys
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
if str(BENCHMARKS) not in sys.path:
    sys.path.append(str(BENCHMARKS))

import report  # noqa: E402
import run  # noqa: E402
import servers  # noqa: E402
import timing  # noqa: E402
import training  # noqa: E402
from report import BenchError, Figure, Report  # noqa: E402

TAKEN = {"pocketaws": [0.030, 0.010, 0.020], "moto": [0.010, 0.090, 0.016]}
MACHINE = {"Processor": "2 cores, X"}


def test_a_ratio_is_of_medians():
    assert timing.ratio(TAKEN, "pocketaws", "moto") == pytest.approx(1.25)
    assert timing.difference(TAKEN, "pocketaws", "moto") == pytest.approx(0.004)
    assert timing.medians(TAKEN, 1000, "ms") == "pocketaws 20.00 ms, moto 16.00 ms; medians of 3"


def test_each_side_goes_first_as_often_and_the_warm_up_does_not_count():
    order, clock = [], itertools.count(1)

    def side(name):
        return lambda: order.append(name) or float(next(clock))

    taken = timing.interleaved({"a": side("a"), "b": side("b")}, rounds=2, warm_up=1)
    assert "".join(order) == "ba" + "ab" + "ba"
    assert taken == {"a": [3.0, 6.0], "b": [4.0, 5.0]}


def test_what_gives_no_seconds_back_is_timed():
    assert timing.timed(lambda: 7.0) == 7.0
    assert 0.01 <= timing.timed(lambda: time.sleep(0.01)) < 5


@pytest.mark.parametrize(
    "value, limit, verdict", [(1.5, 1.5, "OK"), (1.51, 1.5, "OVER"), (math.nan, 1.5, "OVER"), (9, None, "")]
)
def test_a_figure_is_held_to_its_limit(value, limit, verdict):
    figure = Figure("calls", "GetCallerIdentity", value, "x", limit)
    assert figure.verdict == verdict
    assert Report("today", MACHINE, [figure]).exit_code == (verdict == "OVER")


def test_a_section_without_figures_fails_the_run():
    good = [Figure("calls", "HeadObject", 1.0, "x", 1.5)]
    assert Report("today", MACHINE, good).exit_code == 0
    assert Report("today", MACHINE, good, failed={"upload": "no server"}).exit_code == 1


@pytest.mark.parametrize(
    "value, unit, text",
    [(0.8349, "x", "0.83 ×"), (4.1, "ms", "4.10 ms"), (12345, "rows/s", "12,345 rows/s")],
)
def test_amounts_carry_their_unit(value, unit, text):
    assert report.amount(value, unit) == text


def test_the_report_says_when_where_what_and_the_limit(tmp_path):
    figure = Figure("upload", "put_object", 1.3, "x", 1.2, "pocketaws 1.3 s, moto 1.0 s", {"moto": [1.0]})
    path = report.write(
        Report("2026-11-22", MACHINE, [figure], {"lessons": "02 failed"}, 61.0), tmp_path / "new"
    )
    text = path.read_text(encoding="utf-8")
    row = "| upload | put_object | 1.30 × | ≤ 1.2 × | OVER | pocketaws 1.3 s, moto 1.0 s |"
    assert row in text.splitlines()
    assert "2026-11-22" in text and "Processor: 2 cores, X" in text and "lessons has no figures" in text
    kept = json.loads((path.parent / "results.json").read_text(encoding="utf-8"))
    assert kept["exit_code"] == 1 and kept["figures"][0]["samples"] == {"moto": [1.0]}
    assert report.table([figure]).splitlines()[1].split()[-1] == "OVER"


def test_a_section_that_fails_leaves_the_others_their_figures():
    def broken():
        yield Figure("one", "first", 1.0, "s")
        raise BenchError("the server ended")

    done = run.measure({"one": broken, "two": lambda: iter([Figure("two", "second", 2.0, "s")])}, MACHINE)
    assert [figure.what for figure in done.figures] == ["first", "second"]
    assert done.failed == {"one": "BenchError: the server ended"}


def test_the_docstring_lists_every_section():
    known = set(run.sections(Path(), 1, []))
    listed = {line.split()[0] for line in run.__doc__.partition("Sections:\n")[2].splitlines()[: len(known)]}
    assert listed == known


def test_an_unknown_section_is_refused_with_the_known_ones(capsys):
    with pytest.raises(SystemExit) as ended:
        run.main(["--only", "calls,everything"])
    assert ended.value.code == 2
    assert "no everything; the sections are job, memory" in capsys.readouterr().err


def test_a_command_that_fails_or_takes_too_long_says_its_last_words(tmp_path):
    say = "print('before'); print('last words', flush=True)"
    with pytest.raises(BenchError, match="exit code 3: before / last words"):
        servers.run_command([sys.executable, "-c", f"{say}; exit(3)"], tmp_path / "log", tmp_path, 60)
    with pytest.raises(BenchError, match="more than 0.5 s"):
        servers.run_command(
            [sys.executable, "-c", f"import time; {say}; time.sleep(60)"], tmp_path / "log", tmp_path, 0.5
        )


def test_a_process_ends_with_its_block_and_sees_no_credentials(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    script = "import os, time; print(os.environ.get('AWS_SECRET_ACCESS_KEY'), flush=True); time.sleep(60)"
    with servers.started([sys.executable, "-c", script], tmp_path / "log") as process:
        assert process.stdout.readline() == "None\n"
    assert process.returncode == -15


def result(train_s: float, held_out: float) -> dict:
    return {
        "train_s": train_s,
        "cpu_s": train_s,
        "whole_s": train_s + 5,
        "peak_mb": 800,
        "held_out": held_out,
    }


def trained(script=(3.80, 3.90), plain=(3.84, 3.84), trl_s=20.0) -> list[Figure]:
    """The figures of a run in which the script takes 10 s, the plain way 30 s, TRL 20, 25 and 40 s."""
    done = training.ways()
    seconds = {"script": 10, "plain": 30, "trl": 40, "trl padded": trl_s, "trl packed": 25,
               "script as plain": 20, "plain as script": 15}  # fmt: skip
    for word, way in done.items():
        losses = {"script": script, "plain as script": plain}.get(word, (4.0,))
        way.results = [result(seconds[word], loss) for loss in losses]
    data = {"name": "SAMSum", "rows": 240, "held_out": 48, "tokens": 60_000, "labels": 9_000}
    return list(training.figures(done, data, "chat-1m"))


def test_training_is_held_to_half_the_plain_ways_time_and_to_trls_best():
    figures = trained()
    rates, (plain, trl) = figures[:7], figures[7:9]
    assert [figure.value for figure in rates] == pytest.approx([900, 300, 225, 450, 360, 450, 600])
    assert (plain.value, plain.limit) == (pytest.approx(1 / 3), 0.5)
    assert (trl.value, trl.limit, trl.detail) == (
        0.5,
        1.0,
        "the best is TRL, 16 rows by length; CPU seconds 0.50 ×",
    )
    assert "60,000 tokens, 9,000 of them in answers; 48 held-out rows" in plain.detail
    assert trained(trl_s=9.0)[8].verdict == "OVER"


def test_held_out_loss_may_be_worse_by_what_a_seed_changes():
    quality = trained()[9]
    assert (quality.value, quality.limit, quality.verdict) == (pytest.approx(0.01), 0.1, "OK")
    assert "script 3.800, 3.900; plain Trainer 3.840, 3.840; seeds 42, 43" in quality.detail
    assert trained(script=(3.95, 3.97))[9].verdict == "OVER"


def test_without_a_gpu_its_figures_are_left_out_and_that_is_said(capsys, tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert list(training.on_gpu(Path("python"), tmp_path, 8)) == []
    assert "no GPU here, so the cells of 1B and 8B stay empty" in capsys.readouterr().out
