"""The Hugging Face token: read from .env, kept in Secrets Manager, named in a job, refused anywhere else."""

import os

import boto3
import pytest
import secret_scan
from tuneaws import calls, config, launch, raw_launch, secrets, session
from tuneaws.calls.tokens import TokenInRequest

TOKEN = secret_scan.PLANTED["HF_TOKEN"]
NAME = "tuneaws/hf-token"


@pytest.fixture
def cfg():
    return config.load(**{"model.hf_token_secret": NAME})


@pytest.fixture
def aws(local_aws, same_environment):
    return session.connect("local", home=local_aws.home)


@pytest.fixture
def no_token(monkeypatch):
    for name in (*secrets.NAMES, "TUNEAWS_A", "TUNEAWS_B"):
        monkeypatch.delenv(name, raising=False)


# --- .env


def test_dotenv_sets_what_the_shell_has_not_and_never_overrides(tmp_path, monkeypatch, no_token):
    monkeypatch.setenv("TUNEAWS_A", "of the shell")
    file = tmp_path / ".env"
    two = 'export TUNEAWS_B="two words"'
    file.write_text(f"# mine\nTUNEAWS_A=of the file\n{two}\nHF_TOKEN={TOKEN}\nEMPTY=\n")
    assert secrets.load_env(file) == ["HF_TOKEN", "TUNEAWS_B"]
    assert (os.environ["TUNEAWS_A"], os.environ["TUNEAWS_B"]) == ("of the shell", "two words")
    assert secrets.hf_token() == TOKEN
    assert secrets.load_env(file) == [] and secrets.load_env(tmp_path / "none") == []


def test_the_example_sets_nothing_and_git_sees_no_dotenv(course_root):
    assert secrets.load_env(course_root / ".env.example") == []
    text = (course_root / ".env.example").read_text()
    assert "AWS_PROFILE" in text and "HF_TOKEN" in text and "sso" in text and "AKIA" in text
    assert "/.env" in (course_root / ".gitignore").read_text().splitlines()


def test_a_configuration_takes_the_name_of_a_secret_and_no_token():
    assert config.load().model.hf_token_secret is None
    with pytest.raises(config.ConfigError, match="never the token"):
        config.load(**{"model.hf_token_secret": TOKEN})


# --- in requests


def test_a_job_is_told_the_name_of_the_secret_and_nothing_without_one(cfg, aws):
    assert secrets.job_environment(config.load()) == {}
    request = launch.estimator_from(cfg, aws, "bucket").request({"training": "s3://bucket/rows/"})
    assert request["Environment"] == {"HF_TOKEN_SECRET": NAME}
    raw = raw_launch.request_from(cfg, aws, "bucket", "a-job", "s3://bucket/code.tar.gz", {})
    assert raw["Environment"]["HF_TOKEN_SECRET"] == NAME
    without = launch.estimator_from(config.load(), aws, "bucket").request({"training": "s3://bucket/rows/"})
    assert "Environment" not in without


@pytest.mark.parametrize("member, text", [
    ("HyperParameters", TOKEN), ("Environment", f"token={TOKEN}"),
    ("Environment", secret_scan.PLANTED["AWS_ACCESS_KEY_ID"]),
    ("Environment", "the value of my own variable")],
    ids=["Hugging Face's", "within a text", "an access key", "a value of the environment"])
def test_a_token_in_a_request_is_not_sent_whoever_sends_it(member, text, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the value of my own variable")
    boto = boto3.Session(region_name="us-east-1")
    calls.install(boto, calls.Facts("aws", "us-east-1", "123456789012", "", None))
    sm = boto.client("sagemaker", endpoint_url="http://127.0.0.1:9")  # nothing listens: sending it would fail
    request = {"TrainingJobName": "a", "AlgorithmSpecification": {"TrainingInputMode": "File"},
               "RoleArn": "r" * 30, "StoppingCondition": {"MaxRuntimeInSeconds": 60},
               "OutputDataConfig": {"S3OutputPath": "s3://b/"},
               "ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
               member: {"hf": text}}
    with pytest.raises(TokenInRequest, match=f"{member}.hf holds") as refused:
        sm.create_training_job(**request)
    assert "keep_token" in str(refused.value) and text not in str(refused.value)


def test_short_values_and_ordinary_texts_are_no_tokens(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "pocketaws")
    fine = {"a": "pocketaws/chat-1m", "b": ["hf_hub", "s3://b/hf_x"], "c": b"bytes", "d": 3, "e": "AKIA"}
    assert secrets.token_in(fine) is None
    assert secrets.token_in({"a": [{"b": TOKEN}]}) == ("a.0.b", "a Hugging Face token")


# --- in Secrets Manager


def test_the_token_is_kept_with_the_tags_and_replaced(cfg, aws, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    client = aws.client("secretsmanager")
    arn = secrets.keep_token(aws, cfg)
    assert secrets.keep_token(aws, cfg) == arn
    assert {"Key": "course", "Value": "tuneaws"} in secrets.describe(client, NAME)["Tags"]
    kept = client.get_secret_value(SecretId=NAME)["SecretString"]
    assert kept == secrets.STAND_IN, "local keeps no real one"
    client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    assert secrets.describe(client, NAME) is None


def test_somebody_elses_secret_is_left_alone(aws, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    client = aws.client("secretsmanager")
    client.create_secret(Name="theirs", SecretString="x", Tags=[{"Key": "course", "Value": "Tuneaws"}])
    with pytest.raises(secrets.SecretError, match="without the course's tags"):
        secrets.keep_token(aws, config.load(**{"model.hf_token_secret": "theirs"}))
    assert client.get_secret_value(SecretId="theirs")["SecretString"] == "x"
    client.delete_secret(SecretId="theirs", ForceDeleteWithoutRecovery=True)


class OnAws:
    where = "aws"

    def client(self, service):
        return None


def test_without_a_name_or_a_token_it_says_what_to_do(cfg, no_token):
    with pytest.raises(secrets.SecretError, match="config.yaml names no secret"):
        secrets.keep_token(OnAws(), config.load())
    with pytest.raises(secrets.SecretError, match="copy .env.example to .env"):
        secrets.keep_token(OnAws(), cfg)
