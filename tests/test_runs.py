"""Runs: recorded with what repeats them, put side by side, repeated; MLflow as requests on aws only."""

from types import SimpleNamespace

import botocore.session
import pytest
from botocore.validate import ParamValidator
from tuneaws import raw_jobs, runs, training_jobs
from tuneaws.runs import recording, repeating, tracking
from variants_aid import TRAINING, a_lab  # noqa: F401


@pytest.fixture(scope="module")
def jobs(lab) -> list:
    """Names of two completed jobs that differ in learning rate and rank."""
    estimators = [lab.estimator({"learning_rate": rate, "lora_r": rank, "model_id": "some/model"},
                                checkpoint_s3_uri=f"s3://{lab.bucket}/checkpoints/{rank}")
                  for rate, rank in ((1e-3, 16), (1e-2, 8))]  # fmt: skip
    for number, estimator in enumerate(estimators):
        name = f"runs-{lab.bucket[-8:]}-{number}"
        estimator.fit(lab.channels, wait=False, job_name=name)
    return [ended(lab, estimator.latest_training_job.name) for estimator in estimators]


def ended(lab, name: str) -> str:
    done = training_jobs.watch(lab.session.client("sagemaker"), lab.session.client("logs"), name, poll_s=0.1)
    assert done["TrainingJobStatus"] == "Completed", done.get("FailureReason")
    return name


def component(lab, job: str) -> dict:
    name = recording.component_name(job)
    return lab.session.client("sagemaker").describe_trial_component(TrialComponentName=name)


# --- record


def test_a_record_has_what_went_in_what_computed_it_and_what_came_out(lab, jobs):
    found = runs.record(lab.session, jobs[0], keep=False)
    assert (found["job"], found["status"], found["instance"]) == (jobs[0], "Completed", "1 x ml.g5.xlarge")
    assert found["hyperparameters"] == {"learning_rate": 1e-3, "lora_r": 16, "model_id": "some/model"}
    assert found["data"]["training"]["uri"] == lab.channels["training"]
    assert found["code"]["files"] == 2 and found["packages"]["torch"] and found["seed"] == 7
    loss = found["metrics"]["eval:loss"]
    assert loss["count"] == 3 and loss["min"] == loss["last"] == pytest.approx(1 + 1 / 30, abs=1e-5)
    assert [row["step"] for row in found["history"]] == [10, 20, 30]
    assert found["artifacts"]["metrics"].endswith(f"{jobs[0]}/output/output.tar.gz")
    assert found["usd"] == pytest.approx(found["seconds"] * 1.408 / 3600, abs=1e-4)


def test_the_hash_from_s3_is_the_hash_that_the_job_wrote_down(lab, jobs):
    written = runs.record(lab.session, jobs[0], keep=False)["data"]["training"]
    now = runs.s3_hash(lab.session.client("s3"), lab.channels["training"])
    assert {key: written[key] for key in now} == now


