"""What AWS says when a container answers with an error, or not at all.

Wordings, all read 2026-11: aws/sagemaker-python-sdk issue 2955 (an answer of the container), issue 1119
(too late), awslabs/realtime-fraud-detection-with-gnn-on-dgl issue 1331 (no text in it), repost.aws question
QUAnNu2T7pR8qVJpBVtwNSUw (a stream that takes too long), aws/amazon-sagemaker-examples issue 2815 (no answer),
293 (no endpoint). The body on the wire, with ErrorCode and LogStreamArn: opensearch-project/skills, in its
PPLToolTests.
"""

from pocketaws.errors import AwsError

MAX_MESSAGE = 2048  # characters of OriginalMessage, botocore's shape
TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency "
    "metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)
NO_RESPONSE = (
    "Amazon SageMaker could not get a response from the {name} endpoint. This can occur when CPU or memory "
    "utilization is high. To check your utilization, see Amazon CloudWatch. To fix this problem, use an "
    "instance type with more CPU capacity or memory."
)


def validation_error(message: str, error_code: str = "") -> AwsError:
    """The runtime's ValidationError; error_code is what AWS adds to its body."""
    return AwsError("ValidationError", message, 400, {"ErrorCode": error_code} if error_code else None)


def of_answer(endpoint, status: int, body: bytes) -> AwsError:
    """A ModelError for a container's own error: its status, its words."""
    return _model_error(endpoint, status, _text(body))


def timed_out(endpoint) -> AwsError:
    """A ModelError for a container that took too long."""
    return _model_error(endpoint, 0, TIMED_OUT)


def no_response(endpoint) -> AwsError:
    """A ModelError for a container that ended, or hung up, with the request in its hands."""
    return _model_error(endpoint, 0, NO_RESPONSE.format(name=endpoint.name))


def unavailable(reason: str) -> AwsError:
    """An endpoint whose variant has no container that could answer."""
    return AwsError("ServiceUnavailable", f"No instance of the endpoint can answer: {reason}", 503)


def stream_too_long() -> AwsError:
    """The event that ends a stream which takes longer than AWS allows."""
    return AwsError(
        "ModelStreamError",
        "Your model primary did not complete sending the inference response in the allotted time.",
        members={"ErrorCode": "ModelInvocationTimeExceeded"},
    )


def stream_broken() -> AwsError:
    """The event that ends a stream whose container closed the connection before its end."""
    return AwsError(
        "ModelStreamError",
        "The Transmission Control Protocol (TCP) connection between the client and the model was reset or "
        "closed.",
        members={"ErrorCode": "StreamBroken"},
    )


def _model_error(endpoint, status: int, said: str | None) -> AwsError:
    """A ModelError as AWS words it. said: None when the container's words are not to be had."""
    region, account, group = endpoint.region, endpoint.account, f"/aws/sagemaker/Endpoints/{endpoint.name}"
    whose = "client" if 400 <= status < 500 else "server"
    words = f'with message "{said}"' if said is not None else "and could not load the entire response body"
    console = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
    message = (
        f"Received {whose} error ({status}) from primary {words}. See {console}#logEventViewer:group={group} "
        f"in account {account} for more information."
    )
    members = {
        "ErrorCode": "CLIENT_ERROR_FROM_MODEL" if whose == "client" else "INTERNAL_FAILURE_FROM_MODEL",
        "OriginalStatusCode": status,
        "OriginalMessage": said or "",
        "LogStreamArn": f"arn:aws:logs:{region}:{account}:log-group:{group}",
    }
    return AwsError("ModelError", message, 424, members)


def _text(body: bytes) -> str | None:
    """The first 2,048 characters of a container's words; None when they are no text, or nothing."""
    try:
        return body.decode()[:MAX_MESSAGE] or None
    except UnicodeDecodeError:
        return None
