"""connect(): one session for a whole lesson, in `local` or on `aws`.

    session = connect("local")           # starts the local AWS when it is not up; free, no account
    session = connect("aws")             # your account; the price of a step is shown before it is spent
    s3 = session.client("s3")

In local it is the AWS of this machine that answers: local_aws.py starts, finds and stops it.
"""

import contextlib
import functools
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
from botocore import exceptions as boto_errors

from tuneaws import buckets, calls, environment, fixes, local_aws, roles, secrets
from tuneaws.local_aws import SessionError, is_up, only_for_now, stop_local

__all__ = ["Session", "SessionError", "connect", "dataset_path", "is_up", "model_path", "only_for_now",
           "stop_local"]

FREE_WAY = 'or set WHERE = "local" and go on for free.'


class Session:
    """Where the calls go, and the clients that make them.

    where  "local" or "aws"     region  such as "us-east-1"     account  12 digits
    boto   a boto3.Session      caller_arn  whose credentials are in use
    url, home  the local AWS's address and folder, None on aws
    """

    def __init__(self, where, region, account, boto, caller_arn, url=None, home=None, role_arn=None):
        self.where, self.region, self.account = where, region, account
        self.boto, self.url, self.home = boto, url, home
        self.caller_arn, self._role_arn, self._clients = caller_arn, role_arn, {}
        calls.install(boto, calls.Facts(where, region, account, caller_arn, home))

    def client(self, service: str, region: str | None = None):
        """A boto3 client such as client("s3"), made once. region: another than the session's."""
        key = (service, region or self.region)
        if key not in self._clients:
            self._clients[key] = self.boto.client(service, region_name=key[1], endpoint_url=self.url)
        return self._clients[key]

    @functools.cached_property
    def role_arn(self) -> str:
        """The role that jobs run as. Raises roles.RoleError on aws when there is none, with what to do."""
        if self._role_arn:
            return self._role_arn
        if self.where == "local" and self.caller_arn.endswith(":root"):
            from tuneaws import policies

            policy = policies.execution_role(self.account, self.region, bucket="tuneaws-*")
            return roles.ensure_role(self.client("iam"), policy=policy, account=self.account)
        return roles.find_role(self.client("iam"), self.caller_arn)

    def bucket_name(self, project: str) -> str:
        """The name of your bucket for this project: the same in every lesson, nobody else's."""
        return buckets.bucket_name(project, self.account, self.region, self.caller_arn)

    def sagemaker(self):
        """The SageMaker SDK 3's own session; importing that SDK takes 2 to 3 seconds."""
        from sagemaker.core.helper.session_helper import Session as SageMakerSession

        return SageMakerSession(boto_session=self.boto)

    def model_path(self, model_id: str) -> str:
        """What from_pretrained() takes in the notebook: a folder for a model shipped here, else the id."""
        return model_path(model_id)

    def dataset_path(self, name: str) -> Path:
        """The folder of a data set that is shipped here."""
        return dataset_path(name)

    def interrupt(self, job_name: str, notice_s: float | None = None) -> None:
        """Take the instances of a spot job away while it trains, as AWS does when it needs them. local only.

        notice_s  seconds from SIGTERM to SIGKILL, 0 to 120; None: 120, as on AWS
        Raises    SessionError on aws, and for a job that is no spot job or is not Training
        """
        if self.where != "local":
            raise SessionError("on aws nobody can ask for it: AWS interrupts when it needs the machines."
                               '\nFix: rehearse it with WHERE = "local", for free.')
        asked = {"TrainingJobName": job_name, "Region": self.region}
        if notice_s is not None:
            asked["NoticeInSeconds"] = notice_s
        request = urllib.request.Request(f"{self.url}/_pocketaws/interrupt", json.dumps(asked).encode(),
                                         {"Content-Type": "application/json"})
        try:
            with local_aws.opener().open(request, timeout=local_aws.ANSWER_WITHIN_S):
                pass
        except urllib.error.HTTPError as err:
            raise SessionError(json.load(err).get("message", str(err))) from err

    @contextlib.contextmanager
    def rehearse(self, what: str, content) -> Iterator[None]:
        """Have the local AWS refuse, while the with block runs, what AWS could refuse. local only.

        what, content  of pocketaws' files for it: "quotas", {"ml.g5.xlarge for training job usage": 0};
                       "bedrock_access", {"denied": [a model's id]}; "capacity", "denied", "bedrock_throttle"
        Raises         SessionError on aws
        """
        if self.where != "local":
            raise SessionError("AWS refuses when it has a reason to.\n"
                               'Fix: rehearse it with WHERE = "local", for free.')
        path = self.home / f"{what}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    def summary(self) -> None:
        """Print where the calls go and what that costs."""
        local = self.where == "local"
        costs = "an AWS on this machine. It costs nothing" if local else "your account. It costs REAL MONEY"
        print(f"where    {self.where}: {costs}")
        print(f"account  {self.account}\nregion   {self.region}\nurl      {self.url or 'amazonaws.com'}")

    def __repr__(self) -> str:
        return f"Session({self.where!r}, account={self.account!r}, region={self.region!r}, url={self.url!r})"


