"""Models, endpoint configs and endpoints by raw boto3. The engine is a fake: the tests move endpoints."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError
from hosting_api import (
    DATA,
    IMAGE,
    INSTANCE_TYPE,
    config,
    config_request,
    container,
    endpoint,
    model,
    model_request,
    new_name,
    status,
    upload,
    variant,
)
from local_server import InProcess
from pocketaws import models
from training_api import refused, walk

ACCOUNT = "arn:aws:sagemaker:us-east-1:123456789012"
VPC = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}


@pytest.fixture(autouse=True, scope="module")
def archive(gateway):
    upload(gateway)


def fits(answer: dict, operation: str, at_least: int) -> None:
    """Hold an answer against botocore's output shape, required members included."""
    shape = models.service_model("sagemaker").operation_model(operation).output_shape
    answer = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    counted: list = []
    walk(answer, shape, "", counted)
    assert set(shape.required_members) <= set(answer)
    assert len(counted) >= at_least, f"only {len(counted)} members checked"


# models


def test_a_model_is_kept_and_described_with_the_defaults_of_aws(aws):
    request = model_request(aws, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": DATA})
    name = request["ModelName"]
    assert aws.sagemaker.create_model(**request)["ModelArn"] == f"{ACCOUNT}:model/{name}"
    described = aws.sagemaker.describe_model(ModelName=name)
    fits(described, "DescribeModel", 9)
    assert described["PrimaryContainer"] == {
        "Image": IMAGE, "ModelDataUrl": DATA, "Mode": "SingleModel", "Environment": {},
    }  # fmt: skip
    assert described["EnableNetworkIsolation"] is False
    assert abs(described["CreationTime"] - datetime.now(timezone.utc)) < timedelta(minutes=1)


def test_one_container_in_containers_is_the_same_as_a_primary_one(aws):
    name = model(aws, PrimaryContainer=None, Containers=[container()])
    described = aws.sagemaker.describe_model(ModelName=name)
    assert "PrimaryContainer" not in described and described["Containers"][0]["ModelDataUrl"] == DATA
    endpoint(aws, config(aws, ProductionVariants=[variant(name)]))
    assert aws.hosting.calls[-1][2].variants[0].container.model_data == DATA


def test_a_name_is_taken_whatever_its_case(aws):
    name = model(aws)
    code, message = refused(aws.sagemaker.create_model, **model_request(aws, ModelName=name.upper()))
    assert code == "ValidationException"
    assert message == f'Cannot create already existing model "{ACCOUNT}:model/{name}".'


@pytest.mark.parametrize("operation", ["describe_model", "delete_model"])
def test_a_model_that_is_not_there_is_the_validation_error_of_aws(aws, operation):
    answer = refused(getattr(aws.sagemaker, operation), ModelName="nothing")
    assert answer == ("ValidationException", f'Could not find model "{ACCOUNT}:model/nothing".')


def plain(uri="s3://learner/models/plain/", kind="S3Prefix", compression="None") -> dict:
    source = {"S3Uri": uri, "S3DataType": kind, "CompressionType": compression}
    return {"S3DataSource": source}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Image": "docker.io/library/mine:1"}, 'Using non-ECR image "docker.io/library/mine:1" without Vpc'),
        ({"Image": None}, "no Image"),
        ({"Image": IMAGE.replace("us-east-1", "eu-west-1")}, "it is in eu-west-1"),
        ({"ModelDataUrl": "s3://learner/models/none.tar.gz"},
         "Could not find model data at s3://learner/models/none.tar.gz."),
        ({"ModelDataUrl": "s3://learner/models/model.zip"}, ".tar.gz suffix"),
        ({"ModelDataUrl": "s3://abroad/model.tar.gz"}, "that the object is located in us-east-1."),
        ({"ModelDataUrl": "s3://nobodys/model.tar.gz"}, "Could not access model data at s3://nobodys/model"),
        ({"ModelPackageName": "mine"}, "Specify one of either Image and Model Data URL or ModelPackageName"),
        ({"ModelDataSource": plain()}, "not both"),
        ({"ModelDataUrl": None, "ModelDataSource": plain("s3://learner/models/plain")}, "forward slash"),
        ({"ModelDataUrl": None, "ModelDataSource": plain(compression="Gzip")}, "Invalid ModelDataSource"),
        ({"ModelDataUrl": None, "ModelDataSource": plain("s3://learner/other/")}, "Could not find model"),
        ({"Environment": {f"K{n}": "v" * 1000 for n in range(33)}}, "over 32768"),
    ],
)  # fmt: skip
def test_a_container_that_no_endpoint_could_run_is_refused(aws, changes, words):
    request = model_request(aws, PrimaryContainer=container(**changes))
    code, message = refused(aws.sagemaker.create_model, **request)
    assert code == "ValidationException" and words in message


