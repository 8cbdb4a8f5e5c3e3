"""What a process that failed said last: the exception's own line out of its log."""

import re

# The names that AWS's sagemaker-training toolkit (5.1.4, __init__.py) looks for in what a script printed.
ERROR_NAME = re.compile(
    r"Exception|[A-Z]\w*Error|KeyboardInterrupt|SystemExit|Invalid requirement|mpirun\.real|ORTE"
    r"|can't open file|^ERROR: "  # Python without its script, pip
)
TRACEBACK = "Traceback (most recent call last):"


def error_message(tail: list[str]) -> str:
    """The last error in a log's last lines, from the exception's line on; "" if there is none.

    The toolkit starts at the first line that has an error's name in it; starting after the last traceback
    keeps a warning of long ago from taking the place of what ended the script.
    """
    lines = [line.strip() for line in tail]
    if TRACEBACK in lines:
        lines = lines[len(lines) - lines[::-1].index(TRACEBACK) :]
        first = next((i for i, line in enumerate(lines) if re.match(r"[\w.]+(:|$)", line)), None)
        if first is not None and ERROR_NAME.search(lines[first]):
            return "\n".join(dict.fromkeys(lines[first:]))
    starts = [index for index, line in enumerate(lines) if ERROR_NAME.search(line)]
    return "\n".join(dict.fromkeys(lines[starts[0] :])) if starts else ""
