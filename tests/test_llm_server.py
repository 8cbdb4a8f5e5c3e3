"""The stand-ins for the vLLM, LMI and TGI images: payloads, streams, error bodies, and the process itself."""

import concurrent.futures
import json
import time
from pathlib import Path

import hosting_aid
import pytest
import serving_models
from pocketaws.generation import LoadError
from pocketaws.hosting import llm_server
from pocketaws.hosting.llm import environment

REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
VLLM = f"{REGISTRY}/vllm:server-sagemaker-cuda-v1"
LMI = f"{REGISTRY}/djl-inference:0.36.0-lmi18.0.0-cu128"
TGI = f"{REGISTRY}/huggingface-pytorch-tgi-inference:2.7.0-tgi3.3.6-gpu-py311-cu124-ubuntu22.04"
MODEL = str(serving_models.CHAT_1M)
HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def layouts(tmp_path_factory):
    return serving_models.make_layouts(tmp_path_factory.mktemp("layouts"))


@pytest.fixture(scope="module")
def question():
    return serving_models.conversations(1)[0]


@pytest.fixture(scope="module")
def vllm(layouts):
    variables = {
        "SM_VLLM_MODEL": MODEL, "SM_VLLM_SERVED_MODEL_NAME": "chat", "SM_VLLM_MAX_MODEL_LEN": "512",
        "SM_VLLM_ENABLE_LORA": "true", "SM_VLLM_LORA_MODULES": f"tuned={layouts / 'adapter'}",
    }  # fmt: skip
    return llm_server.make_server(VLLM, variables, Path("/nowhere"))


@pytest.fixture(scope="module")
def lmi():
    return llm_server.make_server(LMI, {"HF_MODEL_ID": MODEL}, Path("/nowhere"))


@pytest.fixture(scope="module")
def tgi():
    return llm_server.make_server(TGI, {"HF_MODEL_ID": MODEL}, Path("/nowhere"))


def ask(server, payload, content_type="application/json"):
    """(status, content type, text of the whole answer)."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    status, headers, answer = server(body, {"content-type": content_type})
    text = answer if isinstance(answer, bytes) else b"".join(answer)
    return status, headers["Content-Type"].partition(";")[0], text.decode()


def good(server, payload, kind="application/json"):
    status, content_type, text = ask(server, payload)
    assert (status, content_type) == (200, kind), text
    return json.loads(text) if kind == "application/json" else text


def events(text: str) -> list[dict]:
    """The objects of server-sent events; the last is [DONE]."""
    *chunks, done, end = text.split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    return [json.loads(chunk.removeprefix("data: ")) for chunk in chunks]


def content(chunks: list[dict]) -> str:
    return "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks if chunk["choices"])


# --- the same text everywhere


def test_every_image_gives_the_greedy_text_of_inference_py(vllm, lmi, tgi, question):
    model = serving_models.inference.model_fn(MODEL)
    settings = serving_models.payloads.Settings(max_tokens=24)
    [expected] = model.complete([question], settings)
    for server in (vllm, lmi, tgi):
        answer = good(server, {"messages": question, "max_tokens": 24, "temperature": 0})
        assert answer["choices"][0]["message"]["content"] == expected.text
        assert answer["usage"]["completion_tokens"] == expected.tokens
        assert answer["usage"]["prompt_tokens"] == expected.prompt_tokens
    [continued] = model.complete(["Ana: I bring you"], settings)
    payload = {"inputs": "Ana: I bring you", "parameters": {"max_new_tokens": 24, "do_sample": False}}
    assert good(lmi, payload) == {"generated_text": continued.text}
    assert good(tgi, payload) == [{"generated_text": continued.text}]
    completion = good(vllm, {"prompt": "Ana: I bring you", "max_tokens": 24, "temperature": 0})
    assert completion["choices"][0]["text"] == continued.text


# --- vLLM


def test_vllm_answers_a_chat_as_openai_does(vllm):
    answer = good(vllm, {"model": "chat", "messages": HI, "max_tokens": 100, "temperature": 0})
    assert (answer["object"], answer["model"]) == ("chat.completion", "chat")
    [choice] = answer["choices"]
    assert (choice["finish_reason"], choice["stop_reason"], choice["index"]) == ("stop", None, 0)
    assert choice["message"]["role"] == "assistant" and choice["message"]["tool_calls"] == []
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_vllm_streams_server_sent_events(vllm, question):
    payload = {"messages": question, "max_tokens": 20, "temperature": 0}
    whole = good(vllm, payload)
    more = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = events(good(vllm, {**payload, **more}, "text/event-stream"))
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert content(chunks) == whole["choices"][0]["message"]["content"]
    assert len(chunks) > 15
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[-3:-1]] == [None, "length"]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"].items() <= whole["usage"].items()
    assert {(c["object"], c["id"]) for c in chunks} == {("chat.completion.chunk", chunks[0]["id"])}


def test_vllm_completes_prompts_of_every_kind(vllm):
    payload = {"max_tokens": 6, "temperature": 0}
    one = good(vllm, {**payload, "prompt": "Hello there"})
    assert one["object"] == "text_completion" and one["id"].startswith("cmpl-")
    two = good(vllm, {**payload, "prompt": ["Hello there", "What"]})
    assert [choice["index"] for choice in two["choices"]] == [0, 1]
    assert two["choices"][0]["text"] == one["choices"][0]["text"]
    ids = vllm.engines["chat"].model.text_ids("Hello there")
    assert good(vllm, {**payload, "prompt": ids})["choices"][0]["text"] == one["choices"][0]["text"]
    chunks = events(
        good(vllm, {**payload, "prompt": ["Hello there", "What"], "stream": True}, "text/event-stream")
    )
    for i in (0, 1):
        texts = [c["choices"][0]["text"] for c in chunks if c["choices"][0]["index"] == i]
        assert "".join(texts) == two["choices"][i]["text"]


def test_vllm_samples_unless_told_not_to(vllm, question):
    """Its default temperature is the model's own, and 1.0 when the model names none."""
    payload = {"messages": question, "max_tokens": 12}
    drawn = {good(vllm, payload)["choices"][0]["message"]["content"] for _ in range(6)}
    assert len(drawn) > 1
    seeded = {json.dumps(good(vllm, {**payload, "seed": 4})["choices"]) for _ in range(2)}
    assert len(seeded) == 1


