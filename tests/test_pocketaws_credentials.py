"""Keys that AWS would not take: signed at another time, over, switched off, with another secret."""

import datetime
import itertools

import boto3
import botocore.auth
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from local_server import InProcess
from moto.sts.models import sts_backends

numbers = itertools.count(1)
BOTO = boto3.Session(region_name="us-east-1")  # one, since each reads the services' models anew
ONCE = Config(retries={"total_max_attempts": 1})
TRUST = '{"Version": "2012-10-17", "Statement": []}'
CALLS = {  # one of each protocol and way to send a body
    "s3": lambda s3: s3.put_object(Bucket="keys", Key="a b/ä+=?&.txt", Body=b"x" * 100, Tagging="a=b%20c"),
    "sagemaker": lambda sm: sm.list_models(NameContains="x"),
    "iam": lambda iam: iam.list_roles(PathPrefix="/a b/"),
    "sts": lambda sts: sts.get_caller_identity(),
    "bedrock": lambda bedrock: bedrock.list_custom_models(nameContains="a-b", maxResults=5),
    "logs": lambda logs: logs.describe_log_groups(),
    "cloudwatch": lambda cloudwatch: cloudwatch.list_metrics(Namespace="a/b"),
}
EXPIRED = {"s3": "ExpiredToken", "iam": "ExpiredToken", "sts": "ExpiredToken"}
UNKNOWN = {"s3": "InvalidAccessKeyId", "iam": "InvalidClientTokenId", "sts": "InvalidClientTokenId"}
WRONG = {"s3": "SignatureDoesNotMatch", "iam": "SignatureDoesNotMatch", "sts": "SignatureDoesNotMatch"}
SKEWED = {**WRONG, "s3": "RequestTimeTooSkewed"}


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    made = InProcess(tmp_path_factory.mktemp("home"))
    made.client("s3").create_bucket(Bucket="keys")
    yield made
    made.close()


def clients(aws, key, secret, token=None) -> dict:
    """{service: a client with these keys}."""
    keys = {"aws_access_key_id": key, "aws_secret_access_key": secret, "aws_session_token": token}
    return {name: BOTO.client(name, endpoint_url=aws.url, config=ONCE, **keys) for name in CALLS}


def new_key(aws) -> tuple:
    """A key of a new user: one has two at most."""
    user = f"kim-{next(numbers)}"
    aws.client("iam").create_user(UserName=user)
    made = aws.client("iam").create_access_key(UserName=user)["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


def session_key(aws) -> tuple:
    role = aws.client("iam").list_roles()["Roles"] or [
        aws.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]
    ]
    named = {"RoleArn": role[0]["Arn"], "RoleSessionName": "SageMaker"}  # a service calls its own so
    found = aws.client("sts").assume_role(**named)["Credentials"]
    return found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]


def codes(made: dict) -> dict:
    """{service: code of the error of its call}."""
    found = {}
    for name, call in CALLS.items():
        with pytest.raises(ClientError) as caught:
            call(made[name])
        found[name] = caught.value.response["Error"]["Code"]
    return found


def expected(some: dict, otherwise: str) -> dict:
    return {name: some.get(name, otherwise) for name in CALLS}


@pytest.mark.parametrize("keys", [new_key, session_key, lambda aws: ("testing", "whatever")])
def test_every_protocol_is_answered_with_the_right_secret(aws, keys):
    made = clients(aws, *keys(aws))
    for name, call in CALLS.items():
        call(made[name])


def test_another_secret_is_refused_with_each_services_own_code(aws):
    key, secret = new_key(aws)
    assert codes(clients(aws, key, secret[::-1])) == expected(WRONG, "InvalidSignatureException")


def test_a_key_that_is_switched_off_is_unknown(aws):
    key, secret = new_key(aws)
    user = aws.client("iam").get_access_key_last_used(AccessKeyId=key)["UserName"]
    aws.client("iam").update_access_key(UserName=user, AccessKeyId=key, Status="Inactive")
    assert codes(clients(aws, key, secret)) == expected(UNKNOWN, "UnrecognizedClientException")


def test_a_session_that_is_over_says_so(aws):
    keys = session_key(aws)
    session = sts_backends[aws.state.account]["aws"].assumed_roles[-1]
    session.expiration -= datetime.timedelta(hours=2)
    assert codes(clients(aws, *keys)) == expected(EXPIRED, "ExpiredTokenException")


def test_a_key_whose_user_is_gone_is_unknown(aws):
    key, secret = new_key(aws)
    user = aws.client("iam").get_access_key_last_used(AccessKeyId=key)["UserName"]
    aws.client("iam").delete_user(UserName=user)
    assert codes(clients(aws, key, secret)) == expected(UNKNOWN, "UnrecognizedClientException")


@pytest.mark.parametrize(
    "hours, words",
    [(-1, r"Signature expired: \w+ is now earlier than \w+ \(\w+ - 5 min\.\)"),
     (1, r"Signature not yet current: \w+ is still later than \w+ \(\w+ \+ 5 min\.\)")],
)  # fmt: skip
def test_a_clock_that_is_off_is_named(aws, monkeypatch, hours, words):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: now)
    made = clients(aws, "testing", "testing")
    assert codes(made) == expected(SKEWED, "InvalidSignatureException")
    with pytest.raises(ClientError, match=words):
        made["sagemaker"].list_models()
