"""deploy(), register() and the predictor of tuneaws.huggingface send what SDK 2's send.

The same argument sets go through SDK 2's real classes, in an environment of their own, and through ours under
both SDK 3 versions. What is compared is what leaves boto3: the members of CreateModel, CreateEndpointConfig,
CreateEndpoint, UpdateEndpoint, CreateModelPackage and the Deletes; path, headers and body of an invocation;
the archive that model and script become.
"""

import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from deploy_cases import CASES
from environments import python_of
from test_estimator_against_sdk2 import differences

MODULES = {
    **dict.fromkeys(("HuggingFace", "HuggingFaceModel", "HuggingFacePredictor"), "tuneaws.huggingface"),
    "AsyncPredictor": "tuneaws.hosting.async_predictor",
}
ROOT = Path(__file__).resolve().parents[1]
DRIVER = ROOT / "tests" / "capture_deploys.py"

JSON_AT_LAST = "SDK 2 puts the type on the object in S3 alone; the request that the container gets has it too"
NO_CARD = "SDK 2 adds a model card of its own, empty but for what it finds by a search; model_card= is sent"
# case -> member -> why ours differs. Every other member of every case is the same.
DELIBERATE = {
    "asynchronous": {
        ".requests[3].headers.x-amzn-sagemaker-content-type": JSON_AT_LAST,
        ".requests[4].headers.x-amzn-sagemaker-content-type": JSON_AT_LAST,
    },
    "estimator registered": {
        ".requests[1].members.ModelCard.ModelCardStatus": NO_CARD,
        ".requests[1].members.ModelCard.ModelCardContent": NO_CARD,
    },
}
# What differs and cannot be seen in these requests: a version in the registry that nobody approved is refused
# (SDK 2 approves it itself), a model of the same name and other members too (SDK 2 serves the old one), a
# script for a model that is not one archive, and a config that AWS rolled back. delete_model() works after
# delete_endpoint(). A script without a model is packed alone (SDK 2 names it and does not send it).

OPERATIONS = {
    "CreateModel", "CreateEndpointConfig", "CreateEndpoint", "UpdateEndpoint", "DeleteEndpoint",
    "DeleteEndpointConfig", "DeleteModel", "CreateModelPackage", "CreateModelPackageGroup",
    "UpdateModelPackage", "InvokeEndpoint", "InvokeEndpointWithResponseStream", "InvokeEndpointAsync",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The folder that every case's relative paths are looked up in."""
    sys.path.insert(0, str(ROOT / "tests"))
    archive = importlib.import_module("capture_deploys").archive
    where = tmp_path_factory.mktemp("source")
    files = {
        "scripts/train.py": "print('train')\n",
        "serving/inference.py": "def model_fn(model_dir): ...\n",
        "serving/requirements.txt": "peft\n",
        "serving/deep/more.py": "x = 1\n",
        "serving/.hidden": "SDK 2 packs it, so we do\n",
        "libs/common/__init__.py": "",
        "libs/one_file.py": "x = 1\n",
    }
    for name, text in files.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_text(text)
    (where / "own").mkdir()
    (where / "own" / "model.tar.gz").write_bytes(archive(**{"model.bin": "weights", "code/old.py": "old"}))
    return where


def run(python: Path | str, which: str, where: Path) -> dict:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "code")}
    if which != "tuneaws":
        del environment["PYTHONPATH"]
    command = [str(python), str(DRIVER), which]
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:] or done.stdout[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def sdk2(folder) -> dict:
    """What SDK 2's classes sent, by case."""
    return run(python_of("sdk2"), "sdk2", folder)


@pytest.mark.parametrize("environment", ["newest", "studio"])
def test_every_request_archive_and_invocation_is_sdk_2s(sdk2, folder, environment):
    python = sys.executable if environment == "newest" else python_of("studio")
    ours = run(python, "tuneaws", folder)
    found, compared = differences(sdk2, ours)
    unexplained = {key: pair for key, pair in found.items() if key[1] not in DELIBERATE.get(key[0], {})}
    assert not unexplained
    assert list(ours) == list(sdk2) == list(CASES) and len(CASES) == 82
    assert compared > 2200, "far fewer members than the cases have"
    assert len(found) == sum(map(len, DELIBERATE.values()))


def test_the_cases_use_every_operation_there_is(sdk2):
    sent = [request["operation"] for case in sdk2.values() for request in case["requests"]]
    assert set(sent) == OPERATIONS and len(sent) > 230
    assert sum(len(case["uploads"]) for case in sdk2.values()) > 25


def ours_of(name: str) -> dict:
    """The arguments that help() shows of a class or method of ours: {argument: default as text}."""
    of, _, method = name.partition(".")
    found = getattr(importlib.import_module(MODULES[of]), of)
    parameters = list(inspect.signature(getattr(found, method) if method else found).parameters.values())
    kept = [p for p in parameters if p.name != "self" and p.kind != p.VAR_KEYWORD]
    return {p.name: None if p.default is p.empty else repr(p.default) for p in kept}


def plain(default: str | None) -> str | None:
    """A default's text; of a class or an object its class's name alone."""
    named = re.search(r"([A-Z]\w+)(?:'| object|>)", default or "") if str(default).startswith("<") else None
    return named.group(1) if named else default


OTHER_DEFAULTS = {("HuggingFaceModel.deploy", "endpoint_type"), ("AsyncPredictor.predict", "waiter_config")}


def test_every_argument_of_sdk_2_has_its_name_its_place_and_its_default(folder):
    theirs = run(python_of("sdk2"), "signatures", folder)
    compared = 0
    for name, arguments in theirs.items():
        ours = ours_of(name)
        assert list(ours) == list(arguments), name
        other = {a for a in ours if plain(ours[a]) != plain(arguments[a])}
        assert {(name, argument) for argument in other} <= OTHER_DEFAULTS, name
        compared += len(ours)
    assert len(theirs) == 16 and compared == 180
