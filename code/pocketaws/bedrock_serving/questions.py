"""What goes to a model's process and what comes back, as both sides write it: JSON over loopback.

POST /invocations  {"do": "answer", "messages": […], "max_tokens": 80, …, "stream": true}
200                one JSON object, or with "stream" one a line: {"text", "output_tokens", "reason"}
422                {"kind": "too_long", "message": …}
"""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Question:
    """One request to a model.

    messages     [{"role", "content"}, …], put into the model's own chat template
    prompt       or a plain text, which the model goes on from
    temperature  0: the most likely token each time          top_k  0: all tokens
    max_tokens   None: as many as the model's context has room for
    stop         texts that end the answer; they are left out of it
    """

    messages: list | None = None
    prompt: str | None = None
    max_tokens: int | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    stop: tuple = ()

    def body(self, stream: bool = False) -> bytes:
        """The request body."""
        return json.dumps({"do": "answer", "stream": stream, **asdict(self)}).encode()


@dataclass(frozen=True)
class Whole:
    """A whole answer.

    reason   end (the model's end token), stop (a stop text), length (max_tokens), context (no room left)
    stop     the stop text
    """

    text: str
    reason: str
    stop: str | None
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Part:
    """What a streamed answer has more than before. The last one has reason and input_tokens."""

    text: str
    output_tokens: int
    reason: str | None = None
    stop: str | None = None
    input_tokens: int | None = None
