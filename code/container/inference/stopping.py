"""Where an answer ends, and its text on the way there: whole characters, and nothing of a stop text."""

import torch
from transformers import StoppingCriteria

UNFINISHED = "\ufffd"  # what a tokenizer writes for the first bytes of a character


class Cancelled(StoppingCriteria):
    """Ends generate() after the token at which `event` is set: the client has gone, or has enough."""

    def __init__(self, event):
        self.event = event

    def __call__(self, input_ids, scores, **_):
        return torch.full((len(input_ids),), self.event.is_set(), device=input_ids.device)


class StopTexts(StoppingCriteria):
    """Ends each row of a batch at its first stop text. `tokens` has a row's length then: {row: tokens}."""

    def __init__(self, tokenizer, stops: tuple[str, ...], prompt_tokens: int):
        self.tokenizer, self.stops, self.start = tokenizer, stops, prompt_tokens
        self.tokens: dict[int, int] = {}
        # A token is at least one byte, so a stop text that has just ended lies in the last so many tokens.
        self.window = max(len(stop.encode()) for stop in stops) + 8

    def __call__(self, input_ids, scores, **_):
        made = input_ids.shape[1] - self.start
        last = input_ids[:, max(self.start, input_ids.shape[1] - self.window) :].tolist()
        for i, ids in enumerate(last):
            if i not in self.tokens and cut(decode(self.tokenizer, ids), self.stops) is not None:
                self.tokens[i] = made
        ended = [i in self.tokens for i in range(len(last))]
        return torch.tensor(ended, device=input_ids.device)


class Pieces:
    """The text that each token of one answer adds, without the stop text that ends it.

    Only the tokens since the last piece are decoded, behind the ones before them: what a token looks like
    depends on its left neighbours (a leading space, a character of several tokens).
    """

    def __init__(self, tokenizer, stops: tuple[str, ...] = ()):
        self.tokenizer, self.stops = tokenizer, stops
        self.ids: list[int] = []
        self.before = self.fresh = 0  # ids[before:fresh] are out already
        self.held = ""  # may be the beginning of a stop text
        self.stopped = False

    def add(self, token: int) -> str:
        """The new text, "" if the token completes none. Sets `stopped` at a stop text."""
        self.ids.append(token)
        old, new = self._decoded()
        if new.endswith(UNFINISHED) or len(new) <= len(old):
            return ""
        self.before, self.fresh = self.fresh, len(self.ids)
        return self._until_stop(new[len(old) :])

    def rest(self) -> str:
        """What was held back, once no more tokens come."""
        old, new = self._decoded()
        return self._until_stop(new[len(old) :].rstrip(UNFINISHED)) + ("" if self.stopped else self.held)

    def _decoded(self) -> tuple[str, str]:
        ids = self.ids
        return decode(self.tokenizer, ids[self.before : self.fresh]), decode(
            self.tokenizer, ids[self.before :]
        )

    def _until_stop(self, text: str) -> str:
        text = self.held + text
        before = cut(text, self.stops)
        if before is not None:
            self.stopped, self.held = True, ""
            return before
        beginnings = (stop[:size] for stop in self.stops for size in range(1, len(stop)))
        size = max((len(each) for each in beginnings if text.endswith(each)), default=0)
        self.held = text[len(text) - size :]
        return text[: len(text) - size]


def cut(text: str, stops: tuple[str, ...]) -> str | None:
    """The text before the first stop text; None if there is none in it."""
    places = [text.find(stop) for stop in stops if stop in text]
    return text[: min(places)] if places else None


def decode(tokenizer, ids: list[int]) -> str:
    """The text of ids, without special tokens."""
    return tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
