"""Have a tuned model answer: on demand, or with throughput that is paid by the hour.

    arn = deploy(bedrock, job["outputModelArn"], "tuneaws-tuned", tags, ttl_s=3600)
    wait(bedrock, arn)                        # a line for each status, until it is Active
    converse(runtime, arn, messages)

Creating a deployment is free, and so is one that nobody asks: tokens are what bills.
"""

from __future__ import annotations

import time

from botocore.exceptions import ClientError

from tuneaws import fixes
from tuneaws.bedrock_client import or_free
from tuneaws.bedrock_models import costs, requests
from tuneaws.bedrock_models.errors import BedrockModelError

READY = {"Active": True, "InService": True, "Completed": True, "Creating": False, "Updating": False,
         "InProgress": False}
KINDS = ("custom-model-deployment", "provisioned-model", "model-import-job")


def deploy(bedrock, model_arn: str, name: str, tags: dict | None = None, ttl_s: float | None = None) -> str:
    """Deploy a custom model on demand and return the deployment's ARN; wait() for it. Free until it is asked.

    bedrock    boto3 client "bedrock"
    model_arn  what a customization job made: job["outputModelArn"]
    ttl_s      after so many seconds delete_expired() may take it away; None: never
    The second time it gives the ARN that is there, or has the deployment answer with the other model.
    Raises     BedrockModelError; other errors of botocore pass through
    """
    found = _by_name(bedrock, name)
    if found is None:
        expires = requests.after(ttl_s) if ttl_s else None
        asked = requests.deployment_request(name, model_arn, tags, expires)
        return send(bedrock, "create_custom_model_deployment", asked, name)["customModelDeploymentArn"]
    arn = found["customModelDeploymentArn"]
    if found["status"] == "Failed":
        why = found.get("failureMessage", "no reason given")
        raise BedrockModelError(f"the deployment {name} has failed: {why}\n"
                                f"Fix: bedrock_models.delete(bedrock, {arn!r}), then deploy again")
    if found["modelArn"] != model_arn:
        wait(bedrock, arn, show=False)
        bedrock.update_custom_model_deployment(customModelDeploymentIdentifier=arn, modelArn=model_arn)
    if ttl_s:
        keep(bedrock, arn, ttl_s)
    return arn


def keep(bedrock, arn: str, ttl_s: float) -> None:
    """Let a deployment live so many seconds from now on."""
    tag = requests.tag_list({requests.EXPIRES: requests.write_time(requests.after(ttl_s))})
    bedrock.tag_resource(resourceARN=arn, tags=tag)


def provision(bedrock, model_arn: str, name: str, units: int = 1, tags: dict | None = None,
              yes: bool = False) -> str:
    """Buy throughput by the hour for a custom model and return its ARN, if `yes` is True.

    It bills from creation to deletion, used or not: throughput_cost() has the price. deploy() costs nothing
    while nobody asks, so this is for steady load, and for models that can't be deployed on demand.
    Raises  BedrockModelError without yes=True, with the price
    """
    cost = costs.throughput_cost(model_arn, bedrock.meta.region_name, units)
    if yes is not True:
        raise BedrockModelError(f"{cost}\nNothing was bought.\nFix: deploy() answers on demand, for tokens; "
                                f"or provision(..., yes=True) if you mean it{or_free(bedrock)}")
    print(cost)
    asked = requests.throughput_request(name, model_arn, units, tags)
    return send(bedrock, "create_provisioned_model_throughput", asked, name)["provisionedModelArn"]


def describe(bedrock, arn: str) -> dict:
    """What Bedrock says of a deployment, a throughput or an import job, by its ARN.

    Raises  BedrockModelError if there is none
    """
    kind = arn.split(":")[-1].partition("/")[0]
    calls = {
        KINDS[0]: lambda: bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=arn),
        KINDS[1]: lambda: bedrock.get_provisioned_model_throughput(provisionedModelId=arn),
        KINDS[2]: lambda: bedrock.get_model_import_job(jobIdentifier=arn),
    }
    if kind not in calls:
        raise ValueError(f"{arn!r} is no ARN of a {', '.join(KINDS)}")
    try:
        found = calls[kind]()
    except ClientError as err:
        if err.response["Error"]["Code"] == "ResourceNotFoundException":
            raise BedrockModelError(f"there is no {arn} any more.\nFix: deploy or import it again") from err
        raise
    found.pop("ResponseMetadata", None)
    return found


def wait(bedrock, arn: str, timeout_s: float = 1800, poll_s: float = 0.5, show: bool = True) -> dict:
    """Print each new status of a deployment, a throughput or an import until it is there; return it.

    Raises  BedrockModelError if it failed, with AWS's reason, or after `timeout_s`
    """
    begin, shown = time.monotonic(), None
    while True:
        found = describe(bedrock, arn)
        status, took = _status(found), time.monotonic() - begin
        if show and status != shown:
            print(f"{took:6.0f} s  {status}")
            shown = status
        if READY.get(status):
            return found
        if status not in READY:
            why = found.get("failureMessage", "(no reason given)")
            fix = fixes.advice(fixes.of_job(why), "mend what it names, delete this and try again")
            raise BedrockModelError(f"{arn} is {status}: {why}\nFix: {fix}")
        if took > timeout_s:
            raise BedrockModelError(f"{arn} is still {status} after {timeout_s:.0f} s.\n"
                                    "Fix: wait for it again")
        time.sleep(poll_s)


def _status(found: dict) -> str:
    update = found.get("updateDetails", {}).get("updateStatus")
    return {"Updating": "Updating", "UpdateFailed": "UpdateFailed"}.get(update, found["status"])


def _by_name(bedrock, name: str) -> dict | None:
    try:
        return bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=name)
    except ClientError as err:
        if err.response["Error"]["Code"] in ("ResourceNotFoundException", "ValidationException"):
            return None
        raise


def send(bedrock, operation: str, asked: dict, name: str) -> dict:
    """Send a request, for something of this name; explain what AWS does not take.

    operation  as boto3 calls it
    """
    try:
        return getattr(bedrock, operation)(**asked)
    except ClientError as err:
        code, said = err.response["Error"]["Code"], err.response["Error"]["Message"]
        by_code = {
            "ConflictException": "another name, or delete what has this one",
            "ResourceNotFoundException": "a model that is there: a customization job's outputModelArn",
            "AccessDeniedException": "ask for the permission that it names",
            "ServiceQuotaExceededException": "delete one, or ask for more in Service Quotas",
            "TooManyTagsException": "fewer project.tags in config.yaml",
            "ValidationException": "print the request of bedrock_models.requests and compare",
        }
        if code not in by_code:
            raise
        fix = fixes.advice(fixes.find(err, "bedrock"), by_code[code])
        raise BedrockModelError(f"Bedrock did not take {name!r}: nothing was made.\n"
                                f"AWS said: {code}: {said}\nFix: {fix}{or_free(bedrock)}") from err
