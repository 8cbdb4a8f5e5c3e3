"""Hyperparameter tuning jobs: what is refused, what is tried, how it ends; the training jobs are real."""

import copy
import math
import random
import re
import signal
import uuid
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from engine_aid import tarball
from local_server import TRUST, Process, client, until
from pocketaws.errors import AwsError
from pocketaws.hyperparameter_tuning import early_stopping, ranges, strategies
from pocketaws.hyperparameter_tuning.gaussian_process import GaussianProcess, expected_improvement
from pocketaws.hyperparameter_tuning.runner import Runner
from pocketaws.sagemaker.tuning_job import TuningJob
from training_api import IMAGE, MACHINE, channel, create, numbers, refused

METRICS = [{"Name": "eval:loss", "Regex": r"eval_loss=([0-9.]+)"}]
RATES = {"Name": "learning_rate", "MinValue": "1e-4", "MaxValue": "1e-2"}
RANKS = {"Name": "lora_r", "Values": ["4", "8", "16"]}


def request_for(aws, strategy="Random", jobs=4, parallel=2, **config) -> dict:
    """A CreateHyperParameterTuningJob that is right, with a new name."""
    limits = {"MaxParallelTrainingJobs": parallel}
    return {
        "HyperParameterTuningJobName": f"tuning-{next(numbers)}",
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "eval:loss"},
            "ResourceLimits": {**limits, "MaxNumberOfTrainingJobs": jobs} if jobs else limits,
            "ParameterRanges": {"CategoricalParameterRanges": [RANKS]}
            if strategy == "Grid"
            else {"ContinuousParameterRanges": [RATES], "CategoricalParameterRanges": [RANKS]},
            "RandomSeed": 7,
            **config,
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {"epochs": "1"},
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE, "TrainingInputMode": "File", "MetricDefinitions": METRICS,
            },
            "RoleArn": aws.role,
            "InputDataConfig": [channel("training", "s3://learner/data")],
            "OutputDataConfig": {"S3OutputPath": "s3://learner/out"},
            "ResourceConfig": MACHINE,
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "CheckpointConfig": {"S3Uri": "s3://learner/checkpoints/"},
        },
        "Tags": [{"Key": "course", "Value": "tuneaws"}],
    }  # fmt: skip


class Tuning:
    """A tuning job of the gateway whose training jobs the test moves."""

    def __init__(self, aws, request: dict):
        self.aws, self.request, self.name = aws, request, request["HyperParameterTuningJobName"]
        self.arn = aws.sagemaker.create_hyper_parameter_tuning_job(**request)["HyperParameterTuningJobArn"]
        self.object = aws.state.tuning_jobs.find(self.name, "us-east-1", aws.state.account)

    def describe(self) -> dict:
        return self.aws.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=self.name)

    def job(self, number: int):
        """The number-th training job (from 1), waited for."""
        until(lambda: len(self.object.launched()) >= number, 20)
        return self.object.launched()[number - 1][0]

    def complete(self, number: int, value: float | None):
        job = self.job(number)
        moment = datetime.now(timezone.utc)
        if value is not None:
            job.metrics.add("eval:loss", value, moment)
            job.final_metrics = [{"MetricName": "eval:loss", "Value": value, "Timestamp": moment}]
        job.training_start_time = job.training_end_time = moment
        job.move("Completed")
        return job

    def ended(self) -> dict:
        assert self.object.ended.wait(20), self.object.status
        return self.describe()


