"""What benchmarks/reliability.py counts, and how; the runs themselves take most of an hour."""

import sys
from pathlib import Path

import pytest
from run_course import Result

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
if str(BENCHMARKS) not in sys.path:
    sys.path.append(str(BENCHMARKS))

import inventory  # noqa: E402
import reliability  # noqa: E402
import reliability_report  # noqa: E402

CLEAN = {"training job": {"a": "Completed", "b": "Failed"}, "endpoint config": {"c": ""}}


@pytest.mark.parametrize(
    "status, error, how",
    [("passed", "", "finished"), ("failed", "ValueError: no", "failed without"),
     ("failed", "SessionError: gone.\nFix: connect() again", "failed with a fix"),
     ("stopped", "stopped after 900 s, the limit for one lesson", "failed without")],
)  # fmt: skip
def test_a_failure_has_a_fix_only_if_it_says_one(status, error, how):
    assert reliability.outcome(Result("00", "", status, error=error))["how"] == how


def test_a_disturbed_run_is_held_against_an_undisturbed_one():
    same = {"training job": {"x": "Completed", "y": "Failed"}, "endpoint config": {"z": ""}}
    assert reliability.compared(same, CLEAN) == {"twice": {}, "left": {}}
    more = {"training job": {**same["training job"], "again": "Completed"}, "model": {"m": ""},
            "endpoint config": {"z": "", "z2": ""}}  # fmt: skip
    seen = reliability.compared(more, CLEAN)
    assert seen == {"twice": {"training job": 1}, "left": {"model": 1, "endpoint config": 1}}
    assert reliability.missing(same, CLEAN) == []
    assert reliability.missing({"training job": {"x": "Completed"}}, CLEAN) == ["training job"]


def test_a_job_that_ended_with_pocketaws_did_not_run_twice():
    made = {"training job": {"a": "Completed", "b": "Failed", "cut": "Failed"}}
    assert reliability.compared(made, CLEAN)["twice"] == {}
    made["training job"]["cut"] = "Completed"
    assert reliability.compared(made, CLEAN)["twice"] == {"training job": 1}


def test_what_pocketaws_says_of_a_job_that_it_ended_with_is_what_is_looked_for():
    from pocketaws.keeping import cut_off

    assert inventory.KILLED in Path(cut_off.__file__).read_text()


def test_the_inventory_asks_for_every_kind(local_aws, bucket):
    before = inventory.take(local_aws.client)
    assert set(before) == {*inventory.JOBS, *inventory.THINGS, "package version", "unfinished upload"}
    sm = local_aws.client("sagemaker")
    sm.create_model_package_group(ModelPackageGroupName="inventory")
    local_aws.client("s3").create_multipart_upload(Bucket=bucket, Key="large")
    made = inventory.new(before, inventory.take(local_aws.client))
    sm.delete_model_package_group(ModelPackageGroupName="inventory")
    assert inventory.things_of(made) == {"package group": 1, "unfinished upload": 1}
    assert inventory.jobs_of(CLEAN) == {"training job a": "Completed", "training job b": "Failed"}


def test_the_page_sums_what_went_wrong():
    run = {"how": "finished", "seconds": 3.0, "cell": None, "error": ""}
    fault = {"run": run, "made": {}, "calls": 40, "faults": {"cut-after": 1, "throttle": 2}, "failed": {},
             "lost": [], "twice": {"training job": 1}, "left": {}}  # fmt: skip
    first = {**run, "how": "failed without", "error": "ValueError: a | b\nmore"}
    kill = {"first": first, "run": run, "killed_at_s": 1.5, "made": {}, "reasons": {}, "lost": ["job x"],
            "unended": [], "twice": {}, "left": {"model": 2}}  # fmt: skip
    clean = {"run": run, "made": {}}
    results = {"clean": {"00_a": clean}, "faults": {"00_a": fault}, "kills": {"00_a": kill}}
    page = "\n".join(reliability_report._page(results, 7, 20))
    assert reliability_report.bad(results) == 1 + 1 + 1 + 2
    assert "| one call in twenty failing | 1 | 1 | 0 | 0 | 1 | 0 | 0 |" in page
    assert "| 00_a | 40 | 1 | 2 | finished | 1 training job | 0 | 0 |" in page
    assert "ValueError: a \\| b" in page and "2 model" in page and "b\nmore" not in page
