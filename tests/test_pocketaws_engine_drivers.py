"""Jobs of SDK 3's ModelTrainer: its own drivers, of both SDK versions, run in the job's folder.

The channel `sm_drivers` is put together here as ModelTrainer._create_training_job_args does it, out of the
installed package's files: importing ModelTrainer takes seconds; tests/test_sdk3.py does that.
"""

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sysconfig
import textwrap
from pathlib import Path

import pytest
from engine_aid import IMAGE, Bench, a_bare_aws, a_bench  # noqa: F401  (fixtures)
from environments import python_of

COMMAND = "chmod +x /opt/ml/input/data/sm_drivers/sm_train.sh && /opt/ml/input/data/sm_drivers/sm_train.sh"
ALGORITHM = {
    "TrainingImage": IMAGE,
    "TrainingInputMode": "File",
    "ContainerEntrypoint": ["/bin/bash"],
    "ContainerArguments": ["-c", COMMAND],
}


def packages_of(version: str) -> Path:
    """The site-packages that hold an SDK 3 version."""
    if version == "newest":
        return Path(sysconfig.get_path("purelib"))
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.check_output([python_of("studio"), "-c", code], text=True).strip())


@pytest.fixture(params=["newest", "studio"])
def sdk(request) -> Path:
    """The `sagemaker` folder of SDK 3: this environment's, and 3.12.0."""
    folder = packages_of(request.param) / "sagemaker"
    found = importlib.metadata.Distribution.discover(name="sagemaker", path=[str(folder.parent)])
    version = next(iter(found)).version
    assert version.startswith("3.") and (request.param == "newest" or version == "3.12.0")
    return folder


def templates(sdk: Path):
    spec = importlib.util.spec_from_file_location("templates", sdk / "train" / "templates.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def put_channels(
    bench: Bench, sdk: Path, files: dict, execute: str, requirements="", distributed=None
) -> list:
    """Upload channels code and sm_drivers; the InputDataConfig."""
    for name, text in files.items():
        bench.put(f"mt/code/{name}", text)
    drivers = sdk / "train" / "container_drivers"
    texts = {str(path.relative_to(drivers)): path.read_text() for path in drivers.rglob("*.py")}
    texts["scripts/install_requirements.py"] = (
        sdk / "core" / "utils" / "install_requirements.py"
    ).read_text()
    known = templates(sdk)
    texts["sm_train.sh"] = known.TRAIN_SCRIPT_TEMPLATE.format(
        working_dir="cd /opt/ml/input/data/code \n",
        install_requirements=known.INSTALL_REQUIREMENTS.format(requirements_file=requirements)
        if requirements
        else "",
        execute_driver=execute,
    )
    texts["sourcecode.json"] = json.dumps({"entry_script": "train.py", "source_dir": "/somewhere"})
    texts["distributed.json"] = json.dumps(distributed or {})
    for name, text in texts.items():
        bench.put(f"mt/drivers/{name}", text)
    assert len(texts) >= 11
    return [channel(bench, "code", "mt/code/"), channel(bench, "sm_drivers", "mt/drivers/")]


def channel(bench: Bench, name: str, prefix: str) -> dict:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bench.bucket}/{prefix}"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def run(bench: Bench, channels: list, **members):
    given = {"AlgorithmSpecification": ALGORITHM, "InputDataConfig": channels, **members}
    return bench.run(hyperparameters={"epochs": "3", "name": "x y"}, **given)