def test_a_random_search_runs_its_jobs_two_at_a_time_and_names_the_best(aws):
    tuning = Tuning(aws, request_for(aws, jobs=3))
    first, second = tuning.job(1), tuning.job(2)
    assert len(tuning.object.launched()) == 2, "MaxParallelTrainingJobs"
    assert re.fullmatch(rf"{tuning.name}-001-[0-9a-f]{{8}}", first.name)
    assert first.tags == {"course": "tuneaws"} and first.tuning_job_arn == tuning.arn
    assert first.request["CheckpointConfig"]["S3Uri"] == f"s3://learner/checkpoints/{first.name}"
    given = first.request["HyperParameters"]
    assert given["epochs"] == "1" and given["_tuning_objective_metric"] == "eval:loss"
    assert 1e-4 <= float(given["learning_rate"]) <= 1e-2 and given["lora_r"] in RANKS["Values"]
    running = tuning.describe()
    assert running["TrainingJobStatusCounters"]["InProgress"] == 2 and "BestTrainingJob" not in running
    assert running["ObjectiveStatusCounters"] == {"Succeeded": 0, "Pending": 2, "Failed": 0}
    tuning.complete(1, 0.5)
    second.fail("AlgorithmError: no")
    tuning.complete(3, 0.25)
    found = tuning.ended()
    assert found["HyperParameterTuningJobStatus"] == "Completed"
    counters = {"Completed": 2, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 1, "Stopped": 0}
    assert found["TrainingJobStatusCounters"] == counters
    assert found["ObjectiveStatusCounters"] == {"Succeeded": 2, "Pending": 0, "Failed": 1}
    best = found["BestTrainingJob"]
    assert best["TrainingJobName"] == tuning.job(3).name and best["ObjectiveStatus"] == "Succeeded"
    value = {"Type": "Minimize", "MetricName": "eval:loss", "Value": 0.25}
    assert best["FinalHyperParameterTuningJobObjectiveMetric"] == value
    assert set(best["TunedHyperParameters"]) == {"learning_rate", "lora_r"}
    static = found["TrainingJobDefinition"]["StaticHyperParameters"]
    assert static == {"epochs": "1", "_tuning_objective_metric": "eval:loss"}
    described = aws.sagemaker.describe_training_job(TrainingJobName=first.name)
    assert described["TuningJobArn"] == tuning.arn


def test_a_grid_tries_every_combination_once_and_may_leave_the_number_of_jobs_out(aws):
    tuning = Tuning(aws, request_for(aws, "Grid", jobs=None, parallel=3))
    for number in (1, 2, 3):
        tuning.complete(number, float(number))
    assert tuning.ended()["TrainingJobStatusCounters"]["Completed"] == 3
    assert [each for _, each in tuning.object.launched()] == [{"lora_r": value} for value in RANKS["Values"]]


def test_the_same_seed_tries_the_same_combinations(aws):
    tried = []
    for _ in range(2):
        tuning = Tuning(aws, request_for(aws, jobs=2))
        tuning.complete(1, 1.0), tuning.complete(2, 1.0)
        tuning.ended()
        tried.append([each for _, each in tuning.object.launched()])
    assert tried[0] == tried[1] and tried[0][0] != tried[0][1]


def test_stopping_stops_the_training_jobs_first(aws):
    tuning = Tuning(aws, request_for(aws))
    jobs = [tuning.job(1), tuning.job(2)]
    call = aws.sagemaker.stop_hyper_parameter_tuning_job
    call(HyperParameterTuningJobName=tuning.name)
    assert tuning.describe()["HyperParameterTuningJobStatus"] == "Stopping"
    until(lambda: all(job.stop_requested.is_set() for job in jobs), 20)
    assert set(jobs) <= set(aws.engine.stopped)
    for job in jobs:
        job.move("Stopped")
    found = tuning.ended()
    assert found["HyperParameterTuningJobStatus"] == "Stopped"
    assert found["TrainingJobStatusCounters"]["Stopped"] == 2 and len(tuning.object.launched()) == 2
    code, message = refused(call, HyperParameterTuningJobName=tuning.name)
    assert code == "ValidationException" and "Stopped" in message


