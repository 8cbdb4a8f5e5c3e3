"""What is asked of SDK 3's session: whether it is one, its bucket, and a role's ARN."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError


def checked_session(session: Any = None) -> Any:
    """Return an SDK 3 Session: the one given, or one from the environment.

    Raises  ValueError for another kind of session.
    """
    if session is None:
        from sagemaker.core.helper.session_helper import Session

        return Session()
    if getattr(session, "local_mode", False):
        raise ValueError(
            "sagemaker_session is SDK 3's local mode, which needs Docker. Fix: tuneaws.session.connect()"
            '.sagemaker(); with WHERE = "local" the job runs on this machine, free and without Docker.'
        )
    if not (hasattr(session, "sagemaker_client") and hasattr(session, "boto_session")):
        raise ValueError(
            f"sagemaker_session is a {type(session).__module__}.{type(session).__name__}. Fix: "
            "tuneaws.session.connect(where).sagemaker(), or sagemaker.core.helper.session_helper.Session()."
        )
    return session


def bucket_name(session: Any) -> str:
    """The name of the session's default bucket, whether there is one yet or not."""
    known = session._default_bucket or session._default_bucket_name_override
    return known or session.generate_default_sagemaker_bucket_name(session.boto_session)


def role_arn(session: Any, role: str) -> str:
    """The ARN of a role given by name or ARN. Raises ValueError if the account has none of that name."""
    try:
        return session.expand_role(role)
    except ClientError as err:
        if err.response["Error"]["Code"] != "NoSuchEntity":
            raise
        raise ValueError(
            f"role={role!r}: this account has no role of that name. Fix: the role's ARN "
            '(session.role_arn); with WHERE = "local" the course makes one.'
        ) from err
