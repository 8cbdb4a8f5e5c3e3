"""The guard: on aws every call that bills is held to the budgets, whoever makes it; and the ledger's book.

The sessions here say "aws" and reach a pocketaws whose engines are fakes: nothing runs, and nothing can bill.
"""

import functools
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import botocore.session
import hosting_api
import pytest
from costs_aid import GPU, LIMITS, configured, session_for
from training_api import TrainingApi, request_for
from tuneaws import costs
from tuneaws.costs import book as books
from tuneaws.costs import spent, worst_case
from tuneaws.endpoints import autoscaling, requests
from tuneaws.prices import PriceError


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    api = TrainingApi(tmp_path_factory.mktemp("home"))
    hosting_api.upload(api)
    yield api
    api.close()


@pytest.fixture
def paid(gateway, tmp_path, monkeypatch):
    """A session on "aws" with budgets of 2 and 20 USD; .book is its ledger's."""
    session = session_for("aws", gateway, tmp_path, monkeypatch)
    session.cfg, session.book = configured("aws"), books.Book.of(session)
    yield session
    gateway.end_all()


def job(gateway, longest_s: int | None = 3600, **changes) -> dict:
    limit = {} if longest_s is None else {"MaxRuntimeInSeconds": longest_s}
    tags = {"course": "costs-test", "lesson": "04_x", "learner": "ana"}
    return request_for(gateway, ResourceConfig={**GPU, **changes.pop("machine", {})}, StoppingCondition=limit,
                       Tags=[{"Key": key, "Value": value} for key, value in tags.items()], **changes)


def jobs_of(gateway) -> int:
    return len(gateway.engine.started)


def test_a_raw_call_within_the_budget_shows_its_worst_case_once_and_goes_through(gateway, paid, capsys):
    request = job(gateway)
    paid.client("sagemaker").create_training_job(**request)
    said = capsys.readouterr().out
    assert said == (f"CreateTrainingJob {request['TrainingJobName']}: at worst 1.41 USD (1 x ml.g5.xlarge, "
                    "at most 3,600 s); so far up to 0.00 USD of 20.00 USD\n")
    (line,) = paid.book.entries()
    assert (line["event"], line["what"], line["name"]) == ("made", "training job", request["TrainingJobName"])
    assert (line["learner"], line["lesson"]) == ("ana", "04_x")
    assert (line["type"], line["count"]) == ("ml.g5.xlarge", 1)
    assert line["worst_usd"] == pytest.approx(1.408)


@pytest.mark.parametrize("change, usd, words", [
    ({"longest_s": 7200}, "2.82", "at most 7,200 s"),
    ({"longest_s": None}, "33.79", "at most 86,400 s"),  # AWS's default: 1 day
    ({"machine": {"InstanceCount": 2}}, "2.82", "2 x ml.g5.xlarge"),
    ({"machine": {"KeepAlivePeriodInSeconds": 3600}}, "2.82", "at most 7,200 s"),
])
def test_a_raw_call_over_the_budget_is_refused_before_it_is_sent(gateway, paid, change, usd, words):
    before = jobs_of(gateway)
    with pytest.raises(PriceError) as refusal:
        paid.client("sagemaker").create_training_job(**job(gateway, **change))
    said = str(refusal.value)
    assert f"could cost {usd} USD" in said and words in said and "budget_usd allows 2.00" in said
    assert "Nothing was sent" in said and 'WHERE = "local"' in said
    assert jobs_of(gateway) == before and paid.book.entries() == []


def test_another_client_of_the_same_session_is_held_to_it_too(gateway, paid):
    with pytest.raises(PriceError):
        paid.boto.client("sagemaker").create_training_job(**job(gateway, 7200))


def test_a_budget_given_to_load_holds_for_the_guard(gateway, paid):
    configured("aws", budget_usd=3)
    paid.client("sagemaker").create_training_job(**job(gateway, 7200))


