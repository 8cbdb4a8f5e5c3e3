"""The context that a script's functions may take, as multi-model-server and TorchServe have it.

Facts: mms/context.py and mms/metrics of multi-model-server 1.1.11 (pypi.org, read 2026-11).
"""

import os
import uuid


class Headers(dict):
    """Header names and values; a name is found whatever its case."""

    def __getitem__(self, name):
        return super().__getitem__(name.lower())

    def __contains__(self, name):
        return super().__contains__(name.lower())

    def get(self, name, default=None):
        """The value of a header, or the default."""
        return super().get(name.lower(), default)


class Metrics:
    """context.metrics: what a script counts is a line of the log."""

    def _add(self, kind: str, name: str, value, unit) -> None:
        print(f"[METRICS]{name}.{unit or kind}:{value}", flush=True)

    def add_counter(self, name: str, value: int, idx=None) -> None:
        """Count something."""
        self._add("Count", name, value, None)

    def add_time(self, name: str, value, idx=None, unit: str = "ms") -> None:
        """A duration."""
        self._add("Time", name, value, unit)

    def add_size(self, name: str, value, idx=None, unit: str = "MB") -> None:
        """A size."""
        self._add("Size", name, value, unit)

    def add_percent(self, name: str, value, idx=None) -> None:
        """A share, in percent."""
        self._add("Percent", name, value, None)

    def add_metric(self, name: str, value, idx=None, unit=None) -> None:
        """Anything else."""
        self._add("Value", name, value, unit)


class Context:
    """One object for all requests, as on AWS; `begin` makes it that of the next one.

    status, response_headers   what the script has set for this request's answer
    """

    def __init__(self, model_dir: str):
        gpu = 0 if os.path.exists("/dev/nvidia0") else None
        self.model_name, self.manifest = "model", {}
        self.system_properties = {
            "model_dir": model_dir,
            "gpu_id": gpu,
            "batch_size": 1,
            "server_name": "MMS",
            "server_version": "1.1.11",
        }
        self.metrics = Metrics()
        self.begin({})

    def begin(self, headers: dict[str, str]) -> None:
        """The next request, with its headers in lower case."""
        self._headers, self.response_headers = Headers(headers), {}
        self.status = 200
        self.request_processor = [self]
        self.request_ids = {0: str(uuid.uuid4())}

    def get_request_id(self, idx: int = 0) -> str:
        """An id of this request."""
        return self.request_ids[idx]

    def get_request_properties(self) -> Headers:
        """The request's headers."""
        return self._headers

    def get_all_request_header(self, idx: int = 0) -> Headers:
        """The request's headers."""
        return self._headers

    def get_request_header(self, idx: int, key: str) -> str | None:
        """One of the request's headers."""
        return self._headers.get(key)

    def get_request_property(self, key: str) -> str | None:
        """One of the request's headers."""
        return self._headers.get(key)

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        """Set a header of the answer."""
        self.response_headers[key.lower()] = value

    def get_response_headers(self, idx: int = 0) -> dict[str, str]:
        """The headers set so far."""
        return self.response_headers

    def set_response_content_type(self, idx: int, value: str) -> None:
        """Set the content type of a streamed answer; that of a whole one is what was asked for."""
        self.set_response_header(idx, "content-type", value)

    def get_response_content_type(self, idx: int = 0) -> str | None:
        """The content type set so far."""
        return self.response_headers.get("content-type")

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Set the answer's status. The phrase is not sent: no client of SageMaker sees it."""
        self.status = code

    def set_all_response_status(self, code: int = 200, phrase: str = "") -> None:
        """Set the answer's status."""
        self.status = code

    def get_response_status(self, idx: int = 0) -> tuple[int, str]:
        """The status set so far."""
        return self.status, ""
