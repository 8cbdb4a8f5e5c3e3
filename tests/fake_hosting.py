"""A hosting engine without containers: the test says what a container answers, piece by piece."""

import queue
import threading
from dataclasses import dataclass, field

from pocketaws.hosting.spec import ContainerSpec, EndpointSpec, VariantSpec
from pocketaws.sagemaker.endpoint import Endpoint

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-inference:2.6-cpu"


@dataclass
class FakeAnswer:
    """What HostingEngine.invoke and invoke_stream return."""

    status: int
    headers: dict
    body: bytes = b""
    variant: str = "AllTraffic"


class FakeStream:
    """Pieces that the test feeds: put bytes, an exception, or None for the end."""

    def __init__(self, status: int = 200, headers: dict | None = None):
        self.status, self.variant = status, "AllTraffic"
        self.headers = headers or {"Content-Type": "text/plain"}
        self.pieces: queue.Queue = queue.Queue()
        self.closed = threading.Event()

    @property
    def chunks(self):
        while (piece := self.pieces.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self):
        self.closed.set()
        self.pieces.put(OSError("closed"))


@dataclass
class FakeHosting:
    """answer(endpoint, body, headers, target_variant, timeout_s) gives what is to be returned or raised."""

    answer: object = None
    asked: list = field(default_factory=list)
    closed: bool = False

    def invoke(self, endpoint, body, headers, *, target_variant=None, timeout_s=60, received_at=None):
        self.asked.append((body, headers, target_variant, timeout_s))
        found = self.answer(body) if callable(self.answer) else self.answer
        if isinstance(found, Exception):
            raise found
        return found

    invoke_stream = invoke

    def close(self, grace_s):
        pass


def endpoint_in_service(state, name: str, async_config: dict | None = None, region: str = "us-east-1"):
    """Put an endpoint of one variant into a State's table, as if the engine had brought it up."""
    variant = VariantSpec("AllTraffic", "a-model", ContainerSpec(IMAGE), "ml.m5.large")
    spec = EndpointSpec(f"{name}-config", (variant,), async_config)
    endpoint = Endpoint(name, spec, region, state.account)
    endpoint.serve(spec)
    endpoint.move("InService")
    state.endpoints.add(endpoint, AssertionError(f"two endpoints called {name}"))
    return endpoint
