"""What can go wrong with a customization job, in words that say what to do."""

FREE_WAY = 'or set WHERE = "local" and go on for free.'


def on_aws(client) -> bool:
    """Whether a boto3 client asks AWS: the local AWS speaks plain HTTP."""
    return client.meta.endpoint_url.startswith("https")


def or_free(client) -> str:
    """The end of an error's fix: the free way, for those who are not on it."""
    return f",\n{FREE_WAY}" if on_aws(client) else "."


class BedrockJobError(RuntimeError):
    """The model can't be tuned, there is no such job, or it has no result; the message says what to do."""
