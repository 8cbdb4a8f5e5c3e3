"""The queue in front of an asynchronous endpoint: input from S3 or the request, output and failures to S3.

As docs: "Asynchronous inference" and API_runtime_InvokeEndpointAsync have it (2026-11): a request waits up to
RequestTTLSeconds and is processed for up to InvocationTimeoutSeconds, at most
MaxConcurrentInvocationsPerInstance at once. What the container answers becomes an object at OutputLocation;
what goes wrong one at FailureLocation, if the endpoint config has an S3FailurePath.

A request is kept in the store until its answer is in S3: the next server on this home takes up those that
were left, one that was in the middle from its beginning.
"""

import contextlib
import logging
import threading
import time
import uuid
import weakref
from collections import deque
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from pocketaws.aws_clients import AwsClients
from pocketaws.errors import AwsError, internal_error
from pocketaws.keeping import json_values
from pocketaws.keeping.store import StoreClosed
from pocketaws.sagemaker_runtime import invocations

log = logging.getLogger("pocketaws")
KIND = "async-invocation"  # of the store's entries
MAX_INPUT = 1024**3  # bytes; docs: "Inference options in Amazon SageMaker AI", 1 GB (2026-11)
CONCURRENT = 1  # an instance, where the config names no number: "SageMaker chooses an optimal value"


class _Left(Exception):
    """The server ends: this request is for the next one."""


@json_values.dataclass_kind
@dataclass
class Waiting:
    """One request in the queue. Locations are (bucket, key); body None: it is at `input`.

    since   seconds since 1970      key   of its entry in the store
    """

    headers: dict[str, str]
    output: tuple[str, str]
    failure: tuple[str, str] | None
    ttl_s: int
    timeout_s: int
    body: bytes | None = None
    input: tuple[str, str] = ("", "")
    since: float = field(default_factory=time.time)
    key: str = field(default_factory=lambda: str(uuid.uuid4()))


class AsyncQueues:
    """The queues of all asynchronous endpoints; one goes with its endpoint. store: keeps the requests."""

    def __init__(self, store=None):
        self._store = store
        self._queues: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
        self._clients: dict[str, AwsClients] = {}
        self._lock = threading.Lock()

    def add(self, endpoint, waiting: Waiting, state) -> None:
        """Keep a request and put it into an endpoint's queue; returns at once."""
        if self._store is not None:
            kept = {"endpoint": endpoint.arn, "waiting": waiting}
            self._store.put(KIND, waiting.key, json_values.write(kept))
        self._queue_of(endpoint, state).add(waiting)

    def left(self) -> dict[str, list[Waiting]]:
        """{ARN of an endpoint: the requests that a server before left}, in their order."""
        found: dict[str, list[Waiting]] = {}
        for key, text in self._store.items(KIND):
            try:
                entry = json_values.read(text, lambda reference: None)
                found.setdefault(entry["endpoint"], []).append(entry["waiting"])
            except json_values.Unreadable as err:
                self._store.set_aside(KIND, key, str(err))
        return found

    def take_up(self, endpoint, left: list[Waiting], state) -> None:
        """Put requests that are kept already into an endpoint's queue."""
        queue = self._queue_of(endpoint, state)
        for waiting in left:
            queue.add(waiting)

    def forget(self, arn: str) -> None:
        """An endpoint is gone, and nobody will answer what waited for it."""
        if self._store is not None:
            gone = [(KIND, waiting.key) for waiting in self.left().get(arn, [])]
            self._store.change(deletes=gone)

    def _queue_of(self, endpoint, state) -> "Queue":
        with self._lock:
            queue = self._queues.get(endpoint)
            if queue is None:
                clients = self._clients.setdefault(endpoint.region, AwsClients(state.url, endpoint.region))
                queue = Queue(weakref.ref(endpoint), state.hosting, clients, self._store)
                self._queues[endpoint] = queue
            return queue


class Queue:
    """The requests of one endpoint, and the threads that process them while there are some."""

    def __init__(self, endpoint, hosting, clients: AwsClients, store=None):
        self._endpoint, self._hosting, self._clients, self._store = endpoint, hosting, clients, store
        self._waiting: deque[Waiting] = deque()
        self._workers = 0
        self._lock = threading.Lock()

    def add(self, waiting: Waiting) -> None:
        """Append a request, and start a thread for it where the endpoint takes one more at a time."""
        with self._lock:
            self._waiting.append(waiting)
            if self._workers >= self._most_at_once():
                return
            self._workers += 1
        threading.Thread(target=self._work, name="async invocations", daemon=True).start()

    def _most_at_once(self) -> int:
        endpoint = self._endpoint()
        config = (endpoint.spec.async_config or {}).get("ClientConfig", {})
        instances = sum(variant.current_count for variant in endpoint.variants)
        return max(1, instances) * config.get("MaxConcurrentInvocationsPerInstance", CONCURRENT)

    def _work(self) -> None:
        while True:
            with self._lock:
                endpoint = self._endpoint()
                if not self._waiting or endpoint is None:
                    self._workers -= 1
                    return
                waiting = self._waiting.popleft()
            with contextlib.suppress(_Left, StoreClosed):
                try:
                    self._process(endpoint, waiting)
                except (BotoCoreError, ClientError) as err:
                    log.error("%s: an asynchronous answer could not be stored: %s", endpoint.name, err)
                if self._store is not None:
                    self._store.delete(KIND, waiting.key)
            del endpoint, waiting

    def _process(self, endpoint, waiting: Waiting) -> None:
        """Take one request to its output, or to its failure."""
        try:
            if time.time() - waiting.since > waiting.ttl_s:
                raise AwsError("Expired", f"The request was in the queue for more than {waiting.ttl_s} s.")
            body = self._input(waiting) if waiting.body is None else waiting.body
            invoke = self._hosting.invoke
            answer = invocations.asked(invoke, endpoint, body, waiting.headers, timeout_s=waiting.timeout_s)
        except AwsError as err:
            if self._hosting.closed:
                raise _Left from err
            log.info("%s: asynchronous request failed: %s %s", endpoint.name, err.code, err.message)
            self._fail(waiting, err)
            return
        except Exception:  # whoever waits for an answer in S3 has to find something there
            log.exception("failed in an asynchronous invocation of %s", endpoint.name)
            self._fail(waiting, internal_error("sagemaker-runtime", "InvokeEndpointAsync"))
            return
        kind = invocations.described(answer)["ContentType"] or "application/octet-stream"
        self._put(waiting.output, answer.body, kind)

    def _fail(self, waiting: Waiting, err: AwsError) -> None:
        if waiting.failure:
            self._put(waiting.failure, err.message.encode(), "text/plain")

    def _input(self, waiting: Waiting) -> bytes:
        bucket, key = waiting.input
        try:
            found = self._s3().get_object(Bucket=bucket, Key=key)
        except ClientError as err:
            reason = err.response["Error"]["Message"]
            raise AwsError("InputError", f"s3://{bucket}/{key} could not be read: {reason}") from err
        if found["ContentLength"] > MAX_INPUT:
            size = found["ContentLength"]
            raise AwsError("InputError", f"s3://{bucket}/{key} has {size:,} bytes, over {MAX_INPUT:,}.")
        return found["Body"].read()

    def _s3(self):
        """S3 as the role of the endpoint's model."""
        spec = getattr(self._endpoint(), "spec", None)
        return self._clients.as_role(spec.variants[0].container.role if spec else None).get("s3")

    def _put(self, where: tuple[str, str], body: bytes, kind: str) -> None:
        bucket, key = where
        self._s3().put_object(Bucket=bucket, Key=key, Body=body, ContentType=kind)
