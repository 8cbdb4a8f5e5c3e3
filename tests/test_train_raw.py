"""The raw job of the configuration, and its script: the price first, the request shown, refusals not done."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import train_raw
from moto import mock_aws
from tuneaws import config, data, prices, raw_jobs, raw_launch, session

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
    import os, pathlib, sys
    names = sorted(path.name for path in pathlib.Path(os.environ["SM_CHANNEL_TRAINING"]).iterdir())
    print("files", names, "arguments", sys.argv[1:], flush=True)
    for step in range(1, 6):
        print(f"[metric] step={step} loss={5 / step:.4f} tokens_per_s=1000.0", flush=True)
    (pathlib.Path(os.environ["SM_MODEL_DIR"]) / "weights.txt").write_text("learnt")
"""

pytestmark = pytest.mark.usefixtures("same_environment")


@pytest.fixture
def in_local(local_aws, monkeypatch, tmp_path):
    """The script finds the local AWS of this run, and trains a script that needs no torch."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    folder = tmp_path / "training"
    folder.mkdir()
    (folder / "finetune.py").write_text(textwrap.dedent(SCRIPT))
    monkeypatch.setattr(raw_launch, "SOURCE_DIR", folder)
    return local_aws


@pytest.fixture
def rows(tmp_path):
    """A folder with a CSV and a JSONL of question and answer."""
    folder = tmp_path / "rows"
    folder.mkdir()
    lines = ["question,answer", *(f"What is {n}?,It is {n}." for n in range(30))]
    (folder / "a.csv").write_text("\n".join(lines) + "\n")
    twice = json.dumps({"question": "Who?", "answer": "Nobody, nowhere."}) + "\n"
    (folder / "b.jsonl").write_text(twice * 2)
    return folder


def jobs(local_aws, **wanted) -> list:
    found = local_aws.client("sagemaker").list_training_jobs(SortBy="CreationTime", SortOrder="Descending",
                                                             **wanted)
    return [job["TrainingJobName"] for job in found["TrainingJobSummaries"]]


def test_the_script_explains_itself_without_an_sdk():
    done = subprocess.run([sys.executable, "-X", "importtime", ROOT / "code/train_raw.py", "--help"],
                          env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "python code/train_raw.py" in done.stdout
    assert "sagemaker" not in done.stderr and "torch" not in done.stderr and "boto3" not in done.stderr


def test_a_folder_of_files_becomes_a_job_whose_price_and_request_are_shown(in_local, rows, capsys, tmp_path):
    assert train_raw.main([str(rows), "--out", str(tmp_path / "out"), "--max-steps", "5"]) == 0
    out = capsys.readouterr().out
    assert "32 rows read, 31 kept" in out and "tokens in 31 rows" in out
    assert "here it costs nothing. On AWS:" in out
    assert out.index("worst       1.41 USD") < out.index("TrainingJobName = ") < out.index("  Completed ")
    assert "Training loss fell from 5.00 to 1.00" in out
    log = in_local.client("logs")
    name = jobs(in_local)[0]
    stream = log.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs",
                                      logStreamNamePrefix=name)["logStreams"][0]["logStreamName"]
    lines = "".join(event["message"] for event in log.get_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=stream, startFromHead=True)["events"])
    assert "files ['a.csv', 'b.jsonl']" in lines and "'--base_model', 'pocketaws/chat-1m'" in lines
    assert "'--batch_size', '16'" in lines and "'--max_sequence_length', '768'" in lines
    assert train_raw.main(["--list"]) == 0
    assert name in capsys.readouterr().out


def test_print_shows_the_request_and_sends_nothing(in_local, rows, capsys, tmp_path):
    before = jobs(in_local)
    fields = "prompt=question,completion=answer"
    assert train_raw.main([str(rows), "--print", "--out", str(tmp_path), "--fields", fields]) == 0
    out = capsys.readouterr().out
    assert "InputDataConfig.code = s3://" in out and "packed 1 file" not in out and jobs(in_local) == before
    assert f'HyperParameters.fields = "{fields}"' in out


@pytest.mark.parametrize("more, said", [([], "With --or-local"), (["--or-local"], "")])
def test_a_refused_job_is_not_done_even_if_it_runs_here(in_local, rows, capsys, tmp_path, more, said):
    quotas = in_local.home / "quotas.json"
    quotas.write_text(json.dumps({"ml.g5.xlarge for training job usage": 0}))
    try:
        assert train_raw.main([str(rows), "--out", str(tmp_path / "out"), *more]) == 3
    finally:
        quotas.unlink()
    shown = capsys.readouterr()
    assert "NoQuota: the quota 'ml.g5.xlarge for training job usage' refuses this job" in shown.err
    assert said in shown.err and "Training loss fell" not in shown.out
    assert ("ran on THIS MACHINE" in shown.out) is bool(more)
    assert jobs(in_local)[0].endswith("-local") is bool(more)


@pytest.mark.parametrize("arguments, words", [
    ([], "nothing was started. Add --yes"),
    (["--yes", "--set", "sagemaker.max_run_s=36000"], "this job costs 14.08 USD, budget_usd allows 2.00"),
    (["--yes", "--set", "model.id=nobody/nothing"], "'nobody/nothing' is not in the catalogue"),
])
def test_aws_shows_the_price_and_starts_nothing_without_yes_and_a_budget(monkeypatch, rows, capsys, arguments,
                                                                         words, tmp_path):
    def never(*args, **kwargs):
        raise AssertionError("the script went on")

    price = prices.training_price("ml.g5.xlarge", "us-east-1")
    monkeypatch.setattr("tuneaws.launch.ensure_bucket", never)
    monkeypatch.setattr("tuneaws.prices.from_api", lambda *args: price)
    monkeypatch.setattr("tuneaws.job_costs.measured", lambda *args: None)
    with mock_aws():
        assert train_raw.main([str(rows), "--where", "aws", "--out", str(tmp_path / "out"), *arguments]) == 2
    shown = capsys.readouterr()
    assert words in shown.err and "REAL MONEY" in shown.out
    assert ("1 x ml.g5.xlarge in us-east-1, 1.408 USD an hour" in shown.out) is ("nobody" not in words)


@pytest.mark.parametrize("path, words", [("none.csv", "none.csv"), ("empty.csv", "empty.csv")])
def test_data_that_cannot_be_used_stops_the_script_before_a_job(in_local, capsys, tmp_path, path, words):
    (tmp_path / "empty.csv").write_text("question,answer\n")
    before = jobs(in_local)
    assert train_raw.main([str(tmp_path / path), "--out", str(tmp_path / "out")]) == 2
    assert "DataError" in (shown := capsys.readouterr().err) and words in shown and jobs(in_local) == before
    with pytest.raises(data.DataError, match="there is no file at"):
        raw_launch.upload_files(None, tmp_path / "nothing", "b", "p")


def test_the_request_of_the_configuration_has_every_hyperparameter_by_the_scripts_names(in_local):
    cfg = config.load(where="local", **{"training.save_steps": 5})
    aws = session.connect("local")
    name, uri = "job-1", "s3://b/uploads/"
    request = raw_launch.request_from(cfg, aws, "b", name, "s3://b/code.tar.gz", {"training": uri})
    given = {key: value for key, value in raw_jobs.members(request) if key.startswith("HyperParameters.")}
    own = [key for key in given if not key.startswith("HyperParameters.sagemaker_")]
    assert len(own) == len(cfg.training.hyperparameters()) and given["HyperParameters.batch_size"] == "16"
    assert request["CheckpointConfig"] == {"S3Uri": "s3://b/checkpoints/job-1"}
    spot = config.load(where="local", **{"sagemaker.spot": True})
    asked = raw_launch.request_from(spot, aws, "b", name, "s3://b/code.tar.gz", {"training": uri})
    assert asked["EnableManagedSpotTraining"] and asked["StoppingCondition"]["MaxWaitTimeInSeconds"] == 1800


def test_steps_are_priced_as_the_rows_that_they_read():
    by_epochs = config.load(where="aws", **{"training.epochs": 3}).training
    by_steps = config.load(where="aws", **{"training.epochs": 3, "training.max_steps": 10}).training
    assert raw_launch.epochs_of(by_epochs, 320) == 3
    assert raw_launch.epochs_of(by_steps, 320) == 10 * 8 * 2 / 320


def test_a_model_tuned_for_chats_has_the_size_of_its_base():
    assert raw_launch.size_of("Qwen/Qwen2.5-0.5B-Instruct") == raw_launch.size_of("Qwen/Qwen2.5-0.5B")
    assert raw_launch.size_of(config.load(where="aws").model.id) == 494_032_768
