"""distribution=torch_distributed in pocketaws: AWS's command line and environment, real ranks, their end."""

import json
import os
import subprocess

import pytest
from engine_aid import Bench, a_bare_aws, a_bench, gone  # noqa: F401  (fixtures)
from environments import python_of
from pocketaws.training import rank_errors, torchrun
from pocketaws.training.failure import JobFailure
from pocketaws.training.layout import HostFolder, resource_config, write_config
from pocketaws.training.script_mode import ScriptEnvironment
from pocketaws.training.torchrun_launcher import arguments

# Prints the command that the toolkit would run, and what it has put into the environment on the way.
TOOLKIT = """
import json, os
from sagemaker_training import environment, runner
chosen = runner.get(runner.TorchDistributedRunnerType)
before = dict(os.environ)
command = chosen._create_command()
print(json.dumps([command, {k: v for k, v in os.environ.items() if before.get(k) != v}]))
"""
ASKED = {"sagemaker_torch_distributed_enabled": "true", "sagemaker_program": "train.py", "epochs": "3"}
CASES = {  # name: (hyperparameters, instance type, hosts, this host)
    "one host": ({}, "ml.g5.12xlarge", 1, 0),
    "first of two": ({"text": '"it\'s 1 text"'}, "ml.g5.12xlarge", 2, 0),
    "second of two": ({}, "ml.p4d.24xlarge", 2, 1),
    "EFA without RDMA": ({}, "ml.g5.48xlarge", 2, 1),
    "three processes a host": ({"sagemaker_mpi_num_of_processes_per_host": "3"}, "ml.p3.16xlarge", 1, 0),
}
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:2.9-transformers5.3.0-cpu"
MODULE = {"SAGEMAKER_TRAINING_MODULE": "sagemaker_pytorch_container.training:main"}
WORLD = {"sagemaker_torch_distributed_enabled": "true"}
TWO = {"InstanceType": "ml.g5.12xlarge", "InstanceCount": 2, "VolumeSizeInGB": 1}
TWO_PROCESSES = {**WORLD, "sagemaker_mpi_num_of_processes_per_host": "2"}
MEET = """
import os, signal, sys, time
import torch, torch.distributed as dist
dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()
def say(text): os.write(1, (text + chr(10)).encode())  # one write: ranks share the log
"""


def script_of(folder: HostFolder, hyperparameters, instance_type="ml.g5.12xlarge", count=1, rank=0):
    """The script-mode environment of one host of a job in AWS's PyTorch container."""
    resources = {"InstanceType": instance_type, "InstanceCount": count}
    request = {
        "TrainingJobName": "the-job",
        "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": IMAGE},
        "HyperParameters": hyperparameters,
        "ResourceConfig": resources,
    }
    host = f"algo-{rank + 1}"
    folder.make()
    (folder.code / "train.py").write_text("pass")
    write_config(request, folder, host)
    return ScriptEnvironment(folder, resource_config(request, host), {}, hyperparameters, MODULE)


@pytest.mark.parametrize("case", CASES)
def test_the_command_line_and_the_environment_are_those_of_awss_toolkit(case, tmp_path):
    more, instance_type, count, rank = CASES[case]
    folder = HostFolder(tmp_path / "ml")
    script = script_of(folder, {**ASKED, **more}, instance_type, count, rank)
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    given = {**plain, **MODULE, "SAGEMAKER_BASE_DIR": str(folder.root), "AWS_REGION": "us-east-1"}
    done = subprocess.run(
        [python_of("toolkit"), "-c", TOOLKIT], env=given, capture_output=True, text=True, check=True
    )
    command, added = json.loads(done.stdout.splitlines()[-1])
    assert torchrun.is_wanted(script)
    assert torchrun.command(script) == command and len(command) >= 8
    assert torchrun.variables(script) == added and len(added) >= 2


def test_the_launcher_puts_the_meeting_place_in_and_leaves_the_scripts_arguments():
    """The script's own --master_port stays."""
    given = "--nnodes 2 --nproc_per_node 1 --master_addr algo-1 --master_port 7777 --node_rank 1 train.py"
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "4242"}
    changed = arguments([*given.split(), "--master_port", "9"], place)
    expected = given.replace("algo-1", "127.0.0.1").replace("7777", "4242")
    assert changed == [*expected.split(), "--master_port", "9"]


@pytest.mark.parametrize("name", ["sagemaker_mpi_enabled", "sagemaker_pytorch_ddp_enabled"])
def test_launchers_that_need_the_container_are_refused_by_name(name, tmp_path):
    script = script_of(HostFolder(tmp_path / "ml"), {**ASKED, name: "true"})
    with pytest.raises(JobFailure, match='does not have the launcher .*"torch_distributed"'):
        torchrun.is_wanted(script)


def test_an_entry_point_that_torchrun_cannot_start_is_refused_in_the_toolkits_words(tmp_path):
    folder = HostFolder(tmp_path / "ml")
    script = script_of(folder, {**ASKED, "sagemaker_program": "run.sh"})
    with pytest.raises(JobFailure, match="Unsupported entry point type for torch_distributed"):
        torchrun.command(script)
    script = script_of(folder, ASKED)
    (folder.code / "setup.py").write_text("")
    with pytest.raises(JobFailure, match="Python packages are not supported for torch_distributed"):
        torchrun.command(script)


