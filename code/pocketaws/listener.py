"""waitress, listening on loopback, with what S3's metadata and a model's invocations need of it.

Metadata: waitress drops headers with an underscore in their name, and x-amz-meta-my_key is one; moto reads
the spelling of those from the environ. And it capitalises the names of answered headers, where S3 has
metadata in lower case.

Invocations wait for a model, up to minutes, and may come by the hundred. They get threads of their own, so
that S3 and logs are answered meanwhile; what they answer leaves at once, piece by piece; and a client that
goes away is noticed while they wait.
"""

import copy
import re
from collections.abc import Callable

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.task import ThreadedTaskDispatcher, WSGITask
from waitress.wasyncore import dispatcher

from pocketaws.threads import ElasticThreads

# Of Bedrock's model ids, ARNs have a slash, and the path is decoded when it is looked at.
INVOCATION = re.compile(
    r"/endpoints/[^/]+/invocations|/model/.+/(converse|converse-stream|invoke|invoke-with-response-stream)$"
)
CONNECTIONS = 2000  # at once, the listener's own two among them
PIECES_AHEAD = 1024**2  # bytes of a stream that wait for a slow client before the model has to
METADATA = b"x-amz-meta-"
MEMORY_ANSWER = 128 * 1024**2  # bytes of an answer that waits for its client; longer ones go through a file
RECEIVE = (
    256 * 1024
)  # bytes to read from a socket at once: with waitress' 8 KiB a 100 MB put takes 12,000 turns
# bytes to hand to a socket at once: Linux says 3.9 MB on loopback and takes much less, and what it does not
# take is copied again for the next try; getting 100 MB took 0.62 s so, and takes 0.56
SEND = 256 * 1024
CAPITALISED = re.compile(rb"\r\nX-Amz-Meta-[^:]*")


class Parser(HTTPRequestParser):
    """Keeps S3 metadata headers whose names have an underscore: {name as sent: value}.

    boto3 sends "Expect: 100-continue" with an empty object too; waitress would answer it and wait for a body
    that never comes.
    """

    def parse_header(self, header_plus):
        self.kept = {}
        for line in header_plus.split(b"\r\n")[1:]:
            name, colon, value = line.partition(b":")
            if colon and b"_" in name and name.lower().startswith(METADATA):
                self.kept[name.decode("latin-1")] = value.strip(b" \t").decode("latin-1")
        super().parse_header(header_plus)
        self.expect_continue = self.expect_continue and (self.chunked or self.content_length > 0)


class Task(WSGITask):
    """Hands those headers to moto, and writes metadata names as S3 does."""

    def build_response_header(self):
        return CAPITALISED.sub(lambda found: found.group(0).lower(), super().build_response_header())

    def get_environment(self):
        environ = super().get_environment()
        spellings = {}
        for name, value in getattr(self.request, "kept", {}).items():
            key = "HTTP_" + name.upper().replace("-", "_")
            if key not in environ:
                spellings[key] = name
                environ[key] = value
        environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = spellings
        environ["pocketaws.on_disconnect"] = self.channel.on_disconnect
        return environ


class Channel(HTTPChannel):
    """A connection whose requests are read by Parser and answered by Task."""

    parser_class = Parser
    task_class = Task

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.sendbuf_len = min(self.sendbuf_len, SEND)
        self._call_when_gone: Callable[[], None] | None = None

    def expect_pieces(self) -> None:
        """Serve an invocation: read on meanwhile, to see the client's end, and let no large backlog grow."""
        self.adj = self.server.adj_for_pieces

    def on_disconnect(self, call: Callable[[], None]) -> None:
        """Have call() called, from another thread, if the client goes away before its request is answered."""
        self._call_when_gone = call
        if not self.connected:
            call()

    def service(self):
        super().service()
        self._call_when_gone, self.adj = None, self.server.adj

    def handle_close(self):
        super().handle_close()
        call = self._call_when_gone
        if call is not None:
            call()


class Dispatcher(ThreadedTaskDispatcher):
    """A fixed number of threads for most calls, and as many as it takes for invocations."""

    def __init__(self):
        super().__init__()
        self.invocations = ElasticThreads()

    def add_task(self, task):
        """Take a channel with a request that has been read."""
        if INVOCATION.match(getattr(task.requests[0], "path", "")):  # a request that is not HTTP has none
            task.expect_pieces()
            self.invocations.add_task(task)
        else:
            super().add_task(task)


def listen(application, port: int, threads: int, memory_bytes: int, max_bytes: int) -> dispatcher:
    """A waitress server bound to 127.0.0.1; its run() serves, its effective_port says where.

    port          0 for a free one
    memory_bytes  requests up to this stay in memory, longer ones go through a temporary file
    max_bytes     longer requests are refused
    Raises OSError when the port cannot be had.
    """
    threads_of_calls = Dispatcher()
    server = create_server(
        application,
        _dispatcher=threads_of_calls,
        host="127.0.0.1",
        port=port,
        inbuf_overflow=memory_bytes,
        outbuf_overflow=MEMORY_ANSWER,
        outbuf_high_watermark=2 * MEMORY_ANSWER,
        recv_bytes=RECEIVE,
        max_request_body_size=max_bytes,
        channel_timeout=600,
        connection_limit=CONNECTIONS,
        asyncore_use_poll=True,  # select() takes no file descriptor above 1023
        ident="pocketaws",
        clear_untrusted_proxy_headers=True,
    )
    threads_of_calls.set_thread_count(threads)  # now that the port could be had
    server.channel_class = Channel
    server.adj_for_pieces = copy.copy(server.adj)
    server.adj_for_pieces.channel_request_lookahead = 1
    server.adj_for_pieces.outbuf_high_watermark = PIECES_AHEAD
    return server
