"""tuneaws.plan: what it answers from 1B to 70B, and how far it is from every run that was measured."""

import statistics

import pytest
from tuneaws import job_costs, plan, prices, speeds
from tuneaws.plan import choosing, measured, rates
from tuneaws.plan.own import run_of
from tuneaws.sizing.activations import Setting
from tuneaws.sizing.catalogue import find, parameters
from tuneaws.sizing.memory import memory_needed
from tuneaws.sizing.sharding import sharded_memory

PACKED = Setting("qlora", 1024, 2, checkpointing=True, padded=False)


@pytest.fixture(scope="module")
def seventy():
    return plan.answers(find("llama-3.3-70b"), 3e6)


# --- against what others measured


def test_every_measured_run_is_in_the_table_with_its_errors():
    rows = plan.errors()
    assert len(rows) == len(plan.RUNS) == 71
    assert all(row["error"] or row["error GB"] for row in rows)
    assert {row["source"] for row in rows} == {"Qwen", "Qwen, GPTQ", "fsdp_qlora", "torchtune", "LitGPT"}


def test_the_plan_is_near_the_runs_that_store_weights_as_here(capsys):
    speed, memory = measured.deviations("speed"), measured.deviations("memory")
    assert (len(speed), len(memory)) == (29, 41)
    assert statistics.median(speed) < 0.08 and max(speed) < 0.25, plan.summary()
    assert statistics.median(memory) < 0.08 and max(memory) < 0.28, plan.summary()
    with capsys.disabled():
        print("\n" + plan.summary())


def test_the_plan_is_near_the_seventy_billion_parameter_runs_of_both_kinds_of_gpu():
    found = [run for run in plan.RUNS if run.model.name == "llama-2-70b"]
    kinds = sorted((run.gpus, run.gpu) for run in found)
    assert kinds == [(2, "A100"), (4, "A100"), (4, "H100"), (8, "A100")]
    for run in found:
        assert measured.planned(run)[0] == pytest.approx(run.tokens_per_s, rel=0.14)


def test_the_range_of_an_answer_holds_nine_of_ten_measured_runs():
    runs = [run for run in plan.RUNS if run.ours and run.tokens_per_s]
    inside = [run for run in runs if 1 / measured.spread() <= measured.planned(run)[0] / run.tokens_per_s
              <= measured.spread()]
    assert 0.9 <= len(inside) / len(runs) < 1 and measured.spread() < 1.2


def own_job(**changes) -> dict:
    """The description of a completed job of the course."""
    job = {
        "TrainingJobName": "mine", "ResourceConfig": {"InstanceType": "ml.g5.12xlarge", "InstanceCount": 2},
        "HyperParameters": {"model_id": '"meta-llama/Llama-3.2-1B-Instruct"', "lora_r": "16",
                            "per_device_train_batch_size": "2", "quantization": '"nf4"',
                            "sagemaker_torch_distributed_enabled": "true"},
        "FinalMetricDataList": [{"MetricName": "train:tokens_per_s", "Value": 20_000.0}],
    }  # fmt: skip
    return {**job, **changes}


def test_a_job_of_your_own_is_a_run_on_all_gpus_that_trained(monkeypatch):
    run = run_of(own_job(), 200)
    assert (run.gpu, run.gpus, run.sharded, run.tokens_per_s) == ("A10G", 8, False, 20_000)
    assert (run.setting.method, run.setting.rows, run.setting.tokens) == ("qlora", 2, 200)
    alone = {"model_id": "llama-3.2-1b", "quantization": '"none"'}
    run = run_of(own_job(HyperParameters=alone), 200)
    assert (run.gpus, run.setting.method) == (1, "lora"), "without torch_distributed one GPU trains"
    for changes in ({"HyperParameters": {"model_id": '"pocketaws/chat-1m"'}}, {"FinalMetricDataList": []},
                    {"ResourceConfig": {"InstanceType": "ml.m5.xlarge"}}):
        assert run_of(own_job(**changes), 200) is None

    monkeypatch.setattr("tuneaws.training_jobs.find", lambda *_: [{"TrainingJobName": "mine"}])
    monkeypatch.setattr("tuneaws.training_jobs.get", lambda *_: own_job())
    (row,) = plan.own_jobs(None, {}, row_tokens=200)
    assert (row["source"], row["GPUs"], row["tokens/s"]) == ("mine", "8 x A10G", 20_000)
    assert row["error"] == f"{row['planned'] / 20_000 - 1:+.0%}" and row["GB"] is None


