"""The training script takes the token for a gated model from the secret that its job names."""

import argparse
import io
import os
import sys
import tarfile

import pytest
import secret_scan
from tuneaws.estimator.source import pack, roots

TOKEN = secret_scan.PLANTED["HF_TOKEN"]


@pytest.fixture
def hub_token(course_root, monkeypatch):
    monkeypatch.syspath_prepend(str(course_root / "code" / "container" / "training"))
    import hub_token

    return hub_token


@pytest.fixture
def in_job(local_aws, monkeypatch):
    """in_job("name") is the environment of a job that names a secret; keep("name", text) makes one."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    client, made = local_aws.client("secretsmanager"), []

    def keep(name, text):
        made.append(client.create_secret(Name=name, SecretString=text)["ARN"])
        monkeypatch.setenv("HF_TOKEN_SECRET", name)
        return made[-1]

    yield keep
    for arn in made:
        client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


@pytest.mark.parametrize("text", [TOKEN, f" {TOKEN}\n", f'{{"HF_TOKEN": "{TOKEN}"}}'],
                         ids=["plain", "with a line end", "key and value"])  # fmt: skip
def test_the_token_comes_from_the_secret(hub_token, in_job, text, monkeypatch):
    arn = in_job("hub-token/a", text)
    hub_token.use_secret()
    assert os.environ.pop("HF_TOKEN") == TOKEN
    monkeypatch.setenv("HF_TOKEN_SECRET", arn)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    hub_token.use_secret()
    assert os.environ.pop("HF_TOKEN") == TOKEN, "an ARN says its region"


def test_a_token_that_is_there_wins_and_without_a_name_nothing_is_asked(hub_token, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_TOKEN_SECRET", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    hub_token.use_secret()
    monkeypatch.setenv("HF_TOKEN_SECRET", "any")
    monkeypatch.setenv("HF_TOKEN", "there")
    hub_token.use_secret()
    assert os.environ["HF_TOKEN"] == "there"


@pytest.mark.parametrize("text, has", [('{"token": "x"}', "the keys token"), ("two words", "9 characters")])
def test_a_secret_without_a_token_says_what_it_must_hold(hub_token, in_job, text, has):
    in_job("hub-token/b", text)
    with pytest.raises(sys.modules["arguments"].UserError, match=f"holds no token: it has {has}") as refused:
        hub_token.use_secret()
    assert text not in str(refused.value)


def test_a_secret_that_is_not_there_says_what_the_role_needs(hub_token, in_job, monkeypatch):
    monkeypatch.setenv("HF_TOKEN_SECRET", "hub-token/none")
    with pytest.raises(sys.modules["arguments"].UserError, match="secretsmanager:GetSecretValue"):
        hub_token.use_secret()


def test_the_trainer_asks_for_it_before_the_hub_and_not_for_files_of_its_own(hub_token, in_job, monkeypatch,
                                                                             tmp_path):  # fmt: skip
    from qlora import base_files

    monkeypatch.setenv("HF_TOKEN_SECRET", "hub-token/none")
    with pytest.raises(sys.modules["arguments"].UserError, match="hub-token/none"):
        base_files(argparse.Namespace(model=None, model_id="somebody/gated"))
    (tmp_path / "config.json").write_text("{}")
    assert base_files(argparse.Namespace(model=str(tmp_path), model_id="x"))[1] == tmp_path


def test_a_file_of_secrets_is_not_packed_with_the_source(tmp_path):
    (tmp_path / "inner").mkdir()
    for name in ("train.py", ".env", "inner/.env", "inner/.env.example", "inner/a.py"):
        (tmp_path / name).write_text("x")
    target = io.BytesIO()
    pack(roots("", str(tmp_path)), target)
    names = tarfile.open(fileobj=io.BytesIO(target.getvalue())).getnames()
    assert sorted(names) == ["inner", "inner/.env.example", "inner/a.py", "train.py"]
