"""What a host prints, line by line to CloudWatch Logs while it runs.

A line is what ends with a line feed. A progress bar's carriage returns stay within their line and show as
#015, as CloudWatch shows them (github.com/awslabs/gluonts/pull/810); colour codes stay as they are; empty
lines make no event, because an event's message has at least one character.
"""

import re
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError

# PutLogEvents: at most 10,000 events and 1,048,576 bytes, each event counted as its UTF-8 plus 26 bytes
# (API_PutLogEvents, 2026-11). The engine splits lines at 256 KiB, the size an event had for years.
MAX_EVENTS = 10_000
MAX_BATCH_BYTES = 1_048_576
EVENT_OVERHEAD_BYTES = 26
MAX_MESSAGE_BYTES = 256 * 1024 - EVENT_OVERHEAD_BYTES
SEND_AFTER_S = 0.2
MAX_WAITING_BYTES = 8 << 20  # beyond it the script has to wait for the log, so a flood costs no memory
TAIL_LINES = 200


class LogStream:
    """One host's log: `feed` it bytes, and they are in CloudWatch Logs within half a second.

    logs       boto3 client; the group is made when it is not there
    on_lines   called with (messages, timestamp in ms) after they were sent, in order: the metric scan
    tail       the last 200 messages, for FailureReason
    """

    def __init__(self, logs, group: str, stream: str, on_lines=None):
        self.group, self.stream = group, stream
        self.tail: list[str] = []
        self._logs = logs
        self._on_lines = on_lines
        self._rest = b""
        self._waiting: list[tuple[int, list[str]]] = []  # (timestamp in ms, lines read at that time)
        self._lines = self._bytes = 0  # how much is waiting
        self._changed = threading.Condition()
        self._sending = self._closed = False
        self._error: str | None = None
        _create(logs, group, stream)
        self._sender = threading.Thread(target=self._send_all, name=f"log {stream}", daemon=True)
        self._sender.start()

    def feed(self, data: bytes) -> None:
        """Take some output; blocks while too much of it waits to be sent."""
        whole, feed, rest = data.rpartition(b"\n")
        if not feed:
            self._rest += rest
            while len(self._rest) > MAX_MESSAGE_BYTES:
                self._take(self._rest[:MAX_MESSAGE_BYTES])
                self._rest = self._rest[MAX_MESSAGE_BYTES:]
            return
        text, self._rest = self._rest + whole, rest
        self._take(text)

    def say(self, text: str) -> None:
        """Write lines of the engine's own."""
        self._take(text.encode())

    def end_of_output(self) -> None:
        """The last line may have no line feed."""
        rest, self._rest = self._rest, b""
        self._take(rest)

    def flush(self) -> None:
        """Wait until everything so far is sent and was given to on_lines."""
        self.end_of_output()
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._sending)

    def close(self) -> str | None:
        """Send what is left. Returns what went wrong with the log on the way, None if nothing did."""
        self.flush()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._sender.join()
        return self._error

    def _take(self, text: bytes) -> None:
        lines = messages(text)
        if not lines:
            return
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < MAX_WAITING_BYTES)
            self._waiting.append((int(time.time() * 1000), lines))
            self._lines += len(lines)
            self._bytes += len(text)
            self.tail = (self.tail + lines[-TAIL_LINES:])[-TAIL_LINES:]
            self._changed.notify_all()

    def _send_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                self._changed.wait_for(self._enough, SEND_AFTER_S)
                waiting, self._waiting, self._lines, self._bytes = self._waiting, [], 0, 0
                self._sending = True
                self._changed.notify_all()
            for batch in batches(waiting):
                self._send(batch)
            if self._on_lines:
                for moment, lines in waiting:
                    self._on_lines(lines, moment)
            with self._changed:
                self._sending = False
                self._changed.notify_all()

    def _enough(self) -> bool:
        return self._closed or self._lines >= MAX_EVENTS or self._bytes >= MAX_BATCH_BYTES

    def _send(self, batch: list[dict]) -> None:
        try:
            self._logs.put_log_events(logGroupName=self.group, logStreamName=self.stream, logEvents=batch)
        except (BotoCoreError, ClientError) as err:
            self._error = f"{len(batch)} log lines were lost: {err}"


def messages(output: bytes) -> list[str]:
    """Turn whole lines of output into messages: decoded, cut to an event's size, none of them empty."""
    text = output.decode("utf-8", "replace").replace("\x00", "\ufffd")
    if "\r" in text:
        text = re.sub(r"\r+(?=\n|\Z)", "", text).replace("\r", "#015")
    lines = [line for line in text.split("\n") if line]
    if len(output) > MAX_MESSAGE_BYTES:
        lines = [piece for line in lines for piece in _cut(line)]
    return lines


def batches(waiting: list[tuple[int, list[str]]]):
    """Group lines into PutLogEvents batches within the limits of number and size."""
    batch, size = [], 0
    for moment, lines in waiting:
        for line in lines:
            weight = (len(line) if line.isascii() else len(line.encode())) + EVENT_OVERHEAD_BYTES
            if batch and (len(batch) == MAX_EVENTS or size + weight > MAX_BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append({"timestamp": moment, "message": line})
            size += weight
    if batch:
        yield batch


def _cut(line: str) -> list[str]:
    """A line in pieces of at most MAX_MESSAGE_BYTES of UTF-8, cut between characters."""
    data = line.encode()
    pieces = []
    while len(data) > MAX_MESSAGE_BYTES:
        end = MAX_MESSAGE_BYTES
        while data[end] & 0xC0 == 0x80:  # inside a character
            end -= 1
        pieces.append(data[:end].decode())
        data = data[end:]
    return [*pieces, data.decode()]


def _create(logs, group: str, stream: str) -> None:
    try:
        logs.create_log_group(logGroupName=group)
    except logs.exceptions.ResourceAlreadyExistsException:
        pass
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
