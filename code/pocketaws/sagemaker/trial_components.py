"""Trial components: Create, Describe, List, Update, Delete, (Dis)Associate; and one for every job."""

from pocketaws.errors import validation_error
from pocketaws.operations import operation
from pocketaws.sagemaker.experiments import by_creation, experiment_of, not_found, taken
from pocketaws.sagemaker.hosting_checks import check_tags
from pocketaws.sagemaker.jobs import when
from pocketaws.sagemaker.table import select
from pocketaws.sagemaker.trial_component import KIND, TrialComponent, name_for
from pocketaws.sagemaker.trials import add_trial, trial_of


@operation("sagemaker", "CreateTrialComponent")
def create_trial_component(context, request: dict) -> dict:
    """Keep a new trial component that is of no job."""
    check_tags(request)
    name = request["TrialComponentName"]
    component = TrialComponent(name, _with_times(request), context.region, context.account)
    context.state.trial_components.add(component, taken("Trial Component", name))
    return {"TrialComponentArn": component.arn}


@operation("sagemaker", "DescribeTrialComponent")
def describe_trial_component(context, request: dict) -> dict:
    """One trial component, by name or ARN."""
    return component_of(context, request["TrialComponentName"]).describe()


@operation("sagemaker", "UpdateTrialComponent")
def update_trial_component(context, request: dict) -> dict:
    """Change or take away parameters and artifacts, status and times."""
    component = component_of(context, request["TrialComponentName"])
    component.update(_with_times(request))
    return {"TrialComponentArn": component.arn}


@operation("sagemaker", "ListTrialComponents")
def list_trial_components(context, request: dict) -> dict:
    """Summaries of all, or of those of one experiment, trial or source; newest first by default."""
    given = [name for name in ("ExperimentName", "TrialName", "SourceArn") if name in request]
    if len(given) > 1:
        raise validation_error(f"Specify only one of ExperimentName, TrialName and SourceArn, not {given}.")
    components = context.state.trial_components.of(context.region, context.account)
    if "ExperimentName" in request:
        experiment = experiment_of(context, request["ExperimentName"])
        inside = {each.arn for trial in context.state.trials.of(context.region, context.account)
                  if trial.experiment is experiment for each in trial.components()}  # fmt: skip
        components = [each for each in components if each.arn in inside]
    elif "TrialName" in request:
        components = trial_of(context, request["TrialName"]).components()
    elif "SourceArn" in request:
        components = [each for each in components if each.source_arn == request["SourceArn"]]
    found, token = select(components, by_creation(request), "Descending")
    return {"TrialComponentSummaries": [each.summary() for each in found], "NextToken": token}


@operation("sagemaker", "DeleteTrialComponent")
def delete_trial_component(context, request: dict) -> dict:
    """Forget a component. Raises a ValidationException while it is in a trial (API_DeleteTrialComponent)."""
    component = component_of(context, request["TrialComponentName"])
    trials = [each.name for each in trials_of(context, component)]
    if trials:
        raise validation_error(
            f"Trial Component '{component.name}' cannot be deleted: it is associated with "
            f"{', '.join(trials)}. Call DisassociateTrialComponent first."
        )
    context.state.trial_components.discard(component)
    return {"TrialComponentArn": component.arn}


@operation("sagemaker", "AssociateTrialComponent")
def associate_trial_component(context, request: dict) -> dict:
    """Put a component into a trial."""
    component = component_of(context, request["TrialComponentName"])
    trial = trial_of(context, request["TrialName"])
    trial.put(component)
    return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}


@operation("sagemaker", "DisassociateTrialComponent")
def disassociate_trial_component(context, request: dict) -> dict:
    """Take a component out of a trial."""
    component = component_of(context, request["TrialComponentName"])
    trial = trial_of(context, request["TrialName"])
    if not trial.take_out(component):
        raise not_found("Trial Component", component.name)
    return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}


def component_of(context, name_or_arn: str) -> TrialComponent:
    """The component of this name or ARN. Raises ResourceNotFound when there is none.

    Case does not matter: sagemaker-metrics takes names in lower case only, of jobs whose names have capitals.
    """
    name = name_or_arn.rpartition("/")[2]
    arn = f"arn:aws:sagemaker:{context.region}:{context.account}:{KIND}/{name.lower()}"
    found = context.state.trial_components.by_arn(arn)
    if found is None or ("/" in name_or_arn and name_or_arn.lower() != arn):
        raise not_found("Trial Component", name_or_arn)
    return found


def trials_of(context, component: TrialComponent) -> list:
    """The trials that a component is in."""
    trials = context.state.trials.of(context.region, context.account)
    return [each for each in trials if component in each.components()]


def check_config(context, request: dict) -> None:
    """Raise when the ExperimentConfig of a CreateTrainingJob names what is not there.

    ValidationException: the experiment and, where given, the trial and the run have to exist
    (API_ExperimentConfig, 2026-11; the words are not documented, chosen).
    """
    config = request.get("ExperimentConfig", {})
    tables = {"ExperimentName": ("Experiment", context.state.experiments),
              "TrialName": ("Trial", context.state.trials),
              "RunName": ("Trial Component", context.state.trial_components)}  # fmt: skip
    for member, (what, table) in tables.items():
        name = config.get(member)
        if name and table.find(name, context.region, context.account) is None:
            raise validation_error(f"ExperimentConfig.{member}: {what} '{name}' does not exist.")
    if config.get("TrialName") and config.get("ExperimentName"):
        of = trial_of(context, config["TrialName"]).experiment.name
        if of != config["ExperimentName"]:
            raise validation_error(
                f"ExperimentConfig: Trial '{config['TrialName']}' is of experiment '{of}', not of "
                f"'{config['ExperimentName']}'."
            )


def track(context, job) -> TrialComponent:
    """Make the trial component of a training job, and put it where the job's ExperimentConfig says.

    A component that has the name already, which somebody made, stays: the job then has none.
    Without TrialName a new trial is made (API_ExperimentConfig); its name is not documented, chosen.
    """
    config = job.request.get("ExperimentConfig", {})
    shown = {"DisplayName": config["TrialComponentDisplayName"]} if (
        config.get("TrialComponentDisplayName")) else {}  # fmt: skip
    component = TrialComponent(name_for(job.name), shown, job.region, job.account, job)
    if context.state.trial_components.by_arn(component.arn) is not None:
        return context.state.trial_components.by_arn(component.arn)
    context.state.trial_components.add(component, taken("Trial Component", component.name))
    if config.get("TrialName"):
        trial_of(context, config["TrialName"]).put(component)
    elif config.get("ExperimentName"):
        trial = {"TrialName": f"{job.name}-aws-trial", "ExperimentName": config["ExperimentName"]}
        add_trial(context, trial).put(component)
    return component


def _with_times(request: dict) -> dict:
    """The request with its times as datetimes, as the answers carry them."""
    from datetime import datetime, timezone

    times = {name: datetime.fromtimestamp(when(request[name]), timezone.utc)
             for name in ("StartTime", "EndTime") if name in request}  # fmt: skip
    return {**request, **times}
