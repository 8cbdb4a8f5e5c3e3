"""A model on Bedrock: requests, prices, deploy, talk, import, what bills, the order of deletion."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import botocore.session
import pytest
from bedrock_api import BedrockApi, FakeServing
from botocore.exceptions import ClientError, EventStreamError
from botocore.validate import ParamValidator
from pocketaws.hub_cache import SHIPPED
from tuneaws import bedrock_models
from tuneaws.bedrock_models import BedrockModelError, costs, end, importing, requests, use
from tuneaws.prices import PriceError

TAGS = {"course": "tuneaws"}
CUSTOM = "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-micro-v1:0:128k/abcdefabcdef"
ROLE = "arn:aws:iam::123456789012:role/tuneaws-bedrock"
CHAT = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Amy: hi\nBob: hello"}]


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """A local AWS whose customizations are done at once, and whose models are real processes."""
    with pytest.MonkeyPatch.context() as patch:
        aws = BedrockApi(tmp_path_factory.mktemp("bedrock"))
        patch.setattr(aws.state, "_serving", None)
        aws.runtime = aws.client("bedrock-runtime", max_pool_connections=20)
        aws.model = aws.tuned().output_model_arn
        yield aws
        aws.state._tuning = None
        aws.state.close(0)
        aws.close()


@pytest.fixture(scope="module")
def deployment(aws) -> str:
    """The ARN of a deployment that answers."""
    arn = bedrock_models.deploy(aws.bedrock, aws.model, "tuneaws-tuned", TAGS, ttl_s=3600)
    assert bedrock_models.wait(aws.bedrock, arn, show=False)["status"] == "Active"
    return arn


@pytest.fixture
def no_process(aws, monkeypatch):
    """Deployments come up without a model being loaded; with .why set they fail for that reason."""
    serving = FakeServing()
    monkeypatch.setattr(aws.state, "_serving", serving)
    return serving


# Requests


def test_every_request_fits_botocores_model():
    session = botocore.session.get_session()
    made = {
        ("bedrock", "CreateCustomModelDeployment"): requests.deployment_request(
            "tuned-1", CUSTOM, TAGS, requests.after(60)
        ),
        ("bedrock", "CreateModelImportJob"): requests.import_request(
            "imported-1", ROLE, "s3://bucket/x", TAGS
        ),
        ("bedrock", "CreateProvisionedModelThroughput"): requests.throughput_request("fast", CUSTOM, 1, TAGS),
        ("bedrock-runtime", "Converse"): requests.converse_request(CUSTOM, CHAT, 80, 0, 0.9, ["END"]),
        ("bedrock-runtime", "ConverseStream"): requests.converse_request(CUSTOM, "hello"),
        ("bedrock-runtime", "InvokeModel"): requests.invoke_request(CUSTOM, CHAT, 80, 0, 0.9, ["END"]),
    }
    for (service, operation), asked in made.items():
        shape = session.get_service_model(service).operation_model(operation).input_shape
        report = ParamValidator().validate(asked, shape)
        assert not report.has_errors(), f"{operation}: {report.generate_report()}"
        assert set(asked) <= set(shape.members)
    assert len(made) == 6


def test_a_conversation_becomes_system_blocks_and_turns_greedy_unless_told_otherwise():
    asked = requests.converse_request("m", CHAT, max_tokens=80)
    assert asked == {
        "modelId": "m", "system": [{"text": "Be short."}],
        "messages": [{"role": "user", "content": [{"text": "Amy: hi\nBob: hello"}]}],
        "inferenceConfig": {"maxTokens": 80, "temperature": 0.0},
    }  # fmt: skip
    assert requests.converse_request("m", "hello")["messages"][0]["content"] == [{"text": "hello"}]
    assert "system" not in requests.converse_request("m", "hello")


def test_an_imported_model_is_asked_in_openais_format_with_the_same_messages_and_limits():
    asked = requests.invoke_request("m", CHAT, max_tokens=80, stop=["END"])
    assert json.loads(asked.pop("body")) == {
        "messages": CHAT, "max_tokens": 80, "temperature": 0.0, "stop": ["END"],
    }  # fmt: skip
    assert asked == {"modelId": "m", "contentType": "application/json", "accept": "application/json"}
    assert json.loads(requests.invoke_request("m", "hello")["body"])["messages"][0]["content"] == "hello"


@pytest.mark.parametrize("name", ["", "a b", "-a", "a--b", "x" * 64, "ä"])
def test_a_name_that_bedrock_does_not_take_is_refused_before_anything_is_sent(name):
    with pytest.raises(ValueError, match="is no name for Bedrock"):
        requests.deployment_request(name, CUSTOM)


# Prices


class Pricing:
    """A price list with one product: asked for something else it has none."""

    def __init__(self, **prices):
        self.prices = prices

    def get_products(self, ServiceCode, Filters):
        usd = self.prices.get(Filters[0]["Value"].replace("-", "_"))
        dimension = {"pricePerUnit": {"USD": str(usd)}, "unit": "1K tokens"}
        term = {"effectiveDate": "2026-11-01T00:00:00Z", "priceDimensions": {"x": dimension}}
        return {"PriceList": [json.dumps({"terms": {"OnDemand": {"t": term}}})] if usd else []}


def test_the_price_of_an_answer_is_its_tokens_times_a_dated_price():
    price = bedrock_models.seen_price(CUSTOM, "us-east-1")
    assert price.usd(1000, 1000) == pytest.approx(0.000175)
    assert "amazon.nova-micro-v1:0:128k in us-east-1: 0.035 USD for a million tokens in" in str(price)
    assert "seen 2026-11" in str(price)
    with pytest.raises(PriceError, match="not in this course's table"):
        bedrock_models.seen_price("meta.llama3-3-70b-instruct-v1:0", "us-east-1")


def test_a_custom_models_own_price_comes_first_and_a_base_models_that_stands_in_says_so():
    lite = "amazon.nova-2-lite-v1:0"
    tuned = CUSTOM.replace("amazon.nova-micro-v1:0:128k", f"{lite}:256k")
    own, base = (bedrock_models.seen_price(model, "us-east-1") for model in (tuned, lite))
    assert own.usd(1000, 0) == pytest.approx(0.0003) and base.usd(1000, 0) == pytest.approx(0.00033)
    assert own.seen == base.seen == "2026-08"
    assert bedrock_models.seen_price(CUSTOM, "us-east-1").seen == "2026-11, of the base model"
    assert bedrock_models.seen_price("amazon.nova-micro-v1:0", "us-east-1").seen == "2026-11"


def test_todays_price_is_asked_for_the_custom_model_and_the_table_is_the_way_out():
    listed = Pricing(USE1_NovaMicro_input_tokens_custom_model=0.00004,
                     USE1_NovaMicro_output_tokens_custom_model=0.0002)  # fmt: skip
    price = bedrock_models.best_price(listed, CUSTOM, "us-east-1")
    assert price.usd(1000, 1000) == pytest.approx(0.00024) and price.seen.startswith("2026-11-01")
    assert bedrock_models.best_price(Pricing(), CUSTOM, "us-east-1").seen == "2026-11, of the base model"
    with pytest.raises(PriceError, match="AWS lists no price for USE1-NovaMicro-input-tokens"):
        costs.from_api(Pricing(), "amazon.nova-micro-v1:0", "us-east-1", custom=False)


def test_throughput_says_what_an_hour_a_day_and_a_month_cost_or_that_nobody_knows():
    known = str(bedrock_models.throughput_cost("amazon.nova-2-lite-v1:0", "us-east-1", 2))
    assert "121.00 USD an hour, 2,904 a day, 88,330 a month, seen 2026-08" in known
    assert "the price an hour is not in this course's table" in str(
        costs.throughput_cost(CUSTOM, "us-east-1")
    )
    assert costs.import_window_usd(2) == pytest.approx(2 * 5 * 0.05718)
    assert costs.import_window_usd(2, "v2.0") is None, "units of another version have another price"


def test_an_imported_models_units_of_a_version_without_a_price_are_not_priced():
    units = {"customModelUnits": {"customModelUnitsPerModelCopy": 1, "customModelUnitsVersion": "v2.0"}}
    bedrock = SimpleNamespace(get_imported_model=lambda **_: units)
    row = bedrock_models.billing_row(
        bedrock, end.Thing("imported model", "i", "a", "Active", requests.after(0))
    )
    assert row["USD a month"] is None and row["bills"].endswith("by units of v2.0")


# Deploy


def test_deploying_twice_gives_the_same_arn_and_another_model_takes_its_place(aws, deployment, no_process):
    assert bedrock_models.deploy(aws.bedrock, aws.model, "tuneaws-tuned", TAGS, ttl_s=7200) == deployment
    assert 7100 < bedrock_models.time_left(aws.bedrock, deployment) <= 7200
    other = aws.tuned().output_model_arn
    assert bedrock_models.deploy(aws.bedrock, other, "tuneaws-tuned", TAGS) == deployment
    bedrock_models.wait(aws.bedrock, deployment, show=False)
    assert bedrock_models.describe(aws.bedrock, deployment)["modelArn"] == other
    bedrock_models.deploy(aws.bedrock, aws.model, "tuneaws-tuned", TAGS)
    bedrock_models.wait(aws.bedrock, deployment, show=False)
    bedrock_models.delete(aws.bedrock, other)


def test_a_deployment_that_fails_says_why_and_what_is_not_there_is_named(aws, no_process, capsys):
    broken, no_process.why = aws.tuned(), "LoadError: no config.json"
    arn = bedrock_models.deploy(aws.bedrock, broken.output_model_arn, "broken")
    with pytest.raises(BedrockModelError, match="is Failed: The model could not be loaded: LoadError"):
        bedrock_models.wait(aws.bedrock, arn)
    assert capsys.readouterr().out.rstrip().endswith(" s  Failed")
    with pytest.raises(BedrockModelError, match="has failed"):
        bedrock_models.deploy(aws.bedrock, broken.output_model_arn, "broken")
    bedrock_models.delete(aws.bedrock, broken.output_model_arn)
    with pytest.raises(BedrockModelError, match="there is no .* any more"):
        bedrock_models.wait(aws.bedrock, arn)
    with pytest.raises(BedrockModelError, match="ResourceNotFoundException"):
        bedrock_models.deploy(aws.bedrock, broken.output_model_arn, "broken")


def test_throughput_is_refused_without_an_explicit_yes(aws, capsys):
    for not_yes in ({}, {"yes": 1}, {"yes": "yes"}):
        with pytest.raises(BedrockModelError, match="Nothing was bought"):
            bedrock_models.provision(aws.bedrock, aws.model, "fast", **not_yes)
    assert not aws.bedrock.list_provisioned_model_throughputs()["provisionedModelSummaries"]


# Talk


def test_an_answer_has_a_text_usage_latency_and_the_reason_it_ended(aws, deployment):
    answer = bedrock_models.converse(aws.runtime, deployment, CHAT, max_tokens=4)
    assert answer.text and answer.stop_reason in ("max_tokens", "end_turn")
    assert answer.usage["inputTokens"] > 5 and answer.usage["outputTokens"] <= 4
    assert 0 < answer.latency_ms / 1000 <= answer.seconds + 0.01


def test_a_stream_and_a_generator_give_the_same_text(aws, deployment):
    whole = bedrock_models.converse(aws.runtime, deployment, CHAT, max_tokens=20)
    ends, answers = [], []
    pieces = list(bedrock_models.stream(aws.runtime, deployment, CHAT, max_tokens=20, on_end=ends.append))
    assert "".join(pieces) == whole.text and len(pieces) > 2
    assert ends[0].usage == whole.usage and ends[0].stop_reason == whole.stop_reason
    generate = bedrock_models.generator(aws.runtime, deployment, max_tokens=20, answers=answers)
    asked = [[{"role": "user", "content": f"Amy: number {number}"}] for number in range(20)]
    texts = generate([CHAT, *asked])
    assert texts[0] == whole.text and len(texts) == 21
    assert [answer.text for answer in answers] == texts
    assert texts[1:] == [bedrock_models.converse(aws.runtime, deployment, each, 20).text for each in asked]
    talk = bedrock_models.Chat(aws.runtime, deployment, system="Be short.", max_tokens=20)
    assert talk.say(CHAT[1]["content"], show=False) == whole.text and len(talk.messages) == 3


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "said"}}, "Converse")


def test_what_is_throttled_or_not_ready_is_tried_again_and_then_explained(monkeypatch):
    waits, replies = [], []
    monkeypatch.setattr(use.time, "sleep", waits.append)
    reply = {"output": {"message": {"content": [{"text": "yes"}]}}, "usage": {"outputTokens": 1},
             "metrics": {"latencyMs": 3}, "stopReason": "end_turn"}  # fmt: skip

    def converse(**asked):
        if isinstance(answer := replies.pop(0), Exception):
            raise answer
        return answer

    runtime = SimpleNamespace(converse=converse)
    replies[:] = [refusal("ThrottlingException"), refusal("ModelNotReadyException"), reply]
    assert bedrock_models.converse(runtime, "m", "hi").text == "yes" and len(waits) == 2
    replies[:] = [refusal("ThrottlingException")] * 2
    with pytest.raises(BedrockModelError, match="fewer workers"):
        bedrock_models.converse(runtime, "m", "hi", retry_s=0)
    replies[:] = [refusal("ResourceNotFoundException")]
    with pytest.raises(BedrockModelError, match="deploy it again"):
        bedrock_models.converse(runtime, "m", "hi")


def test_a_stream_that_breaks_off_is_an_error_and_is_closed():
    class Events:
        closed = False

        def __iter__(self):
            yield {"contentBlockDelta": {"delta": {"text": "half"}}}
            raise EventStreamError(
                {"Error": {"Code": "modelStreamErrorException", "Message": "x"}}, "ConverseStream"
            )

        def close(self):
            self.closed = True

    events = Events()
    pieces = bedrock_models.stream(SimpleNamespace(converse_stream=lambda **_: {"stream": events}), "m", "hi")
    assert next(pieces) == "half"
    with pytest.raises(BedrockModelError, match="broke off in the middle"):
        next(pieces)
    assert events.closed


# Import


QWEN = json.loads((SHIPPED / "chat-1m" / "config.json").read_text()) | {"architectures": ["Qwen2ForCausalLM"]}


def archive(s3, key: str, folder: str) -> dict:
    """A training job's description whose model.tar.gz has chat-1m in a folder of that name, as a Qwen2."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz", compresslevel=1) as tar:
        for path in sorted((SHIPPED / "chat-1m").iterdir()):
            if path.name != "config.json":
                tar.add(path, f"{folder}{path.name}")
        config = tarfile.TarInfo(f"{folder}config.json")
        config.size = len(content := json.dumps(QWEN).encode())
        tar.addfile(config, io.BytesIO(content))
    s3.put_object(Bucket="learner", Key=key, Body=data.getvalue())
    return {"TrainingJobName": key, "TrainingJobStatus": "Completed",
            "ModelArtifacts": {"S3ModelArtifacts": f"s3://learner/{key}"}}  # fmt: skip


