"""The HuggingFace estimator without an AWS: arguments, packing, watching, errors, attach.

What it sends is compared with SDK 2 in test_estimator_against_sdk2.py; real jobs run in test_sdk3.py.
"""

import io
import json
import subprocess
import sys
import tarfile
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from tuneaws.estimator import channels, description, distribution, follow, images, source
from tuneaws.estimator import request as requests
from tuneaws.huggingface import HuggingFace, QuotaError, TrainingJob

ROLE = "arn:aws:iam::123456789012:role/course"
START = datetime(2026, 11, 22, 8, 30, tzinfo=timezone.utc)
BASE = {
    "entry_point": "train.py", "transformers_version": "4.56.2", "pytorch_version": "2.8.0",
    "py_version": "py312", "role": ROLE, "instance_type": "ml.g5.xlarge", "instance_count": 1,
    "output_path": "s3://bucket/models", "hyperparameters": {"epochs": 1},
}  # fmt: skip


class FakeLogs:
    """CloudWatch Logs as far as a log is read: streams with (ms, text), two events a page at most."""

    class exceptions:
        class ResourceNotFoundException(Exception):
            pass

    def __init__(self, streams: dict):
        self.streams = streams

    def get_paginator(self, _):
        return self

    def paginate(self, **_):
        if not self.streams:
            raise self.exceptions.ResourceNotFoundException
        yield {"logStreams": [{"logStreamName": name} for name in self.streams]}

    def get_log_events(self, logStreamName, nextToken="0", **_):
        at = int(nextToken)
        events = self.streams[logStreamName][at : at + 2]
        rows = [{"timestamp": ms, "message": text} for ms, text in events]
        return {"events": rows, "nextForwardToken": str(at + len(rows))}


class FakeSageMaker:
    """Answers with the descriptions it was given, the last one again and again; keeps what it was asked."""

    def __init__(self, *descriptions, before_each=lambda: None, error=None):
        self.descriptions, self.before_each, self.error = list(descriptions), before_each, error
        self.created, self.stopped = [], []

    def describe_training_job(self, TrainingJobName):
        self.before_each()
        return self.descriptions.pop(0) if len(self.descriptions) > 1 else self.descriptions[0]

    def create_training_job(self, **request):
        if self.error:
            raise self.error
        self.created.append(request)
        return {"TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/x"}

    def stop_training_job(self, TrainingJobName):
        if self.error:
            raise self.error
        self.stopped.append(TrainingJobName)

    def get_paginator(self, _):
        return SimpleNamespace(paginate=lambda **_: [{"Tags": [{"Key": "project", "Value": "tuneaws"}]}])


class FakeSession:
    """SDK 3's Session, as far as the estimator uses it."""

    boto_region_name, default_bucket_prefix, local_mode = "us-east-1", None, False
    _default_bucket, _default_bucket_name_override = None, "own-bucket"

    def __init__(self, sm=None, logs=None):
        self.sagemaker_client = sm or FakeSageMaker()
        self.boto_session = SimpleNamespace(client=lambda name, config=None: logs)
        self.s3_client, self.uploads = self, {}

    def default_bucket(self):
        return "own-bucket"

    def upload_fileobj(self, file, bucket, key, ExtraArgs):
        self.uploads[f"s3://{bucket}/{key}"] = file.read()

    def expand_role(self, role):
        if "/" in role:
            return role
        raise client_error("NoSuchEntity", "GetRole")

    def _get_account_id_if_default_bucket(self, bucket):
        return None


def client_error(code: str, operation: str, message: str = "said AWS") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def estimator(session=None, **changes) -> HuggingFace:
    return HuggingFace(**{**BASE, **changes}, sagemaker_session=session or FakeSession())


def described(status="Completed", changes=(), hosts=1, **more) -> dict:
    """DescribeTrainingJob's answer; changes are (seconds, status, message)."""
    history = [
        {"Status": name, "StartTime": START + timedelta(seconds=s), "StatusMessage": text}
        for s, name, text in changes
    ]
    return {
        "TrainingJobName": "job", "TrainingJobArn": "arn:job", "TrainingJobStatus": status,
        "SecondaryStatus": more.pop("secondary", status), "LastModifiedTime": START + timedelta(seconds=99),
        "ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": hosts, "VolumeSizeInGB": 30},
        "SecondaryStatusTransitions": history, "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
        "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"}, **more,
    }  # fmt: skip


