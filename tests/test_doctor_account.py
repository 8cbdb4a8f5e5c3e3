"""The doctor on the account: each check in its pass, its warning, its failure, provoked in the local AWS."""

import json
import time
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError
from doctor_aid import ACCOUNT, NAME, ROOT_ARN, Patient, allow
from local_server import TRUST
from tuneaws import buckets, doctor, policies, roles
from tuneaws.doctor import identity, models, running, simulating
from tuneaws.doctor.check import Subject

TRAINING = "ml.g5.xlarge for training job usage"
SPOT = "ml.g5.xlarge for spot training job usage"
NOVA = "amazon.nova-micro-v1:0"


@pytest.fixture(scope="module")
def account(gateway):
    return Patient(gateway)


@pytest.fixture
def patient(aws, account):
    return account


def assert_says(check, status: str, text: str) -> None:
    """A check has a status and says something in what it saw."""
    assert check.status == status and text in check.seen, check


# --- who asks


def test_another_account_than_the_configured_one_fails(patient):
    assert patient.ask("account", account=ACCOUNT).status == "pass"
    other = patient.ask("account", account="210987654321")
    assert other.status == "fail" and "allows only 210987654321" in other.seen and "AWS_PROFILE" in other.fix
    assert patient.ask("account").status == "warn"
    assert patient.ask("account", where="local").status == "pass"


def test_the_root_user_is_warned_of_on_aws_and_not_in_local(patient):
    assert patient.ask("identity").status == "warn" and "root" in patient.ask("identity").seen
    assert patient.ask("identity", where="local").status == "pass"
    user = patient.user("ann")
    seen = patient.ask("identity", patient.session(keys=user["keys"], caller=user["arn"]))
    assert (seen.status, seen.seen) == ("pass", user["arn"])


def test_a_long_lived_key_is_warned_of_with_the_reason(patient):
    keys = {"AccessKeyId": "AKIA" + "B" * 16, "SecretAccessKey": "secret-of-the-test"}
    seen = patient.ask("credentials", patient.session(keys=keys))
    assert seen.status == "warn" and "until somebody deletes the key" in seen.seen
    assert "aws configure sso" in seen.fix
    assert "secret-of-the-test" not in f"{seen}" and keys["AccessKeyId"] not in f"{seen}"
    assert patient.ask("credentials", where="local").status == "pass"


@pytest.mark.parametrize(("hours", "status"), [(1, "warn"), (9, "pass")])
def test_temporary_keys_that_end_soon_are_warned_of(patient, monkeypatch, hours, status):
    ends = datetime.now(timezone.utc) + timedelta(hours=hours)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIA" + "C" * 16)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", ends.isoformat())
    seen = patient.ask("credentials")
    assert_says(seen, status, "in 60 minutes" if status == "warn" else f"until {ends:%Y-%m-%d}")


