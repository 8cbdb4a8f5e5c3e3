"""The policies that a principal's calls are judged by, and the condition keys that every call of it has."""

from datetime import datetime, timezone

from pocketaws.calls import Call
from pocketaws.errors import AwsError
from pocketaws.iam.identity import Principal
from pocketaws.iam.simulate import boundary_of, policies_of
from pocketaws.iam.tags import of_holder


def layers(principal: Principal) -> list[list]:
    """Lists of (name, document): a call has to be allowed by each of them.

    The identity's own policies; its permissions boundary; the session's policy. Of a role or a user that is
    gone meanwhile nothing is allowed.
    """
    try:
        found = [policies_of(principal.account, principal.holder)]
    except AwsError:
        return [[]]
    boundary = boundary_of(principal.account, principal.holder)
    if boundary is not None:
        found.append(boundary)
    if principal.session_policy:
        found.append([("session", principal.session_policy)])
    return found


def keys_of(principal: Principal, call: Call) -> dict:
    """{condition key, lower case: values} that AWS gives every request."""
    now = datetime.now(timezone.utc)
    keys = {
        "aws:principalarn": [principal.holder],
        "aws:principalaccount": [principal.account],
        "aws:principaltype": {"user": ["User"], "role": ["AssumedRole"]}.get(principal.kind, ["Account"]),
        "aws:resourceaccount": [principal.account],
        "s3:resourceaccount": [principal.account],
        "aws:requestedregion": [call.region],
        "aws:securetransport": ["true"],  # AWS is asked by HTTPS; here the way is loopback
        "aws:currenttime": [now.strftime("%Y-%m-%dT%H:%M:%SZ")],
        "aws:epochtime": [str(int(now.timestamp()))],
    }
    if principal.kind == "user":
        keys["aws:username"] = [principal.name]
    tags = of_holder(principal.account, principal.holder)
    return {**keys, **{f"aws:principaltag/{key.lower()}": [value] for key, value in tags.items()}}
