"""Folders of jobs and containers: removed, whatever a script did to them."""

import logging
import shutil
from pathlib import Path

log = logging.getLogger(__name__)


def remove(folder: Path) -> None:
    """Delete a folder, even where the script took away its own right to write."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for path in [folder, *folder.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        log.warning("%s was left behind", folder)
