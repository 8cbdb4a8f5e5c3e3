"""The Hugging Face token: from `.env` to Secrets Manager, and never into a request, an output or a log.

    secrets.load_env()                       # .env of the course's folder; connect() does it
    secrets.keep_token(session, cfg)         # HF_TOKEN becomes the secret that config.yaml names
    secrets.job_environment(cfg)             # {"HF_TOKEN_SECRET": "tuneaws/hf-token"}: what a job is told

A job is told the secret's name; its role may read that one secret, and container/training/hub_token.py does.
Whoever may describe a job reads its hyperparameters and its environment, for as long as AWS keeps the record:
tuneaws/calls/tokens.py refuses a request that carries a token. Only a gated model needs one at all.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from botocore.exceptions import ClientError

NAMES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")  # the second is its old name (huggingface_hub 1.x reads both)
IN_JOB = "HF_TOKEN_SECRET"  # the environment variable of a job that names the secret
STAND_IN = "hf_stand-in-for-the-local-aws"
ABSENT = ("ResourceNotFoundException", "InvalidRequestException")  # not there, or waiting to be deleted
FREE_WAY = 'or set WHERE = "local", where no model needs a token.'


class SecretError(RuntimeError):
    """There is no token, or it can't be kept; the message says what to do, and never the token."""


def load_env(path=None) -> list:
    """Set the environment variables of a `.env` file that are not set yet; return their names.

    path    None: `.env` beside config.yaml. No file: nothing happens
    What the shell has set wins: a file must not change which account a command goes to.
    """
    path = Path(__file__).resolve().parents[2] / ".env" if path is None else Path(path)
    if not path.is_file():
        return []
    try:
        from dotenv import dotenv_values
    except ImportError as err:
        raise SecretError(f"{path} is there, and python-dotenv, which reads it, is not.\n"
                          "Fix: pip install python-dotenv, or remove the file") from err
    found = dotenv_values(path)
    new = {name: value for name, value in found.items() if value and name not in os.environ}
    os.environ.update(new)
    return sorted(new)


def hf_token() -> str | None:
    """The Hugging Face token of this process's environment, None when there is none."""
    return next((os.environ[name] for name in NAMES if os.environ.get(name)), None)


def keep_token(session, cfg, token: str | None = None) -> str:
    """Put the token into Secrets Manager under the name model.hf_token_secret; return the secret's ARN.

    token   None: the environment's. In local a stand-in is kept: no model there needs a real one
    Cost    0.40 USD a month until clean_up deletes it (https://aws.amazon.com/secrets-manager/pricing/,
            2026-11). Twice replaces the value
    Raises  SecretError without a name, without a token, or if a secret of that name is not the course's
    """
    name, client = _named(cfg), session.client("secretsmanager")
    token = STAND_IN if session.where == "local" else token or hf_token()
    if not token:
        raise SecretError("there is no HF_TOKEN in the environment.\nFix: copy .env.example to .env and put "
                          f"yours there (https://huggingface.co/settings/tokens, read only),\n{FREE_WAY}")
    there = describe(client, name)
    if there is None:
        return client.create_secret(
            Name=name, SecretString=token, Tags=cfg.project.tag_list(),
            Description="Hugging Face token of the tuneaws course")["ARN"]
    if not cfg.project.tags.items() <= {tag["Key"]: tag["Value"] for tag in there.get("Tags", [])}.items():
        raise SecretError(f"there is a secret {name!r} without the course's tags: it is left as it is.\n"
                          "Fix: another model.hf_token_secret in config.yaml")
    client.put_secret_value(SecretId=there["ARN"], SecretString=token)
    return there["ARN"]


def describe(client, name: str) -> dict | None:
    """What Secrets Manager says of a secret, without its value; None when there is none.

    client  boto3 client "secretsmanager"
    """
    try:
        found = client.describe_secret(SecretId=name)
    except ClientError as err:
        if err.response["Error"]["Code"] in ABSENT:
            return None
        raise
    return None if found.get("DeletedDate") else found


def job_environment(cfg) -> dict:
    """What a training job's Environment gets: the secret's name, nothing when config.yaml names none."""
    return {IN_JOB: cfg.model.hf_token_secret} if cfg.model.hf_token_secret else {}


# What a token looks like. Hugging Face: hf_ and 34 letters and digits, as its own scanners look for it
# (github.com/gitleaks/gitleaks, rule huggingface-access-token, 2026-11); AWS's access keys: 20 characters,
# AKIA or ASIA first (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html, 2026-11).
SHAPES = {"a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
          "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")}
OWN = (*NAMES, "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
SHORTEST = 16  # a shorter value of a variable, such as local's dummy key, is no secret


def token_in(value) -> tuple | None:
    """(path, what) of the first secret in a request: ("Environment.HF_TOKEN", "a Hugging Face token").

    value  what boto3 takes: dicts and lists of texts. Bytes, such as a file's, are not read
    """
    own = {os.environ[name]: f"the value of {name}" for name in OWN
           if len(os.environ.get(name, "")) >= SHORTEST}
    return _token_in(value, "", own)


def _token_in(value, path: str, own: dict) -> tuple | None:
    if isinstance(value, str):
        for what, shape in SHAPES.items():
            if shape.search(value):
                return path, what
        return next(((path, what) for secret, what in own.items() if secret in value), None)
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = (_token_in(inner, f"{path}.{key}".lstrip("."), own) for key, inner in pairs)
    return next(filter(None, found), None)


def _named(cfg) -> str:
    if not cfg.model.hf_token_secret:
        raise SecretError("config.yaml names no secret for the token.\nFix: model.hf_token_secret: "
                          f'{cfg.project.name}/hf-token, if your model is gated at all,\n{FREE_WAY}')
    return cfg.model.hf_token_secret
