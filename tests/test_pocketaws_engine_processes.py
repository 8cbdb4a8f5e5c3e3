"""Training jobs as processes: how they end, what they leave, and that nothing of them stays behind."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from engine_aid import a_bare_aws, a_bench, alive, gone  # noqa: F401  (fixtures)
from pocketaws.keeping import cut_off
from pocketaws.sagemaker.job import TrainingJob
from pocketaws.training.engine import Engine

ROOT = Path(__file__).resolve().parents[1]
FOREVER = "import signal; print('running', flush=True)\nwhile True: signal.pause()"


def pids(lines: list[str]) -> list[int]:
    """Every N of the log's lines "pid N"."""
    return [int(line.split()[1]) for line in lines if line.startswith("pid ")]


def test_a_script_that_succeeds_goes_through_awss_statuses_in_order(bench):
    job = bench.run("import os; open(os.environ['SM_MODEL_DIR'] + '/w', 'w').write('1')")
    answer = job.describe()
    assert (answer["TrainingJobStatus"], answer["SecondaryStatus"]) == ("Completed", "Completed")
    steps = answer["SecondaryStatusTransitions"]
    assert [step["Status"] for step in steps] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    assert steps[2]["StatusMessage"] == "Training image download completed. Training in progress."
    assert answer["TrainingStartTime"] == steps[1]["StartTime"]
    assert answer["TrainingEndTime"] >= steps[3]["StartTime"]
    assert answer["BillableTimeInSeconds"] == answer["TrainingTimeInSeconds"] >= 1
    assert "FailureReason" not in answer
    log = bench.log(job)
    assert "Invoking user script" in log[0] and "Reporting training SUCCESS" in log[-1]


def test_a_script_that_raises_fails_the_job_with_its_own_exception(bench):
    script = (
        "import warnings\nwarnings.warn('an old Exception')\ndef f(): raise ValueError('rate is -1')\nf()"
    )
    job = bench.run(script, hyperparameters={"rate": "-1"})
    assert job.status == "Failed"
    lines = job.failure_reason.split("\n")
    assert lines[:3] == [
        "AlgorithmError: ExecuteUserScriptError:", "ExitCode 1", 'ErrorMessage "ValueError: rate is -1"',
    ]  # fmt: skip
    assert lines[3].startswith("Command ") and lines[3].endswith('train.py --rate -1", exit code: 1')
    assert any("Reporting training FAILURE" in line for line in bench.log(job))


def test_an_exit_code_is_in_the_failure_reason(bench):
    job = bench.run("import sys; sys.exit(3)")
    assert job.failure_reason.startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 3\n")


def test_a_failure_file_becomes_the_failure_reason_up_to_1024_characters(bench):
    script = (
        "import os, sys\nopen(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w')"
        ".write('my own reason ' + 'x' * 2000)\nsys.exit(1)"
    )
    job = bench.run(script)
    assert job.failure_reason.startswith("AlgorithmError: my own reason xxx")
    assert len(job.failure_reason) == 1024 and job.failure_reason.endswith(", exit code: 1")


def test_a_failure_file_of_a_script_that_succeeds_means_nothing(bench):
    script = (
        "import os\nopen(os.path.dirname(os.environ['SM_OUTPUT_DATA_DIR']) + '/failure', 'w').write('no')"
    )
    assert bench.run(script).status == "Completed"


