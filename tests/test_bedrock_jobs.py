"""Tuning on Bedrock from your side: what may be tuned, price, request, role, the job and its losses."""

import contextlib
import datetime
import json
import re
from types import SimpleNamespace

import boto3
import botocore.session
import pytest
from bedrock_api import BedrockApi
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from botocore.validate import ParamValidator
from tuneaws import bedrock_data, bedrock_jobs, config, metrics
from tuneaws.bedrock_jobs import role as role_module
from tuneaws.bedrock_jobs import running
from tuneaws.prices import PriceError

NOVA = bedrock_data.family("nova")
MODEL = "amazon.nova-micro-v1:0:128k"
ROLE = "arn:aws:iam::123456789012:role/r"
NOW = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.timezone.utc)
JOB_ARN = f"arn:aws:bedrock:us-east-1:123456789012:model-customization-job/{MODEL}/abcdef123456"


@pytest.fixture
def bedrock():
    """A client whose answers a test writes: bedrock.stub.add_response(...)."""
    client = boto3.client("bedrock", region_name="us-east-1")
    client.stub = Stubber(client)
    with client.stub:
        yield client


def model(model_id=MODEL, status="ACTIVE", **life) -> dict:
    return {"modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{model_id}", "modelId": model_id,
            "modelName": "Nova Micro", "modelLifecycle": {"status": status, **life}}


def description(status="Completed", **members) -> dict:
    return {"jobArn": JOB_ARN, "jobName": "j", "outputModelName": "j", "roleArn": ROLE, "status": status,
            "creationTime": NOW, "baseModelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{MODEL}",
            "trainingDataConfig": {"s3Uri": "s3://b/t.jsonl"}, "validationDataConfig": {"validators": []},
            "outputDataConfig": {"s3Uri": "s3://b/out"}, **members}


def phases(*each) -> dict:
    names = ("validation", "dataProcessing", "training")
    found = dict(zip(names, each, strict=True))
    return {"statusDetails": {f"{name}Details": {"status": status} for name, status in found.items()}}


# --- what may be tuned


def test_the_id_with_the_context_length_is_found_for_a_base_model(bedrock):
    listed = {"modelSummaries": [model("amazon.nova-2-lite-v1:0:256k"), model()]}
    bedrock.stub.add_response("list_foundation_models", listed, {"byCustomizationType": "FINE_TUNING"})
    assert bedrock_jobs.gate(bedrock, "amazon.nova-micro-v1:0") == MODEL


def test_a_legacy_model_is_refused_with_its_end_and_what_to_take_instead(bedrock):
    end = {"endOfLifeTime": datetime.datetime(2027, 1, 5)}
    old = model("meta.llama3-2-1b-instruct-v1:0:128k", "LEGACY", **end)
    bedrock.stub.add_response("list_foundation_models", {"modelSummaries": [old, model()]})
    bedrock.stub.add_response("get_foundation_model", {"modelDetails": old})
    with pytest.raises(bedrock_jobs.BedrockJobError) as caught:
        bedrock_jobs.gate(bedrock, "meta.llama3-2-1b-instruct-v1:0")
    text = str(caught.value)
    assert "legacy phase in us-east-1" in text and "2027-01-05" in text and "WHERE = \"local\"" in text
    assert f"What can be tuned here: {MODEL}." in text, "a legacy model is not offered"


def test_the_table_of_tunable_models_names_the_schema_of_their_data(bedrock):
    listed = {"modelSummaries": [model(), model("amazon.nova-canvas-v1:0")]}
    bedrock.stub.add_response("list_foundation_models", listed)
    rows = bedrock_jobs.tunable(bedrock)
    assert [(row["model"], row["data"]) for row in rows] == [
        (MODEL, "conversation"), ("amazon.nova-canvas-v1:0", "?")]  # fmt: skip


def test_in_local_an_error_does_not_name_local_as_the_way_out(local_aws):
    bedrock = local_aws.client("bedrock")
    with pytest.raises(bedrock_jobs.BedrockJobError, match="Fix: bedrock.model_id") as caught:
        bedrock_jobs.gate(bedrock, "meta.llama3-2-1b-instruct-v1:0")
    assert MODEL in str(caught.value) and "for free" not in str(caught.value)
    frankfurt = boto3.client("bedrock", region_name="eu-central-1", endpoint_url=local_aws.url)
    with pytest.raises(bedrock_jobs.BedrockJobError, match="nothing.\nFix: another bedrock.region"):
        bedrock_jobs.gate(frankfurt, MODEL)


# --- the price


