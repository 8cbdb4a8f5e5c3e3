"""Calls that fail and are made again: nothing is made twice, nothing is lost, a real refusal stays one."""

import dataclasses
import functools
import io
import json
import os
import types
from pathlib import Path

import boto3
import pytest
from bedrock_api import NOVA, RECOMMENDED, FakeTuning, trust
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ResponseStreamingError,
)
from hosting_api import config, config_request, endpoint, model_request, new_name, upload
from local_server import TRUST
from training_api import request_for
from tuneaws import buckets, environment, registry, roles
from tuneaws.bedrock_jobs import running
from tuneaws.calls import Facts, lost_answers, retrying
from tuneaws.estimator import send

LOST = ("cut-after", "error-500-after")
SIZE = 300_000
FACTS = Facts("local", "us-east-1", "123456789012", "arn", Path())


@pytest.fixture(autouse=True)
def at_once(monkeypatch, gateway, same_environment):
    """No back-off, and no fault that outlives its test."""
    monkeypatch.setattr("botocore.endpoint.time", types.SimpleNamespace(sleep=lambda _: None))
    yield
    gateway.state.faults.set({})


@pytest.fixture(scope="module")
def prepared(gateway):
    """What the requests need: an archive for models, a role that Bedrock may assume, rows for it."""
    upload(gateway)
    gateway.client("s3").put_object(Bucket="learner", Key="train.jsonl", Body=b"{}")
    document = trust(**RECOMMENDED)
    made = gateway.client("iam").create_role(RoleName="bedrock", AssumeRolePolicyDocument=document)
    gateway.tuning = gateway.state._tuning = FakeTuning()
    return made["Role"]["Arn"]


@pytest.fixture(scope="module")
def client(gateway):
    """client("s3"): as a session's clients are, made once."""
    boto, before = boto3.Session(region_name="us-east-1"), dict(os.environ)
    retrying.install(boto, FACTS)
    yield functools.lru_cache(lambda service: boto.client(service, endpoint_url=gateway.url))
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def plain(gateway):
    """plain("s3"): raw boto3, made once; what is there is counted with it."""
    return functools.lru_cache(gateway.client)


def job_of(aws, role):
    return request_for(aws)


def tuning_of(aws, role):
    training = request_for(aws)
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["1", "2"]}]}
    objective = {"Type": "Minimize", "MetricName": "loss"}
    definition = {name: training[name] for name in ("RoleArn", "InputDataConfig", "OutputDataConfig",
                                                    "ResourceConfig", "StoppingCondition")}  # fmt: skip
    metrics = [{"Name": "loss", "Regex": "loss=(.*)"}]
    algorithm = {**training["AlgorithmSpecification"], "MetricDefinitions": metrics}
    definition["AlgorithmSpecification"] = algorithm
    return {
        "HyperParameterTuningJobName": new_name("tuning"),
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random", "HyperParameterTuningJobObjective": objective, "ParameterRanges": ranges,
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1}},
        "TrainingJobDefinition": definition}  # fmt: skip


def trial_of(aws, role):
    experiment = new_name("experiment")
    aws.sagemaker.create_experiment(ExperimentName=experiment)
    return {"TrialName": new_name("trial"), "ExperimentName": experiment}


def package_of(aws, role):
    group = new_name("group")
    aws.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    return registry.version_request(group, model_request(aws)["PrimaryContainer"], {"rouge1": 43.2})


def customization_of(aws, role):
    return {"jobName": new_name("job"), "customModelName": new_name("model"), "roleArn": role,
            "baseModelIdentifier": NOVA, "trainingDataConfig": {"s3Uri": "s3://learner/train.jsonl"},
            "outputDataConfig": {"s3Uri": "s3://learner/out"}}  # fmt: skip


