"""The quotas of every instance type that config.yaml names: for training, spot, warm pools and endpoints.

Quotas are found by their names at run time, as Service Quotas lists them: "ml.g5.xlarge for endpoint usage".
A new account has 0 of most GPU types, and an increase takes hours to days.
"""

from __future__ import annotations

from tuneaws.doctor import lessons
from tuneaws.doctor.check import FREE_WAY, failed, passed, warned
from tuneaws.refusals import QUOTAS

TITLES = {"training job usage": "training", "spot training job usage": "spot", "endpoint usage": "endpoint",
          "training warm pool usage": "warm pool"}


def quotas(subject):
    """One answer for each quota; a spot quota of 0 is only a warning while spot is off."""
    wanted = needed(subject.cfg, subject.lessons)
    if not wanted:
        return None
    limits = values(subject.client("service-quotas"), list(wanted))
    return [_judge(name, limits.get(name), *wanted[name], subject) for name in wanted]


def needed(cfg, numbers) -> dict:
    """{the quota's name: (instances, whether a lesson stops without it)}."""
    job, endpoint, found = cfg.sagemaker, cfg.endpoint, {}
    if lessons.needs(numbers, lessons.TRAINING):
        kind = job.instance_type
        found[f"{kind} for training job usage"] = (job.instance_count, not job.spot)
        found[f"{kind} for spot training job usage"] = (job.instance_count, job.spot)
        if job.keep_alive_s:
            found[f"{kind} for training warm pool usage"] = (job.instance_count, True)
    if lessons.needs(numbers, lessons.ENDPOINT):
        found[f"{endpoint.instance_type} for endpoint usage"] = (endpoint.instance_count, True)
    return found


def values(client, names: list) -> dict:
    """{name: value in force} of those quotas of SageMaker that Service Quotas knows.

    client  boto3 client "service-quotas". AWS lists some 2,000 quotas, 100 a call
    """
    found = {}
    for lister in ("list_service_quotas", "list_aws_default_service_quotas"):  # the first lists no defaults
        if set(names) <= set(found):
            break
        for page in client.get_paginator(lister).paginate(ServiceCode="sagemaker"):
            for quota in page["Quotas"]:
                if quota["QuotaName"] in names:
                    found.setdefault(quota["QuotaName"], int(quota["Value"]))
    return found


def _judge(name: str, limit, count: int, stops: bool, subject):
    kind, _, usage = name.partition(" for ")
    title = f"{TITLES[usage]} quota"
    if limit is None:
        return warned(f"{subject.session.region} lists no {name}: it may not have {kind} at all",
                      f"another instance_type or region in config.yaml, {FREE_WAY}", title)
    seen = f"{name}: {limit}, the lessons take {count}"
    if limit >= count:
        return passed(seen, title)
    fix = f"ask Service Quotas for {count} by that name; it is free and takes hours to days"
    fix += ("; here quotas.json in the local AWS's folder rehearses it" if subject.local else
            f": {QUOTAS.format(region=subject.session.region)}")
    if stops:
        return failed(seen, fix, title)
    return warned(f"{seen}, of use only with sagemaker.spot: true", fix, title)
