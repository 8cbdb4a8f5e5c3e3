"""How an endpoint lives and ends: wait until it answers, see its time running, delete it and make sure.

    watch(sm, logs, "tuneaws-tuned")             # a line for each status, until it is InService
    time_left(sm, "tuneaws-tuned")               # 3,412 s
    table(list_endpoints(sm, {"course": "tuneaws"}))
    delete_expired(sm, {"course": "tuneaws"})    # ["tuneaws-tuned"]

An endpoint bills from its creation until it is deleted, asked or not. AWS has no time to live for it: the tag
`expires` is the course's own, and only delete_expired() acts on it: python code/delete_endpoints.py calls it.
"""

from __future__ import annotations

import time
from collections import Counter

from botocore.exceptions import ClientError

from tuneaws import endpoint_requests as requests
from tuneaws import prices
from tuneaws.endpoint_use import EndpointError
from tuneaws.logs import log_lines as lines_of_streams

LOG_GROUP = "/aws/sagemaker/Endpoints/"  # + the endpoint; a stream is <variant>/<instance>
SETTLED = ("InService", "Failed", "OutOfService", "UpdateRollbackFailed")


# --- look


def describe(sm, name: str) -> dict | None:
    """What DescribeEndpoint says; None when there is no such endpoint."""
    return _found(sm.describe_endpoint, EndpointName=name)


