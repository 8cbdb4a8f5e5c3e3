"""The model registry by raw boto3: groups, versions, approval, and models made from a version."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hosting_api import (
    DATA,
    IMAGE,
    INSTANCE_TYPE,
    config,
    endpoint,
    group,
    model,
    model_request,
    new_name,
    upload,
    variant,
    version,
    version_request,
)
from pocketaws import models
from training_api import refused, walk

ACCOUNT = "arn:aws:sagemaker:us-east-1:123456789012"
METRICS = {"ModelQuality": {"Statistics": {"ContentType": "application/json",
                                           "S3Uri": "s3://learner/evaluation.json"}}}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def archive(gateway):
    upload(gateway)


def fits(answer: dict, operation: str, at_least: int, without=()) -> None:
    """Hold an answer against botocore's output shape, required members included but those of `without`."""
    shape = models.service_model("sagemaker").operation_model(operation).output_shape
    answer = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    counted: list = []
    walk(answer, shape, "", counted)
    assert set(shape.required_members) <= set(answer) | set(without)
    assert len(counted) >= at_least, f"only {len(counted)} members checked"


def versions(aws, name: str, **more) -> list:
    """The numbers of a group's versions, as ListModelPackages gives them."""
    found = aws.sagemaker.list_model_packages(ModelPackageGroupName=name, **more)
    return [each["ModelPackageVersion"] for each in found["ModelPackageSummaryList"]]


# groups


def test_a_group_is_created_described_by_name_and_arn_and_deleted(aws):
    name = new_name("group")
    request = {"ModelPackageGroupName": name, "ModelPackageGroupDescription": "Dialogue summaries."}
    arn = aws.sagemaker.create_model_package_group(**request)["ModelPackageGroupArn"]
    assert arn == f"{ACCOUNT}:model-package-group/{name}"
    for asked in (name, arn):
        described = aws.sagemaker.describe_model_package_group(ModelPackageGroupName=asked)
        fits(described, "DescribeModelPackageGroup", 6)
        assert described["ModelPackageGroupDescription"] == "Dialogue summaries."
        assert described["ModelPackageGroupStatus"] == "Completed"
    assert refused(aws.sagemaker.create_model_package_group, **request) == (
        "ValidationException",
        f"Model Package Group already exists: {arn}",
    )
    aws.sagemaker.delete_model_package_group(ModelPackageGroupName=name)
    for call in (aws.sagemaker.describe_model_package_group, aws.sagemaker.delete_model_package_group):
        assert refused(call, ModelPackageGroupName=name) == (
            "ValidationException",
            f"ModelPackageGroup {arn} does not exist.",
        )


def test_groups_are_listed_oldest_first_with_filters_and_pages(aws):
    names = [f"{new_name('many')}-yy" for _ in range(3)]
    for name in names:
        aws.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    pages = aws.sagemaker.get_paginator("list_model_package_groups").paginate(
        NameContains="-YY", PaginationConfig={"PageSize": 1}
    )
    listed = [each for page in pages for each in page["ModelPackageGroupSummaryList"]]
    assert [each["ModelPackageGroupName"] for each in listed] == names


def test_a_group_with_versions_is_not_deleted(aws):
    name = group(aws)
    arn = version(aws, name)
    code, message = refused(aws.sagemaker.delete_model_package_group, ModelPackageGroupName=name)
    assert code == "ConflictException" and "contains 1 model packages" in message
    aws.sagemaker.delete_model_package(ModelPackageName=arn)
    aws.sagemaker.delete_model_package_group(ModelPackageGroupName=name)


# versions


def test_version_numbers_go_up_by_one_and_none_is_given_twice(aws):
    name = group(aws)
    arns = [version(aws, name) for _ in range(3)]
    assert arns == [f"{ACCOUNT}:model-package/{name}/{number}" for number in (1, 2, 3)]
    assert versions(aws, name) == [1, 2, 3]
    aws.sagemaker.delete_model_package(ModelPackageName=arns[2])
    assert version(aws, name).endswith("/4")
    assert versions(aws, name, SortOrder="Descending") == [4, 2, 1]
    assert version(aws, f"{ACCOUNT}:model-package-group/{name}").endswith(f"/{name}/5")


