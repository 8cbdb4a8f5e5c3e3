"""Custom models and what lets them answer: deployments, throughput; and tags."""

import json

import pytest
from bedrock_api import ACCOUNT, NOVA, BedrockApi, resolve, unresolved
from local_server import until
from pocketaws.bedrock import foundation_models
from training_api import refused


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    served = BedrockApi(tmp_path_factory.mktemp("home"))
    yield served
    served.close()


@pytest.fixture(scope="module")
def tuned(aws):
    """A job whose custom model nobody deletes."""
    return aws.tuned()


def test_a_custom_model_answers_through_its_deployment_and_is_deleted_after_it(aws):
    job = aws.tuned()
    model = aws.bedrock.get_custom_model(modelIdentifier=job.request["customModelName"])["modelArn"]
    assert unresolved(aws, model) == "ValidationException"
    deployment = aws.deployed(job)
    served = resolve(aws, deployment)
    assert (served.kind, served.arn, served.family) == ("custom", model, "nova")
    assert (served.folder / "model.safetensors").exists()
    code, message = refused(aws.bedrock.delete_custom_model, modelIdentifier=model)
    assert code == "ConflictException" and deployment in message
    aws.bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier=deployment)
    assert served.folder in aws.serving.forgotten and served.folder.exists()
    assert unresolved(aws, deployment) == "ResourceNotFoundException"
    aws.bedrock.delete_custom_model(modelIdentifier=model)
    assert not served.folder.exists()
    assert refused(aws.bedrock.get_custom_model, modelIdentifier=model)[0] == "ResourceNotFoundException"
    gone = aws.bedrock.get_model_customization_job(jobIdentifier=job.arn)
    assert gone["outputModelArn"] == model, "the job forgets what it made"


def test_a_deployment_is_not_ready_until_its_model_has_answered(aws, tuned, monkeypatch):
    monkeypatch.setattr("pocketaws.bedrock.warming.start", lambda *arguments: None)
    made = aws.bedrock.create_custom_model_deployment(
        modelDeploymentName="slow", modelArn=tuned.output_model_arn, description="d"
    )
    arn = made["customModelDeploymentArn"]
    shown = aws.bedrock.get_custom_model_deployment(customModelDeploymentIdentifier="slow")
    assert (shown["status"], shown["description"]) == ("Creating", "d")
    assert unresolved(aws, arn) == "ModelNotReadyException"
    aws.state.bedrock.deployments.by_arn(arn).ready()
    assert resolve(aws, arn).kind == "custom"


def test_a_model_that_does_not_load_fails_its_deployment_with_the_reason(aws, tuned):
    aws.serving.why = "torch is not installed"
    try:
        arn = aws.deployed(tuned)
    finally:
        aws.serving.why = ""
    shown = aws.bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=arn)
    assert (shown["status"], "torch is not installed" in shown["failureMessage"]) == ("Failed", True)
    assert unresolved(aws, arn) == "ModelNotReadyException"


@pytest.mark.parametrize(
    ("kind", "deploying", "provisioning"),
    [
        ("denied", "AccessDeniedException", "AccessDeniedException"),
        ("ended", "ResourceNotFoundException", "ResourceNotFoundException"),
        ("legacy", None, "ResourceNotFoundException"),
    ],
)
def test_a_custom_model_needs_its_base_model_to_be_there_still(aws, tuned, kind, deploying, provisioning):
    """In the legacy phase a custom model goes on, but there is no new throughput for it (model-lifecycle)."""
    path = aws.home / "bedrock_access.json"
    path.write_text(json.dumps({kind: [NOVA]}))
    try:
        deploy = {"modelDeploymentName": f"still-{kind}", "modelArn": tuned.output_model_arn}
        if deploying:
            assert refused(aws.bedrock.create_custom_model_deployment, **deploy)[0] == deploying
        else:
            aws.bedrock.create_custom_model_deployment(**deploy)
        buy = {"provisionedModelName": "still", "modelUnits": 1, "modelId": tuned.output_model_arn}
        assert refused(aws.bedrock.create_provisioned_model_throughput, **buy)[0] == provisioning
    finally:
        path.unlink()


def test_an_update_changes_the_model_behind_an_arn(aws, tuned):
    second, arn = aws.tuned(), aws.deployed(tuned)
    update = aws.bedrock.update_custom_model_deployment
    update(customModelDeploymentIdentifier=arn, modelArn=second.output_model_arn)
    shown = until(
        lambda: (
            (each := aws.bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=arn))[
                "updateDetails"
            ]["updateStatus"]
            == "UpdateCompleted"
            and each
        )
    )
    assert shown["modelArn"] == second.output_model_arn == resolve(aws, arn).arn
    aws.serving.why = "no"
    update(customModelDeploymentIdentifier=arn, modelArn=tuned.output_model_arn)
    deployment = aws.state.bedrock.deployments.by_arn(arn)
    until(lambda: deployment.update["updateStatus"] == "UpdateFailed")
    aws.serving.why = ""
    assert resolve(aws, arn).arn == second.output_model_arn


def test_only_what_aws_deploys_on_demand_is_deployed(aws):
    missing = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:custom-model/{NOVA}/abcdefghijkl"
    code, _ = refused(aws.bedrock.create_custom_model_deployment, modelDeploymentName="x", modelArn=missing)
    assert code == "ResourceNotFoundException"
    llama = next(row for row in foundation_models.every() if row.id == "meta.llama3-1-8b-instruct-v1:0:128k")
    job = aws.tuned()
    aws.state.bedrock.custom_models.by_arn(job.output_model_arn).base_model = llama
    code, message = refused(
        aws.bedrock.create_custom_model_deployment, modelDeploymentName="x", modelArn=job.output_model_arn
    )
    assert code == "ValidationException" and "Provisioned" in message


