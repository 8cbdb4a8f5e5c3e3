"""Checkpoints: restored from CheckpointConfig.S3Uri before the script starts, and synced to it while it runs.

As on AWS (docs: "Use checkpoints in Amazon SageMaker AI", 2026-11): what a script writes to the local path is
copied to S3 all the time, objects are never deleted, and a job with the same S3Uri finds the files again.
A file is sent once its size and time have stayed the same from one look to the next, so that half a file is
hardly ever sent; the last look, after the script's end, sends whatever differs.
"""

import os
import threading
from pathlib import Path

from pocketaws import s3_files
from pocketaws.s3_files import S3FilesError

LOOK_EVERY_S = 1.0
DEFAULT_PATH = "/opt/ml/checkpoints"


def local_path(request: dict) -> str | None:
    """CheckpointConfig.LocalPath as the request has it, None without a CheckpointConfig."""
    config = request.get("CheckpointConfig")
    return config.get("LocalPath", DEFAULT_PATH).rstrip("/") or "/" if config else None


class CheckpointSync:
    """One host's checkpoints.

    folder   where the script writes them
    warn     called with a text for the job's log when a file could not be sent
    """

    def __init__(self, s3, uri: str, folder: Path, warn=lambda text: None):
        self._s3 = s3
        self._uri = uri if uri.endswith("/") else uri + "/"
        self._folder = folder
        self._warn = warn
        self._sent: dict[str, tuple[int, int]] = {}  # relative name → (size, mtime in ns) that S3 has
        self._seen: dict[str, tuple[int, int]] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def restore(self, should_stop=lambda: None) -> int:
        """Download what S3 has; the number of files. Raises S3FilesError; OSError passes through."""
        bucket, prefix = s3_files.split_uri(self._uri)
        count = 0
        for row in s3_files.list_objects(self._s3, self._uri):
            name = row["Key"][len(prefix) :]
            if not name or name.endswith("/"):
                continue
            path = s3_files.safe_join(self._folder, name, f"s3://{bucket}/{row['Key']}")
            s3_files.download(self._s3, bucket, row["Key"], path, should_stop)
            count += 1
        self._sent = self._look()
        return count

    def start(self) -> None:
        """Begin to sync in a thread."""
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Stop, and send what is left. Raises S3FilesError if that does not work."""
        self._stop.set()
        if self._thread:
            self._thread.join()
        self._send(self._look())

    def abandon(self) -> None:
        """Stop at once: the instance is gone, and what S3 does not have yet is lost."""
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            seen = self._look()
            settled = {name: state for name, state in seen.items() if self._seen.get(name) == state}
            self._seen = seen
            try:
                self._send(settled)
            except (S3FilesError, OSError) as err:
                self._warn(f"checkpoints were not synced to {self._uri}: {err}")

    def _look(self) -> dict[str, tuple[int, int]]:
        found = {}
        for root, _, names in os.walk(self._folder):
            for name in names:
                path = Path(root, name)
                try:
                    state = path.stat()
                except FileNotFoundError:
                    continue  # gone meanwhile, or a broken link
                found[path.relative_to(self._folder).as_posix()] = (state.st_size, state.st_mtime_ns)
        return found

    def _send(self, files: dict[str, tuple[int, int]]) -> None:
        bucket, prefix = s3_files.split_uri(self._uri)
        for name, state in files.items():
            if self._sent.get(name) == state:
                continue
            try:
                s3_files.upload(self._s3, self._folder / name, bucket, prefix + name)
            except FileNotFoundError:
                continue  # a rotated checkpoint
            self._sent[name] = state
