"""Two models behind one endpoint: who answers how often, how well each does, and shifting the weights.

    who_answered(runtime, name, messages, 20)          # {"base": 9, "tuned": 11}
    shift(sm, name, {"base": 0, "tuned": 1})           # all requests to the tuned model
    table(variant_metrics(cloudwatch, name, ["base", "tuned"], start))
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime, timedelta, timezone

from tuneaws.endpoints.life import describe
from tuneaws.endpoints.use import EndpointError, ask

NAMESPACE = "AWS/SageMaker"
# https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html, 2026-11: the latencies are in
# microseconds; OverheadLatency is what SageMaker adds to the container's ModelLatency.
SUMS = {"requests": "Invocations", "4xx": "Invocation4XXErrors", "5xx": "Invocation5XXErrors"}
LATENCIES = {"model ms": "ModelLatency", "overhead ms": "OverheadLatency"}


def who_answered(runtime, name: str, messages, count: int, max_new_tokens: int | None = 8) -> dict:
    """Send the same short request `count` times; return {variant: how often it answered}, by name."""
    seen = Counter(ask(runtime, name, messages, max_new_tokens).variant for _ in range(count))
    return dict(sorted(seen.items()))


def weights(sm, name: str) -> dict:
    """{variant: its share of the requests}, which add up to 1."""
    found = describe(sm, name)
    if found is None:
        raise EndpointError(f"there is no endpoint {name!r}.\nFix: deploy it: lesson 12")
    raw = {one["VariantName"]: one.get("CurrentWeight", 0.0) for one in found["ProductionVariants"]}
    total = sum(raw.values())
    return {variant: weight / total if total else 0.0 for variant, weight in raw.items()}


def shift_request(name: str, new: dict) -> dict:
    """The UpdateEndpointWeightsAndCapacities request for {variant: weight}."""
    return {"EndpointName": name, "DesiredWeightsAndCapacities": [
        {"VariantName": variant, "DesiredWeight": float(weight)} for variant, weight in new.items()]}


def shift(sm, name: str, new: dict, timeout_s: float = 600, poll_s: float = 0.2) -> dict:
    """Change the weights, wait until they hold, and return weights(). No machine starts or stops.

    new     {variant: weight}; a variant that is not named keeps its weight
    Raises  EndpointError for a variant that is not there, or when no weight would be left
    """
    there = weights(sm, name)
    strangers = [variant for variant in new if variant not in there]
    if strangers:
        raise EndpointError(f"{name} has no variant {strangers[0]!r}.\nFix: one of {', '.join(there)}")
    if not any({**there, **new}.values()) or min(new.values()) < 0:
        raise EndpointError(f"the weights {new} leave nobody to answer.\n"
                            "Fix: at least one over 0, and none under it")
    sm.update_endpoint_weights_and_capacities(**shift_request(name, new))
    deadline = time.monotonic() + timeout_s
    while (found := describe(sm, name))["EndpointStatus"] != "InService":
        if time.monotonic() > deadline or found["EndpointStatus"] == "Failed":
            raise EndpointError(f"{name} is {found['EndpointStatus']} after its weights were changed: "
                                f"{found.get('FailureReason', 'no reason given')}\n"
                                f"Fix: endpoints.show(sm, {name!r})")
        time.sleep(poll_s)
    return weights(sm, name)


def variant_metrics(cloudwatch, name: str, variants: list, start: datetime,
                    end: datetime | None = None) -> list:
    """One row for each variant from CloudWatch: requests, errors, mean latencies in milliseconds.

    start, end  datetimes with a time zone; end None is now. CloudWatch counts by the minute, a minute late
    A latency is None where no request came in that time.
    """
    end = (end or datetime.now(timezone.utc)) + timedelta(minutes=1)
    start = start.replace(second=0, microsecond=0)
    rows = []
    for variant in variants:
        read = _reader(cloudwatch, name, variant, start, end)
        row = {"variant": variant, **{column: int(_total(read(metric))) for column, metric in SUMS.items()}}
        for column, metric in LATENCIES.items():
            points = read(metric)
            count = sum(point["SampleCount"] for point in points)
            row[column] = round(_total(points) / count / 1000, 2) if count else None
        rows.append(row)
    return rows


def _reader(cloudwatch, name: str, variant: str, start, end):
    def read(metric: str) -> list:
        # A period that is a multiple of a minute, and few enough points for one answer (1,440 at most).
        period = 60 * max(1, int((end - start).total_seconds() // 60 // 1000) + 1)
        return cloudwatch.get_metric_statistics(
            Namespace=NAMESPACE, MetricName=metric, StartTime=start, EndTime=end, Period=period,
            Dimensions=[{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": variant}],
            Statistics=["Sum", "SampleCount"])["Datapoints"]
    return read


def _total(points: list) -> float:
    return sum(point["Sum"] for point in points)
