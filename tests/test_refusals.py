"""A job that AWS refuses, and the same job on this machine: what is said, what changes, what really runs."""

import io
import json
import os
import tarfile
import textwrap
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError
from test_raw_jobs import IMAGE, NAME, ROLE, SPOT, TAGS, a_request, differing
from tuneaws import local_run, raw_jobs, refusals, training_jobs
from tuneaws.metrics import METRIC_DEFINITIONS
from tuneaws.session import Session, stop_local


def aws_says(code: str, message: str):
    """A client whose CreateTrainingJob is refused so."""

    def create_training_job(**_):
        raise ClientError({"Error": {"Code": code, "Message": message}}, "CreateTrainingJob")

    return SimpleNamespace(create_training_job=create_training_job)


MAY_NOT = "may not do sagemaker:CreateTrainingJob"
QUOTA = ("The account-level service limit 'ml.g5.xlarge for training job usage' is 0 Instances, with current "
         "utilization of 0 Instances and a request delta of 1 Instances. Please use AWS Service Quotas to "
         "request an increase for this quota.")
ELSEWHERE = "The requested resource training-job/ml.g5.xlarge is not available in this region"
DENIED = ("User: arn:aws:iam::123456789012:user/me is not authorized to perform: {0} on resource: {1} "
          "because no identity-based policy allows the {0} action")


@pytest.mark.parametrize("code, message, kind, words", [
    ("ResourceLimitExceeded", QUOTA, refusals.NoQuota,
     ["the quota 'ml.g5.xlarge for training job usage' refuses this job: it is 0, the job needs 1",
      "us-east-1.console.aws.amazon.com/servicequotas"]),
    ("ResourceLimitExceeded", ELSEWHERE,
     refusals.NoCapacity, ["us-east-1 has no ml.g5.xlarge for training at all", "another region"]),
    ("ResourceLimitExceeded", "no such wording", refusals.NoQuota,
     ["the quota 'ml.g5.xlarge for training job usage' refuses", "AWS said: no such wording"]),
    ("AccessDeniedException", DENIED.format("sagemaker:CreateTrainingJob", "arn:x"), refusals.NoPermission,
     [MAY_NOT, '"Action": "sagemaker:CreateTrainingJob", "Resource": "arn:x"']),
    ("AccessDeniedException", DENIED.format("iam:PassRole", ROLE), refusals.NoPermission,
     [f'"Action": "iam:PassRole", "Resource": "{ROLE}"', '"iam:PassedToService": "sagemaker.amazonaws.com"']),
    ("AccessDeniedException", "explicit deny", refusals.NoPermission, ["sagemaker:CreateTrainingJob"]),
])
def test_a_refusal_says_what_was_refused_how_to_get_it_and_the_free_way(code, message, kind, words):
    request = a_request()
    with pytest.raises(kind) as error:
        raw_jobs.start(aws_says(code, message), request)
    said = str(error.value)
    assert all(text in said for text in words) and message in said
    assert "Fix: " in said and "on this machine, free: local_run.run_local(" in said
    assert error.value.request is request and "Nothing was started" in said


def test_a_request_that_is_wrong_is_no_refusal():
    with pytest.raises(ClientError, match="ValidationException"):
        raw_jobs.start(aws_says("ValidationException", "No S3 objects found"), a_request())


def described(status: str, reason: str | None = None) -> dict:
    more = {"FailureReason": reason} if reason else {}
    return {**a_request(), "TrainingJobStatus": status, "SecondaryStatus": status, **more}


@pytest.mark.parametrize("reason", [
    "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML "
    "instance type.", "InsufficientCapacityError: none", "EC2InsufficientCapacityError: Instance type 'x'"])
def test_a_job_without_a_machine_is_a_refusal_and_not_done(reason):
    with pytest.raises(refusals.NoCapacity, match="(?s)no 1 x ml.g5.xlarge free.*another.*run_local"):
        raw_jobs.finish(None, described("Failed", reason))


