"""SDK 3's own resources on the local AWS, under 3.12.0, which Studio has, and the newest.

Model, EndpointConfig, Endpoint, ModelPackageGroup, ModelPackage.
Everything runs in tests/sdk3_hosting.py, once an environment: it takes the SDK 3 to 4 s to be imported.
"""


import pytest
from hosting_aid import IMAGE
from sdk3_drivers import VERSIONS, what_it_saw


@pytest.fixture(scope="module", params=VERSIONS)
def seen(request, local_aws) -> dict:
    """What tests/sdk3_hosting.py saw under one SDK 3."""
    return what_it_saw("sdk3_hosting.py", request.param, local_aws)


def test_an_endpoint_answers_with_its_model_and_after_an_update_with_the_new_one(seen):
    deployed = seen["deployed"]
    tag = deployed["tag"]
    assert deployed["first_status"] == "Creating"
    assert deployed["answers"] == [f"{tag}-old", f"{tag}-new"]
    assert (deployed["config"], deployed["weight"], deployed["listed"]) == (f"{tag}-1", 2.0, [tag])


def test_what_was_deleted_is_gone(seen):
    assert seen["deployed"]["left"] == [] and seen["registered"]["left"] == []


def test_a_version_is_approved_and_becomes_a_model(seen):
    registered = seen["registered"]
    assert registered["version"] == 1 and registered["image"] == IMAGE
    assert registered["approval"] == ["PendingManualApproval", "Approved"]
    assert registered["of_model"] == registered["arn"]


def test_nothing_left_the_machine_not_even_the_sdk_s_telemetry(seen):
    assert seen["left_the_machine"] == []
