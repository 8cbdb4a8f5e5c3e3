"""Deploys on a local AWS through the resources of this Python's SageMaker SDK 3; prints what it saw as JSON.

    AWS_ENDPOINT_URL=http://127.0.0.1:4610 python sdk3_hosting.py      with code/ on PYTHONPATH

tests/test_sdk3_hosting.py runs it under SDK 3.12 and under the newest. Any try to leave the machine is noted.
"""

import contextlib
import importlib.metadata
import json
import os
import sys

from hosting_aid import ECHO, IMAGE, INSTANCE_TYPE, tiny_archive
from sdk3_jobs import LEFT_THE_MACHINE, note_the_network

BUCKET = f"sdk3-hosting-{os.getpid()}"
DATA = f"s3://{BUCKET}/model.tar.gz"


def answers(endpoint) -> str:
    """The name of the model that answers."""
    given = endpoint.invoke(body=b'{"question": 1}', content_type="application/json")
    found = json.loads(given.body.read())
    assert found["data"] == {"question": 1}
    return found["name"]


def model(where: dict, role: str, name: str):
    """A model that says its name."""
    from sagemaker.core.resources import Model
    from sagemaker.core.shapes import ContainerDefinition

    container = ContainerDefinition(image=IMAGE, model_data_url=DATA, environment={"MODEL_NAME": name})
    return Model.create(model_name=name, primary_container=container, execution_role_arn=role, **where)


def config(where: dict, name: str, of):
    """An endpoint config of one variant."""
    from sagemaker.core.resources import EndpointConfig
    from sagemaker.core.shapes import ProductionVariant

    variant = ProductionVariant(
        variant_name="AllTraffic",
        model_name=of.model_name,
        instance_type=INSTANCE_TYPE,
        initial_instance_count=1,
    )
    return EndpointConfig.create(endpoint_config_name=name, production_variants=[variant], **where)


def deployed(where: dict, role: str) -> dict:
    """Model, EndpointConfig and Endpoint: created, asked, updated, listed, deleted."""
    from sagemaker.core.resources import Endpoint, EndpointConfig, Model
    from sagemaker.core.shapes import DesiredWeightAndCapacity

    tag = f"sdk3-{os.getpid()}"
    models = [model(where, role, f"{tag}-{name}") for name in ("old", "new")]
    configs = [config(where, f"{tag}-{n}", each) for n, each in enumerate(models)]
    endpoint = Endpoint.create(endpoint_name=tag, endpoint_config_name=configs[0], **where)
    first = endpoint.endpoint_status
    endpoint.wait_for_status("InService", poll=1, timeout=60)
    said = [answers(endpoint)]
    endpoint.endpoint_config_name = configs[1].endpoint_config_name
    endpoint.update()
    endpoint.wait_for_status("InService", poll=1, timeout=60)
    said.append(answers(endpoint))
    weight = DesiredWeightAndCapacity(variant_name="AllTraffic", desired_weight=2)
    endpoint.update_weights_and_capacities(desired_weights_and_capacities=[weight])
    endpoint.wait_for_status("InService", poll=1, timeout=60)
    listed = [each.endpoint_name for each in Endpoint.get_all(name_contains=tag, **where)]
    shown = Endpoint.get(endpoint_name=tag, **where)
    endpoint.delete()
    endpoint.wait_for_delete(poll=1, timeout=60)
    for each in [*configs, *models]:
        each.delete()
    return {
        "tag": tag,
        "first_status": first,
        "answers": said,
        "config": shown.endpoint_config_name,
        "weight": shown.production_variants[0].current_weight,
        "listed": listed,
        "left": [kind.__name__ for kind in (Endpoint, EndpointConfig, Model)
                 if list(kind.get_all(name_contains=tag, **where))],
    }  # fmt: skip


def registered(where: dict, role: str) -> dict:
    """A version in a group: made, approved, deployed as a model. What the SDK cannot do, boto3 does."""
    from sagemaker.core.resources import Model, ModelPackage, ModelPackageGroup
    from sagemaker.core.shapes import ContainerDefinition

    name = f"group-{os.getpid()}"
    group = ModelPackageGroup.create(model_package_group_name=name, **where)
    group.wait_for_status("Completed", poll=1, timeout=30)
    # ModelPackage.create of SDK 3 makes the version and then fails: it reads a member that
    # CreateModelPackage does not answer. Its delete() and refresh() want a name that versions do not have.
    specification = {"Containers": [{"Image": IMAGE, "ModelDataUrl": DATA}], "SupportedContentTypes": []}
    sagemaker = where["session"].client("sagemaker")
    arn = sagemaker.create_model_package(
        ModelPackageGroupName=name, InferenceSpecification=specification
    )["ModelPackageArn"]  # fmt: skip
    package = ModelPackage.get(model_package_name=arn, **where)
    before = package.model_approval_status
    package.model_package_name = arn
    package.update(model_approval_status="Approved", approval_description="It is better.")
    package.refresh()
    container = ContainerDefinition(model_package_name=arn)
    made = Model.create(model_name=name, containers=[container], execution_role_arn=role, **where)
    package.model_package_name = arn
    package.delete()
    group.delete()
    found = {
        "arn": arn,
        "version": package.model_package_version,
        "approval": [before, package.model_approval_status],
        "image": package.inference_specification.containers[0].image,
        "of_model": made.containers[0].model_package_name,
        "left": [each.get_name() for each in ModelPackageGroup.get_all(name_contains=name, **where)],
    }
    made.delete()
    return found


def main() -> None:
    note_the_network()
    from tuneaws.session import connect

    session = connect("local")
    session.client("s3").create_bucket(Bucket=BUCKET)
    session.client("s3").put_object(Bucket=BUCKET, Key="model.tar.gz", Body=tiny_archive(ECHO))
    where = {"session": session.boto, "region": session.region}
    with contextlib.redirect_stdout(sys.stderr):
        found = {
            "version": importlib.metadata.version("sagemaker"),
            "deployed": deployed(where, session.role_arn),
            "registered": registered(where, session.role_arn),
            "left_the_machine": LEFT_THE_MACHINE,
        }
    print(json.dumps(found, default=str))


if __name__ == "__main__":
    main()