def test_five_failures_and_no_success_end_it(aws):
    tuning = Tuning(aws, request_for(aws, jobs=20, parallel=1))
    for number in range(1, 6):
        tuning.job(number).fail("AlgorithmError: no")
    found = tuning.ended()
    assert found["HyperParameterTuningJobStatus"] == "Failed" and len(tuning.object.launched()) == 5
    assert found["FailureReason"].startswith("No training job succeeded after 5 attempts.")


def test_jobs_that_never_print_the_metric_are_a_failure_that_says_so(aws):
    tuning = Tuning(aws, request_for(aws, jobs=1, parallel=1))
    tuning.complete(1, None)
    found = tuning.ended()
    assert found["HyperParameterTuningJobStatus"] == "Failed"
    assert found["FailureReason"].startswith("No objective metrics found after running 1 training jobs.")


@pytest.mark.parametrize(
    "criteria, values",
    [
        ({"TargetObjectiveMetricValue": 0.3}, [0.5, 0.29]),
        ({"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}, [0.5, 0.499, 0.6, 0.7]),
    ],
    ids=["target", "not improving"],
)
def test_a_completion_criterion_ends_it_early(aws, criteria, values):
    request = request_for(aws, jobs=20, parallel=1, TuningJobCompletionCriteria=criteria)
    tuning = Tuning(aws, request)
    for number, value in enumerate(values, 1):
        tuning.complete(number, value)
    assert tuning.ended()["HyperParameterTuningJobStatus"] == "Completed"
    assert len(tuning.object.launched()) == len(values)


def test_early_stopping_stops_a_job_that_lags_behind(aws):
    tuning = Tuning(aws, request_for(aws, jobs=4, parallel=1, TrainingJobEarlyStoppingType="Auto"))
    for number in (1, 2, 3):
        tuning.complete(number, 1.0)
    last = tuning.job(4)
    last.metrics.add("eval:loss", 1.5, datetime.now(timezone.utc))
    until(lambda: last.stop_requested.is_set(), 20)
    last.final_metrics = [{"MetricName": "eval:loss", "Value": 0.1, "Timestamp": datetime.now(timezone.utc)}]
    last.move("Stopped")
    found = tuning.ended()
    assert found["TrainingJobStatusCounters"]["Stopped"] == 1
    assert found["ObjectiveStatusCounters"]["Succeeded"] == 4
    assert found["BestTrainingJob"]["TrainingJobStatus"] == "Completed", "the best of those that completed"


def test_the_jobs_are_listed_by_their_value(aws):
    tuning = Tuning(aws, request_for(aws, jobs=3, parallel=3))
    tuning.complete(1, 0.5), tuning.job(2).fail("no"), tuning.complete(3, 0.25)
    tuning.ended()
    call = aws.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job
    asked = {"HyperParameterTuningJobName": tuning.name}
    by_value = call(**asked, SortBy="FinalObjectiveMetricValue")["TrainingJobSummaries"]
    assert [each["TrainingJobName"] for each in by_value] == [tuning.job(3).name, tuning.job(1).name]
    failed = call(**asked, StatusEquals="Failed")["TrainingJobSummaries"]
    assert [each["FailureReason"] for each in failed] == ["no"]
    page = call(**asked, MaxResults=2)
    rest = call(**asked, MaxResults=2, NextToken=page["NextToken"])
    names = [each["TrainingJobName"] for each in page["TrainingJobSummaries"] + rest["TrainingJobSummaries"]]
    assert names == [job.name for job, _ in tuning.object.launched()]


def test_a_tuning_job_is_listed_tagged_put_into_an_experiment_and_deleted(aws):
    tuning = Tuning(aws, request_for(aws, jobs=1, parallel=1))
    sagemaker, named = aws.sagemaker, {"HyperParameterTuningJobName": tuning.name}
    assert refused(sagemaker.delete_hyper_parameter_tuning_job, **named)[0] == "ValidationException"
    sagemaker.add_tags(ResourceArn=tuning.arn, Tags=[{"Key": "team", "Value": "a"}])
    assert len(sagemaker.list_tags(ResourceArn=tuning.arn)["Tags"]) == 2
    job = tuning.complete(1, 1.0)
    tuning.ended()
    listed = sagemaker.list_hyper_parameter_tuning_jobs(NameContains=tuning.name, StatusEquals="Completed")
    assert [each["Strategy"] for each in listed["HyperParameterTuningJobSummaries"]] == ["Random"]
    inside = sagemaker.list_trial_components(ExperimentName=f"{tuning.name}-aws-tuning-job")
    names = [each["TrialComponentName"] for each in inside["TrialComponentSummaries"]]
    assert names == [f"{job.name}-aws-training-job"]
    sagemaker.delete_hyper_parameter_tuning_job(**named)
    assert refused(sagemaker.describe_hyper_parameter_tuning_job, **named)[0] == "ResourceNotFound"
    assert sagemaker.describe_training_job(TrainingJobName=job.name)["TrainingJobStatus"] == "Completed"


def changed(request: dict, path: str, value) -> dict:
    """A copy of a request with the member at "A.B.C" set, or taken out for None."""
    request = copy.deepcopy(request)
    *parents, last = path.split(".")
    inner = request
    for name in parents:
        inner = inner.setdefault(name, {})
    inner.pop(last, None) if value is None else inner.__setitem__(last, value)
    return request


CONFIG, DEFINITION = "HyperParameterTuningJobConfig", "TrainingJobDefinition"
NOT_HERE = [
    (f"{CONFIG}.Strategy", "Hyperband"),
    ("WarmStartConfig", {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "x"}],
                         "WarmStartType": "TransferLearning"}),
    ("Autotune", {"Mode": "Enabled"}),
    (f"{CONFIG}.TuningJobCompletionCriteria.ConvergenceDetected", {"CompleteOnConvergence": "Enabled"}),
    (f"{CONFIG}.ParameterRanges.AutoParameters", [{"Name": "x", "ValueHint": "1"}]),
    (f"{DEFINITION}.HyperParameterTuningResourceConfig.InstanceConfigs", [MACHINE]),
]  # fmt: skip
WRONG = [
    (f"{CONFIG}.ParameterRanges", {}, "no range"),
    (f"{CONFIG}.ResourceLimits", {"MaxParallelTrainingJobs": 1}, "MaxNumberOfTrainingJobs is required"),
    (f"{CONFIG}.ResourceLimits.MaxParallelTrainingJobs", 9, "is over MaxNumberOfTrainingJobs"),
    (f"{CONFIG}.Strategy", "Grid", "Only categorical"),
    (f"{CONFIG}.HyperParameterTuningJobObjective.MetricName", "train:speed", "'train:speed'"),
    (f"{CONFIG}.ParameterRanges.ContinuousParameterRanges", [{**RATES, "MinValue": "1"}], "not over Max"),
    (f"{CONFIG}.ParameterRanges.IntegerParameterRanges", [{**RATES, "Name": "r"}], "an integer"),
    (f"{CONFIG}.ParameterRanges.CategoricalParameterRanges", [{"Name": "learning_rate", "Values": ["1"]}],
     "more than one range"),
    (f"{DEFINITION}.StaticHyperParameters", {"lora_r": "8"}, "is static and has a range"),
    (f"{DEFINITION}.StaticHyperParameters", {"_tuning_objective_metric": "x"}, "set by SageMaker itself"),
    (f"{DEFINITION}.OutputDataConfig.S3OutputPath", "s3://nobody/out", "does not exist"),
    (f"{DEFINITION}.RoleArn", "arn:aws:iam::123456789012:role/nobody", "Could not assume role"),
    (f"{DEFINITION}.ResourceConfig", {"InstanceCount": 1, "VolumeSizeInGB": 1}, "InstanceType"),
]  # fmt: skip


