"""Endpoints from the first request to the last deletion, in a local AWS, with a model without torch."""

import json
import re
import time
from datetime import datetime, timezone
from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import EventStreamError
from hosting_aid import IMAGE, tiny_archive
from tuneaws import config, endpoints, prices
from tuneaws.endpoints import autoscaling, life, models, use
from tuneaws.endpoints.load_test import load_test, sender
from tuneaws.endpoints.use import EndpointError
from tuneaws.lesson import table

TAGS = [{"Key": "course", "Value": "tuneaws-endpoints-test"}]
COURSE = {"course": "tuneaws-endpoints-test"}
HELLO = [{"role": "user", "content": "hello"}]

# Speaks as inference.py does, and says back what it was told, word by word.
TALKER = """
import json, os, time

class Refused(ValueError):
    pass

def model_fn(model_dir, context=None):
    if os.path.exists(os.path.join(model_dir, "broken")):
        raise RuntimeError("the weights are not those of this model")
    return open(os.path.join(model_dir, "name")).read()

def transform_fn(model, body, content_type, accept, context=None):
    asked = json.loads(body)
    if "inputs" in asked:
        texts = [f"{model}: {one[-1]['content']}" for one in asked["inputs"]]
        return json.dumps([{"generated_text": text} for text in texts])
    said = asked["messages"][-1]["content"]
    if said == "refuse":
        raise Refused("max_tokens must be over 0, not -1")
    text = f"{model}: {said}"
    if not asked.get("stream"):
        usage = {"prompt_tokens": len(asked["messages"]), "completion_tokens": 2, "total_tokens": 3}
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return json.dumps({"choices": [choice], "usage": usage})
    return stream(text)

def stream(text):
    for piece in text.split(" "):
        yield "data: " + json.dumps({"choices": [{"delta": {"content": piece + " "}}]}) + chr(10) * 2
    yield "data: [DONE]" + chr(10) * 2
"""


@pytest.fixture(scope="module")
def aws(local_aws):
    """The clients of this module, and a role; nothing of its endpoints is left at the end."""
    iam = local_aws.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="endpoints-test", AssumeRolePolicyDocument=json.dumps(trust))
    clients = {name: local_aws.client(name) for name in ("sagemaker", "logs", "s3", "cloudwatch", "bedrock")}
    clients["s3"].create_bucket(Bucket="endpoints-test")
    clients["runtime"] = local_aws.client("sagemaker-runtime")
    sm = clients.pop("sagemaker")
    yield SimpleNamespace(role=role["Role"]["Arn"], sm=sm, bucket="endpoints-test", **clients)
    for row in endpoints.list_endpoints(sm, COURSE):
        endpoints.delete(sm, row["endpoint"])
    assert endpoints.list_endpoints(sm, COURSE) == []


@pytest.fixture(scope="module")
def container(aws):
    """container("base") -> a container whose model says "base: ..."; files= adds to its archive."""
    def make(name: str, **files) -> dict:
        key = f"{name}-{'-'.join(files)}/model.tar.gz"
        aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=tiny_archive(TALKER, {"name": name, **files}))
        return {"Image": IMAGE, "ModelDataUrl": f"s3://{aws.bucket}/{key}",
                "Environment": {"SAGEMAKER_PROGRAM": "inference.py"}}
    return make


@pytest.fixture(scope="module")
def pair(aws, container):
    """An endpoint with two variants of the same weight."""
    variants = [endpoints.variant(name, container(name), "ml.m5.xlarge") for name in ("base", "tuned")]
    endpoints.put(aws.sm, aws.logs, "pair", variants, aws.role, TAGS, ttl_s=3600)
    return "pair"


def one(container, name="base", **more) -> list:
    return [endpoints.variant(name, container(name), "ml.m5.xlarge", **more)]


# --- talk


def test_one_question_gets_one_answer_with_its_variant_and_time(aws, pair):
    answer = endpoints.ask(aws.runtime, pair, "hello", variant="tuned")
    assert (answer.text, answer.variant) == ("tuned: hello", "tuned")
    assert 0 < answer.seconds < 60 and answer.usage["total_tokens"] == 3
    assert endpoints.predict(aws.runtime, pair, HELLO, variant="base") == "base: hello"


