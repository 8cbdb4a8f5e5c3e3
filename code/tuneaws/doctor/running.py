"""Run the checks, one after another. Nothing raises: a check that could not look says so.

    for check in run(cfg): print(check.status, check.name, check.seen, check.fix)
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time

from tuneaws import session as sessions
from tuneaws.doctor import identity, images, machine, models, money, packages, permissions, quotas, storage
from tuneaws.doctor import lessons as numbers
from tuneaws.doctor.check import FAIL, Check, Subject, failed, passed, told, unseen, warned

MACHINE = {"python": machine.python, "packages": packages.packages, "pytorch": machine.torch,
           "disk": machine.disk, "memory": machine.memory, "loopback": machine.loopback}
ACCOUNT = {
    "account": identity.account, "identity": identity.identity, "credentials": identity.credentials,
    "region": identity.region, "clock": identity.clock,
    "role": permissions.role, "role may be passed": permissions.pass_role,
    "your permissions": permissions.yours, "the role's permissions": permissions.the_roles,
    "bucket": storage.bucket, "quotas": quotas.quotas,
    "training image": images.training_image, "serving image": images.serving_image,
    "base model": models.base_model, "Hugging Face token": models.hugging_face_token,
    "Bedrock model": models.bedrock_model, "Bedrock access": models.bedrock_access,
    "still billing": money.still_billing, "left behind": money.left_behind, "budget": money.budget,
}


def run(cfg, session=None, lessons: str | None = None, only=None, home=None) -> list:
    """Look at this machine, and at the account where the lessons are to run. Starts nothing that bills.

    cfg      from config.load(); cfg.where says which place is looked at
    session  from connect(); None: connects itself, and a failure is the first answer
    lessons  "00-05,10": what these need; None: all
    only     names of checks such as ["quotas"]; None: all
    home     the local AWS's folder when it is started here; None: the course's own
    Returns  [Check], in the order of MACHINE and ACCOUNT
    """
    subject = Subject(cfg, session, numbers.chosen(lessons), home or getattr(session, "home", None))
    done = []
    for name, look in MACHINE.items():
        done += _answers(name, look, subject) if _wanted(name, only) else []
    if session is None:
        done += _answers("connection", connection, subject)
    for name, look in ACCOUNT.items():
        if _wanted(name, only):
            done += _answers(name, look if subject.session else _not_connected, subject)
    return done


def ready(checks: list) -> bool:
    """Whether no check failed."""
    return all(check.status != FAIL for check in checks)


def connection(subject):
    """Connect. In local that starts the local AWS where it is not up; on aws it asks who calls."""
    cfg, began = subject.cfg, time.monotonic()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what connect() prints is no part of a JSON answer
            subject.session = sessions.connect(cfg.where, cfg.region, subject.home, cfg.sagemaker.role_arn)
    except sessions.SessionError as err:
        return failed(*told(err))
    if subject.local:
        return passed(f"the local AWS answers at {subject.session.url}")
    return passed(f"AWS answers in {subject.session.region}, in {time.monotonic() - began:.1f} s")


def _not_connected(subject):
    return warned("not looked at: there is no connection", "mend the connection first, then run it again")


def _wanted(name: str, only) -> bool:
    return only is None or name in only


def _answers(name: str, look, subject) -> list:
    """The Checks of one function, named and timed."""
    began = time.monotonic()
    try:
        found = look(subject)
    except Exception as err:  # the outermost frame of a check: whatever it met is its answer
        found = unseen(err)
    took = round(time.monotonic() - began, 3)
    every = [found] if isinstance(found, Check) else found or []
    return [dataclasses.replace(one, name=one.name or name, took_s=0.0 if n else took)
            for n, one in enumerate(every)]