def test_the_total_cap_counts_what_the_ledger_has_and_what_jobs_have_cost(gateway, paid):
    """Three jobs at worst 1.41 each: the third is over 4 USD, until the first ended after a minute."""
    configured("aws", total_budget_usd=4)
    sm, first = paid.client("sagemaker"), job(gateway)
    sm.create_training_job(**first)
    sm.create_training_job(**job(gateway))
    with pytest.raises(PriceError, match=r"(?s)up to 2.82 USD so far: total_budget_usd allows 4.00.*ledger"):
        sm.create_training_job(**job(gateway))
    ran = gateway.job(first["TrainingJobName"])
    ran.billable_time_s = 60
    ran.training_start_time = ran.training_end_time = datetime.now(timezone.utc)
    ran.move("Completed", status="Completed")
    sm.create_training_job(**job(gateway))
    settled = [line for line in paid.book.entries() if line["event"] == "settled"]
    assert [(line["name"], line["seconds"]) for line in settled] == [(first["TrainingJobName"], 60)]
    assert spent.spent_at_most(paid.book.entries()) == pytest.approx(1.408 * (2 + 60 / 3600))


def test_a_call_that_aws_refuses_is_not_in_the_ledger_and_holds_nothing_back(gateway, paid):
    sm = paid.client("sagemaker")
    with pytest.raises(sm.exceptions.ClientError):
        sm.create_training_job(**job(gateway, RoleArn="arn:aws:iam::123456789012:role/nobody"))
    assert paid.book.entries() == []
    configured("aws", total_budget_usd=1.5)
    sm.create_training_job(**job(gateway))


def test_an_endpoint_is_priced_by_its_time_to_live_and_without_one_by_the_month(gateway, paid, capsys):
    sm, config = paid.client("sagemaker"), hosting_api.config(gateway)
    asked = {"EndpointName": hosting_api.new_name("e"), "EndpointConfigName": config}
    with pytest.raises(PriceError, match=r"(?s)could cost 1,027.84 USD .*no tag `expires`.*expires_tag"):
        sm.create_endpoint(**asked)
    sm.create_endpoint(**asked, Tags=[requests.expires_tag(requests.after(1800))])
    assert "at worst 0.70 USD (1 x ml.g5.xlarge, at most 1," in capsys.readouterr().out
    gateway.hosting.settle()
    more = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 4}]
    with pytest.raises(PriceError, match="4 x ml.g5.xlarge"):
        sm.update_endpoint_weights_and_capacities(EndpointName=asked["EndpointName"],
                                                  DesiredWeightsAndCapacities=more)
    target = autoscaling.target_request(asked["EndpointName"], "AllTraffic", 1, 5)
    with pytest.raises(PriceError, match=f"{asked['EndpointName']}/variant/AllTraffic .*5 x ml.g5.xlarge"):
        paid.client("application-autoscaling").register_scalable_target(**target)
    sm.delete_endpoint(EndpointName=asked["EndpointName"])
    events = [(line["event"], line["what"]) for line in paid.book.entries()]
    assert events == [("made", "endpoint"), ("ended", "endpoint")]
    assert spent.spent_at_most(paid.book.entries()) < 0.01


