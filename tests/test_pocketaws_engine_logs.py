"""A job's log and metrics: every line, in order, soon; numbers by the job's own regexes."""

import math
import textwrap
import time
from datetime import datetime, timedelta, timezone

import pytest
from engine_aid import IMAGE, REGION, a_bare_aws, a_bench  # noqa: F401  (fixtures)
from pocketaws.aws_clients import AwsClients
from pocketaws.processes.log_stream import (
    EVENT_OVERHEAD_BYTES,
    MAX_BATCH_BYTES,
    MAX_EVENTS,
    MAX_MESSAGE_BYTES,
    LogStream,
    batches,
    messages,
)
from pocketaws.training import metrics


def algorithm(**definitions) -> dict:
    rows = [{"Name": name.replace("_", ":"), "Regex": regex} for name, regex in definitions.items()]
    return {"TrainingImage": IMAGE, "TrainingInputMode": "File", "MetricDefinitions": rows}


def test_stdout_and_stderr_share_one_stream_of_awss_name_in_the_order_printed(bench):
    script = "import os\nfor i in range(2000): os.write(1 + i % 2, f'line {i}\\n'.encode())"
    before = int(time.time())
    job = bench.run(script)
    assert len(bench.streams(job)) == 1
    name, _, epoch = bench.streams(job)[0].rpartition("-")
    assert name == f"{job.name}/algo-1" and before <= int(epoch) <= time.time()
    assert [line for line in bench.log(job) if line.startswith("line ")] == [f"line {i}" for i in range(2000)]


def test_a_line_is_in_the_log_within_a_second_of_being_printed(bench):
    script = """
        import sys, time
        print(f"at {time.time()}")  # no flush: the job's Python is unbuffered
        sys.stdout.write("no line feed yet")
        import signal; signal.pause()
    """
    job = bench.start(bench.request({"train.py": textwrap.dedent(script)}))
    bench.until_logged(job, "at 1")
    event = next(x for x in bench.events(bench.streams(job)[0]) if x["message"].startswith("at "))
    assert event["ingestionTime"] / 1000 - float(event["message"].split()[1]) < 1.0
    bench.engine.close(grace_s=0.5)
    assert bench.log(job)[-1] == "no line feed yet"


def test_lines_come_as_cloudwatch_shows_them():
    assert messages(b"a\n\n b \r\nc") == ["a", " b ", "c"]
    assert messages(b"0%\r50%\r100%\ndone") == ["0%#01550%#015100%", "done"]
    assert messages(b"\xff\xfe ok \xe2\x82") == ["\ufffd\ufffd ok \ufffd"]
    assert messages(b"\x1b[31mred\x1b[0m") == ["\x1b[31mred\x1b[0m"]
    assert messages(b"\n\n\r\n") == []


def test_a_line_longer_than_an_event_is_cut_between_characters():
    line = "€" * 200_000  # 600,000 bytes
    pieces = messages(line.encode())
    assert "".join(pieces) == line and len(pieces) == 3
    assert all(len(piece.encode()) <= MAX_MESSAGE_BYTES for piece in pieces)


def test_batches_keep_put_log_events_limits():
    many = list(batches([(1, ["x"] * 25_001)]))
    assert [len(batch) for batch in many] == [10_000, 10_000, 5_001]
    heavy = list(batches([(1, ["é" * 100_000] * 20)]))
    sizes = [sum(len(e["message"].encode()) + EVENT_OVERHEAD_BYTES for e in batch) for batch in heavy]
    assert sum(len(batch) for batch in heavy) == 20 and max(sizes) <= MAX_BATCH_BYTES
    assert max(len(batch) for batch in many) <= MAX_EVENTS


def test_output_without_line_feeds_does_not_pile_up(bench):
    job = bench.run("import sys; sys.stdout.write('x' * 3_000_000)")
    lines = [line for line in bench.log(job) if line.startswith("xxx")]
    assert sum(map(len, lines)) == 3_000_000 and max(map(len, lines)) <= MAX_MESSAGE_BYTES


class CountingLogs:
    """A CloudWatch Logs that keeps nothing: it counts, and sees whether "line 0", "line 1", … come in order.

    slow_s   seconds that each PutLogEvents takes
    """

    class exceptions:  # noqa: N801  (boto3's name)
        class ResourceAlreadyExistsException(Exception):
            pass

    def __init__(self, slow_s: float = 0):
        self.slow_s = slow_s
        self.count = self.in_order = 0

    def create_log_group(self, **_):
        raise self.exceptions.ResourceAlreadyExistsException

    def create_log_stream(self, **_):
        pass

    def put_log_events(self, logEvents, **_):  # noqa: N803  (boto3's name)
        time.sleep(self.slow_s)  # a slow service, not a wait for anything
        self.count += len(logEvents)
        assert len(logEvents) <= MAX_EVENTS
        for event in logEvents:
            self.in_order += event["message"] == f"line {self.in_order}"