# --- memory in parts


def test_one_gpu_in_parts_is_one_gpu():
    model = find("llama-3.1-8b")
    assert sharded_memory(model, PACKED, 1) == memory_needed(model, PACKED)


def test_parts_of_weights_shrink_and_activations_stay():
    model = find("llama-3.3-70b")
    alone, two, eight = (sharded_memory(model, PACKED, gpus) for gpus in (1, 2, 8))
    assert alone.likely_gb > two.likely_gb > eight.likely_gb
    assert eight.terms["weights"] == alone.terms["weights"] / 8
    assert eight.terms["activations"] == alone.terms["activations"]
    outer = 2 * 2 * 128256 * 8192
    assert eight.terms["gathered"] > 0.8 * outer, "embedding and output layer are whole on each GPU"


def test_the_adapter_is_whole_on_each_gpu_as_the_script_has_it_and_in_parts_where_others_cut_it():
    model = find("llama-3.3-70b")
    alone, ours, others = memory_needed(model, PACKED), *(
        sharded_memory(model, PACKED, 4, all_in_parts) for all_in_parts in (False, True))
    for name in ("adapter", "optimizer", "gradients"):
        assert ours.terms[name] == alone.terms[name] == 4 * others.terms[name]
    full = sharded_memory(model, Setting("full", 1024, 1), 4)
    assert full.terms["optimizer"] == memory_needed(model, Setting("full", 1024, 1)).terms["optimizer"] / 4


def test_published_runs_are_planned_as_they_were_run():
    run = next(run for run in plan.RUNS if run.gb and run.sharded)
    need = sharded_memory(run.model, run.setting, run.gpus, all_in_parts=True)
    beside = need.terms["CUDA"] + (0 if run.reserved else need.terms["fragmentation"])
    assert measured.planned(run)[1] == pytest.approx(need.likely_gb - beside / 1e9)


# --- speed


def test_short_rows_wait_for_the_next_instruction_and_long_ones_for_the_arithmetic():
    model = find("llama-3.1-8b")
    speeds = [plan.tokens_per_s(model, Setting("lora", tokens, 1, padded=False), "A100 80 GB")
              for tokens in (64, 128, 4096, 8192)]
    assert speeds[1] == pytest.approx(2 * speeds[0]) and speeds[3] < speeds[2] < 10 * speeds[1]


def test_4_bit_weights_cost_time_and_parts_cost_more_of_it():
    model, lora = find("llama-3.1-8b"), Setting("lora", 1024, 1, padded=False)
    qlora = Setting("qlora", 1024, 1, padded=False)
    assert plan.tokens_per_s(model, qlora, "A10G") < plan.tokens_per_s(model, lora, "A10G")
    copies, parts = (plan.tokens_per_s(model, lora, "A10G", 4, sharded) for sharded in (False, True))
    assert parts < copies == 4 * plan.tokens_per_s(model, lora, "A10G")


def test_a_planned_speed_is_a_speed_for_the_cost_of_a_job_and_says_what_it_rests_on():
    """Where it differs from speeds.assumed(), the numbers of both are in assumed()'s docstring."""
    model, setting = find("llama-3.2-1b"), Setting("qlora", 1024, 4, padded=False)
    found = {name: plan.speed(model, name, setting) for name in ("ml.g5.xlarge", "ml.g6.xlarge")}
    said = " ".join(speeds.assumed.__doc__.split())
    for name, planned in found.items():
        assert planned.likely == plan.tokens_per_s(model, setting, speeds.gpu_of(name))
        for value in (planned.likely, speeds.assumed(parameters(model), name).likely):
            assert f"{round(value, -1):,.0f}" in said, value
    a10g = found["ml.g5.xlarge"]
    assert (a10g.slow, a10g.fast) == (a10g.likely / 2, a10g.likely * 2) and "ASSUMED" in a10g.source
    a100 = plan.speed(model, "ml.p4d.24xlarge", setting)
    assert a100.fast / a100.likely == measured.spread() and "by runs measured on this GPU" in a100.source
    cost = job_costs.before(1_000_000, a10g, "ml.g5.xlarge", "us-east-1", 3600)
    assert cost.speed is a10g and "planned for llama-3.2-1b on one A10G" in str(cost)
    with pytest.raises(prices.PriceError, match="no GPU is known"):
        plan.speed(model, "ml.m5.xlarge", setting)


