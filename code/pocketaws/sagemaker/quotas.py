"""Service quotas for training and hosting, and who uses how much of them.

Here every instance type has DEFAULT_INSTANCES, far more than two cores can run, so that nobody meets a limit
by accident. A new AWS account has 0 for most GPU types. To rehearse that, write the quotas to try into
<home>/quotas.json, read at every CreateTrainingJob, CreateEndpoint and update of an endpoint, and by Service
Quotas (servicequotas/):

    {"ml.g5.2xlarge for training job usage": 0, "ml.g5.xlarge for endpoint usage": 1}

The names are those of Service Quotas, "Amazon SageMaker endpoints and quotas", read 2026-11.
"""

import json

from pocketaws.errors import AwsError

DEFAULT_INSTANCES = 20
ALL_JOBS = "Number of instances across all training jobs"
PER_JOB = "Number of instances for a training job"
ALL_ENDPOINTS = "Number of instances across active endpoints"
MOST = 10 * DEFAULT_INSTANCES
DEFAULTS = {ALL_JOBS: MOST, PER_JOB: DEFAULT_INSTANCES, ALL_ENDPOINTS: MOST}  # of those that name no type


def check_training(context, instance_type: str, count: int, spot: bool, request: dict | None = None) -> None:
    """Raise ResourceLimitExceeded, in AWS's words, when a job does not fit the quotas of this home.

    request   the job's, if it may take over a warm pool: instances are then not counted twice
    """
    quotas = rehearsed(context.state.home)
    running = [
        job for job in context.state.jobs.of(context.region, context.account) if not job.ended.is_set()
    ]
    # "All warm pool instance usage counts toward your SageMaker training resource limit" (Managed Warm Pools)
    running += [
        pool.job for pool in context.state.warm_pools.waiting(context.region, context.account, request)
    ]
    used_type = sum(_instances(job) for job in running if _same(job, instance_type, spot))
    usage = "spot training job usage" if spot else "training job usage"
    for name, default, used in (
        (f"{instance_type} for {usage}", DEFAULT_INSTANCES, used_type),
        (ALL_JOBS, DEFAULTS[ALL_JOBS], sum(_instances(job) for job in running)),
        (PER_JOB, DEFAULTS[PER_JOB], 0),
    ):
        _check(name, quotas.get(name, default), used, count)


def has_room_for_pool(state, job) -> bool:
    """Whether the instances of a job that has ended may be kept warm."""
    instance_type = job.request["ResourceConfig"].get("InstanceType")
    limit = rehearsed(state.home).get(f"{instance_type} for training warm pool usage", DEFAULT_INSTANCES)
    waiting = [pool.job for pool in state.warm_pools.waiting(job.region, job.account)]
    used = sum(_instances(each) for each in waiting if _same(each, instance_type, spot=False))
    return used + _instances(job) <= limit


def check_hosting(context, more: list[tuple[str, int]]) -> None:
    """Raise ResourceLimitExceeded when instances for an endpoint do not fit the quotas of this home.

    more   [(instance type, instances on top of those in use)]; a fleet that replaces another counts beside
           it, because both run for a while
    """
    quotas = rehearsed(context.state.home)
    used: dict[str, int] = {}
    for endpoint in context.state.endpoints.of(context.region, context.account):
        if endpoint.status != "Failed":
            for variant in (*endpoint.variants, *endpoint.pending_variants):
                kind = variant.instance_type
                used[kind] = used.get(kind, 0) + max(variant.current_count, variant.desired_count)
    asked: dict[str, int] = {}
    for instance_type, count in more:
        asked[instance_type] = asked.get(instance_type, 0) + count
    for instance_type, count in asked.items():
        name = f"{instance_type} for endpoint usage"
        _check(name, quotas.get(name, DEFAULT_INSTANCES), used.get(instance_type, 0), count)
    every, new = sum(used.values()), sum(asked.values())
    _check(ALL_ENDPOINTS, quotas.get(ALL_ENDPOINTS, DEFAULTS[ALL_ENDPOINTS]), every, new)


def instances_of(spec) -> list[tuple[str, int]]:
    """[(instance type, instances)] of an EndpointSpec, variant by variant."""
    return [(variant.instance_type, variant.instance_count) for variant in spec.variants]


def _check(name: str, limit: int, used: int, count: int) -> None:
    if count and used + count > limit:
        raise AwsError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{name}' is {limit} Instances, with current utilization of "
            f"{used} Instances and a request delta of {count} Instances. Please use AWS Service Quotas "
            "to request an increase for this quota. If AWS Service Quotas is not available, contact AWS "
            "support to request an increase for this quota.",
        )


def rehearsed(home) -> dict:
    """{name: instances} of this home's quotas.json, {} without one. Raises InternalFailure if it is wrong."""
    path = home / "quotas.json"
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): int(value) for name, value in content.items()}
    except (ValueError, AttributeError, TypeError) as err:
        raise AwsError(
            "InternalFailure", f"{path} is not a JSON object of quota names and numbers: {err}", 500
        ) from err


def _instances(job) -> int:
    return job.request["ResourceConfig"]["InstanceCount"]


def _same(job, instance_type: str, spot: bool) -> bool:
    request = job.request
    return (
        request["ResourceConfig"]["InstanceType"] == instance_type
        and request["EnableManagedSpotTraining"] == spot
    )
