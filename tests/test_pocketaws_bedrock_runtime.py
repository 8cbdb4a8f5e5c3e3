"""Converse, InvokeModel and their streams through raw boto3, answered by real processes."""

import concurrent.futures
import contextlib
import json
import time

import pytest
from bedrock_aid import (
    CHAT,
    CONTEXT,
    NOVA,
    STAND_IN,
    Runtime,
    arn,
    never_ending,
    process_of,
    served,
    user,
    walk,
)
from botocore.exceptions import ClientError, EventStreamError
from local_server import until
from pocketaws.bedrock_runtime import rehearsals

GREEDY = {"temperature": 0, "maxTokens": 40}
ENDLESS = arn("custom-model-deployment", "endless")
LLAMA, TITAN = arn("custom-model-deployment", "llama31"), arn("custom-model-deployment", "titan")
IMPORTED = arn("imported-model", "imported")
TOOLS = {"tools": [{"toolSpec": {"name": "t", "inputSchema": {"json": {}}}}]}
GUARDRAIL = {"guardrailIdentifier": "g", "guardrailVersion": "1"}
IMAGE = {"image": {"format": "png", "source": {"bytes": b"x"}}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A gateway with Nova, a custom Llama, Titan and endless Nova, and an imported model."""
    with pytest.MonkeyPatch.context() as patch:
        server = Runtime(tmp_path_factory.mktemp("bedrock"), patch)
        server.endless = never_ending(tmp_path_factory.mktemp("models") / "endless")
        server.add(served(STAND_IN, "llama3.1"))
        server.add(served(STAND_IN, "titan", output_tokens=4096))
        server.add(served(STAND_IN, "imported", kind="imported"))
        server.add(served(server.endless, "nova", name="endless"))
        yield server
        server.close()


@pytest.fixture
def runtime(server):
    return server.runtime


def refused(call, **members) -> dict:
    """The response of the error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response


def said(call, **members) -> tuple[str, str]:
    """(code, message) of the error that a call ends with."""
    error = refused(call, **members)["Error"]
    return error["Code"], error["Message"]


def invoke(runtime, model: str, body: dict) -> dict:
    return json.loads(runtime.invoke_model(modelId=model, body=json.dumps(body))["body"].read())


def chunks(runtime, model: str, body: dict) -> list[dict]:
    stream = runtime.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))["body"]
    return [json.loads(event["chunk"]["bytes"]) for event in stream]


@pytest.fixture(scope="module")
def whole(server) -> dict:
    """Converse's answer of the stand-in model, greedy."""
    return server.runtime.converse(modelId=NOVA, messages=user(), inferenceConfig=GREEDY)


@pytest.fixture(scope="module")
def text(whole) -> str:
    return whole["output"]["message"]["content"][0]["text"]


# Converse


def test_converse_answers_with_a_text_its_tokens_and_its_time(server, runtime):
    started = time.monotonic()
    answer = runtime.converse(modelId=NOVA, messages=user(), inferenceConfig=GREEDY)
    took_ms = (time.monotonic() - started) * 1000
    usage = answer["usage"]
    assert answer["output"]["message"]["role"] == "assistant"
    assert answer["output"]["message"]["content"][0]["text"]
    assert answer["stopReason"] == "end_turn"
    assert usage["inputTokens"] > 10 and 1 < usage["outputTokens"] <= 40
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]
    assert 1 <= answer["metrics"]["latencyMs"] <= took_ms + 1


def test_a_stream_has_the_same_text_in_pieces_and_its_events_in_order(runtime, whole, text):
    stream = runtime.converse_stream(modelId=NOVA, messages=user(), inferenceConfig=GREEDY)["stream"]
    events = [next(iter(event.items())) for event in stream]
    names = [name for name, _ in events]
    deltas = [event["delta"]["text"] for name, event in events if name == "contentBlockDelta"]
    assert names == ["messageStart", *["contentBlockDelta"] * len(deltas), "contentBlockStop", "messageStop",
                     "metadata"]  # fmt: skip
    assert "".join(deltas) == text and len(deltas) > 5
    assert events[-1][1]["usage"] == whole["usage"] and events[-2][1] == {"stopReason": "end_turn"}


