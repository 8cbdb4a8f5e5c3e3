"""Answers that come piece by piece: the event streams of SageMaker's and Bedrock's runtimes.

An operation whose output has an event stream returns, as that member, an iterable of events:

    return {"ContentType": "text/plain", "Body": parts}      # each part {"PayloadPart": {"Bytes": b"…"}}

Each event is sent the moment it is there. An AwsError that the iterable raises becomes an exception event,
and the stream ends. An iterable with a close() has it called once, when all was sent or the client has gone;
in the second case from another thread than the one that draws the events: it can end a wait for the next.
The format: smithy.io/2.0/aws/amazon-eventstream.html (2026-11).
"""

import json
import logging
import threading

from moto.core.eventstream import EventStream, EventStreamEncoder

from pocketaws.errors import AwsError

log = logging.getLogger("pocketaws")
CONTENT_TYPE = "application/vnd.amazon.eventstream"


class EventAnswer:
    """The body of a streamed answer, as a WSGI iterable of encoded messages.

    result       what the operation returned; `member` of it holds the events
    serializer   moto's event stream serializer of the protocol
    """

    def __init__(self, result: dict, model, serializer):
        self.name = f"{model.service_model.service_name} {model.name}"
        self._shape = model.output_shape.members[model.output_shape.event_stream_name]
        self._source = result[model.output_shape.event_stream_name]
        self._messages = EventStream(result, model.output_shape, serializer)
        self._encode = EventStreamEncoder().encode_message
        self._closing = threading.Lock()  # taken by the first close() and kept

    def __iter__(self):
        try:
            for message in self._messages:
                yield self._encode(message.headers, message.payload)
        except Exception as err:
            if self._closing.locked():
                return  # the client has gone, and what was read from was closed under us
            yield self._failure(err)

    def close(self) -> None:
        """Let go of what the events come from. Safe to call from any thread, and twice."""
        if self._closing.acquire(blocking=False) and hasattr(self._source, "close"):
            self._source.close()

    def _failure(self, err: Exception) -> bytes:
        """The last message of a stream that fails: its status has gone out long ago.

        An exception event where the stream's shape has one of this name, else an error event.
        """
        if isinstance(err, AwsError):
            log.info("%s: the stream ended with %s %s", self.name, err.code, err.message)
        else:
            log.error("failed in %s, in its stream", self.name, exc_info=err)
            err = self._internal_error()
        if err.code not in self._shape.members:
            headers = {":message-type": "error", ":error-code": err.code, ":error-message": err.message}
            return self._encode(headers, b"")
        names = {name.lower(): name for name in self._shape.members[err.code].members}
        content = {names.get("message", "message"): err.message, **err.members}
        headers = {
            ":message-type": "exception", ":exception-type": err.code, ":content-type": "application/json",
        }  # fmt: skip
        return self._encode(headers, json.dumps(content).encode())

    def _internal_error(self) -> AwsError:
        """The stream's own name for "it is our fault": InternalStreamFailure, internalServerException."""
        names = [name for name in self._shape.members if name.lower().startswith("internal")]
        message = f"The local AWS (pocketaws) failed in {self.name}; pocketaws.log in its home says why."
        return AwsError(names[0] if names else "InternalFailure", message, 500)
