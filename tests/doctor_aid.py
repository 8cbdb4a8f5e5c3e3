"""What the tests of the doctor share: a patient, whose account is a gateway in this process."""

import contextlib
import dataclasses
import functools
import json
import os

import boto3
from local_server import raw
from tuneaws import config, doctor
from tuneaws.session import Session

ACCOUNT = "123456789012"
ROOT_ARN = f"arn:aws:iam::{ACCOUNT}:root"
NAME = "doctors"  # the project's, so that nothing of other tests is found


class Patient:
    """An account in the local AWS that says it is AWS, or is local.

    ask("bucket")              the one answer of a check
    ask("quotas", where="local", **{"sagemaker.spot": True})
    """

    def __init__(self, gateway):
        self.gateway, self.home, self.url = gateway, gateway.state.home, gateway.url
        self._sessions, self._clients = {}, {}  # a client takes 50 ms to make: one for each key and region

    def cfg(self, where="aws", **changes):
        """The course's configuration with a project of its own."""
        return configured(where, **{"project.name": NAME, "project.tags": {"course": NAME}, **changes})

    def session(self, where="aws", region="us-east-1", caller=ROOT_ARN, keys=None, role_arn=None):
        """A session as connect() makes it. keys: those of CreateAccessKey or AssumeRole."""
        found = keys or {}
        ends = os.environ.get("AWS_CREDENTIAL_EXPIRATION")
        asked = where, region, caller, found.get("AccessKeyId"), role_arn, ends
        if asked not in self._sessions:
            self._sessions[asked] = self._make(where, region, caller, found, role_arn)
        return self._sessions[asked]

    def _make(self, where, region, caller, found, role_arn):
        boto = boto3.Session(found.get("AccessKeyId"), found.get("SecretAccessKey"),
                             found.get("SessionToken"), region_name=region)
        made = Session(where, region, ACCOUNT, boto, caller, self.url, self.home, role_arn)
        made._clients = self._clients.setdefault((region, found.get("AccessKeyId")), {})
        return made

    def client(self, service: str):
        """The root user's client."""
        return self.session().client(service)

    def every(self, check: str, session=None, lessons=None, where="aws", **changes) -> list:
        """All answers of one check."""
        session = session or self.session(where)
        return doctor.run(self.cfg(where, **changes), session, lessons, only=[check])

    def ask(self, check: str, session=None, lessons=None, where="aws", **changes):
        """The answer of a check that gives one."""
        (found,) = self.every(check, session, lessons, where, **changes)
        return found

    @contextlib.contextmanager
    def rehearse(self, name: str, content):
        """A file of the local AWS's home, quotas.json or another, while the block runs."""
        path = self.home / name
        path.write_text(json.dumps(content))
        try:
            yield
        finally:
            path.unlink()

    @contextlib.contextmanager
    def enforced(self):
        """IAM's policies count while the block runs."""
        raw(self.url, "POST", "/_pocketaws/iam", b'{"enforce": true}')
        try:
            yield
        finally:
            raw(self.url, "POST", "/_pocketaws/iam", b'{"enforce": false}')

    def user(self, name: str, *documents: dict) -> dict:
        """A new IAM user with inline policies: {"arn", and "keys"}."""
        iam = self.client("iam")
        arn = iam.create_user(UserName=name)["User"]["Arn"]
        self.allow(name, *documents)
        return {"arn": arn, "keys": iam.create_access_key(UserName=name)["AccessKey"]}

    def allow(self, name: str, *documents: dict) -> None:
        """Give a user inline policies."""
        for n, document in enumerate(documents):
            self.client("iam").put_user_policy(UserName=name, PolicyName=f"p{n}",
                                               PolicyDocument=json.dumps(document))


@functools.cache
def as_shipped(where: str):
    """config.yaml, read once: that takes 15 ms, and these tests want it eighty times."""
    return config.load(where=where)


def configured(where: str, **changes):
    """The configuration with values changed by dotted path, "sagemaker.spot"; they are not checked."""
    cfg = as_shipped(where)
    for path, value in changes.items():
        section, _, key = path.rpartition(".")
        if section:
            key, value = section, dataclasses.replace(getattr(cfg, section), **{key: value})
        cfg = dataclasses.replace(cfg, **{key: value})
    return cfg


def allow(*actions: str, effect="Allow", resource="*") -> dict:
    """A policy document of one statement."""
    statement = {"Effect": effect, "Action": list(actions), "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}