def test_an_answer_ends_at_max_tokens_at_a_stop_sequence_or_where_the_context_is_full(runtime, text):
    def ask(model=NOVA, **config):
        answer = runtime.converse(
            modelId=model, messages=user(), inferenceConfig={"temperature": 0, **config}
        )
        return answer["output"]["message"]["content"][0]["text"], answer["stopReason"], answer["usage"]

    cut, reason, usage = ask(maxTokens=4)
    assert (reason, usage["outputTokens"]) == ("max_tokens", 4) and text.startswith(cut)
    stop = text[8:12]
    until_stop, reason, _ = ask(stopSequences=["never in there", stop])
    assert reason == "stop_sequence" and until_stop == text.partition(stop)[0]
    _, reason, usage = ask(ENDLESS)
    assert (reason, usage["totalTokens"]) == ("model_context_window_exceeded", CONTEXT)


def test_temperature_and_top_p_change_what_is_drawn(runtime, text):
    def ask(count, **config):
        call = {"modelId": NOVA, "messages": user(), "inferenceConfig": {"maxTokens": 20, **config}}
        answers = [runtime.converse(**call) for _ in range(count)]
        return {answer["output"]["message"]["content"][0]["text"] for answer in answers}

    assert len(ask(6, temperature=1, topP=1)) > 1
    assert len(ask(3, temperature=1, topP=0)) == 1  # the most likely token alone
    drawn = {"modelId": NOVA, "messages": user(), "inferenceConfig": {"maxTokens": 40, "temperature": 1}}
    only_one = runtime.converse(additionalModelRequestFields={"inferenceConfig": {"topK": 1}}, **drawn)
    assert only_one["output"]["message"]["content"][0]["text"] == text


def test_a_system_prompt_counts_and_earlier_turns_do_too(runtime, whole):
    turns = [*user(), {"role": "assistant", "content": [{"text": "They meet at 5."}]}, *user("Where?")]
    system = [{"text": "Answer in one sentence."}]
    call = {"modelId": NOVA, "inferenceConfig": GREEDY}
    with_system = runtime.converse(messages=user(), system=system, **call)["usage"]["inputTokens"]
    assert with_system > whole["usage"]["inputTokens"]
    assert runtime.converse(messages=turns, **call)["usage"]["inputTokens"] > with_system


def test_a_hundred_concurrent_calls_get_each_its_own_answer(runtime):
    def ask(number: int):
        text = f"Repeat: {number} " + "word " * (number % 7)
        return runtime.converse(modelId=NOVA, messages=user(text), inferenceConfig=GREEDY)

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        together = list(pool.map(ask, range(100)))
    alone = [ask(number) for number in range(0, 100, 9)]
    for one, other in zip(together[::9], alone, strict=True):
        assert one["output"] == other["output"] and one["usage"] == other["usage"]
    assert len(together) == 100 and all(answer["stopReason"] for answer in together)