@pytest.fixture(scope="module")
def stopped(bare_aws, tmp_path_factory):
    """A job of two hosts with two ranks each that add up, then wait, and are stopped: (bench, job, logs)."""
    script = """
def end(*_):
    say(f"rank {rank} saved")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
number = torch.tensor([rank + 1.0])
dist.all_reduce(number)
here = [os.environ[name] for name in ("SM_CURRENT_HOST", "LOCAL_RANK", "NCCL_PROTO", "NCCL_DEBUG")]
say(f"rank {rank} of {world}: {number.item()} on {' '.join(here)} with {sys.argv[1:]}")
say(f"pid {os.getpid()}")
while True: time.sleep(60)
"""
    bench = Bench(bare_aws, tmp_path_factory.mktemp("bench") / "home")
    asked = {**TWO_PROCESSES, "epochs": "3"}
    job = bench.start(bench.request({"train.py": MEET + script}, hyperparameters=asked, ResourceConfig=TWO))
    for host in (0, 1):
        while sum(line.startswith("pid ") for line in bench.log(job, host)) < 2:
            assert not job.ended.wait(0.05), job.failure_reason
    assert job.request_stop()
    bench.engine.stop(job)
    assert job.ended.wait(20) and job.status == "Stopped", job.failure_reason
    yield bench, job, [bench.log(job, host) for host in (0, 1)]
    bench.close()


def test_ranks_on_two_hosts_add_up_and_see_what_awss_containers_show(stopped):
    bench, job, logs = stopped
    assert [stream.partition("/")[2][:7] for stream in bench.streams(job)] == ["algo-1-", "algo-2-"]
    for rank in range(4):
        host = rank // 2
        line = f"rank {rank} of 4: 10.0 on algo-{host + 1} {rank % 2} simple WARN with ['--epochs', '3']"
        assert line in logs[host]
    assert "--master_addr algo-1 --master_port 7777 --node_rank 1 train.py" in "\n".join(logs[1])


def test_stop_reaches_every_rank_by_sigterm(stopped):
    _, _, logs = stopped
    for rank in range(4):
        assert f"rank {rank} saved" in logs[rank // 2]
    pids = pids_of(logs)
    assert len(pids) == 4 and all(gone(pid) for pid in pids)


def pids_of(logs: list[list[str]]) -> list[int]:
    return [int(line.split()[1]) for log in logs for line in log if line.startswith("pid ")]


def test_one_ranks_failure_fails_the_job_with_that_ranks_words(bench):
    """Rank 0 fails too, of its lost connection, often before rank 1's host has ended."""
    script = """
say(f"pid {os.getpid()}")
dist.barrier()
if rank == 1: raise ValueError("row 17 has no answer")
dist.barrier()
"""
    job = bench.run(MEET + script, hyperparameters=WORLD, ResourceConfig=TWO)
    reason = job.failure_reason
    assert '\nExitCode 1\nErrorMessage "ValueError: row 17 has no answer"\n' in reason
    assert "Connection" not in reason and 'Command "torchrun --nnodes' in reason, reason
    pids = pids_of([bench.log(job, host) for host in (0, 1)])
    assert len(pids) == 2 and all(gone(pid) for pid in pids)


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ('raise ValueError("row 17 has no answer")', ['ErrorMessage "ValueError: row 17 has no answer"']),
        # what sys.exit prints has no rank in front of it, so a line of the other rank can follow it
        ('sys.exit("ValueError: lora_r is large")', ['ErrorMessage "ValueError: lora_r is large']),
        ("os.kill(os.getpid(), 9)", ["Signal 9 (SIGKILL) received by PID", "(rank 1"]),
    ],
    ids=["an exception", "a sentence", "a signal"],
)
def test_a_rank_that_ends_beside_others_of_its_host_is_heard(bench, deed, words):
    """The other rank would never end by itself."""
    script = f"""
import os, sys, time
os.write(1, f"pid {{os.getpid()}}\\n".encode())
if os.environ["RANK"] == "1": {deed}
time.sleep(600)
"""
    job = bench.run(script, hyperparameters=TWO_PROCESSES)
    assert job.status == "Failed" and all(each in job.failure_reason for each in words), job.failure_reason
    pids = pids_of([bench.log(job)])
    assert len(pids) == 2 and all(gone(pid) for pid in pids)


def test_words_are_taken_from_the_rank_that_failed_by_itself():
    """Two ranks' tracebacks in one log, as torch writes them, the innocent one's first."""
    lost = "[rank0]: RuntimeError: [gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:1"
    log = f"""\
[rank0]: Traceback (most recent call last):
[rank0]:   File "train.py", line 7, in <module>
{lost}
[rank1]: Traceback (most recent call last):
[rank1]:   File "train.py", line 6, in <module>
[rank1]: KeyError: 'answer'
E1122 13:39:10.176000 5470 torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode: 1)
Traceback (most recent call last):
  File "bin/torchrun", line 8, in <module>
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
""".splitlines()
    assert rank_errors.first_error(log) == "KeyError: 'answer'"
    assert rank_errors.first_error(log[:3]) == lost.removeprefix("[rank0]: ")
    assert rank_errors.is_lost_peer(lost) and not rank_errors.is_lost_peer("KeyError: 'answer'")
    assert rank_errors.first_error(["all is well"]) == ""
