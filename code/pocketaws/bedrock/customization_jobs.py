"""Model customization jobs: Create, Get, List and StopModelCustomizationJob(s)."""

import copy

from pocketaws.bedrock import checks, custom_models, foundation_models
from pocketaws.bedrock.customization_job import CustomizationJob
from pocketaws.bedrock.served_models import INVALID, check_usable
from pocketaws.bedrock.tables import in_use, select
from pocketaws.errors import AwsError, not_here, validation_error
from pocketaws.operations import operation

FINE_TUNING = "FINE_TUNING"
# Members whose effect the local AWS cannot give. To accept them and do nothing would be to pretend.
NOT_HERE = ("vpcConfig", "customModelKmsKeyId", "customizationConfig")


@operation("bedrock", "CreateModelCustomizationJob")
def create_model_customization_job(context, request: dict) -> dict:
    """Check the request as AWS does, then start the job. What is in the files is the job's to check.

    Raises ValidationException, AccessDeniedException, ResourceNotFoundException, ConflictException;
    NotImplemented for members that the local AWS cannot honour.
    """
    tables = context.state.bedrock
    jobs = tables.customization_jobs
    same = jobs.with_token(request.get("clientRequestToken"), context.region, context.account)
    if same is not None:
        return {"jobArn": same.arn}
    _refuse_what_is_not_here(request)
    base = base_model_of(context, request["baseModelIdentifier"])
    checks.check_tag_list(request.get("jobTags"))
    checks.check_tag_list(request.get("customModelTags"))
    checks.check_role(context, request["roleArn"], jobs.kind)
    _check_data(context, request)
    engine = context.state.tuning
    job = CustomizationJob(
        copy.deepcopy(request), base, _hyperparameters(request, base), context.region, context.account
    )
    with tables.naming:
        _check_model_name(tables, job)
        jobs.add(job, in_use("job", job.name))
    try:
        engine.start(job, lambda *results: custom_models.finish(context.state, *results))
    except RuntimeError as err:  # the engine was closed meanwhile
        jobs.discard(job)
        raise AwsError("ServiceUnavailableException", f"The job was not started: {err}", 503) from err
    return {"jobArn": job.arn}


def _refuse_what_is_not_here(request: dict) -> None:
    name = "CreateModelCustomizationJob"
    kind = request.get("customizationType", FINE_TUNING)
    if kind != FINE_TUNING:
        raise not_here("bedrock", f"{name} with customizationType {kind}")
    checks.refuse(name, request, NOT_HERE)
    checks.refuse(f"{name} with trainingDataConfig", request["trainingDataConfig"], ("invocationLogsConfig",))
    if "s3Uri" not in request["trainingDataConfig"]:
        raise validation_error("trainingDataConfig has no s3Uri: the training file of a fine-tuning job.")
    if ":custom-model/" in request["baseModelIdentifier"]:
        raise not_here("bedrock", f"{name} with a custom model as baseModelIdentifier")


def base_model_of(context, identifier: str):
    """The row that a job tunes. Raises AWS's errors for a model that is not to be tuned, here or now.

    Bedrock tunes a model under an id of its own, "amazon.nova-micro-v1:0:128k" (custom-model-fine-tuning,
    2026-11). The id without context length stands for it, as in the example of Terraform's
    aws_bedrock_custom_model.
    """
    row = foundation_models.find(identifier, context.region)
    if row is None:
        raise validation_error(INVALID)  # repost.aws/knowledge-center/bedrock-fine-tuning-errors
    if FINE_TUNING not in row.customizations:
        longer = [
            each
            for each in foundation_models.every()
            if each.id.startswith(f"{row.id}:") and context.region in each.regions
        ]
        row = next((each for each in longer if FINE_TUNING in each.customizations), row)
    check_usable(context.state, row)
    if FINE_TUNING not in row.customizations:
        raise validation_error(f"The model {identifier} does not support fine-tuning.")  # chosen
    if row.outputs != ("TEXT",):
        raise not_here("bedrock", f"CreateModelCustomizationJob with {row.id}, which makes no text")
    return row


def _check_data(context, request: dict) -> None:
    checks.check_file(context, request["trainingDataConfig"]["s3Uri"], "training")
    for validator in request.get("validationDataConfig", {}).get("validators", []):
        checks.check_file(context, validator["s3Uri"], "validation")
    checks.check_output(context, request["outputDataConfig"]["s3Uri"])


def _hyperparameters(request: dict, base) -> dict:
    """What Get shows: every hyperparameter of the family, those that were left out with their defaults."""
    defaults = {name: each["default"] for name, each in base.limits.get("hyperparameters", {}).items()}
    return {**defaults, **request.get("hyperParameters", {})}


def _check_model_name(tables, job: CustomizationJob) -> None:
    """Raise a ConflictException when a custom model, or a job that is to make one, has the name already."""
    name = job.request["customModelName"]
    coming = [
        each.request["customModelName"]
        for each in tables.customization_jobs.of(job.region, job.account)
        if not each.ended.is_set()
    ]
    if name in coming or tables.custom_models.find(name, job.region, job.account):
        raise in_use("model", name)


@operation("bedrock", "GetModelCustomizationJob")
def get_model_customization_job(context, request: dict) -> dict:
    """One job as it stands now, by name or ARN."""
    return _job(context, request["jobIdentifier"]).describe()


@operation("bedrock", "StopModelCustomizationJob")
def stop_model_customization_job(context, request: dict) -> None:
    """Ask a job to stop; it is Stopping until its process has ended."""
    job = _job(context, request["jobIdentifier"])
    if not job.request_stop():
        # ConflictException is botocore's; the wording is not documented; chosen.
        raise AwsError("ConflictException", f"The job is in status {job.status} and cannot be stopped.")
    context.state.tuning.stop(job)


def _job(context, identifier: str) -> CustomizationJob:
    return context.state.bedrock.customization_jobs.get(identifier, context.region, context.account)


@operation("bedrock", "ListModelCustomizationJobs")
def list_model_customization_jobs(context, request: dict) -> dict:
    """Summaries, filtered; newest first unless the request says else."""
    jobs = context.state.bedrock.customization_jobs.of(context.region, context.account)
    status = request.get("statusEquals")
    found, token = select(jobs, request, lambda job: status in (None, job.status))
    return {"modelCustomizationJobSummaries": [_summary(job) for job in found], "nextToken": token}


def _summary(job: CustomizationJob) -> dict:
    shown = job.describe()
    names = ("jobArn", "baseModelArn", "jobName", "status", "statusDetails", "lastModifiedTime",
             "creationTime", "endTime", "customizationType")  # fmt: skip
    summary = {name: shown[name] for name in names if name in shown}
    if job.output_model_arn:
        summary.update(customModelArn=job.output_model_arn, customModelName=shown["outputModelName"])
    return summary
