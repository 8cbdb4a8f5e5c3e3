"""Who calls: what an access key stands for.

    a key of CreateAccessKey              that IAM user
    a key of AssumeRole                   that role, in a session with a name
    a key that role_key() made            the role of a job, an endpoint or a customization
    any other, or none                    the account's root user

moto (5.2.5) keeps users, roles and sessions. Whether a key may be used at all: credentials.py.
"""

import threading
from dataclasses import dataclass

from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import get_account_id_from, iam_backends
from moto.sts.models import sts_backends

# The name of the session that a service takes on a role with: CloudTrail shows it in the ARN of who called.
# For SageMaker https://docs.aws.amazon.com/sagemaker/latest/dg/logging-using-cloudtrail.html (2026-11);
# Bedrock's is not documented; chosen.
SESSIONS = {"sagemaker": "SageMaker", "bedrock": "BedrockModelCustomization"}
ROOT_KEY = "pocketaws"  # of the server's own calls: what AWS does itself, not as a role
_keys: dict[tuple[str, str], str] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Principal:
    """A caller.

    kind     "root", "user" or "role"
    arn      as AWS shows it: arn:aws:iam::…:user/x, arn:aws:sts::…:assumed-role/role/session
    holder   the ARN whose policies count: the user's or the role's
    session_policy  what AssumeRole's Policy narrowed the session to, JSON text, if anything
    """

    kind: str
    arn: str
    account: str
    holder: str
    session_policy: str | None = None

    @property
    def name(self) -> str:
        """The user's or the role's own name; "root"."""
        return self.holder.rpartition("/")[2] if self.kind != "root" else "root"


def principal_of(access_key: str) -> Principal:
    """The principal that a key stands for."""
    account = get_account_id_from(access_key)
    key = iam_backends[account]["aws"].access_keys.get(access_key)
    if key is not None and key.user_name:
        arn = _user_arn(account, key.user_name)
        return Principal("user", arn, account, arn)
    session = _session(account, access_key) if key is not None else None
    if session is not None:
        return Principal("role", session.arn, account, session.role_arn, session.policy or None)
    arn = f"arn:aws:iam::{account}:root"
    return Principal("root", arn, account, arn)


def role_key(role_arn: str | None, service: str = "sagemaker") -> str:
    """An access key under which calls are made as a role, by a service that took it on.

    ROOT_KEY for no role, and for one of an account that is not here.
    """
    account = role_arn.split(":")[4] if role_arn else ""
    if account != DEFAULT_ACCOUNT_ID:
        return ROOT_KEY
    asked = role_arn, SESSIONS[service]
    with _lock:
        made = _keys.get(asked)
        if made is None or _session(account, made) is None:
            session = sts_backends[account]["aws"].assume_role("us-east-1", asked[1], role_arn, "", 3600, "")
            made = _keys[asked] = session.access_key_id
        return made


def is_service_key(access_key: str) -> bool:
    """Whether role_key() made this key."""
    with _lock:
        return access_key in _keys.values()


def _user_arn(account: str, name: str) -> str:
    user = iam_backends[account]["aws"].users.get(name)
    return user.arn if user is not None else f"arn:aws:iam::{account}:user/{name}"


def _session(account: str, access_key: str):
    """moto's session of a key. The newest come first: a run looks for those it has just made."""
    sessions = sts_backends[account]["aws"].assumed_roles
    return next((each for each in reversed(sessions) if each.access_key_id == access_key), None)