def test_a_flood_of_output_waits_for_the_log_instead_of_filling_memory():
    logs = CountingLogs(slow_s=0.02)
    stream = LogStream(logs, "g", "s")
    most = 0
    for _ in range(200):
        stream.feed((b"x" * 99 + b"\n") * 2000)
        most = max(most, stream._bytes)
    stream.close()
    assert logs.count == 400_000
    assert most <= 9 << 20


def test_a_million_printed_lines_all_arrive_in_order(bench):
    """Through a real process and its pipe; moto would add half a minute and 300 MB."""
    logs = CountingLogs()
    clients = AwsClients(bench.url, REGION)
    clients._made["logs"] = logs
    clients.as_role = lambda *_: clients
    bench.engine._clients[REGION] = clients
    script = """
        import os
        for start in range(0, 1_000_000, 1000):
            data = "".join(f"line {i}\\n" for i in range(start, start + 1000)).encode()
            while data: data = data[os.write(1, data):]
    """
    job = bench.run(textwrap.dedent(script), wait_s=120, AlgorithmSpecification=algorithm(last="line (9+)$"))
    logs.close = lambda: None
    assert job.status == "Completed", job.failure_reason
    assert logs.in_order == 1_000_000
    assert job.final_metrics[0]["Value"] == 999_999


def test_metrics_are_the_jobs_own_regexes_over_its_lines(bench):
    script = """
        for step, loss in enumerate([1.5, 0.75, 0.25]):
            print(f"[metric] step={step} loss={loss} lr={loss / 1e5}")
        print("[metric] eval_loss=9e-1")
        print("[metric] step=3 loss=nan lr=inf")
        print("bar 10%|#\\r[metric] step=4 loss=0.125 lr=-.5e-7")
        print("loss= nothing, other loss=text")
    """
    number = r"([-+0-9.e]+|nan|inf|text)"
    job = bench.run(
        textwrap.dedent(script),
        AlgorithmSpecification=algorithm(
            train_loss=rf" loss={number}",
            eval_loss=rf" eval_loss={number}",
            lr=rf"lr={number}",
            never="zzz=(.*)",
        ),
    )
    final = {row["MetricName"]: row for row in job.describe()["FinalMetricDataList"]}
    values = {name: row["Value"] for name, row in final.items()}
    assert values == {"train:loss": 0.125, "eval:loss": 0.9, "lr": -0.5e-7}
    age = datetime.now(timezone.utc) - final["lr"]["Timestamp"]
    assert timedelta() <= age < timedelta(seconds=60)
    statistics = bench.cloudwatch.get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="train:loss",
        Dimensions=[{"Name": "TrainingJobName", "Value": job.name}],
        StartTime=datetime.now(timezone.utc) - timedelta(minutes=5),
        EndTime=datetime.now(timezone.utc) + timedelta(minutes=1),
        Period=3600,
        Statistics=["SampleCount", "Sum", "Minimum"],
    )["Datapoints"]
    total = {key: sum(point[key] for point in statistics) for key in ("SampleCount", "Sum")}
    assert total == {"SampleCount": 4.0, "Sum": 1.5 + 0.75 + 0.25 + 0.125}


def test_metrics_are_there_while_the_job_runs(bench):
    script = "import signal\nprint('loss=0.5')\nsignal.pause()"
    job = bench.start(
        bench.request({"train.py": script}, AlgorithmSpecification=algorithm(loss="loss=([0-9.]+)"))
    )
    deadline = time.monotonic() + 20
    while not job.describe().get("FinalMetricDataList"):
        assert time.monotonic() < deadline and not job.ended.is_set()
        time.sleep(0.02)
    assert job.final_metrics[0]["Value"] == 0.5


def test_a_regex_that_runs_for_ever_is_switched_off_and_the_job_goes_on(bench, monkeypatch):
    monkeypatch.setattr(metrics, "ANSWER_WITHIN_S", 2)
    job = bench.run(
        # The pause puts the second such line into another batch.
        "import time\nbad = 'a' * 40 + '!'\nprint(bad)\ntime.sleep(0.6)\nprint(bad)\n"
        "print('loss=0.5')\nprint('last line')",
        AlgorithmSpecification=algorithm(before="loss=(.*)", bad="^(a+)+$", after="(0.5)"),
    )
    assert job.status == "Completed", job.failure_reason
    assert {row["MetricName"]: row["Value"] for row in job.final_metrics} == {"before": 0.5, "after": 0.5}
    log = bench.log(job)
    assert "last line" in log
    assert sum("'bad'" in line and "switched off" in line for line in log) == 1


def test_a_regex_that_does_not_compile_is_named_in_the_log(bench):
    job = bench.run("print('x=1')", AlgorithmSpecification=algorithm(bad="(", java="x=(?<value>[0-9]+)"))
    assert job.status == "Completed"
    assert [row["MetricName"] for row in job.final_metrics] == ["java"]
    assert any("'bad' is not valid" in line for line in bench.log(job))


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 0.001), ("nan", None), ("-inf", None), ("x", None), ("", None)]
)
def test_only_finite_numbers_count(text, value):
    assert metrics.number(text) == value
    assert value is None or math.isfinite(value)