def test_a_script_killed_by_a_signal_says_which(bench):
    killed = bench.run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert 'ExtraInfo "Process killed by SIGKILL (signal 9)"' in killed.failure_reason
    crashed = bench.run("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert "ExitCode -11" in crashed.failure_reason and "SIGSEGV (signal 11)" in crashed.failure_reason


def test_a_missing_entry_point_is_named(bench):
    job = bench.run(files={"other.py": ""}, program="train.py")
    assert "can't open file" in job.failure_reason and "train.py" in job.failure_reason


def test_an_entry_point_outside_the_source_directory_is_refused(bench):
    for program in ("../train.py", "/bin/sh", "-c", "a;b.sh", "x/./y.py"):
        job = bench.run(files={"train.py": ""}, program=program)
        assert job.status == "Failed" and "cannot be used" in job.failure_reason, program


def test_a_shell_script_gets_its_arguments_unharmed(bench):
    job = bench.run(
        files={
            "run.sh": 'for a in "$@"; do echo "arg<$a>"; done; python -c "import sys; print(sys.executable)"'
        },
        program="run.sh",
        hyperparameters={"x": "a b; $HOME `id` 'q'"},
    )
    assert job.status == "Completed", job.failure_reason
    assert {"arg<-x>", "arg<a b; $HOME `id` 'q'>", sys.executable} <= set(bench.log(job))


def test_children_that_outlive_the_script_are_killed_with_it(bench):
    """An ordinary child, one in a session of its own, and one that has double-forked away."""
    script = """
        import os, subprocess, sys
        ready, tell = os.pipe()
        os.set_inheritable(tell, True)
        # One write each: print() makes several, and three processes would mix theirs.
        told = f"os.write(1, ('pid %d' % os.getpid() + chr(10)).encode()); os.write({tell}, b'.')"
        sleeper = f"import os, signal; {told}; signal.pause()"
        subprocess.Popen([sys.executable, "-c", sleeper], pass_fds=[tell])
        subprocess.Popen([sys.executable, "-c", sleeper], pass_fds=[tell], start_new_session=True)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execv(sys.executable, [sys.executable, "-c", sleeper])
            os._exit(0)
        for _ in range(3): os.read(ready, 1)
    """
    job = bench.run(textwrap.dedent(script))
    assert job.status == "Completed", job.failure_reason
    found = pids(bench.log(job))
    assert len(found) == 3
    assert not [pid for pid in found if alive(pid)]


def test_stop_ends_a_job_by_sigterm_and_keeps_its_model(bench):
    script = """
        import os, signal, sys
        def end(*_):
            open(os.environ["SM_MODEL_DIR"] + "/partial", "w").write("saved")
            print("saved on SIGTERM", flush=True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print("running", flush=True)
        while True: signal.pause()
    """
    job = bench.start(bench.request({"train.py": textwrap.dedent(script)}))
    bench.until_logged(job, "running")
    assert job.request_stop()
    bench.engine.stop(job)
    assert job.ended.wait(10)
    answer = job.describe()
    assert (answer["TrainingJobStatus"], answer["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert [step["Status"] for step in answer["SecondaryStatusTransitions"]][2:] == [
        "Training", "Stopping", "Uploading", "Stopped",
    ]  # fmt: skip
    assert bench.archive(f"results/{job.name}/output/model.tar.gz") == {"partial": b"saved"}
    assert "saved on SIGTERM" in bench.log(job)


def test_a_script_that_ignores_sigterm_is_killed_after_the_grace_time(bench):
    script = (
        "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('pid', os.getpid())\n"
        + FOREVER
    )
    job = bench.start(bench.request({"train.py": script}))
    found = pids(bench.until_logged(job, "running"))
    started = time.monotonic()
    job.request_stop()
    bench.engine.stop(job)
    assert job.ended.wait(20)
    assert 1.9 <= time.monotonic() - started < 10  # term_grace_s is 2 in these tests, 120 by default
    assert job.secondary_status == "Stopped" and not alive(found[0])


def test_max_runtime_stops_the_job_and_uploads_its_model(bench):
    script = "import os; open(os.environ['SM_MODEL_DIR'] + '/w', 'w').write('1')\n" + FOREVER
    started = time.monotonic()
    job = bench.run(script, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert time.monotonic() - started >= 1
    assert (job.status, job.secondary_status) == ("Stopped", "MaxRuntimeExceeded")
    assert (
        job.transitions[-1]["StatusMessage"] == "Training job runtime exceeded MaxRuntimeInSeconds provided"
    )
    assert bench.archive(f"results/{job.name}/output/model.tar.gz") == {"w": b"1"}


def test_a_job_stopped_while_its_data_is_on_the_way_never_trains(bench):
    bench.put("many/x", b"x" * (64 << 20))
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bench.bucket}/many"}}
    request = bench.request(
        {"train.py": FOREVER}, InputDataConfig=[{"ChannelName": "many", "DataSource": source}]
    )
    job = bench.start(request)
    job.request_stop()
    bench.engine.stop(job)
    assert job.ended.wait(20)
    assert job.secondary_status == "Stopped"
    assert "Training" not in [step["Status"] for step in job.transitions]


def test_two_jobs_run_at_once_in_folders_and_process_groups_of_their_own(bench):
    """Each waits for a file that the other writes, so neither could end alone."""
    script = """
        import os, sys, time, pathlib
        here, there = (pathlib.Path(sys.argv[i]) for i in (2, 4))
        print("group", os.getpgrp(), "folder", os.environ["SAGEMAKER_BASE_DIR"], flush=True)
        here.touch()
        while not there.exists(): time.sleep(0.01)
    """
    script = textwrap.dedent(script)
    a, b = str(bench.home.parent / "a"), str(bench.home.parent / "b")
    first = bench.start(bench.request({"train.py": script}, hyperparameters={"a": a, "b": b}))
    second = bench.start(bench.request({"train.py": script}, hyperparameters={"a": b, "b": a}))
    assert first.ended.wait(30) and second.ended.wait(30)
    assert (first.status, second.status) == ("Completed", "Completed")
    lines = [next(x for x in bench.log(job) if x.startswith("group")).split() for job in (first, second)]
    assert lines[0][1] != lines[1][1] and lines[0][3] != lines[1][3]


def test_jobs_of_one_name_in_two_regions_do_not_meet(bench):
    script = (
        "import os; print('folder', os.environ['SAGEMAKER_BASE_DIR'], os.environ['AWS_REGION']); " + FOREVER
    )
    request = bench.request({"train.py": script.replace("; import", "\nimport")})
    here = bench.start(request)
    bench.until_logged(here, "running")
    there = TrainingJob(request, "eu-west-1", "123456789012")
    bench.engine.start(there)
    deadline = time.monotonic() + 30
    while there.secondary_status != "Training":
        assert time.monotonic() < deadline and not there.ended.is_set(), there.failure_reason
        time.sleep(0.02)
    there.request_stop()
    bench.engine.stop(there)
    assert there.ended.wait(20) and there.status == "Stopped"
    assert not here.ended.is_set()
    assert (bench.home / "jobs" / request["TrainingJobName"] / "algo-1" / "code" / "train.py").is_file()


def test_the_folder_of_a_job_is_removed_even_when_it_is_read_only(bench):
    script = (
        "import os; os.makedirs('locked/deep'); os.chmod('locked/deep', 0o500); os.chmod('locked', 0o500)"
    )
    job = bench.run(script)
    bench.engine.close()
    assert job.status == "Completed" and not (bench.home / "jobs" / job.name).exists()


def test_closing_the_engine_ends_every_job_and_process(bench):
    script = (
        "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('pid', os.getpid())\n"
        + FOREVER
    )
    jobs = [bench.start(bench.request({"train.py": script})) for _ in range(2)]
    found = [pid for job in jobs for pid in pids(bench.until_logged(job, "running"))]
    bench.engine.close(grace_s=0.2)
    assert [(job.status, job.failure_reason) for job in jobs] == 2 * [("Failed", cut_off.JOB)]
    assert len(found) == 2 and not [pid for pid in found if alive(pid)]
    running = [" ".join(child.cmdline()) for child in psutil.Process().children()]
    assert not [line for line in running if "supervisor.py" in line]
    with pytest.raises(RuntimeError, match="after the engine was closed"):
        bench.engine.start(jobs[0])


SERVER = """
import sys, threading
from pathlib import Path
sys.path[:0] = {paths!r}
import engine_aid
from pocketaws.sagemaker.job import TrainingJob
from pocketaws.training.engine import Engine
bench = engine_aid.Bench({url!r}, Path({home!r}))
job = bench.start(bench.request({{"train.py": {script!r}}}))
lines = bench.until_logged(job, "running")
print(*[line.split()[1] for line in lines if line.startswith("pid ")], flush=True)
threading.Event().wait()
"""


def test_sigkill_of_the_server_leaves_no_process_and_the_next_start_is_clean(bare_aws, tmp_path):
    script = """
        import os, signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("pid", os.getpid())
        print("pid", os.getppid())
        sleeper = "import os, signal; print('pid', os.getpid()); print('running'); signal.pause()"
        subprocess.Popen([sys.executable, "-c", sleeper], start_new_session=True).wait()
    """
    code = SERVER.format(
        paths=[str(ROOT / "tests"), str(ROOT / "code")],
        url=bare_aws,
        home=str(tmp_path),
        script=textwrap.dedent(script),
    )
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    found = [int(word) for word in server.stdout.readline().split()]
    assert len(found) == 3 and all(alive(pid) for pid in found)  # script, its child, the supervisor
    server.send_signal(signal.SIGKILL)
    server.wait()
    server.stdout.close()
    assert all(gone(pid) for pid in found)
    assert list((tmp_path / "jobs").iterdir())  # what the killed server left
    Engine(tmp_path, bare_aws).close()
    assert not list((tmp_path / "jobs").iterdir())


def test_a_script_does_not_outlive_its_supervisor(bench):
    script = "import os; print('pid', os.getpid()); print('pid', os.getppid())\n" + FOREVER
    job = bench.start(bench.request({"train.py": script}))
    script_pid, supervisor = pids(bench.until_logged(job, "running"))
    os.kill(supervisor, signal.SIGKILL)
    assert job.ended.wait(10)
    assert job.status == "Failed" and "supervises it was killed" in job.failure_reason
    assert gone(script_pid)


def test_a_script_sees_no_secret_and_no_aws_setting_of_the_shell(bench, monkeypatch):
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "SM_HP_OLD", "HF_TOKEN", "MY_SECRET_KEY", "MPLBACKEND"):
        monkeypatch.setenv(name, "from the shell")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "code"))
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    job = bench.run(
        "import json, os; print('SEEN ' + json.dumps(dict(os.environ)))\nimport pocketaws",
        Environment={"MINE": "1", "OMP_NUM_THREADS": "1", "CACHE": "/opt/ml/cache"},
    )
    assert "No module named 'pocketaws'" in job.failure_reason
    seen = json.loads(next(x for x in bench.log(job) if x.startswith("SEEN "))[5:])
    assert [name for name, value in seen.items() if value == "from the shell"] == []
    assert seen["TOKENIZERS_PARALLELISM"] == "false"
    assert (seen["MINE"], seen["OMP_NUM_THREADS"]) == ("1", "1")
    assert seen["CACHE"] == seen["SAGEMAKER_BASE_DIR"] + "/cache"
    assert (seen["TRAINING_JOB_NAME"], seen["TRAINING_JOB_ARN"]) == (job.name, job.arn)
    assert seen["AWS_ENDPOINT_URL"] == bench.url and seen["AWS_REGION"] == "us-east-1"
    assert seen["HF_HUB_OFFLINE"] == "1" and seen["HF_HUB_CACHE"] == str(bench.home / "hub")


