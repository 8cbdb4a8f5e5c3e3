"""The vLLM image's /invocations: chat completions and completions, told apart by what validates.

vllm/entrypoints/serve/sagemaker/api_router.py and openai/engine/protocol.py (github.com/vllm-project/vllm,
read 2026-11): a body that fits no request type is answered with one sentence, errors are {"error":
{"message", "type", "param", "code"}}, unknown members are ignored.
"""

import json

from . import fields, openai

NO_HANDLER = (
    "Cannot find suitable handler for request. Expected one of: "
    "['ChatCompletionRequest', 'CompletionRequest']"
)


class Server:
    """Answers for one base model and its adapters: engines by the name that a request calls them by."""

    def __init__(self, engines: dict, defaults: openai.Defaults):
        self.engines = engines
        self.name = next(iter(engines))
        self.defaults = defaults

    def __call__(self, body: bytes, headers: dict[str, str]):
        try:
            data = self._parsed(body, headers)
            name = fields.text(data, "model", self.name)
            if name not in self.engines:
                return error(404, f"The model `{name}` does not exist.", "NotFoundError", "model")
            answer = openai.chat if "messages" in data else openai.completion
            headers, body = answer(self.engines[name], data, name, self.defaults)
            return 200, headers, body
        except fields.WrongField as err:
            return error(400, f"{NO_HANDLER} ({err})")
        except fields.NotDone as err:
            return error(501, str(err), "NotImplementedError", err.name)
        except _NotJson as err:
            return error(400, str(err), "Bad Request")
        except ValueError as err:
            return error(400, str(err))

    def _parsed(self, body: bytes, headers: dict[str, str]) -> dict:
        kind = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise _NotJson("Unsupported Media Type: Only 'application/json' is allowed")
        try:
            data = json.loads(body)
        except ValueError as err:
            raise _NotJson(f"JSON decode error: {err}") from err
        if not isinstance(data, dict):
            raise fields.WrongField("the body", "an object", data)
        return data


class _NotJson(Exception):
    """The body is not what its type says."""


def error(status: int, message: str, kind: str = "BadRequestError", param: str | None = None):
    """vLLM's error body."""
    body = {"error": {"message": message, "type": kind, "param": param, "code": status}}
    return status, openai.JSON, json.dumps(body, ensure_ascii=False).encode()