def tags_of(sm, arn: str) -> dict:
    """The tags of anything in SageMaker, as {name: value}."""
    pages = sm.get_paginator("list_tags").paginate(ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def time_left(sm, name: str) -> float | None:
    """Seconds until the endpoint's time is over; under 0 when it is, None when it has no time to live."""
    expires = requests.read_expires(tags_of(sm, _needed(sm, name)["EndpointArn"]))
    return (expires - requests.now()).total_seconds() if expires else None


def keep(sm, name: str, ttl_s: float) -> None:
    """Let the endpoint live so many seconds from now on."""
    tag = requests.expires_tag(requests.after(ttl_s))
    sm.add_tags(ResourceArn=_needed(sm, name)["EndpointArn"], Tags=[tag])


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
    found = _needed(sm, name)
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
    machines = _machines(sm, endpoint)
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


def _machines(sm, endpoint: dict) -> list:
    """[(instance type, how many of all variants), ...], as far as the configuration is still there."""
    found = describe(sm, endpoint["EndpointName"]) or {}
    counts = {one["VariantName"]: one.get("CurrentInstanceCount")
              for one in found.get("ProductionVariants", [])}
    config_name = found.get("EndpointConfigName", "-")
    config = _found(sm.describe_endpoint_config, EndpointConfigName=config_name) or {}
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
        found = _needed(sm, name)
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
    found = _needed(sm, name)
    log = log_lines(logs, name, tail)
    last = f"the last lines of its container ({len(log)}):" if log else "its container has printed nothing."
    return "\n".join([
        f"{name} is {found['EndpointStatus']}: {found.get('FailureReason', '(no reason given)')}",
        last, *(f"  | {line}" for line in log),
        f"Fix: mend what they name, then deploy again. endpoints.delete(sm, {name!r}) removes it"])


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


# --- end


def delete(sm, name: str, wait_s: float = 600, poll_s: float = 0.2) -> list:
    """Delete an endpoint with its configurations and models, wait, and look that they are gone.

    Returns  what was deleted, ["endpoint tuneaws-tuned", ...]; [] when there was nothing
    Raises   EndpointError if something is still there after `wait_s`. The archive in S3 stays
    Also removes what earlier deployments under this name have left. Deleting twice is fine.
    """
    found = describe(sm, name)
    configs, models = _parts(sm, name, found)
    gone = []
    if found:
        _wait_while_busy(sm, name, wait_s, poll_s)
        if (describe(sm, name) or {}).get("EndpointStatus", "Deleting") != "Deleting":
            sm.delete_endpoint(EndpointName=name)
        _until_gone(lambda: describe(sm, name), f"endpoint {name}", wait_s, poll_s)
        gone.append(f"endpoint {name}")
    for config in configs:
        if _found(sm.delete_endpoint_config, EndpointConfigName=config) is not None:
            gone.append(f"configuration {config}")
        _until_gone(lambda c=config: _found(sm.describe_endpoint_config, EndpointConfigName=c),
                    f"configuration {config}", wait_s, poll_s)
    for model in models:
        if _found(sm.delete_model, ModelName=model) is not None:
            gone.append(f"model {model}")
        _until_gone(lambda m=model: _found(sm.describe_model, ModelName=m), f"model {model}", wait_s, poll_s)
    return gone


def delete_expired(sm, tags: dict) -> list:
    """Delete the endpoints that carry all `tags` and whose time is over; return their names.

    One without a time to live stays: list_endpoints() shows it.
    """
    names = []
    for row in list_endpoints(sm, tags):
        left = time_left(sm, row["endpoint"])
        if left is not None and left <= 0:
            delete(sm, row["endpoint"])
            names.append(row["endpoint"])
    return names


def delete_all(sm, tags: dict) -> list:
    """Delete every endpoint that carries all `tags`, whatever its time; return their names.

    Raises  ValueError without tags: that would be every endpoint of the account
    """
    if not tags:
        raise ValueError("no tags: that would delete every endpoint of the account. Fix: cfg.project.tags")
    names = [row["endpoint"] for row in list_endpoints(sm, tags)]
    for name in names:
        delete(sm, name)
    return names


def forget_older(sm, name: str) -> None:
    """Delete the configurations and models of earlier deployments of an endpoint; those in use stay."""
    found = _needed(sm, name)
    configs, models = _parts(sm, name, found)
    in_use = found["EndpointConfigName"]
    for config in configs:
        if config != in_use and requests.belongs_to(config, name):
            _found(sm.delete_endpoint_config, EndpointConfigName=config)
    kept = _models_of(sm, in_use)
    for model in models:
        if model not in kept and requests.belongs_to(model, name):
            _found(sm.delete_model, ModelName=model)


def _parts(sm, name: str, found: dict | None) -> tuple:
    """The names of an endpoint's configurations and models, those of earlier deployments too."""
    pages = sm.get_paginator("list_endpoint_configs").paginate(NameContains=name)
    configs = [one["EndpointConfigName"] for page in pages for one in page["EndpointConfigs"]]
    configs = [config for config in configs if requests.belongs_to(config, name)]
    if found and found["EndpointConfigName"] not in configs:
        configs.insert(0, found["EndpointConfigName"])
    pages = sm.get_paginator("list_models").paginate(NameContains=name)
    models = [one["ModelName"] for page in pages for one in page["Models"]]
    models = [model for model in models if requests.belongs_to(model, name)]
    return configs, [*models, *(m for c in configs for m in _models_of(sm, c) if m not in models)]


def _models_of(sm, config_name: str) -> list:
    config = _found(sm.describe_endpoint_config, EndpointConfigName=config_name) or {}
    return [one["ModelName"] for one in config.get("ProductionVariants", []) if "ModelName" in one]


def _wait_while_busy(sm, name: str, wait_s: float, poll_s: float) -> None:
    """AWS refuses to delete an endpoint while it is being made or changed."""
    deadline = time.monotonic() + wait_s
    while (found := describe(sm, name)) and found["EndpointStatus"] not in (*SETTLED, "Deleting"):
        if time.monotonic() > deadline:
            status = found["EndpointStatus"]
            raise EndpointError(f"{name} is still {status} after {wait_s:.0f} s, and bills.\n"
                                "Fix: delete it again in a few minutes")
        time.sleep(poll_s)


def _until_gone(look, what: str, wait_s: float, poll_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while (there := look()) is not None:
        if time.monotonic() > deadline:
            status = there.get("EndpointStatus", "there")
            raise EndpointError(f"{what} is still {status} {wait_s:.0f} s after it was deleted.\n"
                                "Fix: delete it again, and look at the console if it stays")
        time.sleep(poll_s)


def _needed(sm, name: str) -> dict:
    found = describe(sm, name)
    if found is None:
        raise EndpointError(f"there is no endpoint {name!r} in {sm.meta.region_name}.\n"
                            "Fix: endpoints.list_endpoints(sm, tags) shows yours; lesson 10 deploys one")
    return found


def _found(call, **request):
    """The answer of a call, None when what it names is not there."""
    try:
        return call(**request)
    except ClientError as err:
        said = err.response["Error"]["Message"].lower()
        absent = "could not find" in said or "does not exist" in said
        if err.response["Error"]["Code"] == "ValidationException" and absent:
            return None
        raise
