"""Requests to one container's process: connections to 127.0.0.1 that are kept and used again."""

import http.client
import socket
import threading
import time

from pocketaws.hosting.errors import ContainerGone, ContainerRefused, ContainerTimeout

HOST = "127.0.0.1"  # not "localhost": no name is looked up, no proxy of the environment is asked
CONNECT_TIMEOUT_S = 5.0
PING_TIMEOUT_S = 2.0  # what AWS gives /ping (docs: "Custom Inference Code with Hosting Services", 2026-11)
KEEP = 32  # idle connections; each is a thread in the container's server
PIECE_BYTES = 1 << 16


class Connections:
    """Connections to one process on one port. Every method may be called from any thread."""

    def __init__(self, port: int):
        self.port = port
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._closed = False

    def ping(self) -> int | None:
        """The status that GET /ping answers, None if there is no answer within 2 seconds."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PING_TIMEOUT_S)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def post(self, body: bytes, headers: dict[str, str], timeout_s: float) -> "Exchange":
        """Send one invocation and wait for the head of its answer; the Exchange has the rest.

        Raises ContainerTimeout, ContainerGone.
        """
        deadline = time.monotonic() + timeout_s
        connection = self._take()
        try:
            connection.sock.settimeout(timeout_s)
            connection.request("POST", "/invocations", body, headers)
            connection.sock.settimeout(max(0.001, deadline - time.monotonic()))
            response = connection.getresponse()
        except TimeoutError as err:
            connection.close()
            raise ContainerTimeout(f"the container did not answer within {timeout_s:g} seconds") from err
        except (OSError, http.client.HTTPException) as err:
            connection.close()
            raise ContainerGone("the container's process ended before it had answered") from err
        except BaseException:
            connection.close()  # a header that HTTP does not allow: half a request may be on its way
            raise
        return Exchange(self, connection, response, deadline, timeout_s)

    def _take(self) -> http.client.HTTPConnection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        connection = http.client.HTTPConnection(HOST, self.port, timeout=CONNECT_TIMEOUT_S)
        try:
            connection.connect()
        except OSError as err:
            raise ContainerRefused("the container's process takes no connections") from err
        return connection

    def give(self, connection: http.client.HTTPConnection) -> None:
        """Take back a connection whose answer has been read to its end."""
        with self._lock:
            if not self._closed and len(self._idle) < KEEP:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close the idle ones; the others are closed when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


class Exchange:
    """One answer of a container: its status and headers are there, its body is read piece by piece."""

    def __init__(self, connections, connection, response, deadline: float, timeout_s: float):
        self.status: int = response.status
        self.headers = dict(response.getheaders())
        self._connections, self._connection, self._response = connections, connection, response
        self._socket = connection.sock  # http.client forgets it when the answer says Connection: close
        self._deadline, self._timeout_s = deadline, timeout_s

    def pieces(self):
        """Yield the body as it arrives. Raises ContainerTimeout, ContainerGone; ends the exchange."""
        try:
            while True:
                if self._socket is not None:
                    self._socket.settimeout(max(0.001, self._deadline - time.monotonic()))
                piece = self._response.read1(PIECE_BYTES)
                if not piece:
                    break
                yield piece
        except TimeoutError as err:
            raise ContainerTimeout(
                f"the container did not finish its answer within {self._timeout_s:g} seconds"
            ) from err
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as err:
            # the last two: http.client's words for a connection that another thread has closed
            raise ContainerGone("the container broke off its answer") from err
        else:
            if self._response.length:  # http.client does not mind a body that is too short
                raise ContainerGone("the container broke off its answer")
            self._response.close()  # or the connection takes no further request
            connection, self._connection = self._connection, None
            if connection is not None and not self._response.will_close:
                self._connections.give(connection)
        finally:
            self.close()

    def close(self) -> None:
        """End the exchange, the answer read or not; the container sees its client go.

        May be called twice, and from another thread than the one that reads: that one's wait ends.
        """
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side has gone already
            connection.close()