def connect(where="local", region=None, home=None, role_arn=None, account=None) -> Session:
    """Return a Session; in local, start the local AWS when it is not up.

    where     "local" or "aws"
    region    None: us-east-1 in local, on aws the one of your AWS configuration
    home      the local AWS's folder; None: the one that AWS_ENDPOINT_URL points to, as whoever the key beside
              it stands for; else <course>/.pocketaws, as its root user
    role_arn  the role jobs run as; None: made in local, looked for on aws
    account   refuse to connect to any other account; None: no check
    Raises    SessionError
    """
    secrets.load_env()
    if where == "local":
        session = _connect_local(region, home, role_arn)
    elif where == "aws":
        session = _connect_aws(region, role_arn)
        if account and session.account != account:
            raise SessionError(f"these credentials belong to account {session.account}, only {account} is "
                               "allowed here.\nFix: choose the right profile (AWS_PROFILE), or change "
                               f"`account` in config.yaml,\n{FREE_WAY}")
        print(f"*** AWS account {session.account}, {session.region}: from here on it costs REAL MONEY ***")
    else:
        raise SessionError(f'where is {where!r}. Fix: "local" (this machine, free) or "aws" (your account)')
    return session


def model_path(model_id: str) -> str:
    """The folder of a model that the course ships ("pocketaws/chat-1m"), else the id as it is."""
    return str(_shipped("models", model_id) or model_id)


def dataset_path(name: str) -> Path:
    """The folder of a data set that the course ships, such as "pocketaws/dialogues". Raises SessionError."""
    folder = _shipped("datasets", name)
    if folder is None:
        raise SessionError(f"{name!r} is not a data set that the course ships. "
                           "Fix: pocketaws/dialogues, or read your own with tuneaws.data.read_rows(path)")
    return folder


def _shipped(kind: str, name: str):
    owner, _, rest = str(name).partition("/")
    folder = local_aws.CODE / "pocketaws" / "hub" / kind / rest
    return folder if owner == "pocketaws" and rest and "/" not in rest and folder.is_dir() else None


# --- aws


def _connect_aws(region, role_arn) -> Session:
    environment.leave()
    found = environment.leftovers(os.environ)
    if found:
        raise SessionError(f"where is aws, but the environment points to a local AWS: {', '.join(found)}.\n"
                           "Fix: restart from a shell without them (unset "
                           f"{' '.join(f.partition('=')[0] for f in found)}),\n{FREE_WAY}")
    os.environ.setdefault(environment.APP_ID, environment.app_id())
    try:
        boto = boto3.Session(region_name=region)
        if boto.region_name is None:
            raise SessionError(f"no region. Fix: connect('aws', region='us-east-1'),\n{FREE_WAY}")
        caller = boto.client("sts").get_caller_identity()
    except boto_errors.NoCredentialsError as err:
        raise _no_session("no AWS credentials were found", err, "`aws configure sso`") from err
    except boto_errors.ProfileNotFound as err:
        raise _no_session(str(err), err, "AWS_PROFILE must name a profile of ~/.aws/config") from err
    except boto_errors.ClientError as err:
        fix = "log in again (`aws sso login`) or renew the key"
        raise _no_session(f"AWS refused these credentials: {err}", err, fix) from err
    except boto_errors.BotoCoreError as err:
        fix = "check the network, or `aws sso login`"
        raise _no_session(f"AWS can't be reached: {err}", err, fix) from err
    os.environ.update(environment.role_variables())
    return Session("aws", boto.region_name, caller["Account"], boto, caller["Arn"], role_arn=role_arn)


def _no_session(what: str, err: Exception, otherwise: str) -> SessionError:
    """The error of a connect("aws"): what happened, the fix by the table of fixes or `otherwise`."""
    return SessionError(f"{what}.\nFix: {fixes.advice(fixes.find(err), otherwise)},\n{FREE_WAY}")


# --- local


def _connect_local(region, home, role_arn) -> Session:
    known, info = os.environ.get("AWS_ENDPOINT_URL"), None
    if home is None:  # the environment names the home of one that has died, too
        info, home = local_aws.ask(known), environment.home_of(os.environ)
    info = info or local_aws.start(local_aws.folder(home), region or "us-east-1")
    if known and environment.home_of(os.environ) == Path(info["home"]):
        os.environ["AWS_ENDPOINT_URL"] = info["url"]  # the keys beside it are still those of this home
    region, home = region or info["region"], Path(info["home"])  # one server answers for every region
    environment.enter(info["url"], region, home / "client")
    boto, caller = boto3.Session(region_name=region), f"arn:aws:iam::{info['account']}:root"
    if os.environ["AWS_ACCESS_KEY_ID"] != environment.DUMMY_KEY:  # a user's or a role's, kept by enter()
        caller = boto.client("sts").get_caller_identity()["Arn"]
    return Session("local", region, info["account"], boto, caller, info["url"], home, role_arn)
