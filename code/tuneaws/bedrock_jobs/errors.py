"""What can go wrong with a customization job, in words that say what to do."""

FREE_WAY = 'or set WHERE = "local" and go on for free.'


class BedrockJobError(RuntimeError):
    """The model can't be tuned, there is no such job, or it has no result; the message says what to do."""
