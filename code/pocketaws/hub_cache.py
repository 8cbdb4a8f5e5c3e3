"""The Hugging Face cache that jobs see: the models that come with pocketaws, and what the user has cached.

Jobs run with HF_HUB_OFFLINE=1 and HF_HUB_CACHE=<home>/hub, so `from_pretrained("pocketaws/chat-1m")` works in
a job as a hub id does on AWS. The layout is huggingface_hub's: models--<owner>--<name>/refs/main holds a
revision, snapshots/<revision>/ the files.
"""

import hashlib
import os
import shutil
import threading
from pathlib import Path

SHIPPED = Path(__file__).resolve().parent / "hub" / "models"
OWNER = "pocketaws"
_lock = threading.Lock()  # one at a time in this process


def prepare(cache: Path, shipped: Path = SHIPPED) -> list[str]:
    """Bring the cache up to date; the ids it has, such as "pocketaws/chat-1m". OSError passes through."""
    with _lock:
        cache.mkdir(parents=True, exist_ok=True)
        for model in sorted(path for path in shipped.glob("*") if path.is_dir()):
            _put(cache / f"models--{OWNER}--{model.name}", model)
        _link_users_models(cache)
    return sorted(path.name.partition("--")[2].replace("--", "/") for path in cache.glob("models--*"))


def _put(place: Path, model: Path) -> None:
    files = sorted(path for path in model.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    revision = _revision(model, files)
    snapshot = place / "snapshots" / revision
    if not snapshot.is_dir():
        making = place / "snapshots" / f"{revision}.{os.getpid()}"
        for path in files:
            link = making / path.relative_to(model)
            link.parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(path, link)
        making.rename(snapshot)
    reference = place / "refs" / "main"
    if not reference.is_file() or reference.read_text() != revision:
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(revision)


def _revision(model: Path, files: list[Path]) -> str:
    """40 hex digits that change when a file's name, size or time does."""
    digest = hashlib.sha1(str(model).encode())
    for path in files:
        state = path.stat()
        digest.update(f"{path.relative_to(model)}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _link_or_copy(path: Path, link: Path) -> None:
    try:
        link.symlink_to(path)
    except OSError:  # a file system without links
        shutil.copy2(path, link)


def _link_users_models(cache: Path) -> None:
    theirs = users_cache()
    if not theirs.is_dir() or theirs.resolve() == cache.resolve():
        return
    for path in theirs.glob("models--*"):
        link = cache / path.name
        if link.is_symlink() and not link.exists():
            link.unlink()  # what it led to is gone
        if not link.exists() and not path.name.startswith(f"models--{OWNER}--"):
            try:
                link.symlink_to(path)
            except OSError:
                return  # no links here; copying gigabytes is not worth it


def users_cache() -> Path:
    """Where huggingface_hub keeps the user's models (its environment variables, docs of 1.x)."""
    if os.environ.get("HF_HUB_CACHE"):
        return Path(os.environ["HF_HUB_CACHE"]).expanduser()
    home = os.environ.get("HF_HOME") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface"
    )
    return Path(home).expanduser() / "hub"
