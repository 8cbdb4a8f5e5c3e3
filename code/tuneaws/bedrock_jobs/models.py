"""Which models this account may tune now: asked at run time, as models come and go.

    lesson.table(tunable(bedrock))
    model = gate(bedrock, "amazon.nova-micro-v1:0")      # "amazon.nova-micro-v1:0:128k", the id a job takes

A model in its legacy phase takes no new jobs, and one past its end of life answers nothing
(https://docs.aws.amazon.com/bedrock/latest/userguide/model-lifecycle.html, 2026-11).
"""

from botocore.exceptions import ClientError

from tuneaws.bedrock_client import or_free
from tuneaws.bedrock_data import BedrockDataError, family
from tuneaws.bedrock_jobs.errors import BedrockJobError


def tunable(bedrock) -> list:
    """Rows of the models that fine-tuning is offered for here: ListFoundationModels, free.

    bedrock  boto3 client "bedrock"
    Returns  [{"model", "name", "status", "ends", "data"}]; data: the schema of its records, "?" if unknown
    """
    found = bedrock.list_foundation_models(byCustomizationType="FINE_TUNING")["modelSummaries"]
    return [_row(summary) for summary in found]


def gate(bedrock, model_id: str) -> str:
    """Return the id under which a customization job takes this model. Free.

    A base model such as "amazon.nova-micro-v1:0" is tuned under an id with its context length,
    "amazon.nova-micro-v1:0:128k".
    Raises  BedrockJobError if it can't be tuned here or now, with those that can
    """
    rows = tunable(bedrock)
    same = [row for row in rows if row["model"] == model_id or row["model"].startswith(f"{model_id}:")]
    active = [row for row in same if row["status"] == "ACTIVE"]
    if active:
        return active[0]["model"]
    names = [row["model"] for row in rows if row["status"] == "ACTIVE"]
    fix = ("bedrock.model_id in config.yaml: one of those" if names else
           "another bedrock.region in config.yaml, such as us-east-1")
    raise BedrockJobError(f"{_why_not(bedrock, model_id, bool(same))}\nWhat can be tuned here: "
                          f"{', '.join(names) or 'nothing'}.\nFix: {fix}{or_free(bedrock)}")


def _why_not(bedrock, model_id: str, offered: bool) -> str:
    region = bedrock.meta.region_name
    try:
        details = bedrock.get_foundation_model(modelIdentifier=model_id)["modelDetails"]
    except ClientError as err:
        return f"{model_id} is not in {region}: {err.response['Error']['Message']}"
    life = details.get("modelLifecycle", {})
    if life.get("status") == "LEGACY":
        end = life.get("endOfLifeTime")
        until = f"; its end of life is {end:%Y-%m-%d}" if end else ""
        return f"{model_id} is in its legacy phase in {region}: no new jobs{until}."
    return f"{model_id} is not offered for fine-tuning in {region}." if not offered else (
        f"{model_id} is not active in {region}.")


def _row(summary: dict) -> dict:
    life = summary.get("modelLifecycle", {})
    end = life.get("endOfLifeTime")
    try:
        data = family(summary["modelId"]).schema
    except BedrockDataError:
        data = "?"
    return {"model": summary["modelId"], "name": summary.get("modelName", ""),
            "status": life.get("status", "ACTIVE"), "ends": f"{end:%Y-%m-%d}" if end else "", "data": data}