def test_a_region_that_differs_from_the_configuration_fails(patient, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert patient.ask("region").status == "pass"
    seen = patient.ask("region", patient.session(region="eu-west-1"))
    assert seen.status == "fail" and "eu-west-1" in seen.seen and "us-east-1" in seen.seen
    assert patient.ask("region", **{"bedrock.region": "us-west-2"}).status == "warn"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    assert "AWS_DEFAULT_REGION=ap-south-1" in patient.ask("region").seen
    assert patient.ask("region").status == "warn"


@pytest.mark.parametrize(("off_s", "status"), [(0, "pass"), (-100, "warn"), (4000, "fail")])
def test_a_clock_that_is_off_is_seen_by_the_date_of_an_answer(patient, off_s, status):
    subject = Subject(patient.cfg(), patient.session(), frozenset())
    seen = identity.clock(subject, now=lambda: time.time() + off_s)
    assert seen.status == status
    if off_s:
        assert ("ahead" if off_s > 0 else "behind") in seen.seen and "ntp" in seen.fix


# --- the role, and what one may do


def test_a_role_that_is_missing_or_does_not_trust_sagemaker_fails(patient):
    iam = patient.client("iam")
    lambdas = json.dumps(roles.trust_policy("lambda.amazonaws.com"))
    stranger = iam.create_role(RoleName="for-lambda", AssumeRolePolicyDocument=lambdas)["Role"]["Arn"]
    good = patient.ask("role", **{"sagemaker.role_arn": patient.gateway.role})
    assert good.status == "pass" and patient.gateway.role in good.seen
    untrusted = patient.ask("role", **{"sagemaker.role_arn": stranger})
    assert untrusted.status == "fail" and "does not trust sagemaker.amazonaws.com" in untrusted.seen
    missing = patient.ask("role", **{"sagemaker.role_arn": f"arn:aws:iam::{ACCOUNT}:role/nobody"})
    assert missing.status == "fail" and "there is no role" in missing.seen
    pathless = patient.ask("role", **{"sagemaker.role_arn": f"arn:aws:iam::{ACCOUNT}:role/x/learner"})
    assert pathless.status == "fail" and f"sagemaker.role_arn: {patient.gateway.role}" in pathless.fix


def test_without_any_role_the_answer_says_how_to_get_one(patient):
    seen = patient.ask("role")
    assert seen.status == "fail" and "no role that SageMaker may assume" in seen.seen
    assert "sagemaker.role_arn" in seen.fix


def test_a_role_that_may_not_be_passed_fails(patient):
    role = {"sagemaker.role_arn": patient.gateway.role}
    assert patient.ask("role may be passed", **role).status == "pass"  # the root user
    poor, rich = patient.user("poor"), patient.user("rich", allow("iam:PassRole"))
    refused = patient.ask("role may be passed", patient.session(caller=poor["arn"]), **role)
    assert refused.status == "fail" and f"may not pass {patient.gateway.role}" in refused.seen
    assert patient.ask("role may be passed", patient.session(caller=rich["arn"]), **role).status == "pass"
    one = patient.user("one", allow("iam:PassRole", resource=patient.gateway.role))
    training = patient.ask("role may be passed", patient.session(caller=one["arn"]), "04", **role)
    assert training.status == "pass", "lesson 04 passes nothing to Bedrock"
    to_bedrock = patient.ask("role may be passed", patient.session(caller=one["arn"]), "14", **role)
    assert to_bedrock.status == "fail" and "bedrock.amazonaws.com" in to_bedrock.seen


def test_actions_that_the_lessons_call_are_asked_for_one_by_one(patient):
    free = patient.user("free", allow("*"))
    caller = patient.session(caller=free["arn"])
    assert patient.ask("your permissions", caller, "04").status == "pass"
    poor = patient.user("poorer", allow("*"), allow("s3:PutObject", effect="Deny"))
    seen = patient.ask("your permissions", patient.session(caller=poor["arn"]), "04")
    assert seen.status == "fail" and "may not: s3:PutObject" in seen.seen and "explicit Deny" in seen.seen
    assert "write_policies.py" in seen.fix
    nobody = patient.ask("your permissions", patient.session(caller=patient.user("nobody")["arn"]), "04")
    assert nobody.status == "fail" and "more" in nobody.seen


def test_in_a_session_such_as_studios_its_role_is_what_is_simulated(patient):
    iam = patient.client("iam")
    made = iam.create_role(RoleName="studio", Path="/service-role/", AssumeRolePolicyDocument=TRUST)
    session = patient.session(caller=f"arn:aws:sts::{ACCOUNT}:assumed-role/studio/SageMaker")
    assert patient.ask("your permissions", session, "04").seen.startswith(made["Role"]["Arn"])
    iam.put_role_policy(RoleName="studio", PolicyName="all", PolicyDocument=json.dumps(allow("*")))
    assert patient.ask("your permissions", session, "04").status == "pass"


def test_with_the_generated_policies_a_learner_passes_and_may_look(patient):
    ann = patient.user("ann-the-learner")
    learner = patient.session(keys=ann["keys"], caller=ann["arn"])
    there = ACCOUNT, "us-east-1", learner.bucket_name(NAME), NAME
    patient.allow("ann-the-learner", *policies.split(policies.learner(*there, {"course": NAME})))
    role = roles.ensure_role(patient.client("iam"), policy=policies.execution_role(*there))
    cfg = patient.cfg(**{"sagemaker.role_arn": role})
    with patient.enforced():
        checks = doctor.run(cfg, learner, only=set(running.ACCOUNT) - {"base model", "budget", "left behind"})
    assert len(checks) >= 17 and doctor.ready(checks)
    assert not [one for one in checks if "could not look" in one.seen or "not seen" in one.seen], checks


class MixingRefused:
    """An IAM that answers as AWS does where actions may not be asked together, and resource by resource."""

    def __init__(self):
        self.asked = []

    def get_paginator(self, _):
        return self

    def paginate(self, ActionNames, ResourceArns, **_):
        self.asked.append(ActionNames)
        roles_, others = [[a for a in ActionNames if a.startswith("iam:") is iam] for iam in (True, False)]
        if roles_ and others:
            raise ClientError({"Error": {"Code": "InvalidInput", "Message": (
                f"Invalid Input Actions: [{','.join(roles_)}] and [{','.join(others)}] require different "
                "authorization information.")}}, "SimulatePrincipalPolicy")
        decisions = {"r1": "allowed", "r2": "implicitDeny"}
        results = [{"EvalResourceName": arn, "EvalResourceDecision": decisions[arn]} for arn in ResourceArns]
        yield {"EvaluationResults": [{"EvalActionName": name, "EvalDecision": "implicitDeny",
                                      "ResourceSpecificResults": results} for name in ActionNames]}


def test_actions_that_aws_does_not_simulate_together_are_asked_apart():
    iam = MixingRefused()
    document = allow("s3:GetObject", "iam:PassRole", "s3:PutObject", resource=["r1", "r2"])
    found = simulating.refused(iam, f"arn:aws:iam::{ACCOUNT}:user/a", document)
    assert iam.asked[1:] == [["iam:PassRole"], ["s3:GetObject", "s3:PutObject"]]
    assert [(one.action, one.resources, one.everywhere) for one in found] == [
        (name, ("r2",), False) for name in ("iam:PassRole", "s3:GetObject", "s3:PutObject")]


def test_a_role_that_may_not_write_its_results_fails(patient):
    iam = patient.client("iam")
    arn = iam.create_role(RoleName="half", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    iam.put_role_policy(RoleName="half", PolicyName="all", PolicyDocument=json.dumps(allow("*")))
    role = {"sagemaker.role_arn": arn}
    assert patient.ask("the role's permissions", **role).status == "pass"
    deny = json.dumps(allow("s3:PutObject", effect="Deny"))
    iam.put_role_policy(RoleName="half", PolicyName="no", PolicyDocument=deny)
    assert_says(patient.ask("the role's permissions", **role), "fail", "may not: s3:PutObject (by an")
    here = patient.ask("the role's permissions", where="local", **role)
    assert_says(here, "warn", "counts only where policies are enforced")


def test_what_may_not_be_looked_at_is_a_warning_with_the_operation(patient):
    blind = patient.user("blind")
    session = patient.session(keys=blind["keys"], caller=blind["arn"])
    with patient.enforced():
        asked = ("quotas", "training image", "your permissions", "budget")
        every = {check: patient.ask(check, session) for check in asked}
        hidden = patient.ask("left behind", session)
    assert {one.status for one in every.values()} == {"warn"}, every
    assert "could not look: ListServiceQuotas: AccessDenied" in every["quotas"].seen
    assert "it only reads" in every["quotas"].fix
    assert_says(hidden, "warn", "not seen, as it may not be listed: ")


# --- what the lessons use


def test_the_bucket_is_judged_as_it_is(patient):
    session, s3 = patient.session(), patient.client("s3")
    name = session.bucket_name(NAME)
    assert_says(patient.ask("bucket"), "pass", "not there yet")
    s3.create_bucket(Bucket=name)
    assert_says(patient.ask("bucket"), "fail", "public access block")
    buckets.ensure_bucket(s3, name, "us-east-1")
    assert_says(patient.ask("bucket"), "warn", "course's tags")
    buckets.ensure_bucket(s3, name, "us-east-1", patient.cfg().project.tag_list())
    assert_says(patient.ask("bucket"), "pass", "private, encrypted, tagged")
    s3.delete_bucket_encryption(Bucket=name)
    assert_says(patient.ask("bucket"), "warn", "encryption")
    stranger = patient.user("stranger")
    with patient.enforced():
        seen = patient.ask("bucket", patient.session(keys=stranger["keys"], caller=ROOT_ARN))
    assert seen.status == "fail" and "may not use it" in seen.seen
    s3.delete_bucket(Bucket=name)


def test_a_bucket_in_another_region_fails(patient):
    session = patient.session()
    name = session.bucket_name(NAME)
    abroad = patient.gateway.client("s3", "eu-west-1")
    abroad.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    seen = patient.ask("bucket")
    assert seen.status == "fail" and "is in eu-west-1, the session in us-east-1" in seen.seen
    abroad.delete_bucket(Bucket=name)


def test_every_quota_of_the_configuration_is_judged_by_its_name(patient):
    found = patient.every("quotas")
    assert [(one.name, one.status) for one in found] == [
        ("training quota", "pass"), ("spot quota", "pass"), ("endpoint quota", "pass")]
    assert found[2].seen == "ml.g5.xlarge for endpoint usage: 20, the lessons take 1"
    with patient.rehearse("quotas.json", {TRAINING: 0, SPOT: 0}):
        training, spot = patient.every("quotas", lessons="04")
        by_spot = patient.every("quotas", lessons="04", **{"sagemaker.spot": True})
        here = patient.every("quotas", lessons="04", where="local")[0]
    assert_says(training, "fail", f"{TRAINING}: 0, the lessons take 1")
    assert "us-east-1.console.aws.amazon.com" in training.fix
    assert_says(spot, "warn", "only with sagemaker.spot: true")
    assert [one.status for one in by_spot] == ["warn", "fail"]
    assert here.status == "fail" and "quotas.json" in here.fix
    assert patient.every("quotas", lessons="00") == [], "lesson 00 rents nothing"


def test_a_warm_pool_and_an_unknown_type_are_asked_for_too(patient):
    warm = patient.every("quotas", lessons="04", **{"sagemaker.keep_alive_s": 60})
    assert_says(warm[-1], "pass", "ml.g5.xlarge for training warm pool usage")
    odd = patient.every("quotas", lessons="04", **{"sagemaker.instance_type": "ml.x99.large"})
    assert {one.status for one in odd} == {"warn"} and "may not have ml.x99.large at all" in odd[0].seen


def test_images_are_asked_for_in_awss_registry(patient):
    assert patient.ask("training image").status == "pass" and patient.ask("serving image").status == "pass"
    assert patient.ask("serving image", **{"endpoint.serve": "vllm"}).seen.startswith("vllm:")
    unserved = patient.ask("serving image", **{"endpoint.transformers_version": "4.56.2"})
    assert unserved.status == "fail" and "is not in AWS's registry" in unserved.seen
    untrained = patient.ask("training image", **{"sagemaker.transformers_version": "4.50.0"})
    assert_says(untrained, "fail", "no training image 2.8.0-transformers4.50.0")
    older = {"sagemaker.transformers_version": "4.48.0", "sagemaker.pytorch_version": "2.3.0",
             "sagemaker.py_version": "py311"}
    assert_says(patient.ask("training image", **older), "pass", "2.3.0-transformers4.48.0-gpu-py311-cu121")
    far = {"region": "ap-southeast-7"}
    nowhere = patient.ask("serving image", patient.session(region="ap-southeast-7"), **far)
    assert nowhere.status == "fail" and "ap-southeast-7" in nowhere.seen


def test_bedrocks_model_is_gated_by_access_and_life(patient, monkeypatch):
    def both(**changes):
        checks = ("Bedrock model", "Bedrock access")
        return [patient.ask(check, lessons="14", **changes).status for check in checks]

    assert both() == ["pass", "pass"]
    with patient.rehearse("bedrock_access.json", {"denied": [NOVA]}):
        assert both() == ["pass", "fail"]
        assert "agreement NOT_AVAILABLE" in patient.ask("Bedrock access", lessons="14").seen
    with patient.rehearse("bedrock_access.json", {"legacy": [NOVA]}):
        assert_says(patient.ask("Bedrock model"), "fail", "legacy phase")
    with patient.rehearse("bedrock_access.json", {"ended": [NOVA]}):
        assert both() == ["fail", "fail"]
    assert both(**{"bedrock.region": "eu-west-1"})[0] == "fail"
    assert patient.every("Bedrock model", lessons="00-12") == []
    monkeypatch.setattr(models, "gate", lambda bedrock, wanted: "anthropic.claude-opus-4-1-20250805-v1:0")
    assert_says(patient.ask("Bedrock model"), "warn", "2027-01-08 only")


# --- money


def test_what_bills_by_the_hour_is_named_with_what_ends_it(patient):
    from training_api import request_for

    assert patient.ask("still billing").status == "pass" and patient.ask("left behind").seen == "nothing"
    job = request_for(patient.gateway, Tags=[{"Key": "course", "Value": NAME}])
    patient.gateway.sagemaker.create_training_job(**job)
    seen = patient.ask("still billing")
    assert seen.status == "warn" and f"training job {job['TrainingJobName']}" in seen.seen
    assert "stop_training_job" in seen.fix
    here = patient.ask("still billing", where="local")
    assert here.status == "pass" and "running here, free" in here.seen
    left = patient.ask("left behind")
    assert left.status == "warn" and left.seen == f"1 training job: {job['TrainingJobName']}"
    assert "make clean" in left.fix and patient.ask("left behind", where="local").status == "pass"


def test_an_account_without_a_budget_is_warned(patient):
    assert_says(patient.ask("budget"), "warn", "no budget")
    budget = {"BudgetName": "course", "BudgetType": "COST", "TimeUnit": "MONTHLY",
              "BudgetLimit": {"Amount": "10", "Unit": "USD"}}
    patient.client("budgets").create_budget(AccountId=ACCOUNT, Budget=budget)
    assert (patient.ask("budget").status, patient.ask("budget").seen) == ("pass", "1 budget: course")
    assert patient.ask("budget", where="local").status == "pass"
