"""What a search is, and what is left to do of it: each variant with the job that it has already.

A job's name is <search's name>-<hash>-<attempt>. The hash is of all that decides the job's result, so
that the names in the account say what has been run. Nothing here starts a job.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tuneaws import buckets, prices, training_jobs
from tuneaws.runs.hashes import folder_hash

NAME_LENGTH = 12  # hexadecimal digits of the hash in a job's name: no two of a million variants share them


@dataclass(frozen=True)
class Search:
    """What the variants have in common.

    make      hyperparameters → an estimator, such as lambda h: launch.estimator_from(cfg, session, bucket, h)
    base      hyperparameters of every variant; a variant's own win
    channels  {"training": "s3://…/", "validation": …}
    price     prices.Price of an instance hour, from launch.show_price()
    cap_usd   so much may the whole search cost at worst, what it has cost already included
    parallel  jobs at a time: on AWS your quota bounds them, in local the cores of this machine
    name      begins the jobs' names
    """

    make: Callable
    base: dict
    channels: dict
    price: prices.Price
    cap_usd: float
    parallel: int = 2
    name: str = "tuneaws"


@dataclass
class Planned:
    """A variant, its hash, the job that it has already (a description) or None, and its estimator."""

    variant: dict
    key: str
    job: dict | None
    estimator: object
    attempt: int = 1


def plan(session, search: Search, variants: list) -> list:
    """What is to do: each variant with the job that it has already. Starts nothing.

    Raises  ValueError if two variants are the same
    """
    sm, s3 = session.client("sagemaker"), session.client("s3")
    data = {name: data_state(s3, uri) for name, uri in search.channels.items()}
    planned = []
    for variant in variants:
        estimator = search.make({**search.base, **variant})
        request = estimator.request(search.channels)
        key = variant_key(request, {**search.base, **variant}, data, code_state(estimator))
        if key in [each.key for each in planned]:
            raise ValueError(f"the variant {label(variant)} is there twice. Fix: give each once")
        job, attempt = find_job(sm, f"{search.name}-{key}")
        planned.append(Planned(variant, key, job, estimator, attempt))
    return planned


def variant_key(request: dict, hyperparameters: dict, data: dict, code: str) -> str:
    """The hash that stands for a variant: the same for two jobs that would compute the same."""
    machine = {name: request["ResourceConfig"].get(name) for name in ("InstanceType", "InstanceCount")}
    image = request["AlgorithmSpecification"].get("TrainingImage")
    whole = json.dumps([hyperparameters, machine, image, data, code], sort_keys=True, default=str)
    return hashlib.sha256(whole.encode()).hexdigest()[:NAME_LENGTH]


def data_state(s3, uri: str) -> str:
    """What tells the bytes below an S3 prefix apart from others: names, sizes and ETags, one hash of them."""
    bucket, prefix = buckets.split_uri(uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    entries = [(entry["Key"], entry["Size"], entry["ETag"]) for page in pages
               for entry in page.get("Contents", [])]
    return hashlib.sha256(json.dumps(sorted(entries)).encode()).hexdigest()


def code_state(estimator) -> str:
    """The hash of the code that an estimator would upload; of its address, if it is in S3 already."""
    source = estimator.source_dir
    if not source or str(source).startswith("s3://"):
        return str(source or estimator.entry_point)
    return folder_hash(Path(source))["sha256"]


def find_job(sm, beginning: str) -> tuple:
    """(the job to go on with or None, the number of the next attempt) of the jobs <beginning>-1, -2, …

    A completed job comes first, then one that runs; failed and stopped ones are tried again.
    """
    pages = sm.get_paginator("list_training_jobs").paginate(NameContains=beginning)
    found = [job for page in pages for job in page["TrainingJobSummaries"]
             if job["TrainingJobName"].rpartition("-")[0] == beginning]
    attempts = [int(job["TrainingJobName"].rpartition("-")[2]) for job in found]
    for wanted in ("Completed", "InProgress"):
        for job in found:
            if job["TrainingJobStatus"] == wanted:
                return training_jobs.get(sm, job["TrainingJobName"]), max(attempts) + 1
    return None, max(attempts, default=0) + 1


def label(variant: dict) -> str:
    """A variant in a few words: "learning_rate=0.006 lora_r=8"."""
    return " ".join(f"{name}={value}" for name, value in variant.items())
