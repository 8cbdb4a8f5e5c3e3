"""Service Quotas and ECR: what the doctor asks before anything is started."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from pocketaws.ecr import make_table
from pocketaws.servicequotas import table
from training_api import request_for

TRAINING = "ml.g5.xlarge for training job usage"
DLC = "763104351884"


@pytest.fixture
def rehearse(aws):
    """rehearse({name: instances}) writes quotas.json of this home until the test ends."""
    path = aws.state.home / "quotas.json"
    yield lambda quotas: path.write_text(json.dumps(quotas))
    path.unlink(missing_ok=True)


def listed(aws, operation: str = "list_service_quotas", **more) -> dict:
    pages = aws.client("service-quotas").get_paginator(operation).paginate(ServiceCode="sagemaker", **more)
    return {quota["QuotaName"]: quota for page in pages for quota in page["Quotas"]}


def test_the_quota_listed_is_the_one_that_refuses_a_job(aws, rehearse):
    rehearse({TRAINING: 0})
    quota = listed(aws)[TRAINING]
    assert quota["Value"] == 0 and quota["QuotaCode"] == "L-B6D80D9C"
    machine = {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10}
    with pytest.raises(ClientError, match=f"limit '{TRAINING}' is 0 Instances"):
        aws.sagemaker.create_training_job(**request_for(aws, ResourceConfig=machine))
    assert listed(aws, "list_aws_default_service_quotas")[TRAINING]["Value"] == 20


def test_every_instance_type_has_its_quotas_each_with_a_code_of_its_own(aws):
    quotas = listed(aws, PaginationConfig={"PageSize": 99})
    assert len(quotas) > 700
    assert len({quota["QuotaCode"] for quota in quotas.values()}) == len(quotas)
    for usage in (*table.TRAINING, "endpoint usage"):
        assert f"ml.g6e.12xlarge for {usage}" in quotas
    assert set(table.CODES) <= set(quotas), "a code of AWS's for a quota that is not listed"


def test_a_quota_is_found_by_its_code_and_an_unknown_code_is_not(aws, rehearse):
    rehearse({"ml.m5.xlarge for endpoint usage": 3})
    client = aws.client("service-quotas")
    asked = {"ServiceCode": "sagemaker", "QuotaCode": "L-2F737F8D"}
    assert client.get_service_quota(**asked)["Quota"]["Value"] == 3
    assert client.get_aws_default_service_quota(**asked)["Quota"]["Value"] == 20
    assert [q["QuotaName"] for q in client.list_service_quotas(**asked)["Quotas"]] == [
        "ml.m5.xlarge for endpoint usage"]
    for code, wanted in (("L-00000000", "NoSuchResourceException"),):
        with pytest.raises(ClientError) as caught:
            client.get_service_quota(ServiceCode="sagemaker", QuotaCode=code)
        assert caught.value.response["Error"]["Code"] == wanted


def test_quotas_of_other_services_are_refused_by_name(aws):
    with pytest.raises(ClientError, match="does not have service-quotas ListServiceQuotas for s3"):
        aws.client("service-quotas").list_service_quotas(ServiceCode="s3")
    with pytest.raises(ClientError) as caught:
        aws.client("service-quotas").list_service_quotas(ServiceCode="sagemaker", NextToken="9999")
    assert caught.value.response["Error"]["Code"] == "InvalidPaginationTokenException"


# --- images


def test_the_images_of_the_courses_configuration_are_there(aws):
    from tuneaws import config, raw_images
    from tuneaws.endpoints import llm_images

    cfg = config.load(where="aws")
    serves = cfg.endpoint
    uris = [
        raw_images.training_image("us-east-1", cfg.sagemaker.transformers_version),
        llm_images.huggingface_uri("us-east-1", serves.instance_type, serves.transformers_version,
                                   serves.pytorch_version, serves.py_version),
        llm_images.vllm_uri("us-east-1"), llm_images.lmi_uri("us-east-1"),
    ]  # fmt: skip
    for uri in uris:
        repository, _, tag = uri.partition("/")[2].partition(":")
        asked = {"registryId": DLC, "repositoryName": repository, "imageIds": [{"imageTag": tag}]}
        assert aws.client("ecr").describe_images(**asked)["imageDetails"][0]["imageTags"] == [tag]
        assert aws.client("ecr").batch_get_image(**asked)["images"][0]["imageId"]["imageTag"] == tag


def test_an_image_or_a_registry_that_is_not_there_is_refused_as_aws_does(aws):
    ecr, name = aws.client("ecr"), "huggingface-pytorch-training"
    missing = {"registryId": DLC, "repositoryName": name, "imageIds": [{"imageTag": "2.8.0-mine"}]}
    with pytest.raises(ecr.exceptions.ImageNotFoundException, match="imageTag:'2.8.0-mine'"):
        ecr.describe_images(**missing)
    assert ecr.batch_get_image(**missing)["failures"][0]["failureCode"] == "ImageNotFound"
    with pytest.raises(ecr.exceptions.RepositoryNotFoundException, match="registry with id '123456789012'"):
        ecr.describe_images(repositoryName=name)
    cape = aws.client("ecr", "af-south-1")
    with pytest.raises(cape.exceptions.RepositoryNotFoundException):  # the Cape's images have another owner
        cape.describe_images(registryId=DLC, repositoryName=name)
    assert len(cape.describe_images(registryId="626614931356", repositoryName=name)["imageDetails"]) > 10


def test_the_table_of_images_is_what_the_sdk_knows():
    stored = json.loads(Path(make_table.__file__).with_name("images.json").read_text())
    made = make_table.table(make_table.folder())
    assert {key: stored[key] for key in made} == made
    assert sum(len(tags) for tags in made["repositories"].values()) > 80