def test_plain_files_and_https_addresses_reach_the_engine_as_s3_uris(aws):
    https = "https://learner.s3.us-east-1.amazonaws.com/models/model.tar.gz"
    for given, archive, prefix in (
        (container(ModelDataUrl=https), DATA, None),
        (container(ModelDataUrl=None, ModelDataSource=plain()), None, "s3://learner/models/plain/"),
        (container(ModelDataUrl=None, ModelDataSource=plain(DATA, "S3Object", "Gzip")), DATA, None),
        (container(ModelDataUrl=None), None, None),
    ):
        endpoint(aws, config(aws, ProductionVariants=[variant(model(aws, PrimaryContainer=given))]))
        spec = aws.hosting.calls[-1][2].variants[0].container
        assert (spec.model_data, spec.model_prefix) == (archive, prefix)
        assert spec.environment == {"HF_TASK": "text-generation"}


def test_a_role_that_sagemaker_cannot_assume_is_refused(aws):
    arn = "arn:aws:iam::123456789012:role/nobody"
    code, message = refused(aws.sagemaker.create_model, **model_request(aws, ExecutionRoleArn=arn))
    assert code == "ValidationException"
    assert message == (
        f'The execution role ARN "{arn}" is invalid. Please ensure that the role exists and that its trust '
        'relationship policy allows the action "sts:AssumeRole" for the service principal '
        '"sagemaker.amazonaws.com".'
    )
    other = arn.replace("123456789012", "210987654321")
    for given, words in ((other, "Cross-account pass role is not allowed."), (None, "is required")):
        request = model_request(aws, ExecutionRoleArn=given)
        assert words in refused(aws.sagemaker.create_model, **request)[1]


def test_a_model_has_its_container_once(aws):
    for changes in ({"Containers": [container()]}, {"PrimaryContainer": None}):
        code, message = refused(aws.sagemaker.create_model, **model_request(aws, **changes))
        assert (code, message) == (
            "ValidationException",
            "Specify one of either PrimaryContainer or Containers.",
        )


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"VpcConfig": VPC}, "VpcConfig"),
        ({"EnableNetworkIsolation": True}, "EnableNetworkIsolation"),
        ({"PrimaryContainer": None, "Containers": [container()] * 2}, "2 Containers"),
        ({"InferenceExecutionConfig": {"Mode": "Direct"}}, "Mode Direct"),
        ({"PrimaryContainer": container(Mode="MultiModel")}, "Mode MultiModel"),
        ({"PrimaryContainer": container(ImageConfig={"RepositoryAccessMode": "Vpc"})}, "AccessMode Vpc"),
        ({"PrimaryContainer": container(MultiModelConfig={"ModelCacheSetting": "Enabled"})}, "MultiModel"),
        ({"PrimaryContainer": container(ModelDataUrl=None, ModelDataSource=plain(DATA, "S3Object"))},
         "one uncompressed S3Object"),
    ],
)  # fmt: skip
def test_what_no_model_here_can_do_is_refused_by_name(aws, changes, named):
    code, message = refused(aws.sagemaker.create_model, **model_request(aws, **changes))
    assert code == "NotImplemented" and "CreateModel with" in message and named in message


def test_a_deleted_model_leaves_its_endpoint_alone_but_makes_no_new_one(aws):
    name = model(aws)
    config_name = config(aws, ProductionVariants=[variant(name)])
    running = endpoint(aws, config_name)
    aws.sagemaker.delete_model(ModelName=name)
    assert status(aws, running) == "InService"
    code, message = refused(
        aws.sagemaker.create_endpoint, EndpointName="another", EndpointConfigName=config_name
    )
    assert message == f'Could not find model "{ACCOUNT}:model/{name}".'


# endpoint configs