def test_a_stream_comes_in_pieces_that_join_to_the_answer(aws, pair):
    pieces = list(endpoints.stream(aws.runtime, pair, "hello there", variant="tuned"))
    assert len(pieces) == 3 and "".join(pieces) == "tuned: hello there "


def test_a_chat_remembers_what_was_said_and_forgets_when_told(aws, pair, capsys):
    talk = endpoints.chat(aws.runtime, pair, system="Be short.", variant="base")
    assert talk.say("hello") == "base: hello "
    assert capsys.readouterr().out == "base: hello \n"
    talk.say("and now", show=False)
    assert [m["role"] for m in talk.messages] == ["system", "user", "assistant", "user", "assistant"]
    assert capsys.readouterr().out == ""
    with pytest.raises(EndpointError):
        talk.say("refuse", show=False)
    assert len(talk.messages) == 5  # an error leaves the conversation as it was
    talk.forget()
    assert talk.messages == [{"role": "system", "content": "Be short."}]


@pytest.mark.parametrize("serve, batch_size", [("huggingface", 2), ("huggingface", 16), ("vllm", 16)])
def test_many_conversations_are_answered_in_their_order(aws, pair, serve, batch_size):
    said = ["a" * n for n in (5, 1, 9, 3, 7)]
    generate = endpoints.generator(aws.runtime, pair, 10, serve=serve, batch_size=batch_size, variant="base")
    conversations = [[{"role": "user", "content": text}] for text in said]
    assert generate(conversations) == [f"base: {text}" for text in said]
    assert generate([]) == []


def test_a_refused_request_says_the_containers_own_words(aws, pair):
    with pytest.raises(EndpointError, match="(?s)container of pair answered with status 4.*over 0, not -1"):
        endpoints.predict(aws.runtime, pair, "refuse")


def test_an_endpoint_that_is_not_there_is_named_with_the_way_on(aws):
    with pytest.raises(EndpointError, match="(?s)no endpoint 'nobody'.*Fix: deploy it"):
        endpoints.predict(aws.runtime, "nobody", "hello")
    with pytest.raises(EndpointError, match="(?s)no endpoint 'nobody' in us-east-1.*list_endpoints"):
        endpoints.time_left(aws.sm, "nobody")


# --- reading what comes


def chunk(text: str) -> bytes:
    return f"data: {json.dumps({'choices': [{'delta': {'content': text}}]}, ensure_ascii=False)}\n\n".encode()


def test_a_stream_is_read_wherever_it_is_cut():
    whole = b": a comment\n\n" + chunk("Käse ") + chunk("") + chunk("日本") + b"data: [DONE]\n\n"
    for size in (1, 2, 3, 7, len(whole)):
        parts = [whole[i:i + size] for i in range(0, len(whole), size)]
        assert list(use.read_stream("e", parts)) == ["Käse ", "日本"]


def test_one_whole_answer_is_a_stream_of_one_piece():
    body = json.dumps({"choices": [{"message": {"content": "hi"}}]}).encode()
    assert list(use.read_stream("e", [body])) == ["hi"]
    assert list(use.read_stream("e", [b'[{"generated_text": "hi"}]'])) == ["hi"]
    assert list(use.read_stream("e", [b'data: {"choices": [], "usage": {}}\n\n'])) == []


def test_a_stream_that_breaks_off_gives_what_came_and_then_the_reason():
    class Runtime:
        def invoke_endpoint_with_response_stream(self, **request):
            return {"Body": self.events()}

        def events(self):
            yield {"PayloadPart": {"Bytes": chunk("one ")}}
            said = {"Error": {"Code": "ModelStreamError", "Message": "the process ended"}}
            raise EventStreamError(said, "InvokeEndpointWithResponseStream")

    came = endpoints.stream(Runtime(), "e", "hello")
    assert next(came) == "one "
    with pytest.raises(EndpointError, match="e broke off in the middle of an answer.*the process ended"):
        next(came)


