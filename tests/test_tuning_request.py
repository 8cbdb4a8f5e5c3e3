"""tuning_request() makes what SDK 2's HyperparameterTuner sends; and it says no before money runs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from capture_tuning import CASES
from environments import python_of
from test_estimator_against_sdk2 import differences
from tuneaws import prices, variants
from tuneaws.variants import tuning

ROOT = Path(__file__).resolve().parents[1]
DEFINITION = ".TrainingJobDefinition"
STATIC = f"{DEFINITION}.StaticHyperParameters"
CHOICES = ".HyperParameterTuningJobConfig.ParameterRanges.CategoricalParameterRanges[0].Values"
MACHINE = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
# member → why ours differs. Every other member of every case is the same.
DELIBERATE = {
    **{f"{DEFINITION}.{name}.{member}": "the training request's own ResourceConfig; AWS takes either"
       for name in ("ResourceConfig", "HyperParameterTuningResourceConfig") for member in MACHINE},
    f"{STATIC}.sagemaker_estimator_class_name": "for SDK 2's attach() alone; the container ignores it",
    f"{STATIC}.sagemaker_estimator_module": "for SDK 2's attach() alone; the container ignores it",
    **{f"{CHOICES}[{at}]": "SDK 2 makes a text of a number; the script gets --lora_r 4 from both"
       for at in range(3)},
}  # fmt: skip


@pytest.fixture(scope="module")
def captured(tmp_path_factory) -> dict:
    """{"sdk2": {case: request}, "tuneaws": …}."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "scripts").mkdir()
    (folder / "scripts" / "train.py").write_text("print('train')\n")
    found = {}
    for which, python in (("sdk2", python_of("sdk2")), ("tuneaws", sys.executable)):
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "code")}
        if which == "sdk2":
            del environment["PYTHONPATH"]
        done = subprocess.run(
            [str(python), str(ROOT / "tests" / "capture_tuning.py"), which],
            cwd=folder, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        found[which] = json.loads(done.stdout)
    return found


def test_every_member_is_sdk_2s_but_for_those_that_are_explained(captured):
    found, compared = differences(captured["sdk2"], captured["tuneaws"])
    unexplained = {key: pair for key, pair in found.items() if key[1] not in DELIBERATE}
    assert not unexplained
    assert {member for _, member in found} == set(DELIBERATE), "an explanation for nothing"
    assert list(captured["tuneaws"]) == list(CASES) and compared > 150, compared


# --- what is refused


TRAINING = {
    "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File",
                               "MetricDefinitions": [{"Name": "eval:loss", "Regex": "(.)"}]},
    "RoleArn": "arn:aws:iam::123456789012:role/r", "OutputDataConfig": {"S3OutputPath": "s3://b/o"},
    "ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 50},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600}, "HyperParameters": {"epochs": "1", "lora_r": "8"},
}  # fmt: skip
PRICE = prices.Price("ml.g5.xlarge", "us-east-1", 1.5, "for the test")
SPACE = {"lora_r": [4, 8], "learning_rate": [1e-3, 1e-2]}


def test_what_is_varied_is_not_static_and_the_rest_is():
    request = variants.tuning_request(TRAINING, "t", SPACE, strategy="Grid")
    assert request["TrainingJobDefinition"]["StaticHyperParameters"] == {"epochs": "1"}
    assert tuning.jobs_at_most(request) == 4
    tuning.check_tuning(request)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("x" * 33, SPACE), "32 letters"),
        (("-x", SPACE), "no name"),
        (("x", {}), "nothing to vary"),
        (("x", SPACE, 4, 2, "train:speed"), "none of the job's metrics: eval:loss"),
    ],
    ids=["long name", "hyphen first", "no space", "no such metric"],
)
def test_a_request_that_aws_would_refuse_is_refused_with_a_fix(arguments, words):
    with pytest.raises(ValueError, match=words) as caught:
        variants.tuning_request(TRAINING, *arguments)
    assert "Fix:" in str(caught.value)


def test_botocore_s_own_complaints_come_before_anything_is_sent():
    request = variants.tuning_request(TRAINING, "t", SPACE, strategy="Grid")
    request["HyperParameterTuningJobConfig"]["Strategy"] = 3
    with pytest.raises(ValueError, match="Strategy"):
        tuning.check_tuning(request)


def test_a_tuning_job_over_the_cap_is_not_sent():
    client = SimpleNamespace()  # without create_hyper_parameter_tuning_job: a call would be an error
    request = variants.tuning_request(TRAINING, "t", SPACE, max_jobs=4)
    with pytest.raises(variants.CapError, match=r"could cost 6\.00 USD, the cap is 5\.00"):
        variants.start_tuning(client, request, PRICE, cap_usd=5)
