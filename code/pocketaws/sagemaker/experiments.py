"""Experiments: Create, Describe, List, Update, Delete; and what a job's ExperimentConfig may name.

experiment → trials → trial components. Studio calls the last two run groups and runs (API_CreateExperiment,
2026-11).
"""

from pocketaws.errors import AwsError, validation_error
from pocketaws.operations import operation
from pocketaws.sagemaker.hosting_checks import check_tags
from pocketaws.sagemaker.job import now
from pocketaws.sagemaker.table import Resource, select

KIND = "experiment"


class Experiment(Resource):
    """An experiment: a name for trials that are compared."""

    def __init__(self, request: dict, region: str, account: str):
        super().__init__(KIND, request["ExperimentName"], request, region, account)

    def describe(self) -> dict:
        """A DescribeExperiment response."""
        return {
            "ExperimentName": self.name,
            "ExperimentArn": self.arn,
            "DisplayName": self.request.get("DisplayName", self.name),
            **({"Description": self.request["Description"]} if "Description" in self.request else {}),
            "CreationTime": self.created_at,
            "CreatedBy": {},
            "LastModifiedTime": self.last_modified,
            "LastModifiedBy": {},
        }

    def summary(self) -> dict:
        """An ExperimentSummary."""
        left_out = ("Description", "CreatedBy", "LastModifiedBy")
        return {key: value for key, value in self.describe().items() if key not in left_out}


@operation("sagemaker", "CreateExperiment")
def create_experiment(context, request: dict) -> dict:
    """Keep a new experiment."""
    check_tags(request)
    experiment = Experiment(request, context.region, context.account)
    context.state.experiments.add(experiment, taken("Experiment", experiment.name))
    return {"ExperimentArn": experiment.arn}


@operation("sagemaker", "DescribeExperiment")
def describe_experiment(context, request: dict) -> dict:
    """One experiment."""
    return experiment_of(context, request["ExperimentName"]).describe()


@operation("sagemaker", "UpdateExperiment")
def update_experiment(context, request: dict) -> dict:
    """Change the display name and the description."""
    experiment = experiment_of(context, request["ExperimentName"])
    with experiment.changing():
        experiment.request, experiment.last_modified = {**experiment.request, **request}, now()
    return {"ExperimentArn": experiment.arn}


@operation("sagemaker", "ListExperiments")
def list_experiments(context, request: dict) -> dict:
    """Summaries, newest first unless the request says else."""
    found, token = select(
        context.state.experiments.of(context.region, context.account), by_creation(request), "Descending"
    )
    return {"ExperimentSummaries": [each.summary() for each in found], "NextToken": token}


@operation("sagemaker", "DeleteExperiment")
def delete_experiment(context, request: dict) -> dict:
    """Forget an experiment. Raises a ValidationException while it has trials (API_DeleteExperiment)."""
    experiment = experiment_of(context, request["ExperimentName"])
    held = [each for each in context.state.trials.of(context.region, context.account)
            if each.experiment is experiment]  # fmt: skip
    if held:
        raise validation_error(
            f"Experiment '{experiment.name}' cannot be deleted: it has {len(held)} trials. Delete them first."
        )
    context.state.experiments.discard(experiment)
    return {"ExperimentArn": experiment.arn}


def experiment_of(context, name: str) -> Experiment:
    """The experiment of this name. Raises ResourceNotFound when there is none."""
    found = context.state.experiments.find(name, context.region, context.account)
    if found is None:
        raise not_found("Experiment", name)
    return found


def not_found(what: str, name: str) -> AwsError:
    """ResourceNotFound for an experiment, a trial or a trial component."""
    return AwsError("ResourceNotFound", f"{what} '{name}' does not exist.")


def taken(what: str, name: str) -> AwsError:
    """The error for a name that is in use: the SDK's Run looks for this code and "already exists"."""
    return validation_error(f"{what} '{name}' already exists.")


def by_creation(request: dict) -> dict:
    """A List request of this family with the members that select() knows."""
    names = {"CreatedAfter": "CreationTimeAfter", "CreatedBefore": "CreationTimeBefore"}
    return {names.get(key, key): value for key, value in request.items()}
