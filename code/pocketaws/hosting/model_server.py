"""Stands in for AWS's Hugging Face and PyTorch inference images: the archive's code/inference.py behind HTTP.

    python model_server.py --folder <container folder> --image <image>

AWS's model servers run a worker process for each vCPU or GPU, and a worker takes one request at a time; this
is one worker: the script's code runs in the main thread, one request after the other, and others wait for
their turn. More of them: more instances (InitialInstanceCount).
"""

import argparse
import logging
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    # pocketaws is importable only until its own modules are loaded: the rest of sys.path is the container's.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from pocketaws.hosting import handlers, http_server, images

HANDLERS = {images.TOOLKIT: handlers.HuggingFaceHandler, images.PYTORCH: handlers.PyTorchHandler}


def main(arguments: list[str]) -> None:
    """Serve a container's model until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="takes the port file; has model/ in it")
    parser.add_argument("--image", required=True, help="the model's image, which says the contract")
    given = parser.parse_args(arguments)
    model_dir = Path(os.environ.get("SM_MODEL_DIR", given.folder / "model"))
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)  # as model-server does
    workers = os.environ.get("SAGEMAKER_MODEL_SERVER_WORKERS", "1")
    if workers != "1":
        logging.info("SAGEMAKER_MODEL_SERVER_WORKERS is %s: in the local AWS a container has one.", workers)
    handler = HANDLERS[images.family(given.image) or images.TOOLKIT]
    http_server.serve(given.folder, lambda: handler(model_dir), one_at_a_time=True)


if __name__ == "__main__":
    sys.path.pop(0)
    main(sys.argv[1:])
