"""How an endpoint lives: wait until it answers, see its time running, read what it printed.

    watch(sm, logs, "tuneaws-tuned")             # a line for each status, until it is InService
    time_left(sm, "tuneaws-tuned")               # 3,412 s
    table(list_endpoints(sm, {"course": "tuneaws"}))

An endpoint bills from its creation until it is deleted, asked or not; how it ends stands in end.py.
"""

from __future__ import annotations

import time
from collections import Counter

from botocore.exceptions import ClientError

from tuneaws import fixes, prices
from tuneaws.endpoints import requests
from tuneaws.endpoints.use import EndpointError
from tuneaws.logs import log_lines as lines_of_streams

LOG_GROUP = "/aws/sagemaker/Endpoints/"  # + the endpoint; a stream is <variant>/<instance>
SETTLED = ("InService", "Failed", "OutOfService", "UpdateRollbackFailed")


# --- look


def describe(sm, name: str) -> dict | None:
    """What DescribeEndpoint says; None when there is no such endpoint."""
    return lookup(sm.describe_endpoint, EndpointName=name)


def tags_of(sm, arn: str) -> dict:
    """The tags of anything in SageMaker, as {name: value}."""
    pages = sm.get_paginator("list_tags").paginate(ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def time_left(sm, name: str) -> float | None:
    """Seconds until the endpoint's time is over; under 0 when it is, None when it has no time to live."""
    expires = requests.read_expires(tags_of(sm, needed(sm, name)["EndpointArn"]))
    return (expires - requests.now()).total_seconds() if expires else None


def keep(sm, name: str, ttl_s: float) -> None:
    """Let the endpoint live so many seconds from now on."""
    tag = requests.expires_tag(requests.after(ttl_s))
    sm.add_tags(ResourceArn=needed(sm, name)["EndpointArn"], Tags=[tag])


def list_endpoints(sm, tags: dict) -> list:
    """One row for each endpoint that carries all `tags`, newest first: status, machines, time left, cost.

    tags  {"course": "tuneaws"}; {}: all of the account's
    "USD on AWS" is the price in tuneaws.prices since its creation; None: not known. In local nothing is paid,
    and the column says what it would have been.
    """
    rows = []
    pages = sm.get_paginator("list_endpoints").paginate(SortBy="CreationTime", SortOrder="Descending")
    for summary in [one for page in pages for one in page["Endpoints"]]:
        there = tags_of(sm, summary["EndpointArn"])
        if all(there.get(key) == value for key, value in tags.items()):
            rows.append(_row(sm, summary, there))
    return rows


def show(sm, name: str) -> None:
    """Print the few things of one endpoint that people ask for, and its variants."""
    found = needed(sm, name)
    row = _row(sm, found, tags_of(sm, found["EndpointArn"]))
    row["why"] = found.get("FailureReason")
    for one in found.get("ProductionVariants", []):
        weight = f"weight {one.get('CurrentWeight', 0):g}, {one.get('CurrentInstanceCount', 0)} instances"
        row[f"variant {one['VariantName']}"] = weight
    width = max(map(len, row))
    for key, value in row.items():
        if value is not None:
            print(f"{key:<{width}}  {value}")


def _row(sm, endpoint: dict, tags: dict) -> dict:
    expires = requests.read_expires(tags)
    left = span((expires - requests.now()).total_seconds()) if expires else "no limit"
    machines = machines_of(sm, endpoint)
    hours = (requests.now() - endpoint["CreationTime"]).total_seconds() / 3600
    try:
        cost = sum(prices.hosting_price(kind, sm.meta.region_name).usd_per_hour * count * hours
                   for kind, count in machines) if machines else None
    except prices.PriceError:
        cost = None
    return {"endpoint": endpoint["EndpointName"], "status": endpoint["EndpointStatus"],
            "machines": ", ".join(f"{count} x {kind}" for kind, count in machines),
            "created": f"{endpoint['CreationTime']:%Y-%m-%d %H:%M}", "time left": left,
            "USD on AWS": None if cost is None else f"{cost:.2f}"}


def span(seconds: float) -> str:
    """A time left, for people: "1 h 58 min", "3 min 20 s", "over since 2 min 0 s"."""
    if seconds < 0:
        return f"over since {span(-seconds)}"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def machines_of(sm, endpoint: dict) -> list:
    """[(instance type, how many of all variants), ...], as far as the configuration is still there."""
    found = describe(sm, endpoint["EndpointName"]) or {}
    counts = {one["VariantName"]: one.get("CurrentInstanceCount")
              for one in found.get("ProductionVariants", [])}
    config_name = found.get("EndpointConfigName", "-")
    config = lookup(sm.describe_endpoint_config, EndpointConfigName=config_name) or {}
    totals = Counter()
    for one in config.get("ProductionVariants", []):
        if "InstanceType" in one:
            totals[one["InstanceType"]] += counts.get(one["VariantName"]) or one["InitialInstanceCount"]
    return list(totals.items())


# --- wait


def watch(sm, logs, name: str, timeout_s: float = 1800, poll_s: float = 0.5, every_s: float = 30) -> dict:
    """Print each new status until the endpoint is settled; return its description.

    A line comes with a new status, and after `every_s` without one. An interrupt stops the watching only.
    Raises  EndpointError if it failed, with the last lines of its container, or after `timeout_s`
    """
    begin, shown, printed_at = time.monotonic(), None, 0.0
    while True:
        found = needed(sm, name)
        status, took = found["EndpointStatus"], time.monotonic() - begin
        if status != shown or took - printed_at > every_s:
            print(f"{took:6.0f} s  {status}")
            shown, printed_at = status, took
        if status in SETTLED:
            break
        if took > timeout_s:
            raise EndpointError(f"{name} is still {status} after {timeout_s:.0f} s, and bills.\n"
                                f"Fix: watch it again, or endpoints.delete(sm, {name!r})")
        time.sleep(poll_s)
    if status != "InService":
        raise EndpointError(explain_failure(sm, logs, name))
    return found


def explain_failure(sm, logs, name: str, tail: int = 15) -> str:
    """Why an endpoint is not in service: FailureReason, the last lines of its containers, and what to do."""
    found = needed(sm, name)
    log, reason = log_lines(logs, name, tail), found.get("FailureReason", "(no reason given)")
    fix = fixes.advice(fixes.of_job(reason, log), "mend what they name, then deploy again")
    last = f"the last lines of its container ({len(log)}):" if log else "its container has printed nothing."
    return "\n".join([
        f"{name} is {found['EndpointStatus']}: {reason}",
        last, *(f"  | {line}" for line in log),
        f"Fix: {fix}. endpoints.delete(sm, {name!r}) removes it"])


def log_lines(logs, name: str, tail: int | None = None, variant: str | None = None) -> list:
    """The lines that an endpoint's containers printed: all or the last `tail`, of one variant or of all."""
    group = LOG_GROUP + name
    variants = [variant] if variant else _logged_variants(logs, group)
    lines = [line for one in variants for line in lines_of_streams(logs, one, tail, group)]
    return lines[-tail:] if tail else lines


def _logged_variants(logs, group: str) -> list:
    pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=group)
    try:
        streams = [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return sorted({stream.partition("/")[0] for stream in streams})


def needed(sm, name: str) -> dict:
    """Like describe(); raises EndpointError when there is no such endpoint."""
    found = describe(sm, name)
    if found is None:
        raise EndpointError(f"there is no endpoint {name!r} in {sm.meta.region_name}.\n"
                            "Fix: endpoints.list_endpoints(sm, tags) shows yours; lesson 10 deploys one")
    return found


def lookup(call, **request):
    """The answer of a call, None when what it names is not there."""
    try:
        return call(**request)
    except ClientError as err:
        said = err.response["Error"]["Message"].lower()
        absent = "could not find" in said or "does not exist" in said
        if err.response["Error"]["Code"] == "ValidationException" and absent:
            return None
        raise