def test_vllm_says_which_stop_text_ended_the_answer(vllm, question):
    payload = {"messages": question, "max_tokens": 24, "temperature": 0, "stop": ["They"]}
    [choice] = good(vllm, payload)["choices"]
    assert (choice["finish_reason"], choice["stop_reason"]) == ("stop", "They")
    assert "They" not in choice["message"]["content"]
    [kept] = good(vllm, {**payload, "include_stop_str_in_output": True})["choices"]
    assert kept["message"]["content"] == choice["message"]["content"] + "They"


def test_vllm_serves_an_adapter_by_its_name(vllm, question):
    payload = {"messages": question, "max_tokens": 20, "temperature": 0}
    base = good(vllm, {**payload, "model": "chat"})
    tuned = good(vllm, {**payload, "model": "tuned"})
    assert tuned["model"] == "tuned"
    assert tuned["choices"][0]["message"] != base["choices"][0]["message"]


TYPES = {400: "BadRequestError", 404: "NotFoundError", 501: "NotImplementedError"}
IMAGE_PART = [{"role": "user", "content": [{"type": "image_url"}]}]
VLLM_ERRORS = [
    ({"x": 1}, 400, "Cannot find suitable handler for request. Expected one of: ['ChatCompletionRequest', "),
    ({"messages": "Hi"}, 400, "messages must be a list of objects with role and content; it is 'Hi'"),
    ({"messages": HI, "temperature": "hot"}, 400, "temperature must be a number; it is 'hot'"),
    ({"messages": HI, "temperature": -1}, 400, "temperature must be non-negative, got -1.0."),
    ({"messages": HI, "top_k": -5}, 400, "top_k must be 0 (disable), or at least 1, got -5."),
    (
        {"messages": HI, "max_tokens": 600},
        400,
        "'max_completion_tokens' is too large: 600. This model's maximum",
    ),
    (
        {"messages": [{"role": "user", "content": "so " * 600}]},
        400,
        "maximum context length is 512 tokens. Howev",
    ),
    (
        {"messages": [{"role": "tool", "content": "x"}]},
        400,
        "chat-1m knows the roles system, user and assistant",
    ),
    ({"messages": HI, "model": "gpt-5"}, 404, "The model `gpt-5` does not exist."),
    ({"messages": HI, "tools": [{}]}, 501, "tools is not implemented in the local AWS"),
    ({"messages": HI, "n": 2}, 501, "n is not implemented in the local AWS"),
    ({"messages": IMAGE_PART}, 501, "messages[0].content of type image_url is not implemented"),
]


