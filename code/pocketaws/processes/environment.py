"""What a container has in its environment, and what stands in for its instance's role and network."""

import os
import re
import sys
from pathlib import Path

from pocketaws.aws_clients import ACCESS_KEY

OPT_ML = "/opt/ml"

# A container on AWS sees nothing of the shell that asked for it. Here it needs PATH, HOME, LD_LIBRARY_PATH
# and the like, and must not see what would change its course: AWS settings, another job's SM_*, Jupyter's
# plotting backend, secrets. What a script needs of these goes into the job's or the model's Environment.
_NOT_INHERITED = re.compile(
    r"^(AWS_|SM_|SAGEMAKER_|TRAINING_JOB_|JPY_|PIP_TARGET|PIP_PREFIX|HF_|HUGGINGFACE_|TRANSFORMERS_|"
    r"MPLBACKEND$|PYTHONSTARTUP$|PYTHONHOME$|RANK$|LOCAL_RANK$|WORLD_SIZE$|MASTER_ADDR$|MASTER_PORT$)"
    r"|TOKEN(?!IZER)|SECRET|PASSWORD|API_KEY|CREDENTIAL"
)
CODE = Path(__file__).resolve().parents[2]  # pocketaws's own place on PYTHONPATH, not a container's


def inherited() -> dict[str, str]:
    """What a container takes over from the server's environment."""
    return {name: value for name, value in os.environ.items() if not _NOT_INHERITED.search(name)}


def whole_path(path: str) -> re.Pattern:
    """A path as a whole or as the beginning of one, not in the middle of another path."""
    return re.compile(rf"(?<![\w./-]){re.escape(path)}(?![\w.-])")


_OPT_ML = whole_path(OPT_ML)


def redirect(text: str, folder: Path) -> str:
    """Put a folder in the place of /opt/ml, which is not there outside a container.

    "/opt/ml/model" and "--dir=/opt/ml" change, "/data/opt/ml" and "/opt/mlx" do not.
    """
    return _OPT_ML.sub(lambda _: str(folder), text)


def instance(region: str, endpoint_url: str, hub: Path, access_key: str = ACCESS_KEY) -> dict[str, str]:
    """What every container has: region, credentials, the local AWS, the Hugging Face cache, offline.

    hub          the cache that stands in for the model hub
    access_key   what its calls are signed with: it stands for the role of the job or model
    """
    return {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": access_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_CACHE": str(hub),
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        # Threads of OpenMP that wait sleep instead of spin. Several containers share this machine's cores,
        # and spinning waits for a core that another one holds: with six busy programs on two cores an answer
        # of 30 tokens took 0.23 to 3.4 s so, and 0.06 to 0.10 s with this.
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
    }


def python_path(first: list[str], given: str = "") -> str:
    """A container's PYTHONPATH: its own folders, what it is given, the server's without pocketaws."""
    paths = list(first)
    for value in (given, os.environ.get("PYTHONPATH", "")):
        paths += [path for path in value.split(os.pathsep) if path and Path(path).resolve() != CODE]
    return os.pathsep.join(dict.fromkeys(paths))


def program_path(folder: Path, python: str, given: str = "") -> str:
    """A container's PATH: the launchers' folder, the interpreter's, what is given or else the server's."""
    path = given or os.environ.get("PATH", os.defpath)
    return os.pathsep.join([str(folder), str(Path(python).parent), path])


def write_launchers(folder: Path, python: str = sys.executable) -> None:
    """Write `python` and `pip` for shell scripts into folder: this interpreter, under every usual name."""
    pip = f'"{python}" "{Path(__file__).with_name("requirements_check.py")}" --pip'
    for name, command in {"python": f'"{python}"', "python3": f'"{python}"', "pip": pip, "pip3": pip}.items():
        file = folder / name
        file.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        file.chmod(0o755)