def checked(tmp_path, text="x" * 600, records=10):
    rows = [{"messages": [{"role": "user", "content": f"{n} {text}"}, {"role": "assistant", "content": "é"}]}
            for n in range(records)]
    bedrock_data.convert(rows, tmp_path / "t.jsonl", NOVA)
    return bedrock_data.check(tmp_path / "t.jsonl", NOVA)


def test_the_price_grows_with_epochs_and_is_low_likely_and_at_worst(tmp_path):
    report = checked(tmp_path)
    once, twice = (bedrock_jobs.price(report, MODEL, epochs=epochs) for epochs in (1, 2))
    characters = 10 * (602 + 1)
    assert once.characters == characters and once.tokens(6) == round(characters / 6)
    assert once.low_usd < once.likely_usd < once.worst_usd
    assert twice.worst_usd == pytest.approx(2 * once.worst_usd)
    assert once.most_tokens == 10 * (602 + 2 + 2 * 8), "a byte each, é has two, and eight around each text"
    assert "an estimate" in str(once) and "1.95 USD   a month" in str(once)


def test_no_record_is_priced_over_the_token_limit(tmp_path):
    report = checked(tmp_path, "x" * 100_000)
    assert bedrock_jobs.price(report, MODEL).most_tokens == 10 * NOVA.max_tokens


def test_a_job_over_the_budget_is_refused_by_its_worst_case(tmp_path):
    cost = bedrock_jobs.price(checked(tmp_path), MODEL)
    bedrock_jobs.check_budget(cost, cost.worst_usd)
    with pytest.raises(PriceError, match=r"at worst this job costs 0.01 USD(.|\n)*Fix: fewer rows"):
        bedrock_jobs.check_budget(cost, cost.likely_usd)


def test_a_price_that_is_not_known_is_an_error_and_no_guess(tmp_path):
    with pytest.raises(PriceError, match="nova-pro-v1:0:300k in us-east-1 is not in this course's table"):
        bedrock_jobs.price(checked(tmp_path), "amazon.nova-pro-v1:0:300k")


def product(usd: str, unit: str) -> str:
    terms = {"t": {"effectiveDate": "2026-11-01T00:00:00Z",
                   "priceDimensions": {"d": {"unit": unit, "pricePerUnit": {"USD": usd}}}}}
    return json.dumps({"terms": {"OnDemand": terms}})


def test_todays_price_is_asked_by_usage_type():
    pricing = boto3.client("pricing", region_name="us-east-1")
    with Stubber(pricing) as stub:
        for usage, usd, unit in (("Training", "0.0011", "1K tokens"), ("Storage", "1.95", "Model-Month")):
            name = f"USE1-NovaMicro-Customization-{usage}"
            asked = {"ServiceCode": "AmazonBedrock",
                     "Filters": [{"Type": "TERM_MATCH", "Field": "usagetype", "Value": name}]}
            stub.add_response("get_products", {"PriceList": [product(usd, unit)]}, asked)
        found = bedrock_jobs.from_api(pricing, MODEL, "us-east-1")
    assert (found.usd_per_1000_tokens, found.usd_per_month) == (0.0011, 1.95)
    assert found.seen == "2026-11-01 (price list API)"


def test_the_price_is_that_of_the_configured_epochs_and_stops_nothing_that_is_free(
        tmp_path, capsys, local_aws):
    boto = SimpleNamespace(client=lambda name, **_: local_aws.client(name))
    report, local = checked(tmp_path), SimpleNamespace(where="local", boto=boto, url=local_aws.url)
    cfg = config.load(**{"bedrock.epochs": 3})
    assert bedrock_jobs.show_price(cfg, local, report, MODEL).epochs == 3
    said = capsys.readouterr().out
    assert "3 epochs" in said and "0.001 USD for 1,000 tokens, seen 2026-08\n" in said
    assert bedrock_jobs.show_price(cfg, local, report, "amazon.nova-pro-v1:0:300k") is None
    assert "the price of tuning amazon.nova-pro-v1:0:300k in us-east-1 is not in" in capsys.readouterr().out


def test_the_shipped_configuration_fits_its_own_budget(tmp_path, course_root):
    """The course's 3,200 rows on aws: lesson 14 must not end at its own budget."""
    from tuneaws import data

    cfg = config.load(where="aws")
    rows, _ = data.clean(data.read_rows(cfg.dataset.source))
    splits = data.split(rows, cfg.dataset.train_rows, cfg.dataset.validation_rows, cfg.dataset.test_rows)
    bedrock_data.convert(splits["train"], tmp_path / "t.jsonl", NOVA, prompt=cfg.prompt)
    bedrock_data.convert(splits["validation"], tmp_path / "v.jsonl", NOVA, prompt=cfg.prompt)
    report = bedrock_data.check(tmp_path / "t.jsonl", NOVA, tmp_path / "v.jsonl")
    cost = bedrock_jobs.price(report, MODEL, epochs=cfg.bedrock.epochs)
    bedrock_jobs.check_budget(cost, cfg.budget_usd)
    print(cost)