@pytest.mark.parametrize("seconds, words", [
    (7110, "1 h 58 min"), (200, "3 min 20 s"), (0, "0 min 0 s"), (-120.4, "over since 2 min 0 s")])
def test_a_time_left_is_said_in_words(seconds, words):
    assert life.span(seconds) == words


@pytest.mark.parametrize("part, words", [
    (b'data: {"error": {"message": "out of memory"}}\n\n', "e: out of memory"),
    (b"<html>", "something that is not JSON"),
    (b'{"answer": 1}', "in a form that is not known here"),
])
def test_what_is_no_answer_is_an_error_and_not_an_empty_text(part, words):
    with pytest.raises(EndpointError, match=words):
        list(use.read_stream("e", [part]))


# --- two variants


def test_the_weights_say_who_answers_and_can_be_shifted(aws, pair):
    assert endpoints.weights(aws.sm, pair) == {"base": 0.5, "tuned": 0.5}
    seen = endpoints.who_answered(aws.runtime, pair, "hello", 24)
    assert set(seen) == {"base", "tuned"} and sum(seen.values()) == 24  # one alone: 1 in 8 million
    assert endpoints.shift(aws.sm, pair, {"base": 0, "tuned": 2}) == {"base": 0, "tuned": 1}
    assert endpoints.who_answered(aws.runtime, pair, "hello", 8) == {"tuned": 8}
    assert endpoints.shift(aws.sm, pair, {"base": 2}) == {"base": 0.5, "tuned": 0.5}


@pytest.mark.parametrize("new, words", [
    ({"other": 1}, "no variant 'other'"), ({"base": 0, "tuned": 0}, "nobody"), ({"base": -1}, "none under")])
def test_weights_that_cannot_be_are_refused(aws, pair, new, words):
    with pytest.raises(EndpointError, match=words):
        endpoints.shift(aws.sm, pair, new)


def test_cloudwatch_counts_requests_and_errors_of_each_variant(aws, container):
    start = datetime.now(timezone.utc)
    endpoints.put(aws.sm, aws.logs, "counted", one(container), aws.role, TAGS, ttl_s=600)
    for _ in range(3):
        endpoints.ask(aws.runtime, "counted", "hello")
    with pytest.raises(EndpointError):
        endpoints.ask(aws.runtime, "counted", "refuse")
    deadline = time.monotonic() + 30
    while True:
        rows = endpoints.variant_metrics(aws.cloudwatch, "counted", ["base", "nobody"], start)
        if rows[0]["requests"] == 4 or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert [rows[0][name] for name in ("requests", "4xx", "5xx")] == [4, 1, 0]
    assert 0 < rows[0]["model ms"] < 10_000
    endpoints.delete(aws.sm, "counted")
    assert rows[1] == {"variant": "nobody", "requests": 0, "4xx": 0, "5xx": 0, "model ms": None,
                       "overhead ms": None}


# --- deploy again, fail, end


def test_deploying_again_changes_nothing_and_another_model_updates(aws, container, capsys):
    def put(variants):
        endpoints.put(aws.sm, aws.logs, "again", variants, aws.role, TAGS, ttl_s=600)
        return capsys.readouterr().out

    first = put(one(container))
    assert "again: is created (base on 1 x ml.m5.xlarge)" in first and "InService" in first
    assert "lives 10 minutes from now" in first
    config_name = endpoints.describe(aws.sm, "again")["EndpointConfigName"]
    assert "already serves exactly this" in put(one(container))
    assert endpoints.describe(aws.sm, "again")["EndpointConfigName"] == config_name
    assert "exists and is updated; it answers meanwhile" in put(one(container, "tuned"))
    assert endpoints.predict(aws.runtime, "again", "hello") == "tuned: hello"
    configs = aws.sm.list_endpoint_configs(NameContains="again-")["EndpointConfigs"]
    models = aws.sm.list_models(NameContains="again-")["Models"]
    assert len(configs) == len(models) == 1  # those of the first deployment are gone
    assert config_name not in [one["EndpointConfigName"] for one in configs]
    gone = endpoints.delete(aws.sm, "again")
    assert [what.split()[0] for what in gone] == ["endpoint", "configuration", "model"]
    assert endpoints.describe(aws.sm, "again") is None and endpoints.delete(aws.sm, "again") == []