@pytest.mark.parametrize(("payload", "code", "message"), VLLM_ERRORS)
def test_vllm_writes_its_errors(vllm, payload, code, message):
    status, content_type, text = ask(vllm, payload)
    error = json.loads(text)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (status, error["code"], content_type) == (code, code, "application/json")
    assert error["type"] == TYPES[code]
    assert (error["param"] is None) == (code == 400)
    assert message in error["message"]


def test_vllm_takes_json_only_and_ignores_what_it_does_not_know(vllm):
    status, _, text = ask(vllm, {"messages": HI}, "text/csv")
    assert status == 400 and "Only 'application/json' is allowed" in text
    status, _, text = ask(vllm, b"{")
    error = json.loads(text)["error"]
    assert (status, error["type"]) == (400, "Bad Request") and error["message"].startswith(
        "JSON decode error"
    )
    assert good(vllm, {"messages": HI, "max_tokens": 1, "colour": "red", "tools": None, "n": 1})


# --- LMI and TGI


def test_lmi_streams_json_lines(lmi, question):
    payload = {"messages": question, "max_tokens": 8, "temperature": 0}
    lines = good(lmi, {**payload, "stream": True}, "application/jsonlines").splitlines()
    chunks = [json.loads(line) for line in lines]
    assert content(chunks) == good(lmi, payload)["choices"][0]["message"]["content"]
    assert chunks[0]["model"] == "lmi"


def test_lmi_answers_inputs_with_one_object_and_details(lmi):
    parameters = {"do_sample": False, "details": True, "ignore_eos_token": True}
    payload = {"inputs": "Hello there", "parameters": parameters}
    answer = good(lmi, payload)
    assert answer["details"]["generated_tokens"] == 30  # its default
    assert answer["details"]["finish_reason"] == "length"
    tokens = answer["details"]["tokens"]
    said = "".join(token["text"] for token in tokens if not token["special"])
    assert said == answer["generated_text"]
    assert all(token["logprob"] <= 0 for token in tokens)
    lines = good(lmi, {**payload, "stream": True}, "application/jsonlines").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["index"] for row in rows] == list(range(30))
    assert [row["generated_text"] for row in rows[:-1]] == [None] * 29
    assert rows[-1]["generated_text"] == answer["generated_text"]


@pytest.mark.parametrize(
    ("payload", "code", "message"),
    [
        (b"{", 424, "Input parsing failed: Expecting property name"),
        ({"x": 1}, 424, "Input parsing failed: invalid payload. must contain prompt, inputs, or messages"),
        ({"inputs": ["a", "b"]}, 424, "Input parsing failed: inputs must be a string; it is ['a', 'b']"),
        ({"messages": HI, "temperature": -1}, 400, "temperature must be non-negative, got -1.0."),
        ({"inputs": "a", "parameters": {"num_beams": 3}}, 501, "num_beams is not implemented"),
    ],
)
def test_lmi_writes_its_errors(lmi, payload, code, message):
    status, content_type, text = ask(lmi, payload)
    error = json.loads(text)
    assert (status, error["code"], content_type) == (code, code, "application/json")
    assert error["error"].startswith(message)


def test_tgi_streams_tokens_and_keeps_the_stop_text(tgi):
    payload = {"inputs": "Hello there", "parameters": {"max_new_tokens": 12}}
    [whole] = good(tgi, payload)
    text = good(tgi, {**payload, "stream": True}, "text/event-stream")
    rows = [json.loads(row.removeprefix("data:")) for row in text.split("\n\n") if row]
    assert [row["index"] for row in rows] == list(range(1, 13))
    assert set(rows[0]["token"]) == {"id", "text", "logprob", "special"}
    assert rows[-1]["generated_text"] == whole["generated_text"]
    stop = whole["generated_text"][3:6]
    parameters = {"max_new_tokens": 12, "stop": [stop], "details": True}
    [stopped] = good(tgi, {"inputs": "Hello there", "parameters": parameters})
    assert stopped["generated_text"].endswith(stop)
    assert stopped["details"]["finish_reason"] == "stop_sequence"


