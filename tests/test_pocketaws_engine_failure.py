"""FailureReason: the script's own error, in the toolkit's form, within AWS's 1,024 characters."""

import errno
import json
import subprocess

import pytest
from environments import python_of
from pocketaws.processes.last_error import error_message
from pocketaws.training.failure import (
    MAX_REASON,
    algorithm_error,
    client_error,
    os_error,
    script_error,
)

COMMAND = ["/usr/bin/python", "--", "train.py", "--rate", "0.1"]
TRACEBACK = [
    "step 1",
    "Traceback (most recent call last):",
    '  File "train.py", line 3, in <module>',
    "    f()",
    '  File "train.py", line 2, in f',
    '    raise ValueError("rate is -1")',
    "ValueError: rate is -1",
]


def test_the_form_is_that_of_awss_toolkit():
    """The toolkit's own exceptions, printed by itself, against ours."""
    code = """
import json
from sagemaker_training.errors import ExecuteUserScriptError, InstallRequirementsError
command = "/usr/bin/python -- train.py --rate 0.1"
plain = ExecuteUserScriptError(cmd=command, return_code=1, output="ValueError: rate is -1")
out_of_memory = ExecuteUserScriptError(
    cmd=command, return_code=137, output="", info="OutOfMemory: Process killed by SIGKILL (signal 9)")
install = InstallRequirementsError(cmd=command, return_code=1, output="ERROR: No matching distribution")
print(json.dumps([str(error) for error in (plain, out_of_memory, install)]))
"""
    done = subprocess.run([python_of("toolkit"), "-c", code], capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    ours = [
        script_error("ExecuteUserScriptError", 1, COMMAND, TRACEBACK),
        script_error("ExecuteUserScriptError", 137, COMMAND, [], oom=True),
        script_error(
            "InstallRequirementsError", 1, COMMAND, ["Collecting x", "ERROR: No matching distribution"]
        ),
    ]
    assert ours == theirs


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        (TRACEBACK, "ValueError: rate is -1"),
        ([*TRACEBACK, "", "During handling of the above exception, another exception occurred:", "",
          "Traceback (most recent call last):", '  File "x.py", line 1',
          "torch.cuda.OutOfMemoryError: CUDA: 2 GiB"],
         "torch.cuda.OutOfMemoryError: CUDA: 2 GiB"),
        (["UserWarning: an old Exception", *TRACEBACK, "a thread said bye"],
         "ValueError: rate is -1\na thread said bye"),
        (['  File "train.py", line 1', "    x = = 1", "        ^", "SyntaxError: invalid syntax"],
         "SyntaxError: invalid syntax"),
        ([*TRACEBACK[:-1], "my.module.RateTooLow", "  with a second line"],
         'raise ValueError("rate is -1")\n'
         "my.module.RateTooLow\nwith a second line"),
        (["all is well", "bye"], ""),
        ([], ""),
    ],
)  # fmt: skip
def test_the_last_error_of_the_output_is_found(tail, message):
    assert error_message(tail) == message


def test_a_long_error_and_a_long_command_still_fit_and_both_are_there():
    tail = [*TRACEBACK[:-1], "ValueError: " + "very " * 900 + "long"]
    text = script_error("ExecuteUserScriptError", -9, [*COMMAND, "--data", "d" * 3000], tail, oom=True)
    reason = str(algorithm_error(text, 1))
    assert len(reason) <= MAX_REASON
    assert reason.startswith(
        'AlgorithmError: ExecuteUserScriptError:\nExitCode -9\nErrorMessage "ValueError: very'
    )
    assert 'ExtraInfo "OutOfMemory: Process killed by SIGKILL (signal 9)"' in reason
    assert 'Command "/usr/bin/python -- train.py' in reason and reason.endswith(", exit code: 1")


def test_a_client_error_fits_too():
    assert len(str(client_error("x" * 5000))) == MAX_REASON


def test_a_full_disk_says_what_to_do():
    text = str(
        os_error("Artifact upload failed", OSError(errno.ENOSPC, "No space left on device", "/home/x"))
    )
    assert text == (
        "ClientError: Artifact upload failed: No space left on device (/home/x). Free some disk space, or"
        " start pocketaws with --home on a larger disk."
    )
