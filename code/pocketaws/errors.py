"""Errors in AWS's own shapes, one for each wire protocol.

AwsError                    code, message, HTTP status
  ├ validation_error()      ValidationException, 400
  ├ not_here()              an operation that the local AWS does not have, 501
  └ internal_error()        InternalFailure, 500
"""

import json
from xml.sax.saxutils import escape


class AwsError(Exception):
    """An error that the client is to see.

    code      AWS's error code, which boto3 gives as err.response["Error"]["Code"]
    message   for people: what happened, the value seen
    status    HTTP status
    members   what else the error's shape has, for the JSON protocols: {"OriginalStatusCode": 400}
    """

    def __init__(self, code: str, message: str, status: int = 400, members: dict | None = None):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status
        self.members = members or {}


def validation_error(message: str) -> AwsError:
    """A ValidationException with AWS's status."""
    return AwsError("ValidationException", message)


def not_here(service: str, operation: str, known: bool = True) -> AwsError:
    """The answer for what the local AWS does not have: 501, which SDKs do not try again.

    known     whether AWS has such an operation; if not, the message says that too
    """
    if known:
        message = f"The local AWS (pocketaws) does not have {service} {operation}. Run it against AWS itself."
    else:
        message = (
            f"The local AWS (pocketaws) does not know {service} {operation!r}; botocore's model has none."
        )
    return AwsError("NotImplemented", message, 501)


def internal_error(service: str, operation: str) -> AwsError:
    """An own failure: the client gets the operation, pocketaws.log gets the traceback."""
    message = (
        f"The local AWS (pocketaws) failed in {service} {operation}; pocketaws.log in its home says why."
    )
    return AwsError("InternalFailure", message, 500)


def render(error: AwsError, protocol: str, service: str, request_id: str) -> tuple[int, list, bytes]:
    """(status, headers, body) of an error on the wire.

    protocol   json, rest-json, query, ec2, rest-xml or smithy-rpc-v2-cbor; S3's XML differs from the others'
    """
    headers = []
    if protocol in ("json", "rest-json"):
        # Both spellings: AWS uses "message" for common errors and "Message" for those of SageMaker's model.
        content = {"__type": error.code, "message": error.message, "Message": error.message, **error.members}
        body = json.dumps(content).encode()
        headers = [("x-amzn-ErrorType", error.code)]
        kind = "application/x-amz-json-1.1" if protocol == "json" else "application/json"
    elif protocol == "smithy-rpc-v2-cbor":
        body = _cbor_map({"__type": error.code, "message": error.message})
        headers, kind = [("smithy-protocol", "rpc-v2-cbor")], "application/cbor"
    else:
        body = _xml(error, protocol, service, request_id).encode()
        kind = "application/xml" if protocol == "rest-xml" else "text/xml"
    return error.status, [("Content-Type", kind), *headers], body


def _xml(error: AwsError, protocol: str, service: str, request_id: str) -> str:
    code, message, who = (
        escape(error.code),
        escape(error.message),
        "Sender" if error.status < 500 else "Receiver",
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    if service == "s3":
        return (
            f"{head}<Error><Code>{code}</Code><Message>{message}</Message>"
            f"<RequestId>{request_id}</RequestId><HostId>pocketaws</HostId></Error>"
        )
    if protocol == "ec2":
        return (
            f"{head}<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
    return (
        f"{head}<ErrorResponse><Error><Type>{who}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )


def _cbor_map(texts: dict) -> bytes:
    """A CBOR map of text to text (RFC 8949), up to 23 entries: all that an error needs."""
    parts = [bytes([0xA0 + len(texts)])]
    for text in (part for pair in texts.items() for part in pair):
        data = text.encode()
        if len(data) < 24:
            parts.append(bytes([0x60 + len(data)]) + data)
        else:
            parts.append(b"\x79" + len(data[:65535]).to_bytes(2, "big") + data[:65535])
    return b"".join(parts)
