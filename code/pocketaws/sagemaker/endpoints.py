"""Create, Update, Describe, Delete of an endpoint; ListEndpoints; UpdateEndpointWeightsAndCapacities.

What runs is the hosting engine's; here a request is checked, and the endpoint claimed for it. Wordings from
public reports, read 2026-11: "Cannot create already existing endpoint", sagemaker-python-sdk issue 101;
"Could not find endpoint" and "Cannot update in-progress endpoint" (for deletions too, in Creating as in
Updating), constants of the SageMaker operator for Kubernetes and a dozen reports; an update to the
configuration in use, two projects that quote the answer.
"""

import dataclasses

from pocketaws.errors import AwsError, not_here, validation_error
from pocketaws.operations import operation
from pocketaws.sagemaker import hosting_checks as checks
from pocketaws.sagemaker import quotas
from pocketaws.sagemaker.endpoint import Endpoint
from pocketaws.sagemaker.endpoint_configs import config_of, spec_of
from pocketaws.sagemaker.table import arn_of, select


@operation("sagemaker", "CreateEndpoint")
def create_endpoint(context, request: dict) -> dict:
    """Check the request as AWS does, then start the endpoint's fleet.

    Raises ValidationException, ResourceLimitExceeded; NotImplemented for members that are not honoured here.
    """
    refuse_deployment(request, "CreateEndpoint")
    checks.check_tags(request)
    spec = spec_of(context, config_of(context, request["EndpointConfigName"]))
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    endpoint = Endpoint(request["EndpointName"], spec, context.region, context.account, tags)
    endpoint.deployment_config = request.get("DeploymentConfig")
    engine = context.state.hosting
    table = context.state.endpoints
    with context.state.creating:
        if table.by_arn(endpoint.arn) is None:  # a name that is taken comes before a quota
            quotas.check_hosting(context, quotas.instances_of(spec))
        table.add(endpoint, validation_error(f'Cannot create already existing endpoint "{endpoint.arn}".'))
    _start(lambda: engine.create(endpoint, spec), undo=lambda: table.discard(endpoint))
    return {"EndpointArn": endpoint.arn}


@operation("sagemaker", "UpdateEndpoint")
def update_endpoint(context, request: dict) -> dict:
    """Deploy another configuration: a new fleet first, then the traffic, then the end of the old fleet."""
    refuse_deployment(request, "UpdateEndpoint")
    endpoint = endpoint_of(context, request["EndpointName"])
    spec = spec_of(context, config_of(context, request["EndpointConfigName"]))
    check_at_rest(endpoint)
    if spec.config_name == endpoint.config_name:
        raise validation_error("Cannot update endpoint with the currently in use endpoint configuration.")
    if request.get("RetainAllVariantProperties"):
        left_out = request.get("ExcludeRetainedVariantProperties", [])
        spec = retained(spec, endpoint, {each["VariantPropertyType"] for each in left_out})
    engine = context.state.hosting
    with context.state.creating:
        quotas.check_hosting(context, quotas.instances_of(spec))
        claim(endpoint, "Updating", spec)
    if not request.get("RetainDeploymentConfig") or "DeploymentConfig" in request:
        endpoint.deployment_config = request.get("DeploymentConfig")
    _start(lambda: engine.update(endpoint, spec), undo=lambda: endpoint.move("InService"))
    return {"EndpointArn": endpoint.arn}


def retained(spec, endpoint: Endpoint, left_out: set):
    """The spec with the weights and counts that the endpoint's variants of the same name have now.

    left_out   "DesiredInstanceCount" or "DesiredWeight" in it: taken from the spec all the same
    """
    now = {variant.name: variant for variant in endpoint.variants}
    variants = []
    for variant in spec.variants:
        if variant.name in now and "DesiredInstanceCount" not in left_out:
            variant = dataclasses.replace(variant, instance_count=now[variant.name].desired_count)
        if variant.name in now and "DesiredWeight" not in left_out:
            variant = dataclasses.replace(variant, weight=now[variant.name].desired_weight)
        variants.append(variant)
    return dataclasses.replace(spec, variants=tuple(variants))


def refuse_deployment(request: dict, operation_name: str) -> None:
    """Raise NotImplemented unless a DeploymentConfig is what happens here: all at once, without waiting."""
    config = request.get("DeploymentConfig", {})
    found = [name for name in ("RollingUpdatePolicy",) if name in config]
    if config.get("AutoRollbackConfiguration", {}).get("Alarms"):
        found.append("AutoRollbackConfiguration.Alarms")
    policy = config.get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {})
    if routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE":
        found.append(f"TrafficRoutingConfiguration.Type {routing['Type']}")
    elif routing.get("WaitIntervalInSeconds"):
        found.append(f"TrafficRoutingConfiguration.WaitIntervalInSeconds {routing['WaitIntervalInSeconds']}")
    for name in ("TerminationWaitInSeconds", "MaximumExecutionTimeoutInSeconds"):
        if policy.get(name):
            found.append(f"BlueGreenUpdatePolicy.{name} {policy[name]}")
    if found:
        raise not_here("sagemaker", f"{operation_name} with {', '.join(found)}")