def test_every_gpu_of_the_table_has_its_numbers():
    gpus = {row[3] for row in prices.INSTANCES.values() if row[2]}
    assert gpus <= set(rates.BANDWIDTH) and len(gpus) == 7


# --- answers


@pytest.mark.parametrize(("name", "in_parts", "least"), [
    ("llama-3.2-1b", False, 10), ("llama-3.1-8b", False, 10), ("qwen2.5-32b", False, 6),
    ("llama-3.3-70b", True, 5),
])
def test_from_1b_to_70b_there_is_an_answer_that_fits(name, in_parts, least):
    found = plan.answers(find(name), 3e6)
    cheapest = plan.best(found)
    assert cheapest is found[0] and cheapest.in_parts is in_parts
    assert len(plan.table(found)) >= least
    for answer in found:
        assert answer.need.high_gb <= answer.usable_gb
        assert answer.low_hours <= answer.hours <= answer.high_hours
        assert answer.gpus * answer.instances * answer.setting.rows <= 16, "rows of a step stay 16"


def test_a_70b_model_needs_several_gpus_or_large_ones(seventy):
    assert {answer.gpus for answer in seventy} == {4, 8}
    assert not [answer for answer in seventy if answer.instance_type == "ml.g5.xlarge"]


def test_more_instances_are_faster_and_cost_more(seventy):
    one, four = (next(each for each in seventy if each.instances == count and each.setting.method == "qlora"
                      and each.instance_type == "ml.g6e.12xlarge") for count in (1, 4))
    assert four.hours < one.hours and four.usd > one.usd


def test_the_cheapest_within_hours_and_the_fastest_within_dollars(seventy):
    quick = plan.best(seventy, hours=2)
    assert quick.high_hours <= 2 and quick.usd > plan.best(seventy).usd
    assert plan.best(seventy, usd=1000).hours == min(each.hours for each in seventy if each.usd is not None)
    with pytest.raises(plan.PlanError, match="within 0.1 hours. Nearest:(.|\n)*Fix: more hours"):
        plan.best(seventy, hours=0.1)
    with pytest.raises(plan.PlanError, match="within 1.00 USD"):
        plan.best(seventy, usd=1)


def test_a_price_that_was_not_seen_is_not_guessed(seventy):
    row = next(row for row in plan.table(seventy) if "p4d" in row["instance"])
    assert row["USD"] is None and row["speed"] == "by measured runs"
    west = plan.best(plan.answers(find("llama-3.3-70b"), 3e6, region="us-west-2"))
    assert west.usd_per_hour == 25.251 and west.is_measured
    assert "by runs measured on this GPU" in str(west)


def test_an_assumed_speed_says_so_and_has_the_wider_range(seventy):
    cheapest = plan.best(seventy)
    assert not cheapest.is_measured and "ASSUMED for this GPU" in str(cheapest)
    assert cheapest.high_hours / cheapest.low_hours > 2


def test_what_fits_nowhere_is_said_with_a_way_on():
    with pytest.raises(plan.PlanError, match="fits no instance of the table with rows of 131072 tokens"):
        plan.answers(find("llama-3.3-70b"), 3e6, row_tokens=131072, methods=("lora",))


def test_hours_grow_with_tokens_beyond_what_comes_around_them():
    model = find("llama-3.2-1b")
    short, long = (plan.best(plan.answers(model, tokens, instances=(1,), methods=("lora",)))
                   for tokens in (1e9, 2e9))
    around = (choosing.SETUP_S + 2 * 1.24e9 / choosing.LOAD_BYTES_PER_S) / 3600
    assert long.hours - around == pytest.approx(2 * (short.hours - around), rel=0.01)


def test_the_figure_shows_both_errors():
    import matplotlib

    matplotlib.use("Agg")
    axes = plan.plot_errors()
    assert "of the planned speed" in axes[0].get_title(loc="left")
    assert all("stored as here" in ax.get_title(loc="left") for ax in axes), "the others are further off"
    assert axes[0].get_xlabel() == "measured: tokens a second, all GPUs"
    points = sum(len(line.get_xdata()) for line in axes[1].lines if line.get_marker() not in ("None", ""))
    assert points == 67
    import matplotlib.pyplot as plt

    plt.close("all")