CREATES = {  # service, operation: how a right request is made
    ("sagemaker", "CreateTrainingJob"): job_of,
    ("sagemaker", "CreateHyperParameterTuningJob"): tuning_of,
    ("sagemaker", "CreateModel"): lambda aws, role: model_request(aws),
    ("sagemaker", "CreateEndpointConfig"): lambda aws, role: config_request(aws),
    ("sagemaker", "CreateEndpoint"): lambda aws, role: {"EndpointName": new_name("endpoint"),
                                                        "EndpointConfigName": config(aws)},
    ("sagemaker", "CreateModelPackageGroup"): lambda aws, role: {"ModelPackageGroupName": new_name("group"),
                                                                 "Tags": [{"Key": "a", "Value": "b"}]},
    ("sagemaker", "CreateModelPackage"): package_of,
    ("sagemaker", "CreateExperiment"): lambda aws, role: {"ExperimentName": new_name("experiment")},
    ("sagemaker", "CreateTrial"): trial_of,
    ("sagemaker", "CreateTrialComponent"): lambda aws, role: {
        "TrialComponentName": new_name("component"), "Parameters": {"rows": {"NumberValue": 3}}},
    ("iam", "CreateRole"): lambda aws, role: {"RoleName": new_name("role"),
                                              "AssumeRolePolicyDocument": TRUST},
    ("s3", "CreateBucket"): lambda aws, role: {"Bucket": new_name("bucket")},
    ("bedrock", "CreateModelCustomizationJob"): customization_of,
}  # fmt: skip
LISTS = {  # what there is of a kind: service, call, member
    "CreateTrainingJob": ("sagemaker", "list_training_jobs", "TrainingJobSummaries"),
    "CreateHyperParameterTuningJob": ("sagemaker", "list_hyper_parameter_tuning_jobs",
                                      "HyperParameterTuningJobSummaries"),
    "CreateModel": ("sagemaker", "list_models", "Models"),
    "CreateEndpointConfig": ("sagemaker", "list_endpoint_configs", "EndpointConfigs"),
    "CreateEndpoint": ("sagemaker", "list_endpoints", "Endpoints"),
    "CreateModelPackageGroup": ("sagemaker", "list_model_package_groups", "ModelPackageGroupSummaryList"),
    "CreateExperiment": ("sagemaker", "list_experiments", "ExperimentSummaries"),
    "CreateTrial": ("sagemaker", "list_trials", "TrialSummaries"),
    "CreateTrialComponent": ("sagemaker", "list_trial_components", "TrialComponentSummaries"),
    "CreateRole": ("iam", "list_roles", "Roles"),
    "CreateBucket": ("s3", "list_buckets", "Buckets"),
    "CreateModelCustomizationJob": ("bedrock", "list_model_customization_jobs",
                                    "modelCustomizationJobSummaries"),
}  # fmt: skip


def count(plain, operation: str, asked: dict) -> int:
    """How many there are of what an operation makes; of versions, in the group of the request."""
    if operation == "CreateModelPackage":
        name, call, member = "sagemaker", "list_model_packages", "ModelPackageSummaryList"
        more = {"ModelPackageGroupName": asked["ModelPackageGroupName"]}
    else:
        (name, call, member), more = LISTS[operation], {}
    service = plain(name)
    if service.can_paginate(call):
        return sum(len(page[member]) for page in service.get_paginator(call).paginate(**more))
    return len(getattr(service, call)(**more)[member])


@pytest.mark.parametrize("kind", LOST)
@pytest.mark.parametrize("service, operation", CREATES)
def test_a_create_whose_answer_was_lost_is_done_once(
    aws, prepared, client, plain, service, operation, kind
):
    asked = CREATES[service, operation](aws, prepared)
    before = count(plain, operation, asked)
    aws.state.faults.set({"one_in": 1, "kinds": [kind], "operations": [operation], "times": 1})
    answer = client(service)._make_api_call(operation, asked)
    assert aws.state.faults.counted()["faults"] == {kind: 1}
    assert count(plain, operation, asked) == before + 1
    members = client(service).meta.service_model.operation_model(operation).output_shape.members
    if service != "s3":
        arns = {name for name in members if name.endswith("Arn")} or {"Role"}
        assert arns <= set(answer) and all("arn:aws:" in str(answer[name]) for name in arns)