def test_deploying_again_sets_shifted_weights_back(aws, container, pair, capsys):
    variants = [endpoints.variant(name, container(name), "ml.m5.xlarge") for name in ("base", "tuned")]
    endpoints.shift(aws.sm, pair, {"base": 3})
    endpoints.put(aws.sm, aws.logs, pair, variants, aws.role, TAGS, ttl_s=3600)
    assert "its weights were shifted, and are set back" in capsys.readouterr().out
    assert endpoints.weights(aws.sm, pair) == {"base": 0.5, "tuned": 0.5}


def test_somebody_elses_endpoint_of_the_same_name_is_not_touched(aws, container, pair):
    with pytest.raises(EndpointError, match="(?s)does not carry the tag course=mine.*Fix: another name"):
        mine = [{"Key": "course", "Value": "mine"}]
        endpoints.put(aws.sm, aws.logs, pair, one(container), aws.role, mine, 60)
    assert set(endpoints.weights(aws.sm, pair)) == {"base", "tuned"}


def test_a_container_that_does_not_start_fails_with_its_own_last_words(aws, container, capsys):
    broken = [endpoints.variant("base", container("base", broken="x"), "ml.m5.xlarge")]
    with pytest.raises(EndpointError) as caught:
        endpoints.put(aws.sm, aws.logs, "broken", broken, aws.role, TAGS, ttl_s=600)
    said = str(caught.value)
    assert said.startswith("broken is Failed: ") and "the weights are not those of this model" in said
    assert "  | " in said and "Fix: mend what they name, then deploy again" in said
    capsys.readouterr()
    endpoints.put(aws.sm, aws.logs, "broken", one(container), aws.role, TAGS, ttl_s=600)
    assert "is Failed from before, and is deleted first" in capsys.readouterr().out
    assert endpoints.predict(aws.runtime, "broken", "hello") == "base: hello"
    with pytest.raises(EndpointError, match="(?s)broken could not be changed, and serves what it .*weights"):
        endpoints.put(aws.sm, aws.logs, "broken", broken, aws.role, TAGS, ttl_s=600)
    assert endpoints.predict(aws.runtime, "broken", "hello") == "base: hello"
    endpoints.delete(aws.sm, "broken")


def test_the_clean_up_takes_what_is_over_its_time_and_leaves_the_rest(aws, container, pair, capsys):
    endpoints.put(aws.sm, aws.logs, "brief", one(container), aws.role, TAGS, ttl_s=600)
    assert 590 < endpoints.time_left(aws.sm, "brief") <= 600
    rows = {row["endpoint"]: row for row in endpoints.list_endpoints(aws.sm, COURSE)}
    assert set(rows) == {"brief", pair}
    assert re.fullmatch("9 min [0-9]+ s", rows["brief"]["time left"])
    assert rows["brief"]["USD on AWS"] == "0.00"
    assert rows["brief"]["machines"] == "1 x ml.m5.xlarge"
    assert endpoints.delete_expired(aws.sm, COURSE) == []
    endpoints.keep(aws.sm, "brief", -1)
    assert endpoints.time_left(aws.sm, "brief") < 0
    assert endpoints.delete_expired(aws.sm, {"course": "another"}) == []
    assert endpoints.delete_expired(aws.sm, COURSE) == ["brief"]
    assert [row["endpoint"] for row in endpoints.list_endpoints(aws.sm, COURSE)] == [pair]
    capsys.readouterr()
    endpoints.show(aws.sm, pair)
    table(endpoints.list_endpoints(aws.sm, COURSE))
    said = capsys.readouterr().out
    assert re.search(r"variant base +weight \d, 1 instances", said) and "2 x ml.m5.xlarge" in said