def test_a_version_keeps_what_it_was_given(aws):
    name = group(aws)
    arn = version(
        aws,
        name,
        ModelPackageDescription="Tuned on dialogues.",
        ModelMetrics=METRICS,
        CustomerMetadataProperties={"rouge1": "41.5"},
        MetadataProperties={"GeneratedBy": "a-training-job"},
        Domain="NATURAL_LANGUAGE_PROCESSING",
        Task="TEXT_GENERATION",
        SourceUri="s3://learner/models/model.tar.gz",
        SkipModelValidation="All",
    )
    for asked in (arn, f"{name}/1"):
        described = aws.sagemaker.describe_model_package(ModelPackageName=asked)
        fits(described, "DescribeModelPackage", 35, without=["ModelPackageName"])
        assert described["ModelMetrics"] == METRICS
        assert described["CustomerMetadataProperties"] == {"rouge1": "41.5"}
        assert described["InferenceSpecification"]["Containers"][0]["Image"] == IMAGE
        assert described["ModelApprovalStatus"] == "PendingManualApproval"
        assert (described["ModelPackageStatus"], described["ModelPackageVersion"]) == ("Completed", 1)
        assert (described["Task"], described["SkipModelValidation"]) == ("TEXT_GENERATION", "All")
        assert "LastModifiedTime" not in described
    missing = f"{arn}0"
    batch = aws.sagemaker.batch_describe_model_package(ModelPackageArnList=[arn, missing])
    fits(batch, "BatchDescribeModelPackage", 18)
    assert batch["ModelPackageSummaries"][arn]["ModelPackageVersion"] == 1
    error = batch["BatchDescribeModelPackageErrorMap"][missing]
    assert error == {"ErrorCode": "ValidationException",
                     "ErrorResponse": f"ModelPackage {missing} does not exist."}  # fmt: skip


def test_a_version_that_is_not_there_is_the_validation_error_of_aws(aws):
    arn = f"{ACCOUNT}:model-package/nothing/1"
    wanted = ("ValidationException", f"ModelPackage {arn} does not exist.")
    assert refused(aws.sagemaker.describe_model_package, ModelPackageName=arn) == wanted
    assert refused(aws.sagemaker.delete_model_package, ModelPackageName="nothing/1") == wanted
    update = aws.sagemaker.update_model_package
    assert refused(update, ModelPackageArn=arn, ModelApprovalStatus="Approved") == wanted


