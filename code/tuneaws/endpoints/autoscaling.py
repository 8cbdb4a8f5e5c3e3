"""More machines when more is asked, fewer when less: Application Auto Scaling of an endpoint, on aws.

    target = invocations_target(max_requests_per_s=6.5)            # from the load test: 195 a minute
    print(target_request(name, "tuned", 1, 3), policy_request(name, "tuned", target), sep="\\n")
    apply(session, name, "tuned", smallest=1, largest=3, invocations_per_minute=target)

Two requests: how many instances there may be, and which number to hold steady. Each instance more costs the
full price, so the worst case is `largest` times that of one, until the endpoint is deleted.
"""

from __future__ import annotations

from tuneaws import prices
from tuneaws.endpoints.life import describe
from tuneaws.endpoints.use import EndpointError

SERVICE, DIMENSION = "sagemaker", "sagemaker:variant:DesiredInstanceCount"
METRIC = "SageMakerVariantInvocationsPerInstance"  # requests a minute for each instance, a mean


def invocations_target(max_requests_per_s: float, safety: float = 0.5) -> float:
    """Requests a minute that one instance should have: what it can do in a load test, with room above it.

    safety  AWS's advice is to start with 0.5: a new machine takes minutes to come
    (https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-loadtest.html, 2026-11)
    """
    if not 0 < safety <= 1 or max_requests_per_s <= 0:
        raise ValueError(f"max_requests_per_s is {max_requests_per_s} and safety {safety}: the first must be "
                         "over 0, the second over 0 and at most 1")
    return max_requests_per_s * 60 * safety


def resource_id(name: str, variant: str) -> str:
    """How Application Auto Scaling names a variant: "endpoint/tuneaws-tuned/variant/tuned"."""
    return f"endpoint/{name}/variant/{variant}"


def target_request(name: str, variant: str, smallest: int, largest: int) -> dict:
    """RegisterScalableTarget: between how many instances.

    A variant on instances keeps at least one: 0 is for inference components and asynchronous endpoints
    (https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html, 2026-11).
    """
    if not 1 <= smallest <= largest:
        raise ValueError(f"{smallest} to {largest} instances: at least 1, and not more at least than at most")
    return {"ServiceNamespace": SERVICE, "ResourceId": resource_id(name, variant),
            "ScalableDimension": DIMENSION, "MinCapacity": smallest, "MaxCapacity": largest}


def policy_request(name: str, variant: str, invocations_per_minute: float, scale_out_s: int = 60,
                   scale_in_s: int = 300) -> dict:
    """PutScalingPolicy: hold the requests a minute of an instance at this number (target tracking).

    scale_out_s, scale_in_s  wait so long after a change before the next one, up and down
    """
    return {"PolicyName": f"{name}-{variant}-invocations"[:256], "ServiceNamespace": SERVICE,
            "ResourceId": resource_id(name, variant), "ScalableDimension": DIMENSION,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": float(invocations_per_minute),
                "PredefinedMetricSpecification": {"PredefinedMetricType": METRIC},
                "ScaleOutCooldown": scale_out_s, "ScaleInCooldown": scale_in_s}}


def apply(session, name: str, variant: str, smallest: int, largest: int, invocations_per_minute: float,
          budget_usd: float, ttl_s: float) -> None:
    """Switch automatic scaling on for one variant; the second time it changes the numbers.

    budget_usd, ttl_s  the configuration's: `largest` instances for the whole time to live must fit
    Raises             EndpointError in local, PriceError over the budget
    """
    target = target_request(name, variant, smallest, largest)
    policy = policy_request(name, variant, invocations_per_minute)
    kind = _instance_type(_on_aws(session), name, variant)
    pricing = session.boto.client("pricing", region_name="us-east-1")
    price = prices.best_price(pricing, kind, session.region, "Host")
    cost = prices.hosting_estimate(kind, largest, session.region, ttl_s, price)
    print(f"at most {largest} instances:", cost, sep="\n")
    prices.check_budget(cost, budget_usd)
    scaling = session.client("application-autoscaling")
    scaling.register_scalable_target(**target)
    scaling.put_scaling_policy(**policy)
    each = f"{invocations_per_minute:.0f} requests a minute each"
    print(f"{name}, {variant}: {smallest} to {largest} instances, {each}")


def remove(session, name: str, variant: str) -> None:
    """Switch automatic scaling off; the instances that are there stay, and bill."""
    _on_aws(session)
    session.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace=SERVICE, ResourceId=resource_id(name, variant), ScalableDimension=DIMENSION)


def _on_aws(session):
    if session.where == "local":
        raise EndpointError("automatic scaling needs machines to add, and local has only this one.\n"
                            "Fix: look at the two requests, target_request() and policy_request(), which are "
                            "what aws gets.\nFree way on: the load test, which finds the number they need")
    return session.client("sagemaker")


def _instance_type(sm, name: str, variant: str) -> str:
    found = describe(sm, name)
    config = sm.describe_endpoint_config(EndpointConfigName=found["EndpointConfigName"]) if found else {}
    for one in config.get("ProductionVariants", []):
        if one["VariantName"] == variant:
            return one["InstanceType"]
    raise EndpointError(f"there is no endpoint {name!r} with a variant {variant!r}.\n"
                        f"Fix: endpoints.show(sm, {name!r})")
