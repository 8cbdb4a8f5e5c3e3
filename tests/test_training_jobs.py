"""Find, watch, stop and understand real training jobs, run by the local AWS."""

import datetime
import io
import json
import tarfile
import textwrap
import time
import uuid

import pytest
from tuneaws import job_lines, training_jobs
from tuneaws.artifacts import ArtifactError, extract
from tuneaws.metrics import METRIC_DEFINITIONS
from tuneaws.training_jobs import JobError

IMAGE = (
    "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:"
    "2.8.0-transformers4.56.2-gpu-py312-cu129-ubuntu22.04"
)

TRAINS = """
    import os, pathlib
    for step in range(1, 11):
        print(f"[metric] step={step} loss={5 / step:.4f} tokens_per_s=1000.0", flush=True)
    print("[metric] step=10 eval_loss=0.75", flush=True)
    (pathlib.Path(os.environ["SM_MODEL_DIR"]) / "weights.txt").write_text("learnt")
"""
FAILS = """
    print("reading the rows", flush=True)
    raise ValueError("row 7 has no label")
"""
WAITS = """
    import threading
    print("[metric] step=1 loss=4.0", flush=True)
    threading.Event().wait(120)
"""


@pytest.fixture(scope="module")
def aws(local_aws):
    """The clients, with a bucket for this file's jobs."""
    local_aws.client("s3").create_bucket(Bucket="test-training-jobs")
    return local_aws


