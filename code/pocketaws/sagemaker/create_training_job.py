"""CreateTrainingJob: what AWS checks after the shape is right, then the job is handed to the engine."""

import copy
import functools

from pocketaws.errors import AwsError
from pocketaws.operations import operation
from pocketaws.sagemaker import checks, quotas, rehearsals, trial_components
from pocketaws.sagemaker.job import TrainingJob

DAY_S = 86_400


@operation("sagemaker", "CreateTrainingJob")
def create_training_job(context, request: dict) -> dict:
    """Check the request as AWS does, then start the job.

    Raises ValidationException, ResourceInUse, ResourceLimitExceeded, AccessDeniedException; NotImplemented
    for members that the local AWS cannot honour. What is refused for a quota, for a permission or, later, for
    capacity, is the learner's to choose: quotas.py, rehearsals.py.
    """
    check(context, request)
    return {"TrainingJobArn": start(context, request).arn}


def check(context, request: dict) -> None:
    """Raise when AWS, or the local AWS, would not take these members of a CreateTrainingJob."""
    checks.refuse_what_is_not_here(request)
    checks.check_request(request)
    checks.check_role(context, request["RoleArn"])
    checks.check_storage(context, request)
    trial_components.check_config(context, request)


def start(context, request: dict, tuning_job_arn: str | None = None) -> TrainingJob:
    """Start the job of a request that was checked, also a tuning job's. Raises as CreateTrainingJob does."""
    request = with_defaults(request)
    resources = request["ResourceConfig"]
    spot = request["EnableManagedSpotTraining"]
    job = TrainingJob(request, context.region, context.account)
    job.tuning_job_arn = tuning_job_arn
    engine = context.state.engine
    rehearsals.check_offered(context.state.home, request)
    free = spot or rehearsals.has_capacity(context.state.home, request)  # a spot job waits for capacity
    with context.state.creating:
        count = resources["InstanceCount"]
        quotas.check_training(context, resources["InstanceType"], count, spot, request)
        context.state.jobs.add(job)
    context.state.warm_pools.join(job, functools.partial(quotas.has_room_for_pool, context.state))
    trial_components.track(context, job)
    if not free:
        job.move("Pending")
        job.fail(rehearsals.NO_CAPACITY)
        return job
    try:
        engine.start(job)
    except RuntimeError as err:  # the engine was closed meanwhile
        context.state.jobs.discard(job)
        raise AwsError("ServiceUnavailable", f"The job was not started: {err}", 503) from err
    return job


def with_defaults(request: dict) -> dict:
    """The request with the values that DescribeTrainingJob shows for members that were left out."""
    request = copy.deepcopy(request)
    for switch in (
        "EnableNetworkIsolation",
        "EnableInterContainerTrafficEncryption",
        "EnableManagedSpotTraining",
    ):
        request.setdefault(switch, False)
    request.setdefault("StoppingCondition", {}).setdefault("MaxRuntimeInSeconds", DAY_S)
    request["OutputDataConfig"].setdefault("CompressionType", "GZIP")
    request["OutputDataConfig"].setdefault("KmsKeyId", "")
    request["ResourceConfig"].setdefault("InstanceCount", 1)
    request["AlgorithmSpecification"].setdefault("EnableSageMakerMetricsTimeSeries", False)
    for channel in request.get("InputDataConfig", []):
        channel["DataSource"]["S3DataSource"].setdefault("S3DataDistributionType", "FullyReplicated")
        channel.setdefault("CompressionType", "None")
        channel.setdefault("RecordWrapperType", "None")
    if "CheckpointConfig" in request:
        request["CheckpointConfig"].setdefault("LocalPath", "/opt/ml/checkpoints")
    return request
