"""What is needed to repeat a run: hashes of its data, code and base model, versions, machine, seed.

    describe(args, base_folder)       → a dict for train_metrics.json
    folder_hash(Path("data/train"))   → {"sha256": "…", "files": 2, "bytes": 81920}

The hash of a folder is that of one line a file, "<sha256 of the file> <bytes>\\n", in the order of the files'
names. The names themselves are not part of it, so that a channel has the same hash in S3, in a job and beside
you, wherever its prefix ends. tuneaws.runs computes it from S3 in the same way. Standard library only.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path

PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "accelerate", "tokenizers", "safetensors",
            "huggingface_hub", "numpy", "flash_attn")  # fmt: skip
CODE = ("*.py", "requirements*.txt")
MODEL = ("*.json", "*.jinja", "*.model", "*.txt")  # not the weights: 8 billion take a minute


def describe(args, base_folder: Path | None = None) -> dict:
    """All that repeats this run besides its arguments, which train_metrics.json has anyway.

    args         the script's arguments: training, validation, model_id, seed
    base_folder  the folder with the base model's configuration and tokenizer
    """
    channels = {"training": args.training, "validation": args.validation}
    return {
        "job": os.environ.get("TRAINING_JOB_NAME"),
        "program": Path(sys.argv[0]).name,
        "data": {name: folder_hash(path) for name, path in channels.items() if path is not None},
        "code": folder_hash(Path(__file__).resolve().parent, CODE),
        "model": _model(args.model_id, base_folder),
        "packages": packages(),
        "python": platform.python_version(),
        "machine": machine(),
        "hosts": len(json.loads(os.environ.get("SM_HOSTS", "[]"))) or 1,
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "seed": args.seed,
    }


def folder_hash(path: Path, patterns: Iterable[str] = ("*",)) -> dict:
    """{"sha256", "files", "bytes"} of a file, or of the files of a folder that a pattern fits, all levels.

    What Python caches (__pycache__) and hidden files are left out.
    """
    path = Path(path)
    found = [path] if path.is_file() else _files(path, patterns)
    total = hashlib.sha256()
    size = 0
    for each in found:
        length = each.stat().st_size
        total.update(f"{file_hash(each)} {length}\n".encode())
        size += length
    return {"sha256": total.hexdigest(), "files": len(found), "bytes": size}


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def packages() -> dict[str, str]:
    """{package: version} of those that decide what a run computes, as far as they are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict:
    """What computed: the same arguments give the same bits on the same kind of machine only."""
    found = {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()}
    torch = sys.modules.get("torch")  # loaded by the run itself, not by this module
    if torch is not None and torch.cuda.is_available():
        found["gpus"] = [torch.cuda.get_device_name(at) for at in range(torch.cuda.device_count())]
        found["cuda"] = torch.version.cuda
    return found


def _files(folder: Path, patterns: Iterable[str]) -> list[Path]:
    found = {each for pattern in patterns for each in folder.rglob(pattern) if each.is_file()}
    names = {each.relative_to(folder).as_posix(): each for each in found}
    return [
        names[name]
        for name in sorted(names)
        if not any(part == "__pycache__" or part.startswith(".") for part in name.split("/"))
    ]


def _model(model_id: str | None, folder: Path | None) -> dict:
    """The base model: its id, the hub's revision where its folder tells it, the hash of its small files."""
    found: dict = {"id": str(model_id) if model_id else None}
    if folder is not None:
        folder = Path(folder)
        if folder.parent.name == "snapshots":  # the hub's cache: models--<id>/snapshots/<revision>
            found["revision"] = folder.name
        found["sha256"] = folder_hash(folder, MODEL)["sha256"]
    return found
