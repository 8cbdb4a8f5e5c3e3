"""iam SimulatePrincipalPolicy: a role may do what its policies say."""

import json

import pytest
from local_server import TRUST, client


@pytest.fixture(scope="module")
def url(local_aws):
    return local_aws.url


@pytest.fixture(scope="module")
def role(url):
    """A role with AmazonSageMakerFullAccess, one inline Allow and one inline Deny."""
    iam = client(url, "iam")
    arn = iam.create_role(RoleName="simulated", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    iam.attach_role_policy(
        RoleName="simulated", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    )
    allow = {"Effect": "Allow", "Action": ["s3:Get*", "s3:PutObject"], "Resource": "arn:aws:s3:::mine/*"}
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::mine/secret/*"}
    secure = {
        "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalTag/team": "red"}},
    }  # fmt: skip
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow, deny, secure]})
    iam.put_role_policy(RoleName="simulated", PolicyName="mine", PolicyDocument=document)
    return arn


@pytest.mark.parametrize(
    ("action", "resource", "decision"),
    [
        ("sagemaker:CreateTrainingJob", "*", "allowed"),
        ("SAGEMAKER:createtrainingjob", "*", "allowed"),
        ("s3:PutObject", "arn:aws:s3:::mine/x", "allowed"),
        ("s3:GetObject", "arn:aws:s3:::mine/x", "allowed"),
        ("s3:DeleteBucket", "arn:aws:s3:::mine/x", "implicitDeny"),
        ("s3:PutObject", "arn:aws:s3:::mine/secret/x", "explicitDeny"),
        ("s3:PutObject", "arn:aws:s3:::yours/x", "implicitDeny"),
        ("s3:PutObject", "arn:aws:s3:::a-sagemaker-bucket/x", "allowed"),
        ("iam:CreateUser", "*", "implicitDeny"),
        ("sqs:SendMessage", "*", "implicitDeny"),
    ],
)
def test_a_role_may_do_what_its_policies_say(url, role, action, resource, decision):
    answer = client(url, "iam").simulate_principal_policy(
        PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource]
    )
    result = answer["EvaluationResults"][0]
    assert (result["EvalActionName"], result["EvalResourceName"]) == (action, resource)
    assert result["EvalDecision"] == decision
    assert bool(result["MatchedStatements"]) == (decision != "implicitDeny")


def test_a_condition_counts_only_with_its_key(url, role):
    entry = {
        "ContextKeyName": "aws:PrincipalTag/team",
        "ContextKeyType": "string",
        "ContextKeyValues": ["red"],
    }
    simulate = client(url, "iam").simulate_principal_policy
    asked = {"PolicySourceArn": role, "ActionNames": ["sqs:SendMessage"]}
    without = simulate(**asked)["EvaluationResults"][0]
    assert without["MissingContextValues"] == ["aws:PrincipalTag/team"]
    assert simulate(**asked, ContextEntries=[entry])["EvaluationResults"][0]["EvalDecision"] == "allowed"


def test_simulations_have_pages(url, role):
    pages = (
        client(url, "iam")
        .get_paginator("simulate_principal_policy")
        .paginate(
            PolicySourceArn=role,
            ActionNames=[f"s3:Action{n}" for n in range(5)],
            PaginationConfig={"PageSize": 2},
        )
    )
    names = [[result["EvalActionName"][-1] for result in page["EvaluationResults"]] for page in pages]
    assert names == [["0", "1"], ["2", "3"], ["4"]]


def test_simulating_nobody_is_no_such_entity(url):
    iam = client(url, "iam")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.simulate_principal_policy(
            PolicySourceArn="arn:aws:iam::123456789012:role/nobody", ActionNames=["s3:PutObject"]
        )
