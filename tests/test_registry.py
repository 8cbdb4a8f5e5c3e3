"""The model registry, against a local AWS: versions with their metrics, approval, deployment by version."""

import json
from types import SimpleNamespace

import boto3
import pytest
from hosting_aid import ECHO, IMAGE, tiny_archive
from tuneaws import config, endpoints, registry
from tuneaws.endpoints.use import EndpointError
from tuneaws.registry import RegistryError

TAGS = [{"Key": "course", "Value": "tuneaws-registry-test"}]


@pytest.fixture
def sm(local_aws):
    return local_aws.client("sagemaker")


@pytest.fixture
def container(local_aws, bucket):
    local_aws.client("s3").put_object(Bucket=bucket, Key="model.tar.gz", Body=tiny_archive(ECHO))
    return {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/model.tar.gz",
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "MODEL_NAME": "from the registry"}}


@pytest.fixture
def group(sm):
    """A group's name; whatever a test leaves in it is deleted."""
    yield "summaries"
    try:
        registry.delete_group(sm, "summaries")
    except RegistryError:
        pass  # the test has deleted it


def test_versions_are_counted_and_listed_with_their_metrics(local_aws, sm, bucket, container, group, capsys):
    s3 = local_aws.client("s3")
    first = registry.register(sm, group, container, {"rouge1": 40.0, "rows": 200}, TAGS)
    better = {"rouge1": 43.5, "rows": 200, "call_p50_s": 0.13}
    second = registry.register(sm, group, container, better, s3=s3, bucket=bucket)
    assert "registered summaries version 2: PendingManualApproval" in capsys.readouterr().out
    same = registry.register(sm, group, container, {**better, "call_p50_s": 0.12}, s3=s3, bucket=bucket)
    assert same == second and "version 2 is this already" in capsys.readouterr().out
    rows = registry.versions(sm, group)
    assert [(row["version"], row["rouge1"], row["approval"]) for row in rows] == [
        (2, "43.5", "PendingManualApproval"), (1, "40", "PendingManualApproval")]
    assert [row["arn"] for row in rows] == [second, first]
    assert list(registry.versions(sm, group, metrics=("rows",))[0]) == [
        "version", "approval", "rows", "created", "arn"]
    found = sm.describe_model_package(ModelPackageName=second)
    uri = found["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    key = uri.removeprefix(f"s3://{bucket}/")
    assert json.load(s3.get_object(Bucket=bucket, Key=key)["Body"]) == better
    assert registry.find_groups(sm, {"course": "tuneaws-registry-test"}) == [group]
    assert registry.find_groups(sm, {"course": "another"}) == []
    assert registry.delete_group(sm, group) == 2
    with pytest.raises(RegistryError, match="(?s)no model package group 'summaries'.*register"):
        registry.versions(sm, group)


def test_only_an_approved_version_is_deployed(local_aws, role_arn, sm, bucket, container, group, capsys):
    arn = registry.register(sm, group, container, {"rouge1": 40.0}, TAGS)
    cfg = config.load(**{"project.tags": {"course": "tuneaws-registry-test"}})
    session = SimpleNamespace(where="local", region="us-east-1", role_arn=role_arn, client=local_aws.client,
                              boto=boto3.Session(), url=local_aws.url)
    with pytest.raises(EndpointError, match="(?s)is PendingManualApproval.*registry.approve"):
        endpoints.deploy_version(cfg, session, arn, "by-version")
    with pytest.raises(RegistryError, match="none of the 1 versions of summaries is approved"):
        registry.newest_approved(sm, group)
    registry.approve(sm, arn, "better than the base, intervals apart")
    assert sm.describe_model_package(ModelPackageName=arn)["ApprovalDescription"].startswith("better")
    assert registry.newest_approved(sm, group) == arn
    name = endpoints.deploy_version(cfg, session, arn, "by-version")
    answer = local_aws.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, Body=b"{}", ContentType="application/json")
    assert json.loads(answer["Body"].read())["name"] == "from the registry"
    endpoints.delete(sm, name)
    registry.reject(sm, arn, "a name was swapped in row 7")
    assert registry.versions(sm, group)[0]["approval"] == "Rejected"


def test_a_version_that_is_not_there_is_named(sm):
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/nothing/1"
    with pytest.raises(RegistryError, match="(?s)no version arn.*versions"):
        registry.approve(sm, arn, "why")


def test_a_version_of_a_version_is_refused():
    with pytest.raises(ValueError, match="an image and a model of its own"):
        registry.version_request("g", {"ModelPackageName": "arn"})