def test_a_config_is_described_with_the_defaults_of_aws(aws):
    name = model(aws)
    request = config_request(aws, ProductionVariants=[variant(name, VolumeSizeInGB=64)])
    aws.sagemaker.create_endpoint_config(**request)
    described = aws.sagemaker.describe_endpoint_config(EndpointConfigName=request["EndpointConfigName"])
    fits(described, "DescribeEndpointConfig", 11)
    assert described["ProductionVariants"] == [
        {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": INSTANCE_TYPE, "VolumeSizeInGB": 64,
         "InitialInstanceCount": 1, "InitialVariantWeight": 1.0}
    ]  # fmt: skip
    assert described["EndpointConfigArn"] == f"{ACCOUNT}:endpoint-config/{request['EndpointConfigName']}"
    code, message = refused(aws.sagemaker.create_endpoint_config, **request)
    assert (code, message) == (
        "ValidationException",
        f'Cannot create already existing endpoint configuration "{described["EndpointConfigArn"]}".',
    )


@pytest.mark.parametrize("operation", ["describe_endpoint_config", "delete_endpoint_config"])
def test_a_config_that_is_not_there_is_the_validation_error_of_aws(aws, operation):
    answer = refused(getattr(aws.sagemaker, operation), EndpointConfigName="nothing")
    wanted = f'Could not find endpoint configuration "{ACCOUNT}:endpoint-config/nothing".'
    assert answer == ("ValidationException", wanted)


@pytest.mark.parametrize(
    ("variants", "words"),
    [
        ([{"ModelName": "nothing"}], f'Could not find model "{ACCOUNT}:model/nothing".'),
        ([{}, {}], "Duplicate variant name 'AllTraffic'"),
        ([{"InstanceType": None}], "no InstanceType"),
        ([{"InitialInstanceCount": None}], "no InitialInstanceCount"),
        ([{"InitialVariantWeight": 0}], "more than 0"),
        ([{"InitialInstanceCount": 0}], "Member must have value greater than or equal to 1"),
        ([{"InstanceType": "ml.g5.huge"}], "at 'productionVariants.1.member.instanceType' failed to satisfy"),
        ([{"InitialVariantWeight": -1}], "Member must have value greater than or equal to 0"),
    ],
)  # fmt: skip
def test_variants_that_cannot_be_are_refused(aws, variants, words):
    unchecked = aws.client("sagemaker", parameter_validation=False)
    name = model(aws)
    request = config_request(aws, ProductionVariants=[variant(name, **changes) for changes in variants])
    code, message = refused(unchecked.create_endpoint_config, **request)
    assert code == "ValidationException" and words in message


CAPTURE = {"InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://learner/capture",
           "CaptureOptions": [{"CaptureMode": "Input"}]}  # fmt: skip
TOPIC = "arn:aws:sns:us-east-1:123456789012:topic"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1}}, "ServerlessConfig"),
        ({"ModelName": None}, "no ModelName (inference components)"),
        ({"RoutingConfig": {"RoutingStrategy": "RANDOM"}}, "RoutingStrategy RANDOM"),
        ({"EnableSSMAccess": True}, "EnableSSMAccess"),
        ({"ManagedInstanceScaling": {"Status": "ENABLED"}}, "ManagedInstanceScaling"),
        ({"CoreDumpConfig": {"DestinationS3Uri": "s3://learner/core"}}, "CoreDumpConfig"),
    ],
)
def test_what_no_variant_here_can_do_is_refused_by_name(aws, changes, named):
    request = config_request(aws, ProductionVariants=[variant(model(aws), **changes)])
    code, message = refused(aws.sagemaker.create_endpoint_config, **request)
    assert code == "NotImplemented" and f"variant AllTraffic with {named}" in message


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"DataCaptureConfig": CAPTURE}, "DataCaptureConfig"),
        ({"VpcConfig": VPC}, "VpcConfig"),
        ({"EnableNetworkIsolation": True}, "EnableNetworkIsolation"),
        ({"KmsKeyId": "alias/mine"}, "KmsKeyId"),
        ({"MetricsConfig": {"EnableEnhancedMetrics": True}}, "MetricsConfig"),
        ({"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://learner/out",
                                                    "NotificationConfig": {"SuccessTopic": TOPIC}}}},
         "AsyncInferenceConfig.OutputConfig.NotificationConfig"),
        ({"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "https://learner.s3.amazonaws.com/out"}}},
         "AsyncInferenceConfig.OutputConfig.S3OutputPath https://"),
    ],
)  # fmt: skip
def test_what_no_config_here_can_do_is_refused_by_name(aws, changes, named):
    code, message = refused(aws.sagemaker.create_endpoint_config, **config_request(aws, **changes))
    assert code == "NotImplemented" and f"CreateEndpointConfig with {named}" in message