@pytest.mark.parametrize("path, value", NOT_HERE, ids=[path.rpartition(".")[2] for path, _ in NOT_HERE])
def test_what_is_not_here_is_refused_by_name(aws, path, value):
    request = changed(request_for(aws), path, value)
    code, message = refused(aws.sagemaker.create_hyper_parameter_tuning_job, **request)
    assert code == "NotImplemented" and path.rpartition(".")[2] in message


@pytest.mark.parametrize("path, value, words", WRONG, ids=[words for *_, words in WRONG])
def test_a_request_that_aws_would_refuse_is_refused_before_anything_starts(aws, path, value, words):
    request = changed(request_for(aws), path, value)
    code, message = refused(aws.sagemaker.create_hyper_parameter_tuning_job, **request)
    assert code == "ValidationException" and words in message
    name = {"HyperParameterTuningJobName": request["HyperParameterTuningJobName"]}
    assert refused(aws.sagemaker.describe_hyper_parameter_tuning_job, **name)[0] == "ResourceNotFound"


def test_the_machine_may_be_named_as_sdk_2_names_it(aws):
    request = request_for(aws, jobs=1, parallel=1)
    definition = request["TrainingJobDefinition"]
    definition["HyperParameterTuningResourceConfig"] = definition.pop("ResourceConfig")
    tuning = Tuning(aws, request)
    assert tuning.job(1).request["ResourceConfig"] == MACHINE
    assert tuning.describe()["TrainingJobDefinition"]["HyperParameterTuningResourceConfig"] == MACHINE
    tuning.complete(1, 1.0)
    tuning.ended()