# What is refused


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"messages": []}, "A conversation must start with a user message."),
        ({"messages": [{"role": "assistant", "content": [{"text": "hi"}]}]}, "must start with a user"),
        ({"messages": [*user(), *user()]}, "must alternate between user and assistant roles"),
        ({"messages": [*user(), {"role": "assistant", "content": [{"text": "so"}]}]}, "message prefill"),
        ({"messages": user(" ")}, "text field in the ContentBlock object at messages.0.content.0 is blank."),
        ({"messages": [{"role": "user", "content": []}]}, "content field in the Message object at"),
        ({"messages": user("word " * 3000)}, "Input is too long for requested model."),
        ({"inferenceConfig": {"maxTokens": 10_001}}, "exceeds the model limit of 10000."),
        ({"inferenceConfig": {"temperature": 2}}, "'inferenceConfig.temperature' failed to satisfy"),
        ({"toolConfig": TOOLS}, "the toolConfig field"),
        ({"guardrailConfig": GUARDRAIL}, "the guardrailConfig field"),
        ({"performanceConfig": {"latency": "optimized"}}, "the performanceConfig.latency field"),
        ({"serviceTier": {"type": "flex"}}, "the serviceTier.type field"),
        ({"additionalModelRequestFields": {"foo": 1}}, "extraneous key [foo] is not permitted"),
        ({"additionalModelRequestFields": {"inferenceConfig": {"topK": "x"}}}, "#/inferenceConfig/topK"),
        ({"additionalModelResponseFieldPaths": ["stop"]}, "'stop' is no JSON Pointer"),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, "the messages.0.content.0.image field"),
        ({"modelId": "amazon.nova-nano-v1:0"}, "The provided model identifier is invalid."),
        ({"modelId": TITAN, "system": [{"text": "Be short."}]}, "doesn't support system messages"),
    ],
)  # fmt: skip
def test_what_converse_does_not_take_is_a_validation_exception_in_aws_words(runtime, changes, words):
    call = {"modelId": NOVA, "messages": user(), **changes}
    for operation in (runtime.converse, runtime.converse_stream):
        answer = refused(operation, **call)
        assert answer["Error"]["Code"] == "ValidationException" and words in answer["Error"]["Message"]
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("model", "body", "words"),
    [
        (NOVA, "{", "Malformed input request, please reformat your input and try again."),
        pytest.param(NOVA, "[" * 200_000, "Malformed input request, please reformat your input", id="deep"),
        (NOVA, "[]", "#: expected type: JSONObject, found: JSONArray"),
        (NOVA, "{}", "#: required key [messages] not found"),
        (NOVA, {"messages": [], "foo": 1}, "#: extraneous key [foo] is not permitted"),
        (NOVA, {"messages": [{"role": "user", "content": "hi"}]},
         "#/messages/0/content: expected type: JSONArray, found: String"),
        (NOVA, {"messages": user(), "inferenceConfig": {"temperature": 1.5}}, "1.5 is not less or equal"),
        (NOVA, {"messages": user(), "inferenceConfig": {"topP": True, "maxTokens": 0}}, "2 schema"),
        (NOVA, {"messages": user(), "toolConfig": {"tools": [1]}}, "the toolConfig field"),
        (LLAMA, {"prompt": "hi", "max_gen_len": 8192}, "#/max_gen_len: 8192 is not less or equal to 2048"),
        (LLAMA, {"inputText": "hi"}, "2 schema violations found"),
        (TITAN, {"inputText": ""}, "#/inputText: expected minLength: 1, actual: 0"),
        (TITAN, {"inputText": "hi", "textGenerationConfig": {"maxTokenCount": 5000}}, "is not less or equal"),
        (IMPORTED, {"text": "hi"}, "#: required key [prompt] not found"),
        (IMPORTED, {"messages": "hi"}, "#/messages: expected type: JSONArray, found: String"),
        (IMPORTED, {"messages": [{"role": "user", "content": "hi"}], "tools": [1]}, "tools is not"),
    ],
)  # fmt: skip
def test_a_malformed_body_is_refused_in_the_words_of_aws_schema_validator(runtime, model, body, words):
    content = body if isinstance(body, str) else json.dumps(body)
    for operation in (runtime.invoke_model, runtime.invoke_model_with_response_stream):
        code, message = until_ready(operation, modelId=model, body=content)
        assert code == "ValidationException" and words in message


def until_ready(call, **members) -> tuple[str, str]:
    """As `said`, but asking on while an imported model is being loaded."""
    return until(lambda: (answer := said(call, **members))[0] != "ModelNotReadyException" and answer)


def test_tokens_are_not_counted_for_models_that_aws_counts_none_for(runtime):
    code, message = said(runtime.count_tokens, modelId=NOVA, input={"converse": {"messages": user()}})
    assert (code, message) == ("ValidationException", "The provided model doesn't support counting tokens.")


