"""A model's files: model.tar.gz or plain files of S3 into the folder that stands for /opt/ml/model."""

import tarfile
import time
from pathlib import Path

from pocketaws import s3_files
from pocketaws.archives import ArchiveError, extract
from pocketaws.hosting.errors import StartFailed
from pocketaws.s3_files import S3FilesError

CONTAINER = "container_1"  # what AWS calls the one container of a model in its messages


def fetch(s3, container, folder: Path, timeout_s: float, should_stop=lambda: None) -> None:
    """Put a ContainerSpec's model into folder/model; without model data the folder stays empty.

    should_stop   called between chunks; raises to break off
    Raises StartFailed with AWS's words; OSError passes through.
    """
    model = folder / "model"
    model.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + timeout_s

    def check():
        should_stop()
        if time.monotonic() > until:
            raise StartFailed(
                f"Failed to download and extract model data from {uri} within {timeout_s:g} seconds"
                " (ModelDataDownloadTimeoutInSeconds)."
            )

    uri = container.model_data or container.model_prefix
    try:
        if container.model_data:
            _archive(s3, uri, folder, model, check)
        elif container.model_prefix:
            _plain(s3, uri, model, check)
    except S3FilesError as err:
        # AWS's words: github.com/aws-solutions-library-samples, issue 9 of
        # fraud-detection-using-machine-learning
        raise StartFailed(
            f'Failed to download model data for container "{CONTAINER}" from URL: "{uri}". Please ensure that'
            " there is an object located at the URL and that the role passed to CreateModel has permissions"
            f" to download the object. {err}"
        ) from err


def _archive(s3, uri: str, folder: Path, model: Path, check) -> None:
    bucket, key = s3_files.split_uri(uri)
    tarball = folder / "model.tar.gz"
    s3_files.download(s3, bucket, key, tarball, check)
    try:
        with tarfile.open(tarball, "r:gz") as tar:
            extract(tar, model, "the archive", check)
    except (tarfile.TarError, EOFError, ValueError, ArchiveError) as err:
        raise _bad_archive(uri, err) from err
    except OSError as err:
        if err.errno is not None:
            raise
        raise _bad_archive(uri, err) from err  # gzip.BadGzipFile, zlib's errors
    finally:
        tarball.unlink()


def _bad_archive(uri: str, err: Exception) -> StartFailed:
    # AWS's words: github.com/aws/deep-learning-containers/pull/569
    return StartFailed(
        f'Failed to extract model data archive for container "{CONTAINER}" from URL "{uri}". Please ensure'
        f" that the object located at the URL is a valid tar.gz archive. {err}"
    )


def _plain(s3, uri: str, model: Path, check) -> None:
    bucket, prefix = s3_files.split_uri(uri)
    rows = [row for row in s3_files.list_objects(s3, uri) if not row["Key"].endswith("/")]
    if not rows:
        raise S3FilesError(f"No S3 objects found under S3 URL {uri!r}.")
    for row in rows:
        name = row["Key"][len(prefix) :] or row["Key"].rpartition("/")[2]
        path = s3_files.safe_join(model, name, f"s3://{bucket}/{row['Key']}")
        s3_files.download(s3, bucket, row["Key"], path, check)
