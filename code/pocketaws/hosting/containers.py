"""What runs in a container: its folder, its environment, and the command of the server in it."""

import os
from pathlib import Path

from pocketaws.hosting import images
from pocketaws.hosting.spec import VariantSpec
from pocketaws.iam.identity import role_key
from pocketaws.processes import environment, requirements_check

HERE = Path(__file__).resolve().parent
PROGRAMS = {
    images.TOOLKIT: "model_server.py",
    images.PYTORCH: "model_server.py",
    images.LLM: "llm_server.py",
}


class ContainerFolder:
    """The paths of one container below its root, which stands for /opt/ml. `make` creates them."""

    def __init__(self, root: Path):
        self.root = root
        self.model = root / "model"
        self.code = self.model / "code"
        # Not AWS's: what pip installs for this container; `python` and `pip` as its scripts find them.
        self.packages = root / "pocketaws" / "packages"
        self.bin = root / "pocketaws" / "bin"

    def make(self) -> None:
        """Create the folders. OSError passes through."""
        for path in (self.model, self.packages, self.bin):
            path.mkdir(parents=True, exist_ok=True)


def variables(folder: ContainerFolder, variant: VariantSpec, settings, region: str, sharing: int) -> dict:
    """The environment of a container's process.

    settings   a HostingSettings (engine.py)     sharing   how many containers of its variant share the cores
    """
    container = variant.container
    given = {name: environment.redirect(value, folder.root) for name, value in container.environment.items()}
    kind = images.family(container.image)
    env = {
        **environment.inherited(),
        **environment.instance(region, settings.endpoint_url, settings.hub, role_key(container.role)),
        "SAGEMAKER_REGION": region,
        "SAGEMAKER_BASE_DIR": str(folder.root),
        "SM_MODEL_DIR": str(folder.model),
        "POCKETAWS_IMAGE_FAMILY": kind,
        "POCKETAWS_PACKAGES": str(folder.packages),
    }
    if sharing > 1:
        env["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // sharing))
    env.update(given)
    paths = [str(folder.code), str(folder.packages)]
    env["PYTHONPATH"] = environment.python_path(paths, given.get("PYTHONPATH", ""))
    if kind == images.LLM:  # its server is pocketaws's own, and no code of the user runs in it
        env["PYTHONPATH"] = os.pathsep.join([str(environment.CODE), env["PYTHONPATH"]])
    env["PATH"] = environment.program_path(folder.bin, settings.python, given.get("PATH", ""))
    environment.write_launchers(folder.bin, settings.python)
    return env


def install(folder: ContainerFolder, variant: VariantSpec, python: str) -> tuple[list[str] | None, str]:
    """The command that installs code/requirements.txt, None when there is nothing to do, and what to say.

    The toolkits install it before they start (sagemaker_inference.model_server); AWS's LLM images do not.
    """
    path = folder.code / "requirements.txt"
    if images.family(variant.container.image) == images.LLM or not path.is_file():
        return None, ""
    try:
        requirements, _ = requirements_check.read(path)
        missing = requirements_check.missing(requirements)
    except (OSError, ValueError) as err:
        requirements, missing = [], [str(err)]  # pip has its own words for it
    if not missing:
        return None, requirements_check.satisfied_line(path, len(requirements)) + "\n"
    argv = [python, requirements_check.__file__, "--file", str(path), "--target", str(folder.packages)]
    return argv, "installing packages from requirements.txt...\n"


def command(folder: ContainerFolder, variant: VariantSpec, python: str) -> list[str]:
    """The command of the server that stands in for the variant's image."""
    program = HERE / PROGRAMS[images.family(variant.container.image)]
    return [python, str(program), "--folder", str(folder.root), "--image", variant.container.image]