# InvokeModel


def test_nova_answers_invoke_model_as_it_answers_converse(runtime, whole, text):
    body = {"schemaVersion": "messages-v1", "messages": user(), "inferenceConfig": GREEDY}
    answer = runtime.invoke_model(modelId=NOVA, body=json.dumps(body))
    content = json.loads(answer["body"].read())
    usage = {"cacheReadInputTokenCount": 0, "cacheWriteInputTokenCount": 0, **whole["usage"]}
    assert content == {"output": {"message": {"content": [{"text": text}], "role": "assistant"}},
                       "stopReason": "end_turn", "usage": usage}  # fmt: skip
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert answer["contentType"] == "application/json"
    assert int(headers["x-amzn-bedrock-input-token-count"]) == usage["inputTokens"]
    assert int(headers["x-amzn-bedrock-output-token-count"]) == usage["outputTokens"]
    assert int(headers["x-amzn-bedrock-invocation-latency"]) >= 1
    older = {"messages": user(), "inferenceConfig": {"max_new_tokens": 40, "temperature": 0, "top_p": 0.5}}
    assert invoke(runtime, NOVA, older) == content


def test_llama_takes_a_prompt_in_its_own_format_or_plain(runtime, whole, text):
    head = "<|start_header_id|>{}<|end_header_id|>\n\n"
    prompt = f"<|begin_of_text|>{head.format('user')}{CHAT}<|eot_id|>{head.format('assistant')}"
    wanted = {
        "generation": text, "prompt_token_count": whole["usage"]["inputTokens"],
        "generation_token_count": whole["usage"]["outputTokens"], "stop_reason": "stop",
    }  # fmt: skip
    for each in (prompt, CHAT):
        assert invoke(runtime, LLAMA, {"prompt": each, "temperature": 0, "max_gen_len": 40}) == wanted
    cut = invoke(runtime, LLAMA, {"prompt": CHAT, "temperature": 0, "max_gen_len": 3})
    assert (cut["generation_token_count"], cut["stop_reason"]) == (3, "length")


def test_titan_takes_an_input_text(runtime, whole, text):
    config = {"temperature": 0, "topP": 1, "maxTokenCount": 40, "stopSequences": []}
    wanted = {
        "inputTextTokenCount": whole["usage"]["inputTokens"],
        "results": [
            {"tokenCount": whole["usage"]["outputTokens"], "outputText": text, "completionReason": "FINISH"}
        ],
    }  # fmt: skip
    for each in (CHAT, f"User: {CHAT}\nBot:"):
        assert invoke(runtime, TITAN, {"inputText": each, "textGenerationConfig": config}) == wanted


def test_the_chunks_of_a_stream_add_up_to_the_whole_answer_in_each_family(runtime, whole, text):
    nova = chunks(runtime, NOVA, {"messages": user(), "inferenceConfig": GREEDY})
    llama = chunks(runtime, LLAMA, {"prompt": CHAT, "temperature": 0, "max_gen_len": 40})
    titan = chunks(runtime, TITAN, {"inputText": CHAT, "textGenerationConfig": {"temperature": 0}})
    assert (
        "".join(each["contentBlockDelta"]["delta"]["text"] for each in nova if "contentBlockDelta" in each)
        == text
    )
    assert "".join(each["generation"] for each in llama) == text
    assert "".join(each["outputText"] for each in titan) == text
    assert llama[-1]["stop_reason"] == "stop" and titan[-1]["completionReason"] == "FINISH"
    for each in (nova, llama, titan):
        metrics = each[-1]["amazon-bedrock-invocationMetrics"]
        assert metrics["inputTokenCount"] == whole["usage"]["inputTokens"]
        assert metrics["outputTokenCount"] == whole["usage"]["outputTokens"]
        assert 1 <= metrics["firstByteLatency"] <= metrics["invocationLatency"]
        assert not any("amazon-bedrock-invocationMetrics" in chunk for chunk in each[:-1]) and len(each) > 5


