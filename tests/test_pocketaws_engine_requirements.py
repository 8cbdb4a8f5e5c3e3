"""A source directory's requirements.txt: nothing to do, something to install, or pip's own words."""

import base64
import hashlib
import io
import sys
import zipfile

import pytest
from engine_aid import a_bare_aws, a_bench  # noqa: F401  (fixtures)
from pocketaws.processes import requirements_check


def wheel(name: str, version: str = "1.0", requires: tuple = ()) -> bytes:
    """A tiny wheel whose module prints its name."""
    files = {
        f"{name}.py": f"WORD = 'from {name} {version}'\n",
        f"{name}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {each}\n" for each in requires),
        f"{name}-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{name}-{version}.dist-info/RECORD"
    rows = [f"{path},{_hash(text)},{len(text)}" for path, text in files.items()]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in {**files, record: "\n".join([*rows, f"{record},,"]) + "\n"}.items():
            archive.writestr(path, text)
    return buffer.getvalue()


def _hash(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


OFFLINE = "--no-index\n--find-links ./wheels\n"


def test_requirements_that_are_there_cost_one_log_line_and_no_pip(bench):
    text = "# comment\nboto3>=1.0  # why\npytest ; python_version >= '3.0'\nno-such ; python_version < '3'\n"
    job = bench.run("print('ran')", files={"requirements.txt": text})
    assert job.status == "Completed", job.failure_reason
    log = bench.log(job)
    assert sum("nothing to install, all 3 requirements are there already" in line for line in log) == 1
    assert not [line for line in log if "Collecting" in line or "pip" in line]


def test_what_is_missing_goes_into_the_jobs_own_folder(bench):
    job = bench.run(
        "import tiny_thing, below, sys; print(tiny_thing.WORD, below.WORD); print(tiny_thing.__file__)",
        files={
            "requirements.txt": OFFLINE + "-r more.txt\nboto3\n",
            "more.txt": "tiny-thing==1.0\n",
            "wheels/tiny_thing-1.0-py3-none-any.whl": wheel("tiny_thing", requires=("below>=1", "boto3")),
            "wheels/below-2.0-py3-none-any.whl": wheel("below", "2.0"),
        },
    )
    assert job.status == "Completed", job.failure_reason
    log = bench.log(job)
    assert "from tiny_thing 1.0 from below 2.0" in log
    assert any(line.endswith("/algo-1/pocketaws/packages/tiny_thing.py") for line in log)
    assert requirements_check.missing(["tiny-thing"]) == ["tiny-thing"]  # this interpreter stayed as it was


def test_a_failing_install_fails_the_job_with_pips_own_words(bench):
    job = bench.run(
        "print('ran')", files={"requirements.txt": OFFLINE + "no-such-thing-at-all==9.9\n", "wheels/x": ""}
    )
    assert job.status == "Failed"
    assert job.failure_reason.startswith(
        'AlgorithmError: InstallRequirementsError:\nExitCode 1\nErrorMessage "ERROR: '
    )
    assert "No matching distribution found for no-such-thing-at-all==9.9" in job.failure_reason
    assert "ran" not in bench.log(job)


def test_another_torch_is_refused_instead_of_downloaded(bench):
    wheels = {"wheels/torch-0.1-py3-none-any.whl": wheel("torch", "0.1")}
    job = bench.run("print('ran')", files={"requirements.txt": OFFLINE + "torch==0.1\n", **wheels})
    assert job.status == "Failed" and "InstallRequirementsError" in job.failure_reason
    assert "torch==0.1" in "\n".join(bench.log(job))


BACKEND = """
import shutil
def build_wheel(folder, config_settings=None, metadata_directory=None):
    return shutil.copy("built/mine-1.0-py3-none-any.whl", folder).rpartition("/")[2]
"""


def test_a_source_directory_with_a_setup_py_is_installed_and_runs_as_a_module(bench):
    """The build backend lies in the source directory, so that pip needs no network."""
    build = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    job = bench.run(
        "import mine; print('as', __name__, mine.WORD)",
        files={
            "setup.py": "",
            "pyproject.toml": build,
            "backend.py": BACKEND,
            "built/mine-1.0-py3-none-any.whl": wheel("mine"),
        },
    )
    assert job.status == "Completed", job.failure_reason
    assert "as __main__ from mine 1.0" in bench.log(job)
    assert any("Installing module." in line for line in bench.log(job))


def test_a_requirements_file_is_read_as_pip_reads_it(tmp_path):
    (tmp_path / "a.txt").write_text(
        "\ufeff# first\n\nboto3 >= 1 \\\n  , < 99\n-r sub/b.txt\n--requirement=sub/c.txt\n"
        "--extra-index-url https://example.invalid/simple\npytest --hash=sha256:00\n./local\n-e git+https://x/y\n"
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_text("psutil  # comment\r\n")
    (tmp_path / "sub" / "c.txt").write_text("name @ https://example.invalid/n.whl\n")
    requirements, options = requirements_check.read(tmp_path / "a.txt")
    assert [" ".join(each.split()) for each in requirements] == [
        "boto3 >= 1 , < 99", "psutil", "name @ https://example.invalid/n.whl", "pytest", "./local",
        "-e git+https://x/y",
    ]  # fmt: skip
    assert options == ["--extra-index-url https://example.invalid/simple"]
    assert requirements_check.missing(requirements) == [
        "name @ https://example.invalid/n.whl", "./local", "-e git+https://x/y",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("boto3", True), ("Boto3", True), ("boto3<1", False), ("no-such-thing", False), ("boto3[crt]", False),
        ("moto[s3,iam]", True), ("boto3 ; sys_platform == 'nowhere'", True), ("boto3==*", False),
    ],
)  # fmt: skip
def test_a_requirement_is_there_or_missing(text, there):
    assert (requirements_check.missing([text]) == []) is there


def test_shell_scripts_pip_installs_into_the_jobs_folder(bench):
    job = bench.run(
        files={
            "run.sh": "pip install -r needs.txt && python -c 'import tiny_thing; print(tiny_thing.__file__)'",
            "needs.txt": OFFLINE + "tiny-thing\n",
            "wheels/tiny_thing-1.0-py3-none-any.whl": wheel("tiny_thing"),
        },
        program="run.sh",
    )
    assert job.status == "Completed", job.failure_reason
    assert any(line.endswith("/pocketaws/packages/tiny_thing.py") for line in bench.log(job))
    assert "tiny_thing" not in sys.modules
