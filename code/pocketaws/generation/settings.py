"""How the next token is chosen, and when to end."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What one answer is made with.

    temperature   0: the most likely token each time (greedy); above 0: drawn from the distribution
    top_p         draw from the most likely tokens that have this much of the probability, over 0 to 1
    top_k         draw from this many of the most likely tokens; 0: from all
    max_tokens    the answer is cut here; None: as many as the model's context has room for
    stop          texts that end the answer, wherever token borders fall; the text itself is left out
    keep_stop     leave the stop text in the answer
    seed          the same seed gives the same draw; None: another each time
    ignore_end    go on after the end token, up to max_tokens
    logprobs      say with each token how likely it was
    repetition_penalty   over 1: what stands in prompt or answer becomes less likely; 1: off
    presence_penalty     taken from the logits of tokens that the answer has; 0: off
    frequency_penalty    the same, times how often it has them
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    keep_stop: bool = False
    seed: int | None = None
    ignore_end: bool = False
    logprobs: bool = False
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0

    def __post_init__(self):
        checks = (
            (self.temperature >= 0 and math.isfinite(self.temperature),
             f"temperature must be non-negative, got {self.temperature}."),
            (0 < self.top_p <= 1, f"top_p must be in (0, 1], got {self.top_p}."),
            (self.top_k >= 0, f"top_k must be 0 (all) or at least 1, got {self.top_k}."),
            (self.max_tokens is None or self.max_tokens >= 1,
             f"max_tokens must be at least 1, got {self.max_tokens}."),
            (all(self.stop), "stop cannot contain an empty string."),
            (self.repetition_penalty > 0,
             f"repetition_penalty must be greater than zero, got {self.repetition_penalty}."),
            (-2 <= self.presence_penalty <= 2,
             f"presence_penalty must be in [-2, 2], got {self.presence_penalty}."),
            (-2 <= self.frequency_penalty <= 2,
             f"frequency_penalty must be in [-2, 2], got {self.frequency_penalty}."),
        )  # fmt: skip
        for held, sentence in checks:
            if not held:
                raise ValueError(sentence)

    @property
    def penalized(self) -> bool:
        return self.repetition_penalty != 1 or self.presence_penalty != 0 or self.frequency_penalty != 0
