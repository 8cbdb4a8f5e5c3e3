"""What a job will cost, and has cost: arithmetic, never a guess that is not called one."""

import json
import uuid
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from tuneaws import job_costs, prices, speeds
from tuneaws.job_costs import Speed

SPEED = Speed(500.0, 1000.0, 2000.0, "as a test")
START = datetime(2026, 11, 22, 8, 30, tzinfo=timezone.utc)
TAGS = {"course": "tuneaws"}


# tokens


@pytest.fixture
def rows(tmp_path):
    """300 chats: 40 characters of content each, in two messages, and one long row."""
    path = tmp_path / "train.jsonl"
    chat = {"messages": [{"role": "user", "content": "a" * 19}, {"role": "assistant", "content": "b" * 20}]}
    long = {"text": "c" * 40_000}
    path.write_text("\n".join(json.dumps(row) for row in [chat] * 300 + [long]) + "\n\n")
    return path


def two_characters(text: str) -> dict:
    return {"input_ids": list(range(len(text) // 2))}


def test_tokens_are_counted_with_the_tokenizer_or_said_to_be_assumed(rows):
    assert job_costs.count_tokens(rows).count == 300 * 10 + 10_000
    assert "4 characters a token, assumed" in str(job_costs.count_tokens(rows))
    counted = job_costs.count_tokens(rows, two_characters, sample=300)
    assert counted.count == 300 * 20 + 20_000 and "2.00 characters a token, from 300 rows" in counted.source
    assert counted.rows == 301 and "26,000 tokens in 301 rows" in str(counted)
    as_list = job_costs.count_tokens(rows, lambda text: two_characters(text)["input_ids"])
    assert as_list.count == counted.count


def test_a_row_counts_no_more_than_the_job_reads_of_it(rows):
    assert job_costs.count_tokens(rows, max_tokens=1024).count == 300 * 10 + 1024


def test_a_file_without_text_is_an_error(tmp_path):
    (tmp_path / "empty.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(ValueError, match="holds no text. Fix:"):
        job_costs.count_tokens(tmp_path / "empty.jsonl")


# speed


def test_an_assumed_speed_says_so_and_reproduces_what_it_was_taken_from():
    """QwenLM/Qwen's table: Q-LoRA on one A100, 8 rows a step."""
    small, large = (speeds.assumed(n, "ml.p4d.24xlarge") for n in (1_840_000_000, 7_720_000_000))
    assert small.slow == pytest.approx(8 * 256 / 1.4, rel=0.05)
    assert small.likely == pytest.approx(8 * 1024 / 1.4, rel=0.02)
    assert large.fast == pytest.approx(8 * 1024 / 3.5, rel=0.02)
    assert "ASSUMED" in small.source and "A100" in small.source and "Qwen's README" in small.source
    assert small.slow < small.likely < small.fast


def test_an_instance_without_a_gpu_has_no_assumed_speed():
    for name in ("ml.m5.xlarge", "ml.p9.huge"):
        with pytest.raises(prices.PriceError, match=f"no GPU is known for {name}"):
            speeds.assumed(1, name)
    assert {row[3] for row in prices.INSTANCES.values() if row[2]} == set(speeds.PEAK_TFLOPS)


def job(name="job", status="Completed", instance="ml.g5.xlarge", speed=None, **more) -> dict:
    final = [{"MetricName": "train:tokens_per_s", "Value": speed}] if speed else []
    return {
        "TrainingJobName": name, "TrainingJobArn": name, "TrainingJobStatus": status,
        "SecondaryStatus": more.pop("secondary", status), "CreationTime": START,
        "ResourceConfig": {"InstanceType": instance, "InstanceCount": more.pop("count", 1)},
        "FinalMetricDataList": final, "HyperParameters": {"base_model": '"qwen"'}, **more,
    }  # fmt: skip


def account(*jobs):
    """A client with these jobs, each with the course's tag."""

    def pages(operation):
        def paginate(StatusEquals=None, ResourceArn=None, **_):
            if operation == "list_tags":
                return [{"Tags": [{"Key": "course", "Value": "tuneaws"}]}]
            wanted = [each for each in jobs if StatusEquals in (None, each["TrainingJobStatus"])]
            return [{"TrainingJobSummaries": wanted}]

        return SimpleNamespace(paginate=paginate)

    found = {each["TrainingJobName"]: each for each in jobs}
    return SimpleNamespace(get_paginator=pages,
                           describe_training_job=lambda TrainingJobName: found[TrainingJobName])


def test_a_measured_speed_is_that_of_completed_jobs_on_that_machine():
    sm = account(job("newest", speed=900), job("other", instance="ml.g6.xlarge", speed=5), job("mute"),
                 job("broken", "Failed", speed=7), job("older", speed=1100), job("oldest", speed=700))
    assert job_costs.measured(sm, TAGS, "ml.g5.xlarge") == Speed(
        700, 900, 1100, "MEASURED by newest and 2 more")
    assert job_costs.measured(sm, TAGS, "ml.g5.xlarge", "qwen").likely == 900
    assert job_costs.measured(sm, TAGS, "ml.g5.xlarge", "llama") is None
    assert job_costs.measured(sm, TAGS, "ml.p4d.24xlarge") is None


# before


def test_the_cost_before_is_tokens_by_speed_and_the_limit():
    cost = job_costs.before(500_000, SPEED, "ml.g5.xlarge", "us-east-1", 3600, epochs=2, instance_count=2,
                            setup_s=200)
    assert cost.tokens == 1_000_000
    assert cost.low_usd == pytest.approx(2 * 1.408 * (200 + 500) / 3600)
    assert cost.likely_usd == pytest.approx(2 * 1.408 * (200 + 1000) / 3600)
    assert cost.worst_usd == pytest.approx(2 * 1.408)
    said = str(cost)
    assert "1,000,000 tokens / 1,000 tokens a second + 200 s" in said and "speed: as a test" in said
    assert "worst       2.82 USD   60 minutes, then the job is stopped" in said and "TOO SHORT" not in said


def test_a_job_that_its_limit_would_cut_is_said_to_be_too_short_and_costs_the_limit():
    cost = job_costs.before(10_000_000, SPEED, "ml.g5.xlarge", "us-east-1", 3600)
    assert cost.is_cut and cost.likely_usd == cost.worst_usd
    assert "TOO SHORT: it likely needs 172 minutes" in str(cost)
    with pytest.raises(prices.PriceError, match="at worst this job costs 1.41 USD, budget_usd allows 1.00"):
        prices.check_budget(cost, 1)


@pytest.mark.parametrize("tokens, epochs, limit", [(0, 1, 60), (5, 0, 60), (5, 1, 0)])
def test_a_job_without_tokens_or_time_has_no_cost(tokens, epochs, limit):
    with pytest.raises(ValueError, match="each must be over 0"):
        job_costs.before(tokens, SPEED, "ml.g5.xlarge", "us-east-1", limit, epochs)


def test_instances_are_compared_by_dollars_and_by_hours():
    by_usd = job_costs.compare(5_000_000, 500_000_000, "us-east-1", 36_000)
    by_hours = job_costs.compare(5_000_000, 500_000_000, "us-east-1", 36_000, by="hours")
    known = [name for name in prices.INSTANCES
             if prices.INSTANCES[name][2] and name in prices.SEEN["us-east-1"][1]]
    assert sorted(row["instance"] for row in by_usd) == sorted(known) and len(known) == 11
    assert [row["USD"] for row in by_usd] == sorted(row["USD"] for row in by_usd)
    assert [row["hours"] for row in by_hours] == sorted(row["hours"] for row in by_hours)
    rows = {row["instance"]: row for row in by_usd}
    assert rows["ml.g5.2xlarge"]["hours"] == rows["ml.g5.12xlarge"]["hours"], "one GPU trains in either"
    assert rows["ml.g5.2xlarge"]["GPU used"] == "1 x A10G 24 GB"
    some = job_costs.compare(5_000_000, 1, "us-east-1", 60, instance_types=["ml.g6.xlarge", "ml.m5.xlarge"])
    assert [row["instance"] for row in some] == ["ml.g6.xlarge"]
    with pytest.raises(ValueError, match="by is 'price'"):
        job_costs.compare(1, 1, "us-east-1", 60, by="price")


# while and after


def test_the_cost_so_far_is_billed_seconds_by_instances_by_price():
    price = prices.training_price("ml.g5.xlarge", "us-east-1")
    assert job_costs.usd_per_hour(job(count=3), price) == pytest.approx(3 * 1.408)
    assert job_costs.usd_so_far(job(count=2, BillableTimeInSeconds=900), price) == pytest.approx(1.408 / 2)
    assert job_costs.usd_so_far(job(status="InProgress"), price) == 0, "nothing is billed before it starts"
    began = datetime.now(timezone.utc) - timedelta(hours=1)
    running = job(status="InProgress", secondary="Training", TrainingStartTime=began)
    assert job_costs.usd_so_far(running, price) == pytest.approx(1.408, abs=0.01)


def test_the_list_of_jobs_has_state_and_cost_and_no_invented_price():
    sm = account(job("a", BillableTimeInSeconds=3600), job("b", "Failed", instance="ml.p9.huge"),
                 job("c", "Stopped", secondary="MaxRuntimeExceeded", BillableTimeInSeconds=1800, count=2))
    rows = job_costs.overview(sm, TAGS, "us-east-1")
    assert rows[0] == {"job": "a", "status": "Completed (Completed)", "machine": "1 x ml.g5.xlarge",
                       "billed s": 3600, "USD so far": 1.408}
    assert [row["USD so far"] for row in rows] == [1.408, None, 1.408]
    assert rows[2]["status"] == "Stopped (MaxRuntimeExceeded)"
    assert "USD if on AWS" in job_costs.overview(sm, TAGS, "us-east-1", where="local")[0]


def test_a_job_that_really_ran_is_listed_with_what_it_was_billed(local_aws, bucket, role_arn, tmp_path):
    from tuneaws import raw_images, raw_jobs, training_jobs

    (tmp_path / "train.py").write_text("print('[metric] step=1 loss=1.0 tokens_per_s=50.0', flush=True)\n")
    sm, tags, name = local_aws.client("sagemaker"), {"run": uuid.uuid4().hex}, f"cost-{bucket[5:15]}"
    source = raw_jobs.upload_code(local_aws.client("s3"), tmp_path, bucket, name, "train.py")
    definitions = [{"Name": "train:tokens_per_s", "Regex": "tokens_per_s=([0-9.]+)"}]
    name = raw_jobs.start(sm, raw_jobs.training_request(
        name, raw_images.training_image("us-east-1"), role_arn, "train.py", source, {}, {},
        f"s3://{bucket}/models", max_run_s=60, tags=tags, metrics=definitions))
    done = training_jobs.watch(sm, local_aws.client("logs"), name, poll_s=0.2)
    (row,) = job_costs.overview(sm, tags, "us-east-1", where="local")
    assert row["billed s"] == done["BillableTimeInSeconds"] >= 1
    assert row["USD if on AWS"] == pytest.approx(1.408 * row["billed s"] / 3600, abs=1e-4)
    assert job_costs.measured(sm, tags, "ml.g5.xlarge").likely == 50.0
