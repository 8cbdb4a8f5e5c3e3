"""From an operation to IAM: every one that pocketaws answers is in the map, with AWS's own actions."""

import importlib

import iam_reference
import pytest
from botocore import xform_name
from pocketaws import models, operations, passthrough
from pocketaws.calls import Call
from pocketaws.iam import actions
from pocketaws.iam.actions import s3

ACCOUNT = "123456789012"
RESPONSES = {
    "iam": "IamResponse", "sts": "TokenResponse", "logs": "LogsResponse", "cloudwatch": "CloudWatchResponse",
    "secretsmanager": "SecretsManagerResponse", "budgets": "BudgetsResponse",
}  # fmt: skip


def answered() -> set:
    """(service, operation) of all that is answered: pocketaws' own, and what moto has a method for."""
    operations.load()
    found = set(operations.names()) | {("s3", name) for name in passthrough.S3_OPERATIONS}
    for service in passthrough.SERVICES:
        if service != "s3":
            module = importlib.import_module(f"moto.{service}.responses")
            response = getattr(module, RESPONSES[service])
            names = models.service_model(service).operation_names
            found |= {(service, name) for name in names if hasattr(response, xform_name(name))}
    return found


def asks(service: str, operation: str, request: dict | None = None):
    call = Call(service, operation, "json", "us-east-1", "key", "")
    return [(ask.action, ask.resource) for ask in actions.asks(call, request or {}, ACCOUNT)]


def test_every_operation_that_is_answered_asks_for_actions_that_aws_has():
    checked, unknown = 0, []
    for service, operation in sorted(answered()):
        assert actions.knows(service), f"{service} is in no map of pocketaws/iam/actions"
        asked = asks(service, operation)
        assert asked or operation == "GetCallerIdentity", (service, operation)
        unknown += [(operation, action) for action, _ in asked if not iam_reference.knows(action)]
        checked += 1
    assert unknown == []
    assert checked >= 350, f"checked only {checked} operations"


def test_the_check_would_find_an_action_that_aws_does_not_have():
    assert iam_reference.knows("s3:GetObject") and not iam_reference.knows("s3:HeadObject")