@pytest.mark.parametrize("status, reason", [
    ("Failed", "AlgorithmError: CapacityError is in my log"), ("Stopped", None), ("InProgress", None)])
def test_only_a_completed_job_is_done(status, reason):
    with pytest.raises(training_jobs.JobError, match=f"is {status}, not Completed"):
        raw_jobs.finish(None, described(status, reason))
    done = described("Completed")
    assert raw_jobs.finish(None, done) is done


# in local


def test_what_changes_for_local_is_listed_and_nothing_else_changes():
    request = a_request(**SPOT[0])
    request["ResourceConfig"]["KeepAlivePeriodInSeconds"] = 60
    before = json.dumps(request)
    sent, changes = local_run.local_request(request, "arn:aws:iam::123456789012:role/local",
                                            {"base_model": "pocketaws/seq2seq"})
    assert json.dumps(request) == before and raw_jobs.check(sent) is sent
    assert set(differing(request, sent)) == set(changes) == {
        "TrainingJobName", "RoleArn", "ResourceConfig.InstanceType", "EnableManagedSpotTraining",
        "ResourceConfig.KeepAlivePeriodInSeconds", "StoppingCondition.MaxWaitTimeInSeconds",
        "HyperParameters.sagemaker_job_name", "HyperParameters.base_model",
    }  # fmt: skip
    assert sent["TrainingJobName"] == f"{NAME}-local"


SCRIPT = """
    import json, os, pathlib, sys
    rows = [json.loads(line) for path in sorted(pathlib.Path(os.environ["SM_CHANNEL_TRAINING"]).iterdir())
            for line in path.read_text().splitlines()]
    for step in range(1, 4):
        print(f"[metric] step={step} loss={3 / step:.4f} tokens_per_s=1000.0", flush=True)
    print("arguments", sys.argv[1:], "code in", sorted(os.listdir(".")), flush=True)
    (pathlib.Path(os.environ["SM_MODEL_DIR"]) / "rows.txt").write_text(str(len(rows)))
"""


@pytest.fixture
def ready(local_aws, bucket, role_arn, tmp_path):
    """A session of the local AWS, a bucket with rows, a source folder, and a request for them."""
    source = tmp_path / "job"
    source.mkdir()
    (source / "train.py").write_text(textwrap.dedent(SCRIPT))
    (source / "requirements.txt").write_text("packaging\n")
    local_aws.client("s3").put_object(Bucket=bucket, Key="data/rows.jsonl", Body=b'{"a": 1}\n{"a": 2}\n')
    session = Session("local", "us-east-1", "123456789012", boto3.Session(), "arn:aws:iam::123456789012:root",
                      local_aws.url, local_aws.home, role_arn)
    session.client = local_aws.client
    name = f"raw-{bucket[5:17]}"
    uri = raw_jobs.upload_code(local_aws.client("s3"), source, bucket, name, "train.py")
    return session, raw_jobs.training_request(
        name, IMAGE, role_arn, "train.py", uri, {"training": f"s3://{bucket}/data/"},
        {"base_model": "pocketaws/chat-1m", "epochs": 2}, f"s3://{bucket}/models", max_run_s=120, tags=TAGS,
        metrics=METRIC_DEFINITIONS)


