"""Managed spot training: interrupted by the clock, by a word of the log or by a call, and started again."""

import json
import math
import time

import pytest
from engine_aid import Bench, a_bare_aws, a_bench  # noqa: F401  fixtures
from local_server import raw, until
from pocketaws.training import interruption
from pocketaws.training.interruption import Plan
from training_api import MACHINE, create, refused, request_for

SPOT = {"EnableManagedSpotTraining": True}
INSTANCE = "ml.m5.xlarge"
# Counts on from what its checkpoint folder has, and writes there when it gets SIGTERM. It counts to COUNT_TO,
# and to THEN_TO once it has been interrupted.
COUNTER = """
import os, pathlib, signal, sys, time
model = pathlib.Path(os.environ["SM_MODEL_DIR"])
file = model.parent / "checkpoints" / "count"
count = int(file.read_text()) if file.exists() else 0
print("from", count, "disk", sorted(path.name for path in model.iterdir()), flush=True)
def warned(*_):
    file.write_text(str(count))
    print("warned at", count, flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, warned)
(model / "half").write_text("x")
last = int(os.environ.get("THEN_TO" if file.exists() and "THEN_TO" in os.environ else "COUNT_TO", "40"))
while count < last:
    count += 1
    print("count=" + str(count), flush=True)
    time.sleep(0.02)
(model / "whole").write_text(str(count))
"""


def spot_job(bench, wait_s=60, run_s=60, tag="", **members):
    """A spot job of COUNTER with checkpoints in the bench's bucket, started."""
    request = bench.request(
        files={"train.py": COUNTER},
        StoppingCondition={"MaxRuntimeInSeconds": run_s, "MaxWaitTimeInSeconds": wait_s},
        CheckpointConfig={"S3Uri": f"s3://{bench.bucket}/checkpoints/{tag or 'x'}"},
        Tags=[{"Key": interruption.TAG, "Value": tag}] if tag else [],
        **{**SPOT, **members},
    )
    return bench.start(request)


def statuses(job) -> list[str]:
    return [row["Status"] for row in job.describe()["SecondaryStatusTransitions"]]


def message(job) -> str:
    return job.describe()["SecondaryStatusTransitions"][-1]["StatusMessage"]


def ended(job, wait_s=60):
    assert job.ended.wait(wait_s), job.secondary_status
    return job


def text(bench, job) -> str:
    return "\n".join(event["message"] for stream in bench.streams(job) for event in bench.events(stream))


@pytest.fixture(scope="module")
def interrupted(bare_aws, tmp_path_factory):
    """A job interrupted at two words of its log, 60 % cheaper: (job, log, model, how many logs)."""
    home = tmp_path_factory.mktemp("spot") / "home"
    home.mkdir()
    (home / "spot_price.json").write_text(json.dumps({INSTANCE: 0.4}))
    bench = Bench(bare_aws, home)
    job = ended(spot_job(bench, tag="count=5 count=12"))
    model = bench.archive(f"results/{job.name}/output/model.tar.gz")
    yield job, text(bench, job), model, len(bench.streams(job))
    bench.close()


def test_an_interrupted_job_goes_through_awss_statuses(interrupted):
    job, log, _, _ = interrupted
    once = ["Starting", "Downloading", "Training"]
    assert job.status == "Completed", (job.failure_reason, log)
    expected = [*once, "Interrupted", *once, "Interrupted", *once, "Uploading", "Completed"]
    assert statuses(job) == expected


def test_what_was_checkpointed_within_the_notice_is_not_done_again(interrupted):
    _, log, _, _ = interrupted
    warned = [int(line.split()[-1]) for line in log.splitlines() if line.startswith("warned at")]
    began = [int(line.split()[1]) for line in log.splitlines() if line.startswith("from")]
    assert began == [0, *warned] and len(warned) == 2
    counts = [int(line.partition("=")[2]) for line in log.splitlines() if line.startswith("count=")]
    assert counts == list(range(1, 41))


def test_every_attempt_has_an_empty_disk_and_a_log_of_its_own(interrupted):
    _, log, model, streams = interrupted
    assert log.count("disk []") == 3 and streams == 3
    assert sorted(model) == ["half", "whole"]