def test_approval_is_set_with_its_description_and_what_is_not_given_stays(aws):
    name = group(aws)
    arn = version(aws, name, CustomerMetadataProperties={"a": "1", "b": "2"})
    version(aws, name)
    aws.sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="ROUGE-1 is up by 9."
    )
    aws.sagemaker.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"b": "3", "c": "4"},
        CustomerMetadataPropertiesToRemove=["a"],
    )
    described = aws.sagemaker.describe_model_package(ModelPackageName=arn)
    fits(described, "DescribeModelPackage", 20, without=["ModelPackageName"])
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ApprovalDescription"] == "ROUGE-1 is up by 9."
    assert described["CustomerMetadataProperties"] == {"b": "3", "c": "4"}
    assert described["LastModifiedTime"] > described["CreationTime"]
    assert described["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == DATA
    assert versions(aws, name, ModelApprovalStatus="Approved") == [1]
    assert versions(aws, name, ModelApprovalStatus="PendingManualApproval") == [2]
    assert versions(aws, name, ModelApprovalStatus="Rejected") == []


def test_additional_specifications_are_added_once_each(aws):
    arn = version(aws, group(aws))
    more = [{"Name": "compiled", "Containers": [{"Image": IMAGE}]}]
    update = aws.sagemaker.update_model_package
    update(ModelPackageArn=arn, AdditionalInferenceSpecificationsToAdd=more)
    code, message = refused(update, ModelPackageArn=arn, AdditionalInferenceSpecificationsToAdd=more)
    assert code == "ValidationException" and "a name of its own" in message
    described = aws.sagemaker.describe_model_package(ModelPackageName=arn)
    assert [each["Name"] for each in described["AdditionalInferenceSpecifications"]] == ["compiled"]


def test_without_a_group_or_a_type_only_packages_of_no_group_are_listed_and_there_are_none(aws):
    version(aws, group(aws))
    assert aws.sagemaker.list_model_packages()["ModelPackageSummaryList"] == []
    found = aws.sagemaker.list_model_packages(ModelPackageType="Versioned", MaxResults=100)
    fits(found, "ListModelPackages", 7)
    assert found["ModelPackageSummaryList"]


def test_the_same_client_token_gives_the_same_version(aws):
    name = group(aws)
    first = version(aws, name, ClientToken="once")
    assert version(aws, name, ClientToken="once") == first
    assert versions(aws, name) == [1]
    code, message = refused(
        aws.sagemaker.create_model_package, **version_request(name, ClientToken="once", Task="OTHER")
    )
    assert code == "ConflictException" and "'once'" in message


def test_versions_registered_at_once_get_a_number_each(aws, monkeypatch):
    name, table = group(aws), aws.state.model_packages
    add = table.add
    monkeypatch.setattr(table, "add", lambda *given: (time.sleep(0.005), add(*given)))
    with ThreadPoolExecutor(8) as pool:
        arns = set(pool.map(lambda _: version(aws, name), range(16)))
    assert sorted(int(arn.rpartition("/")[2]) for arn in arns) == list(range(1, 17))


def test_metadata_only_is_refused_where_a_model_card_would_have_to_be_cut(aws):
    name = group(aws)
    plain, carded = version(aws, name), version(aws, name, ModelCard={"ModelCardContent": "{}"})
    ask = aws.sagemaker.describe_model_package
    assert ask(ModelPackageName=plain, IncludedData="MetadataOnly")["ModelPackageVersion"] == 1
    assert ask(ModelPackageName=carded)["ModelCard"] == {"ModelCardContent": "{}"}
    code, message = refused(ask, ModelPackageName=carded, IncludedData="MetadataOnly")
    assert code == "NotImplemented" and "IncludedData MetadataOnly" in message


def containers(**changes) -> dict:
    one = {"Image": IMAGE, "ModelDataUrl": DATA, **changes}
    return {"InferenceSpecification": {"Containers": [{k: v for k, v in one.items() if v is not None}]}}


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"ModelPackageGroupName": "nothing"}, "ValidationException", "group/nothing does not exist."),
        ({"ModelPackageName": "mine"}, "ValidationException", "not applicable to versioned models"),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, "ValidationException", "Tags cannot be given"),
        (containers(Image="mine:1"), "ValidationException", 'Using non-ECR image "mine:1"'),
        (containers(Image=None), "ValidationException", "no Image"),
        (containers(ModelDataUrl="s3://learner/no.tar.gz"), "ValidationException", "Could not find model"),
        ({"CertifyForMarketplace": True}, "NotImplemented", "CertifyForMarketplace"),
        ({"ModelPackageGroupName": None, "ModelPackageName": "mine"}, "NotImplemented", "unversioned"),
        ({"SecurityConfig": {"KmsKeyId": "alias/mine"}}, "NotImplemented", "SecurityConfig"),
        ({"InferenceSpecification": None,
          "SourceAlgorithmSpecification": {"SourceAlgorithms": [{"AlgorithmName": "mine"}]}},
         "NotImplemented", "SourceAlgorithmSpecification"),
    ],
)  # fmt: skip
def test_a_version_that_cannot_be_is_refused(aws, changes, code, words):
    name = group(aws)
    seen, message = refused(aws.sagemaker.create_model_package, **version_request(name, **changes))
    assert seen == code and words in message
    assert versions(aws, name) == []


