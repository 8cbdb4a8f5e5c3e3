"""Searches log lines with a job's regexes; a process of its own, because a regex can run for ever.

Started as `python -I -S metric_scanner.py`. Standard input: first a JSON list of patterns, then a JSON list
of lines for each batch. Standard output: for each batch, a JSON line for each pattern, in order:
[[index of the line, text of the match's first group], …]. It ends itself when one pattern takes longer than
6 s over one batch, and when the server dies: `re` looks at no signal while it searches, the kernel does.
"""

import ctypes
import json
import re
import signal
import sys

MAX_LINE = 64 * 1024  # characters of a line that are searched
GIVE_UP_S = 6  # over ANSWER_WITHIN_S in metrics.py, which kills it first
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def search(pattern: re.Pattern, lines: list[str]) -> list[tuple[int, str]]:
    """The first match of a pattern in each line: its first group, or all of it when it has no group."""
    found = []
    for index, line in enumerate(lines):
        match = pattern.search(line, 0, MAX_LINE)
        if match:
            value = match.group(1) if pattern.groups else match.group()
            if value is not None:
                found.append((index, value))
    return found


def main() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    patterns = [re.compile(text) for text in json.loads(sys.stdin.readline())]
    for batch in sys.stdin:
        lines = json.loads(batch)
        for pattern in patterns:
            signal.alarm(GIVE_UP_S)
            print(json.dumps(search(pattern, lines)), flush=True)
        signal.alarm(0)


if __name__ == "__main__":
    main()
