"""Real jobs on the local AWS under SDK 3.12.0, which Studio has, and the newest: our estimator and theirs.

Everything runs in tests/sdk3_jobs.py, once an environment: it takes the SDK 3 to 4 s to be imported.
"""

import re

import pytest
from sdk3_drivers import VERSIONS, what_it_saw


@pytest.fixture(scope="module", params=VERSIONS)
def seen(request, local_aws) -> dict:
    """What tests/sdk3_jobs.py saw under one SDK 3."""
    return what_it_saw("sdk3_jobs.py", request.param, local_aws)


def test_the_estimator_trains_and_its_model_is_where_it_says(seen):
    assert seen["estimator"]["model"] == "3 steps on 7 rows"


def test_fit_prints_every_line_once_between_the_status_changes(seen):
    printed = seen["estimator"]["printed"]
    metrics = [line for line in printed if line.startswith("[metric]")]
    assert metrics == [f"[metric] step={n} loss={1 / n:.4f}" for n in (1, 2, 3)]
    changes = [found[1] for line in printed if (found := re.match(r"2\d{3}-[\d: -]{14,} (\w+) - ", line))]
    assert [changes[0], *changes[-3:]] == ["Starting", "Training", "Uploading", "Completed"]
    at = {word: next(i for i, line in enumerate(printed) if f" {word} - " in line) for word in changes}
    assert at["Training"] < printed.index(metrics[0]) < printed.index(metrics[-1]) < at["Uploading"]
    assert re.fullmatch(r"Training seconds: \d+", printed[-2])
    assert re.fullmatch(r"Billable seconds: \d+", printed[-1])


def test_the_metrics_of_the_log_are_in_the_description_and_in_cloudwatch(seen):
    (final,) = seen["estimator"]["final_metrics"]
    assert final["MetricName"] == "train:loss" and final["Value"] == pytest.approx(1 / 3, abs=1e-3)
    rows = seen["estimator"]["analytics"]
    assert {row["metric_name"] for row in rows} == {"train:loss"}
    assert all(1 / 3 - 1e-3 < row["value"] <= 1 for row in rows)


def test_attach_finds_the_job_s_model_hyperparameters_and_tags(seen):
    assert seen["estimator"]["attached"] == [True, True]
    assert seen["estimator"]["attached_tags"] == [{"Key": "project", "Value": "tests"}]


def test_a_script_that_exits_3_raises_with_3(seen):
    failure = seen["estimator"]["failure"]
    assert failure["kind"] == "UnexpectedStatusException" and failure["exit_code"] == 3
    assert failure["reason"].startswith("AlgorithmError: ExecuteUserScriptError")


def test_model_trainer_trains_too_and_its_job_can_be_waited_for_and_listed(seen):
    trained = seen["model_trainer"]
    assert trained["status"] == "Completed" and trained["listed"]
    assert trained["model"] == "2 steps on 7 rows"
    assert trained["log"] == ["[metric] step=1 loss=1.0000", "[metric] step=2 loss=0.5000"]


def test_model_trainer_is_held_to_the_budget_on_aws_and_its_job_is_in_the_ledger(seen):
    within, over = seen["guarded"]["said"]
    assert "CreateTrainingJob trainer-" in within and "at worst 1.41 USD (1 x ml.g5.xlarge, at most" in within
    assert "could cost 1.41 USD" in over and "budget_usd allows 1.00. Nothing was sent" in over
    assert seen["guarded"]["in the ledger"] == 1


def test_the_sdk_s_kept_clients_follow_when_the_local_aws_moves(seen):
    assert seen["addresses"] == [["http://127.0.0.1:9"] * 2, ["http://127.0.0.1:10"] * 2]


def test_nothing_left_the_machine_not_even_the_sdk_s_telemetry(seen):
    assert seen["left_the_machine"] == []