@operation("sagemaker", "UpdateEndpointWeightsAndCapacities")
def update_endpoint_weights_and_capacities(context, request: dict) -> dict:
    """Shift the traffic between variants, or give them more or fewer instances."""
    endpoint = endpoint_of(context, request["EndpointName"])
    changes = changes_of(endpoint, request["DesiredWeightsAndCapacities"])
    check_at_rest(endpoint)
    more = [
        (variant.instance_type, max(0, (changes[variant.name]["count"] or 0) - variant.desired_count))
        for variant in endpoint.variants
        if variant.name in changes
    ]
    engine = context.state.hosting
    with context.state.creating:
        quotas.check_hosting(context, more)
        claim(endpoint, "Updating")
        for name, change in changes.items():
            wanted = {"desired_weight": change["weight"], "desired_count": change["count"]}
            endpoint.set_variant(name, **{key: value for key, value in wanted.items() if value is not None})
    _start(lambda: engine.update_weights(endpoint, changes), undo=lambda: endpoint.move("InService"))
    return {"EndpointArn": endpoint.arn}


def changes_of(endpoint: Endpoint, asked: list[dict]) -> dict:
    """{variant name: {"weight": float or None, "count": int or None}}.

    Raises a ValidationException for a variant that is not there or comes twice, or weights that sum to 0.
    """
    weights = {variant.name: variant.desired_weight for variant in endpoint.variants}
    changes: dict = {}
    for item in asked:
        name = item["VariantName"]
        if name in changes:
            raise validation_error(f"Duplicate variant name {name!r} in DesiredWeightsAndCapacities.")
        if endpoint.variants and name not in weights:
            raise validation_error(
                f'Could not find variant "{name}" of endpoint "{endpoint.arn}"; it has {", ".join(weights)}.'
            )
        if "ServerlessUpdateConfig" in item or item.get("DesiredInstanceCount") == 0:
            what = "ServerlessUpdateConfig" if "ServerlessUpdateConfig" in item else "DesiredInstanceCount 0"
            raise not_here("sagemaker", f"UpdateEndpointWeightsAndCapacities with {what}")
        if "DesiredWeight" not in item and "DesiredInstanceCount" not in item:
            raise validation_error(f"Neither DesiredWeight nor DesiredInstanceCount for variant {name!r}.")
        changes[name] = {"weight": item.get("DesiredWeight"), "count": item.get("DesiredInstanceCount")}
    weights.update({name: each["weight"] for name, each in changes.items() if each["weight"] is not None})
    if weights and sum(weights.values()) <= 0:
        raise validation_error("The sum of all variant weights has to be more than 0.")
    return changes


@operation("sagemaker", "DescribeEndpoint")
def describe_endpoint(context, request: dict) -> dict:
    """One endpoint as it stands now."""
    return endpoint_of(context, request["EndpointName"]).describe()


@operation("sagemaker", "ListEndpoints")
def list_endpoints(context, request: dict) -> dict:
    """Summaries, filtered and sorted; newest first unless the request says else."""
    every = context.state.endpoints.of(context.region, context.account)
    asked = [each for each in every if request.get("StatusEquals", each.status) == each.status]
    found, token = select(asked, request, "Descending")
    summaries = [
        {
            "EndpointName": each.name,
            "EndpointArn": each.arn,
            "CreationTime": each.created_at,
            "LastModifiedTime": each.last_modified,
            "EndpointStatus": each.status,
        }
        for each in found
    ]
    return {"Endpoints": summaries, "NextToken": token}


@operation("sagemaker", "DeleteEndpoint")
def delete_endpoint(context, request: dict) -> None:
    """End an endpoint that is at rest; it shows Deleting until its processes have ended, then it is gone."""
    endpoint = endpoint_of(context, request["EndpointName"])
    engine = context.state.hosting
    claim(endpoint, "Deleting")
    _start(lambda: engine.delete(endpoint, lambda: forget(context.state, endpoint)), undo=lambda: None)


def forget(state, endpoint: Endpoint) -> None:
    """An endpoint is gone, with the asynchronous requests that nobody has answered."""
    state.async_queues.forget(endpoint.arn)
    state.endpoints.discard(endpoint)


def endpoint_of(context, name: str) -> Endpoint:
    """The endpoint of this name. Raises a ValidationException when there is none."""
    endpoint = context.state.endpoints.find(name, context.region, context.account)
    if endpoint is None:
        arn = arn_of("endpoint", name, context.region, context.account)
        raise validation_error(f'Could not find endpoint "{arn}".')
    return endpoint


def check_at_rest(endpoint: Endpoint) -> None:
    """Raise a ValidationException unless the endpoint can be updated: it has to be InService.

    "DeleteEndpoint is the only operation that can be performed on a failed endpoint" (API_EndpointSummary,
    2026-11); of AWS's wording for that no report was found.
    """
    status = endpoint.status
    if status in ("Failed", "UpdateRollbackFailed", "OutOfService"):
        raise validation_error(
            f'Cannot update endpoint "{endpoint.arn}" in status {status}: DeleteEndpoint is the only '
            "operation that can be performed on it."
        )
    if status != "InService":
        raise _in_progress(endpoint)


def claim(endpoint: Endpoint, status: str, spec=None) -> None:
    """Take the endpoint to a status that it may have now, or raise a ValidationException."""
    if not endpoint.begin(status, spec):
        raise _in_progress(endpoint)


def _in_progress(endpoint: Endpoint) -> AwsError:
    return validation_error(f'Cannot update in-progress endpoint "{endpoint.arn}".')


def _start(start, undo) -> None:
    """Hand an endpoint to the engine; when the engine was closed meanwhile, take the claim back."""
    try:
        start()
    except RuntimeError as err:
        undo()
        raise AwsError("ServiceUnavailable", f"The endpoint was not changed: {err}", 503) from err
