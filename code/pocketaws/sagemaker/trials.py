"""Trials, the groups of runs in an experiment: Create, Describe, List, Update, Delete."""

from pocketaws.errors import validation_error
from pocketaws.operations import operation
from pocketaws.sagemaker.experiments import by_creation, experiment_of, not_found, taken
from pocketaws.sagemaker.hosting_checks import check_tags
from pocketaws.sagemaker.job import now
from pocketaws.sagemaker.table import Resource, select

KIND = "experiment-trial"


class Trial(Resource):
    """A trial of an experiment and the components in it. A component may be in several trials."""

    KEPT = (*Resource.KEPT, "experiment", "_components")

    def __init__(self, request: dict, experiment, region: str, account: str):
        super().__init__(KIND, request["TrialName"], request, region, account)
        self.experiment = experiment
        self._components: list = []

    def components(self) -> list:
        """The TrialComponents in it, in the order they came."""
        with self._lock:
            return list(self._components)

    def put(self, component) -> None:
        """Add a component; one that is in it already stays."""
        with self._lock:
            if component not in self._components:
                self._components = [*self._components, component]

    def take_out(self, component) -> bool:
        """Take a component out; False when it was not in it."""
        with self._lock:
            was_in = component in self._components
            if was_in:
                self._components = [each for each in self._components if each is not component]
            return was_in

    def describe(self) -> dict:
        """A DescribeTrial response."""
        given = {"MetadataProperties": self.request["MetadataProperties"]} if (
            "MetadataProperties" in self.request) else {}  # fmt: skip
        return {
            "TrialName": self.name,
            "TrialArn": self.arn,
            "DisplayName": self.request.get("DisplayName", self.name),
            "ExperimentName": self.experiment.name,
            "CreationTime": self.created_at,
            "CreatedBy": {},
            "LastModifiedTime": self.last_modified,
            "LastModifiedBy": {},
            **given,
        }

    def summary(self) -> dict:
        """A TrialSummary."""
        names = ("TrialName", "TrialArn", "DisplayName", "CreationTime", "LastModifiedTime")
        described = self.describe()
        return {name: described[name] for name in names}


@operation("sagemaker", "CreateTrial")
def create_trial(context, request: dict) -> dict:
    """Keep a new trial of an experiment that is there."""
    check_tags(request)
    return {"TrialArn": add_trial(context, request).arn}


def add_trial(context, request: dict) -> Trial:
    """Make a trial from the members of a CreateTrial and keep it."""
    experiment = experiment_of(context, request["ExperimentName"])
    trial = Trial(request, experiment, context.region, context.account)
    context.state.trials.add(trial, taken("Trial", trial.name))
    return trial


@operation("sagemaker", "DescribeTrial")
def describe_trial(context, request: dict) -> dict:
    """One trial."""
    return trial_of(context, request["TrialName"]).describe()


@operation("sagemaker", "UpdateTrial")
def update_trial(context, request: dict) -> dict:
    """Change the display name."""
    trial = trial_of(context, request["TrialName"])
    with trial.changing():
        trial.request, trial.last_modified = {**trial.request, **request}, now()
    return {"TrialArn": trial.arn}


@operation("sagemaker", "ListTrials")
def list_trials(context, request: dict) -> dict:
    """Summaries of all trials, of one experiment or of one component, newest first by default."""
    from pocketaws.sagemaker.trial_components import component_of

    trials = context.state.trials.of(context.region, context.account)
    if "ExperimentName" in request:
        experiment = experiment_of(context, request["ExperimentName"])
        trials = [each for each in trials if each.experiment is experiment]
    if "TrialComponentName" in request:
        component = component_of(context, request["TrialComponentName"])
        trials = [each for each in trials if component in each.components()]
    found, token = select(trials, by_creation(request), "Descending")
    return {"TrialSummaries": [each.summary() for each in found], "NextToken": token}


@operation("sagemaker", "DeleteTrial")
def delete_trial(context, request: dict) -> dict:
    """Forget a trial. Raises a ValidationException while components are in it (API_DeleteTrial)."""
    trial = trial_of(context, request["TrialName"])
    if trial.components():
        raise validation_error(
            f"Trial '{trial.name}' cannot be deleted: it has {len(trial.components())} trial components. "
            "Disassociate them first."
        )
    context.state.trials.discard(trial)
    return {"TrialArn": trial.arn}


def trial_of(context, name: str) -> Trial:
    """The trial of this name. Raises ResourceNotFound when there is none."""
    found = context.state.trials.find(name, context.region, context.account)
    if found is None:
        raise not_found("Trial", name)
    return found
