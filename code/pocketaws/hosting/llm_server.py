"""Stands in for AWS's LLM serving images: vLLM, LMI (djl-inference) and TGI, each with its own protocol.

    python -m pocketaws.hosting.llm_server --folder <instance folder> --image <image>

The environment is the image's own (SM_VLLM_*, OPTION_*, HF_MODEL_ID); SM_MODEL_DIR is where /opt/ml/model
lies on this machine. A model that cannot be loaded ends the process with the reason as its last line.
Requests that come while others are answered are computed together with them (pocketaws.generation.Engine).
"""

import argparse
import os
import sys
from pathlib import Path

if not __package__:  # started by its path: its own folder is no place to import from
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from pocketaws.generation import Engine, LoadError, load
from pocketaws.hosting import http_server, images
from pocketaws.hosting.llm import environment, lmi, openai, tgi, vllm

# repository of the image, up to its first difference: what is to be served, and in which protocol
PROTOCOLS = (
    ("djl-inference", environment.for_lmi, lmi.Server),
    ("huggingface-pytorch-tgi-inference", environment.for_tgi, tgi.Server),
)


def protocol(image: str):
    """(function that reads the environment, server class) for an image; vLLM's for all others."""
    name = images.repository(image)
    found = next((rest for start, *rest in PROTOCOLS if name.startswith(start)), None)
    return found or (environment.for_vllm, vllm.Server)


def make_server(image: str, variables: dict[str, str], model_dir: Path):
    """Load what the environment names; return the handler of /invocations. Raises LoadError."""
    read, server = protocol(image)
    serving = read(variables, model_dir)
    for note in serving.notes:
        print(note, flush=True)
    base = load(serving.source, context=serving.context, dtype=serving.dtype)
    defaults = openai.Defaults(base.model.generation_config)
    engine = Engine(base)
    engines = dict.fromkeys(serving.names, engine)
    for name, folder in serving.adapters.items():
        tuned = load(serving.source, adapter=folder, context=serving.context, dtype=serving.dtype)
        engines[name] = Engine(tuned)
    print(f"serving {', '.join(engines)} from {serving.source} on {base.device}", flush=True)
    return server(engines, defaults)


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--folder", type=Path, required=True, help="the instance's folder: takes the port file"
    )
    parser.add_argument("--image", required=True, help="the model's image, which says the protocol")
    args = parser.parse_args()
    model_dir = Path(os.environ.get("SM_MODEL_DIR", args.folder / "model"))
    try:
        http_server.serve(args.folder, lambda: make_server(args.image, dict(os.environ), model_dir))
    except LoadError as err:
        http_server.exit_with(f"{type(err).__name__}: {err}")


if __name__ == "__main__":
    main()
