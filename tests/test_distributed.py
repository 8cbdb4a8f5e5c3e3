"""train_qlora.py on several processes, as training jobs of the local AWS: gradients, rows, what comes out."""

import io
import json
import re
from collections import Counter

import pytest
import tiny_chat
import torch
from engine_aid import Bench, a_bare_aws  # noqa: F401  (fixtures)
from safetensors.torch import load
from tiny_chat import TRAINING, chat_rows
from tuneaws.metrics import METRIC_DEFINITIONS

import distributed  # isort: skip  (the training script's folder is on the path since tiny_chat)

ROWS = 49  # a step has 8 of them, so the last step has 1, and the second of two ranks none
STEPS = 7
# Runs the script, and keeps each rank's rows and its gradient of the first step.
PROBE = """
import os, sys, torch
import distributed, train_qlora
make = train_qlora.make_run
def make_run(*given):
    trainer = make(*given)
    seen, collate, clip = [], trainer.data_collator, trainer.accelerator.clip_grad_norm_
    def note_rows(rows):
        if trainer.model.training:
            seen.append([row["input_ids"] for row in rows])
        return collate(rows)
    def note_gradient(parameters, *more):
        named = trainer.model.named_parameters()
        gradient = {name: each.grad.clone() for name, each in named if each.grad is not None}
        if trainer.state.global_step == 0:
            frozen = [each for each in trainer.model.parameters() if not each.requires_grad]
            mine = [each.to_local() if hasattr(each, "to_local") else each for each in frozen]
            file = f"{os.environ['SM_OUTPUT_DATA_DIR']}/frozen-{distributed.rank()}.pt"
            torch.save(sum(each.numel() for each in mine), file)
            file = f"{os.environ['SM_OUTPUT_DATA_DIR']}/gradient-{distributed.rank()}.pt"
            torch.save(gradient, file)
        torch.save(seen, f"{os.environ['SM_OUTPUT_DATA_DIR']}/rows-{distributed.rank()}.pt")
        return clip(parameters, *more)
    trainer.data_collator, trainer.accelerator.clip_grad_norm_ = note_rows, note_gradient
    return trainer
train_qlora.make_run = make_run
train_qlora.main(sys.argv[1:])
distributed.leave()
"""
TORCHRUN = {"sagemaker_torch_distributed_enabled": "true"}
JOBS = {  # name: (hosts, processes a host, rows a forward pass, how S3 deals out the data, more)
    "alone": (1, 0, 8, "FullyReplicated", {}),
    "two hosts": (2, 1, 4, "ShardedByS3Key", {}),
    "two processes by FSDP": (1, 2, 4, "FullyReplicated", {"fsdp": "true"}),
}
MANY = [name for name in JOBS if name != "alone"]


class Run:
    """One finished job: its log lines by host, and the files that it left."""

    def __init__(self, bench: Bench, job, hosts: int):
        assert job.status == "Completed", f"{job.failure_reason} {bench.log(job)[-9:]}"
        self.job, self.logs = job, [bench.log(job, host) for host in range(hosts)]
        self.model = bench.archive(f"results/{job.name}/output/model.tar.gz")
        self.output = bench.archive(f"results/{job.name}/output/output.tar.gz")

    def load(self, name: str):
        return torch.load(io.BytesIO(self.output[name]))

    @property
    def lines(self) -> list[str]:
        return [line for log in self.logs for line in log]

    def losses(self, name: str) -> list[float]:
        return [float(found) for line in self.lines for found in re.findall(rf" {name}=(\S+)", line)]