def test_a_scripts_own_boto3_reaches_the_same_aws(bench):
    bench.put("note.txt", "hello from s3")
    script = """
        import boto3, sys
        print(boto3.client("s3").get_object(Bucket=sys.argv[2], Key="note.txt")["Body"].read())
    """
    script = textwrap.dedent(script)
    job = bench.run(script, hyperparameters={"bucket": bench.bucket})
    assert job.status == "Completed", job.failure_reason
    assert "b'hello from s3'" in bench.log(job)


def test_two_hosts_have_folders_logs_and_ranks_of_their_own(bench):
    script = """
        import json, os
        host = os.environ["SM_CURRENT_HOST"]
        config = json.load(open(os.environ["SM_INPUT_CONFIG_DIR"] + "/resourceconfig.json"))
        print("I am", host, config["current_host"], config["hosts"], os.environ["OMP_NUM_THREADS"])
        open(os.path.join(os.environ["SM_MODEL_DIR"], "weights"), "w").write(host)
        open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], host + ".txt"), "w").write(host)
    """
    resources = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 1}
    job = bench.run(textwrap.dedent(script), ResourceConfig=resources)
    assert job.status == "Completed", job.failure_reason
    threads = max(1, os.cpu_count() // 2)
    for rank in (0, 1):
        host = f"algo-{rank + 1}"
        assert f"I am {host} {host} ['algo-1', 'algo-2'] {threads}" in bench.log(job, rank)
    assert bench.archive(f"results/{job.name}/output/model.tar.gz") == {"weights": b"algo-1"}
    assert set(bench.archive(f"results/{job.name}/output/output.tar.gz")) == {"algo-1.txt", "algo-2.txt"}


def test_a_host_that_fails_ends_the_other_and_the_job(bench):
    script = (
        "import os, sys\nif os.environ['SM_CURRENT_HOST'] == 'algo-2': raise OSError('only here')\n" + FOREVER
    )
    resources = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 1}
    job = bench.run(script, ResourceConfig=resources)
    assert job.status == "Failed" and "OSError: only here" in job.failure_reason