def test_an_imported_model_answers_in_three_formats(runtime, whole, text):
    prompt = f"<|begin|><|user|>{CHAT}<|end|><|assistant|>"
    until(lambda: said(runtime.invoke_model, modelId=IMPORTED, body="{}")[0] == "ValidationException")
    chat = {"messages": [{"role": "user", "content": CHAT}], "max_tokens": 40, "temperature": 0}
    answer = ready(runtime, chat)
    assert answer["choices"][0]["message"]["content"] == text and answer["object"] == "chat.completion"
    assert answer["usage"]["prompt_tokens"] == whole["usage"]["inputTokens"]
    completion = invoke(runtime, IMPORTED, {"prompt": prompt, "max_tokens": 40, "temperature": 0})
    assert completion["choices"][0]["text"] == text and completion["object"] == "text_completion"
    bedrock = invoke(runtime, IMPORTED, {"prompt": prompt, "max_gen_len": 40, "temperature": 0})
    assert (
        bedrock["generation"] == text and bedrock["generation_token_count"] == whole["usage"]["outputTokens"]
    )
    streamed = chunks(runtime, IMPORTED, chat)
    assert "".join(each["choices"][0]["delta"].get("content") or "" for each in streamed) == text
    assert streamed[-1]["choices"][0]["finish_reason"] == "stop"
    assert (
        streamed[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == whole["usage"]["outputTokens"]
    )


def ready(runtime, body: dict) -> dict:
    """The imported model's answer once it is loaded."""

    def ask():
        try:
            return invoke(runtime, IMPORTED, body)
        except runtime.exceptions.ModelNotReadyException:
            return None

    return until(ask)


# What goes wrong


def test_a_killed_model_ends_what_it_answers_at_once_and_the_next_request_has_it_started_again(
    server, runtime
):
    config = {"temperature": 1}
    stream = runtime.converse_stream(modelId=ENDLESS, messages=user(), inferenceConfig=config)["stream"]
    events = iter(stream)
    first = [next(events) for _ in range(3)]  # tokens are here long before the last
    assert "contentBlockDelta" in first[2]
    killed, process = process_of(server.endless), server.state.serving._processes[server.endless]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        whole = pool.submit(refused, runtime.converse, modelId=ENDLESS, messages=user())
        until(lambda: process.in_flight == 2)
        killed.kill()
        started = time.monotonic()
        with contextlib.closing(stream), pytest.raises(EventStreamError) as caught:
            list(events)
        answer = whole.result(timeout=5)
    assert caught.value.response["Error"]["Code"] == "modelStreamErrorException"
    assert answer["Error"]["Code"] == "ModelErrorException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (answer["originalStatusCode"], answer["resourceName"]) == (500, ENDLESS)
    assert time.monotonic() - started < 5
    answer = runtime.converse(modelId=ENDLESS, messages=user(), inferenceConfig={"maxTokens": 3})
    assert answer["usage"]["outputTokens"] == 3 and process_of(server.endless).pid != killed.pid


def test_a_client_that_leaves_its_stream_ends_the_models_work(server, runtime):
    def cpu_s() -> float:
        return sum(process_of(server.endless).cpu_times()[:2])

    runtime.converse(modelId=ENDLESS, messages=user(), inferenceConfig={"maxTokens": 1})  # is up
    before, started = cpu_s(), time.monotonic()
    runtime.converse(modelId=ENDLESS, messages=user())
    whole_s, took_s, before = cpu_s() - before, time.monotonic() - started, cpu_s()
    stream = runtime.converse_stream(modelId=ENDLESS, messages=user())["stream"]
    next(iter(stream))
    stream.close()
    time.sleep(1.5 * took_s)  # as long as the answer would take
    assert cpu_s() - before < whole_s / 2


def test_a_quota_that_is_used_up_is_a_throttling_exception_until_its_minute_is_over(server, runtime):
    file = server.state.home / rehearsals.FILE
    file.write_text(json.dumps({"requests_per_minute": 2}))
    try:
        call = {"modelId": LLAMA, "messages": user(), "inferenceConfig": GREEDY}
        assert [runtime.converse(**call)["stopReason"] for _ in range(2)] == ["end_turn"] * 2
        answer = refused(runtime.converse, **call)
        assert answer["Error"] == {"Code": "ThrottlingException", "Message": rehearsals.TOO_MANY}
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert (
            runtime.converse(**{**call, "modelId": TITAN})["stopReason"] == "end_turn"
        )  # a quota of its own
    finally:
        file.unlink()


def test_the_window_of_a_quota_slides(tmp_path):
    (tmp_path / rehearsals.FILE).write_text('{"requests_per_minute": 1}')
    rehearsals.check_rate(tmp_path, ("m",), now=lambda: 0.0)
    with pytest.raises(Exception, match="Too many requests"):
        rehearsals.check_rate(tmp_path, ("m",), now=lambda: 59.9)
    rehearsals.check_rate(tmp_path, ("m",), now=lambda: 60.0)


def test_a_model_that_takes_too_long_is_a_model_timeout(server, runtime):
    file = server.state.home / rehearsals.FILE
    runtime.converse(modelId=ENDLESS, messages=user(), inferenceConfig={"maxTokens": 1})  # is up
    file.write_text(json.dumps({"timeout_s": 0.3}))
    try:
        answer = refused(runtime.converse, modelId=ENDLESS, messages=user())
        assert answer["Error"]["Code"] == "ModelTimeoutException"
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 408
        with (
            contextlib.closing(runtime.converse_stream(modelId=ENDLESS, messages=user())["stream"]) as events,
            pytest.raises(EventStreamError, match="modelStreamErrorException.*timed out"),
        ):
            list(events)
        body = json.dumps({"messages": user()})
        answer = runtime.invoke_model_with_response_stream(modelId=ENDLESS, body=body)
        with (
            contextlib.closing(answer["body"]) as events,
            pytest.raises(EventStreamError, match="modelTimeoutException"),
        ):
            list(events)
    finally:
        file.unlink()


def test_an_imported_model_that_is_not_loaded_says_so_at_once(server, runtime, tmp_path):
    model = server.add(served(tmp_path / "not there", "imported", kind="imported", name="cold"))
    answer = refused(runtime.converse, modelId=model, messages=user())
    assert answer["Error"]["Code"] == "ModelNotReadyException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429


# The shapes of botocore's model


def test_every_answer_fits_botocores_model(runtime, capsys):
    model = runtime.meta.service_model
    shape = {name: model.operation_model(name).output_shape for name in model.operation_names}
    converse = {"modelId": NOVA, "messages": user(), "inferenceConfig": GREEDY}
    converse |= {"performanceConfig": {"latency": "standard"}, "serviceTier": {"type": "default"}}
    body = {"modelId": NOVA, "body": json.dumps({"messages": user(), "inferenceConfig": GREEDY})}
    counts = {"Converse": walk(runtime.converse(**converse), shape["Converse"])}
    answer = runtime.invoke_model(**body)
    counts["InvokeModel"] = walk({**answer, "body": answer["body"].read()}, shape["InvokeModel"])
    for name, call, member, asked in (
        ("ConverseStream", runtime.converse_stream, "stream", converse),
        ("InvokeModelWithResponseStream", runtime.invoke_model_with_response_stream, "body", body),
    ):
        answer = call(**asked)
        events = list(answer.pop(member))
        counts[name] = sum(walk(event, shape[name].members[member]) for event in events)
        walk({**answer, member: {}}, shape[name])
    from pocketaws import operations

    own = {name for service, name in operations.names() if service == "bedrock-runtime"}
    assert own == {*counts, "CountTokens"}  # which has no answer, see above
    assert min(counts.values()) >= 2 and sum(counts.values()) > 100
    with capsys.disabled():
        print(f"\nbedrock-runtime: {len(counts)} operations, {sum(counts.values())} members fit the model")
