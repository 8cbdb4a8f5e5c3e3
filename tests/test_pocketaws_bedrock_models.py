"""What Bedrock's control plane keeps: custom and imported models, deployments, throughput, profiles, tags."""

import json
import struct

import pytest
from bedrock_api import ACCOUNT, NOVA, BedrockApi, trust
from local_server import until
from pocketaws.bedrock import foundation_models, model_files, served_models
from pocketaws.errors import AwsError
from pocketaws.validation import broken
from training_api import refused

STAND_IN = served_models.STAND_IN

OWN = f"arn:aws:bedrock:us-east-1:{ACCOUNT}"


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    served = BedrockApi(tmp_path_factory.mktemp("home"))
    yield served
    served.close()


@pytest.fixture(scope="module")
def tuned(aws):
    """A job whose custom model nobody deletes."""
    return aws.tuned()


def resolve(aws, model_id: str, region: str = "us-east-1"):
    return served_models.resolve(aws.state, region, model_id)


def unresolved(aws, model_id: str, region: str = "us-east-1") -> str:
    with pytest.raises(AwsError) as caught:
        resolve(aws, model_id, region)
    return caught.value.code


# --- the table


def test_the_table_is_whole_and_its_ids_fit_aws(aws):
    shape = aws.bedrock.meta.service_model.operation_model("GetFoundationModel")
    wanted = shape.output_shape.members["modelDetails"].members
    rows = foundation_models.every()
    for row in rows:
        shown = row.details("us-east-1", "ACTIVE")
        assert not broken(row.id, wanted["modelId"]) and not broken(shown["modelArn"], wanted["modelArn"]), (
            row.id
        )
        assert row.family in foundation_models.families() or not row.customizations or row.family in (
            "claude", "nova-canvas",
        ), row.id  # fmt: skip
        days = [day for day in (row.starts_on, row.legacy_on, row.ends_on) if day]
        assert days == sorted(days), row.id
    assert len({row.id for row in rows}) == len(rows) >= 30


def test_models_are_filtered_and_ended_ones_are_not_listed(aws):
    def listed(**request) -> set[str]:
        return {each["modelId"] for each in aws.bedrock.list_foundation_models(**request)["modelSummaries"]}

    tunable = listed(byCustomizationType="FINE_TUNING")
    assert {NOVA, "amazon.nova-2-lite-v1:0:256k"} <= tunable
    assert not {each for each in tunable if "llama" in each or "titan" in each}
    assert "amazon.nova-micro-v1:0" in listed(byProvider="amazon", byInferenceType="ON_DEMAND")
    assert listed(byProvider="Meta") == {row for row in listed() if row.startswith("meta.")}
    assert listed(byOutputModality="EMBEDDING") == set()
    west = aws.client("bedrock", "us-west-2").list_foundation_models(byCustomizationType="FINE_TUNING")
    assert "meta.llama3-3-70b-instruct-v1:0:128k" in {each["modelId"] for each in west["modelSummaries"]}
    for ended in ("amazon.titan-text-express-v1", "amazon.no-such-v1:0"):
        assert (
            refused(aws.bedrock.get_foundation_model, modelIdentifier=ended)[0] == "ResourceNotFoundException"
        )


# --- custom models and what lets them answer


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


# --- imports


def test_an_imported_model_answers_and_its_files_go_with_it(aws):
    job = aws.imported(aws.put_model("import/whole"))
    assert job["status"] == "Completed", job.get("failureMessage")
    model = aws.bedrock.get_imported_model(modelIdentifier=job["importedModelName"])
    assert (model["modelArchitecture"], model["instructSupported"]) == ("llama", True)
    assert model["customModelUnits"]["customModelUnitsPerModelCopy"] == 1
    served = resolve(aws, job["importedModelArn"])
    assert (served.kind, served.context_tokens) == ("imported", 2048)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
        each.name for each in served.folder.iterdir()
    }
    aws.bedrock.delete_imported_model(modelIdentifier=job["importedModelArn"])
    assert not served.folder.exists() and served.folder in aws.serving.forgotten
    assert unresolved(aws, job["importedModelArn"]) == "ResourceNotFoundException"


def test_converse_is_refused_for_imported_models_that_aws_refuses_it_for(aws):
    config = {**json.loads((STAND_IN / "config.json").read_text()), "architectures": ["Qwen2ForCausalLM"]}
    for files in ({"config.json": json.dumps(config).encode()}, {"chat_template.jinja": None}):
        job = aws.imported(aws.put_model(f"import/{min(files)}", files=files))
        model = aws.bedrock.get_imported_model(modelIdentifier=job["importedModelArn"])
        assert model["instructSupported"] is False
        ask = aws.client("bedrock-runtime").converse
        turn = {"role": "user", "content": [{"text": "Hi"}]}
        code, message = refused(ask, modelId=job["importedModelArn"], messages=[turn])
        assert code == "ValidationException" and "supported text or chat model" in message


