"""Text from a causal language model, token by token: load one, ask it, stream its answer.

    model = load("pocketaws/chat-1m")         # a hub id or a folder; also one with an adapter
    request = Request(model.chat_ids(messages), Settings(temperature=0, max_tokens=80))
    for piece in stream(model, request):      # the text as it comes
        print(piece.text, end="")
    answer = complete(model, [request])[0]    # .text, .reason, .input_tokens, .output_tokens
    engine = Engine(model)                    # many threads ask, one thread computes
    engine.stream(request), engine.complete([request, ...])

Used by the stand-ins for serving images, and by whatever else of the local AWS answers with a model.
PyTorch is imported when a model is loaded, not before.
"""

from .decoding import Answer, Piece, Request, complete, stream
from .engine import Engine
from .model import ChatModel, LoadError, PromptError, load
from .settings import Settings

__all__ = [
    "Answer", "ChatModel", "Engine", "LoadError", "Piece", "PromptError", "Request", "Settings", "complete",
    "load", "stream",
]  # fmt: skip
