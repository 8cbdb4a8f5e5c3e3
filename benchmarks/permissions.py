"""Is every action of the policies needed? Take one away at a time, and see a lesson fail.

    python benchmarks/permissions.py                      all of it, on a home of its own: about 25 minutes
    python benchmarks/permissions.py --minutes 10         stop then; the next run goes on from there
    python benchmarks/permissions.py --write              only write permissions.md from what was seen

1. Each lesson runs as the learner of code/course_learner.py: the generated policies, enforced. The record
   says which actions it asked for, and when.
2. Each action that a lesson asked for is taken out of its policy, and the lesson that asks for it soonest
   runs again on the same home, until it fails. Where nothing fails, the table says why.
What was seen is kept in build/permissions/. Writes benchmarks/permissions.md, tuneaws/policies/lessons.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "code"), str(ROOT / "benchmarks")]

import permissions_record as record  # noqa: E402

GIVEN = {"04_huggingface_estimator": {"MAX_STEPS": 60}}  # of 200: its calls are tried, not its loss
SLACK_S = 40  # a lesson that has not asked for the action so much after it did before will not
TRIES = 2  # lessons to try for one action


class Account:
    """The learner's account on one local AWS, whose policies can be taken apart."""

    def __init__(self, home: Path):
        import course_learner
        import tuneaws.session
        from tuneaws import config

        self.cfg, self.session = config.load(), tuneaws.session.connect(where="local", home=home)
        self.iam, self.enforce = self.session.client("iam"), course_learner.enforce
        users = {user["UserName"]: user["Arn"] for user in self.iam.list_users()["Users"]}
        if course_learner.USER in users:
            self.variables = self._new_key(course_learner.USER)
        else:
            self.variables = course_learner.set_up(self.session, self.cfg)
        self.arn = self.iam.get_user(UserName=course_learner.USER)["User"]["Arn"]
        place = self.session.account, self.session.region
        self.documents = course_learner.generated(*place, self.arn, self.cfg)
        self.put(self.documents)
        self.enforce(self.session.url, True)

    def _new_key(self, user: str) -> dict:
        for old in self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
            self.iam.delete_access_key(UserName=user, AccessKeyId=old["AccessKeyId"])
        key = self.iam.create_access_key(UserName=user)["AccessKey"]
        return {"AWS_ENDPOINT_URL": self.session.url, "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def put(self, documents: dict) -> None:
        """Have the three policies say this from now on."""
        import course_learner
        from tuneaws import policies, roles
        from tuneaws.bedrock_jobs import role as bedrock_role

        for number, part in enumerate(policies.split(documents["learner"]), 1):
            arn = f"arn:aws:iam::{self.session.account}:policy/{course_learner.POLICY}-{number}"
            old = self.iam.list_policy_versions(PolicyArn=arn)["Versions"]
            self.iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(part), SetAsDefault=True)
            for version in old:  # a policy has five at most
                self.iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
        own = {"execution_role": (roles.ROLE_NAME, roles.POLICY_NAME),
               "bedrock_role": (bedrock_role.ROLE_NAME, bedrock_role.POLICY_NAME)}
        for which, names in own.items():
            roles.ensure_policy(self.iam, *names, documents[which])

    def without(self, policy: str, action: str) -> dict:
        """The documents, less one action of one policy."""
        made = json.loads(json.dumps(self.documents))
        kept = []
        for statement in made[policy]["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            statement["Action"] = [each for each in actions if each != action]
            kept += [statement] if statement["Action"] else []
        made[policy]["Statement"] = kept
        return made


def record_lessons(account: Account, out: Path, deadline: float) -> None:
    """Run each lesson that did not pass yet, in order; note when it began and how it ended."""
    import lesson_files
    import run_course

    seen = record.load(out / "lessons.json", {})
    lessons = lesson_files.find_lessons(ROOT / "notebooks")
    chosen = lesson_files.parameters_for(lessons, None)
    for path in lessons:
        name = path.stem
        if seen.get(name, {}).get("status") == "passed" or time.monotonic() > deadline:
            continue
        began = record.stamp()
        given = {**chosen[path], **GIVEN.get(name, {})}
        result = run_course.run_lesson(path, given, out, 1800, account.variables)
        seen[name] = {"began": began, "ended": record.stamp(), "status": result.status,
                      "seconds": round(result.seconds, 1), "error": result.error[:300]}  # fmt: skip
        record.save(out / "lessons.json", seen)
        print(f"{name:32} {result.status:8} {result.seconds:6.1f} s", flush=True)


def remove(account: Account, out: Path, deadline: float) -> None:
    """Take away each action that a lesson asked for, one at a time."""
    removals = record.load(out / "removals.json", {})
    asked = record.load(out / "asked.json", {})
    for key, lessons in sorted(asked.items(), key=lambda row: min(use["after_s"] for use in row[1].values())):
        policy, action = key.split(" ")
        if key in removals or time.monotonic() > deadline:
            continue
        removals[key] = try_without(account, out, policy, action, lessons)
        record.save(out / "removals.json", removals)
        seen = removals[key]
        print(f"{key:64} {seen['outcome']:9} {seen['lesson'][:2]} {seen['seconds']:6.1f} s", flush=True)
    account.put(account.documents)


def try_without(account: Account, out: Path, policy: str, action: str, lessons: dict) -> dict:
    """Run the lessons that asked for the action soonest, without it; what became of the first that noticed.

    lessons   {name: {"after_s": seconds from its start to the first such call}}
    outcome   "failed": the lesson failed at the refusal; "went on": it was refused and passed, or ran on;
              "unasked": it did not ask again
    """
    import lesson_files
    import run_course

    account.put(account.without(policy, action))
    found = {"outcome": "unasked", "lesson": "", "error": "", "seconds": 0.0}
    for name in sorted(lessons, key=lambda name: lessons[name]["after_s"])[:TRIES]:
        path = ROOT / "notebooks" / f"{name}.ipynb"
        given = {**lesson_files.parameters_for([path], None)[path], **GIVEN.get(name, {})}
        began, limit_s = record.stamp(), 2 * lessons[name]["after_s"] + SLACK_S
        result = run_course.run_lesson(path, given, out / "removed", limit_s, account.variables)
        refused = record.refused(account.session.home / "calls.jsonl", began, action)
        found = {"outcome": "unasked", "lesson": name, "error": "", "seconds": round(result.seconds, 1),
                 "calls_refused": refused}  # fmt: skip
        if refused:
            found["outcome"] = "failed" if result.status == "failed" else "went on"
            found["error"] = result.error.strip().splitlines()[-1][:200] if result.error.strip() else ""
            return found
    return found


def main(arguments: list[str] | None = None) -> int:
    """Record, remove and write, as far as the time goes; returns the exit code."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--minutes", type=float, default=90, help="begin nothing new after so many")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "permissions", help="what was seen")
    parser.add_argument("--write", action="store_true", help="only write the page from what was seen")
    args = parser.parse_args(arguments)
    import tuneaws.session

    out, deadline = args.out.resolve(), time.monotonic() + 60 * args.minutes
    (out / "removed").mkdir(parents=True, exist_ok=True)
    home = out / "home"
    if not args.write:
        try:
            account = Account(home)
            record_lessons(account, out, deadline)
            ran = record.load(out / "lessons.json", {})
            record.save(out / "asked.json", record.asked(home, ran))
            remove(account, out, deadline)
        finally:
            tuneaws.session.stop_local(home)
    import permissions_page

    permissions_page.write(out, home, ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