def bills(bedrock, tags: dict) -> list:
    return [bedrock_models.billing_row(bedrock, thing) for thing in bedrock_models.find(bedrock, tags)]


@pytest.fixture(scope="module")
def qwen(aws) -> SimpleNamespace:
    """A training job's merged model, imported; its config.json says Qwen2.

    .uri, where it was staged; .arn; .row of billing_row(); .cold, what the first question was told
    """
    job = archive(aws.s3, "job/model.tar.gz", "merged/")
    uri = bedrock_models.stage(aws.s3, job, "s3://learner/import/one")
    job = bedrock_models.import_model(aws.bedrock, "tuneaws-imported", aws.import_role(), uri, TAGS)
    arn = bedrock_models.wait(aws.bedrock, job, show=False)["importedModelArn"]
    rows = bills(aws.bedrock, TAGS)
    (row,) = [row for row in rows if row["what"] == "imported model"]
    with pytest.raises(BedrockModelError) as cold:
        bedrock_models.invoke(aws.runtime, arn, CHAT, max_tokens=5, retry_s=0)
    yield SimpleNamespace(uri=uri, arn=arn, cold=str(cold.value), row=row)
    assert bedrock_models.delete(aws.bedrock, arn) == ["imported model tuneaws-imported"]


def test_a_model_that_sagemaker_merged_is_staged_and_imported_at_a_price(qwen):
    assert qwen.uri == "s3://learner/import/one/"
    assert qwen.row["name"] == "tuneaws-imported" and qwen.row["USD a month"] == 1.95
    assert "0.29 USD for 5 minutes" in qwen.row["bills"]


