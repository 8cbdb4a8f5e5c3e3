"""Answers for one model: a process of its own, with the weights in memory.

    python -m pocketaws.bedrock_serving.model_process --folder <folder> --model <folder of the weights>

GET /ping and POST /invocations on 127.0.0.1, see questions.py; the port stands in <folder>/port.
Questions that come while others are answered are computed together with them (pocketaws.generation.Engine).
A model that cannot be loaded ends the process with the reason as its last line.
"""

import argparse
import importlib.util
import json
import sys
from pathlib import Path

if not __package__:  # started by its path: its own folder is no place to import from
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from pocketaws.generation import Engine, LoadError, PromptError, Request, Settings, load
from pocketaws.hosting import http_server
from pocketaws.hosting.llm import fields, openai

NEEDED = ("torch", "transformers")
JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}


class Server:
    """The handler of /invocations. name: what OpenAI's formats call the model."""

    def __init__(self, engine: Engine, name: str):
        self.engine, self.name = engine, name
        self._defaults = openai.Defaults(engine.model.model.generation_config)

    def __call__(self, body: bytes, headers: dict[str, str]):
        asked = json.loads(body)
        try:
            if asked["do"] == "openai":
                return self._openai(asked["data"])
            return self._answer(asked)
        except PromptError as err:
            return _refused("too_long" if "maximum context length" in str(err) else "template", str(err))
        except (fields.NotDone, fields.WrongField, ValueError) as err:
            return _refused("value", str(err))

    def _answer(self, asked: dict):
        model = self.engine.model
        ids = model.chat_ids(asked["messages"]) if asked["messages"] else model.text_ids(asked["prompt"])
        names = ("max_tokens", "temperature", "top_p", "top_k")
        settings = Settings(**{name: asked[name] for name in names}, stop=tuple(asked["stop"]))
        request = Request(ids, settings)
        pieces = self.engine.stream(request)  # a question that cannot be taken is refused here
        if asked["stream"]:
            return 200, LINES, self._lines(pieces, request)
        text = "".join([(last := piece).text for piece in pieces])
        return 200, JSON, _json({"text": text, **_ending(last, request)})

    @staticmethod
    def _lines(pieces, request: Request):
        """A line for every token that completes some text, and for the last one."""
        try:
            for piece in pieces:
                if piece.reason:
                    yield _json({"text": piece.text, **_ending(piece, request)}) + b"\n"
                elif piece.text:
                    yield _json({"text": piece.text, "output_tokens": piece.output_tokens}) + b"\n"
        finally:
            pieces.close()

    def _openai(self, data: dict):
        answer = openai.chat if "messages" in data else openai.completion
        headers, body = answer(self.engine, data, self.name, self._defaults)
        return 200, headers, body


def _ending(piece, request: Request) -> dict:
    """How an answer ended. The context is full when it was cut before its max_tokens."""
    wanted, reason = request.settings.max_tokens, piece.reason
    if reason == "length" and (wanted is None or piece.output_tokens < wanted):
        reason = "context"
    return {
        "reason": reason, "stop": piece.stop, "input_tokens": len(request.ids),
        "output_tokens": piece.output_tokens,
    }  # fmt: skip


def _refused(kind: str, message: str):
    return 422, JSON, _json({"kind": kind, "message": message})


def _json(data: dict) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()


def make_server(folder: Path, name: str) -> Server:
    """Load the model and return its handler. Raises LoadError."""
    missing = [package for package in NEEDED if importlib.util.find_spec(package) is None]
    if missing:
        raise LoadError(
            f"answers in the local AWS need {', '.join(missing)}, which its Python does not have. "
            f"Fix: {sys.executable} -m pip install {' '.join(missing)}"
        )
    model = load(folder)
    print(f"serving {name} from {folder} on {model.device}", flush=True)
    return Server(Engine(model), name)


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="takes the port file")
    parser.add_argument("--model", type=Path, required=True, help="config.json, model.safetensors, tokenizer")
    parser.add_argument("--name", default="", help="what answers in OpenAI's format call the model")
    args = parser.parse_args()
    try:
        http_server.serve(args.folder, lambda: make_server(args.model, args.name or args.model.name))
    except LoadError as err:
        http_server.exit_with(f"{type(err).__name__}: {err}")


if __name__ == "__main__":
    main()
