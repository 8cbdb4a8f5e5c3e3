"""Whether a tuned model answers: a deployment or a throughput is there for use once its model did."""

import threading
from collections.abc import Callable
from pathlib import Path

from pocketaws.errors import AwsError

WITHIN_S = 300.0  # for loading a model and one token


def start(state, folder: Path, ready: Callable[[], None], failed: Callable[[str], None]) -> None:
    """Have a model loaded and asked for one token, in a thread; then ready() or failed(why) is called."""
    arguments = (state, folder, ready, failed)
    threading.Thread(target=_warm, args=arguments, name="bedrock model", daemon=True).start()


def _warm(state, folder: Path, ready, failed) -> None:
    from pocketaws.bedrock_serving import Question, ServingError

    try:
        state.serving.whole(folder, Question(prompt="Hello", max_tokens=1), WITHIN_S)
    except (ServingError, AwsError) as err:
        if state.closing:
            return  # it says nothing of the model: the next server loads it
        failed(f"The model could not be loaded: {err}")
    except Exception as err:  # a fault of pocketaws: the status says so, the server lives on
        failed(f"InternalServerException: pocketaws failed: {type(err).__name__}: {err}")
    else:
        ready()