def test_a_faulty_loop_of_creates_through_tuneaws_makes_no_duplicates(aws, prepared, client, plain):
    sm, iam, s3, bedrock = client("sagemaker"), client("iam"), client("s3"), client("bedrock")
    tags, rounds = [{"Key": "course", "Value": "tuneaws"}], 12
    kinds = [name for name in LISTS if name not in ("CreateHyperParameterTuningJob", "CreateTrial",
                                                    "CreateTrialComponent", "CreateExperiment",
                                                    "CreateEndpoint")]  # fmt: skip
    before, deployed = {name: count(plain, name, {}) for name in kinds}, len(aws.hosting.calls)
    group, container = new_name("group"), model_request(aws)["PrimaryContainer"]
    aws.state.faults.set({"one_in": 4, "seed": 11})
    for turn in range(rounds):
        send.create_training_job(sm, request_for(aws))
        name = new_name("endpoint")
        sm.create_model(**model_request(aws, ModelName=name))
        variants = [{"VariantName": "a", "ModelName": name, "InstanceType": "ml.g5.xlarge",
                     "InitialInstanceCount": 1}]  # fmt: skip
        sm.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        sm.create_endpoint(EndpointName=name, EndpointConfigName=name)
        aws.end_all()  # quotas count what runs
        registry.register(sm, group, container, {"rouge1": turn}, tags)
        roles.ensure_role(iam, new_name("role"), tags)
        bucket = buckets.ensure_bucket(s3, new_name("bucket"), "us-east-1", tags)
        s3.upload_fileobj(io.BytesIO(b"x" * SIZE), bucket, "rows.jsonl")
        running.start(bedrock, customization_of(aws, prepared))
        for job, _ in aws.tuning.started.values():  # two may run at once
            job.fail("ended by the test")
    seen = aws.state.faults.set({})
    assert len(seen["faults"]) == 6 and sum(seen["faults"].values()) > 3 * rounds, seen
    after = {name: count(plain, name, {}) for name in kinds}
    wanted = {name: before[name] + (1 if name == "CreateModelPackageGroup" else rounds) for name in kinds}
    assert after == wanted and len(aws.hosting.calls) == deployed + rounds
    assert [row["version"] for row in registry.versions(sm, group)] == list(range(rounds, 0, -1))


def test_a_name_that_was_taken_before_stays_an_error(aws, client, monkeypatch):
    sm, asked = client("sagemaker"), model_request(aws)
    aws.sagemaker.create_model(**asked)
    monkeypatch.setattr(lost_answers, "CLOCKS_S", -3600)  # what was just made is old enough
    aws.state.faults.set({"one_in": 1, "kinds": ["cut-after"], "operations": ["CreateModel"], "times": 1})
    with pytest.raises(ClientError, match="already existing model"):
        sm.create_model(**asked)


def test_what_another_made_of_this_name_stays_an_error(aws, client):
    asked = model_request(aws)
    aws.sagemaker.create_model(**asked)
    asked["PrimaryContainer"]["Environment"]["HF_TASK"] = "summarization"
    aws.state.faults.set({"one_in": 1, "kinds": ["cut-before"], "operations": ["CreateModel"], "times": 1})
    with pytest.raises(ClientError, match="already existing model"):
        client("sagemaker").create_model(**asked)


@pytest.mark.parametrize("kind", LOST)
def test_a_delete_a_stop_and_an_update_whose_answer_was_lost_are_done(aws, prepared, client, kind):
    sm, plan = client("sagemaker"), {"one_in": 1, "kinds": [kind], "times": 1}
    model, job = model_request(aws)["ModelName"], request_for(aws)
    aws.sagemaker.create_model(**model_request(aws, ModelName=model))
    aws.sagemaker.create_training_job(**job)
    aws.state.faults.set({**plan, "operations": ["DeleteModel"]})
    sm.delete_model(ModelName=model)
    aws.state.faults.set({**plan, "operations": ["StopTrainingJob"]})
    sm.stop_training_job(TrainingJobName=job["TrainingJobName"])
    name, new = endpoint(aws), config(aws)
    aws.hosting.settle()
    aws.state.faults.set({**plan, "operations": ["UpdateEndpoint"]})
    assert name in sm.update_endpoint(EndpointName=name, EndpointConfigName=new)["EndpointArn"]
    aws.hosting.settle()
    aws.state.faults.set({**plan, "operations": ["DeleteEndpoint"]})
    sm.delete_endpoint(EndpointName=name)
    assert [call[0] for call in aws.hosting.calls[-2:]] == ["update", "delete"]


def test_a_delete_of_what_never_was_is_an_error_though_it_was_throttled(aws, client):
    plan = {"one_in": 1, "kinds": ["throttle"], "operations": ["DeleteModel"], "times": 2}
    aws.state.faults.set(plan)
    with pytest.raises(ClientError, match="Could not find"):
        client("sagemaker").delete_model(ModelName="never-was")
    assert aws.state.faults.counted()["calls"] == 3


def test_a_fault_that_stays_is_raised_after_six_attempts(aws, client):
    for kind, error in (("throttle", ClientError), ("error", ClientError), ("cut", ConnectionClosedError)):
        aws.state.faults.set({"one_in": 1, "kinds": [kind]})
        with pytest.raises(error):
            client.__wrapped__("sagemaker").list_models()  # a new one: botocore counts the retries of each
        assert aws.state.faults.counted()["calls"] == 6


