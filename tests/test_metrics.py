"""Regular expressions over log lines, the table they give, and the loss curve."""

import datetime
import math
import time
import uuid

import boto3
import matplotlib
import pytest
from moto import mock_aws
from tuneaws import metrics
from tuneaws.logs import GROUP, LogReader, log_lines

matplotlib.use("Agg")

LINES = [
    "loading the model",
    "[metric] step=5 loss=4.712345 learning_rate=6.076e-05 epoch=0.025 tokens_per_s=4321.5",
    "[metric] step=10 loss=1.250000 learning_rate=6e-03 epoch=0.05 tokens_per_s=4400.0",
    "[metric] step=10 eval_loss=1.100000",
    "[metric] train_loss=2.5 train_runtime_s=38.1 trained_tokens=160000 peak_memory_mb=900.1",
]


def test_the_courses_definitions_are_accepted_by_aws():
    assert 1 <= len(metrics.METRIC_DEFINITIONS) <= 40
    for definition in metrics.METRIC_DEFINITIONS:
        assert set(definition) == {"Name", "Regex"} and len(definition["Name"]) <= 255
        assert metrics.compile_definition(definition).groups == 1


def test_lines_become_rows_and_a_total_is_not_taken_for_a_loss():
    rows = metrics.parse_lines(LINES)
    assert rows == [
        {"train:step": 5, "train:loss": 4.712345, "train:learning_rate": 6.076e-05, "train:epoch": 0.025,
         "train:tokens_per_s": 4321.5},
        {"train:step": 10, "train:loss": 1.25, "train:learning_rate": 0.006, "train:epoch": 0.05,
         "train:tokens_per_s": 4400},
        {"train:step": 10, "eval:loss": 1.1},
    ]


def test_nan_and_inf_are_read_or_a_diverging_job_would_look_healthy():
    rows = metrics.parse_lines([f"[metric] step=1 loss={text} x=1" for text in ("nan", "inf", "-inf")])
    assert math.isnan(rows[0]["train:loss"])
    assert [row["train:loss"] for row in rows[1:]] == [math.inf, -math.inf]


def test_a_progress_bar_that_sticks_to_a_line_hides_nothing():
    rows = metrics.parse_lines([" 10%|##   | 1/10\r[metric] step=5 loss=2.0\r[metric] step=6 loss=1.0"])
    assert [(row["train:step"], row["train:loss"]) for row in rows] == [(5, 2.0), (6, 1.0)]


def test_the_usual_regex_fails_on_both_versions_of_transformers_and_try_regex_shows_it():
    usual = {"Name": "train:learning_rate", "Regex": r"'learning_rate': ([0-9\.]+)"}
    old = "{'loss': 1.6917, 'grad_norm': 1.04, 'learning_rate': 6.0760539578254115e-05, 'epoch': 0.096}"
    new = "{'loss': '1.692', 'grad_norm': '1.05', 'learning_rate': '6.076e-05', 'epoch': '0.096'}"
    assert metrics.try_regex(usual, [old, new]) == [{"line": 1, "value": 6.0760539578254115, "text": old}]


@pytest.mark.parametrize("regex, words", [
    ("loss=[0-9.]+", "no group"), ("loss=([0-9", "not a regular expression"), ("(x)" * 200, "600 characters"),
])
def test_a_definition_that_aws_would_refuse_is_refused_with_its_name(regex, words):
    with pytest.raises(ValueError, match=f"mine: .*{words}"):
        metrics.try_regex({"Name": "mine", "Regex": regex}, [])


def test_a_group_that_holds_no_number_is_shown_and_gives_no_metric():
    definition = {"Name": "mine", "Regex": "loss=(.*)"}
    assert metrics.try_regex(definition, ["loss=low"])[0]["value"] is None
    assert metrics.parse_lines(["loss=low"], [definition]) == []


# --- from CloudWatch Logs


@pytest.fixture
def logs():
    with mock_aws():
        yield boto3.client("logs", region_name="us-east-1")


NOW_MS = int(time.time() * 1000) - 60_000


def put(logs, stream: str, *texts: str, start_ms: int = 0) -> None:
    logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=[
        {"timestamp": NOW_MS + start_ms + i, "message": text} for i, text in enumerate(texts)])


def test_a_job_without_a_log_yet_has_no_metrics_and_no_error(logs):
    assert metrics.from_logs(logs, "job") == []
    logs.create_log_group(logGroupName=GROUP)
    assert log_lines(logs, "job") == []


def test_the_log_of_every_instance_is_read_in_order_and_another_jobs_is_not(logs):
    logs.create_log_group(logGroupName=GROUP)
    for stream in ("job/algo-1-1795331000", "job/algo-2-1795331000", "job-2/algo-1-1795331000"):
        logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    put(logs, "job/algo-1-1795331000", *LINES)
    put(logs, "job/algo-2-1795331000", "[metric] step=7 loss=3.0", start_ms=3)
    put(logs, "job-2/algo-1-1795331000", "[metric] step=99 loss=9.0")
    rows = metrics.from_logs(logs, "job")
    assert [(row["host"], row["train:step"]) for row in rows] == [
        ("algo-1", 5), ("algo-1", 10), ("algo-1", 10), ("algo-2", 7)]
    assert rows[0]["time"].tzinfo is datetime.timezone.utc
    assert log_lines(logs, "job", tail=1) == LINES[-1:]


