"""The rules that conftest.py lays on every test run."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SKIPS = """
import pytest

@pytest.mark.skip(reason="needs a GPU")
def test_with_a_reason():
    pass

def test_that_runs():
    pass
"""


def run(folder, source, **environment):
    shutil.copy(Path(__file__).with_name("conftest.py"), folder / "conftest.py")
    (folder / "test_it.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        cwd=folder, env={**os.environ, "CI": "", **environment}, capture_output=True, text=True,
    )  # fmt: skip


def test_in_ci_skips_are_counted_and_one_without_a_reason_fails(tmp_path):
    with_reason = run(tmp_path, SKIPS, CI="true")
    assert with_reason.returncode == 0
    assert "skipped: 1" in with_reason.stdout
    bare = SKIPS + "\n@pytest.mark.skip\ndef test_bare():\n    pass\n\ndef test_call():\n    pytest.skip()\n"
    without = run(tmp_path, bare, CI="true")
    assert without.returncode == 1
    assert "skipped: 3" in without.stdout
    assert without.stdout.count("skipped without a reason") == 2
    assert run(tmp_path, bare).returncode == 0


def test_a_module_that_is_skipped_counts_too(tmp_path):
    ran = run(tmp_path, "import pytest\npytest.skip('no such service', allow_module_level=True)\n", CI="true")
    assert "skipped: 1" in ran.stdout


def test_no_test_reaches_the_network():
    with socket.socket() as outward, pytest.raises(AssertionError, match="tests need no network"):
        outward.connect(("192.0.2.1", 80))  # an address kept for documentation, RFC 5737


def test_no_credentials_of_the_person_are_seen():
    import boto3

    assert "AWS_PROFILE" not in os.environ and "AWS_ENDPOINT_URL" not in os.environ
    assert boto3.session.Session().get_credentials().access_key == "testing"


def test_the_local_aws_answers_and_belongs_to_this_run(local_aws, role_arn, bucket):
    assert local_aws.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert role_arn.endswith(":role/tests-sagemaker")
    assert local_aws.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert (local_aws.home / "server.json").exists()
