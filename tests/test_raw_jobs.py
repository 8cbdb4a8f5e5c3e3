"""A training job by boto3 alone: what is sent, and how it compares with what the estimator sends."""

import io
import tarfile
from types import SimpleNamespace

import pytest
from pocketaws.training.layout import HostFolder, write_config
from test_script_mode import of_toolkit
from tuneaws import raw_images, raw_jobs, raw_members
from tuneaws.huggingface import HuggingFace
from tuneaws.metrics import METRIC_DEFINITIONS

ROLE = "arn:aws:iam::123456789012:role/course"
NAME = "tuneaws-2026-11-22-08-30-00-125"
IMAGE = raw_images.training_image("us-east-1", "4.56.2")
SOURCE = f"s3://bucket/code/{NAME}/source/sourcedir.tar.gz"
CHANNELS = {"training": "s3://bucket/data/train/", "validation": "s3://bucket/data/validation/"}
HYPERPARAMETERS = {"base_model": "pocketaws/chat-1m", "epochs": 1, "learning_rate": 2e-4, "merge": True}
TAGS = {"course": "tuneaws", "team": "one"}
MISSING = "(not sent)"


def a_request(**changes) -> dict:
    return raw_jobs.training_request(**{
        "name": NAME, "image": IMAGE, "role_arn": ROLE, "program": "finetune.py", "source": SOURCE,
        "channels": CHANNELS, "hyperparameters": HYPERPARAMETERS, "output": "s3://bucket/models",
        "tags": TAGS, "metrics": METRIC_DEFINITIONS, **changes})  # fmt: skip


class SdkSession:
    """SDK 3's session, as far as HuggingFace.request() asks it."""

    boto_region_name, default_bucket_prefix, local_mode = "us-east-1", None, False
    _default_bucket, _default_bucket_name_override = None, "own-bucket"
    sagemaker_client = boto_session = SimpleNamespace()

    def expand_role(self, role):
        return role


@pytest.fixture
def folder(tmp_path):
    """A source folder with a script, its requirements and a package."""
    files = {"finetune.py": "print('train')\n", "requirements.txt": "packaging\n", "reading/__init__.py": ""}
    for name, text in files.items():
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "source"


# the image


def test_every_image_is_the_one_that_the_sdk_finds():
    from sagemaker.core import image_uris

    count = 0
    for version, (pytorch, python, _) in raw_images.IMAGES.items():
        for region in raw_images.ACCOUNTS:
            theirs = image_uris.get_training_image_uri(
                region=region, framework="huggingface", framework_version=version, py_version=python,
                pytorch_version=pytorch, instance_type="ml.g5.xlarge")
            assert raw_images.training_image(region, version) == theirs
            count += 1
    assert count == 4 * 29
    table = image_uris.config_for_framework("huggingface")["training"]["versions"]
    assert list(raw_images.IMAGES) == [v for v in list(table)[::-1] if v in raw_images.IMAGES]
    regions = set(table["4.56.2"]["pytorch2.8.0"]["registries"])
    assert {name for name in regions if "iso" not in name} == set(raw_images.ACCOUNTS)


@pytest.mark.parametrize("region, version, words", [
    ("moon-1", "4.56.2", "'moon-1' is not known.*us-east-1.*available_images"),
    ("us-east-1", "9.9", "transformers '9.9'.*4.56.2"),
])
def test_an_unknown_image_is_an_error_with_those_that_are_known(region, version, words):
    with pytest.raises(ValueError, match=words):
        raw_images.training_image(region, version)


# the request


def differing(theirs: dict, ours: dict) -> dict:
    """{member: (theirs, ours)} of two requests, by the members that the lesson prints."""
    left, right = dict(flat(theirs)), dict(flat(ours))
    both = {key: (left.get(key, MISSING), right.get(key, MISSING)) for key in [*left, *right]}
    return {key: pair for key, pair in both.items() if pair[0] != pair[1]}


