"""Many threads ask one model: a thread of its own computes all answers that are under way together.

A request that comes while others are being answered joins them at their next token (continuous batching, what
vLLM, LMI and TGI do), so the first token does not wait for other answers to end.
"""

import queue
import threading
from collections.abc import Iterator

from .batch import Batch
from .decoding import Answer, Piece, Request, Row, answer_of

MAX_ROWS = 32  # answers computed together; more wait


class Engine:
    """The only user of a ChatModel. All methods may be called from any thread."""

    def __init__(self, model, max_rows: int = MAX_ROWS):
        self.model = model
        self._max_rows = max_rows
        self._waiting: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._work, name="generation", daemon=True).start()

    def stream(self, request: Request) -> Iterator[Piece]:
        """The pieces of one answer as they are made. Closing the iterator ends the work on it.

        Raises  PromptError or ValueError at once, for a prompt that is too long or settings that are wrong
        """
        asked = _Asked(Row(self.model, request))
        self._waiting.put(asked)
        return asked.pieces()

    def complete(self, requests: list[Request]) -> list[Answer]:
        """Whole answers in the requests' order; those of one call are computed together."""
        streams = [self.stream(request) for request in requests]
        return [answer_of(request, list(pieces)) for request, pieces in zip(requests, streams, strict=True)]

    def _work(self) -> None:
        batch = Batch(self.model, [])
        asked: dict[int, _Asked] = {}
        while True:
            try:
                coming = self._coming(batch)
                asked.update((id(each.row), each) for each in coming)
                results = []
                if coming:
                    new = Batch(self.model, [each.row for each in coming])
                    results += new.step()
                    batch.join(new)
                elif batch.rows:
                    results += batch.step()
                for row, piece in results:
                    asked[id(row)].out.put(piece)
            except Exception as err:  # such as a full GPU: all under way end with it, the next ones are tried
                for each in asked.values():
                    each.out.put(err)
                asked, batch = {}, Batch(self.model, [])
            asked = {key: each for key, each in asked.items() if not (each.row.done or each.row.cancelled)}

    def _coming(self, batch: Batch) -> list["_Asked"]:
        """The requests that can start now; waits for one when there is nothing else to do."""
        coming = []
        room = self._max_rows - len(batch.rows) if batch.can_join else 0
        while len(coming) < room:
            try:
                each = self._waiting.get(block=not batch.rows and not coming)
            except queue.Empty:
                break
            if not each.row.cancelled:
                coming.append(each)
        return coming


class _Asked:
    """A row and the way back to who asked for it."""

    def __init__(self, row: Row):
        self.row = row
        self.out: queue.SimpleQueue = queue.SimpleQueue()

    def pieces(self) -> Iterator[Piece]:
        try:
            while True:
                piece = self.out.get()
                if isinstance(piece, Exception):
                    raise piece
                yield piece
                if piece.reason:
                    return
        finally:
            self.row.cancelled = True
