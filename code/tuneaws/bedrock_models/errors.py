"""What can go wrong with a model on Bedrock, in words that say what to do."""


class BedrockModelError(RuntimeError):
    """The model is not there, not ready, or refused; the message says which, and what to do."""
