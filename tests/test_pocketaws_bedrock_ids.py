"""The table of foundation models, and which modelId finds what answers."""

import pytest
from bedrock_api import ACCOUNT, NOVA, BedrockApi, resolve, unresolved
from pocketaws.bedrock import foundation_models
from pocketaws.validation import broken
from training_api import refused

OWN = f"arn:aws:bedrock:us-east-1:{ACCOUNT}"


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    served = BedrockApi(tmp_path_factory.mktemp("home"))
    yield served
    served.close()


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
