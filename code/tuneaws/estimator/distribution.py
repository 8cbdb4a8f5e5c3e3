"""What distribution= asks for, as the hyperparameters that AWS's container launches the script by.

Names and rules: sagemaker 2.257.7, HuggingFace._huggingface_distribution_configuration, read 2026-11.
"""

from __future__ import annotations

from tuneaws import prices

REFUSED = {
    "parameter_server": "is for TensorFlow",
    "multi_worker_mirrored_strategy": "is for TensorFlow",
    "pytorchxla": "needs SageMaker Training Compiler, which AWS no longer releases",
    "instance_groups": "is not supported here together with distribution",
}
KNOWN = ("torch_distributed", "pytorchddp", "mpi", "smdistributed")


def distribution_for(instance_type: str, instance_count: int = 1) -> dict | None:
    """Return what lets all GPUs of all instances train one model, for HuggingFace(distribution=…).

    None for one GPU, and for one instance that the price table does not know.
    """
    gpus = prices.INSTANCES[instance_type][2] if instance_type in prices.INSTANCES else 1
    return {"torch_distributed": {"enabled": True}} if max(gpus, 1) * instance_count > 1 else None


def check_distribution(distribution: dict | None, instance_type: str | None, entry_point: str) -> None:
    """Raise ValueError for a strategy that is unknown, refused, or cannot run on this instance type."""
    for name in distribution or {}:
        if name not in KNOWN:
            why = REFUSED.get(name, "is unknown")
            raise ValueError(f"distribution {name!r} {why}. Fix: one of {', '.join(KNOWN)}.")
    if not distribution:
        return
    if not instance_type:
        raise ValueError("distribution with instance_groups is not supported. Fix: instance_type.")
    if _enabled(distribution, "torch_distributed"):
        family = instance_type.partition(".")[2]
        if not family.startswith(("g", "p", "trn")):
            raise ValueError(
                f"distribution torch_distributed needs GPUs or Trainium, and {instance_type} has neither. "
                'Fix: instance_type="ml.g5.12xlarge", which has four GPUs, or leave distribution out.'
            )
        if not entry_point.endswith(".py"):
            raise ValueError(f"distribution torch_distributed runs .py files, not {entry_point!r}.")


def distribution_hyperparameters(distribution: dict | None, instance_type: str | None) -> dict:
    """Return the hyperparameters that SDK 2 adds, not yet encoded; none for no distribution."""
    if not distribution:
        return {}
    if "pytorchddp" in distribution:
        if _enabled(distribution, "pytorchddp"):
            return {"sagemaker_pytorch_ddp_enabled": True, "sagemaker_instance_type": instance_type}
    elif _enabled(distribution, "torch_distributed"):
        return {"sagemaker_torch_distributed_enabled": True, "sagemaker_instance_type": instance_type}
    added = {}
    if "mpi" in distribution:
        added |= _mpi(distribution["mpi"])
    if "smdistributed" in distribution:
        added |= _smdistributed(distribution, instance_type)
    return added


def _mpi(mpi: dict) -> dict:
    added = {"sagemaker_mpi_enabled": mpi.get("enabled", False)}
    if mpi.get("processes_per_host"):
        added["sagemaker_mpi_num_of_processes_per_host"] = mpi["processes_per_host"]
    return {**added, "sagemaker_mpi_custom_mpi_options": mpi.get("custom_mpi_options", "")}


def _smdistributed(distribution: dict, instance_type: str) -> dict:
    from sagemaker.core.fw_utils import get_mp_parameters  # reads and checks modelparallel's parameters

    added = {}
    if parameters := get_mp_parameters(distribution):
        added["mp_parameters"] = parameters
    if "p5.48xlarge" in instance_type:
        raise ValueError(
            f"distribution smdistributed does not run on {instance_type}. Fix: torch_distributed"
        )
    data_parallel = distribution["smdistributed"].get("dataparallel", {})
    added["sagemaker_distributed_dataparallel_enabled"] = data_parallel.get("enabled", False)
    added["sagemaker_instance_type"] = instance_type
    if data_parallel.get("enabled"):
        options = data_parallel.get("custom_mpi_options", "")
        added["sagemaker_distributed_dataparallel_custom_mpi_options"] = options
    return added


def _enabled(distribution: dict, name: str) -> bool:
    return bool(distribution.get(name, {}).get("enabled", False))
