"""The table of what each action is for: benchmarks/permissions.md, and tuneaws/policies/lessons.json.

Both come from the folder in which permissions.py keeps what it saw.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import permissions_record as record

HEAD = """# The course's permissions, tried one by one

Written by `python benchmarks/permissions.py`; `python code/write_policies.py` writes the policies themselves.
Each lesson ran as a learner on a local AWS that enforces policies and records every call: the generated
policies, less every action that had made no lesson fail yet. Where a lesson failed, the error named the one
action that was missing; that one was put back, and the cell ran again. A second round lacked only what
nobody had asked for in the first: a lesson that may not list buckets asks nothing about one.
"""
POLICIES = {
    "learner": "Learner", "execution_role": "SageMaker execution role", "bedrock_role": "Bedrock role",
}  # fmt: skip
# What became of a removal where no lesson failed, in words.
WENT_ON = "no lesson fails: the code that asks says what it could not see, and goes on"
REASONS = {  # instead of that
    "learner sagemaker:ListNotebookInstances": "no lesson fails: lesson 00 shows how a refusal looks",
    "execution_role logs:PutLogEvents": "no lesson fails: the log stays empty",
    "bedrock_role s3:ListBucket": "no lesson fails: files are read by name; AWS asks for it",
    "execution_role cloudwatch:PutMetricData": "no lesson fails: CloudWatch has no curve of the job",
}


def write(out: Path, home: Path, root: Path) -> None:
    """Write the page and the lessons' table from what was seen."""
    asked, removals = granted(record.load(out / "asked.json", {})), record.load(out / "removals.json", {})
    ran = record.load(out / "lessons.json", {})
    text = page(asked, removals, ran, calls(home))
    (root / "benchmarks" / "permissions.md").write_text(text, encoding="utf-8")
    (root / "code" / "tuneaws" / "policies" / "lessons.json").write_text(table(asked), encoding="utf-8")


def granted(asked: dict) -> dict:
    """What a policy has, of what was asked for: a role that may not be read is taken for one to be mended."""
    return {key: uses for key, uses in asked.items() if key.split(" ")[1] in grants(key.split(" ")[0])}


def calls(home: Path) -> dict:
    """{"all", "learner", "execution_role", "bedrock_role": calls recorded} of a home."""
    found = Counter(record.policy_of(line["principal"]) or "root" for line in record.lines(home))
    return {"all": sum(found.values()), **found}


def table(asked: dict) -> str:
    """lessons.json: {action of the learner: [lesson numbers]}, an action a line."""
    rows = {}
    for key, lessons in asked.items():
        policy, action = key.split(" ")
        if policy == "learner":
            rows[action] = sorted({name[:2] for name in lessons})
    lines = [f"  {json.dumps(action)}: {json.dumps(rows[action])}" for action in sorted(rows)]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def page(asked: dict, removals: dict, ran: dict, counted: dict) -> str:
    """The whole page."""
    rounds = [one["status"] for name in ran for one in ran[name].values()]
    tried = {key: one for key, one in removals.items() if key in asked}
    given = sum(len(grants(which)) for which in POLICIES)
    outcomes = Counter(one["outcome"] for one in tried.values())
    facts = [
        f"- {len(ran)} lessons, {rounds.count('passed')} of {len(rounds)} runs of them went to their end",
        f"- {counted['all']:,} calls recorded: " + ", ".join(
            f"{counted.get(which, 0):,} {word}" for which, word in
            [("learner", "by the learner"), ("execution_role", "as the execution role"),
             ("bedrock_role", "as the Bedrock role"), ("root", "by the set-up, as root")]),
        f"- {given} actions in the three policies, {len(asked)} asked for",
        f"- of these {outcomes['failed']} made a lesson fail when they were missing, and "
        f"{len(asked) - outcomes['failed']} were refused without a lesson failing",
    ]
    parts = [HEAD, "\n".join(facts)]
    for which, title in POLICIES.items():
        parts += [f"## {title}", _table(which, asked, removals)]
    return "\n\n".join(parts) + "\n"


def grants(which: str) -> dict:
    """{action: reason, "" for one that a lesson needs} of a policy, in its own order."""
    from tuneaws import policies
    from tuneaws.policies import executing, learning

    if which == "bedrock_role":
        found = [each for one in policies.bedrock_role("1" * 12, "b")["Statement"] for each in one["Action"]]
        return dict.fromkeys(found, "")
    rows = learning.LEARNER if which == "learner" else executing.EXECUTION
    return {grant.action: grant.why for grant in rows}


def _table(which: str, asked: dict, removals: dict) -> str:
    lines = ["| Action | Lessons that ask for it | Calls | Without it |", "| --- | --- | ---: | --- |"]
    for action, why in grants(which).items():
        uses = asked.get(f"{which} {action}", {})
        numbers = ", ".join(sorted({name[:2] for name in uses})) or "none"
        count = sum(uses.values())
        key = f"{which} {action}"
        became = without(why, uses, removals.get(key), REASONS.get(key, WENT_ON))
        lines.append(f"| {action} | {numbers} | {count:,} | {became} |")
    return "\n".join(lines)


def without(why: str, uses: dict, seen: dict | None, reason: str = WENT_ON) -> str:
    """What happens without an action, in a cell. reason: for one that is refused without a lesson failing."""
    if not uses:
        return f"kept: {why}" if why else "kept: no recorded lesson asked for it"
    if seen is None:
        return "not tried"
    number = seen["lesson"][:2]
    if seen["outcome"] == "failed":
        return f"lesson {number} fails in code cell {seen['cell']}"
    kept = f"; kept: {why}" if why else ""
    return (reason if seen["outcome"] == "went on" else "not refused in this run") + kept
