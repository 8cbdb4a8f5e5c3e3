"""What the tests of money share: a session that says "aws" and reaches a pocketaws of fakes, a clean book."""

import os

import boto3
from tuneaws import config
from tuneaws.costs import book
from tuneaws.session import Session

ACCOUNT = "123456789012"
ANA = f"arn:aws:sts::{ACCOUNT}:assumed-role/Course/ana@example.com"
GPU = {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
LIMITS = {"budget_usd": 2, "total_budget_usd": 20}


def session_for(where: str, aws, folder, monkeypatch, lesson: str = "04_huggingface_estimator") -> Session:
    """A session whose calls go to this pocketaws, with its ledger in `folder` and Ana behind it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("TUNEAWS_LESSON", lesson)
    monkeypatch.setattr(book, "path_of", lambda facts: folder / "ledger.jsonl")
    for name in ("AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS", "AWS_SDK_UA_APP_ID"):  # set by sessions; not to stay
        monkeypatch.setenv(name, os.environ.get(name, ""))
        monkeypatch.delenv(name)
    boto = boto3.Session(region_name="us-east-1")
    url = aws.url if where == "local" else None
    return Session(where, "us-east-1", ACCOUNT, boto, ANA, url, folder if where == "local" else None)


def configured(where: str, **values):
    """A configuration with the tests' budgets and tags, which the guard takes too."""
    tags = {"project.tags": {"course": "costs-test"}, "project.name": "costs"}
    return config.load(where=where, **{**LIMITS, **tags, **values})