CUT = struct.pack("<Q", 500) + b"{}"
INTEGERS = json.dumps({"w": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}).encode()
WRONG_MODELS = {
    "adapter": ({"model.safetensors": None, "adapter_config.json": b"{}"}, "LoRA adapter"),
    "no-weights": ({"model.safetensors": None}, "lack a .safetensors file"),
    "no-tokenizer": ({"tokenizer.json": None}, "tokenizer.json or tokenizer.model"),
    "no-config": ({"config.json": None}, "lack config.json"),
    "config-not-json": ({"config.json": b"{"}, "cannot be read as JSON"),
    "architecture": ({"config.json": b'{"architectures": ["BertModel"]}'}, "BertModel"),
    "quantized": (
        {"config.json": b'{"architectures": ["LlamaForCausalLM"], "quantization_config": {}}'}, "quantized",
    ),
    "cut-off": ({"model.safetensors": CUT}, "cut off"),
    "integers": ({"model.safetensors": struct.pack("<Q", len(INTEGERS)) + INTEGERS + b"x" * 8}, "I64"),
    "too-short": ({"model.safetensors": struct.pack("<Q", len(INTEGERS)) + INTEGERS}, "its header asks for"),
    "shard": ({model_files.INDEX: b'{"weight_map": {"w": "model-2.safetensors"}}'}, "model-2.safetensors"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_MODELS)
def test_files_that_are_no_model_fail_the_import_with_the_reason(aws, name):
    files, words = WRONG_MODELS[name]
    job = aws.imported(aws.put_model(f"import/{name}", files=files))
    assert job["status"] == "Failed" and words in job["failureMessage"], job
    assert "importedModelArn" not in job
    assert not [
        path for path in aws.state.bedrock.models_folder.iterdir() if path.name.startswith("importing-")
    ]


def test_an_import_is_checked_before_it_starts(aws):
    def refusal(uri: str = "s3://learner/folder/", role: str = "", **changes) -> tuple[str, str]:
        return refused(
            aws.bedrock.create_model_import_job, jobName="no", importedModelName="no",
            roleArn=role or aws.import_role(), modelDataSource={"s3DataSource": {"s3Uri": uri}}, **changes,
        )  # fmt: skip

    assert "there are no objects" in refusal("s3://learner/nothing/")[1]
    assert "eu-west-1" in refusal("s3://abroad/model/")[1]
    assert refusal(role=aws.make_role("sm", trust("sagemaker.amazonaws.com")))[0] == "ValidationException"
    assert refusal(role=aws.role)[0] == "ValidationException", "a role for customization jobs imports"
    assert refusal(importedModelKmsKeyId="alias/k")[0] == "NotImplemented"


# --- model ids


def test_every_kind_of_model_id_finds_what_answers(aws):
    arn, nova = "arn:aws:bedrock:us-east-1", "amazon.nova-micro-v1:0"
    for model_id in (
        nova,
        f"{arn}::foundation-model/{nova}",
        f"us.{nova}",
        f"{arn}:{ACCOUNT}:inference-profile/us.{nova}",
    ):
        served = resolve(aws, model_id)
        assert (served.kind, served.folder.name, served.model_id) == ("base", "chat-1m", model_id)
    assert resolve(aws, "eu.amazon.nova-micro-v1:0", "eu-west-1").family == "nova"
    assert resolve(aws, "us.meta.llama3-3-70b-instruct-v1:0").family == "llama"


@pytest.mark.parametrize(
    ("model_id", "code"),
    [
        ("amazon.nova-micro", "ValidationException"),
        ("eu.amazon.nova-micro-v1:0", "ValidationException"),
        (NOVA, "ValidationException"),
        ("meta.llama3-3-70b-instruct-v1:0", "ValidationException"),
        ("arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-micro-v1:0", "ValidationException"),
        (f"{OWN}:custom-model-deployment/abcdefghijkl", "ResourceNotFoundException"),
        (f"{OWN}:provisioned-model/abcdefghijkl", "ResourceNotFoundException"),
        (f"{OWN}:imported-model/abcdefghijkl", "ResourceNotFoundException"),
        ("arn:aws:bedrock:us-east-1:999999999999:imported-model/abcdefghijkl", "ValidationException"),
        ("us.meta.llama3-2-1b-instruct-v1:0", "ResourceNotFoundException"),
        ("amazon.titan-text-lite-v1", "ResourceNotFoundException"),
    ],
)
def test_a_model_id_that_does_not_answer_has_awss_error(aws, model_id, code):
    assert unresolved(aws, model_id) == code


def test_an_application_profile_stands_for_its_model(aws):
    source = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0"
    make = aws.bedrock.create_inference_profile
    arn = make(inferenceProfileName="mine", modelSource={"copyFrom": source})["inferenceProfileArn"]
    assert resolve(aws, arn).arn == source
    assert (
        refused(make, inferenceProfileName="mine", modelSource={"copyFrom": source})[0] == "ConflictException"
    )
    aws.bedrock.delete_inference_profile(inferenceProfileIdentifier=arn)
    assert unresolved(aws, arn) == "ValidationException"
    code, _ = refused(
        aws.bedrock.delete_inference_profile, inferenceProfileIdentifier="us.amazon.nova-micro-v1:0"
    )
    assert code == "ValidationException"


# --- tags


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