def test_shadow_variants_are_refused_by_name(aws):
    name = model(aws)
    request = config_request(
        aws,
        ProductionVariants=[variant(name)],
        ShadowProductionVariants=[variant(name, "shadow")],
        DataCaptureConfig={**CAPTURE, "EnableCapture": False},
    )
    code, message = refused(aws.sagemaker.create_endpoint_config, **request)
    assert code == "NotImplemented" and message.count("ShadowProductionVariants") == 1
    assert "DataCaptureConfig" not in message


# endpoints


def two_variants(aws, **second) -> str:
    return config(aws, ProductionVariants=[variant(model(aws), "a"), variant(model(aws), "b", **second)])


def test_an_endpoint_is_created_from_what_its_config_says(aws):
    asynchronous = {"OutputConfig": {"S3OutputPath": "s3://learner/out"}}
    timeouts = {"ModelDataDownloadTimeoutInSeconds": 120, "ContainerStartupHealthCheckTimeoutInSeconds": 90}
    one = variant(model(aws), "a", InitialVariantWeight=3, InitialInstanceCount=2, **timeouts)
    config_name = config(aws, ProductionVariants=[one], AsyncInferenceConfig=asynchronous)
    name = new_name("endpoint")
    answer = aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config_name)
    assert answer["EndpointArn"] == f"{ACCOUNT}:endpoint/{name}"
    method, _, spec = aws.hosting.calls[-1]
    assert (method, spec.config_name, spec.async_config) == ("create", config_name, asynchronous)
    (only,) = spec.variants
    assert (only.name, only.weight, only.instance_count, only.instance_type) == ("a", 3, 2, INSTANCE_TYPE)
    assert (only.download_timeout_s, only.startup_timeout_s) == (120, 90)
    assert (only.container.image, only.container.model_data) == (IMAGE, DATA)

    creating = aws.sagemaker.describe_endpoint(EndpointName=name)
    fits(creating, "DescribeEndpoint", 20)
    assert creating["EndpointStatus"] == "Creating" and "ProductionVariants" not in creating
    pending = creating["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == config_name
    assert pending["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Creating"
    assert pending["ProductionVariants"][0]["CurrentInstanceCount"] == 0

    aws.hosting.settle()
    described = aws.sagemaker.describe_endpoint(EndpointName=name)
    fits(described, "DescribeEndpoint", 20)
    assert described["EndpointStatus"] == "InService" and "PendingDeploymentSummary" not in described
    (shown,) = described["ProductionVariants"]
    images = shown.pop("DeployedImages")
    assert images[0]["SpecifiedImage"] == IMAGE
    assert shown == {
        "VariantName": "a", "CurrentWeight": 3.0, "DesiredWeight": 3.0, "CurrentInstanceCount": 2,
        "DesiredInstanceCount": 2,
    }  # fmt: skip
    assert described["AsyncInferenceConfig"] == asynchronous
    assert "FailureReason" not in described


def test_a_failed_endpoint_says_why_and_can_only_be_deleted(aws):
    config_name = config(aws)
    aws.sagemaker.create_endpoint(EndpointName="broken", EndpointConfigName=config_name)
    _, broken, _ = aws.hosting.calls[-1]
    broken.move("Failed", "x" * 2000)
    described = aws.sagemaker.describe_endpoint(EndpointName="broken")
    fits(described, "DescribeEndpoint", 15)
    assert described["EndpointStatus"] == "Failed" and described["FailureReason"] == "x" * 1024
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 0
    assert "PendingDeploymentSummary" not in described
    code, message = refused(
        aws.sagemaker.update_endpoint, EndpointName="broken", EndpointConfigName=config(aws)
    )
    assert code == "ValidationException" and "DeleteEndpoint is the only operation" in message
    aws.sagemaker.delete_endpoint(EndpointName="broken")
    aws.hosting.settle()
    assert refused(aws.sagemaker.describe_endpoint, EndpointName="broken")[0] == "ValidationException"


def test_names_and_configs_of_a_new_endpoint_are_checked_in_the_words_of_aws(aws):
    name = endpoint(aws)
    create = aws.sagemaker.create_endpoint
    assert refused(create, EndpointName=name.upper(), EndpointConfigName=config(aws)) == (
        "ValidationException",
        f'Cannot create already existing endpoint "{ACCOUNT}:endpoint/{name}".',
    )
    assert refused(create, EndpointName="x", EndpointConfigName="nothing") == (
        "ValidationException",
        f'Could not find endpoint configuration "{ACCOUNT}:endpoint-config/nothing".',
    )


@pytest.mark.parametrize("moving", ["Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting"])
def test_an_endpoint_in_progress_is_neither_updated_nor_deleted(aws, moving):
    name, other = endpoint(aws), config(aws)
    aws.state.endpoints.find(name, "us-east-1", aws.state.account).status = moving
    before = len(aws.hosting.calls)
    weights = [{"VariantName": "AllTraffic", "DesiredWeight": 2}]
    for call, arguments in (
        (aws.sagemaker.update_endpoint, {"EndpointConfigName": other}),
        (aws.sagemaker.update_endpoint_weights_and_capacities, {"DesiredWeightsAndCapacities": weights}),
        (aws.sagemaker.delete_endpoint, {}),
    ):
        assert refused(call, EndpointName=name, **arguments) == (
            "ValidationException",
            f'Cannot update in-progress endpoint "{ACCOUNT}:endpoint/{name}".',
        )
    assert len(aws.hosting.calls) == before


def test_an_endpoint_that_is_not_there_is_the_validation_error_of_aws(aws):
    wanted = ("ValidationException", f'Could not find endpoint "{ACCOUNT}:endpoint/nothing".')
    weights = [{"VariantName": "AllTraffic", "DesiredWeight": 2}]
    assert refused(aws.sagemaker.describe_endpoint, EndpointName="nothing") == wanted
    assert refused(aws.sagemaker.delete_endpoint, EndpointName="nothing") == wanted
    update = aws.sagemaker.update_endpoint
    assert refused(update, EndpointName="nothing", EndpointConfigName=config(aws)) == wanted
    update = aws.sagemaker.update_endpoint_weights_and_capacities
    assert refused(update, EndpointName="nothing", DesiredWeightsAndCapacities=weights) == wanted


def test_an_update_shows_both_fleets_and_then_the_new_one(aws):
    name = endpoint(aws)
    old = aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    new = two_variants(aws)
    aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    updating = aws.sagemaker.describe_endpoint(EndpointName=name)
    fits(updating, "DescribeEndpoint", 35)
    assert (updating["EndpointStatus"], updating["EndpointConfigName"]) == ("Updating", old)
    assert [each["VariantName"] for each in updating["ProductionVariants"]] == ["AllTraffic"]
    pending = updating["PendingDeploymentSummary"]
    assert [each["VariantName"] for each in pending["ProductionVariants"]] == ["a", "b"]
    aws.hosting.settle()
    done = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert (done["EndpointStatus"], done["EndpointConfigName"]) == ("InService", new)
    assert [each["VariantName"] for each in done["ProductionVariants"]] == ["a", "b"]
    assert "PendingDeploymentSummary" not in done and done["LastModifiedTime"] > done["CreationTime"]
    assert refused(aws.sagemaker.update_endpoint, EndpointName=name, EndpointConfigName=new) == (
        "ValidationException",
        "Cannot update endpoint with the currently in use endpoint configuration.",
    )


def test_an_update_that_fails_leaves_the_old_config_and_the_reason(aws):
    name, new = endpoint(aws), config(aws)
    old = aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    _, moved, _ = aws.hosting.calls[-1]
    moved.move("RollingBack")
    rolling = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert rolling["EndpointStatus"] == "RollingBack"
    assert rolling["PendingDeploymentSummary"]["EndpointConfigName"] == new
    moved.move("InService", "The container did not pass the ping health check.")
    back = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert (back["EndpointStatus"], back["EndpointConfigName"]) == ("InService", old)
    assert back["FailureReason"].startswith("The container") and "PendingDeploymentSummary" not in back
    aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    aws.hosting.settle()
    assert "FailureReason" not in aws.sagemaker.describe_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("retain", "left_out", "weight", "count"),
    [
        (False, [], 1.0, 1),
        (True, [], 5.0, 3),
        (True, ["DesiredWeight"], 1.0, 3),
        (True, ["DesiredInstanceCount"], 5.0, 1),
        (True, ["DesiredInstanceCount", "DesiredWeight", "DataCaptureConfig"], 1.0, 1),
    ],
)
def test_variant_properties_are_retained_when_asked(aws, retain, left_out, weight, count):
    name = endpoint(aws, two_variants(aws))
    aws.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "a", "DesiredWeight": 5, "DesiredInstanceCount": 3}],
    )
    aws.hosting.settle()
    new = config(aws, ProductionVariants=[variant(model(aws), "a"), variant(model(aws), "new")])
    aws.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=new,
        RetainAllVariantProperties=retain,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": each} for each in left_out],
    )
    _, _, spec = aws.hosting.calls[-1]
    assert (spec.variant("a").weight, spec.variant("a").instance_count) == (weight, count)
    assert (spec.variant("new").weight, spec.variant("new").instance_count) == (1.0, 1)


