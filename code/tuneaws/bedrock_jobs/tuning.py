"""A tuned model for the lessons: the newest that was made of these rows, or a new one."""

import tempfile
from dataclasses import replace

from botocore.exceptions import ClientError

from tuneaws import bedrock_data, fixes, handover
from tuneaws.bedrock_client import FREE_WAY
from tuneaws.bedrock_jobs.errors import BedrockJobError
from tuneaws.bedrock_jobs.models import gate
from tuneaws.bedrock_jobs.pricing import TuningCost, best_price, price, seen_price
from tuneaws.bedrock_jobs.requests import hyperparameters, new_name, request
from tuneaws.bedrock_jobs.role import ensure_role
from tuneaws.bedrock_jobs.running import TUNE_FIRST, find, get, start
from tuneaws.bedrock_jobs.watching import watch
from tuneaws.prices import PriceError


def data_prefix(source: str, family) -> str:
    """Where the files for a family lie in the bucket: "data/dialogues/bedrock/nova"."""
    return f"{handover.data_prefix(source)}/bedrock/{family.name}"


def role_for(cfg, session, bucket: str, imports: bool = True) -> str:
    """The configured role, or one that is made for this bucket. Free."""
    if cfg.bedrock.role_arn:
        return cfg.bedrock.role_arn
    iam, tags = session.client("iam"), cfg.project.labels()
    return ensure_role(iam, session.account, session.region, bucket, tags=tags, imports=imports)


def request_from(cfg, session, bucket: str, uris: dict, name: str | None = None) -> dict:
    """The request of the configured job on uploaded files; makes the role if there is none. Starts nothing.

    uris    {"training": "s3://…", "validation": …}, from bedrock_data.upload()
    Raises  BedrockJobError if the model can't be tuned here; bedrock_data.BedrockDataError
    """
    model_id = gate(session.client("bedrock"), cfg.bedrock.model_id)
    values = configured(cfg, bedrock_data.family(model_id))
    role = role_for(cfg, session, bucket)
    return request(name or new_name(cfg.project.name), model_id, role, uris["training"],
                   f"s3://{bucket}/bedrock", values, uris.get("validation"), cfg.project.labels())


def configured(cfg, family) -> dict:
    """The configured hyperparameters(). Raises BedrockDataError if the family does not take one."""
    return hyperparameters(family, cfg.bedrock.epochs, cfg.bedrock.learning_rate, cfg.bedrock.warmup_steps)


def show_price(cfg, session, report, model_id: str) -> TuningCost | None:
    """Print what the configured job on checked files costs on AWS, likely and at worst; return it. Free.

    report  of bedrock_data.check()
    In local the price of the local AWS's list is shown; None, said in a line, where it has none.
    Raises  prices.PriceError on aws if the price is not known
    """
    region, epochs, local = cfg.bedrock.region, cfg.bedrock.epochs, session.where == "local"
    pricing = session.boto.client("pricing", region_name="us-east-1", endpoint_url=session.url)
    try:
        found = best_price(pricing, model_id, region)
        if local:  # its list is the course's table: seen on the table's day
            found = replace(found, seen=seen_price(model_id, region).seen)
    except PriceError as err:
        if not local:
            raise
        print(f"here it costs nothing. On AWS: {err}")
        return None
    cost = price(report, model_id, region, epochs, found)
    print("here it costs nothing. On AWS:" if local else "on AWS, your account:", cost, sep="\n")
    return cost


def find_or_tune(cfg, session, bucket: str, rows: dict) -> dict:
    """Return the newest completed job on these rows whose model is there; in local, tune one if none is.

    One that still runs, started by a kernel that ended since, is waited for: no second one is started.
    cfg, session  from config.load() and session.connect()
    rows          {"train": "s3://.../", ...}, from handover.find_or_make_rows()
    Returns       what GetModelCustomizationJob says of it; its outputModelArn is the model
    Raises        BedrockJobError on aws when there is none, where tuning costs money
    """
    bedrock, s3 = session.client("bedrock"), session.client("s3")
    family = bedrock_data.family(cfg.bedrock.model_id)
    prefix = f"s3://{bucket}/{data_prefix(cfg.dataset.source, family)}/"
    for status in ("Completed", "InProgress"):
        for summary in find(bedrock, cfg.project.tags, status):
            job = get(bedrock, summary["jobArn"])
            if not job["trainingDataConfig"]["s3Uri"].startswith(prefix):
                continue
            if status == "InProgress":
                print(f"model: {job['jobName']} tunes it already")
                job = watch(bedrock, job["jobArn"], poll_s=0.5 if session.where == "local" else 30)
            if job["status"] == "Completed" and model_is_there(bedrock, job):
                print(f"model: from {job['jobName']}")
                return job
    if session.where == "aws":
        raise BedrockJobError(f"no completed customization job of yours was trained on {prefix},\n"
                              "or its model has been deleted since.\n"
                              f"Fix: {TUNE_FIRST},\n{FREE_WAY}")
    print("model: there is none of these rows, so it is tuned now as lesson 14 does")
    with tempfile.TemporaryDirectory() as folder:
        made = bedrock_data.from_frozen_rows(s3, rows, folder, family)
        uris = bedrock_data.upload(s3, bucket, prefix.removeprefix(f"s3://{bucket}/"), made.training, family,
                                   made.validation)
    job = watch(bedrock, start(bedrock, request_from(cfg, session, bucket, uris))["jobArn"], poll_s=0.5)
    if job["status"] != "Completed":
        reason = job.get("failureMessage", "(no reason)")
        fix = fixes.line_for(bedrock, reason)
        raise BedrockJobError("\n".join([f"{job['jobName']} is {job['status']}: {reason}", *fix]))
    return job


def model_is_there(bedrock, job: dict) -> bool:
    """Whether a job's model has not been deleted: the job stays, completed and with its outputModelArn."""
    if "outputModelArn" not in job:
        return False
    try:
        bedrock.get_custom_model(modelIdentifier=job["outputModelArn"])
    except ClientError as err:
        if err.response["Error"]["Code"] == "ResourceNotFoundException":
            return False
        raise
    return True
