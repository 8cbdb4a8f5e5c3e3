"""connect(): one session for a whole lesson, in `local` or on `aws`.

    session = connect("local")           # starts the local AWS when it is not up; free, no account
    session = connect("aws")             # your account; the price of a step is shown before it is spent
    s3 = session.client("s3")

This is the one module of tuneaws that knows pocketaws, the local AWS, and only to start and to stop it.
"""

import contextlib
import fcntl
import functools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
from botocore import exceptions as boto_errors

from tuneaws import buckets, calls, environment, fixes, roles, secrets

CODE = Path(__file__).resolve().parents[1]
START_WITHIN_S = 60
STOP_WITHIN_S = 60
ANSWER_WITHIN_S = 5
FREE_WAY = 'or set WHERE = "local" and go on for free.'

_children = {}  # home -> the Popen of a server that this process started


class SessionError(RuntimeError):
    """No session: the message says why, how to mend it, and the free way on."""


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
            with _opener().open(request, timeout=ANSWER_WITHIN_S):
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


def is_up(home=None) -> bool:
    """Whether a local AWS answers, without starting one.

    home  None: the one that AWS_ENDPOINT_URL points to, else <course>/.pocketaws
    """
    found = _ask(os.environ.get("AWS_ENDPOINT_URL")) if home is None else None
    return bool(found or _alive(_home(home)))


def stop_local(home=None) -> bool:
    """Stop the local AWS of `home`. False if none was running.

    What it knows (buckets, finished jobs, models) stays on disk for the next connect(); a job that runs is
    Failed. To remove it all, stop it and delete the folder.
    """
    home = _home(home)
    info = _read(home) or {}
    stopped = _held(home / "lock")
    if stopped:
        pid = (_ask(info.get("url")) or info).get("pid")
        if not _is_pocketaws(pid):
            raise SessionError(f"something holds {home / 'lock'}, and its process is not known.\n"
                               f"Fix: find it with `lsof {home / 'lock'}` and end it")
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            if _until(lambda: not _held(home / "lock"), STOP_WITHIN_S if number == signal.SIGTERM else 10):
                break
    child = _children.pop(home, None)
    if child is not None:
        child.wait(STOP_WITHIN_S)
    if info.get("url") and os.environ.get("AWS_ENDPOINT_URL") == info["url"]:
        environment.leave()
    return stopped


def started_here(home=None) -> bool:
    """Whether this process has started the local AWS of `home`, which lives on when the process ends."""
    return _home(home) in _children


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
    folder = CODE / "pocketaws" / "hub" / kind / rest
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
    if home is None:
        info, home = _ask(known), environment.home_of(os.environ)  # the home of one that has died meanwhile
    info = info or _start(_home(home), region or "us-east-1")
    if known and environment.home_of(os.environ) == Path(info["home"]):
        os.environ["AWS_ENDPOINT_URL"] = info["url"]  # the keys beside it are still those of this home
    region, home = region or info["region"], Path(info["home"])  # one server answers for every region
    environment.enter(info["url"], region, home / "client")
    boto, caller = boto3.Session(region_name=region), f"arn:aws:iam::{info['account']}:root"
    if os.environ["AWS_ACCESS_KEY_ID"] != environment.DUMMY_KEY:  # a user's or a role's, kept by enter()
        caller = boto.client("sts").get_caller_identity()["Arn"]
    return Session("local", region, info["account"], boto, caller, info["url"], home, role_arn)


def _start(home: Path, region: str) -> dict:
    """Return what the local AWS of `home` says of itself, after starting it when needed.

    Two notebooks may come here at once: the second waits for the first's lock and finds the server up.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        gate = (home / "start.lock").open("w")
    except OSError as err:
        fix = "connect(home=...) with another folder"
        raise SessionError(f"{home} can't be written: {err}.\nFix: {fix}") from err
    with gate:
        if not _until(lambda: _try_lock(gate), START_WITHIN_S):
            raise SessionError(f"another process has been starting the local AWS for {START_WITHIN_S} s.\n"
                               f"Fix: look at {home / 'start.log'}")
        if _held(home / "lock"):  # somebody runs it, or is just ending
            found = _await_server(home, lambda: not _held(home / "lock"))
            if found:
                return found
            if _held(home / "lock"):
                raise SessionError(f"the local AWS of {home} runs but does not answer ({_read(home)}).\n"
                                   "Fix: tuneaws.session.stop_local(), then connect again.\n" + _tail(home))
        return _spawn(home, region)


def _spawn(home: Path, region: str) -> dict:
    env = environment.without_aws(os.environ)
    env["PYTHONPATH"] = os.pathsep.join([str(CODE), *filter(None, [env.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "pocketaws", "--port", "0", "--home", str(home), "--region", region]
    with (home / "start.log").open("w") as log:
        child = subprocess.Popen(command, env=env, cwd=home, stdin=subprocess.DEVNULL, stdout=log,
                                 stderr=subprocess.STDOUT, start_new_session=True)
    found = _await_server(home, lambda: child.poll() is not None)
    if found:
        _children[home] = child
        return found
    code = child.poll()
    if code is None:
        child.kill()
        child.wait()
    what = f"did not answer within {START_WITHIN_S} s" if code is None else f"ended with exit code {code}"
    raise SessionError(f"the local AWS {what}.\nIt was started with: {' '.join(command)}\n" + _tail(home))


def _await_server(home: Path, gone) -> dict:
    """Wait until the server of `home` answers or `gone()`; what it says of itself, {} if it says nothing."""
    found = {}
    _until(lambda: found.update(_alive(home) or {}) or found or gone(), START_WITHIN_S)
    return found


def _home(home) -> Path:
    return Path(home).resolve() if home is not None else CODE.parent / ".pocketaws"


def _read(home: Path):
    """server.json as a dict, or None if it is missing or half written."""
    try:
        return json.loads((home / "server.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def _opener():
    """What opens addresses of this machine, whatever proxy the environment names."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _ask(url):
    """What a server at `url` says of itself, with its url; None if it is not a local AWS that answers."""
    if not url or not url.startswith("http://127.0.0.1:"):
        return None
    try:
        with _opener().open(f"{url}/_pocketaws", timeout=ANSWER_WITHIN_S) as answer:
            info = json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return {**info, "url": url} if isinstance(info, dict) and info.get("service") == "pocketaws" else None


def _alive(home: Path):
    """The server of `home` if it answers. Another server may have got a dead one's port: compare homes."""
    info = _ask((_read(home) or {}).get("url"))
    return info if info and Path(info["home"]).resolve() == home.resolve() else None


def _try_lock(file) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _held(path: Path) -> bool:
    """Whether a living process holds the lock: true exactly as long as the server lives."""
    try:
        with path.open("r") as file:
            return not _try_lock(file)
    except FileNotFoundError:
        return False


def _is_pocketaws(pid) -> bool:
    if not isinstance(pid, int):
        return False
    shown = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True)
    return "pocketaws" in shown.stdout


def _until(condition, within_s: float) -> bool:
    """Ask every 50 ms until `condition()` is true; False after `within_s`."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _tail(home: Path, lines: int = 15) -> str:
    """The ends of both logs of the server: what it printed, and what it has noted itself."""
    parts = []
    for log in (home / "start.log", home / "pocketaws.log"):
        if log.exists() and (text := log.read_text(errors="replace").strip()):
            parts += [f"The end of {log}:", *(f"  {line}" for line in text.splitlines()[-lines:])]
    return "\n".join(parts) or f"Its logs in {home} are empty."
