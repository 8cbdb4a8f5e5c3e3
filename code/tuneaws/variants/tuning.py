"""SageMaker's own search: one CreateHyperParameterTuningJob that launches the training jobs itself.

    upload_code(estimator, "my-tuning")                # what fit() does by itself
    space = {"learning_rate": log_uniform(1e-3, 2e-2)}
    request = tuning_request(estimator.request(channels, "my-tuning"), "my-tuning", space, max_jobs=6)
    start_tuning(sm, request, price, cap_usd=5)       # on AWS: money from here on
    watch_tuning(sm, "my-tuning")
    table(tuning_results(sm, "my-tuning", price))

The request is made from a CreateTrainingJob: the estimator's, or raw_jobs.training_request(). What SDK 2's
HyperparameterTuner sends for the same is compared in tests/test_tuning_request.py.
"""

import json
import time

import botocore.session
from botocore.validate import ParamValidator

from tuneaws import prices, training_jobs
from tuneaws.estimator.request import tag_list
from tuneaws.variants.planning import Planned
from tuneaws.variants.searching import CapError, row
from tuneaws.variants.spaces import Choice, Numbers, checked

# Characters; 10 more follow in the names of its training jobs (API_CreateHyperParameterTuningJob, 2026-11).
LONGEST_NAME = 32
ENDED = ("Completed", "Failed", "Stopped")
# Of a CreateTrainingJob, what a training job definition has by the same name (botocore 1.44.5).
SHARED = ("RoleArn", "InputDataConfig", "VpcConfig", "OutputDataConfig", "ResourceConfig",
          "StoppingCondition", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption",
          "EnableManagedSpotTraining", "CheckpointConfig", "RetryStrategy", "Environment")
ALGORITHM = ("TrainingImage", "TrainingInputMode", "AlgorithmName", "MetricDefinitions")


# --- the request


def tuning_request(training: dict, name: str, space: dict, max_jobs: int | None = None, parallel: int = 2,
                   objective: str = "eval:loss", goal: str = "Minimize", strategy: str = "Random",
                   seed: int | None = None, early_stopping: bool = False, target: float | None = None,
                   max_run_s: int | None = None) -> dict:
    """Return the members of CreateHyperParameterTuningJob. Pure: nothing is looked up, uploaded or sent.

    training        a CreateTrainingJob request: everything but what is varied comes from it, its tags too
    space           {name: list, choice(), uniform(), log_uniform() or whole()}, as for random()
    max_jobs        training jobs at most; None with the strategy "Grid", which runs every combination
    objective       one of the request's MetricDefinitions      goal  "Minimize" or "Maximize"
    strategy        "Random", "Grid" (lists only), "Bayesian"; "Hyperband" is AWS's only
    early_stopping  stop a job that is worse than the median of those before
    target, max_run_s   end the whole search at such a value of the metric, or after so many seconds
    Raises          ValueError for a name or a metric that AWS would refuse
    """
    _check(training, name, objective)
    limits = {"MaxNumberOfTrainingJobs": max_jobs, "MaxParallelTrainingJobs": parallel,
              "MaxRuntimeInSeconds": max_run_s}  # fmt: skip
    config = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {"Type": goal, "MetricName": objective},
        "ResourceLimits": _given(limits),
        "ParameterRanges": parameter_ranges(space),
        "TrainingJobEarlyStoppingType": "Auto" if early_stopping else "Off",
        "TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": target} if target is not None else None,
        "RandomSeed": seed,
    }
    algorithm = training["AlgorithmSpecification"]
    static = {key: value for key, value in training.get("HyperParameters", {}).items() if key not in space}
    definition = {
        "StaticHyperParameters": static or None,
        "AlgorithmSpecification": {key: algorithm[key] for key in ALGORITHM if key in algorithm},
        **{key: training[key] for key in SHARED if key in training},
    }
    request = {"HyperParameterTuningJobName": name, "HyperParameterTuningJobConfig": _given(config),
               "TrainingJobDefinition": _given(definition), "Tags": tag_list(training.get("Tags"))}
    return _given(request)


def parameter_ranges(space: dict) -> dict:
    """The ParameterRanges of a search space; values are JSON texts, like the estimator's hyperparameters."""
    ranges: dict = {"IntegerParameterRanges": [], "ContinuousParameterRanges": [],
                    "CategoricalParameterRanges": []}
    for name, each in checked(space).items():
        if isinstance(each, Numbers):
            kind = "IntegerParameterRanges" if each.whole else "ContinuousParameterRanges"
            ends = {"MinValue": json.dumps(each.low), "MaxValue": json.dumps(each.high)}
            ranges[kind].append({"Name": name, **ends, "ScalingType": each.scale})
        else:
            values = each.values if isinstance(each, Choice) else each
            texts = [json.dumps(value) for value in values]
            ranges["CategoricalParameterRanges"].append({"Name": name, "Values": texts})
    return ranges


