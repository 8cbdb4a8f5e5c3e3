"""The counts of benchmarks/reliability.py, and its page."""

import platform
import time
from pathlib import Path

import inventory

NOTES = (
    "- **run twice**: completed jobs more than an undisturbed lesson has. A job that is to be stopped or to "
    "fail, as in lessons 05 and 14, is started by the second run too.",
    "- **lost**: jobs that a finished lesson should have run and has not, that were there before the kill "
    "and are not after it, or that say for ever that they run.",
    "- **left over**: models, endpoints, configurations, versions, experiments, deployments, buckets, roles "
    "and unfinished uploads more than the undisturbed lesson leaves, which is what its fact box says.",
    "- A lesson that is hit by the kill may stop, with a message that says what to do; then it is run again.",
)
HOWS = ("finished", "failed with a fix", "failed without")


def totals(results: dict) -> list[dict]:
    """The rows of the summary: one for the faults, one for the kills."""
    rows = []
    if "faults" in results:
        runs = list(results["faults"].values())
        rows.append({"what": "one call in twenty failing", **_counts(runs, "run")})
    if "kills" in results:
        runs = list(results["kills"].values())
        rows.append({"what": "pocketaws killed, the run that was hit", **_counts(runs, "first", own=False)})
        rows.append({"what": "and the second run", **_counts(runs, "run")})
    return rows


def _counts(runs: list[dict], run: str, own: bool = True) -> dict:
    hows = {how: sum(row[run]["how"] == how for row in runs) for how in HOWS}
    if not own:
        return {"lessons": len(runs), **hows}
    return {
        "lessons": len(runs), **hows,
        "jobs run twice": sum(sum(row["twice"].values()) for row in runs),
        "jobs lost": sum(len(row.get("lost", [])) + len(row.get("unended", [])) for row in runs),
        "left over": sum(sum(row["left"].values()) for row in runs),
    }  # fmt: skip


def bad(results: dict) -> int:
    """How much went wrong: 1 for each run that failed without a fix, job that was run twice or lost, and
    thing that was left over.
    """
    count = 0
    for row in totals(results):
        count += row["failed without"]
        count += sum(row.get(name, 0) for name in ("jobs run twice", "jobs lost", "left over"))
    return count


def write(results: dict, path: Path, seed: int, one_in: int) -> int:
    """Write the page; return bad()."""
    path.write_text("\n".join(_page(results, seed, one_in)) + "\n", encoding="utf-8")
    return bad(results)


def _page(results: dict, seed: int, one_in: int) -> list[str]:
    lines = [
        "# Reliability", "",
        "Made by `python benchmarks/reliability.py`, which says how. Each lesson runs in a course of its own "
        "three times over: undisturbed, while calls fail, and with a SIGKILL of its pocketaws and once more. "
        f"Seed {seed}; {time.strftime('%Y-%m-%d', time.gmtime())}, CPython {platform.python_version()} on "
        f"{platform.system()}.", "",
    ]  # fmt: skip
    names = ("lessons", *HOWS, "jobs run twice", "jobs lost", "left over")
    lines += _table(("", *names), [[row["what"], *(row.get(name, "") for name in names)]
                                   for row in totals(results)])  # fmt: skip
    lines += ["", *NOTES]
    if "faults" in results:
        lines += ["", "## One call in twenty fails", "", *_faults(results["faults"])]
    if "kills" in results:
        lines += ["", "## Killed at a random moment", "", *_kills(results["kills"])]
    return lines


def _faults(rows: dict) -> list[str]:
    kinds = sorted({kind for row in rows.values() for kind in row["faults"]})
    head = ("lesson", "calls", *kinds, "ended", "jobs run twice", "jobs lost", "left over")
    table = [[lesson, row["calls"], *(row["faults"].get(kind, 0) for kind in kinds), row["run"]["how"],
              _several(row["twice"]), len(row["lost"]), _several(row["left"])]
             for lesson, row in rows.items()]  # fmt: skip
    calls = sum(row["calls"] for row in rows.values())
    sums = [sum(row["faults"].get(kind, 0) for row in rows.values()) for kind in kinds]
    table.append(["together", calls, *sums, "", "", "", ""])
    return _table(head, table)


def _kills(rows: dict) -> list[str]:
    head = ("lesson", "killed after, s", "that run", "its last words", "second run", "jobs ended by it",
            "jobs run twice", "jobs lost", "left over")  # fmt: skip
    return _table(head, [[lesson, row["killed_at_s"], row["first"]["how"], _words(row["first"]["error"]),
                          row["run"]["how"],
                          sum(inventory.KILLED in why for why in row["reasons"].values()),
                          _several(row["twice"]), len(row["lost"]) + len(row["unended"]),
                          _several(row["left"])] for lesson, row in rows.items()])  # fmt: skip


def _several(counts: dict) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "0"


def _words(error: str, most: int = 200) -> str:
    """The fix in a message, or its first line where it has none."""
    lines = [line.strip() for line in error.strip().splitlines()] or [""]
    said = next((line for line in lines if line.startswith("Fix:")), lines[0]).replace("|", "\\|")
    return said if len(said) <= most else said[: most - 1] + "…"


def _table(head: tuple, rows: list) -> list[str]:
    right = [all(isinstance(row[at], int | float | str) and str(row[at]).replace(".", "").isdigit()
                 for row in rows if row[at] != "") for at in range(len(head))]  # fmt: skip
    rule = ["---:" if number else "---" for number in right]
    return ["| " + " | ".join(map(str, row)) + " |" for row in (head, rule, *rows)]