def test_the_hash_beside_you_is_that_of_the_training_script(tmp_path):
    import tiny_chat  # noqa: F401  (it puts the training folder on the path)
    from provenance import CODE, folder_hash

    for name, text in {"b.py": "x", "a/c.txt": "y", "__pycache__/z.pyc": "z"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert runs.folder_hash(tmp_path) == folder_hash(tmp_path) and folder_hash(tmp_path)["files"] == 2
    assert runs.folder_hash(TRAINING, CODE) == folder_hash(TRAINING, CODE)
    assert tuple(runs.hashes.CODE) == tuple(CODE)


def test_keeping_a_record_puts_hashes_and_versions_where_search_finds_them(lab, jobs):
    found = runs.record(lab.session, jobs[1])
    kept = component(lab, jobs[1])["Parameters"]
    digest = found["data"]["training"]["sha256"]
    assert kept["data.training.sha256"] == {"StringValue": digest}
    assert kept["package.torch"] == {"StringValue": found["packages"]["torch"]}
    assert kept["lora_r"] == {"NumberValue": 8.0}, "what SageMaker keeps itself is still there"
    filters = [{"Name": "Parameters.data.training.sha256", "Operator": "Equals", "Value": digest},
               {"Name": "Parameters.lora_r", "Operator": "Equals", "Value": "8"}]  # fmt: skip
    answer = lab.session.client("sagemaker").search(
        Resource="ExperimentTrialComponent", SearchExpression={"Filters": filters}
    )
    names = [row["TrialComponent"]["TrialComponentName"] for row in answer["Results"]]
    assert names == [recording.component_name(jobs[1])]


def test_a_job_that_runs_or_is_not_there_has_no_record(lab):
    with pytest.raises(training_jobs.JobError, match="no training job"):
        runs.record(lab.session, "nowhere")
    running = {"TrainingJobName": "j", "TrainingJobStatus": "InProgress", "SecondaryStatus": "Training"}
    client = SimpleNamespace(describe_training_job=lambda **_: running)
    with pytest.raises(runs.RunError, match="is Training"):
        runs.record(SimpleNamespace(client=lambda name: client), "j")


# --- side by side


def test_only_what_differs_is_in_the_table(lab, jobs, capsys):
    found = runs.compare(lab.session, jobs, keep=False)
    rows = {row[""]: (row["A"], row["B"]) for row in found.rows()}
    assert rows["learning_rate"] == (1e-3, 1e-2) and rows["lora_r"] == (16, 8)
    assert rows["held-out loss"] == (pytest.approx(1.0333, abs=1e-4), pytest.approx(0.2833, abs=1e-4))
    assert not {"code", "data.training", "model_id", "package.torch", "image"} & set(rows)
    assert {"code", "data.training", "model_id", "package.torch", "image"} <= set(found.same())
    assert found.best()["job"] == jobs[1]
    found.table()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"A  {jobs[0]}" and "USD if on AWS" in "\n".join(printed)
    assert printed[-1].endswith("among them data and code")


def test_the_figure_has_a_line_for_each_run_and_names_the_lowest(lab, jobs):
    import matplotlib.pyplot as plt

    axes = runs.compare(lab.session, jobs, keep=False).plot()
    try:
        assert axes.get_title() == "Run B ends lowest: held-out loss 0.283"
        labels = [line.get_label() for line in axes.get_lines()]
        assert labels == ["A learning_rate 0.001, lora_r 16", "B learning_rate 0.01, lora_r 8"]
        assert [len(line.get_xdata()) for line in axes.get_lines()] == [3, 3]
    finally:
        plt.close(axes.figure)


def test_one_run_alone_is_not_compared(lab, jobs):
    with pytest.raises(ValueError, match="2 to 26"):
        runs.compare(lab.session, jobs[:1])


# --- repeat


def test_a_repeated_job_ends_with_the_same_loss_on_the_same_hashes(lab, jobs):
    request = runs.repeat(lab.session, jobs[1])
    name = raw_jobs.start(lab.session.client("sagemaker"), raw_jobs.check(request))
    found = runs.compare(lab.session, [jobs[1], ended(lab, name)], keep=False)
    first, second = found.records
    assert second["metrics"] == first["metrics"] and second["history"] == first["history"]
    assert found.message().startswith("All runs end at the same held-out loss")
    assert {row[""] for row in found.rows() if row["A"] != row["B"]} <= {"billed s", "USD if on AWS"}


def test_the_request_is_the_jobs_own_but_for_names_and_checkpoints(lab, jobs):
    sm = lab.session.client("sagemaker")
    job = sm.describe_training_job(TrainingJobName=jobs[0])
    request = runs.repeat(lab.session, jobs[0], "again")
    assert request["TrainingJobName"] == "again"
    assert request["HyperParameters"] == {**job["HyperParameters"], "sagemaker_job_name": '"again"'}
    assert request["CheckpointConfig"]["S3Uri"] == f"s3://{lab.bucket}/checkpoints/again"
    for member in (
        "AlgorithmSpecification",
        "InputDataConfig",
        "ResourceConfig",
        "StoppingCondition",
        "RoleArn",
    ):
        assert request[member] == job[member]
    assert request["Tags"] == [{"Key": "course", "Value": "tuneaws"}]
    assert not {"TrainingJobStatus", "ModelArtifacts", "FinalMetricDataList", "CreationTime"} & set(request)
    raw_jobs.check(request)


def test_awss_own_tags_are_not_sent_back(lab, jobs):
    job = lab.session.client("sagemaker").describe_training_job(TrainingJobName=jobs[0])
    tags = [{"Key": "aws:pipelines", "Value": "x"}, {"Key": "team", "Value": "a"}]
    assert repeating.request_of(job, tags, "again")["Tags"] == tags[1:]


def test_what_has_changed_since_is_said_before_a_repeat(lab, jobs):
    before = {row["what"]: row["same"] for row in runs.check_repeat(lab.session, jobs[0])}
    assert before == {"data.training": True, "code": True}
    lab.put_data("another row\n")
    s3 = lab.session.client("s3")
    job = lab.session.client("sagemaker").describe_training_job(TrainingJobName=jobs[0])
    archive = job["HyperParameters"]["sagemaker_submit_directory"].strip('"').partition(f"{lab.bucket}/")[2]
    body = s3.get_object(Bucket=lab.bucket, Key=archive)["Body"].read()
    s3.delete_object(Bucket=lab.bucket, Key=archive)
    after = {row["what"]: row["same"] for row in runs.check_repeat(lab.session, jobs[0])}
    assert after == {"data.training": False, "code": False}
    lab.put_data("one row\n")
    s3.put_object(Bucket=lab.bucket, Key=archive, Body=body)


# --- MLflow


def fits(operation: str, request: dict) -> None:
    model = botocore.session.get_session().get_service_model("sagemaker").operation_model(operation)
    report = ParamValidator().validate(request, model.input_shape)
    assert not report.has_errors(), report.generate_report()


def test_the_requests_for_mlflow_are_awss():
    role, tags = "arn:aws:iam::123456789012:role/mlflow", {"course": "tuneaws"}
    fits("CreateMlflowApp", tracking.app_request("tuneaws", "b", role, tags))
    fits("CreateMlflowTrackingServer", tracking.server_request("tuneaws", "b", role, tags=tags))
    with pytest.raises(ValueError, match="Small, Medium, Large"):
        tracking.server_request("tuneaws", "b", role, size="Tiny")


@pytest.mark.parametrize("call", [tracking.create, tracking.open_url, tracking.delete])
def test_in_local_mlflow_is_refused_with_the_free_way_on(lab, call):
    with pytest.raises(tracking.TrackingError, match=r"runs\.record"):
        call(lab.session, {})


def test_a_record_becomes_what_mlflow_logs(lab, jobs):
    found = runs.record(lab.session, jobs[1], keep=False)
    params, metrics, tags = tracking.as_mlflow(found)
    assert params == {"learning_rate": "0.01", "lora_r": "8", "model_id": "some/model"}
    assert metrics["eval_loss"] == metrics["eval_loss_min"] == pytest.approx(0.2833, abs=1e-4)
    assert tags["data.training"] == found["data"]["training"]["sha256"] and tags["job"] == jobs[1]
    assert tracking.job_environment("arn:x", "e") == {
        "MLFLOW_TRACKING_URI": "arn:x", "MLFLOW_EXPERIMENT_NAME": "e",
    }  # fmt: skip
