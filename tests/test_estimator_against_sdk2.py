"""tuneaws.huggingface.HuggingFace sends what the HuggingFace estimator of SDK 2 sends.

The same argument sets go through SDK 2's real class, in an environment of its own, and through ours under
both SDK 3 versions. What is compared is the JSON of CreateTrainingJob and the upload, as they leave boto3.
"""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from environments import python_of
from estimator_cases import CASES
from tuneaws.huggingface import HuggingFace

ROOT = Path(__file__).resolve().parents[1]
DRIVER = ROOT / "tests" / "capture_requests.py"
MISSING = "(not sent)"

PYCACHE = ".uploads[0].files.__pycache__/train.pyc"
# case ("*" for all) -> member -> why ours differs. Every other member of every case is the same.
DELIBERATE = {
    "*": {PYCACHE: "bytecode of this machine's Python is no source: it is left out"},
    "hyperparameters that are set later": {
        ".requests[0].HyperParameters.epochs": "SDK 2 encodes these twice: the script would get a string",
        ".requests[0].HyperParameters.name": "SDK 2 encodes these twice: the quotes would reach the script",
    },
}
# What differs and cannot be seen in these requests: SDK 2 also reads its own defaults file, adds a Studio
# project's tags and tags for JumpStart models. config.yaml is the course's one configuration.

ALL_MEMBERS = {  # of CreateTrainingJob in botocore 1.44.5, that SDK 2's HuggingFace can send
    "AlgorithmSpecification", "CheckpointConfig", "DebugHookConfig", "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining", "EnableNetworkIsolation", "Environment", "ExperimentConfig",
    "HyperParameters", "InfraCheckConfig", "InputDataConfig", "OutputDataConfig", "ProfilerConfig",
    "RemoteDebugConfig",
    "ResourceConfig", "RetryStrategy", "RoleArn", "SessionChainingConfig", "StoppingCondition", "Tags",
    "TensorBoardOutputConfig", "TrainingJobName", "VpcConfig",
}  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """The folder that every case's relative paths are looked up in."""
    folder = tmp_path_factory.mktemp("source")
    files = {
        "scripts/train.py": "print('train')\n",
        "scripts/parts/second.py": "print('second')\n",
        "scripts/requirements.txt": "einops\n",
        "scripts/__pycache__/train.pyc": "bytes",
        "scripts/.hidden": "SDK 2 packs it, so we do\n",
        "libs/common/__init__.py": "",
        "libs/one_file.py": "x = 1\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def sdk2(source) -> dict:
    """What SDK 2's estimator sent, by case."""
    return run(python_of("sdk2"), "sdk2", source)


def run(python: Path | str, which: str, folder: Path) -> dict:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "code")}
    if which != "tuneaws":
        del environment["PYTHONPATH"]
    done = subprocess.run(
        [str(python), str(DRIVER), which], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:] or done.stdout[-3000:]
    return json.loads(done.stdout)


def leaves(value, path="") -> dict:
    """{".a[0].b": value} for every member that holds no others; empty ones too."""
    if isinstance(value, dict) and value:
        pairs = [(f"{path}.{key}", each) for key, each in value.items()]
    elif isinstance(value, list) and value:
        pairs = [(f"{path}[{i}]", each) for i, each in enumerate(value)]
    else:
        return {path: value}
    return {key: each for name, inner in pairs for key, each in leaves(inner, name).items()}


def differences(theirs: dict, ours: dict) -> tuple[dict, int]:
    """Return ({(case, member): (theirs, ours)}, how many members were compared)."""
    found, compared = {}, 0
    for case in theirs:
        left, right = leaves(theirs[case]), leaves(ours[case])
        for member in left | right:
            compared += 1
            pair = left.get(member, MISSING), right.get(member, MISSING)
            if pair[0] != pair[1]:
                found[case, member] = pair
    return found, compared


@pytest.mark.parametrize("environment", ["newest", "studio"])
def test_every_request_and_upload_is_sdk_2s(sdk2, source, environment):
    python = sys.executable if environment == "newest" else python_of("studio")
    ours = run(python, "tuneaws", source)
    found, compared = differences(sdk2, ours)
    unexplained = {
        key: pair
        for key, pair in found.items()
        if key[1] not in DELIBERATE["*"] and key[1] not in DELIBERATE.get(key[0], {})
    }
    assert not unexplained
    assert list(ours) == list(sdk2) == list(CASES) and len(CASES) == 43
    assert compared > 1200, "far fewer members than the cases have"
    assert {key[1] for key in found} == {member for each in DELIBERATE.values() for member in each}


def test_the_cases_send_every_member_there_is(sdk2):
    sent = [each["requests"] for each in sdk2.values()]
    assert {len(requests) for requests in sent} == {1}
    assert {member for (request,) in sent for member in request} == ALL_MEMBERS


def test_every_argument_of_sdk_2_has_its_name_its_place_and_its_default(source):
    theirs = run(python_of("sdk2"), "signature", source)
    theirs["enable_sagemaker_metrics"] = "True"  # HuggingFace sets it in its body
    parameters = inspect.signature(HuggingFace).parameters
    ours = {n: None if p.default is p.empty else repr(p.default) for n, p in parameters.items()}
    assert ours == theirs and len(ours) == 57
    assert list(ours)[:10] == list(theirs)[:10], "the ten that can be given by position"