def test_images_that_need_a_container_fail_by_name(bench):
    xgboost = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    job = bench.run(AlgorithmSpecification={"TrainingImage": xgboost, "TrainingInputMode": "File"})
    assert job.status == "Failed" and xgboost in job.failure_reason and "no containers" in job.failure_reason
    own = {
        "TrainingImage": "me/own:1",
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/usr/bin/my-train"],
    }
    job = bench.run(AlgorithmSpecification=own)
    assert "/usr/bin/my-train" in job.failure_reason and "me/own:1" in job.failure_reason


@pytest.mark.parametrize("part", ["jobs", "disk"])
def test_a_folder_that_cannot_be_used_fails_the_job_and_not_the_engine(bench, part, monkeypatch):
    """Read-only arranged by a file in the folder's place (root writes anywhere); a full disk by /dev/full."""
    bench.home.mkdir(exist_ok=True)
    if part == "jobs":
        (bench.home / "jobs").write_text("in the way")
        job = bench.run("pass")
        assert job.status == "Failed" and str(bench.home / "jobs") in job.failure_reason
        (bench.home / "jobs").unlink()
    else:
        from pocketaws import s3_files

        real = s3_files.download
        monkeypatch.setattr(
            s3_files, "download", lambda s3, b, k, path, *a: real(s3, b, k, Path("/dev/full"), *a)
        )
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": bench.put("d/x", b"x" * 9000)}}
        job = bench.run("pass", InputDataConfig=[{"ChannelName": "d", "DataSource": source}])
        assert job.failure_reason.startswith("ClientError: Data download failed: No space left on device")
        assert "--home on a larger disk" in job.failure_reason
        monkeypatch.undo()
    assert bench.run("pass").status == "Completed"
