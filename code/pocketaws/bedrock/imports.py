"""Model import jobs: CreateModelImportJob, GetModelImportJob, ListModelImportJobs.

A job copies a model's files from S3, looks whether they are a model that Bedrock takes (model_files.py), and
makes an imported model of them.
"""

import copy
import shutil
import threading
from pathlib import Path

from pocketaws import folders, s3_files
from pocketaws.aws_clients import AwsClients
from pocketaws.bedrock import checks, model_files
from pocketaws.bedrock.imported_models import ImportedModel
from pocketaws.bedrock.tables import MAX_FAILURE_MESSAGE, Resource, in_use, select
from pocketaws.errors import AwsError, validation_error
from pocketaws.keeping import cut_off
from pocketaws.operations import operation
from pocketaws.sagemaker.job import now

NOT_HERE = ("vpcConfig", "importedModelKmsKeyId")
ECHOED = ("jobName", "importedModelName", "roleArn", "modelDataSource")


class ImportJob(Resource):
    """An import job: InProgress, then Completed or Failed."""

    KEPT = (*Resource.KEPT, "request", "status", "failure_message", "ended_at", "model_arn")

    def __init__(self, request: dict, region: str, account: str):
        super().__init__("model-import-job", request["jobName"], region, account, request.get("jobTags"))
        self.request, self.token = copy.deepcopy(request), request.get("clientRequestToken")
        self.status, self.failure_message = "InProgress", ""
        self.ended_at = self.model_arn = None

    @property
    def uri(self) -> str:
        """The S3 URI under which the model's files are."""
        return self.request["modelDataSource"]["s3DataSource"]["s3Uri"]

    def end(self, failure: str = "", model_arn: str | None = None, moment=None) -> None:
        """Completed with a model, or Failed. moment: when; None: now."""
        with self.changing():
            self.failure_message, self.model_arn = failure[:MAX_FAILURE_MESSAGE], model_arn
            self.last_modified = self.ended_at = moment or now()
            self.status = "Failed" if failure else "Completed"

    def describe(self) -> dict:
        """A GetModelImportJob response."""
        answer = {name: self.request[name] for name in ECHOED}
        answer.update(
            jobArn=self.arn,
            importedModelArn=self.model_arn,
            status=self.status,
            failureMessage=self.failure_message or None,
            creationTime=self.created_at,
            lastModifiedTime=self.last_modified,
            endTime=self.ended_at,
        )
        return {name: value for name, value in answer.items() if value is not None}


@operation("bedrock", "CreateModelImportJob")
def create_model_import_job(context, request: dict) -> dict:
    """Check the request as AWS does, then start to import.

    Raises ValidationException, AccessDeniedException, ConflictException; NotImplemented for members that the
    local AWS cannot honour.
    """
    tables = context.state.bedrock
    same = tables.import_jobs.with_token(request.get("clientRequestToken"), context.region, context.account)
    if same is not None:
        return {"jobArn": same.arn}
    checks.refuse("CreateModelImportJob", request, NOT_HERE)
    checks.check_tag_list(request.get("jobTags"))
    checks.check_tag_list(request.get("importedModelTags"))
    if "s3DataSource" not in request["modelDataSource"]:
        raise validation_error("modelDataSource has no s3DataSource: where the model's files are.")
    checks.check_role(context, request["roleArn"], tables.import_jobs.kind)
    job = ImportJob(request, context.region, context.account)
    checks.check_prefix(context, job.uri)
    with tables.naming:
        _check_model_name(tables, job)
        tables.import_jobs.add(job, in_use("job", job.name))
    threading.Thread(target=_run, args=(context.state, job), name=f"import {job.name}", daemon=True).start()
    return {"jobArn": job.arn}


def _check_model_name(tables, job: ImportJob) -> None:
    name = job.request["importedModelName"]
    coming = [
        each.request["importedModelName"]
        for each in tables.import_jobs.of(job.region, job.account)
        if each.status == "InProgress"
    ]
    if name in coming or tables.imported_models.find(name, job.region, job.account):
        raise in_use("model", name)


def _run(state, job: ImportJob) -> None:
    """Import, whatever comes of it; a job's thread. Its files are gone when it says how it ended."""
    folder = state.bedrock.models_folder / f"importing-{job.id}"
    clients = AwsClients(state.url, job.region)
    failure, model_arn = "", None
    try:
        _download(clients.as_role(job.request["roleArn"], "bedrock").get("s3"), job.uri, folder)
        model_arn = _model_of(state, job, folder).arn
    except (model_files.ModelFilesError, s3_files.S3FilesError) as err:
        failure = str(err)
    except AwsError as err:
        failure = err.message
    except Exception as err:  # a fault of pocketaws: the job says so, the server lives on
        failure = f"InternalServerException: pocketaws failed: {type(err).__name__}: {err}"
    clients.close()
    folders.remove(folder)
    job.end(cut_off.IMPORT if failure and state.closing else failure, model_arn)


def _model_of(state, job: ImportJob, folder: Path) -> ImportedModel:
    """Make the imported model of a job's files, which are moved to their place. Raises ModelFilesError."""
    model = ImportedModel(job, model_files.read(folder), state.bedrock.models_folder)
    shutil.move(folder, model.folder)
    try:
        state.bedrock.imported_models.add(model, in_use("model", model.name))
    except AwsError:
        folders.remove(model.folder)
        raise
    return model


def _download(s3, uri: str, folder: Path) -> None:
    """Copy the files right under an S3 URI; deeper ones are no part of a model."""
    bucket, prefix = s3_files.split_uri(uri)
    prefix = f"{prefix.rstrip('/')}/" if prefix else ""
    folder.mkdir(parents=True)
    for row in s3_files.list_objects(s3, f"s3://{bucket}/{prefix}"):
        name = row["Key"][len(prefix) :]
        if name and "/" not in name:
            s3_files.download(s3, bucket, row["Key"], s3_files.safe_join(folder, name, row["Key"]))


@operation("bedrock", "GetModelImportJob")
def get_model_import_job(context, request: dict) -> dict:
    """One import job, by name or ARN."""
    jobs = context.state.bedrock.import_jobs
    return jobs.get(request["jobIdentifier"], context.region, context.account).describe()


@operation("bedrock", "ListModelImportJobs")
def list_model_import_jobs(context, request: dict) -> dict:
    """Summaries, filtered; newest first unless the request says else."""
    every = context.state.bedrock.import_jobs.of(context.region, context.account)
    status = request.get("statusEquals")
    found, token = select(every, request, lambda job: status in (None, job.status))
    names = ("jobArn", "jobName", "status", "lastModifiedTime", "creationTime", "endTime",
             "importedModelArn", "importedModelName")  # fmt: skip
    described = [job.describe() for job in found]
    summaries = [{name: job[name] for name in names if name in job} for job in described]
    return {"modelImportJobSummaries": summaries, "nextToken": token}