def test_a_reader_gives_each_line_once_while_the_job_runs(logs):
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="job/algo-1-1")
    reader = LogReader(logs, "job")
    assert reader.read() == []
    put(logs, "job/algo-1-1", "one", "two")
    assert [event["text"] for event in reader.read()] == ["one", "two"]
    assert reader.read() == []
    put(logs, "job/algo-1-1", "three", start_ms=10)
    assert [event["text"] for event in reader.read()] == ["three"]


def test_a_log_of_many_pages_is_read_to_its_end(logs):
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="job/algo-1-1")
    for start in range(0, 25_000, 5_000):
        put(logs, "job/algo-1-1", *[f"line {start + i}" for i in range(5_000)], start_ms=start)
    lines = log_lines(logs, "job")
    assert len(lines) == 25_000 and lines[-1] == "line 24999"


def test_cloudwatch_gives_one_row_a_minute_with_every_metric_of_it():
    with mock_aws():
        cloudwatch = boto3.client("cloudwatch", region_name="us-east-1")
        start = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
        start -= datetime.timedelta(minutes=10)
        job = f"job-{uuid.uuid4().hex[:6]}"
        for minute, name, value in [(0, "train:loss", 4.0), (0, "train:loss", 2.0), (1, "train:loss", 1.0),
                                    (1, "eval:loss", 1.5)]:
            cloudwatch.put_metric_data(Namespace=metrics.CLOUDWATCH_NAMESPACE, MetricData=[{
                "MetricName": name, "Value": value, "Timestamp": start + datetime.timedelta(minutes=minute),
                "Dimensions": [{"Name": "TrainingJobName", "Value": job}]}])
        rows = metrics.from_cloudwatch(cloudwatch, job, ["train:loss", "eval:loss"], start)
    assert [(r.get("train:loss"), r.get("eval:loss")) for r in rows] == [(3.0, None), (1.0, 1.5)]
    assert metrics.loss_message(rows) == "Training loss fell from 3.00 to 1.00 in 1 minute; " \
                                         "held-out loss ended at 1.50"


# --- the curve


def test_the_title_says_what_the_loss_did():
    rows = metrics.parse_lines(LINES)
    assert metrics.loss_message(rows) == \
        "Training loss fell from 4.71 to 1.25 in 10 steps; held-out loss ended at 1.10"
    held_out = [{"train:step": step, "eval:loss": loss} for step, loss in ((10, 1.5), (20, 1.25))]
    assert metrics.loss_message(held_out) == "Held-out loss fell from 1.50 to 1.25 in 20 steps"
    assert metrics.loss_message([]) == "No loss has been logged yet"
    assert metrics.loss_message(rows[:1]) == "Training loss is 4.71 at step 5"
    assert metrics.loss_message(rows[1::-1]).startswith("Training loss rose")
    broken = metrics.parse_lines(["[metric] step=1 loss=2.0", "[metric] step=2 loss=nan"])
    assert metrics.loss_message(broken) == "Training loss became nan at step 2"
    plain = metrics.parse_lines(["loss=2.0", " loss=1.0", " loss=0.5"])
    assert metrics.loss_message(plain) == "Training loss fell from 1.00 to 0.50 in 2 lines"


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_the_curve_can_be_drawn_at_any_moment_of_a_job(count):
    import matplotlib.pyplot as plt

    ax = metrics.plot_loss(metrics.parse_lines(LINES[:count]))
    assert ax.get_title() and "loss" in ax.get_ylabel() and ax.get_xlabel()
    ax.figure.canvas.draw()
    plt.close(ax.figure)


def test_the_curve_shows_the_raw_points_too_and_takes_a_given_axes():
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    rows = metrics.parse_lines([f"[metric] step={i} loss={5 / i}" for i in range(1, 30)])
    assert metrics.plot_loss(rows, ax) is ax
    raw = [line for line in ax.lines if line.get_marker() == "o"]
    assert list(raw[0].get_ydata()) == [row["train:loss"] for row in rows]
    assert ax.get_xlabel() == "optimizer step"
    plt.close(figure)


def test_smoothing_keeps_the_ends_does_not_lag_and_passes_over_nan():
    assert metrics.smooth([4.0, math.nan, 1.0, 7.0, 1.0], reach=1) == [4.0, 2.5, 4.0, 3.0, 1.0]
    falling = [100.0 - i for i in range(100)]
    assert metrics.smooth(falling) == pytest.approx(falling)
    assert math.isnan(metrics.smooth([math.nan])[0]) and metrics.smooth([]) == []


def test_runs_are_compared_at_the_steps_that_both_have():
    alone = [{"train:step": step, "train:loss": 2.0 - step / 10} for step in (1.0, 2.0, 3.0)]
    other = [{"train:step": 2.0, "train:loss": 1.75}, {"train:step": 9.0, "train:loss": 9.0}]
    assert metrics.largest_gap({"alone": alone, "other": other}) == pytest.approx(0.05)
    assert metrics.largest_gap({"alone": alone, "again": list(alone)}) == 0
    with pytest.raises(ValueError, match="no step with train:loss in common"):
        metrics.largest_gap({"alone": alone, "none": [{"train:step": 8.0, "train:loss": 1.0}]})


def test_the_picture_of_several_runs_says_how_far_they_are_apart():
    alone = [{"train:step": 1.0, "train:loss": 2.0}, {"train:step": 2.0, "train:loss": 1.5}]
    ax = metrics.plot_runs({"alone": alone, "again": list(alone)})
    assert ax.get_title() == "2 runs: the same losses"
    assert [list(line.get_ydata()) for line in ax.lines] == [[2.0, 1.5]] * 2
    far = [{"train:step": 2.0, "train:loss": 1.2}]
    assert metrics.plot_runs({"alone": alone, "far": far}).get_title().endswith("by more than 0.3")
