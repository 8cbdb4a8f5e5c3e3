"""Runs inference.py as AWS's Hugging Face image does, in the environment "inference" (environments.py).

    python inference_under_toolkit.py FOLDER < REQUESTS > ANSWERS

FOLDER     has a folder a layout, each with a model's files and code/inference.py
REQUESTS   JSON: [[body, content type], …]
ANSWERS    JSON in the last line: {layout: [[status, text], …]}

AWS's own HuggingFaceHandlerService.handle takes the requests, in multi-model-server's own Context. The
status of an error is that of the PredictionException, which multi-model-server makes its answer's.
"""

import json
import os
import sys
from pathlib import Path

HUB_ID = "pocketaws/chat-1m"  # what the layout "base" has instead of weights


def serve(folder: Path, requests: list) -> list:
    """The answers of one layout to all requests: [[status, text], …]."""
    from mms.context import Context, RequestProcessor
    from mms.metrics.metrics_store import MetricsStore
    from mms.service import PredictionException
    from sagemaker_huggingface_inference_toolkit.handler_service import HuggingFaceHandlerService

    context = Context("model", str(folder), {}, 1, None, "1.1.11")
    service = HuggingFaceHandlerService()
    service.initialize(context)
    answers = []
    for body, content_type in requests:
        context.request_processor = [RequestProcessor({"Content-Type": content_type})]
        context.metrics = MetricsStore({0: "request"}, "model")
        try:
            answers.append([200, service.handle([{"body": bytearray(body.encode())}], context)[0]])
        except PredictionException as err:
            answers.append([err.error_code, err.message])
    return answers


def main() -> None:
    requests = json.load(sys.stdin)
    answers = {}
    for folder in sorted(Path(sys.argv[1]).iterdir()):
        if folder.name == "base":
            os.environ["HF_MODEL_ID"] = HUB_ID
        before = set(sys.modules)
        answers[folder.name] = serve(folder, requests)
        os.environ.pop("HF_MODEL_ID", None)
        sys.path.remove(str(folder / "code"))
        for name in set(sys.modules) - before:  # the next layout has modules of the same names
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
