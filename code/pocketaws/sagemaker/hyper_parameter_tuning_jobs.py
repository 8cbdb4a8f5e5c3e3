"""Hyperparameter tuning jobs: Create, Describe, List, Stop, Delete, and the training jobs of one.

The training jobs are those of the local engine: they really train, and count against quotas like any other.
"""

import copy

from pocketaws.errors import AwsError, validation_error
from pocketaws.hyperparameter_tuning.runner import Runner
from pocketaws.hyperparameter_tuning.strategies import STRATEGIES
from pocketaws.operations import operation
from pocketaws.sagemaker import create_training_job
from pocketaws.sagemaker.experiments import Experiment, taken
from pocketaws.sagemaker.jobs import page
from pocketaws.sagemaker.table import select
from pocketaws.sagemaker.trial_component import name_for
from pocketaws.sagemaker.trial_components import component_of
from pocketaws.sagemaker.trials import add_trial
from pocketaws.sagemaker.tuning_checks import check, training_request
from pocketaws.sagemaker.tuning_job import TuningJob


@operation("sagemaker", "CreateHyperParameterTuningJob")
def create_hyper_parameter_tuning_job(context, request: dict) -> dict:
    """Check the request, keep the tuning job, and begin to launch its training jobs.

    Raises ValidationException, ResourceInUse, AccessDeniedException; NotImplemented for Hyperband, warm
    starts, Autotune and several definitions.
    """
    ranges = check(context, request)
    tuning = TuningJob(_with_defaults(request), context.region, context.account)
    context.state.tuning_jobs.add(tuning, _in_use(tuning))
    _make_experiment(context, tuning)
    strategy = STRATEGIES[tuning.config["Strategy"]](ranges, tuning.config.get("RandomSeed"))

    def launch(number: int, combination: dict):
        made = training_request({**request, "Tags": _tags(tuning)}, number, combination)
        job = create_training_job.start(context, made, tuning.arn)
        _put_into_experiment(context, tuning, job)
        return job

    def stop(job) -> None:
        if job.request_stop():
            context.state.engine.stop(job)

    Runner(tuning, strategy, launch, stop, lambda: context.state.closing).start()
    return {"HyperParameterTuningJobArn": tuning.arn}


@operation("sagemaker", "DescribeHyperParameterTuningJob")
def describe_hyper_parameter_tuning_job(context, request: dict) -> dict:
    """One tuning job as it stands now."""
    return tuning_job_of(context, request).describe()


@operation("sagemaker", "ListHyperParameterTuningJobs")
def list_hyper_parameter_tuning_jobs(context, request: dict) -> dict:
    """Summaries, filtered and sorted; by name and ascending unless the request says else."""
    jobs = context.state.tuning_jobs.of(context.region, context.account)
    wanted = [job for job in jobs if request.get("StatusEquals", job.status) == job.status]
    found, token = select(wanted, {"SortBy": "Name", **request}, "Ascending")
    return {"HyperParameterTuningJobSummaries": [job.summary() for job in found], "NextToken": token}


@operation("sagemaker", "StopHyperParameterTuningJob")
def stop_hyper_parameter_tuning_job(context, request: dict) -> None:
    """Stop a tuning job and the training jobs that it runs."""
    tuning = tuning_job_of(context, request)
    if not tuning.request_stop():
        raise validation_error(
            f"The request was rejected because the hyperparameter tuning job is in status {tuning.status}."
        )


@operation("sagemaker", "DeleteHyperParameterTuningJob")
def delete_hyper_parameter_tuning_job(context, request: dict) -> None:
    """Forget a tuning job that has ended. Its training jobs stay (API_DeleteHyperParameterTuningJob)."""
    tuning = tuning_job_of(context, request)
    if not tuning.ended.is_set():
        raise validation_error(
            f"The hyperparameter tuning job is in status {tuning.status}. Stop it before it is deleted."
        )
    context.state.tuning_jobs.discard(tuning)


