"""JSON to the endpoint and back, as SDK 2's JSONSerializer and JSONDeserializer do it.

Any object with CONTENT_TYPE and serialize(data), or ACCEPT and deserialize(stream, content_type), can take
their place: those of sagemaker.core.serializers and sagemaker.core.deserializers are such.
"""

from __future__ import annotations

import json
from typing import Any


class JSONSerializer:
    """Python values, numpy arrays and open files to the body of a request."""

    CONTENT_TYPE = "application/json"

    def serialize(self, data: Any) -> Any:
        """Return JSON text. An array becomes lists; a file is sent as it is.

        Raises  TypeError for what JSON does not have
        """
        if isinstance(data, dict):
            return json.dumps({key: _lists(value) for key, value in data.items()})
        return data.read() if hasattr(data, "read") else json.dumps(_lists(data))


class JSONDeserializer:
    """The body of an answer to Python values."""

    ACCEPT = ("application/json",)

    def deserialize(self, stream: Any, content_type: str) -> Any:
        """Return what the JSON in stream says; the stream is closed.

        Raises  ValueError that shows the answer, if it is no JSON
        """
        try:
            body = stream.read()
        finally:
            stream.close()
        try:
            return json.loads(body)
        except ValueError as err:
            raise ValueError(
                f"the endpoint answered {content_type} that is not JSON: {body[:200]!r}. Fix: a deserializer "
                "for it, such as sagemaker.core.deserializers.StringDeserializer(), or JSON from output_fn."
            ) from err


def _lists(value: Any) -> Any:
    return value.tolist() if type(value).__module__ == "numpy" and hasattr(value, "tolist") else value


def media_types(types: str | tuple[str, ...]) -> str:
    """Content types as one header value."""
    return types if isinstance(types, str) else ", ".join(types)
