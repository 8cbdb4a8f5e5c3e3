"""What moto answers: S3, IAM, STS, logs, CloudWatch and secrets, and of those only what moto really does.

An allow-list, because moto answers some operations that it does not have with something else:
`GET /bucket?metrics` lists the objects, and `DELETE /bucket?metrics` deletes the bucket. Every other service
is refused by name: moto's SageMaker and Bedrock invent results.

What moto keeps without acting on it (CloudWatch alarms that never fire, S3 lifecycle rules that never run,
secrets that nobody rotates) is stored and given back, no more.

moto holds all of it in memory. keeping/ writes what a call changed to the home before the call is answered,
and gives it back to moto at the next start; objects are files there, and leave from them.
"""

import logging
from pathlib import Path

from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import BackendRequest, DomainDispatcherApplication, create_backend_app

from pocketaws import calls, secret_checks
from pocketaws.errors import AwsError, internal_error, not_here
from pocketaws.keeping.keeper import Keeper
from pocketaws.keeping.store import Store

log = logging.getLogger("pocketaws")

SERVICES = ("s3", "iam", "sts", "logs", "cloudwatch", "secretsmanager")

# Read off moto 5.2.5's moto/s3/responses.py.
S3_OPERATIONS = frozenset(
    """
    AbortMultipartUpload CompleteMultipartUpload CopyObject CreateBucket CreateMultipartUpload DeleteBucket
    DeleteBucketCors DeleteBucketEncryption DeleteBucketLifecycle DeleteBucketOwnershipControls
    DeleteBucketPolicy DeleteBucketReplication DeleteBucketTagging DeleteBucketWebsite DeleteObject
    DeleteObjectTagging DeleteObjects DeletePublicAccessBlock GetBucketAccelerateConfiguration GetBucketAcl
    GetBucketCors GetBucketEncryption GetBucketInventoryConfiguration GetBucketLifecycle
    GetBucketLifecycleConfiguration GetBucketLocation GetBucketLogging GetBucketNotification
    GetBucketNotificationConfiguration GetBucketOwnershipControls GetBucketPolicy GetBucketPolicyStatus
    GetBucketReplication GetBucketTagging GetBucketVersioning GetBucketWebsite GetObject GetObjectAcl
    GetObjectAttributes GetObjectLegalHold GetObjectLockConfiguration GetObjectTagging GetPublicAccessBlock
    HeadBucket HeadObject ListBucketInventoryConfigurations ListBuckets ListMultipartUploads
    ListObjectVersions ListObjects ListObjectsV2 ListParts PostObject PutBucketAccelerateConfiguration
    PutBucketAcl PutBucketCors PutBucketEncryption PutBucketInventoryConfiguration PutBucketLifecycle
    PutBucketLifecycleConfiguration PutBucketLogging PutBucketNotification PutBucketNotificationConfiguration
    PutBucketOwnershipControls PutBucketPolicy PutBucketReplication PutBucketTagging PutBucketVersioning
    PutBucketWebsite PutObject PutObjectAcl PutObjectLegalHold PutObjectLockConfiguration PutObjectRetention
    PutObjectTagging PutPublicAccessBlock RestoreObject SelectObjectContent UploadPart UploadPartCopy
    """.split()
)
MOTO_ONLY_PATHS = ("/moto-api", "/latest/meta-data/", "/latest/api/", "/favicon.ico")


