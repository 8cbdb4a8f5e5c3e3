"""Which instances fit: one GPU counts, the cheapest comes first, and a V100 computes in float16."""

import matplotlib
import pytest
from tuneaws import prices
from tuneaws.sizing import fitting
from tuneaws.sizing.activations import Setting
from tuneaws.sizing.catalogue import find
from tuneaws.sizing.memory import memory_needed

matplotlib.use("Agg")
SMALL = Setting("qlora", 512, 2, checkpointing=True)


def test_every_gpu_of_the_price_table_has_a_usable_size_below_its_name_and_a_precision():
    cards = {(gpu, memory) for _, _, _, gpu, memory, _ in prices.INSTANCES.values() if gpu}
    assert len(cards) >= 7
    for gpu, named_gib in cards:
        assert 0.9 * named_gib < fitting.USABLE_GIB[gpu] < named_gib
        assert fitting.precision(gpu) == ("float16" if gpu in ("V100", "T4") else "bfloat16")


def test_a_g5_4xlarge_and_a_12xlarge_have_no_more_gpu_memory_for_a_model_than_a_g5_xlarge():
    sizes = {name: fitting.usable_gb(name) for name in prices.INSTANCES if name.startswith("ml.g5.")}
    assert len(sizes) >= 5 and len(set(sizes.values())) == 1
    assert max(sizes.values()) < 24
    thirty = [fitting.fits(find("llama-2-13b"), name, Setting("lora", 1024, 1)) for name in sizes]
    assert {fit.verdict for fit in thirty} == {"no"} and thirty[0].need.likely_gb < 48


@pytest.mark.parametrize("method, rows, checkpointing, verdict", [
    ("qlora", 1, True, "yes"), ("lora", 1, False, "tight"), ("lora", 4, False, "no"), ("full", 1, True, "no"),
])
def test_a_7b_model_on_24_gb(method, rows, checkpointing, verdict):
    setting = Setting(method, 1024, rows, checkpointing=checkpointing)
    fit = fitting.fits(find("llama-2-7b"), "ml.g5.xlarge", setting)
    assert fit.verdict == verdict
    assert str(fit).startswith(f"{verdict}: llama-2-7b with {method} needs")
    assert "one A10G of ml.g5.xlarge has 23.8 GB" in str(fit)


def test_what_does_not_fit_names_the_steps_that_are_left():
    fit = fitting.fits(find("llama-2-7b"), "ml.g5.xlarge", Setting("lora", 1024, 4))
    assert "less: fewer rows a batch and more accumulation, gradient checkpointing, qlora" in fit.advice
    least = Setting("qlora", 256, 1, checkpointing=True)
    last = fitting.fits(find("llama-3.3-70b"), "ml.g5.xlarge", least)
    assert last.advice == "To need less: a smaller model."


def test_old_gpus_compute_in_float16_and_t5_is_kept_from_them():
    llama = fitting.fits(find("llama-3.2-1b"), "ml.p3.2xlarge", SMALL)
    assert llama.advice == "A V100 has no bfloat16: it computes in float16."
    assert "overflows" in fitting.fits(find("flan-t5-xl"), "ml.g4dn.xlarge", SMALL).advice
    assert fitting.fits(find("flan-t5-xl"), "ml.g5.xlarge", SMALL).advice == ""


def test_an_instance_without_a_gpu_fits_nothing_and_an_unknown_one_is_an_error():
    fit = fitting.fits(find("smollm2-135m"), "ml.m5.xlarge", SMALL)
    assert fit.verdict == "no" and "ml.m5.xlarge has none" in str(fit)
    with pytest.raises(prices.PriceError, match="(?s)ml.g9.huge is not in this course's table.*Fix: one of"):
        fitting.usable_gb("ml.g9.huge")


def test_choices_come_by_the_hour_those_that_do_not_fit_last():
    rows = fitting.choices(find("llama-2-13b"), Setting("lora", 1024, 1, checkpointing=True))
    assert len(rows) == sum(1 for row in prices.INSTANCES.values() if row[2])
    fitting_first = [row["fits"] != "no" for row in rows]
    assert fitting_first == sorted(fitting_first, reverse=True) and rows[0]["instance"] == "ml.g6e.xlarge"
    costs = [row["USD/h"] for row in rows if row["fits"] != "no" and row["USD/h"]]
    assert costs == sorted(costs) and len(costs) >= 3


def test_a_job_is_cheaper_on_the_instance_that_costs_more_an_hour_when_it_is_that_much_faster():
    rates = {"A10G": 2500, "L4": 1500, "ml.g5.12xlarge": 8000}
    rows = fitting.choices(find("llama-3.2-1b"), SMALL, job_tokens=9_000_000, tokens_per_s=rates)
    known = [row for row in rows if row["USD/job"] is not None]
    assert [row["instance"] for row in known[:3]] == ["ml.g5.xlarge", "ml.g5.2xlarge", "ml.g6.xlarge"]
    assert known[0]["hours"] == 1.0 and known[0]["USD/job"] == 1.41
    assert {row["instance"]: row["hours"] for row in rows}["ml.g5.48xlarge"] is None  # not guessed


def test_the_figure_draws_every_term_and_every_card():
    needs = [memory_needed(find("llama-2-7b"), Setting(method, 1024, 1)) for method in ("qlora", "lora")]
    ax = fitting.plot_memory(needs, {"T4": 15.6, "A10G": 23.8}, "a message")
    bars = [sum(bar.get_width() for group in ax.containers[:5] for bar in [group[row]]) for row in range(2)]
    assert bars == pytest.approx([need.likely_gb for need in needs])
    drawn = [term for terms, _, _ in fitting.PIECES.values() for term in terms]
    assert sorted(drawn) == sorted(needs[0].terms)
    assert {text.get_text() for text in ax.texts} == {"T4", "A10G"}
    assert ax.get_title(loc="left") == "a message"