def blue_green(kind="ALL_AT_ONCE", wait_s=0, **more) -> dict:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait_s}
    if kind == "CANARY":
        routing["CanarySize"] = {"Type": "CAPACITY_PERCENT", "Value": 10}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, **more}}


def test_the_deployment_that_happens_here_is_taken_shown_and_reused(aws):
    name = endpoint(aws)
    update = aws.sagemaker.update_endpoint
    for arguments, shown in (
        ({"DeploymentConfig": blue_green()}, blue_green()),
        ({"RetainDeploymentConfig": True}, blue_green()),
        ({}, None),
    ):
        update(EndpointName=name, EndpointConfigName=config(aws), **arguments)
        aws.hosting.settle()
        described = aws.sagemaker.describe_endpoint(EndpointName=name)
        assert described.get("LastDeploymentConfig") == shown


@pytest.mark.parametrize(
    ("deployment", "named"),
    [
        (blue_green("CANARY"), "Type CANARY"),
        (blue_green(wait_s=60), "WaitIntervalInSeconds 60"),
        (blue_green(TerminationWaitInSeconds=60), "TerminationWaitInSeconds 60"),
        ({**blue_green(), "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}}, "Alarms"),
        ({"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
                                  "WaitIntervalInSeconds": 0}}, "RollingUpdatePolicy"),
    ],
)  # fmt: skip
def test_other_deployments_are_refused_by_name(aws, deployment, named):
    name = endpoint(aws)
    code, message = refused(
        aws.sagemaker.update_endpoint,
        EndpointName=name,
        EndpointConfigName=config(aws),
        DeploymentConfig=deployment,
    )
    assert code == "NotImplemented" and named in message and status(aws, name) == "InService"


def test_weights_and_counts_are_desired_first_and_then_current(aws):
    name = endpoint(aws, two_variants(aws, InitialVariantWeight=3))
    aws.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "a", "DesiredWeight": 7},
            {"VariantName": "b", "DesiredInstanceCount": 2},
        ],
    )
    asked = {"a": {"weight": 7, "count": None}, "b": {"weight": None, "count": 2}}
    assert aws.hosting.calls[-1][0] == "update_weights" and aws.hosting.calls[-1][2] == asked

    def shown() -> list:
        described = aws.sagemaker.describe_endpoint(EndpointName=name)
        members = ("CurrentWeight", "DesiredWeight", "CurrentInstanceCount", "DesiredInstanceCount")
        variants = [tuple(each[member] for member in members) for each in described["ProductionVariants"]]
        return [described["EndpointStatus"], *variants]

    assert shown() == ["Updating", (1, 7, 1, 1), (3, 3, 1, 2)]
    aws.hosting.settle()
    assert shown() == ["InService", (7, 7, 1, 1), (3, 3, 2, 2)]


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ([{"VariantName": "c", "DesiredWeight": 1}], "ValidationException", 'Could not find variant "c"'),
        ([{"VariantName": "a", "DesiredWeight": 1}] * 2, "ValidationException", "Duplicate variant name 'a'"),
        ([{"VariantName": "a"}], "ValidationException", "Neither DesiredWeight nor DesiredInstanceCount"),
        ([{"VariantName": n, "DesiredWeight": 0} for n in "ab"], "ValidationException", "more than 0"),
        ([{"VariantName": "a", "DesiredInstanceCount": 0}], "NotImplemented", "DesiredInstanceCount 0"),
        ([{"VariantName": "a", "ServerlessUpdateConfig": {"MaxConcurrency": 2}}], "NotImplemented",
         "ServerlessUpdateConfig"),
    ],
)  # fmt: skip
def test_weights_that_cannot_be_are_refused(aws, asked, code, words):
    name = endpoint(aws, two_variants(aws))
    call = aws.sagemaker.update_endpoint_weights_and_capacities
    seen, message = refused(call, EndpointName=name, DesiredWeightsAndCapacities=asked)
    assert seen == code and words in message and status(aws, name) == "InService"


