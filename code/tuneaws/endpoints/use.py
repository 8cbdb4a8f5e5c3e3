"""Talk to an endpoint: one answer, many, or piece by piece.

    predict(runtime, "tuneaws-tuned", messages)             # "Ines will bring the cake."
    for piece in stream(runtime, "tuneaws-tuned", messages):
        print(piece, end="")
    answer = generator(runtime, "tuneaws-tuned")            # list of conversations -> list of texts

`runtime` is a boto3 "sagemaker-runtime" client. The same calls work with inference.py, the vLLM image and the
LMI image: all three take {"messages": [...]} and answer in the form of OpenAI's chat completions.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EventStreamError

from tuneaws import fixes
from tuneaws.chat import Conversation

# A real-time endpoint has 60 s for an answer, and 8 minutes for a streamed one
# (https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints.html, 2026-11).
ANSWER_WITHIN_S = 70


class EndpointError(RuntimeError):
    """The endpoint is not there, not ready, or refused; the message says which, and what to do."""


@dataclass(frozen=True)
class Answer:
    """One answer: its text, the variant that gave it, how long it took, and what the container counted.

    usage  {"prompt_tokens", "completion_tokens", "total_tokens"}, or {} where the container does not say
    """

    text: str
    variant: str
    seconds: float
    usage: dict = field(default_factory=dict)


def runtime_client(session, connections: int = 64):
    """A client for many requests at once, which does not retry: a failure is seen, and counted once.

    session  from session.connect()
    """
    settings = Config(max_pool_connections=connections, read_timeout=ANSWER_WITHIN_S,
                      retries={"total_max_attempts": 1})
    return session.boto.client("sagemaker-runtime", endpoint_url=session.url, config=settings)


def ask(runtime, name: str, messages, max_new_tokens: int | None = None, variant: str | None = None,
        **parameters) -> Answer:
    """Send one conversation and return the Answer.

    messages    [{"role": "user", "content": "..."}], or a text: the same as one message of the user
    variant     only this variant may answer; None: the endpoint chooses by its weights
    parameters  of the chat completions, such as temperature=0.7; greedy without them
    Raises      EndpointError
    """
    begin = time.perf_counter()
    reply = _invoke(runtime, name, chat_payload(messages, max_new_tokens, **parameters), variant)
    body = _json(name, reply["Body"].read())
    return Answer(_completion_text(name, body), reply.get("InvokedProductionVariant", ""),
                  time.perf_counter() - begin, body.get("usage") or {})


def predict(runtime, name: str, messages, max_new_tokens: int | None = None, **parameters) -> str:
    """Like ask(), and return only the text."""
    return ask(runtime, name, messages, max_new_tokens, **parameters).text


def predict_batch(runtime, name: str, conversations: list, max_new_tokens: int | None = None,
                  variant: str | None = None) -> list:
    """Send several conversations in one request to inference.py; return their texts in order.

    vLLM and LMI take one conversation a request: there use generator(), which sends them side by side.
    """
    parameters = {"do_sample": False, **({"max_new_tokens": max_new_tokens} if max_new_tokens else {})}
    reply = _invoke(runtime, name, {"inputs": [_as_messages(m) for m in conversations],
                                    "parameters": parameters}, variant)
    answers = _json(name, reply["Body"].read())
    if not isinstance(answers, list) or len(answers) != len(conversations):
        raise EndpointError(f"{name} gave {_shown(answers)} for {len(conversations)} conversations.\n"
                            "Fix: generator(..., serve=\"vllm\") for an endpoint without inference.py")
    return [answer["generated_text"] for answer in answers]


def stream(runtime, name: str, messages, max_new_tokens: int | None = None, variant: str | None = None,
           **parameters):
    """Yield the pieces of the answer's text as they come.

    A container that cannot stream sends everything at once: then it is one piece. Raises EndpointError.
    """
    payload = {**chat_payload(messages, max_new_tokens, **parameters), "stream": True}
    target = {"TargetVariant": variant} if variant else {}
    with _explained(name):
        reply = runtime.invoke_endpoint_with_response_stream(
            EndpointName=name, ContentType="application/json", Body=json.dumps(payload).encode(), **target)
        yield from read_stream(name, (event["PayloadPart"]["Bytes"] for event in reply["Body"]))


def read_stream(name: str, parts):
    """Yield the texts in a stream of bytes: server-sent events, or one JSON answer.

    name   of the endpoint, for the message of an error
    parts  an iterable of bytes, cut anywhere: inside a line, inside a letter
    """
    rest = b""
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield from _line_texts(name, line)
    yield from _line_texts(name, rest)


def generator(runtime, name: str, max_new_tokens: int = 80, serve: str = "huggingface", batch_size: int = 16,
              workers: int = 8, variant: str | None = None):
    """Return generate(conversations) -> texts, in their order: what tuneaws.evaluate takes.

    serve       "huggingface" sends batches, which inference.py answers in one go; "vllm" and "lmi" send one
                conversation a request, `workers` at a time, and the server makes the batches
    batch_size  conversations of about the same length go together, so that little is padded
    """
    def generate(conversations: list) -> list:
        order = sorted(range(len(conversations)), key=lambda i: -_length(conversations[i]))
        size = batch_size if serve == "huggingface" else 1
        groups = [order[start:start + size] for start in range(0, len(order), size)]
        texts = [None] * len(conversations)
        with ThreadPoolExecutor(1 if serve == "huggingface" else workers) as pool:
            for group, answers in zip(groups, pool.map(answer_group(conversations), groups), strict=True):
                for i, text in zip(group, answers, strict=True):
                    texts[i] = text
        return texts

    def answer_group(conversations):
        def answer(group):
            chosen = [conversations[i] for i in group]
            if serve == "huggingface":
                return predict_batch(runtime, name, chosen, max_new_tokens, variant)
            return [ask(runtime, name, chosen[0], max_new_tokens, variant).text]
        return answer

    return generate


class Chat(Conversation):
    """A conversation that remembers what was said.

    talk = Chat(runtime, "tuneaws-tuned", system="Answer in one sentence.")
    talk.say("Hello")            # prints the answer as it comes, and returns it
    talk.messages                # all of it
    """

    def __init__(self, runtime, name: str, system: str | None = None, max_new_tokens: int | None = None,
                 **parameters):
        super().__init__(lambda messages: stream(runtime, name, messages, max_new_tokens, **parameters),
                         system)


def chat_payload(messages, max_new_tokens: int | None = None, **parameters) -> dict:
    """The body of a request: {"messages": [...], "temperature": 0, ...}. Greedy unless told otherwise."""
    limit = {"max_tokens": max_new_tokens} if max_new_tokens else {}
    return {"messages": _as_messages(messages), **limit, "temperature": 0, **parameters}


# --- inside


def _as_messages(messages) -> list:
    return [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)


def _length(messages) -> int:
    return sum(len(message["content"]) for message in _as_messages(messages))


def _invoke(runtime, name: str, payload: dict, variant: str | None) -> dict:
    target = {"TargetVariant": variant} if variant else {}
    with _explained(name):
        return runtime.invoke_endpoint(EndpointName=name, ContentType="application/json",
                                       Accept="application/json", Body=json.dumps(payload).encode(), **target)


class _explained:
    """Turn what boto3 raises into an EndpointError that says what to do."""

    def __init__(self, name: str):
        self.name = name

    def __enter__(self):
        return self

    def __exit__(self, kind, err, traceback):
        if isinstance(err, EventStreamError):
            raise EndpointError(f"{self.name} broke off in the middle of an answer: {err}\n"
                                "Fix: ask again; what came until then is no whole answer") from err
        if isinstance(err, ClientError):
            raise EndpointError(_explain(self.name, err)) from err
        if isinstance(err, BotoCoreError):
            raise EndpointError(f"{self.name} did not answer: {err}.\nFix: is it InService? "
                                f"endpoints.show(sm, {self.name!r}) says so") from err


def _explain(name: str, err: ClientError) -> str:
    code, said = err.response["Error"]["Code"], err.response["Error"]["Message"]
    if code == "ModelError":
        status = err.response.get("OriginalStatusCode", "?")
        own = err.response.get("OriginalMessage") or said
        what = f"the container of {name} answered with status {status}: {own}"
    elif "not found" in said.lower():
        what = f"there is no endpoint {name!r}, or it is not InService yet ({said})"
    else:
        what = f"{name} refused the request: {code}: {said}"
    fix = fixes.find(err, "sagemaker-runtime")
    return f"{what}\nFix: {fix.text}" if fix else what


def _line_texts(name: str, line: bytes):
    line = line.strip()
    data = line.removeprefix(b"data:").strip()
    if not data or data == b"[DONE]" or line.startswith((b":", b"event:", b"id:", b"retry:")):
        return
    text = _completion_text(name, _json(name, data))
    if text:
        yield text


def _json(name: str, data: bytes):
    try:
        return json.loads(data)
    except ValueError as err:
        raise EndpointError(f"{name} answered with something that is not JSON: {_shown(data)}") from err


def _completion_text(name: str, body) -> str:
    """The text in a chat completion, in a chunk of one, or in [{"generated_text": ...}]."""
    if isinstance(body, list) and body and isinstance(body[0], dict) and "generated_text" in body[0]:
        return body[0]["generated_text"]
    if isinstance(body, dict) and body.get("error"):
        error = body["error"]
        raise EndpointError(f"{name}: {error.get('message', error) if isinstance(error, dict) else error}")
    if isinstance(body, dict) and isinstance(body.get("choices"), list):
        if not body["choices"]:  # the last chunk of a stream may carry only the usage
            return ""
        choice = body["choices"][0]
        return (choice.get("message") or choice.get("delta") or {}).get("content") or ""
    raise EndpointError(f"{name} answered in a form that is not known here: {_shown(body)}")


def _shown(value) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"
