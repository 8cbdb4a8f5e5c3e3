"""Endpoints that do not come up: FailureReason in AWS's words, with the container's own last error."""

import io
import tarfile

import pytest
from engine_aid import a_bare_aws  # noqa: F401  (a fixture)
from hosting_aid import REGISTRY, tiny_archive
from hosting_bench import SCRIPT, a_hosting_bench  # noqa: F401  (a fixture)
from test_pocketaws_engine_requirements import OFFLINE, wheel

PING = (
    "The primary container for production variant AllTraffic did not pass the ping health check. Please check"
    " CloudWatch logs for this endpoint."
)


def failure(bench, *variants) -> str:
    """Create an endpoint that fails; its FailureReason. Nothing of it is left."""
    endpoint = bench.create(*variants)
    bench.rests(endpoint)
    assert endpoint.status == "Failed"
    assert not list((bench.home / "endpoints" / endpoint.name).glob("*/*"))
    bench.delete(endpoint)
    return endpoint.failure_reason


@pytest.mark.parametrize(
    "source, why",
    [
        (
            "def model_fn(model_dir): raise ValueError('the adapter does not fit')",
            " The container ended with exit code 1. Its last error: ValueError: the adapter does not fit",
        ),
        (
            "import no_such_module",
            " The container ended with exit code 1. Its last error: ModuleNotFoundError: No module named"
            " 'no_such_module'",
        ),
        ("import os; os.abort()", " The container was killed by SIGABRT."),
        (
            "def model_fn(a, b, c): pass",
            " The container ended with exit code 1. Its last error: TypeError: model_fn definition takes 1 or"
            " 2 arguments but 3 were given.",
        ),
        (
            "def predict_fn(d, m): pass\ndef transform_fn(m, d, c, a): pass",
            " The container ended with exit code 1. Its last error: ValueError: Cannot use transform_fn"
            " implementation in conjunction with input_fn, predict_fn, and/or output_fn implementation",
        ),
    ],
)
def test_the_reason_has_awss_words_and_the_containers_own(bench, source, why):
    assert failure(bench, bench.variant(source)) == PING + why


def test_a_model_that_loads_too_long_fails_in_time(bench):
    slow = bench.variant("import time\nprint('loading')\ntime.sleep(60)", startup_timeout_s=1)
    assert failure(bench, slow) == PING + " /ping had not answered 200 after 1 seconds."


def test_one_variant_that_fails_ends_the_others_at_once(bench):
    slow = bench.variant("import time\ntime.sleep(300)", name="slow")
    bad = bench.variant("raise SystemError('no')", name="bad")
    assert "production variant bad did not pass" in failure(bench, slow, bad)


def test_an_image_that_cannot_run_here_is_named(bench):
    image = f"{REGISTRY}/tensorflow-inference:2.19.0-cpu-py312-ubuntu22.04-sagemaker"
    assert failure(bench, bench.variant(image=image)).startswith(
        f"pocketaws runs no containers, so {image} cannot run here. What it stands in for: AWS's images"
    )


def test_model_data_that_is_not_there(bench):
    uri = f"s3://{bench.bucket}/nothing/model.tar.gz"
    reason = failure(bench, bench.variant(model_data=uri))
    assert reason.startswith(
        f'Failed to download model data for container "container_1" from URL: "{uri}". Please ensure that'
        " there is an object located at the URL and that the role passed to CreateModel has permissions to"
        " download the object."
    )
    assert "NoSuchKey" in reason


def escaping() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../outside"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "archive, why",
    [
        (b"this is no archive", "not a gzip file"),
        (tiny_archive(SCRIPT)[:-200], "Compressed file ended before the end-of-stream marker was reached"),
        (escaping(), "its member '../outside' would be written outside of it"),
    ],
    ids=["no archive", "cut short", "leads outside"],
)
def test_model_data_that_is_no_archive_or_a_dangerous_one(bench, archive, why):
    uri = bench.put(archive)
    reason = failure(bench, bench.variant(model_data=uri))
    assert reason.startswith(
        f'Failed to extract model data archive for container "container_1" from URL "{uri}". Please ensure'
        " that the object located at the URL is a valid tar.gz archive."
    )
    assert why in reason
    assert not (bench.home / "endpoints" / "outside").exists()


def test_plain_files_of_a_prefix_are_a_model_too(bench):
    bench.put(SCRIPT.encode(), "plain/code/inference.py")
    bench.put(b"{}", "plain/config.json")
    endpoint = bench.deploy(model_prefix=f"s3://{bench.bucket}/plain/")
    model = bench.home / "endpoints" / endpoint.name / "AllTraffic" / "1" / "model"
    assert sorted(path.name for path in model.iterdir() if path.name != "__pycache__") == [
        "code", "config.json",
    ]  # fmt: skip
    assert bench.ask(endpoint).status == 200
    empty = bench.variant(model_prefix=f"s3://{bench.bucket}/empty/")
    assert "No S3 objects found under S3 URL" in failure(bench, empty)


def test_requirements_are_installed_for_this_container_alone(bench):
    endpoint = bench.deploy(
        "import tiny_thing\ndef model_fn(d): return tiny_thing.__file__\n"
        "def transform_fn(model, body, content_type, accept): return model",
        files={
            "code/requirements.txt": OFFLINE + "tiny-thing==1.0\nboto3\n",
            "code/wheels/tiny_thing-1.0-py3-none-any.whl": wheel("tiny_thing"),
        },
    )
    root = bench.home / "endpoints" / endpoint.name / "AllTraffic" / "1"
    assert bench.ask(endpoint).body.decode() == str(root / "pocketaws" / "packages" / "tiny_thing.py")


def test_requirements_that_cannot_be_installed_are_named_by_pip(bench):
    bad = bench.variant(files={"code/requirements.txt": "--no-index\nno-such-thing-at-all==9.9\n"})
    reason = failure(bench, bad)
    assert reason.startswith(PING + " The installation of its requirements.txt ended with exit code 1.")
    assert "No matching distribution found for no-such-thing-at-all==9.9" in reason
