"""The token for a gated model: the job is told a secret's name, and reads the secret with its own role.

HF_TOKEN_SECRET  name or ARN of a secret in AWS Secrets Manager, in the job's region. Its value is the token,
                 or, as the console's key and value make it, {"HF_TOKEN": "hf_…"}
boto3 is in AWS's training images (https://github.com/aws/deep-learning-containers/releases, 2026-11). The
token goes into this process's environment, where huggingface_hub looks, and nowhere else.
"""

import json
import os

from arguments import UserError

VARIABLE, SECRET = "HF_TOKEN", "HF_TOKEN_SECRET"


def use_secret() -> None:
    """Set HF_TOKEN from the secret that HF_TOKEN_SECRET names; a token that is there already wins.

    Raises  UserError if the secret can't be read or holds no token
    """
    name = os.environ.get(SECRET)
    if name and not os.environ.get(VARIABLE):
        os.environ[VARIABLE] = token_of(name, read(name))


def read(name: str) -> str:
    """The secret's text. Raises UserError, with what the role needs."""
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as err:
        raise UserError(f"{SECRET}={name}, and this image has no boto3 to read it.\n"
                        "Fix: boto3 in requirements.txt beside the script.") from err
    region = name.split(":")[3] if name.startswith("arn:") else _region()
    try:
        client = boto3.client("secretsmanager", region_name=region)
        return client.get_secret_value(SecretId=name).get("SecretString") or ""
    except (BotoCoreError, ClientError) as err:
        raise UserError(
            f"the secret {name!r} with the Hugging Face token can't be read in {region}: {err}\n"
            "Fix: it must be there, in the job's region, and the job's role must be allowed "
            "secretsmanager:GetSecretValue on it; or HF_TOKEN_SECRET goes, if the model is not gated."
        ) from err


def token_of(name: str, text: str) -> str:
    """The token in a secret's text, which is the token itself or JSON that has it under HF_TOKEN."""
    try:
        found = json.loads(text)
    except ValueError:
        found = text
    token = found.get(VARIABLE) if isinstance(found, dict) else found
    if not isinstance(token, str) or not token.strip() or set(token.strip()) & set(" \n"):
        keys = ", ".join(sorted(found)) if isinstance(found, dict) else ""
        has = f"the keys {keys}" if keys else f"{len(text)} characters"
        raise UserError(
            f"the secret {name!r} holds no token: it has {has}.\n"
            f'Fix: its value is the token alone, or {{"{VARIABLE}": "hf_…"}}.'
        )
    return token.strip()


def _region() -> str | None:
    """The job's region: SageMaker sets AWS_REGION in a training container."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