def test_an_archive_with_an_adapter_alone_is_refused_before_anything_is_uploaded(aws):
    with pytest.raises(BedrockModelError, match="merge_weights: true"):
        bedrock_models.stage(
            aws.s3, archive(aws.s3, "other/model.tar.gz", "adapter/"), "s3://learner/import/two"
        )
    assert not aws.s3.list_objects_v2(Bucket="learner", Prefix="import/two")["KeyCount"]
    missing = importing.missing_files(["config.json", "adapter_model.safetensors"])
    tokenizer = ["tokenizer_config.json", "tokenizer.json or tokenizer.model"]
    assert missing == [*tokenizer, "a .safetensors file of the whole model"]


def test_a_cold_imported_model_is_asked_until_it_is_loaded(aws, qwen):
    assert "ModelNotReadyException" in qwen.cold and "Fix: ask again in a minute" in qwen.cold
    assert bedrock_models.invoke(aws.runtime, qwen.arn, CHAT, max_tokens=5).usage["outputTokens"] == 5


def test_a_model_that_converse_is_refused_for_answers_by_invoke_and_the_error_says_so(aws, deployment, qwen):
    with pytest.raises(BedrockModelError, match=r"ValidationException(.|\n)*Fix: use invoke\(\)"):
        bedrock_models.converse(aws.runtime, qwen.arn, CHAT)
    answer = bedrock_models.invoke(aws.runtime, qwen.arn, CHAT, max_tokens=20)
    same = bedrock_models.converse(aws.runtime, deployment, CHAT, max_tokens=20)
    assert (answer.text, answer.usage) == (same.text, same.usage), "the same weights behind both"
    assert answer.stop_reason == {"end_turn": "stop", "max_tokens": "length"}[same.stop_reason]
    assert 0 < answer.latency_ms / 1000 <= answer.seconds + 0.01
    cut = bedrock_models.invoke(aws.runtime, qwen.arn, CHAT, stop=[same.text[4:8]])
    assert cut.text == same.text.partition(same.text[4:8])[0] and cut.stop_reason == "stop"


