"""The requests of an endpoint, its images and its scaling: plain dicts that AWS's own model accepts."""

import dataclasses
from datetime import datetime, timedelta, timezone

import botocore.session
import pytest
from botocore.validate import ParamValidator
from tuneaws import config, registry
from tuneaws.endpoints import autoscaling, llm_images, models, requests
from tuneaws.endpoints.use import EndpointError

ROLE = "arn:aws:iam::123456789012:role/tuneaws-sagemaker"
TAGS = [{"Key": "course", "Value": "tuneaws"}]
CONTAINER = {"Image": "763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:x-cu130-y",
             "Environment": {"A": "b"}, "ModelDataUrl": "s3://b/model.tar.gz"}


def valid(service: str, operation: str, request: dict) -> dict:
    """The request, after botocore has checked it as it checks each one that it sends."""
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    report = ParamValidator().validate(request, model.input_shape)
    assert not report.has_errors(), report.generate_report()
    return request


def variant(name="tuned", **more):
    return requests.variant(name, CONTAINER, "ml.g5.xlarge", **more)


# --- names and requests


def test_the_three_requests_are_what_aws_takes_and_fit_together():
    one = variant(weight=3)
    model = valid("sagemaker", "CreateModel", requests.model_request("e", one, ROLE, TAGS))
    made = valid("sagemaker", "CreateEndpointConfig",
                 requests.config_request("e", [one], ROLE, TAGS))
    expires = datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=1)))
    endpoint = valid("sagemaker", "CreateEndpoint", requests.endpoint_request(
        "e", made["EndpointConfigName"], TAGS, expires))
    assert made["ProductionVariants"][0]["ModelName"] == model["ModelName"]
    assert made["ProductionVariants"][0]["InitialVariantWeight"] == 3
    assert model["PrimaryContainer"] == CONTAINER and model["ExecutionRoleArn"] == ROLE
    assert endpoint["Tags"] == [*TAGS, {"Key": "expires", "Value": "2026-11-22T11:00:00Z"}]
    assert requests.read_expires({"expires": "2026-11-22T11:00:00Z"}) == expires


def test_the_same_contents_have_the_same_names_and_others_have_others():
    def names(one, role=ROLE):
        return (requests.model_request("e", one, role, TAGS)["ModelName"],
                requests.config_request("e", [one], role, TAGS)["EndpointConfigName"])

    first = names(variant())
    assert names(variant()) == first
    other = {**CONTAINER, "Environment": {"A": "c"}}
    assert not set(names(dataclasses.replace(variant(), container=other))) & set(first)
    assert not set(names(variant(), ROLE + "2")) & set(first)
    weighted = names(variant(weight=2))
    assert weighted[0] == first[0] and weighted[1] != first[1]  # the same model, another share of it
    assert all(requests.belongs_to(name, "e") for name in (*first, *weighted))
    assert not requests.belongs_to("e-v2-0123abcd", "e")


def test_a_version_of_the_registry_is_deployed_by_its_arn_alone():
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/g/1"
    one = requests.variant("v", models.of_package(arn), "ml.g5.xlarge")
    request = valid("sagemaker", "CreateModel", requests.model_request("e", one, ROLE, TAGS))
    assert request["Containers"] == [{"ModelPackageName": arn}] and "PrimaryContainer" not in request


@pytest.mark.parametrize("name", ["", "-a", "a_b", "a" * 55])
def test_a_name_that_leaves_no_room_for_the_names_made_from_it_is_refused(name):
    with pytest.raises(ValueError, match="at most 54 characters"):
        requests.check_name(name)
    requests.check_name("a" * 54)
    assert len(requests.model_request("a" * 54, variant(), ROLE, TAGS)["ModelName"]) == 63


@pytest.mark.parametrize("tags", [{}, {"expires": "soon"}, {"expires": "2026-11-22"}])
def test_a_tag_that_is_no_time_is_no_time_to_live(tags):
    assert requests.read_expires(tags) is None


# --- images


def test_the_accounts_of_aws_images_are_those_of_the_sdks_own_table():
    from sagemaker.core import image_uris

    table = image_uris.config_for_framework("huggingface")["inference"]["versions"]["4.51.3"]
    accounts = table["pytorch2.6.0"]["registries"]
    mine = [*llm_images.OTHER_ACCOUNTS, *llm_images.SAME_ACCOUNT]
    assert len(mine) == 29
    assert {region: llm_images.registry(region).partition(".")[0] for region in mine} == {
        region: accounts[region] for region in mine}
    with pytest.raises(llm_images.ImageError, match="mars-1 is not known"):
        llm_images.registry("mars-1")


@pytest.mark.parametrize("instance_type, transformers", [
    ("ml.g5.xlarge", "5.5.3"), ("ml.m5.xlarge", "4.51.3")])
def test_the_hugging_face_image_is_the_one_that_the_sdk_would_take(instance_type, transformers):
    from sagemaker.core import image_uris

    sdk = image_uris.retrieve("huggingface", "eu-west-1", transformers, "py312", instance_type,
                              image_scope="inference", base_framework_version="pytorch2.6.0")
    assert llm_images.huggingface_uri("eu-west-1", instance_type, transformers, "2.6.0", "py312") == sdk


