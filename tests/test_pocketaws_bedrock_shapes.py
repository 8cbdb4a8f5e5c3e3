"""Every own operation of Bedrock's control plane, called by boto3: its answers fit botocore's model.

Each answer is looked at twice: as boto3 gives it, with required members, enums, patterns and lengths held
against the model; and as the operation gave it, before what the model does not know is dropped on the way.
"""

import pytest
from bedrock_api import NOVA, BedrockApi
from pocketaws import operations
from pocketaws.validation import broken

PUBLISHED = {"modelName", "inferenceProfileName"}  # AWS's own names of models are longer than its limit of 20


class Recorder:
    """Calls operations, and notes what each one's answers had."""

    def __init__(self, client, monkeypatch):
        self.client, self.members, self.given = client, {}, {}
        self.shapes = client.meta.service_model
        serialise = operations.serialise

        def keep(call, result):
            self.given[call.operation] = result
            return serialise(call, result)

        monkeypatch.setattr(operations, "serialise", keep)

    def __call__(self, name: str, **request) -> dict:
        """Call an operation and hold its answer against the model. Paths of its members are counted."""
        method = {value: key for key, value in self.client.meta.method_to_api_mapping.items()}[name]
        answer = getattr(self.client, method)(**request)
        metadata = answer.pop("ResponseMetadata")
        shape = self.shapes.operation_model(name).output_shape
        assert metadata["HTTPStatusCode"] == self.shapes.operation_model(name).http["responseCode"], name
        counted = self.members.setdefault(name, set())
        hold(answer, shape, name, counted)
        no_strangers(self.given[name] or {}, shape, name)
        return answer


def hold(value, shape, path: str, counted: set) -> None:
    """Assert that a parsed answer fits its shape: required members, types, enums, patterns, lengths."""
    counted.add(path)
    kind = shape.type_name
    if kind == "structure":
        lacking = set(shape.required_members) - set(value)
        assert not lacking, f"{path} lacks {lacking}"
        for name, member in value.items():
            hold(member, shape.members[name], f"{path}.{name}", counted)
    elif kind == "list":
        assert not broken(value, shape), f"{path} has {len(value)}: {broken(value, shape)}"
        for member in value:
            hold(member, shape.member, f"{path}[]", counted)
    elif kind == "map":
        assert all(isinstance(text, str) for pair in value.items() for text in pair), path
    elif kind == "timestamp":
        assert value.tzinfo is not None, path
    else:
        types = {"string": str, "integer": int, "boolean": bool, "float": (int, float)}
        assert isinstance(value, types[kind]), f"{path}: {value!r}"
        if path.rpartition(".")[2] not in PUBLISHED:
            assert not broken(value, shape), f"{path}: {value!r}: {broken(value, shape)}"


