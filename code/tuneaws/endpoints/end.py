"""How an endpoint ends: deleted with all that was made for it, and looked after that it is gone.

    delete(sm, "tuneaws-tuned")                  # ["endpoint tuneaws-tuned", "configuration …", "model …"]
    delete_expired(sm, {"course": "tuneaws"})    # ["tuneaws-tuned"]

AWS has no time to live for an endpoint: the tag `expires` is the course's own, and only delete_expired() acts
on it. `python code/clean.py --expired` does it for all that the course made, and can wait for it.
"""

from __future__ import annotations

import time

from tuneaws.endpoints import requests
from tuneaws.endpoints.life import SETTLED, describe, list_endpoints, lookup, needed, time_left
from tuneaws.endpoints.use import EndpointError


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
        if lookup(sm.delete_endpoint_config, EndpointConfigName=config) is not None:
            gone.append(f"configuration {config}")
        _until_gone(lambda c=config: lookup(sm.describe_endpoint_config, EndpointConfigName=c),
                    f"configuration {config}", wait_s, poll_s)
    for model in models:
        if lookup(sm.delete_model, ModelName=model) is not None:
            gone.append(f"model {model}")
        _until_gone(lambda m=model: lookup(sm.describe_model, ModelName=m), f"model {model}", wait_s, poll_s)
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
    found = needed(sm, name)
    configs, models = _parts(sm, name, found)
    in_use = found["EndpointConfigName"]
    for config in configs:
        if config != in_use and requests.belongs_to(config, name):
            lookup(sm.delete_endpoint_config, EndpointConfigName=config)
    kept = _models_of(sm, in_use)
    for model in models:
        if model not in kept and requests.belongs_to(model, name):
            lookup(sm.delete_model, ModelName=model)


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
    config = lookup(sm.describe_endpoint_config, EndpointConfigName=config_name) or {}
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