def test_log_lines_of_one_variant_or_of_all(aws, pair):
    both = endpoints.log_lines(aws.logs, pair)
    own = endpoints.log_lines(aws.logs, pair, variant="base")
    assert both and own and len(both) >= len(own)
    assert endpoints.log_lines(aws.logs, "nobody") == []


# --- from the configuration


@pytest.fixture
def session(aws):
    """What the functions that take a session use of it."""
    clients = {"sagemaker": aws.sm, "s3": aws.s3, "logs": aws.logs}
    return SimpleNamespace(where="local", region="us-east-1", role_arn=aws.role, client=clients.__getitem__,
                           boto=boto3.Session(region_name="us-east-1"), url=aws.sm.meta.endpoint_url)


@pytest.fixture
def talker_code(tmp_path, monkeypatch):
    """The course's inference code, replaced by the talker."""
    (tmp_path / "inference.py").write_text(TALKER.replace("open(os.path.join(model_dir, \"name\")).read()",
                                                          "os.environ['HF_MODEL_ID']"))
    monkeypatch.setattr(models.archive, "__defaults__", (tmp_path,))
    return tmp_path


def test_the_base_model_is_deployed_from_an_archive_with_only_the_code(aws, session, talker_code, capsys):
    cfg = config.load(**{"project.tags": {**COURSE, "part": "cfg"}, "project.name": "from-cfg"})
    name = endpoints.deploy_base(cfg, session, aws.bucket)
    said = capsys.readouterr().out
    price = "free here; on AWS at worst 1.41 USD in 60 minutes, 33.79 USD a day if forgotten\n"
    assert name == "from-cfg-base" and said.startswith(price)
    assert "1 of code" in said and "InService" in said
    assert endpoints.predict(aws.runtime, name, "hello") == "pocketaws/chat-1m: hello"
    assert endpoints.deploy_base(cfg, session, aws.bucket) == name
    said = capsys.readouterr().out
    assert "packed" not in said and "already serves exactly this" in said
    (talker_code / "more.py").write_text("")
    endpoints.deploy_base(cfg, session, aws.bucket)
    assert "exists and is updated" in capsys.readouterr().out  # other code is another archive
    assert endpoints.delete_all(aws.sm, {"part": "cfg"}) == [name]
    with pytest.raises(ValueError, match="every endpoint of the account"):
        endpoints.delete_all(aws.sm, {})


def test_a_jobs_model_is_packed_once_with_the_code_and_deployed(aws, session, talker_code, capsys):
    cfg = config.load(**{"project.tags": {**COURSE, "part": "job"}, "project.name": "from-job"})
    files = {"merged/config.json": "{}", "adapter_config.json": "{}"}
    aws.s3.put_object(Bucket=aws.bucket, Key="job/model.tar.gz", Body=tiny_archive("old code", files))
    job = {"TrainingJobName": "job-1", "TrainingJobStatus": "Completed",
           "ModelArtifacts": {"S3ModelArtifacts": f"s3://{aws.bucket}/job/model.tar.gz"}}
    (talker_code / "inference.py").write_text(TALKER.replace("os.path.join(model_dir, \"name\")",
                                                             "os.path.join(model_dir, 'merged/config.json')"))
    name = endpoints.deploy_job(cfg, session, aws.bucket, job)
    assert "model: of job job-1\npacked 2 files of the model, 1 of code" in capsys.readouterr().out
    assert endpoints.predict(aws.runtime, name, "hello") == "{}: hello"
    container = endpoints.container_from(cfg, session, aws.bucket, job)
    assert "packed" not in capsys.readouterr().out and "HF_MODEL_ID" not in container["Environment"]
    assert endpoints.container_from(cfg, session, aws.bucket, container) is container
    endpoints.delete_all(aws.sm, {"part": "job"})
    aws.s3.delete_object(Bucket=aws.bucket, Key="job/model.tar.gz")
    with pytest.raises(EndpointError, match="(?s)job/model.tar.gz is not there: it was deleted.*train again"):
        endpoints.deploy_job(cfg, session, aws.bucket, job)


