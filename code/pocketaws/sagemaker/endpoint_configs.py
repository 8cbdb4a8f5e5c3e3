"""CreateEndpointConfig, DescribeEndpointConfig, ListEndpointConfigs, DeleteEndpointConfig.

Wordings: "Could not find endpoint configuration", hashicorp/terraform-provider-aws issue 40048; "Cannot
create already existing endpoint configuration", awslabs/spot-tagging-bot-for-digital-assets issue 2 (read
2026-11).
"""

import copy

from pocketaws.errors import validation_error
from pocketaws.hosting.spec import DOWNLOAD_TIMEOUT_S, STARTUP_TIMEOUT_S, EndpointSpec, VariantSpec
from pocketaws.operations import operation
from pocketaws.sagemaker import hosting_checks as checks
from pocketaws.sagemaker.hosting_models import model_of
from pocketaws.sagemaker.table import Resource, arn_of, select

SHOWN = ("EndpointConfigName", "ProductionVariants", "DataCaptureConfig", "AsyncInferenceConfig",
         "EnableNetworkIsolation")  # fmt: skip


@operation("sagemaker", "CreateEndpointConfig")
def create_endpoint_config(context, request: dict) -> dict:
    """Check the request as AWS does, then keep the configuration.

    Raises ValidationException; NotImplemented for members that the local AWS cannot honour.
    """
    checks.refuse_config(request)
    checks.check_variants(request)
    checks.check_tags(request)
    for variant in request["ProductionVariants"]:
        model_of(context, variant["ModelName"])
    name = request["EndpointConfigName"]
    config = Resource("endpoint-config", name, with_defaults(request), context.region, context.account)
    taken = validation_error(f'Cannot create already existing endpoint configuration "{config.arn}".')
    context.state.endpoint_configs.add(config, taken)
    return {"EndpointConfigArn": config.arn}


def with_defaults(request: dict) -> dict:
    """The request with the values that DescribeEndpointConfig shows for members that were left out."""
    request = copy.deepcopy(request)
    request.setdefault("EnableNetworkIsolation", False)
    for variant in request["ProductionVariants"]:
        variant.setdefault("InitialVariantWeight", 1.0)
    return request


@operation("sagemaker", "DescribeEndpointConfig")
def describe_endpoint_config(context, request: dict) -> dict:
    """One endpoint configuration."""
    config = config_of(context, request["EndpointConfigName"])
    answer = {name: config.request[name] for name in SHOWN if name in config.request}
    return {**answer, "EndpointConfigArn": config.arn, "CreationTime": config.created_at}


@operation("sagemaker", "ListEndpointConfigs")
def list_endpoint_configs(context, request: dict) -> dict:
    """Summaries, filtered and sorted; newest first unless the request says else."""
    table = context.state.endpoint_configs
    found, token = select(table.of(context.region, context.account), request, "Descending")
    summaries = [
        {"EndpointConfigName": each.name, "EndpointConfigArn": each.arn, "CreationTime": each.created_at}
        for each in found
    ]
    return {"EndpointConfigs": summaries, "NextToken": token}


@operation("sagemaker", "DeleteEndpointConfig")
def delete_endpoint_config(context, request: dict) -> None:
    """Forget a configuration, even one in use: AWS says not to, and lets it happen (API_UpdateEndpoint)."""
    context.state.endpoint_configs.discard(config_of(context, request["EndpointConfigName"]))


def config_of(context, name: str) -> Resource:
    """The configuration of this name. Raises a ValidationException when there is none."""
    config = context.state.endpoint_configs.find(name, context.region, context.account)
    if config is None:
        arn = arn_of("endpoint-config", name, context.region, context.account)
        raise validation_error(f'Could not find endpoint configuration "{arn}".')
    return config


def spec_of(context, config: Resource) -> EndpointSpec:
    """What the hosting engine is to run for a configuration, its models looked up now.

    Raises a ValidationException when a model was deleted meanwhile.
    """
    variants = tuple(_variant_spec(context, variant) for variant in config.request["ProductionVariants"])
    asynchronous = copy.deepcopy(config.request.get("AsyncInferenceConfig"))
    return EndpointSpec(config_name=config.name, variants=variants, async_config=asynchronous)


def _variant_spec(context, variant: dict) -> VariantSpec:
    return VariantSpec(
        name=variant["VariantName"],
        model_name=variant["ModelName"],
        container=model_of(context, variant["ModelName"]).spec(),
        instance_type=variant["InstanceType"],
        instance_count=variant["InitialInstanceCount"],
        weight=variant["InitialVariantWeight"],
        startup_timeout_s=variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_TIMEOUT_S),
        download_timeout_s=variant.get("ModelDataDownloadTimeoutInSeconds", DOWNLOAD_TIMEOUT_S),
    )
