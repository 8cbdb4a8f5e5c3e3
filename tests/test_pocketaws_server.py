"""How a local AWS starts, refuses to start, ends and is killed."""

import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request

import psutil
import pytest
from local_server import ROOT, TRUST, Process, client, until

# A script that starts a child of its own, prints both process ids, and ignores SIGTERM as the child does.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, "
                          "signal.SIG_IGN); time.sleep(600)"])
print("pids", os.getpid(), child.pid, flush=True)
time.sleep(600)
"""


def about(url: str) -> dict:
    with urllib.request.urlopen(f"{url}/_pocketaws", timeout=10) as answer:
        return json.load(answer)


def test_one_ready_line_and_it_answers(tmp_path):
    with Process(tmp_path / "home", "--port", "0") as server:
        url = server.url()
        assert url.startswith("http://127.0.0.1:")
        said = about(url)
        assert said["service"] == "pocketaws"
        assert (said["home"], said["pid"], said["region"]) == (
            str(tmp_path / "home"),
            server.pid,
            "us-east-1",
        )
        assert said["account"] == "123456789012"
        running = json.loads((tmp_path / "home" / "server.json").read_text())
        assert running == {"url": url, "pid": server.pid, "version": said["version"]}
        server.send(signal.SIGTERM)
        assert server.end()[:2] == (0, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_exit_status_0_and_nothing_left(tmp_path, number):
    with Process(tmp_path, "--port", "0") as server:
        server.url()
        server.send(number)
        status, lines, complaints = server.end()
    assert (status, lines, complaints) == (0, [], "")
    assert not (tmp_path / "server.json").exists()


def test_it_listens_on_loopback_only(tmp_path):
    with Process(tmp_path, "--port", "0") as server:
        server.url()
        listening = [c for c in psutil.Process(server.pid).net_connections() if c.status == "LISTEN"]
        assert [c.laddr.ip for c in listening] == ["127.0.0.1"]


def test_a_region_can_be_chosen(tmp_path):
    with Process(tmp_path, "--port", "0", "--region", "eu-west-1") as server:
        assert about(server.url())["region"] == "eu-west-1"


def test_a_port_in_use_is_one_clear_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with Process(tmp_path, "--port", port) as server:
            status, lines, complaints = server.end()
    assert (status, lines) == (1, [])
    assert (
        complaints
        == f"pocketaws: port {port} is in use. Name another with --port, or --port 0 for a free one.\n"
    )
    with Process(tmp_path, "--port", "0") as server:
        server.url()


def test_a_second_one_on_the_same_home_is_one_clear_line(tmp_path):
    with Process(tmp_path, "--port", "0") as first:
        url = first.url()
        with Process(tmp_path, "--port", "0") as second:
            status, lines, complaints = second.end()
        assert (status, lines) == (1, [])
        assert complaints == (
            f"pocketaws: another pocketaws (process {first.pid}, {url}) uses {tmp_path}. Use that one, end "
            "it, or name another home with --home.\n"
        )
        assert about(url)["pid"] == first.pid, "the first one goes on"


@pytest.mark.parametrize("name", ["home", "home/state", "home/pocketaws.log/x"])
def test_a_home_that_cannot_be_used_is_one_clear_line(tmp_path, name):
    home, there = tmp_path / "home", tmp_path / name
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_text("")
    with Process(home, "--port", "0") as server:
        status, lines, complaints = server.end()
    assert (status, lines) == (1, [])
    assert complaints.startswith(f"pocketaws: cannot use {home} as home: ")
    assert complaints.count("\n") == 1


def test_a_read_only_home_is_one_clear_line(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere: this needs an ordinary user")
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with Process(tmp_path, "--port", "0") as server:
            status, _, complaints = server.end()
    finally:
        tmp_path.chmod(stat.S_IRWXU)
    assert status == 1
    assert complaints.startswith("pocketaws: cannot use ") and complaints.count("\n") == 1


def test_after_sigkill_the_next_start_is_clean(tmp_path):
    with Process(tmp_path, "--port", "0") as killed:
        killed.url()
        stale = tmp_path / "jobs" / "of-the-killed-one" / "algo-1"
        stale.mkdir(parents=True)
        killed.send(signal.SIGKILL)
        assert killed.end()[0] == -signal.SIGKILL
    assert (tmp_path / "server.json").exists()
    with Process(tmp_path, "--port", "0") as server:
        url = server.url()
        assert json.loads((tmp_path / "server.json").read_text())["url"] == url
        assert not stale.exists() and not list((tmp_path / "jobs").glob("*"))
        assert client(url, "sagemaker").list_training_jobs()["TrainingJobSummaries"] == []


def test_an_old_lock_file_that_nobody_holds_does_not_stop_it(tmp_path):
    (tmp_path / "lock").write_text("")
    with open(tmp_path / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
    with Process(tmp_path, "--port", "0") as server:
        assert about(server.url())


def test_it_runs_with_nobody_reading_its_output(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [sys.executable, "-m", "pocketaws", "--home", str(tmp_path), "--port", "0"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "code")},
        stdout=writing,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        until(lambda: (tmp_path / "server.json").exists())
        url = json.loads((tmp_path / "server.json").read_text())["url"]
        assert until(lambda: about(url))["pid"] == process.pid
        process.terminate()
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()


def start_a_stubborn_job(url: str) -> list[int]:
    """Start a job whose script and its child ignore SIGTERM; their process ids, once both run."""
    iam, s3, sagemaker, logs = (client(url, name) for name in ("iam", "s3", "sagemaker", "logs"))
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    s3.create_bucket(Bucket="jobs")
    s3.put_object(Bucket="jobs", Key="data/stubborn.py", Body=STUBBORN.encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://jobs/data"}
    sagemaker.create_training_job(
        TrainingJobName="stubborn",
        RoleArn=role,
        AlgorithmSpecification={
            "TrainingImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/python:3",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python", "/opt/ml/input/data/training/stubborn.py"],
        },
        InputDataConfig=[{"ChannelName": "training", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": "s3://jobs/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )

    def pids():
        group = "/aws/sagemaker/TrainingJobs"
        groups = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        events = logs.filter_log_events(logGroupName=group)["events"] if groups else []
        lines = [event["message"].split() for event in events if event["message"].startswith("pids ")]
        status = sagemaker.describe_training_job(TrainingJobName="stubborn")
        assert status["TrainingJobStatus"] == "InProgress", status.get("FailureReason")
        return [int(word) for word in lines[0][1:]] if lines else []

    return until(pids, within_s=60)


def alive(pids: list[int]) -> list[int]:
    """Those of the processes that still run."""
    found = []
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except psutil.NoSuchProcess:
            pass
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_training_process_outlives_the_server(tmp_path, number):
    with Process(tmp_path, "--port", "0") as server:
        pids = start_a_stubborn_job(server.url())
        family = [process.pid for process in psutil.Process(server.pid).children(recursive=True)]
        assert set(pids) == set(alive(pids)) and len(pids) == 2
        server.send(number)
        status, _, complaints = server.end(within_s=60)
        assert (status, complaints) == ((-9, "") if number == signal.SIGKILL else (0, ""))
        if number == signal.SIGKILL:  # nobody was left to end them: they notice it themselves
            until(lambda: not alive(pids + family), within_s=30)
        assert not alive(pids + family)
    with Process(tmp_path, "--port", "0") as server:
        server.url()
        assert not list((tmp_path / "jobs").glob("*"))
