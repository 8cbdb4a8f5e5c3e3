"""Spot interruptions that somebody asked for: by a call, or by a tag on the job.

AWS takes the instances of a managed spot job when it needs them. Here they are taken when

    POST /_pocketaws/interrupt  {"TrainingJobName": "…"}  says so (own_calls.py), or
    the tag pocketaws:interrupt-after names a moment: "5 12", after so many seconds of Training, all
        attempts together; "step=10 step=25", when a line of the log has that word, or a larger number in
        it. One moment after the other, one an attempt. With @ and seconds behind it a moment has another
        notice than two minutes: "step=10@0" has none.

What happens then follows "Managed Spot Training Lifecycle" and, for the two minutes of notice, EC2's "Spot
Instance interruption notices", both read 2026-11: SIGTERM, SIGKILL after the notice, Interrupted, then
Starting again once there is capacity (rehearsals.py), all within MaxWaitTimeInSeconds. The instance and its
disk are gone; the checkpoints in S3 come back. Not documented, and chosen: what the script wrote to the
checkpoint folder within the notice still reaches S3, unless it had to be killed; MaxRuntimeInSeconds counts
the Training of all attempts together.
"""

import threading
import time

TAG = "pocketaws:interrupt-after"


class Plan:
    """The moments that the tag of a job names, and the seconds of Training so far. For any thread."""

    def __init__(self, tags: dict):
        self._words = tags.get(TAG, "").split()
        self._lock = threading.Lock()
        self._taken = False  # whether a moment of this attempt has come: what is logged after it is too late
        self._earlier_s = 0.0
        self._since: float | None = None

    @property
    def trained_s(self) -> float:
        """Seconds of Training of all attempts so far."""
        return self._earlier_s + (time.monotonic() - self._since if self._since is not None else 0.0)

    @property
    def waits_for_a_word(self) -> bool:
        """Whether the lines of the log have to be shown to `reads`."""
        return any(_seconds(word) is None for word in self._words)

    def begin(self) -> None:
        """Training has begun (again)."""
        self._since, self._taken = time.monotonic(), False

    def end(self) -> None:
        """Training has ended or was interrupted."""
        self._earlier_s, self._since = self.trained_s, None

    def due_in_s(self) -> float | None:
        """Seconds until the next moment, at least 0; None when that is not a time."""
        with self._lock:
            seconds = _seconds(self._words[0]) if self._words and not self._taken else None
        return None if seconds is None else max(0.0, seconds - self.trained_s)

    def is_due(self) -> str | None:
        """The next moment if it has come by the clock; it is then behind us."""
        due = self.due_in_s()
        return None if due is None or due > 0 else self._take()

    def reads(self, lines: list[str]) -> str | None:
        """The next moment if it is a word of these lines; it is then behind us."""
        with self._lock:
            wanted = _split(self._words[0])[0] if self._words and not self._taken else None
        if wanted is None or not any(_is_or_passes(word, wanted) for line in lines for word in line.split()):
            return None
        return self._take()

    def _take(self) -> str | None:
        with self._lock:
            if self._taken or not self._words:
                return None  # the clock and the log at the same time
            self._taken = True
            return self._words.pop(0)


def _is_or_passes(word: str, wanted: str) -> bool:
    """Whether a word of the log is the wanted one: step=12 also comes true at step=14, were 12 not logged."""
    if word == wanted:
        return True
    name, _, value = wanted.rpartition("=")
    if not name or not word.startswith(f"{name}="):
        return False
    least, seen = _number(value), _number(word[len(name) + 1 :])
    return least is not None and seen is not None and seen >= least


def notice_s(moment: str, usual_s: float) -> float:
    """Seconds of notice before an interruption: what the moment says, else usual_s."""
    given = _split(moment)[1]
    return usual_s if given is None else given


def _split(moment: str) -> tuple[str, float | None]:
    """ "step=10@0" → ("step=10", 0.0), "step=10" → ("step=10", None)."""
    word, at, notice = moment.rpartition("@")
    given = _number(notice) if at else None
    return (moment, None) if given is None else (word, given)


def _seconds(moment: str) -> float | None:
    return _number(_split(moment)[0])


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