def test_an_endpoint_that_is_changed_costs_its_machines_of_before_and_those_of_now(gateway, paid):
    """0.35 USD at worst, then with two machines 0.70; a weight changes nothing."""
    sm, configs = paid.client("sagemaker"), [hosting_api.config(gateway) for _ in range(2)]
    name = hosting_api.new_name("e")
    sm.create_endpoint(EndpointName=name, EndpointConfigName=configs[0],
                       Tags=[requests.expires_tag(requests.after(900))])
    gateway.hosting.settle()
    sm.update_endpoint(EndpointName=name, EndpointConfigName=configs[1])
    gateway.hosting.settle()

    def weigh(**change):
        sm.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", **change}])
        gateway.hosting.settle()

    weigh(DesiredInstanceCount=2)
    weigh(DesiredWeight=0.5)
    lines = paid.book.entries()
    assert [(line["event"], line["name"]) for line in lines] == [("made", name), *[("changed", name)] * 2]
    assert [line["usd_per_hour"] for line in lines] == pytest.approx([1.408, 1.408, 2.816])
    assert lines[1]["config"] == configs[1]
    begun = datetime.fromisoformat(lines[-1]["at"])
    assert spent.spent_at_most(lines, begun) == pytest.approx(0.704, rel=0.05), "what was before: a moment"
    target = autoscaling.target_request(name, "AllTraffic", 1, 3)
    scaled = books.changed("application-autoscaling", "RegisterScalableTarget", target)
    assert (scaled["event"], scaled["what"], scaled["name"]) == ("changed", "endpoint", name)
    table = {**target, "ServiceNamespace": "dynamodb", "ResourceId": "table/t"}
    assert books.changed("application-autoscaling", "RegisterScalableTarget", table) is None


def test_a_tuning_job_costs_as_many_jobs_as_it_may_launch_and_a_grid_each_combination(paid):
    definition = {"ResourceConfig": GPU, "StoppingCondition": {"MaxRuntimeInSeconds": 900}}
    ranges = {"CategoricalParameterRanges": [{"Name": "a", "Values": ["1", "2"]},
                                             {"Name": "b", "Values": ["1", "2", "3"]}]}
    for limits, usd in (({"MaxNumberOfTrainingJobs": 3}, 3 * 0.352), ({}, 6 * 0.352)):
        config = {"ResourceLimits": {**limits, "MaxParallelTrainingJobs": 2}, "ParameterRanges": ranges}
        request = {"HyperParameterTuningJobConfig": config, "TrainingJobDefinition": definition}
        found = worst_case.of("sagemaker", "CreateHyperParameterTuningJob", request,
                              worst_case.Asker(paid.boto, "us-east-1"))
        assert found.usd == pytest.approx(usd)


def test_a_warm_pool_that_is_kept_longer_costs_its_seconds(gateway, paid):
    request = job(gateway)
    sm = paid.client("sagemaker")
    sm.create_training_job(**request)
    with pytest.raises(PriceError, match="at most 7,200 s"):
        sm.update_training_job(TrainingJobName=request["TrainingJobName"],
                               ResourceConfig={"KeepAlivePeriodInSeconds": 7200})
    kept = {"at": books.now(), "event": "changed", "what": "training job", "name": request["TrainingJobName"],
            "worst_usd": 0.5, "usd_per_hour": 1.408}
    assert spent.spent_at_most([*paid.book.entries(), kept]) == pytest.approx(1.408 + 0.5)


def test_every_operation_that_the_guard_knows_is_one_of_aws():
    load = functools.cache(botocore.session.get_session().get_service_model)
    missing = [call for call in worst_case.BILLS if call[1] not in load(call[0]).operation_names]
    assert missing == [] and len(worst_case.BILLS) == 63
    for (service, operation), (_, member, *_) in [*books.MADE.items(), *books.CHANGED.items(),
                                                  *books.ENDED.items()]:
        assert member in load(service).operation_model(operation).input_shape.members, (operation, member)


@pytest.mark.parametrize("service, call, request_, words", [
    ("bedrock", "create_provisioned_model_throughput",
     {"modelUnits": 1, "provisionedModelName": "p", "modelId": "amazon.nova-2-lite-v1:0"}, "44,165.00 USD"),
    ("bedrock", "create_provisioned_model_throughput",
     {"modelUnits": 1, "provisionedModelName": "p", "modelId": "amazon.nova-micro-v1:0"}, "is not known"),
    ("sagemaker", "create_transform_job",
     {"TransformJobName": "t", "ModelName": "m", "TransformOutput": {"S3OutputPath": "s3://learner/o"},
      "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://l/d"}}},
      "TransformResources": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1}}, "is not known"),
    ("sagemaker", "create_notebook_instance",
     {"NotebookInstanceName": "n", "InstanceType": "ml.t3.medium", "RoleArn": "arn:aws:iam::1:role/r"},
     "is not known"),
])
def test_what_bills_without_an_end_or_a_known_price_is_refused(paid, service, call, request_, words):
    with pytest.raises(PriceError, match=words):
        getattr(paid.client(service), call)(**request_)


