"""The lessons as scripts: what they print, and that aws is not paid for without --yes."""

import os
import subprocess
import sys
from pathlib import Path

import create_s3_bucket
import pytest
import train_sagemaker
from moto import mock_aws
from tuneaws import config, prices, session

ROOT = Path(__file__).resolve().parents[1]


pytestmark = pytest.mark.usefixtures("same_environment")


@pytest.fixture
def in_local(local_aws, monkeypatch):
    """The scripts find the local AWS of this run by the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    return local_aws


@pytest.mark.parametrize("script", ["create_s3_bucket.py", "train_sagemaker.py", "clean.py"])
def test_a_script_explains_itself_at_once(script):
    env = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run([sys.executable, "-X", "importtime", ROOT / "code" / script, "--help"], env=env,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and f"python code/{script}" in done.stdout
    assert "sagemaker.core" not in done.stderr and "torch" not in done.stderr, "help must not import an SDK"


def test_the_bucket_is_made_and_a_second_run_changes_nothing(in_local, capsys):
    assert create_s3_bucket.main([]) == create_s3_bucket.main([]) == 0
    first, second = [line for line in capsys.readouterr().out.splitlines() if line.startswith("s3://")]
    assert first == second
    name = first.split("//")[1].split()[0]
    tags = in_local.client("s3").get_bucket_tagging(Bucket=name)["TagSet"]
    assert {"Key": "course", "Value": "tuneaws"} in tags


def test_a_wrong_configuration_is_said_and_nothing_is_made(tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_text((ROOT / "config.yaml").read_text().replace("region: us-east-1 ", "region: moon "))
    assert create_s3_bucket.main(["--config", str(path)]) == 1
    assert "ConfigError" in capsys.readouterr().err
    assert train_sagemaker.main(["--set", "training.lora_q=8"]) == 2
    assert "did you mean 'training.lora_r'?" in capsys.readouterr().err


def test_the_command_line_changes_the_configuration():
    args = train_sagemaker.parse(["--data", "rows.csv", "--max-steps", "7", "--set", "training.lora_r=8",
                                  "--set", "training.learning_rate=2e-4"])
    cfg = config.load(where=args.where, **train_sagemaker.overrides(args))
    assert (cfg.dataset.source, cfg.training.max_steps) == ("rows.csv", 7)
    assert (cfg.training.lora_r, cfg.training.learning_rate) == (8, 2e-4)


def test_data_that_is_not_there_stops_the_script_before_a_job(in_local, capsys, tmp_path):
    assert train_sagemaker.main(["--data", str(tmp_path / "none.csv"), "--out", str(tmp_path)]) == 2
    assert "DataError: there is no file" in capsys.readouterr().err


@pytest.mark.parametrize("arguments, words", [
    ([], "nothing was started. Add --yes"),
    (["--yes", "--set", "sagemaker.max_run_s=36000"], "this job costs 14.08 USD, budget_usd allows 2.00"),
    (["--yes", "--set", "sagemaker.keep_alive_s=21600"], "at worst this job costs 9.86 USD"),
])
def test_aws_shows_the_price_and_starts_nothing_without_yes_and_a_budget(monkeypatch, capsys, arguments,
                                                                         words):
    def never(*args, **kwargs):
        raise AssertionError("the script went on")

    price = prices.training_price("ml.g5.xlarge", "us-east-1")
    monkeypatch.setattr("tuneaws.buckets.ensure_bucket", never)
    monkeypatch.setattr("tuneaws.prices.from_api", lambda *args: price)
    with mock_aws():
        assert train_sagemaker.main(["--where", "aws", *arguments]) == 2
    shown = capsys.readouterr()
    assert words in shown.err
    assert "1 x ml.g5.xlarge in us-east-1, 1.408 USD an hour" in shown.out and "worst" in shown.out
    assert "REAL MONEY" in shown.out


def test_the_whole_way_from_rows_to_a_falling_loss(in_local, capsys, tmp_path):
    code = train_sagemaker.main([
        "--max-steps", "12", "--out", str(tmp_path), "--set", "dataset.train_rows=96",
        "--set", "dataset.validation_rows=16", "--set", "training.per_device_train_batch_size=8",
        "--set", "training.eval_steps=0", "--set", "training.logging_steps=1",
        "--set", "training.merge_weights=false"])
    out = capsys.readouterr().out
    assert code == 0, out
    assert "Training loss fell from" in out and "held-out loss ended at" in out
    pictures = list(tmp_path.glob("*-loss.png"))
    assert len(pictures) == 1 and pictures[0].stat().st_size > 5_000
    aws = session.connect("local")
    job = aws.client("sagemaker").list_training_jobs(NameContains="tuneaws-", SortBy="CreationTime",
                                                     SortOrder="Descending")["TrainingJobSummaries"][0]
    assert job["TrainingJobStatus"] == "Completed"
    tags = aws.client("sagemaker").list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
    assert {"Key": "course", "Value": "tuneaws"} in tags
