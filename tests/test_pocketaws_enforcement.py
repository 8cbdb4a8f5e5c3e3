"""Who calls, and may they: access keys, policies that count, service roles, the record of calls."""

import json
import os
import urllib.request

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from local_server import TRUST, InProcess, raw, signed_for
from pocketaws.calls import Call
from pocketaws.iam import policies
from pocketaws.iam.actions import Ask
from pocketaws.iam.enforcement import Decision
from pocketaws.iam.identity import ROOT_KEY, principal_of, role_key
from pocketaws.iam.record import MOST_BYTES, Record


class World:
    """One gateway in this process with users, each with a policy of its own."""

    def __init__(self, home):
        self.served = InProcess(home)
        self.home, self.iam = home, self.served.client("iam")
        self.served.client("s3").create_bucket(Bucket="mine")
        self.served.client("s3").put_object(Bucket="mine", Key="a", Body=b"1")

    def user(self, name: str, *statements: dict):
        """Make a user with these statements as policy; returns client(service) with its key."""
        self.iam.create_user(UserName=name)
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            self.iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document)
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return self.signed(key)

    def signed(self, key: dict):
        """client(service) that signs with a key, as CreateAccessKey or AssumeRole gives it."""
        given = key["AccessKeyId"], key["SecretAccessKey"], key.get("SessionToken")
        session = boto3.Session(*given, region_name="us-east-1")
        config = Config(retries={"total_max_attempts": 1})
        return lambda service: session.client(service, endpoint_url=self.served.url, config=config)

    def ask(self, method: str, path: str, body=None):
        """What one of pocketaws' own addresses answers."""
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"{self.served.url}/_pocketaws/{path}", data, method=method)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer)

    def lines(self) -> list:
        """The record so far."""
        return [json.loads(line) for line in (self.home / "calls.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("home"))
    made.ask("POST", "iam", {"enforce": True})
    yield made
    made.served.close()
    made.served.state.close(1)


def allow(*actions, on="*", **condition):
    made = {"Effect": "Allow", "Action": list(actions), "Resource": on}
    return {**made, "Condition": condition} if condition else made


def refused(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response
    return error["Error"]["Code"], error["Error"]["Message"], error["ResponseMetadata"]["HTTPStatusCode"]


# --- who


def test_a_key_says_who_calls(world):
    ann = world.user("ann")
    assert ann("sts").get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:user/ann"
    root = world.served.client("sts").get_caller_identity()
    assert (root["Arn"], root["UserId"]) == ("arn:aws:iam::123456789012:root", "123456789012")


def test_a_session_of_a_role_is_the_role(world):
    arn = world.iam.create_role(RoleName="taken", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    keys = world.served.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    who = principal_of(keys["AccessKeyId"])
    assert (who.kind, who.holder) == ("role", arn)
    assert who.arn == "arn:aws:sts::123456789012:assumed-role/taken/me"
    service = principal_of(role_key(arn))
    assert service.arn == "arn:aws:sts::123456789012:assumed-role/taken/SageMaker"
    assert role_key(arn) == role_key(arn)
    assert role_key(None) == role_key("arn:aws:iam::999999999999:role/x") == ROOT_KEY


# --- may they


def test_without_a_policy_everything_is_refused_in_each_services_own_way(world):
    bob = world.user("bob")
    arn = "arn:aws:iam::123456789012:user/bob"
    end = "because no identity-based policy allows the {0} action"
    for service, call, request, code, action, on, status in [
        ("s3", "get_object", {"Bucket": "mine", "Key": "a"}, "AccessDenied", "s3:GetObject",
         '"arn:aws:s3:::mine/a"', 403),
        ("sagemaker", "list_models", {}, "AccessDeniedException", "sagemaker:ListModels", "*", 400),
        ("iam", "get_role", {"RoleName": "r"}, "AccessDenied", "iam:GetRole",
         "arn:aws:iam::123456789012:role/r", 403),
        ("bedrock", "list_custom_models", {}, "AccessDeniedException", "bedrock:ListCustomModels", "*", 403),
        ("logs", "describe_log_groups", {}, "AccessDeniedException", "logs:DescribeLogGroups", "*", 400),
    ]:  # fmt: skip
        seen = refused(getattr(bob(service), call), **request)
        words = f"User: {arn} is not authorized to perform: {action} on resource: {on} {end.format(action)}"
        assert seen == (code, words, status)
    assert refused(bob("s3").head_bucket, Bucket="mine")[::2] == ("403", 403)


def test_a_policy_reaches_its_resources_and_no_others(world):
    s3 = world.user("cat", allow("s3:GetObject", on="arn:aws:s3:::mine/*"))("s3")
    assert s3.get_object(Bucket="mine", Key="a")["Body"].read() == b"1"
    assert refused(s3.put_object, Bucket="mine", Key="a", Body=b"2")[0] == "AccessDenied"
    assert refused(s3.list_objects_v2, Bucket="mine")[0] == "AccessDenied"


def test_a_role_that_may_not_be_passed_stops_the_job(world):
    role = world.iam.create_role(RoleName="passed", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    job = {"TrainingJobName": "job", "RoleArn": role, "AlgorithmSpecification": {"TrainingInputMode": "File"},
           "ResourceConfig": {"VolumeSizeInGB": 1}, "OutputDataConfig": {"S3OutputPath": "s3://mine/o"},
           "StoppingCondition": {}}  # fmt: skip
    dan = world.user("dan", allow("sagemaker:CreateTrainingJob"))("sagemaker")
    code, message, _ = refused(dan.create_training_job, **job)
    assert code == "AccessDeniedException" and f"iam:PassRole on resource: {role}" in message
    to_bedrock = {"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}}
    eve = world.user("eve", allow("sagemaker:CreateTrainingJob"), allow("iam:PassRole", **to_bedrock))
    assert "iam:PassRole" in refused(eve("sagemaker").create_training_job, **job)[1]


def test_a_machine_on_the_deny_list_is_refused_whatever_else_is_allowed(world):
    from tuneaws.policies import deny_expensive

    fay = world.user("fay", allow("sagemaker:*", "iam:PassRole"), *deny_expensive()["Statement"])("sagemaker")
    job = {"TrainingJobName": "big", "RoleArn": "arn:aws:iam::123456789012:role/passed",
           "AlgorithmSpecification": {"TrainingInputMode": "File"}, "StoppingCondition": {},
           "OutputDataConfig": {"S3OutputPath": "s3://mine/o"},
           "ResourceConfig": {"VolumeSizeInGB": 1, "InstanceType": "ml.p5.48xlarge"}}  # fmt: skip
    assert "with an explicit deny" in refused(fay.create_training_job, **job)[1]
    job["ResourceConfig"]["InstanceType"] = "ml.g5.xlarge"
    assert refused(fay.create_training_job, **job)[0] == "ValidationException"  # past IAM: there is no image


def test_tags_of_the_thing_decide_where_a_policy_says_so(world):
    sm = world.served.client("sagemaker")
    for name, course in (("ours", "tuneaws"), ("theirs", "other")):
        sm.create_model_package_group(ModelPackageGroupName=name, Tags=[{"Key": "course", "Value": course}])
    ours = {"StringEquals": {"aws:ResourceTag/course": "tuneaws"}}
    delete = world.user("gus", allow("sagemaker:DeleteModelPackageGroup", **ours))(
        "sagemaker"
    ).delete_model_package_group
    assert refused(delete, ModelPackageGroupName="theirs")[0] == "AccessDeniedException"
    delete(ModelPackageGroupName="ours")


def test_a_session_policy_narrows_what_a_role_may(world):
    role = world.iam.create_role(RoleName="wide", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    wide = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:*")]})
    world.iam.put_role_policy(RoleName="wide", PolicyName="p", PolicyDocument=wide)
    narrow = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:GetObject")]})
    keys = world.served.client("sts").assume_role(RoleArn=role, RoleSessionName="me", Policy=narrow)
    s3 = world.signed(keys["Credentials"])("s3")
    assert s3.get_object(Bucket="mine", Key="a")["ContentLength"] == 1
    assert refused(s3.list_buckets)[0] == "AccessDenied"


def test_a_role_is_taken_on_only_by_whom_it_trusts(world):
    to_ann = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "123456789012"}}
    open_to_us = json.dumps({"Version": "2012-10-17", "Statement": [to_ann]})
    ours = world.iam.create_role(RoleName="open", AssumeRolePolicyDocument=open_to_us)["Role"]["Arn"]
    theirs = world.iam.create_role(RoleName="service", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    to_ann["Condition"] = {"StringEquals": {"sts:ExternalId": "agreed"}}
    told = json.dumps({"Version": "2012-10-17", "Statement": [to_ann]})
    told = world.iam.create_role(RoleName="told", AssumeRolePolicyDocument=told)["Role"]["Arn"]
    kim = world.user("kim", allow("sts:AssumeRole"))("sts")
    assert kim.assume_role(RoleArn=ours, RoleSessionName="kim")["AssumedRoleUser"]["Arn"].endswith("open/kim")
    assert "sts:AssumeRole" in refused(kim.assume_role, RoleArn=theirs, RoleSessionName="kim")[1]
    assert "sts:AssumeRole" in refused(kim.assume_role, RoleArn=told, RoleSessionName="kim")[1]
    kim.assume_role(RoleArn=told, RoleSessionName="kim", ExternalId="agreed")


def test_a_key_that_was_deleted_is_nobodys_while_policies_count(world):
    world.iam.create_user(UserName="lou")
    key = world.iam.create_access_key(UserName="lou")["AccessKey"]
    world.iam.delete_access_key(UserName="lou", AccessKeyId=key["AccessKeyId"])
    assert refused(world.signed(key)("iam").list_roles)[0] == "InvalidClientTokenId"


def test_what_nobody_signed_is_refused_in_each_services_own_way(world):
    codes = {"s3": ("list_buckets", "AccessDenied"),
             "sagemaker": ("list_models", "MissingAuthenticationTokenException")}  # fmt: skip
    for service, (call, code) in codes.items():
        client = world.served.client(service, signature_version=UNSIGNED)
        assert refused(getattr(client, call))[::2] == (code, 403)


def test_an_upload_by_a_form_is_an_upload(world):
    key = world.iam.create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"]
    form = b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nform\r\n--x\r\n' \
           b'Content-Disposition: form-data; name="file"; filename="f"\r\n\r\n1\r\n--x--\r\n'  # fmt: skip
    headers = {"Content_Type": "multipart/form-data; boundary=x"}
    assert raw(world.served.url, "POST", "/mine", form, **headers)[0] == 403
    signed = signed_for("s3").replace("AKIAEXAMPLE", key)
    assert raw(world.served.url, "POST", "/mine", form, Authorization=signed, **headers)[0] == 403
    assert world.lines()[-1]["refused"] == "s3:PutObject"
    signed = signed_for("s3").replace("AKIAEXAMPLE", "testing")
    assert raw(world.served.url, "POST", "/mine", form, Authorization=signed, **headers)[0] == 204


def test_a_long_request_is_judged_by_all_of_it(world):
    pat = world.user("pat", allow("sagemaker:CreateModel"))("sagemaker")
    long = [{"Image": "i", "Environment": {f"{n}": "x" * 1000 for n in range(1100)}}]
    role = "arn:aws:iam::123456789012:role/passed"
    asked = {"ModelName": "m", "ExecutionRoleArn": role, "Containers": long}
    assert "iam:PassRole" in refused(pat.create_model, **asked)[1]


def test_a_home_can_deny_an_action_of_any_service_to_everybody(world):
    path = world.home / "denied.json"
    path.write_text('["bedrock:ListCustomModels", "s3:ListAllMyBuckets"]')
    try:
        assert refused(world.served.client("bedrock").list_custom_models)[0] == "AccessDeniedException"
        assert ":root is not authorized" in refused(world.served.client("s3").list_buckets)[1]
    finally:
        path.unlink()
    world.served.client("s3").list_buckets()


def test_off_is_the_default_and_then_policies_do_not_count(world):
    hal = world.user("hal")
    assert world.ask("GET", "iam") == {"enforce": True}
    assert world.ask("POST", "iam", {"enforce": False}) == {"enforce": False}
    try:
        hal("s3").list_buckets()
    finally:
        world.ask("POST", "iam", {"enforce": True})
    from pocketaws.iam.enforcement import Enforcement

    assert Enforcement(world.served.state).enforce is False


# --- the record


def test_each_call_is_a_line_with_who_what_and_what_came_of_it(world, monkeypatch):
    monkeypatch.setitem(os.environ, "AWS_SDK_UA_APP_ID", "tuneaws-04_a")
    ida = world.user("ida", allow("s3:GetObject"))("s3")
    ida.get_object(Bucket="mine", Key="a")
    refused(ida.put_object, Bucket="mine", Key="secret-name", Body=b"the body")
    got, put = world.lines()[-2:]
    assert (got["principal"], got["app"]) == ("arn:aws:iam::123456789012:user/ida", "tuneaws-04_a")
    assert (got["service"], got["operation"], got["status"]) == ("s3", "GetObject", 200)
    assert (got["actions"], got["resources"]) == (["s3:GetObject"], ["arn:aws:s3:::mine/a"])
    assert (got["decision"], put["decision"], put["refused"]) == ("allowed", "denied", "s3:PutObject")
    assert (put["status"], put["error"]) == (403, "AccessDenied") and put["ms"] >= 0
    counted = [row for row in world.ask("GET", "calls")["actions"] if row["principal"] == got["principal"]]
    assert {(row["action"], row["decision"], row["calls"]) for row in counted} == {
        ("s3:GetObject", "allowed", 1), ("s3:PutObject", "denied", 1)
    }  # fmt: skip


def test_the_record_holds_no_key_no_body_and_does_not_grow_for_ever(world, monkeypatch):
    from pocketaws.iam import record

    text = (world.home / "calls.jsonl").read_text()
    assert "the body" not in text and "AKIA" not in text and "ASIA" not in text
    monkeypatch.setattr(record, "MOST_BYTES", 1)
    world.served.client("s3").list_buckets()
    world.served.client("s3").list_buckets()
    assert len(world.lines()) <= 2
    assert "ListBuckets" in (world.home / "calls.1.jsonl").read_text()


def test_a_record_that_cannot_be_written_fails_no_call_and_writes_to_no_other_file(tmp_path, caplog):
    record, call = Record(tmp_path), Call("s3", "GetObject", "rest-xml", "us-east-1", "", "")
    decision = Decision(principal_of(""), [Ask("s3:GetObject", "arn:aws:s3:::b/\ud800")])
    record.note(call, decision, None, 200, None, 1.0)
    assert json.loads((tmp_path / "calls.jsonl").read_text())["resources"] == ["arn:aws:s3:::b/\ud800"]
    record._size = 2 * MOST_BYTES
    (tmp_path / "calls.1.jsonl").mkdir()
    record.note(call, decision, None, 200, None, 1.0)
    with open(tmp_path / "next", "wb"):  # has the number that the record's file had
        record.note(call, decision, None, 200, None, 1.0)
    assert (tmp_path / "next").read_bytes() == b"" and record.summary()["calls"] == 3
    record.close()


# --- conditions


@pytest.mark.parametrize(
    ("condition", "keys", "holds"),
    [
        ({"StringNotEquals": {"k": "a"}}, {}, True),
        ({"StringEquals": {"k": "a"}}, {}, False),
        ({"StringEqualsIfExists": {"k": "a"}}, {}, True),
        ({"ForAllValues:StringLike": {"k": ["a*"]}}, {"k": ["ab", "ac"]}, True),
        ({"ForAllValues:StringLike": {"k": ["a*"]}}, {"k": ["ab", "b"]}, False),
        ({"ForAllValues:StringLike": {"k": ["a*"]}}, {}, True),
        ({"ForAnyValue:StringLike": {"k": ["a*"]}}, {"k": ["b", "ab"]}, True),
        ({"ForAnyValue:StringLike": {"k": ["a*"]}}, {}, False),
        ({"ForAnyValue:StringNotLike": {"k": ["a*"]}}, {"k": ["ab", "b"]}, True),
        ({"NumericLessThanEquals": {"k": "3600"}}, {"k": ["900"]}, True),
        ({"NumericLessThanEquals": {"k": "3600"}}, {"k": ["7200"]}, False),
        ({"NumericLessThan": {"k": "3600"}}, {"k": ["soon"]}, False),
        ({"DateLessThan": {"k": "2027-01-01T00:00:00Z"}}, {"k": ["2026-11-01T00:00:00Z"]}, True),
        ({"StringEquals": {"k": "${aws:username}"}}, {"k": ["ann"], "aws:username": ["ann"]}, True),
        ({"Null": {"k": "true"}}, {}, True),
        ({"IpAddress": {"k": "10.0.0.0/8"}}, {"k": ["10.0.0.1"]}, False),
    ],
)
def test_a_condition_holds_as_the_iam_user_guide_says(condition, keys, holds):
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": condition}
    verdict = policies.evaluate([("p", {"Statement": [statement]})], "s3:GetObject", "arn:aws:s3:::b/k", keys)
    assert (verdict[0] == "allowed") == holds


def test_a_resource_may_name_the_user(world):
    own = allow("s3:GetObject", on="arn:aws:s3:::mine/${aws:username}/*")
    s3 = world.user("joe", own)("s3")
    world.served.client("s3").put_object(Bucket="mine", Key="joe/x", Body=b"")
    s3.get_object(Bucket="mine", Key="joe/x")
    assert refused(s3.get_object, Bucket="mine", Key="a")[0] == "AccessDenied"
