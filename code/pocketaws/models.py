"""The service models that botocore ships: which operations there are, and how a request names one.

Loaded when first asked for and kept. Only pocketaws' own operations are validated and serialised with them;
for everything else they give the right name to put into an error.
"""

import functools
import re
from urllib.parse import parse_qsl, unquote

import botocore.loaders
from botocore.exceptions import UnknownServiceError
from moto.core.model import ServiceModel

# SigV4 signing name → the botocore services that sign with it, most used first.
SIGNED_AS = {
    "sagemaker": (
        "sagemaker",
        "sagemaker-runtime",
        "sagemaker-metrics",
        "sagemaker-featurestore-runtime",
        "sagemaker-edge",
    ),
    "bedrock": ("bedrock", "bedrock-runtime", "bedrock-agent", "bedrock-agent-runtime"),
    "monitoring": ("cloudwatch",),
    "s3": ("s3", "s3control"),
    "servicequotas": ("service-quotas",),
    "tagging": ("resourcegroupstaggingapi",),
}
LABEL = re.compile(r"\{([^}+]+)(\+?)\}")


@functools.lru_cache(maxsize=16)  # ec2's alone takes 20 MB: models of services that are refused may go again
def service_model(service: str) -> ServiceModel | None:
    """The model of a botocore service ("sagemaker", "cloudwatch"), None when botocore has no such service."""
    if not re.fullmatch(r"[a-z0-9-]+", service):
        return None
    try:
        return ServiceModel(_loader().load_service_model(service, "service-2"), service)
    except UnknownServiceError:
        return None


@functools.cache
def _loader() -> botocore.loaders.Loader:
    return botocore.loaders.Loader()


def services_signed_as(signing_name: str) -> tuple[str, ...]:
    """Botocore services that a request signed with this name can be for; the name itself when unknown."""
    return SIGNED_AS.get(signing_name, (signing_name,))


class Route:
    """One REST operation: method, path with labels, query arguments and headers that it cannot do without."""

    def __init__(self, operation):
        self.name = operation.name
        self.method = operation.http["method"]
        path, _, query = operation.http["requestUri"].partition("?")
        self.pattern = re.compile(LABEL.sub(self._label, path.rstrip("/") or "/"))
        self.query = dict(parse_qsl(query, keep_blank_values=True))
        self.required_query: set[str] = set()
        self.required_headers: set[str] = set()
        self._read_required(operation.input_shape)
        literals = len([part for part in path.split("/") if part and "{" not in part])
        constraints = len(self.query) + len(self.required_query) + len(self.required_headers)
        self.weight = (literals, constraints, path.count("/"), not operation.deprecated)

    @staticmethod
    def _label(match) -> str:
        name = re.sub(r"\W", "_", match.group(1))
        return f"(?P<{name}>.+)" if match.group(2) else f"(?P<{name}>[^/]+)"

    def _read_required(self, shape) -> None:
        for name in shape.required_members if shape is not None else ():
            member = shape.members[name]
            wire_name = member.serialization.get("name", name)
            if member.serialization.get("location") == "querystring":
                self.required_query.add(wire_name)
            elif member.serialization.get("location") == "header":
                self.required_headers.add(wire_name.upper().replace("-", "_"))

    def match(self, method: str, path: str, query: dict, headers: set[str]) -> dict | None:
        """Path labels, decoded, when the request is this operation's; None when it is not."""
        if method != self.method or not self.required_headers <= headers:
            return None
        if not self.required_query <= query.keys():
            return None
        for name, value in self.query.items():
            if name not in query or (value and query[name] != value):
                return None
        found = self.pattern.fullmatch(path)
        return {key: unquote(value) for key, value in found.groupdict().items()} if found else None


@functools.lru_cache(maxsize=16)
def routes(service: str) -> tuple[Route, ...]:
    """The REST operations of a service, the most particular first; empty for other protocols."""
    model = service_model(service)
    if model is None or not model.metadata.get("protocol", "").startswith("rest"):
        return ()
    made = [Route(model.operation_model(name)) for name in model.operation_names]
    return tuple(sorted(made, key=lambda route: route.weight, reverse=True))


def match_route(
    service: str, method: str, path: str, query: dict, headers: set[str]
) -> tuple[str, dict] | None:
    """(operation name, path labels) of a REST request, or None.

    path      as it came, still percent-encoded
    query     {name: value}
    headers   names in WSGI form without HTTP_, such as "X_AMZ_COPY_SOURCE"
    """
    path = path if path == "/" else path.rstrip("/") if path.count("/") < 3 else path
    for route in routes(service):
        labels = route.match(method, path or "/", query, headers)
        if labels is not None:
            return route.name, labels
    return None
