"""Token ids to text as they come: no half characters, no stop text."""

UNFINISHED = "\ufffd"  # what a tokenizer writes for bytes that are no whole character (yet)


class Detokenizer:
    """Turns the ids of one answer into pieces of text whose sum is the answer's text.

    A byte-level token may end inside a character: it is held back until the rest has come. Each step
    decodes the last few tokens only, never the whole answer: first those already given out, for what a
    token's text depends on (a leading space), then with the new ones.
    """

    def __init__(self, tokenizer):
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._given = 0  # the text of the ids before this one is out
        self._context = 0  # the first id that is decoded again

    def add(self, token_id: int) -> str:
        """The text that this token completes; "" if it completes none."""
        self._ids.append(token_id)
        before = self._decode(self._ids[self._context : self._given])
        now = self._decode(self._ids[self._context :])
        if now.endswith(UNFINISHED) or len(now) <= len(before):
            return ""
        self._context, self._given = self._given, len(self._ids)
        return now[len(before) :]

    def rest(self) -> str:
        """What was held back when the answer ended, without a character that never got its last byte."""
        before = self._decode(self._ids[self._context : self._given])
        return self._decode(self._ids[self._context :])[len(before) :].rstrip(UNFINISHED)

    def _decode(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


class StopText:
    """Lets text through until one of the stop texts comes; holds back what may be the beginning of one."""

    def __init__(self, stops: tuple[str, ...] = (), keep: bool = False):
        self._stops = stops
        self._keep = keep
        self._held = ""
        self.found: str | None = None

    def add(self, text: str) -> str:
        """The text that can be given out now. Sets `found` once a stop text is complete."""
        text = self._held + text
        self._held = ""
        places = [(text.find(stop), -len(stop), stop) for stop in self._stops if stop in text]
        if places:
            place, _, self.found = min(places)
            return text[: place + len(self.found)] if self._keep else text[:place]
        for size in range(min(len(text), max(map(len, self._stops), default=0)), 0, -1):
            if any(len(stop) > size and stop.startswith(text[-size:]) for stop in self._stops):
                text, self._held = text[:-size], text[-size:]
                break
        return text

    def rest(self) -> str:
        """What was held back and turned out to be no stop text."""
        held, self._held = self._held, ""
        return held
