"""The requests of an endpoint as plain dicts: nothing here sends anything.

    CreateModel           what runs: image, model, environment          model_request()
    CreateEndpointConfig  on which machines, with which share           config_request()
    CreateEndpoint        the address that answers                      endpoint_request()

Names of models and configurations end in a mark of what is in them. The same contents have the same names, so
deploying twice creates nothing twice, and other contents never meet a name that is taken.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from tuneaws.endpoints import llm_images
from tuneaws.estimator import hosting_request

EXPIRES = "expires"  # the tag that says until when an endpoint may live, in UTC
MAX_NAME = 63  # of endpoint, configuration, model and variant (botocore 1.44.5, sagemaker)
MARK = 8  # characters at the end of the names of models and configurations


@dataclass(frozen=True)
class Variant:
    """One model behind an endpoint, and the machines it runs on.

    container          ContainerDefinition: {"Image", "ModelDataUrl", "Environment"} or {"ModelPackageName"}
    weight             its share of the requests is its weight over the sum of all weights
    startup_timeout_s  60 to 3,600: how long the container may take until it answers /ping
    host               InferenceAmiVersion; None: AWS's default
    """

    name: str
    container: dict
    instance_type: str
    instance_count: int = 1
    weight: float = 1.0
    startup_timeout_s: int = 600
    host: str | None = None


def variant(name: str, container: dict, instance_type: str, **more) -> Variant:
    """A Variant with the host that its image needs; `more` are the Variant's other members."""
    return Variant(name, container, instance_type,
                   **{"host": llm_images.host_for(container.get("Image", "")), **more})


def mark(*contents) -> str:
    """Eight characters that stand for these contents: the same each time."""
    text = json.dumps(contents, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:MARK]


def check_name(name: str) -> None:
    """Raise ValueError unless the name fits, with room for the names that are made from it."""
    room = MAX_NAME - MARK - 1
    if not re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", name) or len(name) > room:
        raise ValueError(f"{name!r} is no name for an endpoint here.\nFix: letters, digits and hyphens, "
                         f"a letter or digit at both ends, at most {room} characters (this has {len(name)})")


def model_name(endpoint: str, one: Variant, role_arn: str) -> str:
    """The name of a variant's model: "tuneaws-tuned-1a2b3c4d"."""
    return f"{endpoint}-{mark(one.name, one.container, role_arn)}"


def model_request(endpoint: str, one: Variant, role_arn: str, tags: list) -> dict:
    """CreateModel. A model costs nothing; it is a note of what to run. tags: [{"Key", "Value"}, ...]"""
    name = model_name(endpoint, one, role_arn)
    return hosting_request.model_request(name, role_arn, one.container, tags=tags)


def config_request(endpoint: str, variants: list, role_arn: str, tags: list) -> dict:
    """CreateEndpointConfig: machines and shares for one model or several. Costs nothing either."""
    machines = [hosting_request.production_variant(
        model_name(endpoint, one, role_arn), one.instance_type, one.instance_count, name=one.name,
        weight=one.weight, startup_timeout_s=one.startup_timeout_s, inference_ami_version=one.host)
        for one in variants]
    return hosting_request.endpoint_config_request(f"{endpoint}-{mark(machines)}", machines, tags=tags)


def endpoint_request(endpoint: str, config_name: str, tags: list, expires: datetime) -> dict:
    """CreateEndpoint. From here on it bills, by the second, until it is deleted."""
    return hosting_request.endpoint_request(endpoint, config_name, [*tags, expires_tag(expires)])


def expires_tag(expires: datetime) -> dict:
    """The tag {"Key": "expires", "Value": "2026-11-22T12:00:00Z"}."""
    utc = expires.astimezone(timezone.utc)
    return {"Key": EXPIRES, "Value": f"{utc:%Y-%m-%dT%H:%M:%SZ}"}


def read_expires(tags: dict) -> datetime | None:
    """The time in the tag; None when there is none, or it is not a time."""
    try:
        seen = datetime.strptime(tags.get(EXPIRES, ""), "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None
    return seen.replace(tzinfo=timezone.utc)


def now() -> datetime:
    """The time, with its time zone."""
    return datetime.now(timezone.utc)


def after(seconds: float) -> datetime:
    """The time in so many seconds."""
    return now() + timedelta(seconds=seconds)


def belongs_to(name: str, endpoint: str) -> bool:
    """Whether a model or a configuration has a name that this module made for this endpoint."""
    return re.fullmatch(rf"{re.escape(endpoint)}-[0-9a-f]{{{MARK}}}", name) is not None