def test_a_generator_asks_an_imported_model_by_invoke(aws, deployment, qwen):
    asked = [[{"role": "user", "content": f"Amy: number {number}"}] for number in range(10)]
    answers = []
    texts = bedrock_models.generator(aws.runtime, qwen.arn, 20, api="invoke", answers=answers)(asked)
    assert texts == bedrock_models.generator(aws.runtime, deployment, 20)(asked)
    assert [answer.text for answer in answers] == texts and all(answer.latency_ms for answer in answers)
    with pytest.raises(ValueError, match="api is 'invok'"):
        bedrock_models.generator(aws.runtime, qwen.arn, api="invok")
    with pytest.raises(BedrockModelError, match=r"Fix: use converse\(\)"):
        bedrock_models.invoke(aws.runtime, "amazon.nova-micro-v1:0", CHAT)


def test_an_answer_in_another_format_is_an_error_that_shows_it():
    reply = {"body": io.BytesIO(b'{"generation": "hi"}'), "ResponseMetadata": {"HTTPHeaders": {}}}
    runtime = SimpleNamespace(invoke_model=lambda **_: reply)
    with pytest.raises(BedrockModelError, match="no chat completion: {'generation': 'hi'}"):
        bedrock_models.invoke(runtime, "m", "hi")
    body = {"choices": [{"message": {"content": None}, "finish_reason": "length"}]}
    reply["body"] = io.BytesIO(json.dumps(body).encode())
    assert bedrock_models.invoke(runtime, "m", "hi").text == ""


