"""Talk to a model on Bedrock: one answer, many, or piece by piece.

    answer = converse(runtime, "amazon.nova-micro-v1:0", messages)
    answer.text, answer.usage, answer.latency_ms, answer.stop_reason
    for piece in stream(runtime, deployment_arn, messages):
        print(piece, end="")
    generate = generator(runtime, deployment_arn)           # list of conversations -> list of texts

`runtime` is a boto3 "bedrock-runtime" client: session.client()'s, or runtime_client() for many at once.
Answers bill by the token, those that you throw away too.
"""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EventStreamError

from tuneaws.bedrock_models.errors import FREE_WAY, BedrockModelError
from tuneaws.bedrock_models.requests import converse_request

# Worth another try: a quota that is used up for now, a model that is being loaded, AWS out of machines.
# API_runtime_Converse (2026-11); an imported model that nobody asked for a while is not loaded
# (https://repost.aws/knowledge-center/bedrock-imported-models-modelnotreadyexception, 2026-11).
TRY_AGAIN = ("ThrottlingException", "ModelNotReadyException", "ServiceUnavailableException")
LONGEST_WAIT_S = {"ModelNotReadyException": 2.0}  # seconds between two tries; of the others 20
# Nova may take 60 minutes (docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html, 2026-11).
READ_TIMEOUT_S = 3600


@dataclass(frozen=True)
class Answer:
    """One answer: its text, what it bills, and how long it took.

    usage        {"inputTokens", "outputTokens", "totalTokens"}     latency_ms   Bedrock's own figure
    stop_reason  end_turn, max_tokens, stop_sequence, …             seconds      seen from here, retries too
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
    reply = _patiently(lambda: runtime.converse(**asked), model_id, retry_s)
    texts = [block["text"] for block in reply["output"]["message"]["content"] if "text" in block]
    return Answer("".join(texts), reply["usage"], reply["metrics"]["latencyMs"], reply["stopReason"],
                  time.monotonic() - begin)


def stream(runtime, model_id: str, messages, max_tokens: int | None = None, temperature: float = 0.0,
           top_p: float | None = None, stop: list = (), retry_s: float = 120, on_end=None):
    """Yield the pieces of the answer's text as they come. Stopping to read ends the answer.

    on_end  called at the end with the Answer as a whole: its usage, latency and stop reason
    Raises  BedrockModelError; one in the middle of an answer is not tried again
    """
    asked = converse_request(model_id, messages, max_tokens, temperature, top_p, stop)
    begin, pieces, end = time.monotonic(), [], {}
    events = _patiently(lambda: runtime.converse_stream(**asked), model_id, retry_s)["stream"]
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
              retry_s: float = 300, answers: list | None = None):
    """Return generate(conversations) -> texts, in their order: what tuneaws.evaluate takes.

    workers  requests at a time; on aws your quota of requests a minute is the limit, and what it throttles is
             tried again, later and later, for `retry_s` seconds
    answers  a list that takes every Answer, in the conversations' order: tokens and latencies for the bill
    """
    def one(conversation) -> Answer:
        return converse(runtime, model_id, conversation, max_tokens, temperature, retry_s=retry_s)

    def generate(conversations: list) -> list:
        with ThreadPoolExecutor(workers) as pool:
            made = list(pool.map(one, conversations))
        if answers is not None:
            answers.extend(made)
        return [answer.text for answer in made]

    return generate


class Chat:
    """A conversation that remembers what was said.

    talk = Chat(runtime, deployment_arn, system="Answer in one sentence.")
    talk.say("Hello")            # prints the answer as it comes, and returns it
    """

    def __init__(self, runtime, model_id: str, system: str | None = None, **parameters):
        self._send = lambda messages: stream(runtime, model_id, messages, **parameters)
        self.messages = [{"role": "system", "content": system}] if system else []

    def say(self, text: str, show: bool = True) -> str:
        """Say something and return the answer. After an error the conversation is as it was before."""
        said, pieces = [*self.messages, {"role": "user", "content": text}], []
        for piece in self._send(said):
            pieces.append(piece)
            if show:
                print(piece, end="", flush=True)
        if show:
            print()
        self.messages = [*said, {"role": "assistant", "content": "".join(pieces)}]
        return "".join(pieces)


def _patiently(call, model_id: str, retry_s: float):
    """What the call answers; throttled or not ready, it is made again, later and later.

    Raises  BedrockModelError
    """
    deadline, wait_s = time.monotonic() + retry_s, 0.5
    while True:
        try:
            return call()
        except ClientError as err:
            code = err.response["Error"]["Code"]
            if code not in TRY_AGAIN or time.monotonic() + wait_s > deadline:
                raise BedrockModelError(_explain(model_id, err)) from err
        except BotoCoreError as err:
            raise BedrockModelError(f"{model_id} did not answer: {err}.\nFix: ask again") from err
        time.sleep(wait_s * random.uniform(0.5, 1))  # so that many do not come together
        wait_s = min(2 * wait_s, LONGEST_WAIT_S.get(code, 20.0))


def _explain(model_id: str, err: ClientError) -> str:
    code, said = err.response["Error"]["Code"], err.response["Error"]["Message"]
    fixes = {
        "AccessDeniedException": "ask for access to the model on the Bedrock console's page \"Model access\"",
        "ThrottlingException": "fewer workers, or a higher quota of requests a minute in Service Quotas",
        "ModelNotReadyException": "ask again in a minute",
        "ResourceNotFoundException": "deploy it again; a model past its end of life answers no more: "
                                     "bedrock_jobs.tunable(bedrock) lists what is offered",
        "ModelTimeoutException": "a smaller max_tokens",
        "ModelErrorException": "ask again",
    }
    fix = fixes.get(code, "print the request: bedrock_models.converse_request(...)")
    return f"{model_id} refused the request: {code}: {said}\nFix: {fix},\n{FREE_WAY}"
