"""A training script's environment: what a container would have, and little of the user's shell."""

import os
from pathlib import Path

from pocketaws.iam.identity import role_key
from pocketaws.processes import environment
from pocketaws.training.layout import LOOPBACK, HostFolder


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
        **environment.instance(job.region, endpoint_url, hub, role_key(job.request.get("RoleArn"))),
    }
    module = framework_module(job.request["AlgorithmSpecification"].get("TrainingImage", ""))
    if module:
        variables["SAGEMAKER_TRAINING_MODULE"] = module
    variables["GLOO_SOCKET_IFNAME"] = LOOPBACK  # else gloo listens on the address of this machine's name
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
    env["PYTHONPATH"] = environment.python_path(
        [str(code), str(folder.packages)], given.get("PYTHONPATH", "")
    )
    env["PATH"] = environment.program_path(folder.bin, python, given.get("PATH", ""))