def test_a_name_is_taken_once(aws):
    tuning = Tuning(aws, request_for(aws, jobs=1, parallel=1))
    code, _ = refused(aws.sagemaker.create_hyper_parameter_tuning_job, **tuning.request)
    assert code == "ResourceInUse"
    tuning.complete(1, 1.0)
    tuning.ended()


# --- the parts


def read(**kinds) -> list:
    return ranges.read({f"{kind}ParameterRanges": [each] for kind, each in kinds.items()})


@pytest.mark.parametrize("scale", ["Linear", "Logarithmic", "ReverseLogarithmic", "Auto"])
def test_values_stay_in_their_range_and_find_their_place_again(scale):
    bounds = {"Name": "x", "MinValue": "0.001", "MaxValue": "0.9", "ScalingType": scale}
    (found,) = read(Continuous=bounds)
    chance = random.Random(1)
    for _ in range(200):
        text = found.draw(chance)
        assert 0.001 <= float(text) <= 0.9
        assert float(found.text(found.place(text))) == pytest.approx(float(text))
    assert (float(found.text(0)), float(found.text(1))) == (pytest.approx(0.001), 0.9)


def test_a_logarithmic_range_gives_every_power_of_ten_its_share():
    (found,) = read(Continuous={**RATES, "ScalingType": "Logarithmic"})
    chance = random.Random(1)
    below = sum(float(found.draw(chance)) < 1e-3 for _ in range(2000))
    assert 900 < below < 1100, "half of the draws between 1e-4 and 1e-3"


def test_an_integer_range_gives_whole_numbers_and_both_ends():
    (found,) = read(Integer={"Name": "r", "MinValue": "2", "MaxValue": "5", "ScalingType": "Linear"})
    chance = random.Random(1)
    assert {found.draw(chance) for _ in range(200)} == {"2", "3", "4", "5"}


@pytest.mark.parametrize("scale, low", [("Logarithmic", "0"), ("ReverseLogarithmic", "-1")])
def test_a_scale_that_does_not_fit_its_range_is_refused(scale, low):
    with pytest.raises(AwsError, match=scale):
        read(Continuous={"Name": "x", "MinValue": low, "MaxValue": "0.5", "ScalingType": scale})


