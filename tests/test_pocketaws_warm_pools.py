"""Managed warm pools: AWS's states, who may take one over, its bill, its quota, the persistent cache."""

import json

import pytest
from engine_aid import a_bare_aws, a_bench  # noqa: F401  fixtures
from pocketaws.sagemaker.job import TrainingJob
from pocketaws.sagemaker.warm_pools import CACHE, WarmPools
from training_api import MACHINE, create, refused
from tuneaws import training_jobs

WARM = {**MACHINE, "KeepAlivePeriodInSeconds": 600}


@pytest.fixture
def clock(aws, monkeypatch):
    """The pools of a gateway, made anew, and a clock that stands still: clock[0] is the time in seconds."""
    now = [1000.0]
    pools = WarmPools(aws.state.home / "warm_pools", clock=lambda: now[0])
    monkeypatch.setattr(aws.state, "warm_pools", pools)
    yield now
    aws.end_all()


def finished(aws, ending="Completed", reason="", **changes):
    """A job that asks for a pool and has ended."""
    job = create(aws, **{"ResourceConfig": WARM, **changes})
    for status in ("Downloading", "Training"):
        job.move(status)
    job.training_start_time = job.transitions[1]["StartTime"]
    job.fail(reason) if ending == "Failed" else job.move(ending)
    return job


def pool(aws, job) -> dict:
    """WarmPoolStatus of a job as DescribeTrainingJob gives it."""
    return aws.sagemaker.describe_training_job(TrainingJobName=job.name).get("WarmPoolStatus", {})


def test_a_pool_is_in_use_then_available_then_terminated_and_bills_what_it_waited(aws, clock):
    job = create(aws, ResourceConfig=WARM)
    assert pool(aws, job) == {"Status": "InUse"}
    job.move("Completed")
    clock[0] += 599
    assert pool(aws, job) == {"Status": "Available"}
    clock[0] += 2
    assert pool(aws, job) == {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 600}


def test_a_matching_job_takes_the_pool_and_hands_it_on(aws, clock):
    first = finished(aws)
    clock[0] += 30
    second = create(aws, ResourceConfig={**MACHINE, "KeepAlivePeriodInSeconds": 100})
    taken = {"Status": "Reused", "ResourceRetainedBillableTimeInSeconds": 30, "ReusedByJob": second.name}
    assert pool(aws, first) == taken and pool(aws, second) == {"Status": "InUse"}
    second.move("Completed")
    clock[0] += 99
    assert pool(aws, second) == {"Status": "Available"}, "for as long as the second job says"
    third = create(aws, ResourceConfig=MACHINE)
    assert pool(aws, second)["ReusedByJob"] == third.name and pool(aws, third) == {"Status": "InUse"}
    third.move("Completed")
    assert pool(aws, third)["Status"] == "Terminated", "a job that names no time does not keep it"


def test_describe_of_tuneaws_says_what_became_of_a_pool(aws, clock):
    first = finished(aws)
    assert training_jobs.describe(aws.sagemaker, first.name)["warm pool"] == "Available"
    clock[0] += 30
    second = create(aws, ResourceConfig=MACHINE)
    said = training_jobs.describe(aws.sagemaker, first.name)["warm pool"]
    assert said == f"Reused by {second.name}, billed 30 s more"
    assert training_jobs.describe(aws.sagemaker, second.name)["warm pool"] == "InUse"


@pytest.mark.parametrize(
    "changes",
    [
        {"ResourceConfig": {**MACHINE, "InstanceCount": 2}},
        {"ResourceConfig": {**MACHINE, "InstanceType": "ml.m5.xlarge"}},
        {"ResourceConfig": {**MACHINE, "VolumeSizeInGB": 11}},
        {"EnableInterContainerTrafficEncryption": True},
        {
            "EnableManagedSpotTraining": True,
            "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
        },
    ],
    ids=["count", "type", "volume", "encryption", "spot"],
)
def test_a_job_that_does_not_match_gets_no_pool(aws, clock, changes):
    first = finished(aws)
    other = create(aws, **{"ResourceConfig": MACHINE, **changes})
    assert pool(aws, other) == {} and pool(aws, first) == {"Status": "Available"}


@pytest.mark.parametrize(
    ("ending", "reason", "kept"),
    [
        ("Completed", "", True),
        ("Stopped", "", True),
        ("Failed", "AlgorithmError: ValueError", True),
        ("Failed", "ClientError: Data download failed", True),
        ("Failed", "InternalServerError: We encountered an internal error", False),
    ],
)
def test_a_pool_is_kept_unless_its_instances_may_be_ill(aws, clock, ending, reason, kept):
    status = pool(aws, finished(aws, ending, reason))
    ended = {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 0}
    assert status == ({"Status": "Available"} if kept else ended)


def test_a_job_that_was_stopped_before_it_had_instances_keeps_none(aws, clock):
    job = create(aws, ResourceConfig=WARM)
    job.move("Stopped")
    assert pool(aws, job)["Status"] == "Terminated"


