"""Who asks: account, identity, kind of credentials, region, and whether the clocks agree."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from tuneaws.doctor.check import FREE_WAY, failed, passed, warned

# "a request must reach AWS within five minutes of the time stamp in the request"
# (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html, 2026-11); S3 allows 15.
MOST_SKEW_S, NOTICED_SKEW_S = 300, 60
SOON_S = 2 * 3600  # credentials that end within this are renewed before a long lesson
LOGIN = "aws configure sso once, then aws sso login each day: such keys end by themselves after hours"


def account(subject):
    """The account is the one that config.yaml allows."""
    here, wanted = subject.session.account, subject.cfg.account
    if subject.local:
        return passed(f"{here}, the local AWS's own")
    if wanted is None:
        return warned(f"{here}; config.yaml does not say which account is meant",
                      f'account: "{here}" in config.yaml, so that no lesson runs in another by accident')
    if wanted != here:
        return failed(f"{here}, and config.yaml allows only {wanted}",
                      f"choose the right profile (AWS_PROFILE), or change account in config.yaml, {FREE_WAY}")
    return passed(f"{here}, the one of config.yaml")


def identity(subject):
    """AWS knows these credentials, and they are not the root user's."""
    arn = subject.client("sts").get_caller_identity()["Arn"]
    if not subject.local and arn.endswith(":root"):
        return warned(f"{arn}: the root user, whom no policy limits",
                      f"log in as a user or role of your own: {LOGIN}")
    return passed(arn)


def credentials(subject):
    """Keys that end by themselves, and not in the middle of a lesson."""
    if subject.local:
        return passed("the local AWS takes any key: nothing of yours is used")
    found = subject.session.boto.get_credentials()
    key, source = found.access_key, found.method
    if key.startswith("AKIA"):  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
        return warned(f"a long-lived access key (from {source}): whoever copies it can spend your money "
                      "until somebody deletes the key", f"{LOGIN}. Then delete this key in IAM")
    ends = _ends_at(found)
    left_s = (ends - datetime.now(timezone.utc)).total_seconds() if ends else None
    if left_s is not None and left_s < SOON_S and source == "env":  # the others are renewed by botocore
        return warned(f"temporary keys from the environment, which end in {max(0, left_s) / 60:.0f} minutes",
                      "take new ones now: a job goes on without them, a notebook does not")
    until = f", until {ends:%Y-%m-%d %H:%M} UTC" if ends else ""
    return passed(f"temporary keys (from {source}){until}")


def _ends_at(found):
    """When credentials end, None if nobody says: botocore's own note, or the shell's."""
    noted = getattr(found, "_expiry_time", None)
    text = os.environ.get("AWS_CREDENTIAL_EXPIRATION")
    if noted is None and found.method == "env" and text:
        try:
            noted = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            return None
    return noted.astimezone(timezone.utc) if noted else None


def region(subject):
    """The session's region is the configuration's, and Bedrock's is the same."""
    here, wanted, bedrock = subject.session.region, subject.cfg.region, subject.cfg.bedrock.region
    if here != wanted:
        return failed(f"the session is in {here}, config.yaml says {wanted}: buckets and jobs must be in one",
                      f"connect(region={wanted!r}), or region: {here} in config.yaml")
    said = {name: value for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if (value := os.environ.get(name))}
    if not subject.local and any(value != wanted for value in said.values()):
        shown = ", ".join(f"{name}={value}" for name, value in said.items())
        return warned(f"{here}; the environment says {shown}: a client made without a region goes there",
                      f"unset {' '.join(said)}, or set it to {wanted}")
    if bedrock != wanted:
        return warned(f"{here}; bedrock.region is {bedrock}: Bedrock's data needs a bucket of its own there",
                      f"bedrock.region: {wanted} in config.yaml, if the model can be tuned there")
    return passed(f"{here}, for SageMaker, S3 and Bedrock")


def clock(subject, now=time.time):
    """This machine's clock against AWS's: the Date of an answer of STS."""
    answer = subject.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]
    ahead_s = now() - parsedate_to_datetime(answer["date"]).timestamp()
    which = "ahead" if ahead_s > 0 else "behind"
    seen = f"this machine's clock is {abs(ahead_s):.0f} s {which}"
    fix = "set the clock by the network: timedatectl set-ntp true, or sudo sntp -sS time.apple.com on macOS"
    if abs(ahead_s) > MOST_SKEW_S:
        return failed(f"{seen}: AWS refuses what is signed over {MOST_SKEW_S} s off", fix)
    if abs(ahead_s) > NOTICED_SKEW_S:
        return warned(seen, fix)
    return passed(f"within {max(1, round(abs(ahead_s)))} s of AWS's clock")