@operation("sagemaker", "ListTrainingJobsForHyperParameterTuningJob")
def list_training_jobs_for_hyper_parameter_tuning_job(context, request: dict) -> dict:
    """Its training jobs; by name and ascending unless the request says else.

    Sorted by FinalObjectiveMetricValue, jobs without a value are not listed.
    """
    tuning = tuning_job_of(context, request)
    by = request.get("SortBy", "Name")
    rows = [row for row in tuning.launched() if request.get("StatusEquals", row[0].status) == row[0].status]
    if by == "FinalObjectiveMetricValue":
        rows = [row for row in rows if tuning.value(row[0]) is not None]
    sort_value = {
        "Name": lambda job: job.name,
        "CreationTime": lambda job: job.created_at.timestamp(),
        "Status": lambda job: job.status,
        "FinalObjectiveMetricValue": tuning.value,
    }[by]
    chosen, token = page(
        rows,
        key=lambda row: [sort_value(row[0]), row[0].name],
        size=request.get("MaxResults", 10),
        token=request.get("NextToken"),
        question={key: value for key, value in request.items() if key not in ("NextToken", "MaxResults")},
        descending=request.get("SortOrder") == "Descending",
    )
    return {"TrainingJobSummaries": [tuning.training_job_summary(*row) for row in chosen], "NextToken": token}


def tuning_job_of(context, request: dict) -> TuningJob:
    """The tuning job that a request names. Raises ResourceNotFound when there is none."""
    name = request["HyperParameterTuningJobName"]
    found = context.state.tuning_jobs.find(name, context.region, context.account)
    if found is None:
        raise AwsError("ResourceNotFound", f"HyperParameterTuningJob '{name}' does not exist.")
    return found


def _with_defaults(request: dict) -> dict:
    """The request with what Describe shows for members that were left out."""
    request = copy.deepcopy(request)
    config, definition = request["HyperParameterTuningJobConfig"], request["TrainingJobDefinition"]
    config.setdefault("TrainingJobEarlyStoppingType", "Off")
    for kind in ("IntegerParameterRanges", "ContinuousParameterRanges"):
        for each in config["ParameterRanges"].get(kind, []):
            each.setdefault("ScalingType", "Auto")
    for switch in (
        "EnableNetworkIsolation",
        "EnableInterContainerTrafficEncryption",
        "EnableManagedSpotTraining",
    ):
        definition.setdefault(switch, False)
    return request


def _in_use(tuning: TuningJob) -> AwsError:
    return AwsError(
        "ResourceInUse",
        "Hyperparameter tuning job names must be unique within an AWS account and region, and a "
        f"hyperparameter tuning job with this name already exists ({tuning.arn})",
    )


def _tags(tuning: TuningJob) -> list[dict]:
    """The tuning job's tags as they are now: training jobs that are launched later get them (API_AddTags)."""
    return [{"Key": key, "Value": value} for key, value in tuning.tags.items()]


def _make_experiment(context, tuning: TuningJob) -> None:
    """AWS makes an experiment for every tuning job (API_CreateHyperParameterTuningJob): <job>-aws-tuning-job.

    The name as in aws-controllers-k8s' tests (read 2026-11); its trials' names are not documented, chosen.
    """
    request = {"ExperimentName": _experiment(tuning)}
    experiment = Experiment(request, context.region, context.account)
    if context.state.experiments.by_arn(experiment.arn) is None:
        context.state.experiments.add(experiment, taken("Experiment", experiment.name))


def _put_into_experiment(context, tuning: TuningJob, job) -> None:
    request = {"TrialName": f"{job.name}-aws-trial", "ExperimentName": _experiment(tuning)}
    if context.state.experiments.find(request["ExperimentName"], context.region, context.account):
        add_trial(context, request).put(component_of(context, name_for(job.name)))


def _experiment(tuning: TuningJob) -> str:
    return f"{tuning.name}-aws-tuning-job"
