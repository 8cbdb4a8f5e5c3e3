"""The processes that answer for Bedrock's models, one for each folder of weights.

    serving = Serving(home, endpoint_url, sys.executable)
    answer = serving.whole(folder, question, timeout_s=60)      # Whole: text, reason, tokens
    answer = serving.streamed(folder, question, timeout_s=60)   # .parts; .close() when the client goes
    serving.close(grace_s)

A process is started at the first request and stays warm. The least recently used one ends when there are
more than four, and one that nobody has asked for ten minutes ends too. One that was killed is started again
by the next request.
"""

from .errors import ModelGone, ModelTimeout, NotUp, Refused, ServingError
from .questions import Part, Question, Whole
from .serving import Serving

__all__ = [
    "ModelGone", "ModelTimeout", "NotUp", "Part", "Question", "Refused", "Serving", "ServingError", "Whole",
]  # fmt: skip
