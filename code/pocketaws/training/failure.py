"""Why a job failed, in AWS's form: the exception that carries it, and the text of FailureReason."""

import signal

from pocketaws.processes.last_error import error_message
from pocketaws.training.rank_errors import first_error

MAX_REASON = 1024  # characters, botocore's FailureReason shape


class JobFailure(Exception):
    """The job has failed; the text becomes FailureReason.

    lost_peer   True where a host failed only because another one had failed
    """

    lost_peer = False


class JobStopped(Exception):
    """Somebody asked to stop the job while its data was still on the way."""


def client_error(text: str) -> JobFailure:
    """A failure that the request or its data caused, as AWS marks it."""
    return JobFailure(cut(f"ClientError: {text}"))


def algorithm_error(text: str, exit_code: int | None = None) -> JobFailure:
    """A failure of the script: AWS puts AlgorithmError in front and the container's exit code behind."""
    tail = "" if exit_code is None else f", exit code: {exit_code}"
    return JobFailure(cut(f"AlgorithmError: {text}", MAX_REASON - len(tail)) + tail)


def script_error(kind: str, code: int, command: list[str], tail: list[str], oom: bool = False) -> str:
    """What the toolkit writes when a command ended with a code other than 0 (errors.py, _CalledProcessError).

    kind   "ExecuteUserScriptError", "InstallRequirementsError" or "InstallModuleError"
    code   exit code; below 0 the signal that ended it      tail   last lines of the log
    """
    extra = ""
    if code < 0 or oom or code == 128 + signal.SIGKILL:
        number = -code if code < 0 else code - 128
        text = f"Process killed by {_signal_name(number)} (signal {number})"
        extra = f'ExtraInfo "{"OutOfMemory: " if oom else ""}{text}"\n'
    words = first_error(tail) if command[0] == "torchrun" else error_message(tail)
    head = f'{kind}:\nExitCode {code}\nErrorMessage "'
    foot = f'"\n{extra}Command "{" ".join(command)}"'
    foot = cut(foot, 400 + len(extra))
    room = MAX_REASON - len("AlgorithmError: ") - len(head) - len(foot) - len(", exit code: 999")
    return head + cut(words, room) + foot


def os_error(doing: str, err: OSError) -> JobFailure:
    """A disk that is full, a folder that cannot be written: said with the path and what to do."""
    fix = {
        28: "Free some disk space, or start pocketaws with --home on a larger disk.",
        30: "Start pocketaws with --home in a folder that can be written.",
        13: "Start pocketaws with --home in a folder that can be written.",
    }.get(err.errno, "")
    where = f" ({err.filename})" if err.filename else ""
    return client_error(f"{doing}: {err.strerror or err}{where}. {fix}".rstrip())


def cut(text: str, length: int = MAX_REASON) -> str:
    """Text of at most so many characters."""
    return text if len(text) <= length else text[: max(0, length - 1)] + "…"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
