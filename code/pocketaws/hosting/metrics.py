"""Invocations and latencies of endpoints → CloudWatch namespace AWS/SageMaker, in batches from a thread.

docs: "Monitor Amazon SageMaker AI with Amazon CloudWatch" (2026-11): Invocations, Invocation4XXErrors,
Invocation5XXErrors (each 0 or 1 a request, no unit), ModelLatency and OverheadLatency (microseconds), by
EndpointName and VariantName. AWS has a value a minute; here there is one every two seconds, so that a
lesson need not wait. Each is sent as statistics (how many, sum, smallest, largest), which bounds the memory,
here and in the CloudWatch stand-in, whatever the traffic; percentiles are not kept.
"""

import threading

from botocore.exceptions import BotoCoreError, ClientError

NAMESPACE = "AWS/SageMaker"
SEND_EVERY_S = 2.0
MAX_DATA = 1000  # MetricData a call (API_PutMetricData, 2026-11)
UNITS = {"ModelLatency": "Microseconds", "OverheadLatency": "Microseconds"}


class Metrics:
    """Counts requests; a thread that lives from the first one to `close` sends what it counted."""

    def __init__(self, clients):
        self._clients = clients
        self._waiting: dict[tuple[str, str, str], list[float]] = {}  # → [count, sum, smallest, largest]
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._any, self._closed = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self.lost = 0  # statistics that CloudWatch did not take

    def record(self, endpoint: str, variant: str, status: int | None, model_s: float, overhead_s: float):
        """Count one request. status: what the container answered, None if it did not."""
        values = {
            "Invocations": 1.0,
            "Invocation4XXErrors": float(status is not None and 400 <= status < 500),
            "Invocation5XXErrors": float(status is None or status >= 500),
            "ModelLatency": model_s * 1e6,
            "OverheadLatency": overhead_s * 1e6,
        }
        with self._lock:
            for name, value in values.items():
                row = self._waiting.get((endpoint, variant, name))
                if row is None:
                    self._waiting[endpoint, variant, name] = [1, value, value, value]
                else:
                    row[0] += 1
                    row[1] += value
                    row[2] = min(row[2], value)
                    row[3] = max(row[3], value)
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._work, name="endpoint metrics", daemon=True)
                self._thread.start()
        self._any.set()

    def flush(self) -> None:
        """Send what there is now; returns when it is sent."""
        with self._sending:
            with self._lock:
                waiting, self._waiting = self._waiting, {}
                self._any.clear()
            data = [_datum(key, row) for key, row in waiting.items()]
            for start in range(0, len(data), MAX_DATA):
                batch = data[start : start + MAX_DATA]
                try:
                    self._clients.get("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=batch)
                except (BotoCoreError, ClientError):
                    self.lost += len(batch)

    def close(self) -> None:
        """Send what is left and end the thread."""
        self._closed.set()
        self._any.set()
        if self._thread:
            self._thread.join()
        self.flush()

    def _work(self) -> None:
        while not self._closed.is_set():
            self._any.wait()
            self._closed.wait(SEND_EVERY_S)
            self.flush()


def _datum(key: tuple[str, str, str], row: list[float]) -> dict:
    endpoint, variant, name = key
    return {
        "MetricName": name,
        "Dimensions": [
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": variant},
        ],
        "Unit": UNITS.get(name, "None"),
        "StatisticValues": {
            "SampleCount": row[0],
            "Sum": row[1],
            "Minimum": row[2],
            "Maximum": row[3],
        },
    }
