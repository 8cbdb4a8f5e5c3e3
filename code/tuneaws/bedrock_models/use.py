"""Talk to a model on Bedrock: one answer, many, or piece by piece.

    answer = converse(runtime, "amazon.nova-micro-v1:0", messages)
    answer.text, answer.usage, answer.latency_ms, answer.stop_reason
    for piece in stream(runtime, deployment_arn, messages):
        print(piece, end="")
    generate = generator(runtime, deployment_arn)           # list of conversations -> list of texts

    answer = invoke(runtime, imported_arn, messages)        # an imported model; the only way for Qwen2.5
    generate = generator(runtime, imported_arn, api="invoke")

`runtime` is a boto3 "bedrock-runtime" client: session.client()'s, or runtime_client() for many at once.
Answers bill by the token, those that you throw away too; an imported model bills windows of five minutes.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from botocore.config import Config
from botocore.exceptions import BotoCoreError, EventStreamError

from tuneaws.bedrock_models.errors import BedrockModelError
from tuneaws.bedrock_models.patience import patiently
from tuneaws.bedrock_models.requests import converse_request, invoke_request
from tuneaws.chat import Conversation

# Nova may take 60 minutes (docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html, 2026-11).
READ_TIMEOUT_S = 3600
# Milliseconds, of InvokeModel. No page says whether imported models' answers have it: 0 where it is missing.
LATENCY_HEADER = "x-amzn-bedrock-invocation-latency"


@dataclass(frozen=True)
class Answer:
    """One answer: its text, what it bills, and how long it took.

    usage        {"inputTokens", "outputTokens", "totalTokens"}     latency_ms   Bedrock's own figure
    stop_reason  Converse's end_turn, max_tokens, stop_sequence …, or invoke()'s stop, length
    seconds      seen from here, retries too
    """

    text: str
    usage: dict = field(default_factory=dict)
    latency_ms: int = 0
    stop_reason: str = ""
    seconds: float = 0.0


def runtime_client(session, connections: int = 64):
    """A client for many requests at once. It does not retry: the functions here do, and say so.

    session  from session.connect()
    """
    settings = Config(max_pool_connections=connections, read_timeout=READ_TIMEOUT_S,
                      retries={"total_max_attempts": 1})
    return session.boto.client("bedrock-runtime", endpoint_url=session.url, config=settings)


def converse(runtime, model_id: str, messages, max_tokens: int | None = None, temperature: float = 0.0,
             top_p: float | None = None, stop: list = (), retry_s: float = 120) -> Answer:
    """Send one conversation and return the Answer. Greedy unless told otherwise.

    model_id  a base model's id, or the ARN of a deployment, a provisioned or an imported model
    messages  [{"role": "user", "content": "..."}], the first may be of the system; or a text
    retry_s   throttled, or the model is being loaded: try again for so long
    Raises    BedrockModelError
    """
    asked = converse_request(model_id, messages, max_tokens, temperature, top_p, stop)
    begin = time.monotonic()
    reply = patiently(lambda: runtime.converse(**asked), model_id, retry_s)
    texts = [block["text"] for block in reply["output"]["message"]["content"] if "text" in block]
    return Answer("".join(texts), reply["usage"], reply["metrics"]["latencyMs"], reply["stopReason"],
                  time.monotonic() - begin)


def invoke(runtime, model_id: str, messages, max_tokens: int | None = None, temperature: float = 0.0,
           top_p: float | None = None, stop: list = (), retry_s: float = 120) -> Answer:
    """Send one conversation to an imported model by InvokeModel and return the Answer; see invoke_request().

    Converse is not for all imported models: GetImportedModel's instructSupported says it of yours.
    model_id  the ARN of an imported model
    retry_s   as in converse(); one that nobody asked for a while is loaded first, ModelNotReadyException
    Raises    BedrockModelError
    """
    asked = invoke_request(model_id, messages, max_tokens, temperature, top_p, stop)
    begin = time.monotonic()

    def call() -> tuple:
        reply = runtime.invoke_model(**asked)
        return json.loads(reply["body"].read()), reply["ResponseMetadata"]["HTTPHeaders"]

    said, headers = patiently(call, model_id, retry_s)
    if not said.get("choices"):
        raise BedrockModelError(f"{model_id} answered, but in no chat completion: {str(said)[:200]}\n"
                                "Fix: converse(); only models imported after 2025-11-11 know OpenAI's format")
    choice, used = said["choices"][0], said.get("usage") or {}
    usage = {"inputTokens": used.get("prompt_tokens", 0), "outputTokens": used.get("completion_tokens", 0),
             "totalTokens": used.get("total_tokens", 0)}
    return Answer(choice["message"].get("content") or "", usage, int(headers.get(LATENCY_HEADER, 0)),
                  choice.get("finish_reason") or "", time.monotonic() - begin)


def stream(runtime, model_id: str, messages, max_tokens: int | None = None, temperature: float = 0.0,
           top_p: float | None = None, stop: list = (), retry_s: float = 120, on_end=None):
    """Yield the pieces of the answer's text as they come. Stopping to read ends the answer.

    on_end  called at the end with the Answer as a whole: its usage, latency and stop reason
    Raises  BedrockModelError; one in the middle of an answer is not tried again
    """
    asked = converse_request(model_id, messages, max_tokens, temperature, top_p, stop)
    begin, pieces, end = time.monotonic(), [], {}
    events = patiently(lambda: runtime.converse_stream(**asked), model_id, retry_s)["stream"]
    try:
        for event in events:
            if "contentBlockDelta" in event and "text" in event["contentBlockDelta"]["delta"]:
                pieces.append(event["contentBlockDelta"]["delta"]["text"])
                yield pieces[-1]
            end.update(event.get("messageStop", {}), **event.get("metadata", {}))
    except (EventStreamError, BotoCoreError) as err:
        raise BedrockModelError(f"{model_id} broke off in the middle of an answer: {err}\n"
                                "Fix: ask again") from err
    finally:
        events.close()
    if on_end:
        on_end(Answer("".join(pieces), end.get("usage", {}), end.get("metrics", {}).get("latencyMs", 0),
                      end.get("stopReason", ""), time.monotonic() - begin))


def generator(runtime, model_id: str, max_tokens: int = 80, workers: int = 8, temperature: float = 0.0,
              retry_s: float = 300, answers: list | None = None, api: str = "converse"):
    """Return generate(conversations) -> texts, in their order: what tuneaws.evaluate takes.

    workers  requests at a time; on aws your quota of requests a minute is the limit, and what it throttles is
             tried again, later and later, for `retry_s` seconds
    answers  a list that takes every Answer, in the conversations' order: tokens and latencies for the bill
    api      "converse", or "invoke" for an imported model
    """
    if api not in ("converse", "invoke"):
        raise ValueError(f'api is {api!r}. Fix: "converse", or "invoke" for an imported model')
    ask = {"converse": converse, "invoke": invoke}[api]

    def one(conversation) -> Answer:
        return ask(runtime, model_id, conversation, max_tokens, temperature, retry_s=retry_s)

    def generate(conversations: list) -> list:
        with ThreadPoolExecutor(workers) as pool:
            made = list(pool.map(one, conversations))
        if answers is not None:
            answers.extend(made)
        return [answer.text for answer in made]

    return generate


class Chat(Conversation):
    """A conversation that remembers what was said.

    talk = Chat(runtime, deployment_arn, system="Answer in one sentence.")
    talk.say("Hello")            # prints the answer as it comes, and returns it
    """

    def __init__(self, runtime, model_id: str, system: str | None = None, **parameters):
        super().__init__(lambda messages: stream(runtime, model_id, messages, **parameters), system)
