"""Jobs of SDK 3's ModelTrainer: channels `code` and `sm_drivers`, and an entry point with /opt/ml in it.

ModelTrainer (sagemaker.train 3.12 and 3.27) uploads its drivers as a channel and runs
`/bin/bash -c "chmod +x /opt/ml/input/data/sm_drivers/sm_train.sh && …"`. /opt/ml is not there outside a
container, so the copies in the job's folder get that folder's path instead, as do the command's arguments.
The user's own code is left as it is: it reads SM_* variables.
"""

import os
import re
import shutil
import socket
import tempfile
from pathlib import Path

from pocketaws.processes import requirements_check
from pocketaws.processes.environment import OPT_ML
from pocketaws.training.failure import algorithm_error
from pocketaws.training.layout import HostFolder

DRIVERS = "sm_drivers"
SHELLS_AND_PYTHON = re.compile(r"(/(usr/)?bin/)?(env|bash|sh|python3?(\.\d+)?)")
PLAIN_PATH = re.compile(r"[\w./-]+")  # a path that needs no quotes in a shell: the drivers use none
_REQUIREMENTS = '''\
"""pocketaws put this in the place of SDK 3's script of this name: packages go into the job's folder."""
import os, subprocess, sys
program = {program!r}
command = [sys.executable, program, "--file", sys.argv[1], "--target", os.environ["POCKETAWS_PACKAGES"]]
sys.exit(subprocess.run(command).returncode)
'''


def command(request: dict) -> list[str] | None:
    """ContainerEntrypoint and ContainerArguments, None when the request has no entry point of its own.

    Raises JobFailure when they name a program that only a container image could have.
    """
    algorithm = request["AlgorithmSpecification"]
    entrypoint = algorithm.get("ContainerEntrypoint")
    if not entrypoint:
        return None
    argv = [*entrypoint, *algorithm.get("ContainerArguments", [])]
    if not SHELLS_AND_PYTHON.fullmatch(argv[0]) or not any(f"{OPT_ML}/input/data/" in word for word in argv):
        image = algorithm.get("TrainingImage", algorithm.get("AlgorithmName"))
        raise algorithm_error(
            f"pocketaws runs no containers, so ContainerEntrypoint {argv} of image {image} cannot run here."
            " What runs here: bash, sh or python with a script that a channel brings (below"
            " /opt/ml/input/data/), and script mode (hyperparameter sagemaker_program)."
        )
    return argv


class Drivers:
    """A host's drivers, ready to run. `close` removes the link that stands in for an awkward path."""

    def __init__(self, folder: HostFolder, argv: list[str], hosts: int, master_port: int):
        self._link: Path | None = None
        self.root = folder if PLAIN_PATH.fullmatch(str(folder.root)) else self._short(folder)
        self.argv = [self.root.redirect(word) for word in argv]
        drivers = folder.data / DRIVERS
        if drivers.is_dir():
            self._rewrite(drivers, hosts, master_port)

    def _short(self, folder: HostFolder) -> HostFolder:
        self._link = Path(tempfile.mkdtemp(prefix="pocketaws-")) / "ml"
        self._link.symlink_to(folder.root)
        return HostFolder(self._link)

    def _rewrite(self, drivers: Path, hosts: int, master_port: int) -> None:
        for path in sorted(drivers.rglob("*")):
            if not path.is_file():
                continue
            try:
                text = path.read_bytes().decode()
            except UnicodeDecodeError:
                continue  # not a script
            changed = self.root.redirect(text)
            if hosts > 1 and path.name == "environment.py":
                # The hosts share this machine, where algo-1 resolves to nothing, and so do other jobs.
                changed = changed.replace('SM_MASTER_ADDR = "algo-1"', 'SM_MASTER_ADDR = "127.0.0.1"')
                changed = changed.replace("SM_MASTER_PORT = 7777", f"SM_MASTER_PORT = {master_port}")
            if path.name == "install_requirements.py":
                changed = _REQUIREMENTS.format(program=requirements_check.__file__)
            if changed != text:
                path.write_bytes(changed.encode())
        _refuse_mpi(drivers)

    def close(self) -> None:
        """Remove the link, if there is one."""
        if self._link:
            shutil.rmtree(self._link.parent, ignore_errors=True)


def _refuse_mpi(drivers: Path) -> None:
    """SDK 3's MPI driver starts sshd and appends to /etc/environment: right in a container, wrong here."""
    script = drivers / "sm_train.sh"
    if script.is_file() and "mpi_driver.py" in script.read_text(errors="replace"):
        raise algorithm_error(
            "pocketaws does not run MPI jobs: their driver starts an SSH server and writes to"
            " /etc/environment, which belongs in a container. Use Torchrun, or no distribution."
        )


def free_port() -> int:
    """A port on 127.0.0.1 that nobody uses now, for a job whose hosts meet there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def requirements_variable(folder: HostFolder) -> dict[str, str]:
    """Where the scripts' pip installs to."""
    return {"POCKETAWS_PACKAGES": os.fspath(folder.packages)}