def check_tuning(request: dict) -> dict:
    """Return the request if botocore takes it. Free and offline. Raises ValueError with all that is wrong."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model("CreateHyperParameterTuningJob").input_shape
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        raise ValueError(f"AWS would refuse this request:\n{report.generate_report()}")
    return request


def jobs_at_most(request: dict) -> int:
    """How many training jobs a tuning request can launch."""
    config = request["HyperParameterTuningJobConfig"]
    most = config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    if most is not None:
        return most
    count = 1
    for each in config["ParameterRanges"]["CategoricalParameterRanges"]:
        count *= len(each["Values"])
    return count


# --- send it, follow it


def upload_code(estimator, name: str) -> None:
    """Upload the source that estimator.request(channels, name) names; prints what. Costs one upload.

    fit() does this for its job; the jobs of a tuning job share one archive, which has to be there before.
    """
    if not estimator.output_path:
        estimator.sagemaker_session.default_bucket()  # makes it if need be
    if not str(estimator.source_dir).lower().startswith("s3://"):
        print(f"Packed {estimator._upload_source(name)}")


def start_tuning(sm, request: dict, price: prices.Price, cap_usd: float) -> str:
    """Send the request; return the tuning job's name. On AWS every job that it launches is billed.

    price    of an instance hour       cap_usd  what all jobs may cost at worst
    Raises   CapError before anything is sent; botocore's errors pass through
    """
    definition, jobs = request["TrainingJobDefinition"], jobs_at_most(request)
    longest_s = definition["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400)
    instances = definition["ResourceConfig"].get("InstanceCount", 1)
    worst = price.usd_per_hour * instances * longest_s / 3600 * jobs
    print(f"{jobs} jobs of at most {longest_s} s: at worst {worst:.2f} USD, the cap is {cap_usd:.2f} USD")
    if worst > cap_usd:
        raise CapError(
            f"the tuning job could cost {worst:.2f} USD, the cap is {cap_usd:.2f} USD.\nFix: fewer "
            "max_jobs, a smaller max_run of the estimator, or a larger cap_usd. Nothing was started"
        )
    sm.create_hyper_parameter_tuning_job(**check_tuning(request))
    return request["HyperParameterTuningJobName"]


def find_tuning(sm, tags: dict, status: str, limit: int = 100) -> list[str]:
    """The names of the tuning jobs that carry all `tags` and stand so, newest first.

    limit  look at no more than so many of the account's newest; the tags of each are one request
    """
    pages = sm.get_paginator("list_hyper_parameter_tuning_jobs").paginate(
        SortBy="CreationTime", SortOrder="Descending", StatusEquals=status,
        PaginationConfig={"MaxItems": limit})
    jobs = [job for page in pages for job in page["HyperParameterTuningJobSummaries"]]
    return [job["HyperParameterTuningJobName"] for job in jobs
            if training_jobs.carries(sm, job["HyperParameterTuningJobArn"], tags)]


def watch_tuning(sm, name: str, poll_s: float = 1.0) -> dict:
    """Print a line for each change until the tuning job has ended; return its description.

    An interrupt stops the watching, not the jobs: stop them with stop_hyper_parameter_tuning_job().
    Raises  training_jobs.JobError if it failed, with AWS's reason
    """
    shown = None
    while True:
        found = sm.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        counts, best = found["TrainingJobStatusCounters"], found.get("BestTrainingJob")
        failed = counts["NonRetryableError"] + counts["RetryableError"]
        value = best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] if best else None
        line = (f"{found['HyperParameterTuningJobStatus']:<11} {counts['Completed']} completed, "
                f"{counts['InProgress']} running, {failed} failed, {counts['Stopped']} stopped")
        line += f"; best {value:.4f} {best['TunedHyperParameters']}" if best else ""
        if line != shown:
            print(line)
            shown = line
        if found["HyperParameterTuningJobStatus"] in ENDED:
            break
        time.sleep(poll_s)
    if found["HyperParameterTuningJobStatus"] == "Failed":
        reason = found.get("FailureReason", "(no reason given)")
        raise training_jobs.JobError(f"{name} failed: {reason}\n"
                                     "Fix: look at its training jobs with tuning_results()")
    return found


def tuning_results(sm, name: str, price: prices.Price, where: str = "aws") -> list:
    """Rows of its training jobs, as run() returns them, so that table() and plot() show them.

    where   "local": the column of the dollars says "USD if on AWS"
    """
    pages = sm.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=name
    )
    rows = []
    for page in pages:
        for each in page["TrainingJobSummaries"]:
            variant = {key: _plain(text) for key, text in each["TunedHyperParameters"].items()}
            job = training_jobs.get(sm, each["TrainingJobName"])
            rows.append(row(Planned(variant, "", job, None), price, where))
    return rows


def _check(training: dict, name: str, objective: str) -> None:
    if len(name) > LONGEST_NAME or not name.replace("-", "").isalnum() or name.startswith("-"):
        raise ValueError(
            f"{name!r} is no name for a tuning job. Fix: at most {LONGEST_NAME} letters, digits and "
            "hyphens, a letter or digit first"
        )
    metrics = [each["Name"] for each in training["AlgorithmSpecification"].get("MetricDefinitions") or []]
    if objective not in metrics:
        raise ValueError(
            f"{objective!r} is none of the job's metrics: {', '.join(metrics) or 'it has none'}.\n"
            "Fix: metric_definitions of the estimator, or another objective"
        )


def _plain(text: str):
    """A tuned value as a number or a text: AWS gives '0.006', and '"cosine"' for a JSON text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _given(members: dict) -> dict:
    return {name: value for name, value in members.items() if value is not None}