def test_the_request_trains_in_local_from_its_own_code_channel(ready, local_aws, bucket, capsys):
    session, request = ready
    sm, logs = session.client("sagemaker"), session.client("logs")
    name = raw_jobs.start(sm, raw_jobs.check(request))
    job = raw_jobs.finish(sm, training_jobs.watch(sm, logs, name, poll_s=0.2))
    assert {m["MetricName"]: m["Value"] for m in job["FinalMetricDataList"]}["train:loss"] == 1.0
    log = "\n".join(training_jobs.log_lines(logs, name))
    assert "arguments ['--base_model', 'pocketaws/chat-1m', '--epochs', '2']" in log
    assert "code in ['requirements.txt', 'train.py']" in log
    model = session.client("s3").get_object(Bucket=bucket, Key=f"models/{name}/output/model.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(model["Body"].read())) as tar:
        assert tar.extractfile("rows.txt").read() == b"2"


@pytest.mark.parametrize("file, content, kind", [
    ("quotas.json", {"ml.g5.xlarge for training job usage": 0}, refusals.NoQuota),
    ("denied.json", ["iam:PassRole"], refusals.NoPermission),
    ("capacity.json", {"ml.g5.xlarge": 0}, refusals.NoCapacity),
])
def test_each_refusal_leads_to_the_same_job_on_this_machine(ready, local_aws, capsys, file, content, kind):
    session, request = ready
    sm, logs = session.client("sagemaker"), session.client("logs")
    path = local_aws.home / file
    path.write_text(json.dumps(content))
    try:
        with pytest.raises(kind) as refused:
            raw_jobs.finish(sm, training_jobs.watch(sm, logs, raw_jobs.start(sm, request), poll_s=0.2))
        if kind is refusals.NoPermission:
            path.unlink()  # a permission that is denied is denied for every machine
        job = local_run.run_local(request, session, because=refused.value)
    finally:
        path.unlink(missing_ok=True)
    assert job["TrainingJobStatus"] == "Completed" and job["TrainingJobName"].endswith("-local")
    said = capsys.readouterr().out
    assert said.count("ran on THIS MACHINE") == 1 and "because: " + str(refused.value).splitlines()[0] in said
    assert "ResourceConfig.InstanceType: ml.g5.xlarge -> ml.m5.large" in said
    names = [job["TrainingJobName"] for job in training_jobs.find(sm, TAGS, "Completed")]
    assert request["TrainingJobName"] not in names, "the refused job is not done"


def test_the_inputs_of_a_request_are_copied_from_one_s3_to_another(ready, tmp_path):
    session, request = ready
    target = {}

    def upload_file(path, bucket, key):
        target[bucket][key] = Path(path).read_bytes()

    def create_bucket(Bucket):
        target[Bucket] = {}

    copy = SimpleNamespace(create_bucket=create_bucket, upload_file=upload_file)
    assert local_run.copy_inputs(session.client("s3"), copy, request, "us-east-1") == 2
    (objects,) = target.values()
    assert objects["data/rows.jsonl"] == b'{"a": 1}\n{"a": 2}\n'
    assert f"code/{request['TrainingJobName']}/source/sourcedir.tar.gz" in objects


def test_a_job_that_aws_refused_runs_in_local_with_its_inputs_and_leaves_no_trace(ready, tmp_path, capsys,
                                                                                  same_environment):
    """The local AWS of this run stands for the account; the job runs in another, of a home of its own."""
    account, request = ready
    aws = SimpleNamespace(where="aws", region="us-east-1", client=account.client)
    before, home = dict(os.environ), tmp_path / "home"
    try:
        job = local_run.run_local(request, aws, "AWS said no", {"epochs": 1}, home)
        after = dict(os.environ)  # stop_local() would put it back too
    finally:
        stop_local(home)
    assert job["TrainingJobStatus"] == "Completed" and after == before
    assert job["HyperParameters"]["epochs"] == "1" and job["RoleArn"] != request["RoleArn"]
    said = capsys.readouterr().out
    assert "copied 2 objects from your S3" in said and "because: AWS said no" in said
    assert said.index("in local: not on AWS") < said.index("Completed") < said.index("AWS has not run it")
    there = account.client("sagemaker").list_training_jobs(NameContains=request["TrainingJobName"])
    assert there["TrainingJobSummaries"] == [], "nothing ran in the account"


def test_a_job_that_fails_here_too_is_not_done(ready, capsys):
    session, request = ready
    request["HyperParameters"]["sagemaker_program"] = request["Environment"]["SAGEMAKER_PROGRAM"] = "none.py"
    with pytest.raises(training_jobs.JobError, match="is Failed, not Completed: AlgorithmError"):
        local_run.run_local(request, session)
    assert "ran on THIS MACHINE" not in capsys.readouterr().out
