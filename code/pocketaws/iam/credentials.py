"""Whether the keys of a call may be used at all, before anybody asks what they may do.

    credentials.check(call, environ)

Every key stands for somebody here (identity.py), and the secret of one that was made elsewhere is not known.
What can be said: the call was signed at another time than now; a session of AssumeRole is over; a user's key
is Inactive, or its user gone; the secret is not that of a key that was made here; and, while policies count,
nobody signed at all.

Codes and words, read 2026-11: time, aws/aws-sdk-js issues 527 and 2565 (5 minutes) and S3's ErrorResponses
(RequestTimeTooSkewed, 15 minutes); the others, "Common error types" of the IAM API reference and S3's
ErrorResponses. JSON services say the same under other codes: UnrecognizedClientException,
InvalidSignatureException, ExpiredTokenException, MissingAuthenticationTokenException, as public reports of
their answers have it.
"""

import datetime
import hmac
import re

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core.utils import utcnow
from moto.iam.models import get_account_id_from, iam_backends
from moto.sts.models import sts_backends

from pocketaws import calls
from pocketaws.errors import AwsError
from pocketaws.iam.identity import is_service_key

SKEW_S, SKEW_S3_S = 300, 900  # seconds that a signature may be off
STAMP = "%Y%m%dT%H%M%SZ"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/]+/(\d{8})/([^/]*)/([^/]+)/aws4_request, *"
    r"SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})"
)
OF_AWS = re.compile("(AKIA|ASIA)[A-Z0-9]{16}")
S3, QUERY, JSON = "s3", "query", "json"  # who says it in which words
OVER = "The security token included in the request is expired"
INVALID = "The security token included in the request is invalid."
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)
EXPIRED = {
    S3: ("ExpiredToken", "The provided token has expired.", 400),
    QUERY: ("ExpiredToken", OVER, 403),
    JSON: ("ExpiredTokenException", OVER, 400),
}
UNKNOWN = {
    S3: ("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403),
    QUERY: ("InvalidClientTokenId", INVALID, 403),
    JSON: ("UnrecognizedClientException", INVALID, 400),
}
UNSIGNED = {  # of a query, what service it is for is not known unless it is signed: it counts as S3's
    S3: ("AccessDenied", "Access Denied", 403),
    JSON: ("MissingAuthenticationTokenException", "Missing Authentication Token", 403),
}
WRONG_SIGNATURE = {
    S3: ("SignatureDoesNotMatch", MISMATCH, 403),
    QUERY: ("SignatureDoesNotMatch", MISMATCH, 403),
    JSON: ("InvalidSignatureException", MISMATCH, 400),
}


def check(call: calls.Call, environ: dict, enforce: bool = False) -> None:
    """Raise AwsError for a call whose time, key or signature AWS would not take.

    enforce   policies count: a key of AWS's form that was not made here, or was deleted, is nobody's, and
              what is not signed is refused, save for the operations that nobody signs
    """
    kind = S3 if call.service == "s3" else QUERY if call.protocol in ("query", "ec2") else JSON
    signed_at = environ.get("HTTP_X_AMZ_DATE", "")
    if signed_at:
        _check_time(kind, signed_at)
    if enforce and not _has_credentials(call, environ):
        raise AwsError(*UNSIGNED[kind])
    account = get_account_id_from(call.access_key)
    backend = iam_backends[account]["aws"]
    key = backend.access_keys.get(call.access_key)
    if key is None:
        if enforce and OF_AWS.fullmatch(call.access_key):
            raise AwsError(*UNKNOWN[kind])
        return
    if key.status != "Active" or (key.user_name and key.user_name not in backend.users):
        raise AwsError(*UNKNOWN[kind])
    if is_service_key(call.access_key):
        return  # a service renews its sessions
    sessions = sts_backends[account]["aws"].assumed_roles
    session = next((each for each in reversed(sessions) if each.access_key_id == call.access_key), None)
    if session is not None and utcnow() > session.expiration:
        raise AwsError(*EXPIRED[kind])
    if signed_at and not _is_signed_with(key.secret_access_key, call, environ):
        raise AwsError(*WRONG_SIGNATURE[kind])


def _has_credentials(call: calls.Call, environ: dict) -> bool:
    """Whether a call says who makes it: a key, Bedrock's API key, or a token in the request itself."""
    by_header = environ.get("HTTP_AUTHORIZATION", "").startswith("Bearer ")
    return bool(call.access_key) or by_header or call.operation in calls.UNSIGNED_ACTIONS


def _check_time(kind: str, signed_at: str) -> None:
    try:
        moment = datetime.datetime.strptime(signed_at, STAMP)
    except ValueError:
        return  # whose clock that is cannot be said
    now, limit_s = utcnow(), SKEW_S3_S if kind == S3 else SKEW_S
    if abs((now - moment).total_seconds()) <= limit_s:
        return
    if kind == S3:
        text = "The difference between the request time and the current time is too large."
        raise AwsError("RequestTimeTooSkewed", text, 403)
    limit = datetime.timedelta(seconds=limit_s)
    late = moment < now
    edge, sign, word = (now - limit, "-", "expired") if late else (now + limit, "+", "not yet current")
    than = "is now earlier than" if late else "is still later than"
    off = f"({now:{STAMP}} {sign} {limit_s // 60} min.)"
    text = f"Signature {word}: {signed_at} {than} {edge:{STAMP}} {off}"
    code, _, status = WRONG_SIGNATURE[kind]
    raise AwsError(code, text, status)


def _is_signed_with(secret: str, call: calls.Call, environ: dict) -> bool:
    """Whether the Authorization header is what this secret gives. True for what is signed in another way."""
    found = AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    if found is None or call.service == "s3" and "HTTP_X_AMZ_CONTENT_SHA256" not in environ:
        return True
    _, region, service, names, signature = found.groups()
    body = b"" if call.service == "s3" else calls.read_body(environ, call.service)
    query = environ.get("QUERY_STRING", "")
    url = f"http://{environ.get('HTTP_HOST', '')}{calls.raw_path(environ)}" + (f"?{query}" if query else "")
    headers = {name: _header(environ, name) for name in names.split(";")}
    request = AWSRequest(environ["REQUEST_METHOD"], url, headers=headers, data=body)
    request.context["timestamp"] = environ["HTTP_X_AMZ_DATE"]
    kind = _S3Auth if call.service == "s3" else SigV4Auth
    auth = kind(Credentials(call.access_key, secret), service, region)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    return hmac.compare_digest(auth.signature(text, request), signature)


class _S3Auth(SigV4Auth):
    """S3 signs the path as it is sent."""

    def _normalize_url_path(self, path):
        return path


def _header(environ: dict, name: str) -> str:
    key = name.upper().replace("-", "_")
    return environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}", "")