def test_a_gaussian_process_knows_what_it_has_seen_and_doubts_what_it_has_not():
    points = [[0.0], [0.25], [0.5], [0.75], [1.0]]
    process = GaussianProcess(points, [(x[0] - 0.3) ** 2 for x in points])
    mean, deviation = process.expect([0.25])
    assert mean == pytest.approx(0.0025, abs=0.02)
    assert process.expect([0.3])[0] == pytest.approx(0.0, abs=0.03)
    assert process.expect([3.0])[1] > 5 * deviation


def test_expected_improvement_grows_with_doubt_and_with_promise():
    assert expected_improvement(1.0, 0.5, best=0.5) > expected_improvement(1.0, 0.1, best=0.5) >= 0
    assert expected_improvement(0.4, 0.1, best=0.5) > expected_improvement(0.6, 0.1, best=0.5)
    assert expected_improvement(0.0, 1e-9, best=0.5) == pytest.approx(0.5)


def test_bayesian_search_finds_a_better_place_than_chance_in_as_many_jobs():
    found = read(
        Continuous=RATES, Integer={"Name": "r", "MinValue": "2", "MaxValue": "64"}, Categorical=RANKS
    )

    def loss(each: dict) -> float:
        rank = {"4": 0.2, "8": 0.0, "16": 0.1}[each["lora_r"]]
        return (math.log10(float(each["learning_rate"])) + 2.6) ** 2 + (int(each["r"]) / 64 - 0.5) ** 2 + rank

    ends = {name: [search(strategies.STRATEGIES[name](found, seed), loss) for seed in range(8)]
            for name in ("Random", "Bayesian")}  # fmt: skip
    assert sum(ends["Bayesian"]) < 0.6 * sum(ends["Random"]), ends


def search(strategy, loss, jobs: int = 15) -> float:
    tried, results = [], []
    for _ in range(jobs):
        tried.append(strategy.next(tried, results))
        results.append((tried[-1], loss(tried[-1])))
    return min(value for _, value in results)


def test_the_median_rule_is_awss():
    earlier = [[1.0, 0.8], [1.0, 0.6], [1.0, 0.4]]  # running averages at the second value: 0.9, 0.8, 0.7
    assert early_stopping.lags_behind([0.5, 0.81], earlier, maximize=False)
    assert not early_stopping.lags_behind([0.5, 0.79], earlier, maximize=False)
    assert not early_stopping.lags_behind([0.5, 0.8], earlier, maximize=False), "as good is not worse"
    assert early_stopping.lags_behind([0.5, 0.79], earlier, maximize=True)
    assert not early_stopping.lags_behind([9.0], earlier[:2], maximize=False), "too few to compare with"
    assert not early_stopping.lags_behind([0.5, 0.5, 9.0], earlier, maximize=False), "none came so far"


def test_a_combination_that_a_quota_kept_back_is_tried_later(aws):
    """Three ranks, room for one job at a time: none is left out, and none is drawn a second time."""
    tuning = TuningJob(request_for(aws, "Grid", jobs=None, parallel=3), "us-east-1", aws.state.account)
    refusals = []

    def launch(number, combination):
        running = [job for job, _ in tuning.launched() if not job.ended.is_set()]
        if running:
            refusals.append(combination)
            raise AwsError("ResourceLimitExceeded", "The account-level service limit is 1")
        return create(aws)

    Runner(tuning, strategies.GridSearch(read(Categorical=RANKS), None), launch, None).start()
    for number in (1, 2, 3):
        until(lambda number=number: len(tuning.launched()) == number, 20)
        if number < 3:
            asked = len(refusals)
            until(lambda asked=asked: len(refusals) > asked + 1, 20)
        tuning.launched()[-1][0].move("Completed")
    assert tuning.ended.wait(20)
    assert [each["lora_r"] for _, each in tuning.launched()] == RANKS["Values"]


# --- with the real engine