class Moto:
    """moto's WSGI application behind an allow-list; its failures become AwsErrors.

    What it answers is on disk by then, and is there when the next local AWS starts on this home.
    """

    def __init__(self, store: Store, home: Path):
        self._dispatcher, self._applications = DomainDispatcherApplication(_create_app), {}
        self.keeper = Keeper(store, home)

    def __call__(self, call: calls.Call, environ: dict) -> tuple[str, list, object]:
        """(status line, headers, WSGI iterable) of moto's answer. Of a good one the body is not read here.

        Raises AwsError for an operation that is not on the list, that moto has not, or in which it fails.
        """
        self._refuse(call, environ)
        environ["RAW_URI"] = environ.get("REQUEST_URI", "")  # moto reads percent-encoded keys from here
        started = []
        try:
            with self.keeper.around(call, environ) as noted:
                body = self._application_of(call, environ)(
                    environ, lambda status, headers, exc_info=None: started.append((status, headers))
                )
        except NotImplementedError as err:
            raise not_here(call.service, call.name) from err
        except Exception as err:  # whatever moto trips over: an AWS error for the client, a line in the log
            log.exception("moto failed in %s %s", call.service, call.name)
            raise internal_error(call.service, call.name) from err
        finally:
            _let_go_of_body(environ)
        status, headers = started[0]
        if noted.answer is not None and status.startswith("20") and "wsgi.file_wrapper" in environ:
            return status, headers, environ["wsgi.file_wrapper"](noted.answer)
        return _without_html(call, status, headers, body)

    def _application_of(self, call: calls.Call, environ: dict):
        """moto's application for a service. Asked for each time, moto looks through its folders: 0.9 ms."""
        if call.service not in self._applications:
            self._applications[call.service] = self._dispatcher.get_application(environ)
        return self._applications[call.service]

    @staticmethod
    def _refuse(call: calls.Call, environ: dict) -> None:
        known = call.operation is not None
        if (
            call.service not in SERVICES
            or not known
            or environ.get("PATH_INFO", "").startswith(MOTO_ONLY_PATHS)
        ):
            raise not_here(call.service, call.name, known=known)
        offered = {"s3": S3_OPERATIONS, "secretsmanager": secret_checks.OPERATIONS}.get(call.service)
        if offered is not None and call.operation not in offered:
            raise not_here(call.service, call.name)
        if call.service == "secretsmanager":
            secret_checks.check(call, environ, get_account_id_from(call.access_key))


class _Request(BackendRequest):
    """moto's request, which can be found again when it has been answered."""

    def __init__(self, environ: dict, *arguments, **named):
        super().__init__(environ, *arguments, **named)
        environ["pocketaws.request"] = self


def _create_app(service: str):
    application = create_backend_app(service)
    application.request_class = _Request
    return application


def _let_go_of_body(environ: dict) -> None:
    """Drop moto's copy of the request body.

    The request is part of a cycle, and the next 100 MB come before the garbage collector does.
    """
    request = environ.pop("pocketaws.request", None)
    if request is not None:
        vars(request).pop("_cached_data", None)
        vars(request).pop("data", None)


def _joined(body) -> bytes:
    """The whole of a WSGI iterable, which is closed; one part alone is not copied."""
    try:
        return b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()


def _without_html(call: calls.Call, status: str, headers: list, body):
    """Give moto's answers the content type they have, and turn its HTML error pages into AwsErrors.

    moto sends much XML as text/html (Flask's default), and werkzeug's pages for requests it cannot route.
    An S3 object may well be HTML: that one is left alone.
    """
    kind = next((value for name, value in headers if name.lower() == "content-type"), "")
    code = int(status[:3])
    is_object = code < 400 and call.operation in ("GetObject", "HeadObject")
    if not kind.startswith("text/html") or is_object:
        return status, headers, body
    content = _joined(body)
    start = content.lstrip()[:20].lower()
    if code >= 400 and not start.startswith((b"{", b"<?xml", b"<error")):
        log.warning("moto answered %s %s with %s: %r", call.service, call.name, status, content[:300])
        raise AwsError(*_plain_error(call, code, content, start))
    headers = [(name, value) for name, value in headers if name.lower() != "content-type"]
    if content:
        kind = "application/xml" if call.service == "s3" else "text/xml"
        headers.append(("Content-Type", "application/x-amz-json-1.1" if start.startswith(b"{") else kind))
    return status, headers, [content]


def _plain_error(call: calls.Call, code: int, content: bytes, start: bytes) -> tuple[str, str, int]:
    """(code, message, status) for an error that moto did not put into AWS's shape."""
    is_page = start.startswith((b"<!doctype", b"<html"))
    text = "" if is_page else content.decode("utf-8", "replace")[:500]
    name = {404: "NotFound", 403: "AccessDenied", 405: "MethodNotAllowed", 411: "MissingContentLength"}.get(
        code
    )
    if name is None:
        name = "InternalFailure" if code >= 500 else "InvalidRequest"
    return name, text or f"{call.service} {call.name} was refused with HTTP {code}.", code
