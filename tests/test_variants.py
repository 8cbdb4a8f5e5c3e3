"""A search over variants: what is tried, what it may cost, that it goes on where it was, what it shows."""

import math
import uuid

import pytest
from tuneaws import config, prices, training_jobs, variants
from tuneaws.variants import planning, searching, spaces, views
from variants_aid import a_lab  # noqa: F401

PRICE = prices.Price("ml.g5.xlarge", "us-east-1", 1.8, "for the test")  # 600 s cost 0.30 USD


def search_of(lab, cap_usd: float = 5.0, **more) -> planning.Search:
    values = {"make": lab.estimator, "base": {"seed": 7}, "channels": lab.channels, "price": PRICE,
              "cap_usd": cap_usd, "name": f"t{uuid.uuid4().hex[:6]}"}  # fmt: skip
    return planning.Search(**{**values, **more})


# --- what is tried


def test_a_grid_has_every_combination_once():
    found = variants.grid({"learning_rate": [1e-3, 1e-2], "lora_r": variants.choice(4, 8, 16)})
    assert len(found) == 6 == len({str(each) for each in found})
    assert found[0] == {"learning_rate": 1e-3, "lora_r": 4}


def test_chance_gives_different_variants_within_their_ranges_and_the_same_for_a_seed():
    space = {"learning_rate": variants.log_uniform(1e-4, 1e-2), "lora_r": [4, 8],
             "max_seq_length": variants.whole(128, 768),
             "lora_dropout": variants.uniform(0, 0.1)}  # fmt: skip
    found = variants.random(space, 40)
    assert found == variants.random(space, 40) != variants.random(space, 40, seed=8)
    assert len({str(each) for each in found}) == 40
    for each in found:
        assert 1e-4 <= each["learning_rate"] <= 1e-2 and 0 <= each["lora_dropout"] <= 0.1
        assert isinstance(each["max_seq_length"], int) and 128 <= each["max_seq_length"] <= 768
        assert len(f"{each['learning_rate']:g}") <= 8, "three digits are enough for a table"
    below = sum(each["learning_rate"] < 1e-3 for each in found)
    assert 10 <= below <= 30, "each power of ten gets its share"


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: variants.grid({}), "nothing to vary"),
        (lambda: variants.grid({"lr": variants.uniform(0, 1)}), "a grid needs a list"),
        (lambda: variants.grid({"lr": 1e-3}), "a list of values"),
        (lambda: variants.grid({"lr": []}), "no values"),
        (lambda: variants.random({"r": [4, 8]}, 3), "only 2 different"),
        (lambda: variants.log_uniform(0, 1), "begins over 0"),
        (lambda: variants.uniform(1, 0), "smaller one first"),
    ],
    ids=["empty", "range in a grid", "no list", "no values", "too many", "log from 0", "wrong way round"],
)
def test_a_space_that_cannot_be_searched_is_refused_with_a_fix(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "Fix:" in str(caught.value)


# --- the search, with real jobs of a second each


@pytest.fixture(scope="module")
def searched(lab):
    """(search, variants, rows) of a grid that was run, one of its jobs failing."""
    search = search_of(lab)
    tried = [*variants.grid({"learning_rate": [1e-3, 1e-2], "lora_r": [16]}),
             {"learning_rate": 1e-2, "lora_r": 4, "fail": 1}]  # fmt: skip
    return search, tried, variants.run(lab.session, search, tried, poll_s=0.1)


def test_every_variant_has_a_row_with_its_values_loss_seconds_and_dollars(searched):
    _, tried, rows = searched
    assert [{name: row[name] for name in variant} for variant, row in zip(tried, rows, strict=True)] == tried
    assert [row["status"] for row in rows] == ["Completed", "Completed", "Failed"]
    assert rows[0]["held-out loss"] == pytest.approx(1 + 1 / 30, abs=1e-4)
    assert rows[1]["held-out loss"] == pytest.approx(1 / 30, abs=1e-4) and rows[2]["held-out loss"] is None
    for row in rows:
        assert row["USD if on AWS"] == pytest.approx(1.8 * row["seconds"] / 3600, abs=1e-4)
    assert variants.best(rows) == rows[1]


def test_no_more_jobs_run_at_a_time_than_asked(lab, searched):
    jobs = [training_jobs.get(lab.session.client("sagemaker"), row["job"]) for row in searched[2]]
    first_end = min(job["TrainingEndTime"] for job in jobs[:2])
    assert jobs[2]["CreationTime"] >= first_end, "the third waited for one of two"
    assert jobs[1]["CreationTime"] < first_end, "the second did not"


def test_what_has_completed_is_not_run_again_and_what_failed_is(lab, searched, capsys):
    search, tried, rows = searched
    again = variants.run(lab.session, search, tried, poll_s=0.1)
    assert [row["job"] for row in again[:2]] == [row["job"] for row in rows[:2]]
    assert again[2]["job"] == rows[2]["job"][:-1] + "2"
    printed = capsys.readouterr().out
    assert printed.count("not started again") == 2 and printed.count(": started as ") == 1
    assert "3 variants, 2 done" in printed


def test_a_job_that_still_runs_is_followed_and_not_started_twice(lab):
    search, tried = search_of(lab), [{"learning_rate": 1e-2}]
    (planned,) = planning.plan(lab.session, search, tried)
    searching._start(lab.session.client("sagemaker"), search, planned)
    (row,) = variants.run(lab.session, search, tried, poll_s=0.1)
    assert (row["job"], row["status"]) == (planned.job["TrainingJobName"], "Completed")


def test_other_data_other_code_or_another_base_is_another_variant(lab):
    search, tried = search_of(lab), [{"learning_rate": 1e-2}]

    def key(each=search):
        return planning.plan(lab.session, each, tried)[0].key

    first = key()
    assert key() == first
    lab.put_data("another row\n")
    other_data = key()
    (lab.source / "more.py").write_text("x = 1\n")
    other_code = key()
    (lab.source / "more.py").unlink()
    lab.put_data("one row\n")
    other_base = key(search_of(lab, base={"seed": 8}))
    assert len({first, other_data, other_code, other_base}) == 4


def test_a_search_over_its_cap_starts_nothing_and_says_what_would_fit(lab):
    search = search_of(lab, cap_usd=0.7)
    tried = variants.grid({"learning_rate": [1e-3, 3e-3, 1e-2]})
    with pytest.raises(variants.CapError, match=r"0\.90 USD.*cap is 0\.70") as caught:
        variants.run(lab.session, search, tried)
    assert "(2 more fit)" in str(caught.value)
    found = lab.session.client("sagemaker").list_training_jobs(NameContains=search.name)
    assert found["TrainingJobSummaries"] == []


def test_what_is_spent_counts_and_what_is_done_costs_no_more(lab, searched):
    search, tried, rows = searched
    planned = planning.plan(lab.session, search, tried)
    spent = sum(1.8 * row["seconds"] / 3600 for row in rows[:2])
    assert searching.worst_usd(search, planned) == pytest.approx(spent + 0.30, abs=0.01)


def test_a_preview_starts_nothing_and_says_what_it_could_cost(lab, capsys):
    search = search_of(lab)
    assert variants.preview(lab.session, search, [{"lora_r": 4}, {"lora_r": 8}]) == pytest.approx(0.60)
    printed = capsys.readouterr().out
    assert (
        printed.count("to be started") == 2 and "2 variants, 0 done; at worst 0.60 USD if on AWS" in printed
    )
    found = lab.session.client("sagemaker").list_training_jobs(NameContains=search.name)
    assert found["TrainingJobSummaries"] == []


def test_the_course_s_search_has_the_configured_job_and_its_price(lab):
    cfg = config.load(**{"training.lora_r": 4})
    rows = {"train": "s3://b/train/", "validation": "s3://b/validation/", "test": "s3://b/test/"}
    search = variants.search_from(cfg, lab.session, lab.bucket, rows, cap_usd=2, max_steps=40)
    assert search.base["max_steps"] == 40 and search.base["lora_r"] == 4
    assert search.base["merge_weights"] is False, "an adapter is enough to compare"
    assert search.channels == {"training": "s3://b/train/", "validation": "s3://b/validation/"}
    assert search.price.usd_per_hour == 1.408
    assert search.make({**search.base, "lora_r": 8}).hyperparameters()["lora_r"] == "8"


def test_two_equal_variants_are_refused(lab):
    with pytest.raises(ValueError, match="there twice"):
        planning.plan(lab.session, search_of(lab), [{"lora_r": 8}, {"lora_r": 8}])


# --- what it shows


ROWS = [
    {"learning_rate": rate, "lora_r": rank, "held-out loss": loss, "seconds": 30, "USD": 0.01,
     "status": "Completed", "job": f"job-{at}"}
    for at, (rate, rank, loss) in enumerate(
        [(1e-3, 8, 2.0), (6e-3, 8, 1.0), (2e-2, 8, 1.5),
         (1e-3, 16, 1.9), (6e-3, 16, 0.9), (2e-2, 16, math.nan)]
    )
]  # fmt: skip


def test_the_table_has_the_lowest_loss_first_and_none_last(capsys):
    variants.table([*ROWS, {**ROWS[0], "held-out loss": None, "status": "Failed", "job": "job-9"}])
    jobs = [line.split()[-1] for line in capsys.readouterr().out.splitlines()[2:]]
    assert jobs[:2] == ["job-4", "job-1"] and set(jobs[-2:]) == {"job-5", "job-9"}


def test_the_figure_has_a_line_for_each_rank_and_says_which_is_lowest():
    axes = variants.plot(ROWS)
    try:
        assert axes.get_title() == "Lowest held-out loss, 0.900, at learning_rate 0.006, lora_r 16"
        assert {line.get_label() for line in axes.get_lines()} == {"lora_r 8", "lora_r 16"}
        assert len({line.get_marker() for line in axes.get_lines()}) == 2, "also in grey"
        assert axes.get_xscale() == "log" and axes.get_xlabel() == "learning_rate"
    finally:
        import matplotlib.pyplot as plt

        plt.close(axes.figure)


def test_a_random_search_is_one_cloud_of_points_with_the_four_digits_that_matter(capsys):
    rates = [1e-3 * 1.3**at + 1e-9 for at in range(10)]
    rows = [{**ROWS[0], "learning_rate": rate, "max_seq_length": 100 + at} for at, rate in enumerate(rates)]
    axes = variants.plot(rows)
    try:
        (line,) = axes.get_lines()
        assert line.get_linestyle() == "None" and len(line.get_xdata()) == 10
        assert " ".join(axes.get_title().split()).endswith(
            "learning_rate 0.001, lora_r 8, max_seq_length 100"
        )
    finally:
        import matplotlib.pyplot as plt

        plt.close(axes.figure)
    variants.table(rows)
    assert "0.0013 " in capsys.readouterr().out


def test_without_a_loss_there_is_no_best_and_the_figure_says_so():
    rows = [{**ROWS[0], "held-out loss": None}]
    with pytest.raises(ValueError, match="none of 1 variants"):
        variants.best(rows)
    assert views.message(rows) == "No variant has a held-out loss yet"
    assert spaces.DIGITS == 3