SCRIPT = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--learning_rate", type=float)
parser.add_argument("--epochs", type=int)
args = parser.parse_args()
print(f"eval_loss={abs(args.learning_rate - 0.005):.6f}", flush=True)
"""


def test_a_tuning_job_ends_also_when_nothing_can_be_started_or_stopped_any_more(aws):
    tuning = TuningJob(request_for(aws), "us-east-1", aws.state.account)
    closing = AwsError("ServiceUnavailable", "The local AWS is shutting down.", 503)

    def launch(number, combination):
        if number == 2:
            raise closing
        return create(aws)

    def stop(job):
        raise closing

    strategy = strategies.RandomSearch(read(Continuous=RATES), 1)
    Runner(tuning, strategy, launch, stop).start()
    assert tuning.ended.wait(20)
    assert (tuning.status, tuning.failure_reason) == ("Failed", str(closing))


def test_a_server_that_ends_takes_its_tuning_jobs_with_it(tmp_path):
    with Process(tmp_path / "home", "--port", "0") as server:
        url = server.url()
        s3, iam, sagemaker = (client(url, service) for service in ("s3", "iam", "sagemaker"))
        s3.create_bucket(Bucket="learner")
        s3.put_object(Bucket="learner", Key="data/a.jsonl", Body=b"{}")
        sleeper = tarball({"train.py": "import time\nprint('up', flush=True)\ntime.sleep(600)"})
        s3.put_object(Bucket="learner", Key="code.tar.gz", Body=sleeper)
        role = iam.create_role(RoleName="learner", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        request = request_for(SimpleNamespace(role=role), jobs=9)
        request["TrainingJobDefinition"]["StaticHyperParameters"] = {
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": '"s3://learner/code.tar.gz"',
        }
        sagemaker.create_hyper_parameter_tuning_job(**request)
        running = {"StatusEquals": "InProgress"}
        until(lambda: len(sagemaker.list_training_jobs(**running)["TrainingJobSummaries"]) == 2, 60)
        server.send(signal.SIGTERM)
        status, _, errors = server.end()
    assert (status, errors) == (0, "")


def test_real_training_jobs_are_tuned(local_aws, role_arn, bucket):
    local_aws.client("s3").put_object(Bucket=bucket, Key="code.tar.gz", Body=tarball({"train.py": SCRIPT}))
    local_aws.client("s3").put_object(Bucket=bucket, Key="data/a.jsonl", Body=b"{}")
    local_aws.role, name = role_arn, f"real-{uuid.uuid4().hex[:8]}"
    request = request_for(local_aws, jobs=2)
    definition = request["TrainingJobDefinition"]
    del definition["CheckpointConfig"]
    definition["InputDataConfig"] = [channel("training", f"s3://{bucket}/data")]
    definition["OutputDataConfig"] = {"S3OutputPath": f"s3://{bucket}/out"}
    definition["StaticHyperParameters"] = {
        "epochs": "1",
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": f'"s3://{bucket}/code.tar.gz"',
    }
    rates = {"Name": "learning_rate", "Values": ["0.001", "0.004"]}
    config = request["HyperParameterTuningJobConfig"]
    config.update(Strategy="Grid", ParameterRanges={"CategoricalParameterRanges": [rates]})
    sagemaker = local_aws.client("sagemaker")
    sagemaker.create_hyper_parameter_tuning_job(**{**request, "HyperParameterTuningJobName": name})
    describe = sagemaker.describe_hyper_parameter_tuning_job
    found = until(lambda: (answer := describe(HyperParameterTuningJobName=name)) and (
        answer if answer["HyperParameterTuningJobStatus"] != "InProgress" else None), 60)  # fmt: skip
    assert found["HyperParameterTuningJobStatus"] == "Completed", found.get("FailureReason")
    best = found["BestTrainingJob"]
    assert best["TunedHyperParameters"] == {"learning_rate": "0.004"}
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == pytest.approx(0.001)
    component = sagemaker.describe_trial_component(
        TrialComponentName=f"{best['TrainingJobName']}-aws-training-job"
    )
    (metric,) = component["Metrics"]
    assert metric["Count"] == 1 and metric["Last"] == pytest.approx(0.001)
