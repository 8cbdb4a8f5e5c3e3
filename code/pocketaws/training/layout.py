"""A host's folder, laid out as /opt/ml in a container, and the three JSON files that describe the job in it.

docs: "How Amazon SageMaker AI Provides Training Information" (2026-11), sagemaker-training 5.1.4.
"""

import json
import sys
from pathlib import Path

from pocketaws.processes import environment
from pocketaws.training.channels import input_data_config

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
INSTANCE_GROUP = "homogeneousCluster"  # what AWS calls the group of a job that names none
# Hosts of a job reach each other here; a container on AWS has eth0.
LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


class HostFolder:
    """The paths of one host below its root, which stands for /opt/ml. `make` creates them.

    checkpoint_path   CheckpointConfig.LocalPath, if the job has one; `checkpoints` stands for it
    """

    def __init__(self, root: Path, checkpoint_path: str | None = None):
        self.checkpoint_path = checkpoint_path
        self.root = root
        self.config = root / "input" / "config"
        self.data = root / "input" / "data"
        self.model = root / "model"
        self.output = root / "output"
        self.output_data = root / "output" / "data"
        self.failure = root / "output" / "failure"
        self.checkpoints = root / "checkpoints"
        self.code = root / "code"
        # Not AWS's: what pip installs for this job; `python` and `pip` as its shell scripts find them.
        self.packages = root / "pocketaws" / "packages"
        self.bin = root / "pocketaws" / "bin"

    def make(self) -> None:
        """Create the folders. OSError passes through."""
        for path in (
            self.config, self.data, self.model, self.output_data, self.checkpoints, self.code, self.packages,
            self.bin,
        ):  # fmt: skip
            path.mkdir(parents=True, exist_ok=True)

    def redirect(self, text: str) -> str:
        """Put this folder in the place of /opt/ml, which is not there outside a container.

        "/opt/ml/model" and "--dir=/opt/ml" change, "/data/opt/ml" and "/opt/mlx" do not.
        """
        if self.checkpoint_path and self.checkpoint_path in text:
            text = environment.whole_path(self.checkpoint_path).sub(lambda _: str(self.checkpoints), text)
        return environment.redirect(text, self.root)


def host_names(request: dict) -> list[str]:
    """["algo-1", …], one for each instance."""
    return [f"algo-{n}" for n in range(1, request["ResourceConfig"].get("InstanceCount", 1) + 1)]


def resource_config(request: dict, host: str) -> dict:
    """The contents of resourceconfig.json for one host."""
    hosts = host_names(request)
    instance_type = request["ResourceConfig"].get("InstanceType", "local")
    group = {"instance_group_name": INSTANCE_GROUP, "instance_type": instance_type, "hosts": hosts}
    return {
        "current_host": host,
        "current_instance_type": instance_type,
        "current_group_name": INSTANCE_GROUP,
        "hosts": hosts,
        "instance_groups": [group],
        "network_interface_name": LOOPBACK,
    }


def hyperparameters(request: dict, folder: HostFolder) -> dict[str, str]:
    """The contents of hyperparameters.json: strings as they came, with /opt/ml redirected."""
    return {key: folder.redirect(value) for key, value in request.get("HyperParameters", {}).items()}


def write_config(request: dict, folder: HostFolder, host: str) -> None:
    """Write hyperparameters.json, inputdataconfig.json, resourceconfig.json and init-config.json."""
    files = {
        "hyperparameters.json": hyperparameters(request, folder),
        "inputdataconfig.json": input_data_config(request),
        "resourceconfig.json": resource_config(request, host),
        "init-config.json": {
            "inputMode": request["AlgorithmSpecification"].get("TrainingInputMode", "File").upper(),
            "channels": sorted(channel["ChannelName"] for channel in request.get("InputDataConfig", [])),
        },
    }
    for name, contents in files.items():
        (folder.config / name).write_text(json.dumps(contents, indent=2))
