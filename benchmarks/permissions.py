"""Is every action of the policies needed? Take it away, and see a lesson fail.

    python benchmarks/permissions.py                      all of it, on a home of its own: about 25 minutes
    python benchmarks/permissions.py --minutes 10         stop then; the next run goes on from there
    python benchmarks/permissions.py --write              only write permissions.md from what was seen

Each lesson runs as the learner of code/course_learner.py on one fresh local AWS that enforces policies: the
generated ones, less every action that has made no lesson fail yet. Where it fails, IAM's message names the
one action that it lacks: that one is put back, the cell runs again, and so on. So each action that a lesson
cannot do without fails one, by itself. What one refusal keeps from being asked for is tried in a second
round: there only what nobody asked for is missing. What is refused without a lesson failing, or never asked
for, has its reason in the table. That the whole policies are enough is tested by tests/test_lessons.py.
What was seen is kept in build/permissions/. Writes benchmarks/permissions.md, tuneaws/policies/lessons.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "code"), str(ROOT / "benchmarks")]

import permissions_record as record  # noqa: E402
import permissions_removal  # noqa: E402

# IAM takes no policy without a statement.
NOTHING = {"Effect": "Deny", "Action": ["sts:GetFederationToken"], "Resource": "*"}
GIVEN = {"04_huggingface_estimator": {"MAX_STEPS": 60}}  # of 200: its calls are tried, not its loss


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

        attached = self.iam.list_attached_user_policies(UserName=course_learner.USER)["AttachedPolicies"]
        parts = policies.split(documents["learner"])
        parts += [{"Version": "2012-10-17", "Statement": [NOTHING]}] * (len(attached) - len(parts))
        for number, part in enumerate(parts, 1):
            arn = f"arn:aws:iam::{self.session.account}:policy/{course_learner.POLICY}-{number}"
            old = self.iam.list_policy_versions(PolicyArn=arn)["Versions"]
            self.iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(part), SetAsDefault=True)
            for version in old:  # a policy has five at most
                self.iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
        own = {"execution_role": (roles.ROLE_NAME, roles.POLICY_NAME),
               "bedrock_role": (bedrock_role.ROLE_NAME, bedrock_role.POLICY_NAME)}
        for which, names in own.items():
            roles.ensure_policy(self.iam, *names, documents[which])

    def put_without(self, missing: set) -> None:
        """Have the policies lack these actions: {"learner s3:GetObject"}."""
        made = json.loads(json.dumps(self.documents))
        for policy, document in made.items():
            for statement in document["Statement"]:
                given = statement["Action"]
                actions = given if isinstance(given, list) else [given]
                statement["Action"] = [each for each in actions if f"{policy} {each}" not in missing]
            document["Statement"] = [each for each in document["Statement"] if each["Action"]] or [NOTHING]
        self.put(made)


def try_lessons(account: Account, out: Path, deadline: float, only: str | None = None) -> None:
    """Run each lesson without the actions that made no lesson fail yet; put each back where it is missed.

    Then once more, without those that no lesson asked for: a lesson that may not list buckets asks nothing
    about one.
    """
    import lesson_files

    ran, removals = record.load(out / "lessons.json", {}), record.load(out / "removals.json", {})
    everything = {f"{policy} {action}" for policy, document in account.documents.items()
                  for action in record.actions(document)}
    enough = {"first": ("failed",), "second": ("failed", "went on")}
    for tried, path in itertools.product(enough, lesson_files.find_lessons(ROOT / "notebooks", only)):
        name, began = path.stem, record.stamp()
        if tried in ran.get(name, {}) or time.monotonic() > deadline:
            continue
        missing = {key for key in everything if removals.get(key, {}).get("outcome") not in enough[tried]}
        seen, trouble = permissions_removal.without(account, name, missing, GIVEN.get(name, {}))
        for key, found in seen.items():
            if found["outcome"] == "failed" or removals.get(key, {}).get("outcome") != "went on":
                removals[key] = found
        took = record.seconds_between(began, record.stamp())
        ran.setdefault(name, {})[tried] = {"status": "failed" if trouble else "passed", "error": trouble,
                                           "seconds": took}  # fmt: skip
        record.save(out / "removals.json", removals)
        record.save(out / "lessons.json", ran)
        failures = sum(found["outcome"] == "failed" for found in seen.values())
        print(f"{tried:6} {name:32} failed {failures:2} times, {took:6.1f} s {trouble[:120]}", flush=True)
    account.put(account.documents)


def main(arguments: list[str] | None = None) -> int:
    """Try and write, as far as the time goes; returns the exit code."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--minutes", type=float, default=90, help="begin nothing new after so many")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "permissions", help="what was seen")
    parser.add_argument("--only", metavar="NN", help="the lessons whose name starts so")
    parser.add_argument("--write", action="store_true", help="only write the page from what was seen")
    args = parser.parse_args(arguments)
    import tuneaws.session

    out, deadline = args.out.resolve(), time.monotonic() + 60 * args.minutes
    out.mkdir(parents=True, exist_ok=True)
    home = out / "home"
    if not args.write:
        try:
            account = Account(home)
            try_lessons(account, out, deadline, args.only)
        finally:
            tuneaws.session.stop_local(home)
    record.save(out / "asked.json", record.asked(home))
    import permissions_page

    permissions_page.write(out, home, ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
