"""What can go wrong with a model on Bedrock, in words that say what to do."""

FREE_WAY = 'or set WHERE = "local" and go on for free.'


class BedrockModelError(RuntimeError):
    """The model is not there, not ready, or refused; the message says which, and what to do."""
