"""waitress, listening on loopback, with the two things that S3 metadata needs of it.

waitress drops headers with an underscore in their name, and x-amz-meta-my_key is one; moto reads the spelling
of those from the environ. And it capitalises the names of answered headers, where S3 has metadata in lower
case.
"""

import re

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.task import WSGITask
from waitress.wasyncore import dispatcher

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
    """Keeps S3 metadata headers whose names have an underscore: {name as sent: value}."""

    def parse_header(self, header_plus):
        self.kept = {}
        for line in header_plus.split(b"\r\n")[1:]:
            name, colon, value = line.partition(b":")
            if colon and b"_" in name and name.lower().startswith(METADATA):
                self.kept[name.decode("latin-1")] = value.strip(b" \t").decode("latin-1")
        super().parse_header(header_plus)


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
        return environ


class Channel(HTTPChannel):
    """A connection whose requests are read by Parser and answered by Task."""

    parser_class = Parser
    task_class = Task

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.sendbuf_len = min(self.sendbuf_len, SEND)


def listen(application, port: int, threads: int, memory_bytes: int, max_bytes: int) -> dispatcher:
    """A waitress server bound to 127.0.0.1; its run() serves, its effective_port says where.

    port          0 for a free one
    memory_bytes  requests up to this stay in memory, longer ones go through a temporary file
    max_bytes     longer requests are refused
    Raises OSError when the port cannot be had.
    """
    server = create_server(
        application,
        host="127.0.0.1",
        port=port,
        threads=threads,
        inbuf_overflow=memory_bytes,
        outbuf_overflow=MEMORY_ANSWER,
        outbuf_high_watermark=2 * MEMORY_ANSWER,
        recv_bytes=RECEIVE,
        max_request_body_size=max_bytes,
        channel_timeout=600,
        connection_limit=1000,
        ident="pocketaws",
        clear_untrusted_proxy_headers=True,
    )
    server.channel_class = Channel
    return server
