"""distribution={"torch_distributed": {"enabled": True}}: how AWS's PyTorch containers start torchrun.

References, read 2026-11: sagemaker-pytorch-training 3.0.0 (training.py: which launcher, MASTER_*, NCCL_*) and
sagemaker-training 5.1.4 (runner.py: processes a host; torch_distributed.py: command line, EFA).
tests/test_torchrun.py runs the second and compares command line and environment.

The hosts of a job share this machine, where "algo-1" resolves to nothing and port 7777 is everybody's. So the
command line is AWS's, and the `torchrun` that the job finds on its PATH (torchrun_launcher.py) puts 127.0.0.1
and a port of the job's own in their place. How many processes a host: one for each GPU of this machine, one
on a machine without, or what the hyperparameter sagemaker_mpi_num_of_processes_per_host says, as on AWS.
"""

import shlex
from pathlib import Path

from pocketaws.training import source_code
from pocketaws.training.failure import JobFailure, algorithm_error
from pocketaws.training.script_mode import ScriptEnvironment, num_gpus, num_neurons

LAUNCHER = Path(__file__).with_name("torchrun_launcher.py")
FRAMEWORK = "sagemaker_pytorch_container"  # the module that knows the launchers; other images run one process
MASTER_HOST, MASTER_PORT = "127.0.0.1", "7777"
ENABLED = "sagemaker_torch_distributed_enabled"
PROCESSES = "sagemaker_mpi_num_of_processes_per_host"
# In the order in which training.py asks: what comes first wins.
BEFORE = {"sagemaker_mpi_enabled": "mpi", "sagemaker_pytorch_ddp_enabled": "pytorchddp"}
AFTER = {
    "sagemaker_distributed_dataparallel_enabled": "smdistributed.dataparallel",
    "sagemaker_pytorch_xla_multi_worker_enabled": "pytorchxla",
}
# Instances whose network is EFA (sagemaker_training/__init__.py): by name, whatever this machine has.
EFA_RDMA = (
    "ml.p4d.24xlarge", "ml.p4de.24xlarge", "ml.p5.48xlarge", "ml.p5e.48xlarge", "ml.trn1.32xlarge",
    "ml.p6e-gb200.36xlarge",
)  # fmt: skip
EFA = ("ml.g4dn.8xlarge", "ml.g4dn.12xlarge", "ml.g5.48xlarge", "ml.p3dn.24xlarge", *EFA_RDMA)


def is_wanted(script: ScriptEnvironment) -> bool:
    """Whether torchrun starts this host's script. Raises JobFailure for a launcher that is not here."""
    env, asked = script.training_env(), script.framework_parameters
    if env["current_instance_group"] not in env["distribution_instance_groups"]:
        return False
    if FRAMEWORK not in (env["framework_module"] or ""):
        if asked.get("sagemaker_mpi_enabled"):
            raise _refusal("mpi")
        return False
    for names in (BEFORE, {ENABLED: None}, AFTER):
        for name, word in names.items():
            if asked.get(name):
                if word is None:
                    return True
                raise _refusal(word)
    return False


def _refusal(word: str) -> JobFailure:
    return algorithm_error(
        f"pocketaws does not have the launcher of distribution {word!r}: it needs MPI or AWS's own libraries,"
        ' which are in the container. Use {"torch_distributed": {"enabled": True}}, or no distribution.'
    )


def processes_per_host(script: ScriptEnvironment) -> int:
    """Ranks on each host: what the hyperparameter says, else this machine's GPUs, else 1."""
    return int(script.framework_parameters.get(PROCESSES) or num_gpus() or num_neurons() or 1)


def command(script: ScriptEnvironment) -> list[str]:
    """The command line of torch_distributed.py. Raises JobFailure for an entry point that it refuses."""
    name, env = script.entry_point, script.training_env()
    if source_code.is_package(script.folder.code, name):
        raise algorithm_error(
            "Python packages are not supported for torch_distributed. "
            "Please use a python script as the entry-point",
            exit_code=1,
        )
    if not name.endswith(".py"):
        raise algorithm_error("Unsupported entry point type for torch_distributed", exit_code=1)
    hosts = env["distribution_hosts"]
    argv = ["torchrun", "--nnodes", str(len(hosts)), "--nproc_per_node", str(processes_per_host(script))]
    if len(hosts) > 1:
        argv += ["--master_addr", env["master_hostname"], "--master_port", MASTER_PORT]
        argv += ["--node_rank", str(hosts.index(env["current_host"]))]
    return [*argv, name, *script.arguments()]


def variables(script: ScriptEnvironment) -> dict[str, str]:
    """What torch_distributed.py adds to the environment."""
    env = script.training_env()
    added = {"NCCL_SOCKET_IFNAME": env["network_interface_name"], "NCCL_PROTO": "simple"}
    if env["current_instance_type"] in EFA:
        added["FI_PROVIDER"] = "efa"
    if env["current_instance_type"] in EFA_RDMA:
        added.update(FI_EFA_USE_DEVICE_RDMA="1", RDMAV_FORK_SAFE="1")
    return added


def meeting_place(script: ScriptEnvironment, port: int) -> dict[str, str]:
    """What the PyTorch container sets for every script. On AWS, MASTER_ADDR is algo-1."""
    env = script.training_env()
    if FRAMEWORK not in (env["framework_module"] or ""):
        return {}
    return {
        "MASTER_ADDR": MASTER_HOST,
        "MASTER_PORT": str(port),
        "NCCL_SOCKET_IFNAME": env["network_interface_name"],
        "NCCL_IB_DISABLE": "1",
        "NCCL_DEBUG": "WARN",
    }


def write_launcher(folder: Path, python: str) -> None:
    """Write `torchrun` into folder, the first on the job's PATH."""
    file = folder / "torchrun"
    file.write_text(f'#!/bin/sh\nexec {shlex.quote(python)} -I -S {shlex.quote(str(LAUNCHER))} "$@"\n')
    file.chmod(0o755)
