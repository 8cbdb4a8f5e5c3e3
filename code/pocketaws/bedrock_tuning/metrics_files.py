"""The two CSV files that Bedrock leaves in the output bucket.

    <output>/model-customization-job-<id>/training_artifacts/step_wise_training_metrics.csv
    <output>/model-customization-job-<id>/validation_artifacts/post_fine_tuning_validation/validation/
                                                                           validation_metrics.csv

Columns: "Analyze the results of a model customization job" (Bedrock user guide, model-customization-analyze,
read 2026-11). The page has no folder "validation" in the second path; AWS's own notebooks read it there
(aws-samples/amazon-bedrock-workshop, 03_Model_customization). Where a second validation file's metrics go is
not documented; chosen: validation-2, and so on. Epochs count from 0 as steps do; not documented, chosen.
"""

import csv
import io
import json
import math
from pathlib import Path

from pocketaws.bedrock_tuning.engine import Losses
from pocketaws.s3_files import S3FilesError, split_uri

TRAINING_KEY = "training_artifacts/step_wise_training_metrics.csv"
VALIDATION_KEY = "validation_artifacts/post_fine_tuning_validation/{folder}/validation_metrics.csv"
MAX_EXPONENT = 700.0  # exp() of more is no float


def publish(s3, job, folder: Path) -> Losses:
    """Write the CSVs of a trained job to S3; its losses. Raises S3FilesError if S3 does not take them."""
    with open(folder / "metrics.jsonl", encoding="utf-8") as file:
        told = [json.loads(line) for line in file]
    steps = [row for row in told if "validation" not in row]
    _put(s3, job, TRAINING_KEY, as_csv(steps, "training_loss"))
    last = []
    for number in range(len(job.validation_uris)):
        rows = [row for row in told if row.get("validation") == number]
        place = "validation" if number == 0 else f"validation-{number + 1}"
        _put(s3, job, VALIDATION_KEY.format(folder=place), as_csv(rows, "validation_loss"))
        last.append(rows[-1]["loss"])
    return Losses(steps[-1]["loss"], last)


def as_csv(rows: list[dict], loss: str) -> bytes:
    """step_number, epoch_number, <loss>, perplexity. Perplexity is e to the loss."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("step_number", "epoch_number", loss, "perplexity"))
    for row in rows:
        perplexity = math.exp(min(row["loss"], MAX_EXPONENT))
        writer.writerow((row["step"], row["epoch"], row["loss"], perplexity))
    return text.getvalue().encode()


def _put(s3, job, key: str, body: bytes) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, prefix = split_uri(job.output_uri)
    try:
        s3.put_object(Bucket=bucket, Key=f"{prefix}/{key}", Body=body, ContentType="text/csv")
    except (ClientError, BotoCoreError) as err:
        # The words of "Troubleshooting model customization issues" (Bedrock user guide, read 2026-11).
        raise S3FilesError(
            "Amazon S3 perms missing (PutObject): Could not validate PutObject permissions to access S3 "
            f"bucket: {bucket} at key {prefix}/{key}"
        ) from err
