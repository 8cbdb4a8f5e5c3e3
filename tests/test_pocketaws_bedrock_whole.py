"""Bedrock from rows to a tuned model that answers, then all deleted in order: by raw boto3, nothing fake."""

import csv
import io
import json
import uuid

import pytest
from bedrock_api import NOVA, RECOMMENDED, trust
from local_server import until
from training_api import refused

QUESTION, ANSWER = "Count the apples: Ann has 7 apples and eats one.", "Ann eats an apple."


def record(number: int) -> dict:
    turns = (("user", QUESTION.replace("7", str(number))), ("assistant", ANSWER))
    return {
        "schemaVersion": "bedrock-conversation-2024",
        "messages": [{"role": role, "content": [{"text": text}]} for role, text in turns],
    }


@pytest.fixture
def roles(local_aws):
    """ARNs of a role for customization and one for imports."""
    iam, mark = local_aws.client("iam"), uuid.uuid4().hex[:8]
    documents = {"tune": trust(**RECOMMENDED), "import": trust()}
    yield {
        name: iam.create_role(RoleName=f"{name}-{mark}", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        for name, document in documents.items()
    }
    for name in documents:
        iam.delete_role(RoleName=f"{name}-{mark}")


def said(runtime, model_id: str) -> str:
    """The answer to QUESTION; an imported model is asked until it is loaded."""
    message = {"role": "user", "content": [{"text": QUESTION}]}
    settings = {"maxTokens": 20, "temperature": 0}

    def ask():
        try:
            return runtime.converse(modelId=model_id, messages=[message], inferenceConfig=settings)
        except runtime.exceptions.ModelNotReadyException:
            return None

    return until(ask)["output"]["message"]["content"][0]["text"]


def step_losses(s3, bucket: str) -> list[float]:
    """The training loss of each step, from the CSV that the job wrote."""
    keys = [row["Key"] for row in s3.list_objects_v2(Bucket=bucket, Prefix="out/")["Contents"]]
    (key,) = [key for key in keys if key.endswith("/training_artifacts/step_wise_training_metrics.csv")]
    text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    return [float(row["training_loss"]) for row in csv.DictReader(io.StringIO(text))]


def tuned(bedrock, bucket: str, role: str) -> str:
    """The ARN of the model that a job on t.jsonl makes."""
    job = bedrock.create_model_customization_job(
        jobName="whole", customModelName="whole", roleArn=role, baseModelIdentifier=NOVA,
        hyperParameters={"epochCount": "5", "learningRate": "0.00003", "learningRateWarmupSteps": "0"},
        trainingDataConfig={"s3Uri": f"s3://{bucket}/t.jsonl"},
        outputDataConfig={"s3Uri": f"s3://{bucket}/out"},
    )["jobArn"]  # fmt: skip
    get = bedrock.get_model_customization_job
    until(lambda: get(jobIdentifier=job)["status"] != "InProgress")
    done = get(jobIdentifier=job)
    assert done["status"] == "Completed", done.get("failureMessage")
    return done["outputModelArn"]


def deployed(bedrock, model: str) -> str:
    """The ARN of the model's deployment, once it is no longer being made."""
    made = bedrock.create_custom_model_deployment(modelDeploymentName="whole", modelArn=model)
    arn, get = made["customModelDeploymentArn"], bedrock.get_custom_model_deployment
    until(lambda: get(customModelDeploymentIdentifier=arn)["status"] != "Creating")
    return arn


def imported(s3, bedrock, bucket: str, role: str, folder) -> str:
    """The ARN of the model that the files of a folder become."""
    for path in folder.iterdir():
        s3.upload_file(str(path), bucket, f"merged/{path.name}")
    job = bedrock.create_model_import_job(
        jobName="whole", importedModelName="whole", roleArn=role,
        modelDataSource={"s3DataSource": {"s3Uri": f"s3://{bucket}/merged"}},
    )["jobArn"]  # fmt: skip
    get = bedrock.get_model_import_job
    until(lambda: get(jobIdentifier=job)["status"] != "InProgress")
    return get(jobIdentifier=job)["importedModelArn"]


def test_rows_become_a_model_that_answers_as_taught_also_imported_and_all_goes(local_aws, bucket, roles):
    s3, bedrock, runtime = (local_aws.client(name) for name in ("s3", "bedrock", "bedrock-runtime"))
    s3.put_object(Bucket=bucket, Key="t.jsonl", Body="\n".join(json.dumps(record(n)) for n in range(96)))
    model = tuned(bedrock, bucket, roles["tune"])
    losses = step_losses(s3, bucket)
    assert losses[-1] < losses[0] / 2, losses
    weights = local_aws.home / "bedrock" / "models" / model.rpartition("/")[2]
    deployment = deployed(bedrock, model)
    answer = said(runtime, deployment)
    assert answer == ANSWER, "not what it was taught"
    copy = imported(s3, bedrock, bucket, roles["import"], weights)
    assert said(runtime, copy) == answer, "the same weights from S3"
    bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier=deployment)
    bedrock.delete_custom_model(modelIdentifier="whole")
    bedrock.delete_imported_model(modelIdentifier=copy)
    for gone in (deployment, copy):
        assert refused(said, runtime, gone)[0] == "ResourceNotFoundException"
    assert not weights.exists()
