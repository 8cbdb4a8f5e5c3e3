"""Which of several processes failed first, and its words: what torchrun and the other ranks say is left out.

When one rank fails, the others lose their connection to it and fail too, within milliseconds, and torchrun
adds a report of its own. torch puts "[rank1]: " in front of an uncaught exception's lines (2.3 and later).
"""

import re
import signal

from pocketaws.processes.last_error import error_message

# What a process says that has lost another one, or was told to end because another one had failed.
LOST = re.compile(
    r"gloo/transport|Connection (closed|reset|refused)|Broken pipe|Socket Timeout|recvValue failed|"
    r"ncclRemoteError|ncclSystemError|remote process exited|DistBackendError|DistStoreError|DistNetworkError|"
    r"Rendezvous\w*Error|SignalException|got signal: 15|ChildFailedError"
)
RANK = re.compile(r"\[rank(\d+)\]: ?")
OF_TORCHRUN = re.compile(r"torch/distributed/(elastic/|run\.py)|torch\.distributed\.elastic\b")
TRACEBACK = "Traceback (most recent call last):"
ROOT_CAUSE = "Root Cause (first observed failure):"


def is_lost_peer(words: str) -> bool:
    """Whether these are the words of a process that failed because another one had failed."""
    return bool(LOST.search(words))


def was_told_to_end(code: int, tail: list[str]) -> bool:
    """Whether a host's command was ended by SIGTERM; torchrun says so and exits with 1."""
    return code in (-signal.SIGTERM, 128 + signal.SIGTERM) or any("got signal: 15" in line for line in tail)


def first_error(tail: list[str]) -> str:
    """The words of the rank that failed by itself, out of one host's log; "" if there are none.

    They are, in this order: a rank's own exception, what a script said that ended itself (sys.exit),
    torchrun's sentence about a process that died without a word, and a rank's lost connection.
    """
    own = _before_torchrun(tail)
    ranks: dict[str, list[str]] = {}
    plain = []
    for line in own:
        mark = RANK.match(line)
        (ranks.setdefault(mark[1], []) if mark else plain).append(line[mark.end() :] if mark else line)
    words = [error_message(lines) for lines in ranks.values()] + [error_message(plain)]
    found = [each for each in words if each]
    good = [each for each in found if not is_lost_peer(each)]
    return next(iter([*good, *_root_cause(tail), *found]), "")


def _before_torchrun(tail: list[str]) -> list[str]:
    """The lines without those of torchrun: its log, its traceback and its report."""
    kept = [line for line in tail if not re.match(r"[WEI]\d{4} .*torch/distributed/", line)]
    end = next((at for at, line in enumerate(kept) if OF_TORCHRUN.search(line)), len(kept))
    starts = [at for at, line in enumerate(kept[:end]) if line.strip() == TRACEBACK]
    return kept[: starts[-1]] if starts and end < len(kept) else kept[:end]


def _root_cause(tail: list[str]) -> list[str]:
    """[torchrun's sentence on the process that died first] if a signal not of torchrun's ended it."""
    if ROOT_CAUSE not in tail:
        return []
    report = tail[len(tail) - tail[::-1].index(ROOT_CAUSE) :]
    facts = dict(fact.groups() for line in report if (fact := re.match(r"\s+(\w+)\s*: (.*)", line)))
    code = facts.get("exitcode", "").partition(" ")[0]
    if not code.startswith("-") or code == "-15":
        return []
    return [f"{facts['traceback']} (rank {facts['rank']})"]