def flat(request: dict) -> list:
    """As raw_jobs.members(), with the whole of a channel as the value."""
    whole = {f"InputDataConfig.{each['ChannelName']}": each for each in request["InputDataConfig"]}
    return [(key, whole.get(key, value)) for key, value in raw_jobs.members(request)]


def the_estimators(folder, **changes) -> dict:
    """What HuggingFace sends for the same job."""
    channels = changes.pop("channels", CHANNELS)
    arguments = {
        "entry_point": "finetune.py", "source_dir": str(folder), "hyperparameters": HYPERPARAMETERS,
        "metric_definitions": METRIC_DEFINITIONS, "transformers_version": "4.56.2",
        "pytorch_version": "2.8.0", "py_version": "py312", "instance_type": "ml.g5.xlarge",
        "instance_count": 1, "volume_size": 50, "max_run": 3600, "role": ROLE, "tags": TAGS,
        "output_path": "s3://bucket/models", "code_location": "s3://bucket/code",
        "sagemaker_session": SdkSession(), **changes,
    }  # fmt: skip
    return HuggingFace(**arguments).request(channels, job_name=NAME)


SPOT = ({"spot_wait_s": 7200, "checkpoints": "s3://bucket/checkpoints"},
        {"use_spot_instances": True, "max_wait": 7200, "checkpoint_s3_uri": "s3://bucket/checkpoints"})
MACHINES = ({"instance_type": "ml.g5.12xlarge", "instance_count": 2, "volume_gb": 200, "max_run_s": 60},
            {"instance_type": "ml.g5.12xlarge", "instance_count": 2, "volume_size": 200, "max_run": 60})
ONE_CHANNEL = ({"channels": {"training": "s3://bucket/x"}, "environment": {"A": "b"}},
               {"channels": {"training": "s3://bucket/x"}, "environment": {"A": "b"}})


@pytest.mark.parametrize("raw, sdk", [({}, {}), SPOT, MACHINES, ONE_CHANNEL],
                         ids=["plain", "spot and checkpoints", "machines", "one channel"])
def test_the_raw_request_is_the_estimators_but_for_the_named_differences(folder, raw, sdk):
    theirs, ours = the_estimators(folder, **sdk), a_request(**raw)
    found = differing(theirs, ours)
    assert set(found) == set(raw_members.DIFFERENCES)
    assert len(set(dict(flat(theirs))) | set(dict(flat(ours)))) >= 30
    for member, (sent, _) in found.items():
        if member.startswith(("DebugHookConfig", "ProfilerConfig")):
            assert sent != MISSING and member not in dict(flat(ours))


def test_the_table_of_differences_has_a_reason_for_each_and_none_for_another_job(folder):
    theirs = the_estimators(folder)
    rows = raw_jobs.differences(a_request(), theirs)
    assert {row["member"]: row["why"] for row in rows} == raw_members.DIFFERENCES
    assert max(len(" ".join(row.values())) for row in rows) < 110, "it fits a line of a notebook"
    (row,) = [row for row in raw_jobs.differences(a_request(max_run_s=1), theirs) if not row["why"]]
    assert row["member"] == "StoppingCondition.MaxRuntimeInSeconds"
    assert row["raw"] == row["estimator"] == "another"


def test_a_request_is_sent_again_under_another_name():
    again = raw_jobs.renamed(a_request(), "job-2")
    assert set(differing(a_request(), again)) == {"TrainingJobName", "HyperParameters.sagemaker_job_name"}
    with pytest.raises(ValueError, match="job_2"):
        raw_jobs.renamed(a_request(), "job_2")


def test_without_a_network_the_estimator_brings_its_code_in_the_same_channel(folder):
    theirs = the_estimators(folder, enable_network_isolation=True, debugger_hook_config=False,
                            disable_profiler=True)
    found = differing(theirs, a_request())
    assert set(found) == {
        "EnableNetworkIsolation", "ProfilerConfig.DisableProfiler", "Environment.SAGEMAKER_PROGRAM",
        "Environment.SAGEMAKER_SUBMIT_DIRECTORY",
    }  # fmt: skip
    assert theirs["InputDataConfig"][-1] == a_request()["InputDataConfig"][-1]