# --- request and role


def request(**members) -> dict:
    values = bedrock_jobs.hyperparameters(NOVA, epochs=1, learning_rate=1e-5, warmup_steps=10)
    return {**bedrock_jobs.request("my-job", MODEL, ROLE, "s3://b/t.jsonl", "s3://b/out", values, "s3://b/v.jsonl",
                                   {"course": "tuneaws"}), **members}


def test_the_request_is_what_botocores_model_takes():
    service = botocore.session.get_session().get_service_model("bedrock")
    shape = service.operation_model("CreateModelCustomizationJob").input_shape
    errors = ParamValidator().validate(request(), shape)
    assert not errors.has_errors(), errors.generate_report()
    for member in ("jobName", "customModelName", "baseModelIdentifier", "roleArn"):
        pattern = shape.members[member].metadata["pattern"]
        assert re.fullmatch(pattern, request()[member]), member
    name = bedrock_jobs.new_name("tuneaws")
    assert re.fullmatch(shape.members["customModelName"].metadata["pattern"], name)


def test_hyperparameters_are_texts_and_what_a_family_lacks_is_left_out():
    assert request()["hyperParameters"] == {
        "epochCount": "1", "learningRate": "0.00001", "learningRateWarmupSteps": "10"}  # fmt: skip
    llama = bedrock_data.family("llama3.1")
    assert bedrock_jobs.hyperparameters(llama, 3, 1e-4, 10) == {"epochCount": "3", "learningRate": "0.0001"}
    assert bedrock_jobs.hyperparameters(NOVA) == {}
    with pytest.raises(bedrock_data.BedrockDataError, match="learningRate = '0.0002'. Fix: 1e-06 to 0.0001"):
        bedrock_jobs.hyperparameters(NOVA, learning_rate=2e-4)


def test_the_role_is_for_your_jobs_and_your_bucket_only(local_aws):
    iam = local_aws.client("iam")
    name = "test-bedrock-role"
    mine = ("123456789012", "us-east-1", "my-bucket", name)
    arn = bedrock_jobs.ensure_role(iam, *mine, imports=True)
    assert arn == bedrock_jobs.ensure_role(iam, *mine, imports=True)
    role = iam.get_role(RoleName=name)["Role"]
    tuning, importing = role["AssumeRolePolicyDocument"]["Statement"]
    for statement, kind in ((tuning, "model-customization-job"), (importing, "model-import-job")):
        assert statement["Principal"] == {"Service": "bedrock.amazonaws.com"}
        condition = statement["Condition"]
        assert condition["StringEquals"] == {"aws:SourceAccount": "123456789012"}
        assert condition["ArnEquals"]["aws:SourceArn"] == f"arn:aws:bedrock:us-east-1:123456789012:{kind}/*"
    policy = iam.get_role_policy(RoleName=name, PolicyName=role_module.POLICY_NAME)["PolicyDocument"]
    assert {resource for entry in policy["Statement"] for resource in entry["Resource"]} == {
        "arn:aws:s3:::my-bucket", "arn:aws:s3:::my-bucket/*"}  # fmt: skip
    bedrock_jobs.ensure_role(iam, "123456789012", "us-west-2", "my-bucket", name)
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    assert trust == bedrock_jobs.trust_policy("123456789012", "us-west-2"), "the trust follows the region"


# --- start, find, watch, stop


@pytest.mark.parametrize("code, fix", [
    ("AccessDeniedException", "iam:PassRole on arn:aws:iam::123456789012:role/r"),
    ("ServiceQuotaExceededException", "Service Quotas"),
    ("ConflictException", "new_name"),
    ("ValidationException", "print the request"),
])
def test_a_refused_job_is_said_with_a_fix_and_the_free_way(bedrock, code, fix):
    bedrock.stub.add_client_error("create_model_customization_job", code, "No.")
    with pytest.raises(bedrock_jobs.BedrockJobError, match=r"nothing was started") as caught:
        bedrock_jobs.start(bedrock, request(), wait_s=0)
    said = str(caught.value)
    assert fix in said and f"{code}: No." in said and "for free" in said


