"""A server starts on the home of another that ended, by a stop or by a kill, and goes on with what that knew.

    ended_at = last_seen(home)      when the other was last alive
    read(state, ended_at)           before the first request: every table, and what was half done
    resume(state)                   once the address is known: endpoints answer again, models are loaded

What was running, ends: a training job, a customization, an import, a tuning job is Failed and says so, one
that was being stopped is Stopped. What was serving, serves again: an endpoint is SystemUpdating until its
containers are up ("SystemUpdating", API_DescribeEndpoint 2026-11); a deployment answers when it is asked.
"""

import contextlib
import functools
import logging
import threading
from datetime import datetime, timezone
from pathlib import Path

from pocketaws import endings
from pocketaws.bedrock import provisioned, warming
from pocketaws.bedrock.custom_models import CustomModel
from pocketaws.bedrock.customization_job import CustomizationJob
from pocketaws.bedrock.deployments import Deployment
from pocketaws.bedrock.imported_models import ImportedModel
from pocketaws.bedrock.imports import ImportJob
from pocketaws.bedrock.inference_profiles import ApplicationProfile
from pocketaws.folders import remove
from pocketaws.keeping import json_values
from pocketaws.sagemaker import metric_series, quotas
from pocketaws.sagemaker.endpoint import Endpoint
from pocketaws.sagemaker.endpoints import forget
from pocketaws.sagemaker.experiments import Experiment
from pocketaws.sagemaker.hosting_models import Model
from pocketaws.sagemaker.job import TrainingJob, now
from pocketaws.sagemaker.model_package_groups import ModelPackageGroup
from pocketaws.sagemaker.model_packages import ModelPackage
from pocketaws.sagemaker.table import Resource
from pocketaws.sagemaker.trial_component import TrialComponent
from pocketaws.sagemaker.trials import Trial
from pocketaws.sagemaker.tuning_job import TuningJob

log = logging.getLogger("pocketaws")


def last_seen(home: Path) -> datetime:
    """When the server before was last alive: it touches server.json every second, and removes it at its end.

    Now, when there is none: a server that ended by itself has ended its jobs too.
    """
    try:
        return datetime.fromtimestamp((home / "server.json").stat().st_mtime, timezone.utc)
    except FileNotFoundError:
        return now()


def read(state, ended_at: datetime) -> None:
    """Fill the tables of a State with what its store has, and end what was running at `ended_at`."""
    references: dict = {}

    def refer(reference: str):
        if reference not in references:
            raise json_values.Unreadable(f"it belongs to {reference}, which is not there")
        return references[reference]

    for table, cls in _tables(state):
        table.read(cls, refer)
        if cls in (CustomModel, ImportedModel):
            _find_weights(state, table)
        references.update({each.reference: each for each in table.all()})
    _read_metrics(state)
    state.warm_pools.read(refer, functools.partial(quotas.has_room_for_pool, state))
    _remove_orphans(state)
    for table, end in endings.endings(state):
        for each in table.all():
            with _logged(each):
                end(each, ended_at)


def resume(state) -> None:
    """Start again what was serving. `state.url` has to be known, and somebody has to listen there."""
    for endpoint in state.endpoints.all():
        with _logged(endpoint):
            _resume_endpoint(state, endpoint)
    for arn, left in state.async_queues.left().items():
        endpoint = state.endpoints.by_arn(arn)
        if endpoint is None:
            state.async_queues.forget(arn)
        else:
            threading.Thread(target=_take_up, args=(state, endpoint, left), daemon=True).start()
    for each in state.bedrock.deployments.all():
        if each.status == "Creating":
            warming.start(state, each.model.folder, each.ready, each.failed)
        elif each.coming:
            warming.start(state, each.coming.folder, each.updated, each.updated)
    for each in state.bedrock.provisioned.all():
        if each.status in ("Creating", "Updating"):
            warming.start(state, each.desired.folder, each.ready, each.failed)


@contextlib.contextmanager
def _logged(what):
    """One resource that cannot be brought back does not keep the others from it."""
    try:
        yield
    except Exception:
        log.exception("%s could not be brought back as it should be", what.reference)


def _resume_endpoint(state, endpoint: Endpoint) -> None:
    what = endpoint.resume()
    if what == "delete":
        forget(state, endpoint)
    elif what == "create":
        state.hosting.create(endpoint, endpoint.pending)
    elif what == "restore":
        state.hosting.restore(endpoint)


def _tables(state) -> list[tuple]:
    """[(table, class of what is in it)]: what others refer to comes before them."""
    bedrock = state.bedrock
    return [
        (state.jobs, TrainingJob),
        (state.tuning_jobs, TuningJob),
        (state.experiments, Experiment),
        (state.trial_components, TrialComponent),
        (state.trials, Trial),
        (state.model_package_groups, ModelPackageGroup),
        (state.model_packages, ModelPackage),
        (state.models, Model),
        (state.endpoint_configs, Resource),
        (state.endpoints, Endpoint),
        (bedrock.customization_jobs, CustomizationJob),
        (bedrock.custom_models, CustomModel),
        (bedrock.deployments, Deployment),
        (bedrock.provisioned, provisioned.Provisioned),
        (bedrock.import_jobs, ImportJob),
        (bedrock.imported_models, ImportedModel),
        (bedrock.inference_profiles, ApplicationProfile),
    ]


def _find_weights(state, table) -> None:
    """Give models their folders. One whose weights are gone, or whose job was cut off at its end, goes."""
    for model in table.all():
        model.folder = state.bedrock.models_folder / model.id
        if model.job.status != "Completed" or not model.folder.is_dir():
            log.warning("%s is forgotten: its job is %s, its weights are %s", model.arn, model.job.status,
                        "there" if model.folder.is_dir() else "gone")  # fmt: skip
            table.discard(model)


def _remove_orphans(state) -> None:
    """Remove weights that no table names: of an import or a deletion that was cut off."""
    models = (*state.bedrock.custom_models.all(), *state.bedrock.imported_models.all())
    named = {model.id for model in models}
    folder = state.bedrock.models_folder
    for each in folder.iterdir() if folder.is_dir() else ():
        if each.name not in named:
            remove(each)
    provisioned.record(state)


def _read_metrics(state) -> None:
    """Give jobs and trial components their metrics; values whose owner is gone go too."""
    owners: dict[str, dict] = {}
    gone = []
    for key, text in state.store.items(metric_series.KIND):
        arn, _, number = key.rpartition(" ")
        try:
            rows = json_values.read(text, lambda reference: None)
            owners.setdefault(arn, {})[int(number)] = rows
        except ValueError as err:
            state.store.set_aside(metric_series.KIND, key, str(err))
    every = {each.arn: each for each in (*state.jobs.all(), *state.trial_components.all())}
    for arn, entries in owners.items():
        if arn not in every:
            gone += [(metric_series.KIND, f"{arn} {number}") for number in entries]
    for arn, owner in every.items():
        owner.metrics.read(state.store, arn, owners.get(arn, {}))
    state.store.change(deletes=gone)


def _take_up(state, endpoint: Endpoint, left: list) -> None:
    """Answer the asynchronous requests that were left, once the endpoint is up again."""
    endpoint.engine_state.settled.wait()
    state.async_queues.take_up(endpoint, left, state)