@pytest.mark.parametrize("changes", [{}, SPOT[0], MACHINES[0], ONE_CHANNEL[0]])
def test_the_request_passes_botocores_validator_and_every_member_has_its_sentence(changes, capsys):
    request = raw_jobs.check(a_request(**changes))
    raw_jobs.explain(request)
    printed = capsys.readouterr().out.splitlines()
    names = [line.partition(" = ")[0] for line in printed if not line.startswith("    ")]
    assert names == [name for name, _ in raw_jobs.members(request)] and len(names) >= 24
    said = [line.strip() for line in printed if line.startswith("    ")]
    assert set(said) == {raw_members.saying(name) for name in names}
    assert len(said) >= len(names) - 4 and printed[-1].strip() == said[-1]
    assert max(map(len, printed)) <= 160


def test_no_sentence_is_about_a_member_that_is_never_sent():
    sent = {name for raw in ({}, SPOT[0], ONE_CHANNEL[0])
            for name, _ in raw_jobs.members(a_request(**raw))}
    for member in raw_members.MEMBERS:
        start = member.removesuffix("*")
        assert member in sent or (member != start and any(name.startswith(start) for name in sent)), member


@pytest.mark.parametrize("change, words", [
    ({"instance_count": "1"}, "(?s)AWS would refuse.*InstanceCount"),
    ({"role_arn": "short"}, "(?s)AWS would refuse.*RoleArn"),
])
def test_what_botocore_refuses_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        raw_jobs.check(a_request(**change))


def test_a_name_that_aws_refuses_is_refused_before_anything_is_packed():
    with pytest.raises(ValueError, match="my_job"):
        a_request(name="my_job")


# the code


def test_the_code_is_packed_with_its_requirements(folder, capsys):
    sent = {}

    def upload(file, bucket, key):
        sent[f"s3://{bucket}/{key}"] = file.read()

    s3 = SimpleNamespace(upload_fileobj=upload)
    assert raw_jobs.code_files(folder) == ["finetune.py", "reading", "requirements.txt"]
    assert raw_jobs.upload_code(s3, folder, "bucket", NAME, "finetune.py") == SOURCE
    with tarfile.open(fileobj=io.BytesIO(sent[SOURCE])) as tar:
        assert tar.getnames() == ["finetune.py", "reading", "reading/__init__.py", "requirements.txt"]
    assert "packed 3 files" in capsys.readouterr().out
    with pytest.raises(ValueError, match="entry_point='train.py' is not a file"):
        raw_jobs.upload_code(s3, folder, "bucket", NAME, "train.py")


@pytest.mark.parametrize("environment, given, module_dir", [
    ({"SAGEMAKER_PROGRAM": "finetune.py"}, {}, "input/data/code/sourcedir.tar.gz"),
    ({}, {}, "input/data/code/sourcedir.tar.gz"),
    ({"SAGEMAKER_PROGRAM": "finetune.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/input/data/code"},
     {"sagemaker_submit_directory": None, "sagemaker_program": None}, "code"),
])
def test_the_toolkit_reads_the_program_in_both_places_and_the_directory_in_one(tmp_path, environment, given,
                                                                              module_dir):
    """AWS's own toolkit, run on our request: the variable SAGEMAKER_SUBMIT_DIRECTORY changes nothing."""
    request = a_request()
    changed = {**request["HyperParameters"], **given}
    request["HyperParameters"] = {key: value for key, value in changed.items() if value is not None}
    place = HostFolder(tmp_path / "ml")
    place.make()
    write_config(request, place, "algo-1")
    variables, arguments, env = of_toolkit(place, {"TRAINING_JOB_NAME": NAME, **environment})
    assert env["user_entry_point"] == "finetune.py"
    assert env["module_dir"] == str(place.root / module_dir)
    assert arguments == ["--base_model", "pocketaws/chat-1m", "--epochs", "1", "--learning_rate", "0.0002",
                         "--merge", "True"]
    assert variables["SM_CHANNELS"] == '["code","training","validation"]'