def test_a_role_that_cannot_be_assumed_is_refused_with_the_way_to_one(bedrock):
    bedrock.stub.add_client_error("create_model_customization_job", "ValidationException",
                                  "Could not assume provided IAM role.")
    with pytest.raises(bedrock_jobs.BedrockJobError, match="Fix: take a role that Bedrock .*_role"):
        bedrock_jobs.start(bedrock, request(), wait_s=-1)


def test_a_role_that_was_made_just_now_is_tried_again(bedrock):
    error = ("create_model_customization_job", "ValidationException", "Could not assume the role.")
    bedrock.stub.add_client_error(*error)
    bedrock.stub.add_client_error(*error)
    bedrock.stub.add_response("create_model_customization_job", {"jobArn": JOB_ARN})
    bedrock.stub.add_response("get_model_customization_job", description("InProgress"))
    assert bedrock_jobs.start(bedrock, request(), poll_s=0)["jobName"] == "j"


def test_watching_prints_each_change_once_and_can_go_on_later(bedrock, capsys):
    still = description("InProgress", **phases("Completed", "InProgress", "NotStarted"))
    done = description(
        trainingMetrics={"trainingLoss": 1.5}, validationMetrics=[{"validationLoss": 1.25}],
        endTime=NOW + datetime.timedelta(seconds=65), **phases("Completed", "Completed", "Completed"),
        outputModelArn=JOB_ARN.replace("model-customization-job", "custom-model"))  # fmt: skip
    for job in (still, still, done):
        bedrock.stub.add_response("get_model_customization_job", job, {"jobIdentifier": "j"})
    assert bedrock_jobs.watch(bedrock, "j", timeout_s=-1)["status"] == "InProgress"
    assert bedrock_jobs.watch(bedrock, "j", poll_s=0)["status"] == "Completed"
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert "validation Completed   dataProcessing InProgress  training NotStarted" in lines[0]
    assert lines[2].startswith("  1:05  Completed")
    assert lines[4] == "training loss 1.500, held-out loss 1.250"


def test_a_failed_job_says_why(bedrock, capsys):
    failed = description("Failed", failureMessage="Line 3: no.")
    bedrock.stub.add_response("get_model_customization_job", failed)
    bedrock_jobs.watch(bedrock, "j")
    assert "j failed: Line 3: no." in capsys.readouterr().out


def test_a_job_that_is_not_there_is_said_with_how_to_find_one(bedrock):
    bedrock.stub.add_client_error("get_model_customization_job", "ResourceNotFoundException", "No.")
    with pytest.raises(bedrock_jobs.BedrockJobError, match=r"no customization job 'x' in us-east-1"):
        bedrock_jobs.get(bedrock, "x")


def test_the_newest_job_with_the_tags_is_found_and_others_are_passed_over(bedrock):
    arns = [JOB_ARN[:-1] + end for end in "123"]
    rows = [{"jobArn": arn, "baseModelArn": description()["baseModelArn"], "jobName": arn[-1:],
             "status": "Completed", "creationTime": NOW} for arn in arns]
    wanted = {"sortBy": "CreationTime", "sortOrder": "Descending", "statusEquals": "Completed"}
    listed = {"modelCustomizationJobSummaries": rows}
    bedrock.stub.add_response("list_model_customization_jobs", listed, wanted)
    for arn, tags in zip(arns, ([], [{"key": "course", "value": "tuneaws"}]), strict=False):
        bedrock.stub.add_response("list_tags_for_resource", {"tags": tags}, {"resourceARN": arn})
    bedrock.stub.add_response("get_model_customization_job", description(), {"jobIdentifier": arns[1]})
    bedrock_jobs.newest(bedrock, {"course": "tuneaws"})
    bedrock.stub.add_response("list_model_customization_jobs", {"modelCustomizationJobSummaries": []})
    with pytest.raises(bedrock_jobs.BedrockJobError, match="no completed customization job with the tags a"):
        bedrock_jobs.newest(bedrock, {"a": "b"})


def test_stopping_a_job_that_ends_meanwhile_is_no_error(bedrock):
    bedrock.stub.add_response("get_model_customization_job", description("InProgress"))
    bedrock.stub.add_client_error("stop_model_customization_job", "ConflictException", "It has ended.")
    bedrock.stub.add_response("get_model_customization_job", description("Completed"))
    assert bedrock_jobs.stop(bedrock, "j")["status"] == "Completed"


# --- losses


