"""The HTTP side of a container: GET /ping and POST /invocations on 127.0.0.1, as SageMaker asks for them.

Runs in the container's own process; standard library only. A server is a program with one call:

    serve(folder, load)

`load()` loads the model and returns `handler(body, headers)`, which returns (status, headers, body); /ping
answers 503 until it has. A body is bytes, or an iterator of bytes, which is sent as it goes, each piece in a
write of its own: the first token is at the client before the second one is made. Header names given to the
handler are in lower case.

docs: "Custom Inference Code with Hosting Services" (2026-11) for the two paths.
"""

import json
import os
import queue
import select
import socket
import sys
import threading
import traceback
from pathlib import Path

PORT_FILE = "port"
BACKLOG = 1024  # connections that wait to be accepted
MAX_HEAD_BYTES = 64 * 1024
SEND_TIMEOUT_S = 120.0  # a client that takes nothing for so long is gone
REASONS = {
    200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    413: "Payload Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Entity",
    424: "Failed Dependency", 429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented",
    503: "Service Unavailable",
}  # fmt: skip


def serve(folder: Path, load, one_at_a_time: bool = False) -> None:
    """Listen, announce the port in <folder>/port, load the model, then answer for ever.

    load           called in the main thread; what it raises ends the process
    one_at_a_time  the handler runs in the main thread, and an iterator it returns is drawn there too: the
                   next request waits for its end. Otherwise each request runs in a thread of its own.
    """
    listening = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    server = _Server(queue.SimpleQueue() if one_at_a_time else None)
    threading.Thread(target=server.accept, args=(listening,), name="accept", daemon=True).start()
    announce(folder, listening.getsockname()[1])
    server.handler = load()
    if one_at_a_time:
        while True:
            server.calls.get().run()
    threading.Event().wait()


def announce(folder: Path, port: int) -> None:
    """Write <folder>/port in one piece."""
    draft = folder / f"{PORT_FILE}.new"
    draft.write_text(str(port))
    draft.replace(folder / PORT_FILE)


def error(status: int, message: str) -> tuple[int, dict[str, str], bytes]:
    """An answer that says what went wrong, as JSON."""
    body = json.dumps({"code": status, "message": message}, ensure_ascii=False).encode()
    return status, {"Content-Type": "application/json"}, body


class _Server:
    """What the connections share: the handler (None while the model loads), the queue to the main thread."""

    def __init__(self, calls):
        self.handler = None
        self.calls = calls

    def accept(self, listening: socket.socket) -> None:
        while True:
            connection, _ = listening.accept()
            try:
                threading.Thread(target=_Connection(self, connection).run, daemon=True).start()
            except RuntimeError:  # no more threads
                connection.close()


class _BadRequest(Exception):
    """What came is not HTTP/1.1 as this server speaks it."""


