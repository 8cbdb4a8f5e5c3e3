"""What the course makes in SageMaker: jobs that run, endpoints and what stands behind them, the registry.

A training job that has ended costs nothing and is a record: it stays, with its trial component.
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from tuneaws.clean_up.things import Kind, is_gone
from tuneaws.endpoints.life import tags_of

RUNNING = ("InProgress", "Stopping")
MLFLOW = "storage and compute, until it is deleted"


def kind(name: str, stem: str, bills: str = "", label: str | None = None, rows: str | None = None) -> Kind:
    """A kind that is listed, described and deleted by one name: "Endpoint" → ListEndpoints, EndpointName."""
    label, snake = label or f"{stem}Name", _snake(stem)
    rows = rows or f"{stem}s"

    def listed(sm):
        for page in sm.get_paginator(f"list_{snake}s").paginate():
            yield from ((row[label], row[f"{stem}Arn"]) for row in page[rows])

    return Kind(name, "sagemaker", bills, listed, tags_of,
                lambda sm, thing: getattr(sm, f"delete_{snake}")(**{label: thing.name}),
                lambda sm, thing: asked(getattr(sm, f"describe_{snake}"), **{label: thing.name}) is not None)


def _snake(stem: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in stem).lstrip("_")


def asked(call, **request) -> dict | None:
    """The answer of a call; None when AWS says that it is not there."""
    try:
        return call(**request)
    except ClientError as err:
        if is_gone(err):
            return None
        raise


# --- jobs that run


def _running(lister: str, rows: str, name: str, arn: str):
    def listed(sm):
        for status in RUNNING:
            for page in sm.get_paginator(lister).paginate(StatusEquals=status):
                yield from ((row[name], row[arn]) for row in page[rows])

    return listed


def _runs(describe: str, name: str, status: str):
    def runs(sm, thing):
        found = asked(getattr(sm, describe), **{name: thing.name})
        return found is not None and found[status] in RUNNING

    return runs


def _stop(call: str, name: str, describe: str, status: str):
    def stop(sm, thing):
        found = asked(getattr(sm, describe), **{name: thing.name})
        if found and found[status] == "InProgress":  # twice is refused, and one that is Stopping ends
            getattr(sm, call)(**{name: thing.name})

    return stop


TUNING = ("describe_hyper_parameter_tuning_job", "HyperParameterTuningJobName",
          "HyperParameterTuningJobStatus")
TUNING_JOB = Kind(
    "tuning job", "sagemaker", "its training jobs, while it runs",
    _running("list_hyper_parameter_tuning_jobs", "HyperParameterTuningJobSummaries",
             "HyperParameterTuningJobName", "HyperParameterTuningJobArn"), tags_of,
    _stop("stop_hyper_parameter_tuning_job", TUNING[1], TUNING[0], TUNING[2]), _runs(*TUNING), done="stopped")
TRAINING = ("describe_training_job", "TrainingJobName", "TrainingJobStatus")
TRAINING_JOB = Kind(
    "training job", "sagemaker", "its machines, while it runs",
    _running("list_training_jobs", "TrainingJobSummaries", "TrainingJobName", "TrainingJobArn"), tags_of,
    _stop("stop_training_job", TRAINING[1], TRAINING[0], TRAINING[2]), _runs(*TRAINING),
    done="stopped")


def _warm(sm):
    for page in sm.get_paginator("list_training_jobs").paginate(WarmPoolStatusEquals="Available"):
        yield from ((row["TrainingJobName"], row["TrainingJobArn"]) for row in page["TrainingJobSummaries"])


def _is_warm(sm, thing) -> bool:
    found = asked(sm.describe_training_job, TrainingJobName=thing.name) or {}
    return found.get("WarmPoolStatus", {}).get("Status") == "Available"


def _cool(sm, thing) -> None:
    """A keep-alive of 0 ends it (https://docs.aws.amazon.com/sagemaker/latest/dg/train-warm-pools.html)."""
    if _is_warm(sm, thing):
        sm.update_training_job(TrainingJobName=thing.name, ResourceConfig={"KeepAlivePeriodInSeconds": 0})


WARM_POOL = Kind("warm pool", "sagemaker", "its machines, while they stay warm", _warm, tags_of, _cool,
                 _is_warm, done="ended")

# --- what answers, and what stands behind it. Each carries tags of its own, so each is found when what it
# belonged to is gone. Deleting an endpoint also takes its automatic scaling away
# (https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-delete-with-scaling.html, 2026-11).

BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack")


def _delete_endpoint(sm, thing) -> None:
    """AWS refuses to delete one that is being made or changed: the caller comes again."""
    found = asked(sm.describe_endpoint, EndpointName=thing.name)
    if found and found["EndpointStatus"] not in (*BUSY, "Deleting"):
        sm.delete_endpoint(EndpointName=thing.name)


_endpoint = kind("endpoint", "Endpoint", "its machines, asked or not, until it is deleted")
ENDPOINT = Kind(_endpoint.name, _endpoint.service, _endpoint.bills, _endpoint.rows, tags_of,
                _delete_endpoint, _endpoint.there)
ENDPOINT_CONFIG = kind("endpoint configuration", "EndpointConfig")
MODEL = kind("model", "Model")

# --- the registry: a version has the tags of its group, and its group can't go before it


def _versions(sm):
    for page in sm.get_paginator("list_model_package_groups").paginate():
        for group in page["ModelPackageGroupSummaryList"]:
            tags = tags_of(sm, group["ModelPackageGroupArn"])
            name = group["ModelPackageGroupName"]
            for inner in sm.get_paginator("list_model_packages").paginate(ModelPackageGroupName=name):
                for row in inner["ModelPackageSummaryList"]:
                    yield f"{name}/{row['ModelPackageVersion']}", row["ModelPackageArn"], tags


MODEL_PACKAGE = Kind(
    "model version", "sagemaker", "", _versions, tags_of,
    lambda sm, thing: sm.delete_model_package(ModelPackageName=thing.arn),
    lambda sm, thing: asked(sm.describe_model_package, ModelPackageName=thing.arn) is not None)
MODEL_GROUP = kind("model group", "ModelPackageGroup", rows="ModelPackageGroupSummaryList")

# --- experiments: a trial holds components, an experiment trials


def _delete_trial(sm, thing) -> None:
    for page in sm.get_paginator("list_trial_components").paginate(TrialName=thing.name):
        for row in page["TrialComponentSummaries"]:
            sm.disassociate_trial_component(TrialName=thing.name,
                                            TrialComponentName=row["TrialComponentName"])
    sm.delete_trial(TrialName=thing.name)


def _delete_component(sm, thing) -> None:
    for page in sm.get_paginator("list_trials").paginate(TrialComponentName=thing.name):
        for row in page["TrialSummaries"]:
            sm.disassociate_trial_component(TrialName=row["TrialName"], TrialComponentName=thing.name)
    sm.delete_trial_component(TrialComponentName=thing.name)


_trial = kind("trial", "Trial", rows="TrialSummaries")
TRIAL = Kind("trial", "sagemaker", "", _trial.rows, tags_of, _delete_trial, _trial.there)
_component = kind("trial component", "TrialComponent", rows="TrialComponentSummaries")
COMPONENT = Kind("trial component", "sagemaker", "", _component.rows, tags_of, _delete_component,
                 _component.there)
EXPERIMENT = kind("experiment", "Experiment", rows="ExperimentSummaries")

# --- managed MLflow, which runs/tracking.py can make on aws


def _alive(lister: str, rows: str, name: str, arn: str, status: str):
    def listed(sm):
        for page in sm.get_paginator(lister).paginate():
            yield from ((row[name], row[arn]) for row in page[rows] if row[status] != "Deleted")

    return listed


MLFLOW_APP = Kind(
    "MLflow app", "sagemaker", MLFLOW, _alive("list_mlflow_apps", "Summaries", "Name", "Arn", "Status"),
    tags_of, lambda sm, thing: sm.delete_mlflow_app(Arn=thing.arn),
    lambda sm, thing: (asked(sm.describe_mlflow_app, Arn=thing.arn) or {}).get("Status", "Deleted")
    != "Deleted")
MLFLOW_SERVER = Kind(
    "MLflow server", "sagemaker", MLFLOW,
    _alive("list_mlflow_tracking_servers", "TrackingServerSummaries", "TrackingServerName",
           "TrackingServerArn", "TrackingServerStatus"),
    tags_of, lambda sm, thing: sm.delete_mlflow_tracking_server(TrackingServerName=thing.name),
    lambda sm, thing: asked(sm.describe_mlflow_tracking_server, TrackingServerName=thing.name) is not None)
