"""Script mode: the SM_* variables and arguments that a training script gets, as AWS's toolkit makes them.

The reference is sagemaker-training 5.1.4, AWS's own toolkit in its framework containers (environment.py,
mapping.py, params.py). tests/test_script_mode.py runs that toolkit and compares every variable.
"""

import json
import multiprocessing
import shutil
import subprocess
from collections.abc import Mapping
from functools import lru_cache

from pocketaws.training.layout import HostFolder

PREFIX = "sagemaker_"  # hyperparameters that begin so are for the container, not for the script
OWN = frozenset(
    {
        "sagemaker_program", "sagemaker_submit_directory", "sagemaker_enable_cloudwatch_metrics",
        "sagemaker_region", "sagemaker_container_log_level", "sagemaker_job_name",
        "default_user_module_name", "_tuning_objective_metric", "sagemaker_s3_output",
    }
)  # fmt: skip
DISTRIBUTED = (
    "sagemaker_mpi_enabled", "sagemaker_parameter_server_enabled",
    "sagemaker_distributed_dataparallel_enabled", "sagemaker_pytorch_ddp_enabled",
    "sagemaker_pytorch_xla_multi_worker_enabled", "sagemaker_multi_worker_mirrored_strategy_enabled",
    "sagemaker_torch_distributed_enabled",
)  # fmt: skip
INFO = 20


def decode(hyperparameters: Mapping) -> dict:
    """Each value as JSON where it is JSON ('"x"', '3', 'true'), as the plain string where it is not.

    SDK 2 sends JSON, SDK 3 sends plain strings; so 3 arrives as the int 3 from both.
    """
    decoded = {}
    for key, value in hyperparameters.items():
        try:
            decoded[key] = json.loads(value)
        except (ValueError, TypeError):
            decoded[key] = value
    return decoded


