"""Before AWS answers: credentials, region, the network, the clock; and the local AWS itself."""

from tuneaws.fixes.entry import Entry

BOTOCORE = "botocore.exceptions, botocore 1.44.5"
SSO = "https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sso.html, 2026-11"
COMMON = "https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html, 2026-11"

ROWS = (
    Entry(
        "local-aws-gone", "local", r"Could not connect to the endpoint URL: "
        r"\"http://(127\.0\.0\.1|localhost)",
        "run the cell with connect() again: it starts the local AWS, and what it had is on disk",
        BOTOCORE, code="EndpointConnectionError",
    ),
    Entry(
        "local-aws-hung-up", "local", r"(closed before|timeout on|connect to "
        r"proxy).*\"http://(127\.0\.0\.1|localhost)",
        "run the cell again; if it stays so, run connect() again: it starts the local AWS where it has ended",
        BOTOCORE, code="ConnectionClosedError|ProxyConnectionError|ConnectTimeoutError",
    ),
    Entry(
        "no-such-host", "call", r"Could not connect to the endpoint URL: \"https://(?P<host>[^/\"]+)",
        "check the network, and the region in the name {host}: not every region has every service",
        BOTOCORE, code="EndpointConnectionError",
    ),
    Entry(
        "no-answer-in-time", "call", r"Read timeout on endpoint URL",
        "ask for less at once (fewer max_new_tokens), or give the client a longer read_timeout",
        BOTOCORE, code="ReadTimeoutError",
    ),
    Entry(
        "no-credentials", "call", r"Unable to locate credentials",
        "log in with `aws configure sso`, then `aws sso login`, or work in SageMaker Studio",
        SSO, code="NoCredentialsError",
    ),
    Entry(
        "half-credentials", "call", r"Partial credentials found in (?P<place>[\w-]+), missing: (?P<name>\w+)",
        "give {name} too, or unset both parts of the key in {place} and log in with `aws sso login`",
        BOTOCORE, code="PartialCredentialsError",
    ),
    Entry(
        "no-profile", "call", r"The config profile \((?P<name>[^)]*)\) could not be found",
        "put a profile of ~/.aws/config into AWS_PROFILE instead of {name!r}: `aws configure list-profiles`",
        BOTOCORE, code="ProfileNotFound",
    ),
    Entry(
        "no-region", "call", r"You must specify a region",
        'name one: connect("aws", region="us-east-1"), or region in config.yaml',
        BOTOCORE, code="NoRegionError",
    ),
    Entry(
        "sso-over", "call", r"SSO (session|Token)|token from sso|Token has expired and refresh failed",
        "log in again in a terminal: `aws sso login`, with --profile if you use one",
        SSO, code="SSOTokenLoadError|UnauthorizedSSOTokenError|TokenRetrievalError|SSOError",
    ),
    Entry(
        "clock", "call", r"Signature expired|Signature not yet current|difference between the request time "
        r"and",
        "set this machine's clock: AWS refuses what was signed more than 5 (S3: 15) minutes off its own time",
        "https://github.com/aws/aws-sdk-js/issues/527 and S3's ErrorResponses page, 2026-11",
        code="InvalidSignatureException|SignatureDoesNotMatch|RequestTimeTooSkewed|RequestExpired|AccessDenied",
    ),
    Entry(
        "wrong-secret", "call", r"signature we calculated does not match",
        "put in the secret that belongs to this access key, or log in with `aws sso login`",
        COMMON, code="SignatureDoesNotMatch|InvalidSignatureException",
    ),
    Entry(
        "token-over", "call", r"security token included in the request is expired|provided token has expired",
        "log in again, `aws sso login`; in Studio restart the kernel",
        COMMON, code="ExpiredToken|ExpiredTokenException|RequestExpired",
    ),
    Entry(
        "unknown-key", "call", r"security token included in the request is invalid|Access Key Id you "
        r"provided",
        "use a key that is there: `aws configure list` shows which one is used and where it comes from",
        COMMON, code="InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId",
    ),
    Entry(
        "throttled", "call", r"Rate exceeded|Too many requests|SlowDown|[Rr]educe your request rate",
        "wait a minute and run the cell again: every client here has retried it already",
        "https://docs.aws.amazon.com/general/latest/gr/api-retries.html, 2026-11",
        code="Throttling|ThrottlingException|ThrottledException|RequestLimitExceeded|SlowDown|"
        "TooManyRequestsException",
        service="(?!bedrock-runtime).*",
    ),
    Entry(
        "not-in-local", "local", r"The local AWS \(pocketaws\) does not (have|know) (?P<what>.+?)[.;]( |$)",
        "leave {what} out, or run this step on AWS: the local AWS does not pretend to have it",
        "code/README.md of this course", code="NotImplemented",
        free="without it the rest of the lesson goes on for free.",
    ),
    Entry(
        "local-fault", "local", r"The local AWS \(pocketaws\) failed in (?P<what>[\w -]+)",
        "read the end of pocketaws.log in its home (session.home): {what} met a fault of its own, or a file "
        "there that it can't read",
        "code/README.md of this course", code="InternalFailure",
    ),
    Entry(
        "rehearsal-file", "local", r"(?P<path>/\S+\.json) (is not|is a) ",
        "mend or delete {path}: it says what the local AWS is to rehearse",
        "code/pocketaws/sagemaker/rehearsals.py of this course",
        code="InternalFailure|InternalServerException",
    ),
    Entry(
        "aws-fault", "call", r".*",
        "run the cell again in a minute: the fault is AWS's, and every client here has retried it already",
        COMMON, code="InternalFailure|InternalError|InternalServerException|InternalServerError|"
        "ServiceUnavailable|ServiceUnavailableException|500|503",
        general=True,
    ),
)  # fmt: skip
