"""Models that are imported from S3: which files are taken, which fail the job and why."""

import json
import struct

import pytest
from bedrock_api import BedrockApi, resolve, trust, unresolved
from pocketaws.bedrock import model_files, served_models
from training_api import refused

STAND_IN = served_models.STAND_IN


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    served = BedrockApi(tmp_path_factory.mktemp("home"))
    yield served
    served.close()


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