def test_the_curves_are_found_wherever_below_the_job_they_lie(local_aws, bucket):
    s3, job = local_aws.client("s3"), description(outputDataConfig={"s3Uri": f"s3://{bucket}/out/"})
    folder = "out/model-customization-job-abcdef123456"
    training = "step_number,epoch_number,training_loss,perplexity\n0,0,4.0,54.6\n1,0,2.0,7.4\n1,0,3.0,20.1\n"
    validation = "step_number,epoch_number,validation_loss,perplexity\n1,0,2.25,9.5\n"
    after = "validation_artifacts/post_fine_tuning_validation"
    for key, text in ((f"{folder}/training_artifacts/step_wise_training_metrics.csv", training),
                      (f"{folder}/{after}/some/folder/validation_metrics.csv", validation),
                      ("out/model-customization-job-zzz/validation_metrics.csv", "not,this")):  # fmt: skip
        s3.put_object(Bucket=bucket, Key=key, Body=text.encode())
    table = bedrock_jobs.losses(s3, job)
    assert table == [{"train:step": 0.0, "train:loss": 4.0, "train:epoch": 0.0},
                     {"train:step": 1.0, "train:loss": 2.5, "train:epoch": 0.0},
                     {"train:step": 1.0, "eval:loss": 2.25, "train:epoch": 0.0}]
    assert metrics.loss_message(table).endswith("from 4.00 to 2.50 in 1 step; held-out loss ended at 2.25")


def test_a_job_without_curves_says_so(local_aws, bucket):
    job = description("Stopped", outputDataConfig={"s3Uri": f"s3://{bucket}/out"})
    with pytest.raises(bedrock_jobs.BedrockJobError, match=r"j is Stopped and has left no metrics in s3://"):
        bedrock_jobs.losses(local_aws.client("s3"), job)


# --- find_or_tune


def test_on_aws_the_lessons_tune_nothing_of_their_own_accord(bedrock):
    for _ in ("Completed", "InProgress"):
        bedrock.stub.add_response("list_model_customization_jobs", {"modelCustomizationJobSummaries": []})
    aws = SimpleNamespace(where="aws", client=lambda service: bedrock)
    with pytest.raises(bedrock_jobs.BedrockJobError, match=r"python code/train_bedrock.py(.|\n)*for free"):
        bedrock_jobs.find_or_tune(config.load(where="aws"), aws, "b", {})


def test_a_job_whose_model_was_deleted_is_passed_over(tmp_path):
    cfg = config.load(where="aws")
    key = f"{bedrock_jobs.tuning.data_prefix(cfg.dataset.source, NOVA)}/training.jsonl"
    with contextlib.closing(BedrockApi(tmp_path)) as aws:
        aws.s3.put_object(Bucket="learner", Key=key, Body=b"{}")
        members = {"trainingDataConfig": {"s3Uri": f"s3://learner/{key}"},
                   "jobTags": [{"key": name, "value": value} for name, value in cfg.project.tags.items()]}
        jobs = [aws.tuned(**members) for _ in range(2)]
        session = SimpleNamespace(where="aws", client=aws.client)
        for job in reversed(jobs):
            assert bedrock_jobs.find_or_tune(cfg, session, "learner", {})["jobName"] == job.name
            aws.bedrock.delete_custom_model(modelIdentifier=job.output_model_arn)
        with pytest.raises(bedrock_jobs.BedrockJobError, match="or its model has been deleted since"):
            bedrock_jobs.find_or_tune(cfg, session, "learner", {})


def test_a_job_that_still_tunes_is_waited_for_and_no_second_one_started(tmp_path, monkeypatch):
    cfg = config.load(where="aws")
    key = f"{bedrock_jobs.tuning.data_prefix(cfg.dataset.source, NOVA)}/training.jsonl"
    with contextlib.closing(BedrockApi(tmp_path)) as aws:
        aws.s3.put_object(Bucket="learner", Key=key, Body=b"{}")
        job = aws.create(trainingDataConfig={"s3Uri": f"s3://learner/{key}"},
                         jobTags=[{"key": k, "value": v} for k, v in cfg.project.tags.items()])

        def watch(bedrock, arn, poll_s):
            job.fail("the local AWS ended")
            return bedrock_jobs.get(bedrock, arn)

        monkeypatch.setattr(bedrock_jobs.tuning, "watch", watch)
        session = SimpleNamespace(where="aws", client=aws.client)
        with pytest.raises(bedrock_jobs.BedrockJobError, match="no completed customization job"):
            bedrock_jobs.find_or_tune(cfg, session, "learner", {})
        assert job.status == "Failed" and len(aws.tuning.started) == 1


def test_an_error_of_aws_that_nothing_can_be_added_to_passes_through(bedrock):
    bedrock.stub.add_client_error("create_model_customization_job", "InternalServerException", "No.")
    with pytest.raises(ClientError):
        bedrock_jobs.start(bedrock, request(), wait_s=0)
    assert running.ENDED == ("Completed", "Failed", "Stopped")
