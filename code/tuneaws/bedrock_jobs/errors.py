"""What can go wrong with a customization job, in words that say what to do."""


class BedrockJobError(RuntimeError):
    """The model can't be tuned, there is no such job, or it has no result; the message says what to do."""