def test_under_load_every_request_is_answered_and_counted(aws, pair):
    where = SimpleNamespace(boto=boto3.Session(region_name="us-east-1"), url=aws.sm.meta.endpoint_url)
    runtime = endpoints.runtime_client(where, connections=8)
    rows = load_test(sender(runtime, pair, ["hello", HELLO]), concurrency=(1, 8), requests=40)
    assert [(row["concurrency"], row["requests"], row["errors"]) for row in rows] == [(1, 40, 0), (8, 40, 0)]
    assert all(0 < row["p50 s"] <= row["p99 s"] and row["requests/s"] > 1 for row in rows)
    row = load_test(sender(runtime, pair, ["refuse"]), concurrency=(2,), requests=6, warm_up=0)[0]
    assert row["errors"] == 6 and row["requests/s"] is None


def test_on_aws_the_whole_time_to_live_of_all_variants_is_held_to_the_budget(capsys):
    class NoPriceList:
        def get_products(self, **request):
            raise prices.PriceError("not reachable")

    session = SimpleNamespace(where="aws", region="us-east-1", url=None, boto=SimpleNamespace(
        client=lambda *a, **k: NoPriceList()))
    cfg = config.load(where="aws")
    assert endpoints.show_price(cfg, session).usd_per_hour == 1.408
    assert "on AWS, your account:" in capsys.readouterr().out
    with pytest.raises(prices.PriceError, match="budget_usd allows 2.00"):
        endpoints.deploy(cfg, session, "b", {"base": "base", "tuned": "newest"})  # nothing has been sent
    endpoints.show_price(cfg, session, instances=2, ttl_s=1800)


def test_scaling_is_paid_for_before_it_is_switched_on():
    sent = []

    class Aws:
        """An account with one endpoint, on machines at 1.408 USD an hour."""

        def describe_endpoint(self, **request):
            return {"EndpointConfigName": "c"}

        def describe_endpoint_config(self, **request):
            return {"ProductionVariants": [{"VariantName": "tuned", "InstanceType": "ml.g5.xlarge"}]}

        def get_products(self, **request):
            raise prices.PriceError("not reachable")

        def __getattr__(self, name):
            return lambda **request: sent.append((name, request))

    session = SimpleNamespace(where="aws", region="us-east-1", url=None, client=lambda name: Aws(),
                              boto=SimpleNamespace(client=lambda *a, **k: Aws()))
    with pytest.raises(prices.PriceError, match="costs 4.22 USD, budget_usd allows 4.00"):
        autoscaling.apply(session, "e", "tuned", 1, 3, 195, budget_usd=4, ttl_s=3600)
    with pytest.raises(EndpointError, match="no endpoint 'e' with a variant 'base'"):
        autoscaling.apply(session, "e", "base", 1, 3, 195, budget_usd=4, ttl_s=3600)
    assert sent == []
    autoscaling.apply(session, "e", "tuned", 1, 3, 195, budget_usd=5, ttl_s=3600)
    autoscaling.remove(session, "e", "tuned")
    assert [name for name, _ in sent] == ["register_scalable_target", "put_scaling_policy",
                                          "deregister_scalable_target"]


def test_scaling_is_refused_in_local_with_what_can_be_done_here(session):
    with pytest.raises(EndpointError, match="(?s)local has only this one.*target_request.*load test"):
        autoscaling.apply(session, "e", "tuned", 1, 2, 100, budget_usd=0, ttl_s=60)


def test_a_quota_of_none_names_the_quota_and_the_free_way_on(aws, container):
    from botocore.exceptions import ClientError

    class Full:
        def __getattr__(self, name):
            return getattr(aws.sm, name)

        def create_endpoint(self, **request):
            error = {"Code": "ResourceLimitExceeded", "Message": "limit is 0"}
            raise ClientError({"Error": error}, "CreateEndpoint")

    with pytest.raises(EndpointError, match='(?s)limit is 0.*"ml.m5.xlarge for endpoint usage".*"local"'):
        endpoints.put(Full(), aws.logs, "full", one(container), aws.role, TAGS, ttl_s=60)
    endpoints.delete(aws.sm, "full")
    assert aws.sm.list_models(NameContains="full-")["Models"] == []