def channel(bench: Bench, name: str, files: list[list[dict]], distribution: str) -> dict:
    """A channel of *.jsonl files with these rows."""
    for number, rows in enumerate(files):
        bench.put(f"{name}/part-{number}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    uri = f"s3://{bench.bucket}/{name}"
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": distribution}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def a_request(bench: Bench, base, hosts: int, processes: int, batch: int, distribution: str, more) -> dict:
    rows = chat_rows(ROWS)
    files = {path.name: path.read_text() for path in TRAINING.glob("*.py")}
    launch = {**TORCHRUN, "sagemaker_mpi_num_of_processes_per_host": str(processes)} if processes else {}
    given = {
        "model_id": str(base), "per_device_train_batch_size": batch, "epochs": 1, "learning_rate": 0.01,
        "lora_r": 4, "lora_dropout": 0, "logging_steps": 1, "max_seq_length": 128,
        "merge_weights": "true", **more,
    }  # fmt: skip
    given = {key: str(value) for key, value in given.items()}
    request = bench.request(
        {**files, "probe.py": PROBE}, "probe.py", {**given, **launch},
        ResourceConfig={"InstanceType": "ml.g5.12xlarge", "InstanceCount": hosts, "VolumeSizeInGB": 1},
        InputDataConfig=[
            channel(bench, "training", [rows[:30], rows[30:45], rows[45:]], distribution),
            channel(bench, "validation", [chat_rows(5, seed=1)], distribution),
        ],
    )  # fmt: skip
    request["AlgorithmSpecification"]["MetricDefinitions"] = METRIC_DEFINITIONS
    return request


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_chat.make_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def shared(bare_aws, tmp_path_factory):
    made = Bench(bare_aws, tmp_path_factory.mktemp("bench") / "home")
    yield made
    made.close()


@pytest.fixture(scope="module")
def runs(shared, base):
    """The same training in one process, on two hosts, in two processes of one host by FSDP."""
    jobs = {name: shared.start(a_request(shared, base, *settings)) for name, settings in JOBS.items()}
    for name, job in jobs.items():
        assert job.ended.wait(180), f"{name}: still {job.secondary_status}: {shared.log(job)[-5:]}"
    return {name: Run(shared, job, JOBS[name][0]) for name, job in jobs.items()}


@pytest.mark.parametrize("name", MANY)
def test_the_first_gradient_of_two_ranks_is_that_of_one_process_with_the_whole_batch(runs, name):
    whole = runs["alone"].load("gradient-0.pt")
    assert len(whole) == 28 and sum(each.abs().sum() for each in whole.values()) > 0
    for rank in (0, 1):
        gradient = runs[name].load(f"gradient-{rank}.pt")
        assert set(gradient) == set(whole)
        for key, expected in whole.items():
            assert torch.allclose(gradient[key], expected, rtol=1e-4, atol=1e-7), (rank, key)


@pytest.mark.parametrize("name", JOBS)
def test_every_row_is_trained_once_an_epoch_by_one_rank(runs, name):
    """Also where S3 gave two hosts two files and one."""
    ranks = 1 if name == "alone" else 2
    steps = [runs[name].load(f"rows-{rank}.pt") for rank in range(ranks)]
    seen = Counter(tuple(row) for rank in steps for rows in rank for row in rows)
    assert seen == Counter(tuple(row) for rows in runs["alone"].load("rows-0.pt") for row in rows)
    assert seen.total() == ROWS and [len(rank) for rank in steps] == [STEPS] * ranks
    assert sum(not rows for rank in steps for rows in rank) == ranks - 1  # of the last step's one row


@pytest.mark.parametrize("name", MANY)
def test_the_losses_are_those_of_one_process(runs, name):
    for kind, count in (("loss", STEPS), ("eval_loss", 1)):
        alone = runs["alone"].losses(kind)
        assert runs[name].losses(kind) == pytest.approx(alone, abs=2e-4) and len(alone) == count


@pytest.mark.parametrize("name", JOBS)
def test_rank_0_alone_prints_metrics_and_writes_the_model(runs, name):
    run = runs[name]
    files = ["adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert sorted(name for name in run.model if not name.startswith("merged/")) == files
    assert sum(line.startswith("[metric] step=1 loss=") for line in run.lines) == 1
    assert sum(line.startswith("[metric] train_loss=") for line in run.lines) == 1
    assert [line for line in run.logs[-1] if line.startswith("[")] == [] or len(run.logs) == 1
    final = {row["MetricName"]: row["Value"] for row in run.job.final_metrics}
    assert final["train:step"] == STEPS
    figures = json.loads(run.output["train_metrics.json"])
    assert figures["data"]["training"]["kept"] == ROWS and figures["data"]["training"]["files"] == 3
    tokens = sum(len(row) for rows in runs["alone"].load("rows-0.pt") for row in rows)
    assert tokens <= figures["final"]["trained_tokens"] <= tokens + 2  # 2 for the rank without a row


@pytest.mark.parametrize("file", ["adapter_model.safetensors", "merged/model.safetensors"])
@pytest.mark.parametrize("name", MANY)
def test_the_saved_weights_are_those_of_one_process(runs, name, file):
    """The merged model has the base model's 16 bits."""
    alone, found = (load(runs[each].model[file]) for each in ("alone", name))
    assert set(found) == set(alone) and len(alone) >= 20
    for key, expected in alone.items():
        assert torch.allclose(found[key].float(), expected.float(), rtol=1e-2, atol=2e-4), key


def test_fsdp_deals_out_the_layers_and_says_so(runs):
    said = f"[model] weights of {tiny_chat.LAYERS} layers dealt out to 2 processes"
    assert [name for name, run in runs.items() if said in run.lines] == ["two processes by FSDP"]
    hosts, shared = ([runs[name].load(f"frozen-{rank}.pt") for rank in (0, 1)] for name in MANY)
    assert hosts[0] == hosts[1] == pytest.approx(sum(shared), rel=0.02)
    assert shared[0] < 0.51 * hosts[0]


@pytest.mark.parametrize(("hosts", "processes", "expected"), [(1, 2, 2), (2, 1, 2), (2, 4, 4), (1, 1, 1)])
def test_a_model_is_cut_up_within_a_host_that_has_several_processes(monkeypatch, hosts, processes, expected):
    monkeypatch.setenv("WORLD_SIZE", str(hosts * processes))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    assert distributed.parts() == expected


def test_stop_ends_all_ranks_after_the_same_step_and_keeps_the_adapter(shared, base):
    request = a_request(shared, base, 1, 2, 4, "FullyReplicated", {"max_steps": 100_000})
    job = shared.start(request)
    shared.until_logged(job, "[metric] step=3 ", wait_s=120)
    assert job.request_stop()
    shared.engine.stop(job)
    assert job.ended.wait(60) and job.status == "Stopped", job.failure_reason
    stopped = [line for line in shared.log(job) if line.startswith("[stopped] by SIGTERM after step ")]
    assert len(stopped) == 1 and "adapter saved" in stopped[0]
    model = shared.archive(f"results/{job.name}/output/model.tar.gz")
    assert "adapter_model.safetensors" in model
    rows = torch.load(io.BytesIO(shared.archive(f"results/{job.name}/output/output.tar.gz")["rows-1.pt"]))
    assert f" after step {len(rows)} of" in stopped[0]  # what rank 1 trained last


def test_two_configured_instances_ask_for_what_was_tested_here(local_aws, bucket, monkeypatch):
    """The estimator's request has the members by which "two hosts" ran; lesson 08 fits it."""
    from tuneaws import config, environment, launch
    from tuneaws.session import connect

    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.url)
    cfg = config.load(**{"sagemaker.instance_count": 2, "training.per_device_train_batch_size": 4})
    try:
        request = launch.estimator_from(cfg, connect(), bucket).request({"training": f"s3://{bucket}/rows/"})
    finally:
        environment.leave()
    assert request["ResourceConfig"]["InstanceCount"] == 2
    assert TORCHRUN.items() <= request["HyperParameters"].items()
    assert request["HyperParameters"]["per_device_train_batch_size"] == "4"