@pytest.fixture(scope="module")
def start(aws, role_arn):
    """Start one training job of a one-file script, the way an estimator does, and return its name."""

    def begin(script: str, tags: dict, max_steps: int = 10) -> str:
        name, packed = f"job-{uuid.uuid4().hex[:10]}", io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            body = textwrap.dedent(script).encode()
            member = tarfile.TarInfo("train.py")
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
        aws.client("s3").put_object(
            Bucket="test-training-jobs", Key=f"{name}/source.tar.gz", Body=packed.getvalue()
        )
        values = {
            "sagemaker_program": "train.py",
            "max_steps": max_steps,
            "sagemaker_submit_directory": f"s3://test-training-jobs/{name}/source.tar.gz",
        }
        aws.client("sagemaker").create_training_job(
            TrainingJobName=name,
            RoleArn=role_arn,
            AlgorithmSpecification={
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": METRIC_DEFINITIONS,
            },
            HyperParameters={key: json.dumps(value) for key, value in values.items()},
            OutputDataConfig={"S3OutputPath": "s3://test-training-jobs/output"},
            ResourceConfig={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
            StoppingCondition={"MaxRuntimeInSeconds": 300},
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        return name

    return begin


@pytest.fixture(scope="module")
def trained(aws, start):
    """(name, tags, what watch() printed, its answer) of a job that trains to its end."""
    import contextlib

    tags = {"course": "tuneaws-test", "run": uuid.uuid4().hex[:8]}
    name, printed = start(TRAINS, tags), io.StringIO()
    with contextlib.redirect_stdout(printed):
        job = training_jobs.watch(
            aws.client("sagemaker"), aws.client("logs"), name, usd_per_hour=1.408, poll_s=0.1
        )
    return name, tags, printed.getvalue(), job


@pytest.fixture(scope="module")
def failed(aws, start):
    """(name, tags, what watch() printed) of a job whose script raises."""
    import contextlib

    tags = {"course": "tuneaws-test", "run": uuid.uuid4().hex[:8]}
    name, printed = start(FAILS, tags), io.StringIO()
    with contextlib.redirect_stdout(printed):
        training_jobs.watch(aws.client("sagemaker"), aws.client("logs"), name, poll_s=0.1)
    return name, tags, printed.getvalue()


# --- watching


def test_watching_shows_status_progress_metrics_time_and_cost_in_a_few_lines(trained):
    name, tags, printed, job = trained
    lines = printed.splitlines()
    assert job["TrainingJobStatus"] == "Completed"
    assert 1 <= len(lines) <= 25, "the job may end before the first look"
    assert "Completed" in lines[-1] and "100%" in lines[-1]
    assert "step 10  loss 0.500  held-out 0.750  1,000 tokens/s" in lines[-1]
    assert lines[-1].endswith("USD so far") and lines[-1].startswith("  0:")


def test_watching_a_job_that_has_ended_returns_at_once(aws, trained, capsys):
    job = training_jobs.watch(aws.client("sagemaker"), aws.client("logs"), trained[0], poll_s=60)
    assert job["TrainingJobStatus"] == "Completed"
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_failed_job_is_explained_where_it_is_watched(failed):
    name, tags, printed = failed
    assert f"{name} failed while Training." in printed
    assert "ValueError: row 7 has no label" in printed.split("the end of its log")[0]
    assert "  | reading the rows" in printed


def test_an_interrupt_stops_the_watching_and_not_the_job(aws, start, capsys, monkeypatch):
    name = start(WAITS, {})

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(training_jobs.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        training_jobs.watch(aws.client("sagemaker"), aws.client("logs"), name)
    monkeypatch.undo()
    assert f"{name} goes on" in capsys.readouterr().out
    job = aws.client("sagemaker").describe_training_job(TrainingJobName=name)
    assert job["TrainingJobStatus"] == "InProgress"
    stopped = training_jobs.stop(aws.client("sagemaker"), name)
    assert stopped["TrainingJobStatus"] == "Stopped"
    assert training_jobs.stop(aws.client("sagemaker"), name)["TrainingJobStatus"] == "Stopped"


def test_watching_can_be_limited_in_time(aws, start):
    name = start(WAITS, {})
    begin = time.monotonic()
    job = training_jobs.watch(aws.client("sagemaker"), aws.client("logs"), name, poll_s=0.1, timeout_s=0.3)
    assert job["TrainingJobStatus"] == "InProgress" and time.monotonic() - begin < 30
    with pytest.raises(JobError, match="is still .* after -1 s"):
        training_jobs.stop(aws.client("sagemaker"), name, wait_s=-1)
    training_jobs.stop(aws.client("sagemaker"), name)


# --- finding


def test_the_newest_completed_job_with_the_tags_is_found(aws, trained, failed):
    sm = aws.client("sagemaker")
    found = training_jobs.newest(sm, trained[1])
    assert found["TrainingJobName"] == trained[0] and "ModelArtifacts" in found
    both = training_jobs.find(sm, {"course": "tuneaws-test"})
    assert [job["TrainingJobName"] for job in both] == [failed[0], trained[0]]
    assert [job["TrainingJobName"] for job in training_jobs.find(sm, failed[1], "Failed")] == [failed[0]]
    assert training_jobs.newest(sm, failed[1], status=None)["TrainingJobName"] == failed[0]


def test_when_there_is_no_job_the_error_says_what_to_run(aws, failed):
    sm = aws.client("sagemaker")
    with pytest.raises(
        JobError, match="(?s)no completed training job with the tags course=tuneaws-test, run=.*lesson 04"
    ):
        training_jobs.newest(sm, failed[1])
    with pytest.raises(JobError, match="there is no training job 'nope' in us-east-1"):
        training_jobs.describe(sm, "nope")


# --- understanding


def test_a_description_says_what_people_ask_for(aws, trained, capsys):
    found = training_jobs.describe(aws.client("sagemaker"), trained[0])
    assert found["status"] == "Completed (Completed)"
    assert found["machine"] == "1 x ml.g5.xlarge" and found["image"] == IMAGE
    assert found["model"].endswith("/model.tar.gz") and found["train:loss"] == "0.5"
    assert "why" not in found
    training_jobs.show(aws.client("sagemaker"), trained[0])
    assert "ml.g5.xlarge" in capsys.readouterr().out


def test_the_timeline_has_awss_phases_in_order(aws, trained):
    rows = training_jobs.timeline(aws.client("sagemaker"), trained[0])
    phases = ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert [row["status"] for row in rows] == phases
    assert all(row["seconds"] >= 0 for row in rows[:-1])


def test_a_job_that_did_not_fail_is_not_explained_away(aws, trained):
    text = training_jobs.explain_failure(aws.client("sagemaker"), aws.client("logs"), trained[0])
    assert text == f"{trained[0]} has not failed: it is Completed."


def test_the_end_of_the_log_can_be_read(aws, trained):
    lines = training_jobs.log_lines(aws.client("logs"), trained[0])
    assert "[metric] step=10 eval_loss=0.75" in lines
    assert training_jobs.log_lines(aws.client("logs"), trained[0], tail=1) == lines[-1:]


def test_console_addresses_name_the_job_its_log_and_its_bucket():
    urls = training_jobs.console_urls("eu-west-1", "my-job", "my-bucket")
    assert urls["job"].endswith("#/jobs/my-job") and "my-job" in urls["log"] and "my-bucket" in urls["bucket"]
    assert all("eu-west-1" in url for url in urls.values())


# --- progress


def job_of(**more) -> dict:
    return {"TrainingJobStatus": "InProgress", **more}


@pytest.mark.parametrize(
    "asked, table, part",
    [
        ({"max_steps": "200"}, [{"train:step": 50.0}], 0.25),
        ({"max_steps": '"200"'}, [{"train:step": 50.0}], 0.25),
        ({"max_steps": "-1", "epochs": "2"}, [{"train:epoch": 0.5}], 0.25),
        ({"max_steps": "10"}, [{"train:step": 11.0}], 1.0),
        ({"max_steps": "200"}, [], None),
        ({"max_steps": "many"}, [{"train:step": 50.0}], None),
        ({}, [{"train:step": 50.0}], None),
    ],
)
def test_progress_comes_from_the_jobs_own_hyperparameters(asked, table, part):
    assert job_lines.progress(job_of(HyperParameters=asked), table) == part


def test_the_bar_is_empty_at_0_full_at_1_and_honest_when_it_does_not_know():
    assert job_lines.bar(0.0, 4) == "[....]   0%" and job_lines.bar(1.0, 4) == "[####] 100%"
    assert "?" in job_lines.bar(None)
    assert (job_lines.clock(65), job_lines.clock(3605)) == ("  1:05", " 60:05")


def test_a_job_is_billed_from_its_training_start_until_aws_counts_itself():
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=30)
    assert job_lines.billed_s(job_of()) == 0
    assert job_lines.billed_s(job_of(TrainingStartTime=start)) == pytest.approx(30, abs=5)
    assert job_lines.billed_s(job_of(TrainingStartTime=start, BillableTimeInSeconds=12)) == 12


# --- the model


def test_the_model_comes_down_and_is_unpacked(aws, trained, tmp_path):
    job = training_jobs.newest(aws.client("sagemaker"), trained[1])
    folder = training_jobs.download_model(aws.client("s3"), job, tmp_path / "model")
    assert [path.name for path in folder.iterdir()] == ["weights.txt"]
    assert (folder / "weights.txt").read_text() == "learnt"


def test_a_job_without_a_model_says_so(aws, failed, tmp_path):
    job = aws.client("sagemaker").describe_training_job(TrainingJobName=failed[0])
    job.pop("ModelArtifacts", None)
    with pytest.raises(ArtifactError, match="has no model: it is Failed"):
        training_jobs.download_model(aws.client("s3"), job, tmp_path)


@pytest.mark.parametrize(
    "name, kind",
    [
        ("../evil", tarfile.REGTYPE),
        ("/tmp/evil", tarfile.REGTYPE),
        ("a/../../evil", tarfile.REGTYPE),
        ("link", tarfile.SYMTYPE),
        ("hard", tarfile.LNKTYPE),
        ("pipe", tarfile.FIFOTYPE),
    ],
)
def test_an_archive_that_reaches_outside_is_not_unpacked_at_all(tmp_path, name, kind):
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("good.txt"))
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    (tmp_path / "out").mkdir()
    with pytest.raises(ArtifactError, match="Nothing was unpacked"):
        extract(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