class ScriptEnvironment:
    """What the toolkit's Environment is, for one host of a job.

    folder          the host's folder          config          resourceconfig.json, inputdataconfig.json
    hyperparameters the strings of the request environment     the job's Environment map and TRAINING_JOB_NAME
    """

    def __init__(
        self,
        folder: HostFolder,
        resource_config: dict,
        input_data_config: dict,
        hyperparameters: Mapping,
        environment: Mapping,
    ):
        values = decode(hyperparameters)
        reserved = {key: value for key, value in values.items() if key in OWN or key.startswith(PREFIX)}
        self.folder = folder
        self.hyperparameters = {key: value for key, value in values.items() if key not in reserved}
        self.framework_parameters = {key: value for key, value in reserved.items() if key not in OWN}
        self.submit_directory = reserved.get("sagemaker_submit_directory")
        program = environment.get("SAGEMAKER_PROGRAM")
        self.entry_point = program or reserved.get("sagemaker_program")
        self._module = program if program is not None else str(reserved.get("sagemaker_program"))
        self._reserved = reserved
        self._environment = environment
        self._resource_config = resource_config
        self._input_data_config = input_data_config

    def arguments(self) -> list[str]:
        """The script's command-line arguments: ["--epochs", "3", "-s", "x"], sorted by name."""
        return command_line(self.hyperparameters)

    def training_env(self) -> dict:
        """What SM_TRAINING_ENV holds and the log shows: every property of the toolkit's Environment."""
        folder, config = self.folder, self._resource_config
        group = config.get("current_group_name", "homogeneousCluster")
        groups = config.get("instance_groups", [])
        distributed = self._distribution_groups(group)
        distribution_hosts = self._distribution_hosts(groups, distributed)
        master = (distribution_hosts or config["hosts"])[0]
        return {
            "additional_framework_parameters": self.framework_parameters,
            "channel_input_dirs": self._channels(),
            "current_host": config["current_host"],
            "current_instance_group": group,
            "current_instance_group_hosts": next(
                (each["hosts"] for each in groups if each["instance_group_name"] == group), []
            ),
            "current_instance_type": config.get("current_instance_type", "local"),
            "distribution_hosts": distribution_hosts,
            "distribution_instance_groups": distributed,
            "framework_module": self._environment.get("SAGEMAKER_TRAINING_MODULE"),
            "hosts": config["hosts"],
            "hyperparameters": self.hyperparameters,
            "input_config_dir": str(folder.config),
            "input_data_config": self._input_data_config,
            "input_dir": str(folder.root / "input"),
            "instance_groups": [each["instance_group_name"] for each in groups],
            "instance_groups_dict": {each["instance_group_name"]: each for each in groups},
            "is_hetero": len(groups) > 1,
            "is_master": config["current_host"] == master,
            "is_modelparallel_enabled": self._model_parallel(),
            "is_smddpmprun_installed": _is_installed("smddpmprun"),
            "is_smddprun_installed": _is_installed("smddprun"),
            "job_name": self._environment.get("TRAINING_JOB_NAME"),
            "log_level": self._reserved.get("sagemaker_container_log_level", INFO),
            "master_hostname": master,
            "model_dir": str(folder.model),
            "module_dir": str(self._reserved.get("sagemaker_submit_directory", folder.code)),
            "module_name": self._module.removesuffix(".py"),
            "network_interface_name": config.get("network_interface_name", "eth0"),
            "num_cpus": multiprocessing.cpu_count(),
            "num_gpus": num_gpus(),
            "num_neurons": num_neurons(),
            "output_data_dir": str(folder.output_data),
            "output_dir": str(folder.output),
            "output_intermediate_dir": str(folder.output / "intermediate"),
            "resource_config": config,
            "topology": config.get("topology", []),
            "user_entry_point": self.entry_point,
        }

    def variables(self) -> dict[str, str]:
        """Every SM_* variable."""
        env = self.training_env()
        plain = (
            "hosts", "network_interface_name", "user_entry_point", "resource_config", "input_data_config",
            "output_data_dir", "current_host", "current_instance_type", "current_instance_group",
            "current_instance_group_hosts", "instance_groups", "instance_groups_dict",
            "distribution_instance_groups", "is_hetero", "module_name", "log_level", "framework_module",
            "input_dir", "input_config_dir", "output_dir", "num_cpus", "num_gpus", "num_neurons", "model_dir",
            "module_dir", "output_intermediate_dir",
        )  # fmt: skip
        named = {key: env[key] for key in plain}
        named.update(
            hps=self.hyperparameters,
            framework_params=self.framework_parameters,
            channels=sorted(self._channels()),
            training_env=env,
            user_args=self.arguments(),
        )
        if env["topology"]:
            named["topology"] = env["topology"]
        named.update({f"channel_{name}": path for name, path in self._channels().items()})
        named.update({f"hp_{key}": value for key, value in self.hyperparameters.items()})
        return {f"SM_{str(key).upper()}": variable(value) for key, value in named.items()}

    def _channels(self) -> dict[str, str]:
        return {name: str(self.folder.data / name) for name in self._input_data_config}

    def _distribution_groups(self, group: str) -> list[str]:
        given = self.framework_parameters.get("sagemaker_distribution_instance_groups")
        if given is not None:
            return given
        return [group] if any(self.framework_parameters.get(key) for key in DISTRIBUTED) else []

    def _distribution_hosts(self, groups: list[dict], distributed: list[str]) -> list[str]:
        if not groups:
            return list(self._resource_config["hosts"])
        chosen = [each["hosts"] for each in groups if each["instance_group_name"] in distributed]
        return [host for hosts in chosen for host in hosts]

    def _model_parallel(self):
        value = self._environment.get("SM_HP_MP_PARAMETERS")
        return value and value != "{}"


def variable(value) -> str:
    """A value as an environment variable: strings as they are, None as nothing, the rest as compact JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def command_line(hyperparameters: Mapping) -> list[str]:
    """Hyperparameters as arguments: one letter gets one dash, a map becomes k=v,k=v, the rest is str()."""
    arguments = []
    for key in sorted(hyperparameters):
        arguments.append("" if not key else f"--{key}" if len(key) > 1 else f"-{key}")
        arguments.append(_argument(hyperparameters[key]))
    return arguments


def _argument(value) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ",".join(f"{key}={value[key]}" for key in sorted(value))
    return str(value)


@lru_cache(maxsize=1)
def num_gpus() -> int:
    """GPUs that nvidia-smi lists on this machine; looked up once."""
    output = _output_of(["nvidia-smi", "--list-gpus"])
    return sum(line.startswith("GPU ") for line in output.split("\n"))


@lru_cache(maxsize=1)
def num_neurons() -> int:
    """Neuron cores that neuron-ls lists on this machine; looked up once."""
    try:
        return sum(item.get("nc_count", 0) for item in json.loads(_output_of(["neuron-ls", "-j"]) or "[]"))
    except ValueError:
        return 0


def _output_of(command: list[str]) -> str:
    if not shutil.which(command[0]):
        return ""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    return done.stdout if done.returncode == 0 else ""


@lru_cache(maxsize=4)
def _is_installed(program: str) -> bool:
    return shutil.which(program) is not None
