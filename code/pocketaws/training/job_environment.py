"""A training script's environment: what a container would have, and little of the user's shell."""

import os
import re
import sys
from pathlib import Path

from pocketaws.aws_clients import ACCESS_KEY
from pocketaws.training.layout import HostFolder

# A job on AWS sees nothing of the shell that launched it. Here it needs PATH, HOME, LD_LIBRARY_PATH and the
# like, and must not see what would change its course: AWS settings, another job's SM_*, Jupyter's plotting
# backend, secrets. What a script needs of these goes into the job's Environment, as on AWS.
_NOT_INHERITED = re.compile(
    r"^(AWS_|SM_|SAGEMAKER_|TRAINING_JOB_|JPY_|PIP_TARGET|PIP_PREFIX|HF_|HUGGINGFACE_|TRANSFORMERS_|"
    r"MPLBACKEND$|PYTHONSTARTUP$|PYTHONHOME$|RANK$|LOCAL_RANK$|WORLD_SIZE$|MASTER_ADDR$|MASTER_PORT$)"
    r"|TOKEN(?!IZER)|SECRET|PASSWORD|API_KEY|CREDENTIAL"
)
CODE = Path(__file__).resolve().parents[2]  # pocketaws's own place on PYTHONPATH, which is not the job's


def inherited() -> dict[str, str]:
    """What a job takes over from the server's environment."""
    return {name: value for name, value in os.environ.items() if not _NOT_INHERITED.search(name)}


def container(job, folder: HostFolder, host: str, hosts: int, endpoint_url: str, hub: Path) -> dict[str, str]:
    """What a SageMaker container has, and what stands in for the instance's role and network.

    job   a TrainingJob       hosts   how many hosts share this machine
    hub   the Hugging Face cache that stands in for the model hub
    """
    variables = {
        "TRAINING_JOB_NAME": job.name,
        "TRAINING_JOB_ARN": job.arn,
        "CURRENT_HOST": host,
        "SAGEMAKER_REGION": job.region,
        "SAGEMAKER_BASE_DIR": str(folder.root),
        "SAGEMAKER_JOB_NAME": job.name,
        "AWS_REGION": job.region,
        "AWS_DEFAULT_REGION": job.region,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_CACHE": str(hub),
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    module = framework_module(job.request["AlgorithmSpecification"].get("TrainingImage", ""))
    if module:
        variables["SAGEMAKER_TRAINING_MODULE"] = module
    if hosts > 1:  # they share the cores; one host alone may use them all, as on an instance
        variables["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // hosts))
    return variables


def framework_module(image: str) -> str | None:
    """What AWS's framework images set as SAGEMAKER_TRAINING_MODULE (their Dockerfiles, 2026-11)."""
    name = image.rpartition("/")[2]
    return "sagemaker_pytorch_container.training:main" if "pytorch-training" in name else None


def search_paths(env: dict, given: dict, folder: HostFolder, python: str, code: Path) -> None:
    """Set PATH and PYTHONPATH in env: the job's code and packages first, pocketaws itself left out.

    given   the job's Environment, whose PYTHONPATH comes next
    """
    paths = [str(code), str(folder.packages)]
    for value in (given.get("PYTHONPATH", ""), os.environ.get("PYTHONPATH", "")):
        paths += [path for path in value.split(os.pathsep) if path and Path(path).resolve() != CODE]
    env["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    path = given.get("PATH") or os.environ.get("PATH", os.defpath)
    env["PATH"] = os.pathsep.join([str(folder.bin), str(Path(python).parent), path])


def write_launchers(folder: HostFolder, python: str = sys.executable) -> None:
    """Write `python` and `pip` for a job's shell scripts: this interpreter, under every usual name."""
    pip = f'"{python}" "{Path(__file__).with_name("requirements_check.py")}" --pip'
    for name, command in {"python": f'"{python}"', "python3": f'"{python}"', "pip": pip, "pip3": pip}.items():
        file = folder.bin / name
        file.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        file.chmod(0o755)