def test_an_entry_script_runs_with_its_arguments_variables_and_data(bench, sdk):
    script = """
        import os, sys
        print("arguments", sys.argv[1:])
        print("data", open(os.environ["SM_CHANNEL_TRAINING"] + "/a.txt").read())
        same = os.environ["SM_SOURCE_DIR"] == os.getcwd()
        print(os.environ["SM_HP_EPOCHS"], os.environ["SM_CURRENT_HOST"], same)
        open(os.environ["SM_MODEL_DIR"] + "/weights", "w").write("1")
    """
    files = {"train.py": textwrap.dedent(script), "needs.txt": "boto3\n"}
    channels = put_channels(bench, sdk, files, templates(sdk).EXECUTE_BASIC_SCRIPT_DRIVER, "needs.txt")
    bench.put("mt/data/a.txt", "some data")
    job = run(bench, [*channels, channel(bench, "training", "mt/data/")])
    assert job.status == "Completed", job.failure_reason
    log = bench.log(job)
    assert "arguments ['--epochs', '3', '--name', 'x y']" in log and "data some data" in log
    assert "3 algo-1 True" in log
    assert "needs.txt: nothing to install, all 1 requirements are there already" in log
    assert bench.archive(f"results/{job.name}/output/model.tar.gz") == {"weights": b"1"}
    assert not os.path.exists("/opt/ml/output/failure")


def test_a_failing_entry_script_is_quoted_in_the_failure_reason(bench, sdk):
    files = {"train.py": "raise ValueError('rate is -1')"}
    job = run(bench, put_channels(bench, sdk, files, templates(sdk).EXECUTE_BASIC_SCRIPT_DRIVER))
    assert job.status == "Failed" and job.failure_reason.startswith("AlgorithmError: ")
    assert "ValueError: rate is -1" in job.failure_reason and job.failure_reason.endswith(", exit code: 1")


def test_a_command_runs_and_its_exit_code_counts(bench, sdk):
    execute = templates(sdk).EXECUTE_BASE_COMMANDS.format(base_command="python train.py --out /opt/ml/model")
    files = {"train.py": "import sys; open(sys.argv[2] + '/w', 'w').write('1'); sys.exit(3)"}
    job = run(bench, put_channels(bench, sdk, files, execute))
    assert job.status == "Failed" and job.failure_reason.endswith(", exit code: 3")


def test_a_folder_with_spaces_and_quotes_in_its_name_works_too(bare_aws, tmp_path, sdk):
    bench = Bench(bare_aws, tmp_path / "it's a home; with $pecial characters")
    try:
        files = {"train.py": "import os; open(os.environ['SM_MODEL_DIR'] + '/w', 'w').write('1')"}
        job = run(bench, put_channels(bench, sdk, files, templates(sdk).EXECUTE_BASIC_SCRIPT_DRIVER))
        assert job.status == "Completed", job.failure_reason
        assert bench.archive(f"results/{job.name}/output/model.tar.gz") == {"w": b"1"}
    finally:
        bench.close()


def test_mpi_is_refused_before_it_touches_the_machine(bench, sdk):
    execute = templates(sdk).EXEUCTE_DISTRIBUTED_DRIVER.format(
        driver_name="MPI", driver_script="mpi_driver.py"
    )
    job = run(bench, put_channels(bench, sdk, {"train.py": ""}, execute))
    assert job.status == "Failed" and "does not run MPI" in job.failure_reason


def test_torchrun_joins_two_hosts_that_share_this_machine(bench):
    """With one SDK: the torchrun drivers of both are the same."""
    sdk = packages_of("newest") / "sagemaker"
    script = """
        import os, torch, torch.distributed as dist
        dist.init_process_group("gloo")
        number = torch.tensor([float(dist.get_rank() + 1)])
        dist.all_reduce(number)
        print(f"rank {dist.get_rank()} of {dist.get_world_size()} sum {number.item()}")
        dist.destroy_process_group()
    """
    execute = templates(sdk).EXEUCTE_DISTRIBUTED_DRIVER.format(
        driver_name="Torchrun", driver_script="torchrun_driver.py"
    )
    files = {"train.py": textwrap.dedent(script)}
    channels = put_channels(
        bench, sdk, files, execute, distributed={"process_count_per_node": 1, "smp": None}
    )
    resources = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 1}
    job = run(bench, channels, ResourceConfig=resources, wait_s=240)
    assert job.status == "Completed", f"{job.failure_reason}\n{bench.log(job)[-20:]}"
    for rank in (0, 1):
        assert f"rank {rank} of 2 sum 3.0" in bench.log(job, rank)