# tags and search


def test_a_version_has_the_tags_of_its_group(aws):
    tags = [{"Key": "project", "Value": new_name("project")}]
    name = group(aws, Tags=tags)
    arn = version(aws, name)
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    code, message = refused(aws.sagemaker.add_tags, ResourceArn=arn, Tags=tags)
    assert code == "ValidationException" and f"model-package-group/{name} instead" in message
    more = [{"Key": "a", "Value": "b"}]
    aws.sagemaker.add_tags(ResourceArn=f"{ACCOUNT}:model-package-group/{name}", Tags=more)
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == more + tags
    for resource, member in (
        ("ModelPackage", "ModelPackageArn"),
        ("ModelPackageGroup", "ModelPackageGroupArn"),
    ):
        wanted = {"Name": "Tags.project", "Operator": "Equals", "Value": tags[0]["Value"]}
        found = aws.sagemaker.search(Resource=resource, SearchExpression={"Filters": [wanted]})
        assert [each[resource][member].split("/")[1] for each in found["Results"]] == [name]


def test_versions_are_found_by_approval_and_by_their_own_properties(aws):
    name = group(aws)
    version(aws, name, CustomerMetadataProperties={"run": name})
    version(aws, name, ModelApprovalStatus="Approved")
    for filters, expected in (
        ([{"Name": "ModelApprovalStatus", "Value": "Approved"}], [2]),
        ([{"Name": "CustomerMetadataProperties.run", "Value": name}], [1]),
        ([{"Name": "ModelPackageVersion", "Operator": "LessThan", "Value": "2"}], [1]),
    ):
        filters = [*filters, {"Name": "ModelPackageGroupName", "Value": name}]
        found = aws.sagemaker.search(Resource="ModelPackage", SearchExpression={"Filters": filters})
        assert [each["ModelPackage"]["ModelPackageVersion"] for each in found["Results"]] == expected


# from a version to a model


def from_version(arn: str, **more) -> dict:
    return {"PrimaryContainer": None, "Containers": [{"ModelPackageName": arn, **more}]}


@pytest.mark.parametrize("approval", ["PendingManualApproval", "Rejected"])
def test_a_version_that_is_not_approved_makes_no_model(aws, approval):
    arn = version(aws, group(aws), ModelApprovalStatus=approval)
    code, message = refused(aws.sagemaker.create_model, **model_request(aws, **from_version(arn)))
    assert code == "ValidationException" and f"ModelApprovalStatus is {approval}" in message


def test_an_approved_version_is_deployed_with_its_image_data_and_environment(aws):
    arn = version(aws, group(aws), ModelApprovalStatus="Approved")
    name = model(aws, **from_version(arn, Environment={"B": "3", "C": "4"}))
    described = aws.sagemaker.describe_model(ModelName=name)
    assert described["Containers"] == [{"ModelPackageName": arn, "Environment": {"B": "3", "C": "4"}}]
    aws.sagemaker.delete_model_package(ModelPackageName=arn)
    endpoint(aws, config(aws, ProductionVariants=[variant(name)]))
    (only,) = aws.hosting.calls[-1][2].variants
    assert (only.container.image, only.container.model_data) == (IMAGE, DATA)
    assert only.container.environment == {"A": "1", "B": "3", "C": "4"}
    assert only.instance_type == INSTANCE_TYPE


def test_a_version_of_several_containers_makes_no_model_here(aws):
    two = {"InferenceSpecification": {"Containers": [{"Image": IMAGE}] * 2}}
    arn = version(aws, group(aws), ModelApprovalStatus="Approved", **two)
    code, message = refused(aws.sagemaker.create_model, **model_request(aws, **from_version(arn)))
    assert code == "NotImplemented" and "2 containers" in message
    code, message = refused(aws.sagemaker.create_model, **model_request(aws, **from_version(arn[:-1] + "9")))
    assert code == "ValidationException" and "does not exist." in message