@pytest.mark.parametrize("service, call, asked, words", [
    ("sagemaker", "CreateTrainingJob", {"ServerlessJobConfig": {"JobType": "FineTuning"}}, "no machines"),
    ("bedrock", "CreateModelCustomizationJob", {"customizationType": "DISTILLATION"}, "DISTILLATION is not"),
    ("bedrock-runtime", "Converse", {"modelId": "somebody.model-v1:0"}, "price of its answers"),
])
def test_what_bills_by_another_measure_has_no_known_worst_case(paid, service, call, asked, words):
    found = worst_case.of(service, call, asked, worst_case.Asker(paid.boto, "us-east-1"))
    assert found.usd is None and words in found.because


def test_what_bills_by_its_time_is_asked_without_a_price_of_tokens(paid):
    asker = worst_case.Asker(paid.boto, "us-east-1")
    for kind in ("imported-model", "provisioned-model"):
        asked = {"modelId": f"arn:aws:bedrock:us-east-1:123456789012:{kind}/abc"}
        assert worst_case.of("bedrock-runtime", "InvokeModel", asked, asker).usd == 0


def test_an_answer_without_a_limit_is_as_long_as_its_model_allows():
    for model, most in (("amazon.nova-micro-v1:0", 10_000), ("amazon.nova-2-lite-v1:0:256k/abc", 65_535)):
        assert worst_case.tokens_at_most({"body": b"hello"}, model) == (5, most)


def test_at_my_risk_lets_through_what_has_no_known_price_and_nothing_else(gateway, paid, capsys):
    sm = paid.client("sagemaker")
    with costs.at_my_risk():
        with pytest.raises(sm.exceptions.ClientError):  # it is sent; the local AWS has no notebooks
            sm.create_notebook_instance(NotebookInstanceName="n", InstanceType="ml.t3.medium",
                                        RoleArn=gateway.role)
        with pytest.raises(PriceError, match="budget_usd allows"):
            sm.create_training_job(**job(gateway, 7200))
    assert "at your own risk" in capsys.readouterr().out


def test_a_customization_costs_a_token_a_byte_of_its_file_times_the_epochs(gateway, paid):
    said = [{"role": who, "content": [{"text": "x" * 992}]} for who in ("user", "assistant")]
    line = json.dumps({"schemaVersion": "bedrock-conversation-2024", "messages": said}) + "\n"
    paid.client("s3").put_object(Bucket="learner", Key="t.jsonl", Body=line.encode() * 10)
    configured("aws", budget_usd=0.09)
    asked = {"jobName": "tune", "customModelName": "m", "roleArn": gateway.role,
             "baseModelIdentifier": "amazon.nova-micro-v1:0", "hyperParameters": {"epochCount": "5"},
             "trainingDataConfig": {"s3Uri": "s3://learner/t.jsonl"},
             "outputDataConfig": {"s3Uri": "s3://learner/out"}}
    with pytest.raises(PriceError, match=r"could cost 0.10 USD \(20,000 tokens at most, 5 x, 0.001 USD"):
        paid.client("bedrock").create_model_customization_job(**asked)


def test_a_question_to_a_model_is_shown_once_counted_and_held_to_the_total(gateway, paid, capsys):
    paid.book.add({"event": "asked", "what": "answers", "name": "m", "usd": 19.9999999, "input_tokens": 1,
                   "output_tokens": 1})
    runtime = paid.client("bedrock-runtime")
    message = {"role": "user", "content": [{"text": "x" * 9000}]}
    asked = {"modelId": "amazon.nova-micro-v1:0", "messages": [message]}
    with pytest.raises(PriceError, match="total_budget_usd allows 20.00"):
        runtime.converse(**asked)
    configured("aws", total_budget_usd=30)
    for _ in range(2):
        with pytest.raises(runtime.exceptions.ClientError):
            runtime.converse(**asked, inferenceConfig={"maxTokens": 99_999})  # Bedrock refuses it
    assert capsys.readouterr().out.count("Converse amazon.nova-micro-v1:0: at worst") == 1
    assert len(paid.book.entries()) == 1