# What bills, and the end


def test_what_is_there_is_listed_with_its_price_and_deleted_in_the_order_that_aws_wants(aws, no_process):
    tags, model = {"course": "end"}, aws.tuned().output_model_arn
    aws.bedrock.tag_resource(resourceARN=model, tags=requests.tag_list(tags))
    arn = bedrock_models.deploy(aws.bedrock, model, "end-tuned", tags, ttl_s=3600)
    bedrock_models.provision(aws.bedrock, model, "end-fast", tags=tags, yes=True)
    bedrock_models.wait(aws.bedrock, arn, show=False)
    rows = bills(aws.bedrock, tags)
    assert [row["what"] for row in rows] == ["deployment", "provisioned throughput", "custom model"]
    assert [row["USD a month"] for row in rows] == [0.0, None, 1.95]
    with pytest.raises(ClientError, match="ConflictException"):
        aws.bedrock.delete_custom_model(modelIdentifier=model)
    gone = bedrock_models.delete(aws.bedrock, model, wait_s=10)
    assert [each.rpartition(" ")[0] for each in gone] == [row["what"] for row in rows]
    assert bedrock_models.find(aws.bedrock, tags) == [] and bedrock_models.delete(aws.bedrock, model) == []


def test_only_a_deployment_whose_time_is_over_goes_and_nothing_goes_without_tags(aws, deployment, no_process):
    over = bedrock_models.deploy(aws.bedrock, aws.model, "over", {"course": "time"}, ttl_s=-1)
    kept = bedrock_models.deploy(aws.bedrock, aws.model, "kept", {"course": "time"}, ttl_s=600)
    bedrock_models.wait(aws.bedrock, over, show=False)
    assert bedrock_models.delete_expired(aws.bedrock, {"course": "time"}) == ["deployment over"]
    assert [thing.arn for thing in bedrock_models.find(aws.bedrock, {"course": "time"})] == [kept]
    with pytest.raises(ValueError, match="every model of the account"):
        bedrock_models.delete_all(aws.bedrock, {})
    assert bedrock_models.delete_all(aws.bedrock, {"course": "time"}) == ["deployment kept"]
    assert deployment in [thing.arn for thing in bedrock_models.find(aws.bedrock, TAGS)]


def test_what_stays_after_its_deletion_is_an_error(monkeypatch):
    monkeypatch.setattr(end, "_is_there", lambda *_: True)
    stuck = SimpleNamespace(delete_custom_model=lambda **_: None)
    thing = end.Thing("custom model", "stuck", CUSTOM, "Active", requests.after(0))
    with pytest.raises(BedrockModelError, match="custom model stuck is there after 0 s"):
        end._delete(stuck, [thing], wait_s=0, poll_s=0)


def test_the_package_imports_without_pytorch_and_without_the_sagemaker_sdk():
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'peft', 'sagemaker'): sys.modules[name] = None\n"
        "import tuneaws.bedrock_models as m\n"
        "print(len(m.__all__))"
    )
    path = str(Path(__file__).resolve().parents[1] / "code")
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
