"""Spot interruptions that somebody asked for: by a call, or by a tag on the job.

AWS takes the instances of a managed spot job when it needs them. Here they are taken when

    POST /_pocketaws/interrupt  {"TrainingJobName": "…"}  says so (own_calls.py), or
    the tag pocketaws:interrupt-after names a moment: "5 12", after so many seconds of Training, all
        attempts together; "step=10 step=25", when a line of the log has that word. In this order.

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
        self._since = time.monotonic()

    def end(self) -> None:
        """Training has ended or was interrupted."""
        self._earlier_s, self._since = self.trained_s, None

    def due_in_s(self) -> float | None:
        """Seconds until the next moment, at least 0; None when that is not a time."""
        with self._lock:
            seconds = _seconds(self._words[0]) if self._words else None
        return None if seconds is None else max(0.0, seconds - self.trained_s)

    def is_due(self) -> bool:
        """Whether the next moment has come by the clock; it is then behind us."""
        due = self.due_in_s()
        if due is None or due > 0:
            return False
        with self._lock:
            self._words.pop(0)
        return True

    def reads(self, lines: list[str]) -> bool:
        """Whether the next moment is a word of these lines; it is then behind us."""
        with self._lock:
            if self._words and any(self._words[0] in line.split() for line in lines):
                self._words.pop(0)
                return True
        return False


def _seconds(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