def ms(seconds: float) -> int:
    return int((START.timestamp() + seconds) * 1000)


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """A working directory with train.py in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("print('train')\n")
    return tmp_path


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(follow.time, "sleep", lambda seconds: None)


# arguments

WRONG = [
    ({"tensorflow_version": "2.6.3"}, "tensorflow_version='2.6.3'", "pytorch_version="),
    ({"compiler_config": object()}, "compiler_config", "leave compiler_config out"),
    ({"git_config": {"repo": "https://git.test/x"}}, "git_config for 'https://git.test/x'", "git clone"),
    ({"rules": [object()]}, "1 Debugger rules", "leave rules out"),
    ({"transformers_version": None}, "transformers_version missing", 'transformers_version="4.56.2"'),
    ({"pytorch_version": None, "py_version": None}, "pytorch_version and py_version missing", "image_uri"),
    ({"pytorch_version": 2.8}, "pytorch_version=2.8 is not a string", "quote it"),
    ({"pytorch_version": "2.8"}, "one is short", "in full"),
    ({"instance_type": "local"}, "needs Docker", 'WHERE = "local"'),
    ({"instance_type": "local_gpu"}, "needs Docker", "free"),
    ({"instance_count": None}, "instance_count=None", "instance_count=1"),
    ({"instance_groups": [object()]}, "give one or the other", ""),
    ({"role": None}, "role is missing", "session.role_arn"),
    ({"entry_point": "s3://bucket/train.py"}, "must be a file", "source_dir"),
    ({"output_path": "file:///tmp/x"}, "output_path='file:///tmp/x' is not in S3", "free"),
    ({"code_location": "bucket/x"}, "code_location='bucket/x' is not in S3", "s3:// URI"),
    ({"subnets": ["subnet-1"]}, "subnets and security_group_ids", "both"),
    ({"use_spot_instances": True}, "max_wait=None", "max_wait=172800"),
    ({"use_spot_instances": True, "max_run": 60, "max_wait": 59}, "max_wait=59", "max_wait=120"),
    ({"checkpoint_local_path": "/opt/ml/c"}, "checkpoint_local_path without", "both"),
    ({"training_repository_credentials_provider_arn": "arn"}, "does nothing", "access_mode"),
    ({"base_job_name": "my_job"}, "base_job_name='my_job'", "'my-job'"),
    ({"tags": "project=x"}, "tags='project=x'", '"name": "value"'),
    ({"hyperparameters": {"path": source.Path("x")}}, "hyperparameter 'path' is a PosixPath", "str(path)"),
    ({"hyperparameters": {"a": "x" * 2499}}, "has 1 and 2501 characters", "a file"),
    ({"hyperparameters": {f"h{i}": i for i in range(101)}}, "101 hyperparameters", "100"),
    ({"distribution": {"torchrun": {}}}, "distribution 'torchrun' is unknown", "torch_distributed"),
    ({"distribution": {"parameter_server": {"enabled": True}}}, "is for TensorFlow", "one of"),
]


@pytest.mark.parametrize(("changes", "seen", "fix"), WRONG, ids=[str(w[1]) for w in WRONG])
def test_a_wrong_argument_is_refused_by_name_with_a_fix(changes, seen, fix):
    with pytest.raises(ValueError) as error:
        estimator(**changes)
    assert seen in str(error.value) and fix in str(error.value)


@pytest.mark.parametrize(
    ("name", "near"),
    [("max_runs", "max_run"), ("train_instance_type", "instance_type"), ("image_name", "image_uri")],
)
def test_an_unknown_keyword_names_the_nearest_that_there_is(name, near):
    with pytest.raises(TypeError, match=f"no argument '{name}'.*did you mean '{near}'"):
        estimator(**{name: 1})


@pytest.mark.parametrize(
    ("instance_type", "count", "joined"),
    [
        ("ml.g5.xlarge", 1, False), ("ml.g5.xlarge", 2, True), ("ml.g5.12xlarge", 1, True),
        ("ml.m5.large", 1, False), ("ml.unknown.xlarge", 1, False), ("ml.unknown.xlarge", 2, True),
    ],
)  # fmt: skip
def test_several_gpus_or_instances_are_joined_and_one_is_not(instance_type, count, joined):
    expected = {"torch_distributed": {"enabled": True}} if joined else None
    assert distribution.distribution_for(instance_type, count) == expected


def test_torch_distributed_on_a_cpu_is_refused_with_an_instance_that_has_gpus():
    with pytest.raises(ValueError, match="ml.m5.xlarge has neither"):
        distribution.check_distribution({"torch_distributed": {"enabled": True}}, "ml.m5.xlarge", "train.py")


@pytest.mark.parametrize(
    ("changes", "reason", "fix"),
    [
        ({"transformers_version": "4.99.0"}, "Unsupported huggingface version: 4.99.0", "one of these sets"),
        ({"pytorch_version": "2.1.0"}, "Unsupported base framework: pytorch2.1.0", "one of these sets"),
        ({"py_version": "py39"}, "Unsupported Python version: py39", "one of these sets"),
        ({"instance_type": "ml.m5.xlarge"}, "Unsupported processor: cpu", 'instance_type="ml.g5.xlarge"'),
        ({"instance_type": "g5.xlarge"}, "Invalid SageMaker instance type", 'instance_type="ml.g5.xlarge"'),
    ],
)
def test_versions_without_an_image_are_refused_with_the_newest_that_have_one(changes, reason, fix):
    with pytest.raises(ValueError) as error:
        estimator(**changes)
    said = str(error.value)
    assert reason in said and f"Fix: {fix}" in said and "upgrade" not in said
    newest = images.newest_versions()
    assert len(newest) == 3 and all(each in said for each in newest)


def test_the_versions_that_the_error_offers_have_an_image():
    for offer in images.newest_versions(5):
        versions = dict(pair.split("=") for pair in offer.replace('"', "").split(", "))
        assert "/huggingface-pytorch-training:" in estimator(**versions).training_image_uri()


@pytest.mark.parametrize("session", ["a string", SimpleNamespace(client=1), FakeSession])
def test_another_kind_of_session_is_refused(session):
    if session is FakeSession:
        session = FakeSession()
        session.local_mode = True
    with pytest.raises(ValueError, match="tuneaws.session.connect"):
        estimator(session)


def test_the_estimator_imports_no_sdk_before_it_needs_it(course_root):
    code = "import sys, tuneaws.huggingface; print('sagemaker' in sys.modules, 'boto3' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=course_root / "code", capture_output=True, text=True
    )
    assert done.stdout == "False False\n", done.stderr


# names, inputs


def test_a_job_name_has_at_most_63_characters_and_its_time_to_the_millisecond():
    assert requests.job_name("summaries", 1795332600.125) == "summaries-2026-11-22-07-30-00-125"
    assert len(requests.job_name("x" * 90)) == 63


@pytest.mark.parametrize("name", ["a_b", "-a", "a-", "x" * 64, "ä"])
def test_a_job_name_that_aws_would_refuse_is_refused_before_anything_is_uploaded(scripts, name):
    one = estimator()
    with pytest.raises(ValueError, match="at most 63"):
        one.fit(job_name=name)
    assert one.sagemaker_session.uploads == {}


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ("data/train.jsonl", "'data/train.jsonl' is not in S3"),
        ("file:///data", "free"),
        ({"training": 7}, "channel 'training' is a int"),
        (["s3://bucket/a"], "is a list"),
    ],
)
def test_inputs_that_a_job_cannot_read_are_refused_by_the_channel_s_name(inputs, words):
    with pytest.raises(ValueError) as error:
        channels.input_channels(inputs)
    assert words in str(error.value) and "channel 'training'" in str(error.value)


def test_two_channels_of_one_name_are_refused(scripts):
    with pytest.raises(ValueError, match="channel 'model' in inputs already"):
        estimator(model_uri="s3://bucket/m").request({"model": "s3://bucket/other"})


def test_a_role_that_is_not_there_is_named(scripts):
    with pytest.raises(ValueError, match="no role of that name.*role's ARN"):
        estimator(role="cuorse").request()


# the source


def pack(folder, *entries) -> bytes:
    target = io.BytesIO()
    source.pack({path.name: path for path in entries or sorted(folder.iterdir())}, target)
    return target.getvalue()


def packed_names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getnames()


def test_the_same_files_give_the_same_archive_whatever_their_times_and_owners(tmp_path):
    for folder in (tmp_path / "a", tmp_path / "b"):
        (folder / "lib").mkdir(parents=True)
        for name in ("train.py", "lib/z.py", "lib/a.py"):
            (folder / name).write_text(name)
    source.os.utime(tmp_path / "b" / "train.py", (1, 1))
    assert pack(tmp_path / "a") == pack(tmp_path / "b")
    assert packed_names(pack(tmp_path / "a")) == ["lib", "lib/a.py", "lib/z.py", "train.py"]


def test_bytecode_is_left_out_and_everything_else_is_packed(tmp_path):
    for name in ("__pycache__/a.pyc", "lib/__pycache__/b.pyc", ".git/config", "train.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert packed_names(pack(tmp_path)) == [".git", ".git/config", "lib", "train.py"]


def test_links_are_followed_and_a_link_without_end_is_refused(tmp_path):
    folder, other = tmp_path / "src", tmp_path / "elsewhere.py"
    folder.mkdir()
    other.write_text("x = 1")
    (folder / "linked.py").symlink_to(other)
    with tarfile.open(fileobj=io.BytesIO(pack(folder))) as tar:
        assert tar.extractfile("linked.py").read() == b"x = 1"
    (folder / "again").symlink_to(folder)
    with pytest.raises(ValueError, match="without end"):
        pack(folder)


def test_a_broken_link_is_refused_by_its_path(tmp_path):
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="gone.py cannot be packed"):
        pack(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"entry_point": "tarin.py"}, "There are: train.py"),
        ({"entry_point": "train.py", "source_dir": "nowhere"}, "source_dir='nowhere' is not a folder"),
        ({"source_dir": ".", "entry_point": "other.py"}, "not a file in source_dir '.'"),
        ({"dependencies": ["libs"]}, "dependencies: 'libs' is not there"),
        ({"source_dir": "s3://b/s.tar.gz", "dependencies": ["train.py"]}, "packed already"),
    ],
)
def test_a_source_that_is_not_there_is_refused_before_anything_is_uploaded(scripts, changes, words):
    session = FakeSession()
    with pytest.raises(ValueError) as error:
        estimator(session, **changes).fit("s3://bucket/train")
    assert words in str(error.value)
    assert session.uploads == {} and session.sagemaker_client.created == []


def test_two_things_of_one_name_in_the_archive_are_refused(scripts):
    (scripts / "x" / "train.py").mkdir(parents=True)
    with pytest.raises(ValueError, match="would both be 'train.py'"):
        source.roots("train.py", None, ["x/train.py"])


def test_what_was_packed_and_how_much_is_said(scripts, capsys):
    estimator().fit("s3://bucket/train", wait=False, job_name="job")
    said = capsys.readouterr().out
    assert "Packed 1 file, 15 bytes, " in said and "s3://bucket/job/source/sourcedir.tar.gz" in said


def test_a_large_source_names_its_largest_part():
    packed = source.Packed(2, 60_000_000, 9, "data (59,999,000 bytes)")
    assert "most of it is data (59,999,000 bytes)" in str(packed)


# sending


def test_the_request_can_be_printed_before_it_is_sent_and_is_then_sent_as_it_was(scripts):
    session = FakeSession()
    one = estimator(session)
    request = one.request("s3://bucket/train", job_name="job")
    assert session.uploads == {} and session.sagemaker_client.created == []
    assert json.loads(json.dumps(request)) == request
    one.fit("s3://bucket/train", wait=False, job_name="job")
    assert session.sagemaker_client.created == [request]
    assert list(session.uploads) == [json.loads(request["HyperParameters"]["sagemaker_submit_directory"])]
    assert one.latest_training_job.name == "job" and one.jobs == [one.latest_training_job]


def test_fit_leaves_the_learner_s_hyperparameters_as_they_were(scripts):
    mine = {"epochs": 1}
    one = estimator(hyperparameters=mine)
    one.set_hyperparameters(seed=7)
    one.fit(wait=False, job_name="job")
    assert mine == {"epochs": 1}
    sent = one.hyperparameters()
    assert (sent["epochs"], sent["seed"]) == ("1", "7") and "sagemaker_program" in sent


@pytest.mark.parametrize("logs", ["Some", ["All"], 1])
def test_an_unknown_word_for_logs_is_refused_before_anything_is_uploaded(scripts, logs):
    one = estimator()
    with pytest.raises(ValueError, match=r"logs=.*Fix: \"All\""):
        one.fit(logs=logs)
    assert one.sagemaker_session.uploads == {}


def test_a_quota_of_zero_says_what_to_ask_for_and_the_free_way(scripts):
    message = "The account-level service limit 'ml.g5.xlarge for training job usage' is 0 Instances"
    error = client_error("ResourceLimitExceeded", "CreateTrainingJob", message)
    with pytest.raises(QuotaError) as raised:
        estimator(FakeSession(FakeSageMaker(error=error))).fit("s3://bucket/train")
    said = str(raised.value)
    assert message in said and '"ml.g5.xlarge for training job usage"' in said and 'WHERE = "local"' in said
    assert raised.value.__cause__ is error


def test_other_errors_of_aws_pass_through(scripts):
    error = client_error("ResourceInUse", "CreateTrainingJob")
    with pytest.raises(ClientError) as raised:
        estimator(FakeSession(FakeSageMaker(error=error))).fit("s3://bucket/train")
    assert raised.value is error


# watching

STARTING, TRAINING, DONE = (
    (0, "Starting", "Starting the job"),
    (5, "Training", "Go"),
    (9, "Completed", "Done"),
)


def test_each_line_and_each_status_is_printed_once_and_in_order():
    streams, printed = {}, []
    steps = iter(
        [
            {},
            {"job/algo-1-1": [(ms(6), "one"), (ms(6), "two\n"), (ms(7), "three")]},
            {"job/algo-1-1": [(ms(6), "one"), (ms(6), "two"), (ms(7), "three"), (ms(8), "four")]},
        ]
    )
    sm = FakeSageMaker(
        described("InProgress", [STARTING]),
        described("InProgress", [STARTING, TRAINING]),
        described("Completed", [STARTING, TRAINING, DONE]),
        before_each=lambda: streams.update(next(steps, {})),
    )
    follow.follow(sm, FakeLogs(streams), "job", out=printed.append)
    assert "\n".join(printed).splitlines() == [
        "2026-11-22 08:30:00 Starting - Starting the job",
        "2026-11-22 08:30:05 Training - Go",
        "one",
        "two",
        "three",
        "four",
        "2026-11-22 08:30:09 Completed - Done",
    ]


def test_the_log_of_several_hosts_names_each_line_s_host_and_is_ordered_by_time():
    printed = []
    logs = FakeLogs(
        {
            "job/algo-1-1": [(ms(1), "first"), (ms(3), "third")],
            "job/algo-2-1": [(ms(2), "second"), (ms(2), "second, again"), (ms(4), "fourth")],
        }
    )
    follow.follow(FakeSageMaker(described(hosts=2)), logs, "job", out=printed.append)
    assert printed[0].splitlines() == [
        "[algo-1] first", "[algo-2] second", "[algo-2] second, again", "[algo-1] third", "[algo-2] fourth",
    ]  # fmt: skip


def test_a_status_whose_message_changes_is_printed_again():
    lines = follow.StatusLines()
    assert len(lines.new(described(changes=[STARTING]))) == 1
    assert lines.new(described(changes=[STARTING])) == []
    again = lines.new(described(changes=[(0, "Starting", "Preparing the instances")]))
    assert [text for _, text in again] == ["2026-11-22 08:31:39 Starting - Preparing the instances"]


def test_without_the_log_only_statuses_are_read():
    printed = []
    follow.follow(FakeSageMaker(described(changes=[DONE])), None, "job", show_log=False, out=printed.append)
    assert printed == ["2026-11-22 08:30:09 Completed - Done"]


def test_a_quiet_job_is_asked_about_less_often(monkeypatch):
    slept, clock = [], iter([0.0, 0.0, 30.0, 61.0, 62.0, 63.0])
    monkeypatch.setattr(follow.time, "sleep", slept.append)
    monkeypatch.setattr(follow.time, "monotonic", lambda: next(clock))
    running = described("InProgress")
    sm = FakeSageMaker(running, running, running, described("Stopped"))
    follow.follow(sm, None, "job", show_log=False, quick_s=1, patient_s=5, out=str)
    assert slept == [1, 1, 5]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ('AlgorithmError: ExecuteUserScriptError:\nExitCode 3\nErrorMessage "boom"', 3),
        ("AlgorithmError: boom, exit code: 1", 1),
        ("InternalServerError: please retry", None),
    ],
)
def test_a_failed_job_raises_its_reason_and_its_exit_code(reason, code):
    from sagemaker.core.exceptions import CapacityError, UnexpectedStatusException

    with pytest.raises(UnexpectedStatusException) as error:
        follow.raise_if_failed(described("Failed", FailureReason=reason))
    assert error.value.failure_reason == reason and error.value.exit_code == code
    assert error.value.actual_status == "Failed" and error.value.allowed_statuses == ["Completed", "Stopped"]
    assert reason in str(error.value) and "Fix:" in str(error.value)
    with pytest.raises(CapacityError, match="another instance type"):
        follow.raise_if_failed(described("Failed", FailureReason="CapacityError: none left"))


def test_fit_raises_when_the_job_fails_and_keeps_the_job(scripts):
    failed = described("Failed", [(3, "Failed", "boom")], FailureReason="AlgorithmError: boom, exit code: 1")
    one = estimator(FakeSession(FakeSageMaker(failed), FakeLogs({})))
    with pytest.raises(ValueError, match="boom, exit code: 1"):
        one.fit("s3://bucket/train", job_name="job")
    assert one.latest_training_job.name == "job"


def test_ctrl_c_leaves_the_job_running_and_says_so(scripts, capsys):
    def interrupted():
        raise KeyboardInterrupt

    sm = FakeSageMaker(described("InProgress"), before_each=interrupted)
    with pytest.raises(KeyboardInterrupt):
        estimator(FakeSession(sm, FakeLogs({}))).fit("s3://bucket/train", job_name="job")
    assert sm.stopped == []
    said = capsys.readouterr().out
    assert "job goes on" in said and "estimator.latest_training_job.stop()" in said


def test_the_end_tells_seconds_over_all_instances_and_what_spot_saved():
    times = {"TrainingTimeInSeconds": 100, "BillableTimeInSeconds": 30, "EnableManagedSpotTraining": True}
    assert follow.summary(described(hosts=2, **times)).splitlines() == [
        "Training seconds: 200", "Billable seconds: 60", "Managed Spot Training savings: 70.0%",
    ]  # fmt: skip
    nothing = {"TrainingTimeInSeconds": 0, "BillableTimeInSeconds": 0, "EnableManagedSpotTraining": True}
    assert "savings" not in follow.summary(described(**nothing))
    assert "MaxRuntimeExceeded" in follow.summary(described("Stopped", secondary="MaxRuntimeExceeded"))


def test_stopping_a_job_that_has_ended_only_says_so(capsys):
    sm = FakeSageMaker(described("Completed"), error=client_error("ValidationException", "StopTrainingJob"))
    one = estimator(FakeSession(sm))
    TrainingJob(one.sagemaker_session, "job").stop()
    assert capsys.readouterr().out == "job is not running: Completed.\n"


# results, attach


@pytest.mark.parametrize("name", ["model_data", "training_job_analytics"])
def test_a_result_before_there_is_a_job_says_what_to_do(name):
    with pytest.raises(ValueError, match="no training job yet.*fit"):
        getattr(estimator(), name)


def test_a_model_is_a_uri_or_an_uncompressed_folder_or_not_there_yet():
    def model(**more):
        one = estimator(FakeSession(FakeSageMaker(described(**more))))
        one.latest_training_job = TrainingJob(one.sagemaker_session, "job")
        return one.model_data

    uri = {"S3ModelArtifacts": "s3://bucket/models/job/output/model.tar.gz"}
    assert model(ModelArtifacts=uri) == uri["S3ModelArtifacts"]
    folder = {"S3ModelArtifacts": "s3://bucket/models/job/output/model"}
    files = {"S3OutputPath": "s3://bucket/models", "CompressionType": "NONE"}
    assert model(ModelArtifacts=folder, OutputDataConfig=files) == {
        "S3DataSource": {
            "S3Uri": folder["S3ModelArtifacts"] + "/", "S3DataType": "S3Prefix", "CompressionType": "None",
        }
    }  # fmt: skip
    with pytest.raises(ValueError, match="job is InProgress and has no model"):
        model(status="InProgress")


RICH = {
    "source_dir": ".", "hyperparameters": {"epochs": 2, "merge_weights": True, "name": "x"},
    "use_spot_instances": True, "max_run": 60, "max_wait": 120, "checkpoint_s3_uri": "s3://bucket/c",
    "metric_definitions": [{"Name": "train:loss", "Regex": "loss=(.*)"}], "environment": {"A": "b"},
    "tags": {"project": "tuneaws"}, "volume_size": 50, "keep_alive_period_in_seconds": 600,
    "subnets": ["subnet-1"], "security_group_ids": ["sg-1"], "enable_network_isolation": True,
    "encrypt_inter_container_traffic": True, "model_uri": "s3://bucket/base", "output_kms_key": "alias/k",
    "base_job_name": "summaries", "max_retry_attempts": 2, "disable_profiler": True,
    "container_log_level": 10, "debugger_hook_config": False, "enable_remote_debug": True,
    "input_mode": "FastFile",
}  # fmt: skip


@pytest.mark.parametrize("arguments", [{}, RICH], ids=["little", "much"])
def test_an_attached_estimator_would_send_the_same_request_again(scripts, arguments):
    """SDK 2's loses the metric definitions and the environment."""
    before = estimator(**{"tags": {"project": "tuneaws"}, **arguments}).request(
        {"training": "s3://bucket/train"}, job_name="summaries-2026-11-22-08-30-00-125"
    )
    answer = {**described(), **before}
    attached = HuggingFace.attach(before["TrainingJobName"], FakeSession(FakeSageMaker(answer)), wait=False)
    after = attached.request({"training": "s3://bucket/train"}, job_name=before["TrainingJobName"])
    assert after == before
    assert attached.latest_training_job.name == before["TrainingJobName"]
    assert attached.base_job_name == "summaries" and attached.training_image_uri().endswith("ubuntu22.04")


def test_attach_waits_for_the_end_as_sdk_2_does_and_raises_if_the_job_failed(scripts):
    request = estimator().request("s3://bucket/train", job_name="job")
    failed = {**described("Failed", FailureReason="boom"), **request}
    with pytest.raises(ValueError, match="boom"):
        HuggingFace.attach("job", FakeSession(FakeSageMaker(failed)))


@pytest.mark.parametrize(
    ("hyperparameters", "words"),
    [({}, "no sagemaker_program"), ({"epochs": "three"}, "not JSON texts")],
)
def test_a_job_that_no_estimator_started_cannot_be_attached(hyperparameters, words):
    with pytest.raises(ValueError, match=words):
        description.arguments_of(described(HyperParameters=hyperparameters))


def test_a_job_with_an_image_of_its_own_keeps_it_when_attached(scripts):
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/own:1"
    versions = {"transformers_version": None, "pytorch_version": None, "py_version": None}
    request = estimator(image_uri=image, **versions).request(job_name="job")
    arguments, _ = description.arguments_of({**described(), **request})
    assert arguments["image_uri"] == image and arguments["py_version"] is None
