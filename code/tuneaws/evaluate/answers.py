"""What one system answered, how long it took, and what it would cost. Part of tuneaws.evaluate."""

import math
import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Price:
    """What answers cost, with the day it was read. By the hour of a machine, or by tokens.

    usd_per_hour              of all machines that answer together
    usd_per_1m_tokens_in/out  of a model that bills by tokens
    date                      such as "2026-11"; source: where it was read
    """

    date: str
    usd_per_hour: float | None = None
    usd_per_1m_tokens_in: float | None = None
    usd_per_1m_tokens_out: float | None = None
    source: str = ""


@dataclass
class Answers:
    """What one system answered.

    texts   one for each row; None where there is no answer, then failed says why: {place of the row: reason}
    calls   (conversations, seconds, whether it went well) of each call
    floor   True for the lead lines: no system, and without time or cost
    """

    texts: list
    failed: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)
    tokens_in: list | None = None
    tokens_out: list | None = None
    price: Price | None = None
    floor: bool = False

    @property
    def seconds(self) -> float:
        """Seconds of all calls, failed ones too."""
        return sum(seconds for _, seconds, _ in self.calls)

    def only(self, places: list) -> "Answers":
        """The same system on some of its rows. The calls stay: they were made for all rows."""
        def pick(some):
            return None if some is None else [some[at] for at in places]

        failed = {new: self.failed[old] for new, old in enumerate(places) if old in self.failed}
        return Answers(pick(self.texts), failed, self.calls, pick(self.tokens_in), pick(self.tokens_out),
                       self.price, self.floor)

    def timing(self) -> dict:
        """Means of a row, and the median and the 95th percentile of the calls that went well.

        None where nothing was measured. s_per_row counts failed calls too: they were waited for.
        """
        good = [(count, seconds) for count, seconds, done in self.calls if done]
        took = sorted(seconds for _, seconds in good)
        return {
            "s_per_row": self.seconds / sum(count for count, _ in good) if good else None,
            "rows_per_call": statistics.median(count for count, _ in good) if good else None,
            "call_p50_s": statistics.median(took) if took else None,
            "call_p95_s": took[math.ceil(0.95 * len(took)) - 1] if took else None,
            "tokens_in": self._mean(self.tokens_in), "tokens_out": self._mean(self.tokens_out),
        }  # fmt: skip

    def _mean(self, tokens: list | None) -> float | None:
        counted = [count for count, text in zip(tokens or [], self.texts, strict=False) if text is not None]
        return statistics.mean(counted) if counted else None

    def usd_per_1000(self) -> float | None:
        """What 1,000 requests like these cost; None without a price, or without the tokens that it is for."""
        price, took = self.price, self.timing()
        if price is None or took["s_per_row"] is None:
            return None
        parts = []
        if price.usd_per_hour is not None:
            parts.append(price.usd_per_hour / 3600 * took["s_per_row"] * 1000)
        for each, tokens in ((price.usd_per_1m_tokens_in, took["tokens_in"]),
                             (price.usd_per_1m_tokens_out, took["tokens_out"])):
            if each is not None:
                parts.append(None if tokens is None else each * tokens / 1000)
        return None if not parts or None in parts else sum(parts)


def counts(texts: list, rows: list) -> dict:
    """What ROUGE does not see: {"rows", "failed", "length", "copied", "exact", "empty"}.

    length   words of the answers over words of the references
    copied   percent of the answers that stand in the dialogue word for word    exact  equal to the reference
    """
    answered = [(text, row) for text, row in zip(texts, rows, strict=True) if text is not None]
    words = sum(len(row["reference"].split()) for _, row in answered)
    found = {"copied": sum(_copied(text, row["dialogue"]) for text, row in answered),
             "exact": sum(_flat(text) == _flat(row["reference"]) for text, row in answered),
             "empty": sum(not text.strip() for text, _ in answered)}
    length = sum(len(text.split()) for text, _ in answered) / words if words else None
    share = {name: 100 * count / len(answered) if answered else None for name, count in found.items()}
    return {"rows": len(rows), "failed": len(rows) - len(answered), "length": length, **share}


def _flat(text: str) -> str:
    return " ".join(text.split())


def _copied(text: str, dialogue: str) -> bool:
    """Whole words: "an" is not copied out of "another"."""
    return bool(text.strip()) and f" {_flat(text)} " in f" {_flat(dialogue)} "
