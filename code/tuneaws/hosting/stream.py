"""An answer that comes in pieces: as the container writes them, or line by line.

SDK 2 has both in sagemaker.iterators; SDK 3.12's LineIterator never ends when the last line has no newline.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import EventStreamError

from tuneaws.hosting.errors import InvocationError


class ByteIterator:
    """Yields the pieces of an InvokeEndpointWithResponseStream answer as bytes, each when it is there.

    Raises  InvocationError when the container fails half-way
    """

    def __init__(self, event_stream: Any, endpoint_name: str = ""):
        self.event_stream, self.endpoint_name = event_stream, endpoint_name
        self._pieces = self._read()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        """Stop reading; the endpoint stops making the answer."""
        self.event_stream.close()

    def _read(self) -> Iterator[bytes]:
        try:
            for event in self.event_stream:
                yield event["PayloadPart"]["Bytes"]
        except EventStreamError as err:
            raise InvocationError(self.endpoint_name, err) from err


class LineIterator(ByteIterator):
    r"""Yields whole lines without their \n, however the pieces were cut."""

    def _read(self) -> Iterator[bytes]:
        rest = b""
        for piece in super()._read():
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines
        if rest:
            yield rest
