"""The commands that a host of a job runs, in order: installs, then the script or SDK 3's drivers."""

import json
import time
from dataclasses import dataclass

from pocketaws.processes import environment, requirements_check
from pocketaws.training import source_code, torchrun
from pocketaws.training.channels import input_data_config
from pocketaws.training.drivers import DRIVERS, Drivers, requirements_variable
from pocketaws.training.failure import algorithm_error
from pocketaws.training.job_environment import container, search_paths
from pocketaws.training.layout import HostFolder, hyperparameters, resource_config
from pocketaws.training.script_mode import ScriptEnvironment

SCRIPT, REQUIREMENTS, MODULE, CONTAINER = (
    "ExecuteUserScriptError", "InstallRequirementsError", "InstallModuleError", "container",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One command. kind is the toolkit's name for its failure; say goes to the log in front of its output."""

    kind: str
    argv: list[str]
    cwd: str
    env: dict[str, str]
    say: str = ""


def base_environment(job, settings, folder: HostFolder, host: str, hosts: int) -> dict[str, str]:
    """Everything but the SM_* variables: inherited, the container's, the job's own."""
    given = {name: folder.redirect(value) for name, value in job.request.get("Environment", {}).items()}
    env = {
        **environment.inherited(),
        **container(job, folder, host, hosts, settings.endpoint_url, settings.hub),
        **requirements_variable(folder),
        **given,
    }
    is_script = not job.request["AlgorithmSpecification"].get("ContainerEntrypoint")
    code = folder.code if is_script else folder.data / "code"
    search_paths(env, given, folder, settings.python, code)
    environment.write_launchers(folder.bin, settings.python)
    torchrun.write_launcher(folder.bin, settings.python)
    return env


def script_environment(job, folder: HostFolder, host: str, env: dict) -> ScriptEnvironment:
    """The script-mode environment of one host."""
    request = job.request
    given = hyperparameters(request, folder)
    return ScriptEnvironment(folder, resource_config(request, host), input_data_config(request), given, env)


def source_uri(script: ScriptEnvironment) -> str | None:
    """Where the source directory is: s3://… or a path in the job; None: the job brings none.

    Only the hyperparameter counts. The toolkit reads the variable SAGEMAKER_SUBMIT_DIRECTORY too, and then
    puts the hyperparameter or /opt/ml/code in its place (environment.py, Environment.__init__).
    """
    return str(script.submit_directory) if script.submit_directory else None


def script_steps(script: ScriptEnvironment, env: dict, python: str, master_port: int) -> list[Step]:
    """Steps of a script-mode job whose source directory lies in folder.code.

    master_port   where the processes of the job's hosts meet
    """
    folder, entry_point = script.folder, script.entry_point
    if not isinstance(entry_point, str):
        raise algorithm_error(f"sagemaker_program is {entry_point!r}, not the name of a script", exit_code=1)
    source_code.check_entry_point(entry_point)
    variables = script.variables()
    wrong = [name for name in variables if "=" in name or "\0" in name or "\0" in variables[name]]
    if wrong:
        name = wrong[0].removeprefix("SM_HP_")
        raise algorithm_error(f"hyperparameter {name!r} cannot become an environment variable", exit_code=1)
    cwd = str(folder.code)
    env = {**env, **variables, **torchrun.meeting_place(script, master_port)}
    if torchrun.is_wanted(script):
        argv = torchrun.command(script)
        env.update(torchrun.variables(script))
    else:
        argv = source_code.command(folder.code, entry_point, script.arguments(), python)
    steps, said = _installs(folder, entry_point, env, python)
    return [*steps, Step(SCRIPT, argv, cwd, env, said + header(script, argv))]


def _installs(folder: HostFolder, entry_point: str, env: dict, python: str) -> tuple[list[Step], str]:
    """Install steps, and what to say when nothing needs to be installed."""
    steps, said = [], ""
    cwd = str(folder.code)
    path = folder.code / "requirements.txt"
    if path.is_file() and not entry_point.endswith(".sh"):
        try:
            requirements, _ = requirements_check.read(path)
            missing = requirements_check.missing(requirements)
        except (OSError, ValueError) as err:
            requirements, missing = [], [str(err)]  # pip has its own words for it
        if missing:
            argv = [python, requirements_check.__file__, "--file", "requirements.txt"]
            argv += ["--target", str(folder.packages)]
            said_first = info("Installing dependencies from requirements.txt")
            steps.append(Step(REQUIREMENTS, argv, cwd, env, said_first))
        else:
            said = info(requirements_check.satisfied_line(path, len(requirements)))
    if source_code.is_package(folder.code, entry_point):
        argv = [python, "-m", "pip", "install", "--no-deps", "--disable-pip-version-check", "--no-input"]
        argv += ["--target", str(folder.packages), "."]
        steps.append(Step(MODULE, argv, cwd, env, info("Installing module.")))
    return steps, said


def container_steps(drivers: Drivers, folder: HostFolder, env: dict) -> list[Step]:
    """The one step of a job with an entry point of its own."""
    moved = {name: value.replace(str(folder.root), str(drivers.root.root)) for name, value in env.items()}
    cwd = folder.code if not (folder.data / DRIVERS).is_dir() else folder.data / "code"
    return [Step(CONTAINER, drivers.argv, str(cwd if cwd.is_dir() else folder.root), moved)]


def header(script: ScriptEnvironment, argv: list[str]) -> str:
    """The log's first lines, as the toolkit writes them (logging_config.py)."""
    env = json.dumps(script.training_env(), indent=4)
    command = " ".join(argv)
    invoking = f"Invoking script with the following command:\n\n{command}\n"
    return info(f"Invoking user script\n\nTraining Env:\n\n{env}\n\n{invoking}")


def info(text: str, level: str = "INFO") -> str:
    """A line of the toolkit's logger."""
    now = time.time()
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)) + f",{int(now * 1000) % 1000:03d}"
    return f"{moment} sagemaker-training-toolkit {level:8} {text}\n"
