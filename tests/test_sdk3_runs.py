"""Tuning jobs, runs and trial components through SDK 3.12.0 and the newest: their own classes are satisfied.

Everything runs in tests/sdk3_runs.py, once an environment.
"""

import pytest
from sdk3_drivers import VERSIONS, what_it_saw


@pytest.fixture(scope="module", params=VERSIONS)
def seen(request, local_aws) -> dict:
    """What tests/sdk3_runs.py saw under one SDK 3."""
    return what_it_saw("sdk3_runs.py", request.param, local_aws)


def test_the_sdk_s_own_class_waits_for_a_tuning_job_and_reads_its_best(seen):
    found = seen["tuning"]
    assert (found["status"], found["watched"], found["counters"]) == ("Completed", "Completed", 2)
    assert found["best"] == {"learning_rate": "0.01"} and found["value"] == pytest.approx(0.5)
    assert found["tuning_job_of_best"] and len(found["listed"]) == 1


def test_the_sdk_s_analytics_and_ours_have_a_row_for_each_job(seen):
    assert seen["tuning"]["analytics"] == [[0.01, pytest.approx(0.5)], [0.03, pytest.approx(1.5)]]
    rows = sorted((row["learning_rate"], row["held-out loss"]) for row in seen["tuning"]["rows"])
    assert rows == [(0.01, 0.5), (0.03, 1.5)]


def test_the_sdk_s_own_tuner_tunes_a_model_trainer(seen):
    found = seen["their_tuner"]
    assert 0.01 <= found["rate"] <= 0.02 and found["value"] == pytest.approx(50 * found["rate"], abs=1e-3)


def test_the_sdk_s_run_logs_parameters_and_metrics(seen):
    found = seen["run"]
    assert found["runs"] == ["first"] and found["status"] == "Completed" and found["rows"] == 3200
    assert found["metrics"] == [["loss", 12, 1.0, 1.0]]


def test_a_job_with_an_experiment_config_is_in_the_experiments_table(seen):
    found = seen["job"]
    assert found["job"] and found["display_name"] == "Training" and found["rate"] == 0.01
    assert found["losses"] == [0.5, 1.0, 2]
    assert found["all"] == 2, "the run of before, and the job"


def test_nothing_left_the_machine(seen):
    assert seen["left_the_machine"] == []
