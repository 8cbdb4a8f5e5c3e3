"""Make images.json, AWS's images for the course's lessons, from the tables that the SageMaker SDK carries.

    python code/pocketaws/ecr/make_table.py > code/pocketaws/ecr/images.json

It reads the SDK's JSON files as files (sagemaker/core/image_uri_config) and imports nothing of it.
"""

import importlib.metadata
import json
from pathlib import Path

FILES = ("huggingface", "huggingface-llm", "huggingface-vllm", "vllm", "djl-lmi")


def folder() -> Path:
    """Where the installed SDK keeps its tables."""
    files = importlib.metadata.files("sagemaker-core") or []
    found = next(file for file in files if str(file).endswith("image_uri_config/huggingface.json"))
    return Path(found.locate()).parent


def table(tables: Path) -> dict:
    """{"repositories": {name: {tag: n}}, "registries": [{region: account}, …]}; n: which of them hold it."""
    repositories, registries = {}, []
    for name in FILES:
        for entry, tags in _images(json.loads((tables / f"{name}.json").read_text(encoding="utf-8"))):
            if entry["registries"] not in registries:
                registries.append(entry["registries"])
            for tag in tags:
                where = registries.index(entry["registries"])
                repositories.setdefault(entry["repository"], {})[tag] = where
    return {"repositories": repositories, "registries": registries}


def _images(content: dict):
    """(entry with repository and registries, its tags) for every version in one of the SDK's tables."""
    names = [name for name in ("training", "inference") if name in content]
    scopes = [content] if "versions" in content else [content[name] for name in names]
    for scope in scopes:
        for version, entry in scope["versions"].items():
            if "repository" in entry:  # one of a framework that serves by itself: tag_prefix starts the tag
                yield entry, list(_tags(entry["tag_prefix"], entry))
                continue
            for base, inner in entry.items():  # of transformers: with "pytorch2.8.0", and others
                if base.startswith("pytorch"):
                    start = f"{base.removeprefix('pytorch')}-transformers{version}"
                    yield inner, list(_tags(inner.get("tag_prefix", start), inner))


def _tags(start: str, entry: dict):
    if "container_version" not in entry:
        yield start
        return
    for device, system in entry["container_version"].items():
        for python in entry.get("py_versions", []):
            yield f"{start}-{device}-{python}-{system}"


def main() -> None:
    content = table(folder())
    source = f"sagemaker {importlib.metadata.version('sagemaker')}, read 2026-11"
    print(json.dumps({"from": source, **content}, indent=1))


if __name__ == "__main__":
    main()