def test_throughput_is_recorded_with_its_price_and_held_to_the_quotas(aws):
    create = aws.bedrock.create_provisioned_model_throughput
    nova2 = "amazon.nova-2-lite-v1:0:256k"
    job = aws.tuned(baseModelIdentifier=nova2)
    model = {"modelId": job.output_model_arn, "modelUnits": 1}
    code, message = refused(create, provisionedModelName="more", **{**model, "modelUnits": 2})
    assert code == "ServiceQuotaExceededException" and "is 1" in message
    arns = [create(provisionedModelName=f"pt{n}", **model)["provisionedModelArn"] for n in range(2)]
    until(
        lambda: (
            aws.bedrock.get_provisioned_model_throughput(provisionedModelId="pt1")["status"] == "InService"
        )
    )
    recorded = json.loads((aws.home / "bedrock" / "provisioned.json").read_text())
    assert [(row["arn"], row["usd_an_hour"]) for row in recorded] == [(arn, 60.5) for arn in arns]
    assert resolve(aws, arns[1]).arn == job.output_model_arn
    for changes in ({}, {"commitmentDuration": "OneMonth"}):
        code, _ = refused(create, provisionedModelName="more", **{**model, **changes})
        assert code == "ServiceQuotaExceededException", changes
    assert (
        refused(create, provisionedModelName="base", modelUnits=1, modelId=nova2)[0] == "ValidationException"
    )
    assert (
        refused(aws.bedrock.delete_custom_model, modelIdentifier=job.output_model_arn)[0]
        == "ConflictException"
    )
    for name in ("pt0", "pt1"):
        aws.bedrock.delete_provisioned_model_throughput(provisionedModelId=name)
    assert json.loads((aws.home / "bedrock" / "provisioned.json").read_text()) == []
    aws.bedrock.delete_custom_model(modelIdentifier=job.output_model_arn)


def test_throughput_moves_to_another_model_of_the_same_base(aws, tuned):
    other, nova2 = aws.tuned(), aws.tuned(baseModelIdentifier="amazon.nova-2-lite-v1:0:256k")
    made = aws.bedrock.create_provisioned_model_throughput(
        provisionedModelName="moving", modelUnits=1, modelId=tuned.request["customModelName"]
    )
    arn = made["provisionedModelArn"]
    get, update = (
        aws.bedrock.get_provisioned_model_throughput,
        aws.bedrock.update_provisioned_model_throughput,
    )
    until(lambda: get(provisionedModelId=arn)["status"] == "InService")
    code, _ = refused(update, provisionedModelId=arn, desiredModelId=nova2.output_model_arn)
    assert code == "ValidationException"
    update(provisionedModelId=arn, desiredModelId=other.output_model_arn)
    until(lambda: get(provisionedModelId=arn)["status"] == "InService")
    assert get(provisionedModelId=arn)["modelArn"] == other.output_model_arn == resolve(aws, arn).arn
    aws.bedrock.delete_provisioned_model_throughput(provisionedModelId=arn)


def test_custom_models_are_listed_by_base_model_and_name(aws, tuned):
    ask = aws.bedrock.list_custom_models
    name = tuned.request["customModelName"]
    base = f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}"
    (found,) = ask(nameContains=name, baseModelArnEquals=base)["modelSummaries"]
    assert (found["modelArn"], found["baseModelName"]) == (tuned.output_model_arn, "amazon.nova-micro-v1")
    assert ask(nameContains=name, foundationModelArnEquals=base + "x")["modelSummaries"] == []
    assert ask(isOwned=False)["modelSummaries"] == []


def test_tags_are_kept_within_awss_limits(aws, tuned):
    arn = tuned.output_model_arn
    fifty = [{"key": f"k{n}", "value": "v"} for n in range(50)]
    aws.bedrock.tag_resource(resourceARN=arn, tags=fifty)
    more = [{"key": "one-more", "value": "v"}]
    assert refused(aws.bedrock.tag_resource, resourceARN=arn, tags=more)[0] == "TooManyTagsException"
    code, _ = refused(aws.bedrock.tag_resource, resourceARN=arn, tags=[{"key": "aws:x", "value": ""}])
    assert code == "ValidationException"
    code, _ = refused(aws.bedrock.tag_resource, resourceARN=arn, tags=more * 2)
    assert code == "ValidationException"
    aws.bedrock.untag_resource(resourceARN=arn, tagKeys=[tag["key"] for tag in fifty] + ["not-there"])
    assert aws.bedrock.list_tags_for_resource(resourceARN=arn)["tags"] == []
    guardrail = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:guardrail/abc"
    assert refused(aws.bedrock.list_tags_for_resource, resourceARN=guardrail)[0] == "NotImplemented"
    assert (
        refused(aws.bedrock.list_tags_for_resource, resourceARN=arn[:-1] + "0")[0]
        == "ResourceNotFoundException"
    )


def test_a_job_gives_its_model_the_tags_meant_for_it(aws):
    job = aws.tuned(jobTags=[{"key": "a", "value": "1"}], customModelTags=[{"key": "b", "value": "2"}])
    for arn, tags in (
        (job.arn, [{"key": "a", "value": "1"}]),
        (job.output_model_arn, [{"key": "b", "value": "2"}]),
    ):
        assert aws.bedrock.list_tags_for_resource(resourceARN=arn)["tags"] == tags