def test_time_between_two_attempts_is_not_trained_and_a_discount_is_billed(interrupted):
    job, *_ = interrupted
    described = job.describe()
    whole = (job.training_end_time - job.training_start_time).total_seconds()
    assert 0 < described["TrainingTimeInSeconds"] <= whole + 1
    expected = -(-described["TrainingTimeInSeconds"] * 4 // 10)
    assert described["BillableTimeInSeconds"] == expected


def test_an_interruption_without_notice_sends_no_signal_and_keeps_only_what_s3_has(bench):
    job = spot_job(bench, Environment={"COUNT_TO": "100"})
    bench.until_logged(job, "count=3")
    assert bench.engine.interrupt(job, notice_s=0)
    bench.until_logged(job, "count=3")
    log = text(bench, ended(job))
    assert job.status == "Completed" and "warned" not in log
    assert log.count("from 0 ") == 2, "the second attempt begins anew"
    assert statuses(job).count("Interrupted") == 1


def test_the_clock_of_the_tag_counts_training_over_all_attempts():
    now = [100.0]
    plan = Plan({interruption.TAG: "5 8"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interruption.time, "monotonic", lambda: now[0])
        plan.begin()
        assert plan.due_in_s() == 5 and not plan.is_due()
        now[0] += 5.5
        assert plan.is_due() == "5" and plan.due_in_s() is None and not plan.is_due()
        plan.end()
        now[0] += 1000  # waiting for instances
        plan.begin()
        assert plan.due_in_s() == 2.5 and plan.trained_s == 5.5
        now[0] += 2.5
        assert plan.is_due() and plan.due_in_s() is None


def test_words_of_the_tag_are_whole_words_or_larger_numbers_one_an_attempt():
    plan = Plan({interruption.TAG: "step=5 step=12 saved"})
    assert not plan.reads(["[metric] laststep=9 loss=7", "step=4 eval_step=50", "step=x", "step=nan"])
    assert plan.reads(["[metric] step=5 loss=1"]) == "step=5"
    assert not plan.reads(["step=12"]), "what is logged while the instance goes is too late"
    plan.begin()
    assert not plan.reads(["step=6", "step=11"])
    assert plan.reads(["step=14 loss=1"]) == "step=12", "12 was not logged"
    plan.begin()
    assert not plan.reads(["unsaved", "saved."]) and plan.reads(["[x] saved 3 files"]) == "saved"
    plan.begin()
    assert not plan.reads(["step=100 saved"])


def test_a_moment_may_say_how_much_notice_it_gives():
    plan = Plan({interruption.TAG: "step=1@0 3@7.5 me@home"})
    assert plan.reads(["step=1"]) == "step=1@0" and plan.due_in_s() is None
    plan.begin()
    assert plan.due_in_s() == pytest.approx(3, abs=0.5)
    given = [interruption.notice_s(text, 120) for text in ("step=1@0", "3@7.5", "3", "me@home")]
    assert given == [0, 7.5, 120, 120]
    plan = Plan({interruption.TAG: "me@home"})
    assert plan.reads(["by me@home"]) == "me@home"


def test_a_spot_job_waits_for_capacity_and_runs_when_there_is_some(bench):
    capacity = bench.engine.settings.home / "capacity.json"
    capacity.parent.mkdir(exist_ok=True)
    capacity.write_text(json.dumps({INSTANCE: 0}))
    job = spot_job(bench, Environment={"COUNT_TO": "1"})
    until(lambda: message(job).startswith("Insufficient"))
    capacity.unlink()
    assert ended(job).status == "Completed" and "Interrupted" not in statuses(job)


def test_waiting_for_instances_after_an_interruption_is_not_trained(bench):
    capacity = bench.engine.settings.home / "capacity.json"
    job = spot_job(bench, Environment={"COUNT_TO": "100000", "THEN_TO": "0"})
    bench.until_logged(job, "count=1")
    capacity.write_text(json.dumps({INSTANCE: 0}))
    assert bench.engine.interrupt(job)
    until(lambda: message(job).startswith("Insufficient"))
    assert job.secondary_status == "Interrupted"
    time.sleep(1.5)  # what is measured here
    capacity.unlink()
    ended(job)
    whole = (job.training_end_time - job.training_start_time).total_seconds()
    assert job.status == "Completed" and job.training_time_s <= math.ceil(whole - 1.5)


def test_every_host_of_an_interrupted_job_starts_again(bench):
    machine = {"InstanceType": INSTANCE, "InstanceCount": 2, "VolumeSizeInGB": 10}
    job = spot_job(bench, ResourceConfig=machine, Environment={"COUNT_TO": "100000", "THEN_TO": "0"})
    bench.until_logged(job, "count=3")
    until(lambda: len(bench.streams(job)) == 2 and "count=3" in "\n".join(bench.log(job, 1)))
    assert bench.engine.interrupt(job)
    assert ended(job).status == "Completed" and statuses(job).count("Interrupted") == 1
    assert len(bench.streams(job)) == 4 and text(bench, job).count("warned at") == 2


def test_a_spot_job_without_capacity_ends_when_its_wait_is_over(bench):
    capacity = bench.engine.settings.home / "capacity.json"
    capacity.parent.mkdir(exist_ok=True)
    capacity.write_text(json.dumps({INSTANCE: 0}))
    job = ended(spot_job(bench, wait_s=1, run_s=1))
    assert statuses(job) == ["Starting", "Stopping", "MaxWaitTimeExceeded"] and job.status == "Stopped"
    assert job.training_time_s is None and bench.keys("results") == []


def test_waiting_and_running_together_end_at_max_wait(bench):
    job = ended(spot_job(bench, wait_s=2, run_s=60, Environment={"COUNT_TO": "100000"}))
    assert job.secondary_status == "MaxWaitTimeExceeded" and job.status == "Stopped"
    assert "Stopping" in statuses(job)


def test_a_job_that_waits_for_capacity_can_be_stopped(bench):
    capacity = bench.engine.settings.home / "capacity.json"
    capacity.parent.mkdir(exist_ok=True)
    capacity.write_text(json.dumps({INSTANCE: 0}))
    job = spot_job(bench)
    assert job.request_stop()
    bench.engine.stop(job)
    assert ended(job).secondary_status == "Stopped"


# --- through the API


def call(aws, **members):
    status, _, body = raw(aws.url, "POST", "/_pocketaws/interrupt", json.dumps(members).encode())
    return status, json.loads(body)


def test_a_call_interrupts_a_spot_job_that_is_training(aws):
    job = create(aws, **SPOT, StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60})
    job.move("Training")
    assert call(aws, TrainingJobName=job.name) == (200, {"TrainingJobArn": job.arn})
    assert call(aws, TrainingJobName=job.name, NoticeInSeconds=0)[0] == 200
    assert aws.engine.interrupted == [(job, None), (job, 0)]


@pytest.mark.parametrize(
    ("spot", "status", "asked", "words"),
    [
        (False, "Training", {}, "only managed spot training"),
        (True, "Downloading", {}, "is Downloading"),
        (True, "Training", {"NoticeInSeconds": 121}, "from 0 (none) to 120"),
        (True, "Training", {"NoticeInSeconds": "now"}, "a number or nothing"),
        (True, "Training", {"TrainingJobName": "nobody"}, "not found"),
    ],
)
def test_an_interruption_that_cannot_be_is_refused_with_the_reason(aws, spot, status, asked, words):
    stopping = {"MaxRuntimeInSeconds": 60, **({"MaxWaitTimeInSeconds": 60} if spot else {})}
    job = create(aws, EnableManagedSpotTraining=spot, StoppingCondition=stopping)
    job.move(status)
    code, answer = call(aws, **{"TrainingJobName": job.name, **asked})
    assert code == 400 and words in answer["message"]


def test_other_paths_of_pocketaws_are_not_there(aws):
    assert raw(aws.url, "GET", "/_pocketaws/interrupt")[0] == 404
    assert raw(aws.url, "POST", "/_pocketaws/other", b"{}")[0] == 404


def test_the_tag_is_refused_on_a_job_on_demand(aws):
    tags = [{"Key": interruption.TAG, "Value": "5"}]
    code, message = refused(aws.sagemaker.create_training_job, **request_for(aws, Tags=tags))
    assert code == "ValidationException" and "EnableManagedSpotTraining" in message


def test_a_spot_job_cannot_keep_its_instances_warm(aws):
    changes = {
        **SPOT,
        "ResourceConfig": {**MACHINE, "KeepAlivePeriodInSeconds": 60},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
    }
    code, message = refused(aws.sagemaker.create_training_job, **request_for(aws, **changes))
    assert code == "ValidationException" and "warm pools cannot be used with spot" in message