def test_a_deleted_endpoint_shows_deleting_until_it_has_ended_and_then_is_gone(aws):
    name = endpoint(aws)
    aws.sagemaker.delete_endpoint(EndpointName=name)
    assert status(aws, name) == "Deleting"
    aws.state.endpoints.find(name, "us-east-1", aws.state.account).move("InService")
    assert status(aws, name) == "Deleting", "an engine thread that is late brings nothing back"
    aws.hosting.settle()
    assert refused(aws.sagemaker.describe_endpoint, EndpointName=name) == (
        "ValidationException",
        f'Could not find endpoint "{ACCOUNT}:endpoint/{name}".',
    )
    aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config(aws))


def test_a_config_in_use_may_be_deleted_and_its_endpoint_goes_on(aws):
    config_name = config(aws)
    name = endpoint(aws, config_name)
    aws.sagemaker.delete_endpoint_config(EndpointConfigName=config_name)
    assert status(aws, name) == "InService"
    assert (
        refused(aws.sagemaker.describe_endpoint_config, EndpointConfigName=config_name)[0]
        == "ValidationException"
    )


def at_once(count: int, call) -> list[str]:
    """Call with 0 … count - 1 from as many threads; "" or the error's code of each."""

    def ask(number: int) -> str:
        try:
            call(number)
        except ClientError as err:
            return err.response["Error"]["Code"]
        return ""

    with ThreadPoolExecutor(count) as pool:
        return sorted(pool.map(ask, range(count)))


