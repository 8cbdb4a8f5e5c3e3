"""The CreateModelCustomizationJob request, built by pure functions: print it before you pay.

    values = hyperparameters(nova, epochs=1, learning_rate=1e-5, warmup_steps=10)
    asked = request("tuneaws-1", "amazon.nova-micro-v1:0:128k", role_arn, uris["training"],
                    "s3://bucket/bedrock", values, uris.get("validation"), {"course": "tuneaws"})
"""

from datetime import datetime, timezone

from tuneaws.bedrock_client import tag_list
from tuneaws.bedrock_data import BedrockDataError, Family, check_hyperparameters


def request(name: str, model_id: str, role_arn: str, training_uri: str, output_uri: str, values: dict,
            validation_uri: str | None = None, tags: dict | None = None) -> dict:
    """Return the request of a fine-tuning job. Sends nothing.

    name        of the job and of the model that it makes, up to 63 letters, digits and hyphens
    model_id    the id of models.gate()
    output_uri  an S3 prefix; the loss curve is written below it
    values      hyperparameters() of the family
    tags        on the job and on the model: the clean-up finds things by them
    """
    labels = tag_list(tags)
    asked = {
        "jobName": name, "customModelName": name, "roleArn": role_arn, "baseModelIdentifier": model_id,
        "customizationType": "FINE_TUNING", "hyperParameters": dict(values),
        "trainingDataConfig": {"s3Uri": training_uri}, "outputDataConfig": {"s3Uri": output_uri},
        "jobTags": labels, "customModelTags": labels,
    }
    if validation_uri:
        asked["validationDataConfig"] = {"validators": [{"s3Uri": validation_uri}]}
    return asked


def hyperparameters(family: Family, epochs: int | None = None, learning_rate: float | None = None,
                    warmup_steps: int | None = None) -> dict:
    """Return them as the texts that AWS takes: {"epochCount": "1", "learningRate": "0.00001", ...}.

    None, and what the family does not have, is left out: AWS's default holds.
    Raises  BedrockDataError if one is out of its range
    """
    values = {"epochCount": epochs, "learningRate": learning_rate, "learningRateWarmupSteps": warmup_steps}
    texts = {name: _text(value) for name, value in values.items()
             if value is not None and name in family.hyperparameters}
    wrong = check_hyperparameters(texts, family)
    if wrong:
        raise BedrockDataError("\n".join(map(str, wrong)))
    return texts


def new_name(project: str) -> str:
    """A name that no job has yet: "tuneaws-2026-11-22-08-30-00-123456", the time in UTC."""
    return f"{project}-{datetime.now(timezone.utc):%Y-%m-%d-%H-%M-%S-%f}"


def _text(value) -> str:
    """1e-05 as "0.00001": the form of AWS's examples."""
    return str(value) if isinstance(value, int) else f"{value:.12f}".rstrip("0").rstrip(".")