def test_in_local_nothing_is_refused_or_printed_and_all_is_noted(gateway, tmp_path, monkeypatch, capsys):
    session = session_for("local", gateway, tmp_path, monkeypatch)
    configured("local", **dict.fromkeys(LIMITS, 0))
    session.client("sagemaker").create_training_job(**job(gateway, None))
    assert capsys.readouterr().out == ""
    (line,) = books.Book(tmp_path / "ledger.jsonl").entries()
    assert "worst_usd" not in line and line["type"] == "ml.g5.xlarge"
    gateway.end_all()


def test_many_threads_that_ask_at_once_share_one_price_and_one_client(paid):
    made = []
    boto = SimpleNamespace(client=lambda name, **more: made.append(name) or paid.boto.client(name, **more))
    asker = worst_case.Asker(boto, "us-east-1")
    with ThreadPoolExecutor(8) as pool:
        prices = set(pool.map(asker.answer_price, ["amazon.nova-micro-v1:0"] * 32))
    assert len(prices) == 1 and made == ["pricing"]


# --- the book


def test_the_book_reads_on_where_it_stopped_and_a_broken_line_costs_that_line(tmp_path):
    book = books.Book(tmp_path / "deep" / "ledger.jsonl")
    assert book.entries() == []
    book.add({"event": "made", "what": "model", "name": "a"})
    assert [one["name"] for one in book.entries()] == ["a"]
    with book.path.open("ab") as file:
        file.write(b'{"event": "ma\n[1]\n{"no": "event"}\n{"at": "2026-11-22T10:00:00", "event": "made", "wh')
    other = books.Book(book.path)
    others = books.Book(book.path, "999999999999")
    assert others.entries() == []
    assert [one["name"] for one in other.entries()] == [one["name"] for one in book.entries()] == ["a"]
    with book.path.open("ab") as file:
        file.write(b'at": "model", "name": "b"}\n')  # the other half of the last line
    assert [one["name"] for one in book.entries()] == ["a", "b"]
    assert book.path.stat().st_mode & 0o777 == 0o600


def test_an_endpoint_that_was_forgotten_costs_its_hours_and_not_only_its_time_to_live():
    at = datetime(2026, 11, 1, tzinfo=timezone.utc)
    made = {"at": at.isoformat(), "event": "made", "what": "endpoint", "name": "e", "arn": None,
            "worst_usd": 1.408, "usd_per_hour": 1.408}
    assert spent.spent_at_most([made], at + timedelta(minutes=1)) == 1.408
    assert spent.spent_at_most([made], at + timedelta(days=30)) == pytest.approx(1.408 * 720)
    ended = {"at": (at + timedelta(hours=2)).isoformat(), "event": "ended", "what": "endpoint", "name": "e"}
    assert spent.spent_at_most([made, ended], at + timedelta(days=30)) == pytest.approx(2.816)
    again = {**made, "at": (at + timedelta(days=1)).isoformat()}
    both = spent.spent_at_most([made, ended, again], at + timedelta(days=2))
    assert both == pytest.approx(1.408 * 24 + 2.816)
    larger = {**made, "event": "changed", "at": (at + timedelta(hours=1)).isoformat(), "usd_per_hour": 5.0,
              "worst_usd": 2.5}
    assert spent.spent_at_most([made, larger], at + timedelta(hours=1)) == pytest.approx(1.408 + 2.5)
    assert spent.spent_at_most([made, larger, ended], at + timedelta(days=30)) == pytest.approx(1.408 + 5)