def test_keep_alive_can_be_changed_while_the_pool_is_available(aws, clock):
    job = finished(aws)
    update = aws.sagemaker.update_training_job
    name = {"TrainingJobName": job.name}
    clock[0] += 10
    assert update(**name, ResourceConfig={"KeepAlivePeriodInSeconds": 3600})["TrainingJobArn"] == job.arn
    clock[0] += 3000
    assert pool(aws, job) == {"Status": "Available"}
    update(**name, ResourceConfig={"KeepAlivePeriodInSeconds": 0})
    assert pool(aws, job) == {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 3010}
    code, message = refused(update, **name, ResourceConfig={"KeepAlivePeriodInSeconds": 60})
    assert code == "ValidationException" and "the warm pool is Terminated" in message


@pytest.mark.parametrize(
    ("resources", "words"), [(WARM, "the warm pool is InUse"), (MACHINE, "the job has no warm pool")]
)
def test_what_is_not_available_cannot_be_changed(aws, clock, resources, words):
    job = create(aws, ResourceConfig=resources)
    update = aws.sagemaker.update_training_job
    given = {"TrainingJobName": job.name, "ResourceConfig": {"KeepAlivePeriodInSeconds": 60}}
    code, message = refused(update, **given)
    assert code == "ValidationException" and words in message
    code, message = refused(update, TrainingJobName=job.name, ProfilerConfig={"DisableProfiler": True})
    assert code == "NotImplemented" and "UpdateTrainingJob with ProfilerConfig" in message


def test_jobs_are_listed_by_the_state_of_their_pool(aws, clock):
    kept, busy = finished(aws), create(aws, ResourceConfig={**WARM, "VolumeSizeInGB": 99})
    for status, there, elsewhere in (("Available", kept, busy), ("InUse", busy, kept)):
        answer = aws.sagemaker.list_training_jobs(WarmPoolStatusEquals=status, MaxResults=100)
        rows = answer["TrainingJobSummaries"]
        assert {row["WarmPoolStatus"]["Status"] for row in rows} == {status}
        names = [row["TrainingJobName"] for row in rows]
        assert there.name in names and elsewhere.name not in names


def test_without_room_in_the_quota_nothing_is_kept(aws, clock):
    quotas = aws.state.home / "quotas.json"
    quotas.write_text(json.dumps({"ml.m5.large for training warm pool usage": 1}))
    try:
        first, second = finished(aws), finished(aws, ResourceConfig={**WARM, "VolumeSizeInGB": 99})
    finally:
        quotas.unlink()
    assert pool(aws, first)["Status"] == "Available" and pool(aws, second)["Status"] == "Terminated"


def test_warm_instances_count_for_the_training_quota_but_not_twice(aws, clock):
    quotas = aws.state.home / "quotas.json"
    quotas.write_text(json.dumps({"ml.m5.large for training job usage": 1}))
    try:
        finished(aws)
        with pytest.raises(aws.sagemaker.exceptions.ResourceLimitExceeded):
            create(aws, ResourceConfig={**MACHINE, "VolumeSizeInGB": 99})
        create(aws, ResourceConfig=MACHINE)  # takes the pool over
    finally:
        quotas.unlink()


def test_a_pool_ends_after_28_days_whatever_its_jobs_ask_for(aws, clock):
    longest = {**MACHINE, "KeepAlivePeriodInSeconds": 21_600}
    job = finished(aws, ResourceConfig=longest)
    for _ in range(28 * 4):
        assert pool(aws, job)["Status"] == "Available"
        clock[0] += 21_599
        job = finished(aws, ResourceConfig=longest)
    clock[0] += 28 * 4
    assert pool(aws, job)["Status"] == "Terminated"


def test_the_persistent_cache_goes_to_the_next_job_and_away_with_the_pool(bench):
    pools = WarmPools(bench.engine.settings.home / "warm_pools")
    script = (
        "import os, pathlib\n"
        f"cache = pathlib.Path(os.environ['SM_MODEL_DIR']).parent / {CACHE!r}\n"
        "print('found', sorted(path.name for path in cache.iterdir()))\n"
        "(cache / f'from-{len(list(cache.iterdir()))}').touch()\n"
    )

    def run(keep_alive_s: int):
        machine = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10}
        request = bench.request(
            files={"train.py": script},
            ResourceConfig={**machine, "KeepAlivePeriodInSeconds": keep_alive_s},
        )
        job = TrainingJob(request, "us-east-1", "123456789012")
        pools.join(job)
        bench.engine.start(job)
        assert job.ended.wait(60) and job.status == "Completed", job.failure_reason
        return job, [line for line in bench.log(job) if line.startswith("found")]

    first, found = run(600)
    assert found == ["found []"] and first.warm_pool.status == "Available"
    second, found = run(600)
    assert found == ["found ['from-0']"] and first.warm_pool.reused_by == second.name
    assert list(second.warm_pool.cache.rglob("from-*"))
    assert second.warm_pool.update(0) and not second.warm_pool.cache.exists()
