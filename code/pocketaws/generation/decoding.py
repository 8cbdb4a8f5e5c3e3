"""The loop that makes tokens: several prompts at once, each with settings of its own, text out as it
comes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from .batch import Batch
from .sampling import choose
from .settings import Settings
from .text import Detokenizer, StopText


@dataclass(frozen=True)
class Request:
    """Prompt ids (at least one), and how to go on from them."""

    ids: list[int]
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True)
class Piece:
    """What one token added to an answer; its text may be empty.

    output_tokens   how many there are so far, an end token too
    reason          in the last piece: end (the model's end token), stop (a stop text), length (max_tokens, or
                    the context is full)
    stop            the stop text
    logprob         of the token, nats; None unless Settings.logprobs
    """

    text: str
    output_tokens: int
    token_id: int
    reason: str | None = None
    stop: str | None = None
    logprob: float | None = None


@dataclass(frozen=True)
class Answer:
    """A whole answer; reason and stop as in the last Piece."""

    text: str
    reason: str
    input_tokens: int
    output_tokens: int
    stop: str | None = None


class Row:
    """One answer in the making. `cancelled` may be set by any thread: no more tokens are made for it."""

    def __init__(self, model, request: Request):
        import torch

        self.request = request
        self.answer_ids: list[int] = []
        self.cancelled = False
        self.done = False
        settings = request.settings
        room = model.room(len(request.ids))
        self._limit = room if settings.max_tokens is None else min(settings.max_tokens, room)
        self._ends = frozenset() if settings.ignore_end else model.end_ids
        self._text = Detokenizer(model.tokenizer)
        self._stop = StopText(settings.stop, settings.keep_stop)
        self._generator = None
        if settings.temperature > 0:
            self._generator = torch.Generator(device=model.device)
            if settings.seed is None:
                self._generator.seed()
            else:
                self._generator.manual_seed(settings.seed % 2**63)

    def take(self, logits) -> Piece:
        """Choose the next token from its logits, and return what it adds to the text."""
        request = self.request
        token = choose(logits, request.settings, self._generator, request.ids, self.answer_ids)
        self.answer_ids.append(token)
        reason, text = None, ""
        if token in self._ends:
            reason = "end"
        else:
            text = self._stop.add(self._text.add(token))
            if len(self.answer_ids) >= self._limit:
                reason = "length"
        if reason and not self._stop.found:
            text += self._stop.add(self._text.rest())
        if self._stop.found:
            reason = "stop"
        elif reason:
            text += self._stop.rest()
        self.done = reason is not None
        logprob = float(logits.log_softmax(-1)[token]) if request.settings.logprobs else None
        return Piece(text, len(self.answer_ids), token, reason, self._stop.found, logprob)


def stream(model, request: Request) -> Iterator[Piece]:
    """The pieces of one answer. Closing the iterator ends the work."""
    row = Row(model, request)
    for _, piece in run(model, [row]):
        yield piece


def complete(model, requests: list[Request]) -> list[Answer]:
    """The answers of several requests, computed together, in their order."""
    rows = [Row(model, request) for request in requests]
    pieces: dict[int, list[Piece]] = {id(row): [] for row in rows}
    for row, piece in run(model, rows):
        pieces[id(row)].append(piece)
    return [answer_of(row.request, pieces[id(row)]) for row in rows]


def answer_of(request: Request, pieces: list[Piece]) -> Answer:
    """All pieces of an answer in one."""
    last = pieces[-1]
    text = "".join(piece.text for piece in pieces)
    return Answer(text, last.reason, len(request.ids), last.output_tokens, last.stop)


def run(model, rows: list[Row]) -> Iterator[tuple[Row, Piece]]:
    """Make tokens for all rows, one each a step, until each is done or cancelled."""
    batch = Batch(model, rows)
    while batch.rows:
        yield from batch.step()