SAGEMAKER = "arn:aws:sagemaker:us-east-1:123456789012:"
BEDROCK = "arn:aws:bedrock:us-east-1:123456789012:"
ROLE = "arn:aws:iam::123456789012:role/r"
BODY = [{"Key": "course", "Value": "tuneaws"}]
CASES = [
    ("s3", "ListObjectsV2", {"Bucket": "b"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
    ("s3", "HeadBucket", {"Bucket": "b"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
    ("s3", "ListBuckets", {}, [("s3:ListAllMyBuckets", "*")]),
    ("s3", "HeadObject", {"Bucket": "b", "Key": "k/x"}, [("s3:GetObject", "arn:aws:s3:::b/k/x")]),
    ("s3", "GetObject", {"Bucket": "b", "Key": "k", "query": {"versionId": "v"}},
     [("s3:GetObjectVersion", "arn:aws:s3:::b/k")]),
    ("s3", "UploadPart", {"Bucket": "b", "Key": "k"}, [("s3:PutObject", "arn:aws:s3:::b/k")]),
    ("s3", "PutBucketEncryption", {"Bucket": "b"}, [("s3:PutEncryptionConfiguration", "arn:aws:s3:::b")]),
    ("s3", "PutPublicAccessBlock", {"Bucket": "b"}, [("s3:PutBucketPublicAccessBlock", "arn:aws:s3:::b")]),
    ("s3", "PutObject", {"Bucket": "b", "Key": "k", "headers": {"x-amz-tagging": "a=1"}},
     [("s3:PutObject", "arn:aws:s3:::b/k"), ("s3:PutObjectTagging", "arn:aws:s3:::b/k")]),
    ("s3", "CopyObject", {"Bucket": "b", "Key": "k", "headers": {"x-amz-copy-source": "/from/a%20b"}},
     [("s3:PutObject", "arn:aws:s3:::b/k"), ("s3:GetObject", "arn:aws:s3:::from/a b")]),
    ("s3", "DeleteObjects", {"Bucket": "b", "objects": [("k", None), ("l", "v")]},
     [("s3:DeleteObject", "arn:aws:s3:::b/k"), ("s3:DeleteObjectVersion", "arn:aws:s3:::b/l")]),
    ("sagemaker", "CreateTrainingJob", {"TrainingJobName": "Job", "RoleArn": ROLE, "Tags": BODY},
     [("sagemaker:CreateTrainingJob", f"{SAGEMAKER}training-job/job"),
      ("sagemaker:AddTags", f"{SAGEMAKER}training-job/job"), ("iam:PassRole", ROLE)]),
    ("sagemaker", "CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "c"},
     [("sagemaker:CreateEndpoint", f"{SAGEMAKER}endpoint/e"),
      ("sagemaker:CreateEndpoint", f"{SAGEMAKER}endpoint-config/c")]),
    ("sagemaker", "ListModels", {}, [("sagemaker:ListModels", "*")]),
    ("sagemaker-runtime", "InvokeEndpoint", {"EndpointName": "e"},
     [("sagemaker:InvokeEndpoint", f"{SAGEMAKER}endpoint/e")]),
    ("bedrock-runtime", "Converse", {"modelId": "amazon.nova-micro-v1:0"},
     [("bedrock:InvokeModel", "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0")]),
    ("bedrock-runtime", "ConverseStream", {"modelId": f"{BEDROCK}custom-model-deployment/x"},
     [("bedrock:InvokeModelWithResponseStream", f"{BEDROCK}custom-model-deployment/x")]),
    ("bedrock", "CreateModelImportJob", {"roleArn": ROLE, "importedModelTags": [{"key": "a", "value": "b"}]},
     [("bedrock:CreateModelImportJob", "*"), ("bedrock:TagResource", f"{BEDROCK}imported-model/*"),
      ("iam:PassRole", ROLE)]),
    ("iam", "CreateRole", {"RoleName": "r", "Tags": BODY}, [("iam:CreateRole", ROLE), ("iam:TagRole", ROLE)]),
    ("iam", "AttachRolePolicy", {"RoleName": "r", "PolicyArn": "arn:aws:iam::aws:policy/X"},
     [("iam:AttachRolePolicy", ROLE)]),
    ("logs", "GetLogEvents", {"logGroupName": "/a", "logStreamName": "s"},
     [("logs:GetLogEvents", "arn:aws:logs:us-east-1:123456789012:log-group:/a:log-stream:s")]),
    ("budgets", "DescribeBudgets", {}, [("budgets:ViewBudget", "arn:aws:budgets::123456789012:budget/*")]),
]  # fmt: skip


@pytest.mark.parametrize(("service", "operation", "request_", "expected"), CASES, ids=lambda v: str(v)[:25])
def test_an_operation_asks_for_what_aws_asks_for(service, operation, request_, expected):
    assert asks(service, operation, request_) == expected
    assert all(iam_reference.fits(action, arn) for action, arn in expected)


def test_the_objects_of_a_deletion_are_read_as_xml():
    body = (b'<?xml version="1.0"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>'
            b"<Object ><Key>a&amp;&#10;b</Key></Object><Object><VersionId>v</VersionId><Key>c</Key></Object>"
            b"</Delete>")  # fmt: skip
    assert s3.objects_of(body) == [("a&\nb", None), ("c", "v")]
    assert s3.objects_of(b"no XML") == []


def keys(operation: str, request: dict) -> dict:
    call = Call("sagemaker", operation, "json", "us-east-1", "key", "")
    return actions.asks(call, request, ACCOUNT)[0].keys


def test_the_machines_of_a_request_are_condition_keys():
    job = {"ResourceConfig": {"InstanceType": "ml.g5.xlarge", "KeepAlivePeriodInSeconds": 60},
           "StoppingCondition": {"MaxRuntimeInSeconds": 900}}  # fmt: skip
    found = keys("CreateTrainingJob", job)
    assert found == {"sagemaker:instancetypes": ["ml.g5.xlarge"], "sagemaker:maxruntimeinseconds": ["900"],
                     "sagemaker:keepaliveperiod": ["60"]}  # fmt: skip
    variants = [{"InstanceType": kind} for kind in ("ml.m5.large", "ml.g5.xlarge")]
    assert keys("CreateEndpointConfig", {"ProductionVariants": variants}) == {
        "sagemaker:instancetypes": ["ml.g5.xlarge", "ml.m5.large"]
    }
    assert keys("CreateTrainingJob", {"Tags": BODY}) == {
        "aws:requesttag/course": ["tuneaws"], "aws:tagkeys": ["course"]
    }  # fmt: skip


def test_a_request_of_the_wrong_shape_asks_for_the_action_on_everything():
    wrong = asks("sagemaker", "CreateTrainingJob", {"TrainingJobName": 7, "ResourceConfig": "big"})
    assert wrong == [("sagemaker:CreateTrainingJob", f"{SAGEMAKER}training-job/*")]
