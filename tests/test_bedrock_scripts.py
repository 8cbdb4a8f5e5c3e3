"""prepare_bedrock_data.py and train_bedrock.py: what they print; aws is not paid for without --yes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import prepare_bedrock_data
import pytest
import train_bedrock
from moto import mock_aws
from tuneaws import bedrock_jobs, config, environment, handover, launch, session

ROOT = Path(__file__).resolve().parents[1]
SMALL = [f"--set=dataset.{name}={count}"
         for name, count in (("train_rows", 48), ("validation_rows", 16), ("test_rows", 16))]  # fmt: skip
MODEL = "amazon.nova-micro-v1:0:128k"

pytestmark = pytest.mark.usefixtures("same_environment")


@pytest.mark.parametrize("script", ["prepare_bedrock_data.py", "train_bedrock.py"])
def test_a_script_explains_itself_at_once(script):
    env = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run([sys.executable, "-X", "importtime", ROOT / "code" / script, "--help"], env=env,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and f"python code/{script}" in done.stdout
    assert "boto3" not in done.stderr and "torch" not in done.stderr, "help must not import an SDK"


def test_a_table_becomes_two_checked_files_without_an_aws(tmp_path, capsys):
    rows = "".join(f"Wie viel ist {n}?,{n}.\n" for n in range(300))
    (tmp_path / "my.csv").write_text("Frage,Antwort\n" + rows + ",leer\n")
    code = prepare_bedrock_data.main([
        str(tmp_path / "my.csv"), "--columns", "prompt=Frage,completion=Antwort", "--validation", "20",
        "--model", "meta.llama3-1-8b-instruct-v1:0", "--out", str(tmp_path / "out")])
    out = capsys.readouterr().out
    assert code == 0, out
    assert "301 rows read, 300 written" in out and "1 dropped: empty Frage (row 301)" in out
    assert "280 to " in out and "20 to " in out and "nothing is wrong" in out
    first = json.loads((tmp_path / "out" / "training.jsonl").read_text().splitlines()[0])
    assert first == {"prompt": "Wie viel ist 0?", "completion": "0."}


def test_a_broken_file_is_checked_and_its_lines_are_named(tmp_path, capsys):
    (tmp_path / "t.jsonl").write_text("{}\n" * 8)
    assert prepare_bedrock_data.main(["--check", str(tmp_path / "t.jsonl")]) == 1
    assert "t.jsonl line 8: a conversation record needs messages (missing-m" in capsys.readouterr().out
    assert prepare_bedrock_data.main(["--check", str(tmp_path / "none.jsonl")]) == 2
    assert prepare_bedrock_data.main([str(tmp_path / "t.jsonl"), "--model", "gpt"]) == 2
    assert "the data rules of 'gpt' are not known here" in capsys.readouterr().err


def test_a_tenth_of_a_small_file_is_for_validation_unless_told_otherwise(tmp_path, capsys):
    (tmp_path / "small.csv").write_text("question,answer\n" + "".join(f"{n}?,{n}.\n" for n in range(40)))
    source = [str(tmp_path / "small.csv"), "--out", str(tmp_path / "out")]
    assert prepare_bedrock_data.main(source) == 0
    said = capsys.readouterr().out
    assert "36 to " in said and "4 to " in said
    assert prepare_bedrock_data.main([*source, "--validation", "35"]) == 2
    assert "5 training and 35 validation records are left" in capsys.readouterr().err
    made = str(tmp_path / "out" / "training.jsonl")
    assert prepare_bedrock_data.main([made, "--out", str(tmp_path / "again")]) == 2
    assert "Fix: these are records for Bedrock already: check()" in capsys.readouterr().err
    assert prepare_bedrock_data.main([*source, "--summaries"]) == 2
    assert "40 dropped: no dialogue" in (said := capsys.readouterr().err) and "Fix: dataset.fields" in said


@pytest.mark.parametrize("arguments, words", [
    (["rows.csv", "--validation", "-5"], "--validation -5: 0 or more"),
    (["rows.csv", "--with", "rows.csv"], "--with is for --check"),
    (["--check", "."], ". is a folder: check one file at a time"),
    ([], "give a source, or --check"),
])
def test_a_command_line_that_means_nothing_is_refused(capsys, arguments, words):
    with pytest.raises(SystemExit):
        prepare_bedrock_data.main(arguments)
    assert words in capsys.readouterr().err


def test_data_that_is_not_there_stops_the_script_before_a_job(local_aws, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    assert train_bedrock.main(["--data", str(tmp_path / "none.csv"), "--out", str(tmp_path)]) == 2
    assert "DataError: there is no file" in capsys.readouterr().err


@pytest.mark.parametrize("setting, words", [
    ("bedrock.epoch=2", "did you mean 'bedrock.epochs'?"),
    ("bedrock.epochs=50", "epochCount = '50'. Fix: 1 to 5"),
    ("bedrock.model_id=meta.llama3-2-1b-instruct-v1:0", "can be tuned here: amazon.nova-micro-v1:0:128k"),
])
def test_what_cannot_be_tuned_is_said_before_any_file_is_made(local_aws, monkeypatch, tmp_path, capsys,
                                                              setting, words):
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    assert train_bedrock.main(["--out", str(tmp_path / "out"), "--set", setting]) == 2
    assert words in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments, words", [
    ([], "nothing was started. Add --yes"),
    (["--yes", "--set", "budget_usd=0.01"], "budget_usd allows 0.01"),
    (["--yes", "--set", "budget_usd=0.04", "--set", "bedrock.epochs=2"], "at worst this job costs 0.0"),
])
def test_aws_shows_the_price_and_starts_nothing_without_yes_and_a_budget(monkeypatch, capsys, tmp_path,
                                                                         arguments, words):
    def never(*args, **kwargs):
        raise AssertionError("the script went on")

    monkeypatch.setattr("tuneaws.buckets.ensure_bucket", never)
    monkeypatch.setattr("tuneaws.bedrock_jobs.start", never)
    monkeypatch.setattr("tuneaws.bedrock_jobs.gate", lambda *args: MODEL)
    monkeypatch.setattr("tuneaws.bedrock_jobs.pricing.from_api",
                        lambda *args: bedrock_jobs.TokenPrice(MODEL, "us-east-1", 0.001, 1.95, "2026-11-22"))
    with mock_aws():
        assert train_bedrock.main(["--where", "aws", "--out", str(tmp_path), *SMALL, *arguments]) == 2
    shown = capsys.readouterr()
    assert words in shown.err
    assert "0.001 USD for 1,000 tokens, seen 2026-11-22" in shown.out and "worst" in shown.out
    assert "REAL MONEY" in shown.out


# --- one model is tuned for all of these


@pytest.fixture(scope="module")
def tuned(local_aws) -> SimpleNamespace:
    """.job, .aws, .cfg, .bucket, .rows of a model that find_or_tune() made of 96 rows."""
    sizes = {"dataset.train_rows": 96, "dataset.validation_rows": 16, "dataset.test_rows": 16}
    cfg = config.load(**sizes, **{"bedrock.warmup_steps": 1, "project.name": "tuneaws-script",
                                  "project.tags": {"course": "script-test"}})  # fmt: skip
    before = dict(os.environ)
    os.environ["AWS_ENDPOINT_URL"] = local_aws.url
    try:
        aws = session.connect("local", cfg.bedrock.region)
        bucket = launch.ensure_bucket(cfg, aws)
        rows = handover.find_or_make_rows(aws.client("s3"), bucket, cfg.dataset, cfg.prompt)
        job = bedrock_jobs.find_or_tune(cfg, aws, bucket, rows)
    finally:
        environment.leave()
        os.environ.clear()
        os.environ.update(before)
    return SimpleNamespace(job=job, aws=aws, cfg=cfg, bucket=bucket, rows=rows)


def test_the_lessons_tune_a_model_once_and_find_it_the_next_time(tuned, capsys):
    job, bedrock = tuned.job, tuned.aws.client("bedrock")
    assert job["status"] == "Completed" and "custom-model/" in job["outputModelArn"]
    assert [row["status"] for row in bedrock_jobs.timeline(job)] == ["Completed"] * 3
    table = bedrock_jobs.losses(tuned.aws.client("s3"), job)
    assert sum("train:loss" in row for row in table) == 6 and "eval:loss" in table[-1]
    assert bedrock_jobs.newest(bedrock, tuned.cfg.project.tags)["jobArn"] == job["jobArn"]
    again = bedrock_jobs.find_or_tune(tuned.cfg, tuned.aws, tuned.bucket, tuned.rows)
    assert again["jobArn"] == job["jobArn"]
    assert f"model: from {job['jobName']}" in capsys.readouterr().out


def test_the_script_sends_checked_files_and_draws_a_falling_loss(tuned, local_aws, monkeypatch, capsys,
                                                                 tmp_path):
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    sent = []
    monkeypatch.setattr("tuneaws.bedrock_jobs.start", lambda bedrock, asked: sent.append(asked) or tuned.job)
    assert train_bedrock.main(["--out", str(tmp_path), *SMALL, "--set", "bedrock.epochs=3"]) == 0
    out = capsys.readouterr().out
    assert "Training loss fell from" in out and "held-out loss ended at" in out and "worst" in out
    assert f"{tuned.job['jobName']} made arn:aws:bedrock:us-east-1:" in out
    pictures = list(tmp_path.glob("*-loss.png"))
    assert len(pictures) == 1 and pictures[0].stat().st_size > 5_000
    assert sent[0]["baseModelIdentifier"] == MODEL and sent[0]["hyperParameters"]["epochCount"] == "3"
    bucket, _, key = sent[0]["trainingDataConfig"]["s3Uri"].removeprefix("s3://").partition("/")
    body = tuned.aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    assert len(body.splitlines()) == 48 and {"key": "course", "value": "tuneaws"} in sent[0]["jobTags"]
    assert "by the month: " in out and f"custom model {tuned.job['jobName']}" not in out  # of other tags


def test_a_job_can_be_watched_again_by_its_name(tuned, local_aws, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    assert train_bedrock.main(["--watch", tuned.job["jobName"], "--out", str(tmp_path)]) == 0
    assert "The curve: " in capsys.readouterr().out
    assert train_bedrock.main(["--watch", "none", "--out", str(tmp_path)]) == 2
    assert "there is no customization job 'none'" in capsys.readouterr().err
