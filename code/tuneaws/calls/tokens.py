"""No request of SageMaker or Bedrock leaves with a token in it, whoever made it.

Hyperparameters and environment variables of a job are shown by DescribeTrainingJob, in the console and in
CloudTrail, to everyone who may look: AWS asks for no secrets in them (API_CreateTrainingJob, 2026-11).
"""

from __future__ import annotations

from tuneaws import secrets

SERVICES = ("sagemaker", "bedrock")


class TokenInRequest(ValueError):
    """A request carries a secret in plain text; nothing was sent. The message does not repeat it."""


def install(boto, facts) -> None:
    """Look at each request of these services before it is built."""
    for service in SERVICES:
        boto.events.register(f"provide-client-params.{service}", refuse)


def refuse(params: dict, model, **_) -> None:
    """Raise TokenInRequest if a Create, Update or Start request has a token in one of its texts."""
    if not model.name.startswith(("Create", "Update", "Start", "Register", "Add")):
        return
    found = secrets.token_in(params)
    if found is None:
        return
    path, what = found
    raise TokenInRequest(
        f"{model.name}: {path} holds {what}. It was not sent: whoever may describe the job could read it.\n"
        "Fix: take it out. secrets.keep_token(session, cfg) puts the Hugging Face token into Secrets "
        "Manager, model.hf_token_secret in config.yaml names it, and the job's role reads it;\n"
        "AWS keys are never needed in a job: it has its role,\n"
        'or set WHERE = "local", where no model needs a token.')