@pytest.mark.parametrize(
    ("payload", "code", "message"),
    [
        ({"inputs": "a", "parameters": {"temperature": 0}}, 422, "`temperature` must be strictly positive"),
        ({"inputs": "a", "parameters": {"top_p": 1}}, 422, "`top_p` must be > 0.0 and < 1.0"),
        (
            {"inputs": "a", "parameters": {"max_new_tokens": 5000}},
            422,
            "must be <= 2048. Given: 1 `inputs` tokens and 5000",
        ),  # noqa: E501
        ({"inputs": "a", "parameters": {"grammar": {}}}, 501, "grammar is not implemented"),
    ],
)
def test_tgi_writes_its_errors(tgi, payload, code, message):
    status, content_type, text = ask(tgi, payload)
    error = json.loads(text)
    assert (status, content_type) == (code, "application/json")
    assert message in error["error"]
    assert error["error_type"] == ("validation" if code == 422 else "not_implemented")


def test_tgi_answers_what_fits_no_request_in_plain_text(tgi):
    status, content_type, text = ask(tgi, {"x": 1})
    assert (status, content_type) == (422, "text/plain")
    assert text.startswith("Failed to deserialize the JSON body into the target type")
    assert ask(tgi, b"{")[0] == 400


# --- which model


def test_vllm_finds_its_model_as_awss_image_does(tmp_path, layouts):
    model_dir = tmp_path / "model"
    model_dir.mkdir()
    read = environment.for_vllm
    assert read({"SM_VLLM_MODEL": "a/b", "HF_MODEL_ID": "c/d"}, layouts / "whole").source == "a/b"
    found = read({"HF_MODEL_ID": "c/d"}, layouts / "whole")
    assert (found.source, found.names) == (str(layouts / "whole"), ("/opt/ml/model",))
    assert read({"HF_MODEL_ID": "c/d"}, model_dir).names == ("c/d",)
    with pytest.raises(LoadError, match="No model specified. Set SM_VLLM_MODEL, HF_MODEL_ID"):
        read({}, model_dir)


@pytest.mark.parametrize("prefix", ["/opt/ml/model", "{here}"])
def test_a_path_of_the_container_is_found_whether_it_was_put_right_or_not(prefix, layouts):
    """The engine puts the instance's folder in the place of /opt/ml in every variable."""
    here = layouts / "merged"
    given = environment.for_vllm({"SM_VLLM_MODEL": prefix.format(here=here) + "/merged"}, here)
    assert (given.source, given.names) == (str(here / "merged"), ("/opt/ml/model/merged",))


def test_an_adapter_in_the_place_of_a_model_is_refused_with_the_way_out(layouts, tmp_path):
    with pytest.raises(LoadError, match="/opt/ml/model holds an adapter and no config.json"):
        environment.for_vllm({}, layouts / "adapter")
    with pytest.raises(LoadError, match="set the model to /opt/ml/model/merged"):
        environment.for_lmi({}, layouts / "merged")
    with pytest.raises(LoadError, match="HF_MODEL_ID must be set"):
        environment.for_tgi({}, layouts / "whole")


def test_arguments_that_change_nothing_here_are_said():
    given = {"SM_VLLM_MODEL": "a/b", "SM_VLLM_TENSOR_PARALLEL_SIZE": "4", "SM_VLLM_QUANTIZATION": "awq"}
    assert environment.for_vllm(given, Path("/nowhere")).notes == (
        "SM_VLLM_QUANTIZATION has no effect in the local AWS.",
    )
    off = environment.for_vllm({"SM_VLLM_MODEL": "a/b", "SM_VLLM_ENABLE_LORA": "false"}, Path("/nowhere"))
    assert off.adapters == {}


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"SM_VLLM_MAX_MODEL_LEN": "many"},
            "MAX_MODEL_LEN must be a whole number from 1 up, not 'many'",
        ),
        ({"SM_VLLM_LORA_MODULES": "a=b"}, "needs SM_VLLM_ENABLE_LORA=true"),
        ({"SM_VLLM_LORA_MODULES": "a", "SM_VLLM_ENABLE_LORA": "true"}, "must be name=path, not 'a'"),
    ],
)
def test_a_wrong_variable_is_named(variables, message):
    with pytest.raises(LoadError, match=message):
        environment.for_vllm({"SM_VLLM_MODEL": "a/b", **variables}, Path("/nowhere"))


