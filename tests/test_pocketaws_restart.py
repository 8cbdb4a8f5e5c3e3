"""pocketaws is killed with one of everything in it, and started again on the same home."""

import json
import signal
from types import SimpleNamespace

import psutil
import pytest
from engine_aid import gone
from local_server import Process, until
from pocketaws.keeping import cut_off
from restart_aid import BUCKET, World
from training_api import refused


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """A local AWS that was killed and started again.

    world   with the clients of before the kill      before   world.described() of then
    pids    of every process of the one before       home
    """
    folder = tmp_path_factory.mktemp("restart")
    home, gate = folder / "home", folder / "gate"
    with Process(home, "--port", "0") as first:
        world = World(first.url(), gate)
        world.fill()
        before = world.described()
        world.begin()
        pids = [first.pid, *(each.pid for each in psutil.Process(first.pid).children(recursive=True))]
        first.send(signal.SIGKILL)
        first.end()
    left = [pid for pid in pids if not gone(pid)]
    gate.unlink()
    with Process(home, "--port", "0") as second:
        assert second.url() == world.url
        yield SimpleNamespace(world=world, before=before, pids=pids, left=left, home=home)


def test_no_process_outlives_the_server_that_was_killed(again):
    assert len(again.pids) > 10, "jobs, containers and models, each under a supervisor"
    assert not again.left


def test_everything_is_described_as_before_to_the_last_member(again):
    for name in ("now", "later"):
        again.world.in_service(name)
    after = again.world.described()
    assert len(after) > 50
    different = {key: (again.before.get(key), value) for key, value in after.items()
                 if again.before.get(key) != value}  # fmt: skip
    assert not different and after.keys() == again.before.keys()


def test_an_endpoint_answers_as_before(again):
    runtime = again.world.runtime
    answer = runtime.invoke_endpoint(
        EndpointName="now", TargetVariant="two", ContentType="application/json", Body=b"{}"
    )
    assert json.load(answer["Body"]) == {"answered": "two"}


def test_a_job_that_ran_is_failed_and_says_why_with_its_log_its_checkpoints_and_its_seconds(again):
    job = again.world.ended("cut-job")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == cut_off.JOB
    steps = job["SecondaryStatusTransitions"]
    assert [step["Status"] for step in steps] == ["Starting", "Downloading", "Training", "Failed"]
    assert all(step["EndTime"] >= step["StartTime"] for step in steps)
    ran = (job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds()
    assert 0 <= job["BillableTimeInSeconds"] - ran < 2 and steps[-1]["StartTime"] == job["TrainingEndTime"]
    assert any(line.startswith("loss=0.5") for line in again.world.printed("cut-job"))
    assert job["FinalMetricDataList"][0]["Value"] == 0.5
    assert again.world.read(f"s3://{BUCKET}/checkpoints/one") == b"c"
    assert not (again.home / "jobs").exists()


def test_a_job_that_was_being_stopped_is_stopped(again):
    job = again.world.ended("cut-stopping")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "FailureReason" not in job


def test_a_tuning_job_that_ran_is_failed_and_has_its_training_job(again):
    asked = {"HyperParameterTuningJobName": "cut-tuning"}
    found = again.world.sm.describe_hyper_parameter_tuning_job(**asked)
    assert found["HyperParameterTuningJobStatus"] == "Failed" and found["FailureReason"] == cut_off.TUNING
    (job,) = again.world.sm.list_training_jobs_for_hyper_parameter_tuning_job(**asked)["TrainingJobSummaries"]
    assert job["TrainingJobStatus"] == "Failed" and "rate" in job["TunedHyperParameters"]


def test_an_endpoint_that_was_being_created_is_created(again):
    assert again.world.in_service("cut-created")["EndpointConfigName"] == "cut-created"


def test_an_endpoint_that_was_being_updated_serves_what_it_did_and_can_be_updated(again):
    world = again.world
    found = world.in_service("cut-updated")
    assert found["EndpointConfigName"] == "cut-updated" and found["FailureReason"] == cut_off.UPDATE
    world.sm.update_endpoint(EndpointName="cut-updated", EndpointConfigName="cut-slow")
    assert world.in_service("cut-updated")["EndpointConfigName"] == "cut-slow"


def test_asynchronous_requests_that_waited_are_answered(again):
    for uri in again.world.answers:
        assert json.loads(until(lambda uri=uri: again.world.read(uri), 60)) == {"answered": "one"}


def test_a_customization_that_ran_is_failed_and_leaves_neither_files_nor_a_model(again):
    job = again.world.bedrock.get_model_customization_job(jobIdentifier="cut-tuned")
    assert job["status"] == "Failed" and job["failureMessage"] == cut_off.CUSTOMIZATION
    phases = {name: each["status"] for name, each in job["statusDetails"].items()}
    assert "InProgress" not in phases.values() and "Failed" in phases.values()
    assert not (again.home / "bedrock" / "tuning").exists()
    models = again.home / "bedrock" / "models"
    assert len(list(models.iterdir())) == 1, "the imported one"


def test_names_are_taken_and_tokens_known_as_before(again):
    world = again.world
    assert refused(world.start, "quick")[0] == "ResourceInUse"
    assert refused(world.start, "cut-job")[0] == "ResourceInUse"
    cut = world.bedrock.get_model_customization_job(jobIdentifier="cut-tuned")
    assert world.customization("cut-tuned") == cut["jobArn"]
    assert refused(world.importing, "import")[0] == "ConflictException"
    again_made = world.sm.create_model_package(**world.package())["ModelPackageArn"]
    assert again_made == world.version
    third = world.sm.create_model_package(**{**world.package(), "ClientToken": "new"})["ModelPackageArn"]
    assert third.endswith("/3"), "the number of a version that was deleted is not given again"


def test_a_warm_pool_that_waited_is_taken_by_the_next_job(again):
    world = again.world
    assert world.ended("again")["WarmPoolStatus"]["Status"] == "Available"
    world.start("third", machine={"KeepAlivePeriodInSeconds": 600})
    assert world.ended("third")["TrainingJobStatus"] == "Completed"
    assert world.ended("again")["WarmPoolStatus"]["ReusedByJob"] == "third"
