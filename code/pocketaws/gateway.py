"""The WSGI application: says who may ask, finds the operation, and lets pocketaws or moto answer it.

    request → loopback only? → service and operation → may they? → own function | moto | an error
                                                     ↳ a fault, where faults.py was told to make some

Every answer carries x-amzn-RequestId; every failure has AWS's shape for the protocol of the request.
"""

import json
import logging
import re
import uuid

from moto.iam.models import get_account_id_from

from pocketaws import __version__, calls, faults, operations, own_calls
from pocketaws.errors import AwsError, internal_error, render
from pocketaws.event_stream import EventAnswer
from pocketaws.iam import credentials
from pocketaws.passthrough import Moto

log = logging.getLogger("pocketaws")

LOOPBACK_HOST = re.compile(
    r"(127\.0\.0\.1|\[::1\]|localhost|[a-z0-9][a-z0-9.-]*\.localhost)(:\d+)?", re.IGNORECASE
)
REASONS = {200: "OK", 201: "Created", 202: "Accepted", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
           408: "Request Timeout", 413: "Payload Too Large", 424: "Failed Dependency",
           429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented",
           503: "Service Unavailable"}  # fmt: skip


class Gateway:
    """The whole local AWS as a WSGI application.

    state     pocketaws.state.State: home, region, jobs, engine
    """

    def __init__(self, state):
        self.state = state
        self.moto = Moto(state.store, state.home)
        operations.load()

    def __call__(self, environ: dict, start_response):
        request_id = str(uuid.uuid4())
        call = calls.Call(
            "pocketaws", None, "rest-json", self.state.region, "", environ.get("PATH_INFO", "/")
        )
        try:
            refuse_strangers(environ)
            if environ.get("PATH_INFO") == "/_pocketaws":
                answer = 200, [("Content-Type", "application/json")], json.dumps(self.about()).encode()
            elif environ.get("PATH_INFO", "").startswith(own_calls.PREFIX):
                answer = own_calls.answer(self.state, environ)
            else:
                call = calls.read_call(environ, self.state.region)
                fault = self.state.faults.draw(call, environ)
                answer = faults.under(fault, call, lambda: self._answer(call, environ))
        except faults.Cut:
            raise
        except AwsError as err:
            log.info("%s %s: %s %s", call.service, call.name, err.code, err.message)
            answer = render(err, call.protocol, call.service, request_id)
        except Exception:  # the outermost frame of a request: no traceback may reach the client
            log.exception("failed in %s %s", call.service, call.name)
            answer = render(internal_error(call.service, call.name), call.protocol, call.service, request_id)
        return _send(answer, call, environ, start_response, request_id)

    def about(self) -> dict:
        """What GET /_pocketaws says."""
        state = self.state
        return {
            "service": "pocketaws",
            "version": __version__,
            "home": str(state.home),
            "pid": state.pid,
            "region": state.region,
            "account": state.account,
        }

    def _answer(self, call: calls.Call, environ: dict):
        credentials.check(call, environ, self.state.iam.enforce)
        return self.state.iam.answer(call, environ, lambda: self._run(call, environ))

    def _run(self, call: calls.Call, environ: dict):
        if operations.own(call.service, call.operation):
            account, caller = get_account_id_from(call.access_key), environ["pocketaws.principal"]
            context = operations.Context(self.state, call.region, account, caller=caller)
            return operations.answer(call, environ, context)
        return self.moto(call, environ)


def refuse_strangers(environ: dict) -> None:
    """Raise AccessDenied for a request that a web page could have been made to send (DNS rebinding, CSRF).

    The Host must be a loopback name, and so must the Origin, where there is one.
    """
    host = environ.get("HTTP_HOST", "")
    origin = environ.get("HTTP_ORIGIN", "")
    if host and not LOOPBACK_HOST.fullmatch(host):
        raise AwsError("AccessDenied", f"Host {host!r} is not this machine: use 127.0.0.1 or localhost.", 403)
    if origin and not LOOPBACK_HOST.fullmatch(origin.partition("://")[2]):
        raise AwsError(
            "AccessDenied", f"Requests from {origin!r} are refused: the local AWS serves no web page.", 403
        )


def _send(answer, call: calls.Call, environ: dict, start_response, request_id: str):
    """Start the response. Own bodies are bytes or come event by event, moto's are WSGI iterables.

    The headers of a stream go out before its first event, and it is closed at once when the client goes away.
    """
    status, headers, body = answer
    if isinstance(status, int):
        status = f"{status} {REASONS.get(status, 'Unknown')}"
    present = {name.lower() for name, _ in headers}
    if "x-amzn-requestid" not in present:
        headers.append(("x-amzn-RequestId", request_id))
    if call.service == "s3" and "x-amz-request-id" not in present:
        headers.append(("x-amz-request-id", request_id))
    if isinstance(body, bytes):
        if environ["REQUEST_METHOD"] == "HEAD":
            body = b""
        headers.append(("Content-Length", str(len(body))))
        body = [body]
    write = start_response(status, headers)
    if isinstance(body, EventAnswer):
        environ.get("pocketaws.on_disconnect", lambda _: None)(body.close)
        write(b"")
    return body
