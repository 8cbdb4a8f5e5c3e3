"""What a training job leaves behind: its model.tar.gz, downloaded and unpacked with care."""

import tarfile
from pathlib import Path

from tuneaws import buckets

# Python 3.12 warns without a filter; 3.10.0 to 3.10.11 do not know it. The checks above do not need it.
_DATA_FILTER = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


class ArtifactError(RuntimeError):
    """There is no model, or its archive is not safe to unpack."""


def download_model(s3, job: dict, to) -> Path:
    """Download and unpack a job's model.tar.gz into the folder `to`; return it.

    job     what DescribeTrainingJob or newest() returned
    Raises  ArtifactError if the job has no model, or the archive would write outside `to`
    """
    uri = job.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    if not uri:
        raise ArtifactError(f"{job['TrainingJobName']} has no model: it is {job['TrainingJobStatus']}.\n"
                       "Fix: training_jobs.explain_failure(), or wait until it has ended")
    to = Path(to)
    to.mkdir(parents=True, exist_ok=True)
    archive = buckets.download(s3, uri, to)[0]
    try:
        extract(archive, to)
    finally:
        archive.unlink()
    return to


def extract(archive, to) -> None:
    """Unpack a .tar.gz that a stranger may have made: files and folders only, all of them below `to`."""
    to = Path(to).resolve()
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        for member in members:
            target = (to / member.name).resolve()
            if not (member.isfile() or member.isdir()) or not target.is_relative_to(to):
                what = f"{Path(archive).name} holds {member.name!r}: a link, a device or a path outside"
                raise ArtifactError(f"{what}. Nothing was unpacked.\nFix: don't use it")
        for member in members:
            member.mode = 0o755 if member.isdir() else 0o644
            tar.extract(member, to, set_attrs=False, **_DATA_FILTER)
