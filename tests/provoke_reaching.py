"""Provocations before AWS answers: credentials, region, network, clock; and the local AWS's own faults."""

import contextlib
import datetime
import json
import os
import socket
import urllib.request

import boto3
import botocore.auth
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from local_server import Process, client
from moto.sts.models import sts_backends
from provoke_bedrock import faked
from provoke_jobs import SLOW
from provoking import ACCOUNT, REGION, boto_session, provokes
from tuneaws import calls


@contextlib.contextmanager
def environment(world, **changes):
    """os.environ with changes, None takes a name out."""
    world.settled()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in changes.items():
            patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
        yield


def explained(boto: boto3.Session) -> boto3.Session:
    """A boto3 session whose clients explain their errors, as on aws."""
    calls.install(boto, calls.Facts("local", REGION, ACCOUNT, "arn", None))
    return boto


def raised(make) -> Exception:
    """What botocore raises before there is a client."""
    with pytest.raises(BotoCoreError) as caught:
        make()
    return caught.value


NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


@provokes("no-credentials")
def _(world):
    with environment(world, **NO_KEYS):
        explained(boto_session(region_name=REGION)).client("s3", endpoint_url=world.url).list_buckets()


@provokes("half-credentials")
def _(world):
    with environment(world, AWS_SECRET_ACCESS_KEY=None):
        return raised(lambda: boto_session(region_name=REGION).client("sts"))


@provokes("no-profile")
def _(world):
    return raised(lambda: boto3.Session(profile_name="curse"))


@provokes("no-region")
def _(world):
    with environment(world, AWS_DEFAULT_REGION=None, AWS_REGION=None):
        return raised(lambda: boto_session().client("sagemaker"))


@provokes("sso-over")
def _(world):
    config = world.home / "aws-config"
    config.write_text(
        f"[profile course]\nsso_session = us\nsso_account_id = {ACCOUNT}\nsso_role_name = Student\n"
        f"region = {REGION}\n[sso-session us]\nsso_region = {REGION}\n"
        "sso_start_url = https://course.awsapps.com/start\n"
    )
    with environment(world, AWS_CONFIG_FILE=str(config), HOME=str(world.home), **NO_KEYS):
        explained(boto_session(profile_name="course")).client("s3", endpoint_url=world.url).list_buckets()


@provokes("clock")
def _(world):
    yesterday = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    world.settled()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: yesterday)
        world.sm.list_models()


def key_of_a_user(world) -> tuple:
    user = world.strict.iam.create_user(UserName=f"kim-{os.urandom(4).hex()}")["User"]["UserName"]
    made = world.strict.iam.create_access_key(UserName=user)["AccessKey"]
    return user, made["AccessKeyId"], made["SecretAccessKey"]


def as_somebody(world, key: str, secret: str, service: str = "s3"):
    """A client of the second local AWS with these keys."""
    boto = explained(boto_session(key, secret, region_name=REGION))
    return boto.client(service, endpoint_url=world.strict.url)


@provokes("wrong-secret")
def _(world):
    _, key, secret = key_of_a_user(world)
    as_somebody(world, key, secret[::-1]).list_buckets()


@provokes("unknown-key")
def _(world):
    user, key, secret = key_of_a_user(world)
    world.strict.iam.update_access_key(UserName=user, AccessKeyId=key, Status="Inactive")
    as_somebody(world, key, secret).list_buckets()


@provokes("token-over")
def _(world):
    """A session of AssumeRole lasts 15 minutes at least: its end is set back in this process's AWS."""
    api = faked(world)
    found = api.client("sts").assume_role(RoleArn=api.role, RoleSessionName="kim")["Credentials"]
    session = sts_backends[ACCOUNT]["aws"].assumed_roles[-1]
    session.expiration -= datetime.timedelta(days=1)
    keys = found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]
    explained(boto_session(*keys, region_name=REGION)).client("s3", endpoint_url=api.url).list_buckets()


# --- a second local AWS that asks IAM


def ours(world, *statements: dict, service: str = "s3"):
    """A client of a user whose one policy has these statements; policies count from now on."""
    asked(world, "iam", {"enforce": True})
    user, key, secret = key_of_a_user(world)
    if statements:
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        world.strict.iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy)
    return as_somebody(world, key, secret, service)


@provokes("explicit-deny")
def _(world):
    everything = {"Action": "s3:*", "Resource": "*"}
    ours(world, {"Effect": "Allow", **everything}, {"Effect": "Deny", **everything}).list_buckets()


@provokes("head-403")
def _(world):
    ours(world).head_object(Bucket=world.strict.bucket, Key="data/rows.jsonl")


@provokes("job-may-not-read")
def _(world):
    """The job's role has no policy at all."""
    asked(world, "iam", {"enforce": True})
    return world.strict.words(world.strict.script({"train.py": "print('never')"}))


def from_a_page(request, **_) -> None:
    request.headers["Origin"] = "http://a.page"


@provokes("denied")
def _(world):
    """The local AWS answers no web page: it refuses what a browser sent for one, in few words."""
    sm = world.once("sagemaker")
    sm.meta.events.register("before-send.sagemaker", from_a_page)
    sm.list_models()


@provokes("no-such-host")
def _(world):
    def unknown(host, *_, **__):
        raise socket.gaierror(socket.EAI_NONAME, f"{host}: Name or service not known")

    world.settled()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", unknown)
        boto = explained(boto_session("testing", "testing", region_name="us-east-9"))
        once = Config(retries={"total_max_attempts": 1})
        boto.client("sagemaker", config=once).list_models()


# --- the second local AWS


def asked(world, what: str, given: dict) -> None:
    """POST to /_pocketaws/ of the second local AWS."""
    request = urllib.request.Request(f"{world.strict.url}/_pocketaws/{what}", json.dumps(given).encode())
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5).close()


def fault(world, kind: str) -> None:
    """Have one call fail in this way."""
    asked(world, "faults", {"one_in": 1, "kinds": [kind], "operations": ["ListModels"]})
    try:
        world.strict.once("sagemaker").list_models()
    finally:
        asked(world, "faults", {})


@provokes("throttled")
def _(world):
    fault(world, "throttle")


@provokes("aws-fault")
def _(world):
    fault(world, "error-503")


@provokes("local-aws-hung-up")
def _(world):
    fault(world, "cut-before")


@provokes("local-fault")
def _(world):
    """A function of the local AWS's own is broken, as a fault in it would be."""
    api = faked(world)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.state, "models", None)
        once = Config(retries={"total_max_attempts": 1})
        api.session.boto.client("sagemaker", endpoint_url=api.url, config=once).list_models()


@provokes("local-aws-gone")
def _(world):
    """One of the last: nothing else can be asked of the second local AWS."""
    asked(world, "iam", {"enforce": False})
    world.left = world.strict.script({"train.py": SLOW})
    sm = world.strict.once("sagemaker")
    world.kill()
    sm.list_models()


@provokes("local-aws-ended")
def _(world):
    """The second local AWS comes back on the same home; its job had not ended when it was killed."""
    again = Process(world.strict.home, "--port", "0")
    world.closing.callback(again.__exit__)
    sm = client(again.url(), "sagemaker")
    return sm.describe_training_job(TrainingJobName=world.left)["FailureReason"]