class _Connection:
    """One client: request after request until it hangs up."""

    def __init__(self, server: _Server, connection: socket.socket):
        self.server = server
        self.socket = connection
        self.rest = b""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        try:
            with self.socket:
                while self._one_request():
                    pass
        except _BadRequest as err:
            print(f"bad request: {err}", file=sys.stderr, flush=True)
        except OSError:
            pass  # the client has gone

    def _one_request(self) -> bool:
        """Read and answer one request; whether the connection stays open."""
        head = self._head()
        if head is None:
            return False
        method, path, headers = head
        body = self._body(headers)
        self.keep = headers.get("connection", "").lower() != "close"
        path = path.partition("?")[0]
        if "origin" in headers:  # a web page in the browser of this machine: it has no business here
            self.send(error(403, "Requests of web pages are not answered."))
        elif path == "/ping":
            ready = self.server.handler is not None
            self.send((200, {}, b"") if ready else error(503, "The model is still being loaded."))
        elif path != "/invocations":
            self.send(error(404, f"There is {path} neither here nor in SageMaker's contract."))
        elif method != "POST":
            self.send(error(405, f"{method} /invocations: only POST is answered."))
        elif self.server.handler is None:
            self.send(error(503, "The model is still being loaded."))
        else:
            self._invoke(body, headers)
        return self.keep

    def _invoke(self, body: bytes, headers: dict[str, str]) -> None:
        call = _Call(self, self.server.handler, body, headers)
        if self.server.calls is None:
            call.run()
        else:
            self.server.calls.put(call)
            call.done.wait()
        if call.answer is not None:
            self.send(call.answer)

    def _head(self):
        """The next request line and headers; None at the end of the connection."""
        while b"\r\n\r\n" not in self.rest:
            if len(self.rest) > MAX_HEAD_BYTES:
                raise _BadRequest("its headers are over 64 KiB")
            data = self.socket.recv(65536)
            if not data:
                return None
            self.rest += data
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        try:
            method, path, _ = first.split(" ")
        except ValueError:
            raise _BadRequest(f"its first line is {first[:80]!r}") from None
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return method, path, headers

    def _body(self, headers: dict[str, str]) -> bytes:
        if "transfer-encoding" in headers:
            self.keep = False
            self.send(error(501, "A request body needs a Content-Length here."))
            raise _BadRequest("its body comes in chunks")
        length = headers.get("content-length", "0")
        if not length.isdigit():
            raise _BadRequest(f"its Content-Length is {length[:80]!r}")
        if headers.get("expect", "").lower() == "100-continue":
            self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = int(length)
        pieces, self.rest = [self.rest[:length]], self.rest[length:]
        missing = length - len(pieces[0])
        while missing:
            data = self.socket.recv(min(missing, 1 << 20))
            if not data:
                raise ConnectionError("the client hung up within its request")
            pieces.append(data)
            missing -= len(data)
        return b"".join(pieces)

    def send(self, answer: tuple[int, dict[str, str], bytes]) -> None:
        """Send a whole answer."""
        status, headers, body = answer
        head = self.head(status, {**headers, "Content-Length": str(len(body))})
        self.socket.settimeout(SEND_TIMEOUT_S)
        if len(body) <= 65536:
            self.socket.sendall(head + body)
        else:
            self.socket.sendall(head)
            self.socket.sendall(body)
        self.socket.settimeout(None)

    def send_stream(self, status: int, headers: dict[str, str], pieces) -> None:
        """Send pieces as they come, one chunk each; an error in between leaves the answer without an end."""
        self.socket.settimeout(SEND_TIMEOUT_S)
        self.socket.sendall(self.head(status, {**headers, "Transfer-Encoding": "chunked"}))
        for piece in pieces:
            if isinstance(piece, str):
                piece = piece.encode()
            if piece:
                self.socket.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            if self.hung_up():
                raise ConnectionError("the client hung up")
        self.socket.sendall(b"0\r\n\r\n")
        self.socket.settimeout(None)

    def head(self, status: int, headers: dict[str, str]) -> bytes:
        """A status line and headers."""
        if not self.keep:
            headers = {**headers, "Connection": "close"}
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
        lines += [f"{name}: {_one_line(value)}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def hung_up(self) -> bool:
        """Whether the client has closed the connection."""
        try:
            if not select.select([self.socket], [], [], 0)[0]:
                return False
            return self.socket.recv(1, socket.MSG_PEEK) == b""
        except (OSError, ValueError):
            return True


class _Call:
    """One invocation on its way through the handler. `answer` is what is still to be sent, if anything is."""

    def __init__(self, connection: _Connection, handler, body: bytes, headers: dict[str, str]):
        self.connection, self.handler = connection, handler
        self.body, self.headers = body, headers
        self.answer = None
        self.done = threading.Event()

    def run(self) -> None:
        """Call the handler; send what it streams; leave what it returned in one piece in `answer`."""
        try:
            if not self.connection.hung_up():  # it waited for its turn, and its client did not
                self._run()
        finally:
            self.done.set()

    def _run(self) -> None:
        try:
            status, headers, body = self.handler(self.body, self.headers)
        except Exception as err:  # the server lives on, whatever a model does
            traceback.print_exc()
            self.answer = error(500, f"{type(err).__name__}: {err}")
            return
        if isinstance(body, (bytes, bytearray)):
            self.answer = status, headers, bytes(body)
            return
        try:
            self.connection.send_stream(status, headers, body)
        except OSError:
            self.connection.keep = False  # the client has gone
        except Exception:  # raised by the model's iterator: the client sees an answer without an end
            traceback.print_exc()
            self.connection.keep = False
        finally:
            close = getattr(body, "close", None)
            if close:
                close()


def _one_line(value: str) -> str:
    return str(value).replace("\r", " ").replace("\n", " ")


def exit_with(message: str) -> None:
    """End a server whose model cannot be loaded: the message is the last line of its log. Does not return."""
    print(message, file=sys.stderr, flush=True)
    os._exit(1)