def test_the_vllm_image_is_the_one_in_the_sdks_table():
    from sagemaker.core import image_uris

    newest = image_uris.config_for_framework("vllm")["inference"]["versions"]["0.30.0"]
    tag = f"{newest['tag_prefix']}-gpu-{newest['py_versions'][0]}-{newest['container_version']['gpu']}"
    assert llm_images.VLLM_TAG == tag


def test_a_tuned_model_is_served_from_the_merged_folder_of_its_archive():
    made = llm_images.container("vllm", "us-east-1", model_data="s3://b/model.tar.gz", max_model_len=2048)
    assert made["ModelDataUrl"] == "s3://b/model.tar.gz"
    assert made["Environment"] == {"SM_VLLM_MODEL": "/opt/ml/model/merged", "SM_VLLM_MAX_MODEL_LEN": "2048"}
    made = llm_images.container("lmi", "us-east-1", model_data="s3://b/model.tar.gz", folder="")
    assert made["Environment"]["HF_MODEL_ID"] == "/opt/ml/model"
    assert made["Environment"]["OPTION_ENTRYPOINT"] == "djl_python.lmi_vllm.vllm_async_service"


def test_a_hub_model_needs_no_archive_and_every_value_is_a_text():
    made = llm_images.container("lmi", "us-east-1", hub_id="Qwen/Qwen2.5-0.5B-Instruct", max_model_len=512)
    assert "ModelDataUrl" not in made and made["Environment"]["OPTION_MAX_MODEL_LEN"] == "512"
    given = llm_images.vllm_environment("m", gpus=4, enforce_eager=True, gpu_memory_utilization=0.8)
    assert given == {"SM_VLLM_MODEL": "m", "SM_VLLM_TENSOR_PARALLEL_SIZE": "4",
                     "SM_VLLM_ENFORCE_EAGER": "true", "SM_VLLM_GPU_MEMORY_UTILIZATION": "0.8"}
    with pytest.raises(llm_images.ImageError, match="either hub_id"):
        llm_images.container("vllm", "us-east-1")


def test_an_image_with_cuda_13_gets_a_host_with_its_driver_and_others_do_not():
    hosts = {serve: llm_images.host_for(llm_images.container(serve, "us-east-1", hub_id="m")["Image"])
             for serve in ("vllm", "lmi")}
    assert set(hosts.values()) == {"al2023-ami-sagemaker-inference-gpu-4-1"}
    uri = llm_images.huggingface_uri("us-east-1", "ml.g5.xlarge", "5.5.3", "2.6.0", "py312")
    assert llm_images.host_for(uri) is None
    made = requests.config_request("e", [variant()], ROLE, TAGS)["ProductionVariants"][0]
    assert made["InferenceAmiVersion"] == hosts["vllm"]


# --- scaling


def test_the_scaling_requests_are_what_aws_takes():
    target = valid("application-autoscaling", "RegisterScalableTarget",
                   autoscaling.target_request("e", "tuned", 1, 3))
    policy = valid("application-autoscaling", "PutScalingPolicy",
                   autoscaling.policy_request("e", "tuned", autoscaling.invocations_target(6.5)))
    assert target["ResourceId"] == policy["ResourceId"] == "endpoint/e/variant/tuned"
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 195
    scaling = botocore.session.get_session().get_service_model("application-autoscaling")
    assert autoscaling.METRIC in scaling.shape_for("MetricType").enum


@pytest.mark.parametrize("smallest, largest", [(0, 1), (2, 1)])
def test_a_variant_keeps_at_least_one_instance(smallest, largest):
    with pytest.raises(ValueError, match="at least 1"):
        autoscaling.target_request("e", "tuned", smallest, largest)


# --- registry


def test_a_version_carries_its_metrics_as_texts_and_as_a_file():
    made = valid("sagemaker", "CreateModelPackage", registry.version_request(
        "g", CONTAINER, {"rouge1": 43.21456789, "rows": 200, "usd": None}, "s3://b/m.json", "from a job"))
    assert made["CustomerMetadataProperties"] == {"rouge1": "43.2146", "rows": "200"}
    assert made["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"] == "s3://b/m.json"
    assert made["ModelApprovalStatus"] == "PendingManualApproval" and made["ModelPackageGroupName"] == "g"
    assert "Tags" not in made  # AWS takes them for the group only


def test_more_metrics_than_aws_takes_are_refused():
    with pytest.raises(ValueError, match="51 metrics are more than the 50"):
        registry.metadata({f"m{i}": i for i in range(51)})


# --- what a job's endpoint runs


def test_vllm_does_not_serve_a_job_that_saved_only_its_adapter():
    endpoint = config.load(**{"endpoint.serve": "vllm"}).endpoint
    job = {"TrainingJobName": "j", "TrainingJobStatus": "Completed",
           "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
           "HyperParameters": {"merge_weights": "true"}}
    made = models.of_job(None, "b", "us-east-1", endpoint, job)
    assert made["ModelDataUrl"] == "s3://b/model.tar.gz" and "/vllm:" in made["Image"]
    with pytest.raises(EndpointError, match="merge_weights: true, or endpoint.serve: huggingface"):
        models.of_job(None, "b", "us-east-1", endpoint, {**job, "HyperParameters": {}})


def test_a_job_without_a_model_is_not_deployed():
    job = {"TrainingJobName": "j", "TrainingJobStatus": "Failed"}
    with pytest.raises(EndpointError, match="(?s)j has no model to deploy: it is Failed.*Fix:"):
        models.of_job(None, "b", "us-east-1", config.load().endpoint, job)
