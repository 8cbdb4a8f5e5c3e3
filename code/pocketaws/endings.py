"""How what was running ends when the server that ran it has ended: Failed with the reason, or Stopped.

    for table, end in endings(state):
        for each in table.all():
            end(each, ended_at)         # one that has ended already stays as it is

ended_at is when that server was last seen: nothing ran after it, and nothing is billed after it.
"""

import functools
import math
from datetime import datetime

from pocketaws.bedrock.customization_job import CustomizationJob
from pocketaws.bedrock.imports import ImportJob
from pocketaws.keeping import cut_off
from pocketaws.sagemaker import rehearsals
from pocketaws.sagemaker.job import TrainingJob
from pocketaws.sagemaker.tuning_job import TuningJob


def endings(state) -> list[tuple]:
    """[(table, what ends a resource of it that was running: (resource, when))]."""
    return [
        (state.jobs, functools.partial(_end_training, state)),
        (state.tuning_jobs, functools.partial(_end_tuning, state)),
        (state.bedrock.customization_jobs, _end_customization),
        (state.bedrock.import_jobs, _end_import),
    ]


def _end_training(state, job: TrainingJob, ended_at: datetime) -> None:
    """Failed, or Stopped if that was asked for, with the seconds that its instances ran."""
    if job.ended.is_set():
        return
    moment = max(ended_at, job.transitions[-1]["StartTime"])
    with job.changing():
        if job.training_start_time is not None:
            job.training_end_time = moment
            job.training_time_s = max(1, math.ceil(on_instances_s(job.transitions, moment)))
            spot = job.request.get("EnableManagedSpotTraining")
            share = rehearsals.spot_share(state.home, job.request) if spot else 1.0
            job.billable_time_s = max(1, math.ceil(job.training_time_s * share))
        if job.status == "Stopping":
            job.move("Stopped", moment=moment)
        else:
            job.fail(cut_off.JOB, moment)


def on_instances_s(transitions: list[dict], until: datetime) -> float:
    """Seconds from each Downloading, when instances begin to bill, to its Interrupted or to `until`."""
    total, since = 0.0, None
    for step in transitions:
        if step["Status"] == "Downloading":
            since = step["StartTime"]
        elif step["Status"] == "Interrupted" and since is not None:
            total += (step["StartTime"] - since).total_seconds()
            since = None
    return total if since is None else total + (until - since).total_seconds()


def _end_tuning(state, tuning: TuningJob, ended_at: datetime) -> None:
    """Failed or Stopped; a training job that was launched and not noted yet is its own too."""
    if tuning.ended.is_set():
        return
    ranges = [each["Name"] for kind in tuning.config["ParameterRanges"].values() for each in kind]
    noted = [job for job, _ in tuning.launched()]
    for job in state.jobs.all():
        if job.tuning_job_arn == tuning.arn and job not in noted:
            given = job.request["HyperParameters"]
            tuning.note(job, {name: given[name] for name in ranges if name in given})
    if tuning.status == "Stopping":
        tuning.end("Stopped", moment=ended_at)
    else:
        tuning.end("Failed", cut_off.TUNING, ended_at)


def _end_customization(job: CustomizationJob, ended_at: datetime) -> None:
    moment = max(ended_at, job.last_modified)
    if job.status == "Stopping":
        job.stopped(moment)
    elif not job.ended.is_set():
        job.fail(cut_off.CUSTOMIZATION, moment)


def _end_import(job: ImportJob, ended_at: datetime) -> None:
    if job.status == "InProgress":
        job.end(cut_off.IMPORT, moment=max(ended_at, job.last_modified))