@pytest.mark.parametrize("where, attempts", [("local", 2), ("aws", 6)])
def test_a_local_aws_that_is_gone_is_not_waited_for(where, attempts):
    boto, sent = boto3.Session(region_name="us-east-1"), []
    retrying.install(boto, dataclasses.replace(FACTS, where=where))
    boto.events.register("before-send", lambda request, **_: sent.append(request.url))
    with pytest.raises(EndpointConnectionError):
        boto.client("sts", endpoint_url="http://127.0.0.1:1").get_caller_identity()
    assert len(sent) == attempts


def test_content_that_breaks_off_is_read_on(aws, client):
    s3, content = client("s3"), os.urandom(SIZE)
    s3.put_object(Bucket="learner", Key="content", Body=content)
    plan = {"one_in": 1, "kinds": ["cut-after"], "operations": ["GetObject"], "times": 3}
    ways = {
        "read": lambda body: body.read(),
        "pieces": lambda body: b"".join(iter(lambda: body.read(7000), b"")),
        "chunks": lambda body: b"".join(body.iter_chunks(4096)),
        "lines": lambda body: b"".join(body.iter_lines(keepends=True)),
        "as a file": lambda body: io.BufferedReader(body).read(),
    }
    for name, way in ways.items():
        aws.state.faults.set(plan)
        assert way(s3.get_object(Bucket="learner", Key="content")["Body"]) == content, name
        assert aws.state.faults.set(plan)["faults"] == {}, name
        part = s3.get_object(Bucket="learner", Key="content", Range="bytes=1000-250000")
        assert way(part["Body"]) == content[1000:250001], name
        assert aws.state.faults.counted()["faults"] == {"cut-after": 3}, name
    aws.state.faults.set(plan)
    s3.download_fileobj("learner", "content", whole := io.BytesIO())
    assert whole.getvalue() == content


def test_content_that_has_changed_meanwhile_is_not_mixed(aws, client):
    s3 = client("s3")
    s3.put_object(Bucket="learner", Key="mixed", Body=b"a" * SIZE)
    plan = {"one_in": 1, "kinds": ["cut-after"], "operations": ["GetObject"], "times": 1}
    aws.state.faults.set(plan)
    body = s3.get_object(Bucket="learner", Key="mixed")["Body"]
    s3.put_object(Bucket="learner", Key="mixed", Body=b"b" * SIZE)
    with pytest.raises(ResponseStreamingError):
        body.read()


@pytest.mark.parametrize("kind", LOST)
def test_an_upload_in_parts_whose_last_answer_was_lost_is_there(aws, client, kind):
    s3, content = client("s3"), os.urandom(6 * 1024 * 1024)
    settings = boto3.s3.transfer.TransferConfig(multipart_threshold=1, multipart_chunksize=5 * 1024**2)
    plan = {"one_in": 1, "kinds": [kind], "operations": ["CompleteMultipartUpload"], "times": 1}
    aws.state.faults.set(plan)
    s3.upload_fileobj(io.BytesIO(content), "learner", f"parts-{kind}", Config=settings)
    assert aws.state.faults.counted()["faults"] == {kind: 1}
    assert aws.client("s3").get_object(Bucket="learner", Key=f"parts-{kind}")["Body"].read() == content


def test_attempts_are_said_to_every_client_by_the_environment_and_yours_stay(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "9")
    monkeypatch.delenv("AWS_RETRY_MODE", raising=False)
    environment.enter("http://127.0.0.1:1", "us-east-1", tmp_path)
    assert "AWS_MAX_ATTEMPTS" not in os.environ  # in local your own AWS configuration is not read
    retrying.install(boto3.Session(), FACTS)
    assert boto3.client("s3").meta.config.retries == {"mode": "standard", "total_max_attempts": 6}
    environment.leave()
    assert os.environ["AWS_MAX_ATTEMPTS"] == "9" and "AWS_RETRY_MODE" not in os.environ
    retrying.install(boto3.Session(), FACTS)
    assert boto3.client("s3").meta.config.retries == {"mode": "standard", "total_max_attempts": 9}


def test_policies_as_text_and_as_parsed_are_the_same():
    assert lost_answers.same({"Policy": TRUST, "Tags": [1]}, {"Policy": json.loads(TRUST)})
    assert not lost_answers.same({"Policy": TRUST}, {"Policy": {"Version": "2012-10-17"}})
    assert not lost_answers.same({"a": {"b": [1, 2]}}, {"a": {"b": [1]}})
