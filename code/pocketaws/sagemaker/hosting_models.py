"""CreateModel, DescribeModel, ListModels, DeleteModel.

A model is an entry: nothing runs until an endpoint uses it, and an endpoint that runs goes on without it.
Wordings: "Could not find model", "Cannot create already existing model" are those of many public reports
(aws-controllers-k8s/sagemaker-controller generator.yaml, sagemaker-python-sdk session.py; read 2026-11).
"""

import copy

from pocketaws.errors import validation_error
from pocketaws.hosting.spec import ContainerSpec
from pocketaws.operations import operation
from pocketaws.sagemaker import hosting_checks as checks
from pocketaws.sagemaker.checks import split_uri
from pocketaws.sagemaker.model_packages import container_of_package
from pocketaws.sagemaker.table import Resource, arn_of, select

SHOWN = ("ModelName", "PrimaryContainer", "Containers", "InferenceExecutionConfig", "ExecutionRoleArn",
         "EnableNetworkIsolation")  # fmt: skip


class Model(Resource):
    """A model; `container` is what it runs, with everything that a model package version adds."""

    KEPT = (*Resource.KEPT, "container")

    def __init__(self, request: dict, container: dict, region: str, account: str):
        super().__init__("model", request["ModelName"], request, region, account)
        self.container = copy.deepcopy(container)

    def describe(self) -> dict:
        """A DescribeModel response."""
        answer = {name: self.request[name] for name in SHOWN if name in self.request}
        return copy.deepcopy({**answer, "ModelArn": self.arn, "CreationTime": self.created_at})

    def spec(self) -> ContainerSpec:
        """What the hosting engine is to run."""
        kind, uri = checks.model_data_of(self.container)
        uri = "s3://{}/{}".format(*split_uri(uri)) if kind else None
        return ContainerSpec(
            image=self.container["Image"],
            model_data=uri if kind == "archive" else None,
            model_prefix=uri if kind == "prefix" else None,
            environment=dict(self.container.get("Environment", {})),
            role=self.request.get("ExecutionRoleArn"),
        )


@operation("sagemaker", "CreateModel")
def create_model(context, request: dict) -> dict:
    """Check the request as AWS does, then keep the model.

    Raises ValidationException; NotImplemented for members that the local AWS cannot honour.
    """
    checks.refuse_model(request)
    checks.check_containers(request)
    checks.check_tags(request)
    role = request.get("ExecutionRoleArn")
    checks.check_role(context, role)
    (given,) = checks.containers_of(request)
    container = container_of_package(context, given) if "ModelPackageName" in given else given
    checks.check_image_region(context, container)
    checks.check_model_data(context, container, role)
    model = Model(with_defaults(request), container, context.region, context.account)
    taken = validation_error(f'Cannot create already existing model "{model.arn}".')
    context.state.models.add(model, taken)
    return {"ModelArn": model.arn}


def with_defaults(request: dict) -> dict:
    """The request with the values that DescribeModel shows for members that were left out."""
    request = copy.deepcopy(request)
    request.setdefault("EnableNetworkIsolation", False)
    for container in checks.containers_of(request):
        if "ModelPackageName" not in container:
            container.setdefault("Mode", "SingleModel")
            container.setdefault("Environment", {})
    return request


@operation("sagemaker", "DescribeModel")
def describe_model(context, request: dict) -> dict:
    """One model."""
    return model_of(context, request["ModelName"]).describe()


@operation("sagemaker", "ListModels")
def list_models(context, request: dict) -> dict:
    """Summaries, filtered and sorted; newest first unless the request says else."""
    found, token = select(context.state.models.of(context.region, context.account), request, "Descending")
    summaries = [
        {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created_at} for model in found
    ]
    return {"Models": summaries, "NextToken": token}


@operation("sagemaker", "DeleteModel")
def delete_model(context, request: dict) -> None:
    """Forget a model, whoever uses it; its artifacts stay."""
    context.state.models.discard(model_of(context, request["ModelName"]))


def model_of(context, name: str) -> Model:
    """The model of this name. Raises a ValidationException when there is none."""
    model = context.state.models.find(name, context.region, context.account)
    if model is None:
        arn = arn_of("model", name, context.region, context.account)
        raise validation_error(f'Could not find model "{arn}".')
    return model
