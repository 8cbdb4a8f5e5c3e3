"""SDK 3's own resources on the local AWS, under 3.12.0, which Studio has, and the newest.

Model, EndpointConfig, Endpoint, ModelPackageGroup, ModelPackage.
Everything runs in tests/sdk3_hosting.py, once an environment: it takes the SDK 3 to 4 s to be imported.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from environments import python_of
from hosting_aid import IMAGE

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = {"newest": "3.27.0", "studio": "3.12.0"}


@pytest.fixture(scope="module", params=VERSIONS)
def seen(request, local_aws) -> dict:
    """What tests/sdk3_hosting.py saw under one SDK 3."""
    python = sys.executable if request.param == "newest" else python_of(request.param)
    environment = {**os.environ, "AWS_ENDPOINT_URL": local_aws.url, "PYTHONPATH": str(ROOT / "code")}
    driver = ROOT / "tests" / "sdk3_hosting.py"
    done = subprocess.run([str(python), str(driver)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["version"] == VERSIONS[request.param]
    return found


def test_an_endpoint_answers_with_its_model_and_after_an_update_with_the_new_one(seen):
    deployed = seen["deployed"]
    tag = deployed["tag"]
    assert deployed["first_status"] == "Creating"
    assert deployed["answers"] == [f"{tag}-old", f"{tag}-new"]
    assert (deployed["config"], deployed["weight"], deployed["listed"]) == (f"{tag}-1", 2.0, [tag])


def test_what_was_deleted_is_gone(seen):
    assert seen["deployed"]["left"] == [] and seen["registered"]["left"] == []


def test_a_version_is_approved_and_becomes_a_model(seen):
    registered = seen["registered"]
    assert registered["version"] == 1 and registered["image"] == IMAGE
    assert registered["approval"] == ["PendingManualApproval", "Approved"]
    assert registered["of_model"] == registered["arn"]


def test_nothing_left_the_machine_not_even_the_sdk_s_telemetry(seen):
    assert seen["left_the_machine"] == []