def no_strangers(value, shape, path: str) -> None:
    """Assert that what an operation gave has no member that its shape lacks."""
    if shape.type_name == "structure" and value is not None:
        assert set(value) <= set(shape.members), f"{path}: {set(value) - set(shape.members)} not in the model"
        for name, member in value.items():
            no_strangers(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for member in value:
            no_strangers(member, shape.member, f"{path}[]")


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    served = BedrockApi(tmp_path_factory.mktemp("home"))
    yield served
    served.close()


def call_everything(aws, call: Recorder) -> None:
    """Every own operation, on resources that have every member that one can have here."""
    models(call)
    job = jobs(aws, call)
    deployment = deployments(aws, call, job)
    throughput = throughputs(aws, call, job)
    imported = imports(aws, call)
    profile = profiles(call)
    tags(call, [job.arn, job.output_model_arn, deployment, throughput, imported, profile])
    call("DeleteCustomModelDeployment", customModelDeploymentIdentifier=deployment)
    call("DeleteProvisionedModelThroughput", provisionedModelId=throughput)
    call("DeleteCustomModel", modelIdentifier=job.output_model_arn)
    call("DeleteImportedModel", modelIdentifier=imported)
    call("DeleteInferenceProfile", inferenceProfileIdentifier=profile)


def models(call):
    for summary in call("ListFoundationModels")["modelSummaries"]:
        call("GetFoundationModel", modelIdentifier=summary["modelId"])
    call("GetFoundationModelAvailability", modelId=NOVA)


def jobs(aws, call):
    """Jobs in every status; the completed one is returned."""
    validators = [{"s3Uri": "s3://learner/val.jsonl"}]
    request = aws.request(
        validationDataConfig={"validators": validators}, customizationType="FINE_TUNING",
        hyperParameters={"epochCount": "1"}, jobTags=[{"key": "a", "value": "b"}],
    )  # fmt: skip
    call("CreateModelCustomizationJob", **request)
    running = aws.tuning.started[request["jobName"]][0]
    running.begin("validation")
    call("GetModelCustomizationJob", jobIdentifier=request["jobName"])
    call("StopModelCustomizationJob", jobIdentifier=running.arn)
    call("GetModelCustomizationJob", jobIdentifier=running.arn)
    running.stopped()
    failed = aws.create()
    failed.fail("line 3: x")
    done = aws.tuned(validationDataConfig={"validators": validators})
    for job in (running, failed, done):
        call("GetModelCustomizationJob", jobIdentifier=job.arn)
    call("ListModelCustomizationJobs")
    call("GetCustomModel", modelIdentifier=done.output_model_arn)
    call("ListCustomModels")
    return done


def deployments(aws, call, job) -> str:
    arn = aws.deployed(job, "shapes")
    call("CreateCustomModelDeployment", modelDeploymentName="other", modelArn=job.output_model_arn)
    call("UpdateCustomModelDeployment", customModelDeploymentIdentifier=arn, modelArn=job.output_model_arn)
    call("GetCustomModelDeployment", customModelDeploymentIdentifier=arn)
    call("ListCustomModelDeployments")
    call("DeleteCustomModelDeployment", customModelDeploymentIdentifier="other")
    aws.serving.why = "no memory"
    failed = aws.deployed(job, "failed")
    aws.serving.why = ""
    call("GetCustomModelDeployment", customModelDeploymentIdentifier=failed)
    call("DeleteCustomModelDeployment", customModelDeploymentIdentifier=failed)
    return arn


def throughputs(aws, call, job) -> str:
    made = call(
        "CreateProvisionedModelThroughput", provisionedModelName="pt", modelUnits=1,
        modelId=job.output_model_arn,
    )  # fmt: skip
    arn = made["provisionedModelArn"]
    while call("GetProvisionedModelThroughput", provisionedModelId=arn)["status"] == "Creating":
        pass
    call("UpdateProvisionedModelThroughput", provisionedModelId=arn, desiredProvisionedModelName="pt2")
    call("ListProvisionedModelThroughputs")
    return arn


def imports(aws, call) -> str:
    job = aws.imported(aws.put_model("whole"))
    failed = aws.imported("s3://learner/folder/")
    call("GetModelImportJob", jobIdentifier=job["jobName"])
    call("GetModelImportJob", jobIdentifier=failed["jobArn"])
    call("ListModelImportJobs")
    call(
        "CreateModelImportJob", jobName="again", importedModelName="again", roleArn=aws.import_role(),
        modelDataSource={"s3DataSource": {"s3Uri": "s3://learner/whole/"}},
    )  # fmt: skip
    call("GetImportedModel", modelIdentifier=job["importedModelArn"])
    call("ListImportedModels")
    return job["importedModelArn"]


def profiles(call) -> str:
    source = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-micro-v1:0"
    made = call(
        "CreateInferenceProfile", inferenceProfileName="team a", description="costs of a",
        modelSource={"copyFrom": source},
    )  # fmt: skip
    call("GetInferenceProfile", inferenceProfileIdentifier=made["inferenceProfileArn"])
    call("GetInferenceProfile", inferenceProfileIdentifier="us.amazon.nova-micro-v1:0")
    for kind in ("SYSTEM_DEFINED", "APPLICATION"):
        assert call("ListInferenceProfiles", typeEquals=kind)["inferenceProfileSummaries"]
    return made["inferenceProfileArn"]


def tags(call, arns: list[str]) -> None:
    for arn in arns:
        call(
            "TagResource",
            resourceARN=arn,
            tags=[{"key": "course", "value": "yes"}, {"key": "b", "value": ""}],
        )
        call("UntagResource", resourceARN=arn, tagKeys=["b"])
        shown = call("ListTagsForResource", resourceARN=arn)["tags"]
        assert {"key": "course", "value": "yes"} in shown and "b" not in {tag["key"] for tag in shown}


def test_every_answer_of_the_control_plane_fits_botocores_model(aws, capsys, monkeypatch):
    call = Recorder(aws.bedrock, monkeypatch)
    call_everything(aws, call)
    own = {name for service, name in operations.names() if service == "bedrock"}
    assert set(call.members) == own, own ^ set(call.members)
    count = sum(len(members) for members in call.members.values())
    with capsys.disabled():
        print(f"\nbedrock: {len(own)} operations, {count} members of their answers held against botocore")
    assert len(own) >= 33 and count >= 280


def test_the_walk_sees_a_member_that_is_missing_wrong_or_too_much(aws):
    shape = aws.bedrock.meta.service_model.operation_model("GetCustomModelDeployment").output_shape
    right = aws.bedrock.get_custom_model_deployment
    arn = aws.deployed(aws.tuned())
    answer = right(customModelDeploymentIdentifier=arn)
    answer.pop("ResponseMetadata")
    hold(answer, shape, "x", set())
    for wrong in (
        {"status": "Ready"},
        {"customModelDeploymentArn": arn + "A"},
        {"modelDeploymentName": "a" * 64},
    ):
        with pytest.raises(AssertionError):
            hold({**answer, **wrong}, shape, "x", set())
    with pytest.raises(AssertionError):
        hold({name: answer[name] for name in answer if name != "createdAt"}, shape, "x", set())
    with pytest.raises(AssertionError):
        no_strangers({"color": "blue"}, shape, "x")