def test_adapters_may_be_named_in_json():
    modules = '{"name": "tuned", "path": "/opt/ml/model"}'
    given = {"SM_VLLM_MODEL": "a/b", "SM_VLLM_ENABLE_LORA": "true", "SM_VLLM_LORA_MODULES": modules}
    assert environment.for_vllm(given, Path("/here/model")).adapters == {"tuned": "/here/model"}


# --- the process


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    env = serving_models.environment(folder / "hub", SM_VLLM_MODEL=serving_models.HUB_ID)
    with serving_models.server("llm_server.py", folder, VLLM, env) as running:
        yield running


def test_the_server_streams_each_piece_as_it_is_made(served, question):
    """With 200 tokens to come, the first is here while the last is far."""
    payload = {"messages": question, "max_tokens": 200, "temperature": 0, "stream": True, "ignore_eos": True}
    times = []
    with served.ask("POST", "/invocations", json.dumps(payload).encode()) as response:
        assert response.getheader("Content-Type").startswith("text/event-stream")
        start = time.monotonic()
        while piece := response.read1(65536):
            times.append((time.monotonic() - start, piece))
    assert b"".join(piece for _, piece in times).endswith(b"data: [DONE]\n\n")
    assert len(times) > 50
    assert times[0][0] < times[-1][0] / 4


def test_requests_are_answered_while_others_are_under_way(served, question):
    slow = {"messages": question, "max_tokens": 1500, "temperature": 0, "ignore_eos": True, "stream": True}
    with served.ask("POST", "/invocations", json.dumps(slow).encode()) as response:
        response.read1(10)
        status, text = served.post({"messages": HI, "max_tokens": 3, "temperature": 0})
        assert status == 200 and json.loads(text)["usage"]["completion_tokens"] <= 3
        # That the long answer is not done yet shows in its bytes, which go on.
        assert response.read1(10)


def test_many_threads_get_their_own_answers(served):
    questions = serving_models.conversations(12)
    payloads = [{"messages": each, "max_tokens": 12, "temperature": 0} for each in questions]
    alone = [json.loads(served.post(payload)[1])["choices"] for payload in payloads]
    with concurrent.futures.ThreadPoolExecutor(len(payloads)) as pool:
        heard = [json.loads(text).get("choices", text) for _, text in pool.map(served.post, payloads)]
    assert heard == alone
    assert len({json.dumps(each) for each in heard}) > 6


def test_a_model_that_cannot_be_loaded_ends_the_process_with_the_reason(layouts, tmp_path):
    env = serving_models.environment(tmp_path / "hub", SM_MODEL_DIR=str(layouts / "adapter"))
    with pytest.raises(AssertionError, match="holds an adapter and no config.json"):
        with serving_models.server("llm_server.py", tmp_path, VLLM, env):
            pass


def test_an_endpoint_of_the_vllm_image_serves_merged_weights_of_an_archive(
    local_aws, role_arn, bucket, layouts, question
):
    """model.tar.gz as a training job leaves it: an adapter at the root, the whole model in merged/."""
    merged = layouts / "merged"
    files = {f"merged/{path.name}": path.read_bytes() for path in (merged / "merged").iterdir()}
    given = {
        "archive": hosting_aid.tiny_archive("", files),
        "image": VLLM,
        "environment": {"SM_VLLM_MODEL": "/opt/ml/model/merged"},
    }
    name = hosting_aid.deploy(local_aws, role_arn, bucket, "vllm", {"AllTraffic": given})
    runtime = local_aws.client("sagemaker-runtime")
    payload = {"messages": question, "max_tokens": 16, "temperature": 0}
    send = {"EndpointName": name, "ContentType": "application/json"}
    whole = json.loads(runtime.invoke_endpoint(Body=json.dumps(payload), **send)["Body"].read())
    assert whole["model"] == "/opt/ml/model/merged"
    body = json.dumps({**payload, "stream": True})
    parts = runtime.invoke_endpoint_with_response_stream(Body=body, **send)["Body"]
    text = b"".join(part["PayloadPart"]["Bytes"] for part in parts).decode()
    assert content(events(text)) == whole["choices"][0]["message"]["content"]
    hosting_aid.delete(local_aws, name)