def test_of_requests_at_once_one_is_taken(aws):
    first, name = config(aws), new_name("endpoint")
    others = [config(aws) for _ in range(6)]
    create, update = aws.sagemaker.create_endpoint, aws.sagemaker.update_endpoint
    refusals = ["ValidationException"] * 5
    for call in (
        lambda number: create(EndpointName=name, EndpointConfigName=first),
        lambda number: update(EndpointName=name, EndpointConfigName=others[number]),
        lambda number: aws.sagemaker.delete_endpoint(EndpointName=name),
    ):
        before = len(aws.hosting.calls)
        assert at_once(6, call) == ["", *refusals]
        assert len(aws.hosting.calls) == before + 1
        aws.hosting.settle()
    assert aws.hosting.calls[-2][2].config_name in others


def test_the_waiters_of_boto3_know_every_answer(aws):
    name = endpoint(aws)
    once = {"Delay": 0, "MaxAttempts": 1}
    aws.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=once)
    aws.sagemaker.delete_endpoint(EndpointName=name)
    aws.hosting.settle()
    aws.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig=once)


# quotas


def test_a_hosting_quota_set_for_this_home_is_kept_in_the_words_of_aws(aws):
    quotas = aws.state.home / "quotas.json"
    quota = f"{INSTANCE_TYPE} for endpoint usage"
    quotas.write_text(json.dumps({quota: 2}))
    weights = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
    try:
        first, second = endpoint(aws), endpoint(aws)
        for call, arguments in (
            (aws.sagemaker.create_endpoint, {"EndpointName": "more", "EndpointConfigName": config(aws)}),
            (aws.sagemaker.update_endpoint, {"EndpointName": first, "EndpointConfigName": config(aws)}),
            (aws.sagemaker.update_endpoint_weights_and_capacities,
             {"EndpointName": first, "DesiredWeightsAndCapacities": weights}),
        ):  # fmt: skip
            code, message = refused(call, **arguments)
            assert code == "ResourceLimitExceeded"
            assert message.startswith(
                f"The account-level service limit '{quota}' is 2 Instances, with current utilization of 2 "
                "Instances and a request delta of 1 Instances."
            )
        assert (status(aws, first), status(aws, second)) == ("InService", "InService")
        aws.sagemaker.delete_endpoint(EndpointName=second)
        aws.hosting.settle()
        endpoint(aws)
        quotas.write_text(json.dumps({"Number of instances across active endpoints": 2}))
        code, message = refused(
            aws.sagemaker.create_endpoint, EndpointName="more", EndpointConfigName=config(aws)
        )
        assert code == "ResourceLimitExceeded" and "across active endpoints' is 2" in message
    finally:
        quotas.unlink()


# lists, tags, search


