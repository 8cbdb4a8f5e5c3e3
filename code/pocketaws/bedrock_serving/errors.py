"""What can go wrong between Bedrock's runtime and a model's process.

ServingError
├── Refused        the model cannot take this question: too long, no chat template
├── NotUp          its process is being started, or could not be
├── ModelTimeout   no answer in time
└── ModelGone      its process ended while it had the question
"""


class ServingError(Exception):
    """A question has no answer; the text says why."""


class Refused(ServingError):
    """The model does not take the question. kind: "too_long", "template" or "value"."""

    def __init__(self, text: str, kind: str):
        super().__init__(text)
        self.kind = kind


class NotUp(ServingError):
    """There is no process that could be asked. failed: it was started, and ended before it could answer."""

    def __init__(self, text: str, failed: bool = False):
        super().__init__(text)
        self.failed = failed


class ModelTimeout(ServingError):
    """The model took longer than it may."""


class ModelGone(ServingError):
    """The model's process ended, or broke off, with the question in its hands."""