def test_lists_have_filters_and_pages_newest_first(aws):
    marks = [new_name("page") for _ in range(5)]
    for mark in marks:
        name = model(aws, ModelName=f"{mark}-zz")
        config_name = config(
            aws,
            EndpointConfigName=f"{mark}-zz",
            ProductionVariants=[variant(name, InstanceType="ml.c5.large")],
        )
        aws.sagemaker.create_endpoint(EndpointName=f"{mark}-zz", EndpointConfigName=config_name)
    aws.hosting.settle()
    for operation, member, name in (
        ("list_models", "Models", "ModelName"),
        ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
        ("list_endpoints", "Endpoints", "EndpointName"),
    ):
        call, wanted = getattr(aws.sagemaker, operation), [f"{mark}-zz" for mark in reversed(marks)]
        pages = aws.sagemaker.get_paginator(operation).paginate(
            NameContains="-ZZ", PaginationConfig={"PageSize": 2}
        )
        assert [each[name] for page in pages for each in page[member]] == wanted
        by_name = call(NameContains="-zz", SortBy="Name", SortOrder="Ascending")
        assert [each[name] for each in by_name[member]] == sorted(wanted)
        fits(by_name, "".join(part.capitalize() for part in operation.split("_")), 16)
        past = datetime.now(timezone.utc) - timedelta(hours=1)
        assert len(call(NameContains="-zz", CreationTimeAfter=past)[member]) == 5
        assert call(NameContains="-zz", CreationTimeBefore=past)[member] == []
    listed = aws.sagemaker.list_endpoints(NameContains="-zz", StatusEquals="InService")["Endpoints"]
    assert [each["EndpointName"] for each in listed] == [f"{marks[-1]}-zz"]


def test_models_configs_and_endpoints_carry_tags(aws):
    tags = [{"Key": "project", "Value": "course"}]
    name = model(aws, Tags=tags)
    config_name = config(aws, ProductionVariants=[variant(name)], Tags=tags)
    arns = [
        f"{ACCOUNT}:model/{name}",
        f"{ACCOUNT}:endpoint-config/{config_name}",
        f"{ACCOUNT}:endpoint/{endpoint(aws, config_name, Tags=tags)}",
    ]
    for arn in arns:
        assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
        aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "expires", "Value": "2026"}])
        aws.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["project"])
        assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "expires", "Value": "2026"}]
    code, message = refused(aws.sagemaker.list_tags, ResourceArn=f"{ACCOUNT}:endpoint/nothing")
    assert (code, message) == ("ValidationException", "Requested resource not found.")
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    for call, arguments in (
        (aws.sagemaker.create_model, model_request(aws, Tags=twice)),
        (aws.sagemaker.create_endpoint_config, config_request(aws, Tags=twice)),
        (aws.sagemaker.create_endpoint,
         {"EndpointName": "x", "EndpointConfigName": config_name, "Tags": [{"Key": "AWS:x", "Value": "1"}]}),
    ):  # fmt: skip
        assert refused(call, **arguments)[0] == "ValidationException"


def test_endpoints_are_found_by_tag_and_by_status(aws):
    tags = [{"Key": "lesson", "Value": new_name("lesson")}]
    name = endpoint(aws, Tags=tags)
    filters = [{"Name": "Tags.lesson", "Operator": "Equals", "Value": tags[0]["Value"]},
               {"Name": "EndpointStatus", "Operator": "Equals", "Value": "InService"}]  # fmt: skip
    found = aws.sagemaker.search(Resource="Endpoint", SearchExpression={"Filters": filters})
    fits(found, "Search", 20)
    (record,) = [each["Endpoint"] for each in found["Results"]]
    assert (record["EndpointName"], record["Tags"]) == (name, tags)
    wrong = {"Filters": [{"Name": "ModelName", "Value": "a"}]}
    code, message = refused(aws.sagemaker.search, Resource="Endpoint", SearchExpression=wrong)
    assert code == "ValidationException" and "property of Endpoint" in message


def test_another_region_has_its_own_resources(aws):
    name = model(aws)
    elsewhere = aws.client("sagemaker", "eu-west-1")
    assert elsewhere.list_models()["Models"] == []
    assert "eu-west-1" in refused(elsewhere.describe_model, ModelName=name)[1]


def test_a_server_that_shuts_down_takes_no_endpoint(aws, tmp_path):
    closing = InProcess(tmp_path)
    try:
        name = model(aws)
        closing.state.models, closing.state.endpoint_configs = aws.state.models, aws.state.endpoint_configs
        config_name = config(aws, ProductionVariants=[variant(name)])
        closing.state.close(1)
        assert closing.hosting.closed
        call = closing.client("sagemaker").create_endpoint
        assert refused(call, EndpointName="late", EndpointConfigName=config_name)[0] == "ServiceUnavailable"
        assert closing.client("sagemaker").list_endpoints()["Endpoints"] == []
    finally:
        closing.close()
