"""The loss curve of a customization job, from the CSV files that it leaves in S3.

    table = losses(s3, job)              # [{"train:step": 0.0, "train:loss": 4.1, "train:epoch": 0.0}, ...]
    plot_loss(table)

The files lie below model-customization-job-<id>/ in the output prefix. The path of the second changes between
AWS's page and its own notebooks, so both are found by listing
(https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-analyze.html, 2026-11).
"""

import csv
import io
import math

from tuneaws import buckets, metrics
from tuneaws.bedrock_jobs.errors import BedrockJobError

FILES = {"step_wise_training_metrics.csv": ("training_loss", "train:loss"),
         "validation_metrics.csv": ("validation_loss", "eval:loss")}


def losses(s3, job: dict) -> list:
    """Return the rows of both files in the form of metrics.from_logs(), by step.

    s3, job  boto3 client "s3", and what bedrock_jobs.get() says
    A step with several lines has one row with their mean. Perplexity is e to the loss, so it is left out.
    Raises   BedrockJobError if the job has left no such file
    """
    bucket, prefix = output_of(job)
    found = [entry["key"] for entry in buckets.list_objects(s3, bucket, prefix)]
    table = []
    for key in found:
        if (name := key.rpartition("/")[2]) in FILES:
            text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8-sig")
            table += _rows(text, *FILES[name])
    if not table:
        raise BedrockJobError(f"{job['jobName']} is {job['status']} and has left no metrics in "
                              f"s3://{bucket}/{prefix}.\nFix: wait until it is Completed")
    return sorted(table, key=lambda row: row["train:step"])


def output_of(job: dict) -> tuple:
    """(bucket, prefix) that a job writes to: ("b", "bedrock/model-customization-job-abc123def456/")."""
    bucket, prefix = buckets.split_uri(job["outputDataConfig"]["s3Uri"])
    folder = f"model-customization-job-{job['jobArn'].rpartition('/')[2]}/"
    return bucket, f"{prefix.rstrip('/')}/{folder}".lstrip("/")


def plot_loss(table, ax=None):
    """Draw the training loss (raw and smoothed) and the held-out loss; return the axes."""
    return metrics.plot_loss(table, ax)


def _rows(text: str, column: str, name: str) -> list:
    steps = {}
    for row in csv.DictReader(io.StringIO(text)):
        loss = float(row[column])
        if not math.isnan(loss):
            steps.setdefault(float(row["step_number"]), []).append((loss, float(row["epoch_number"])))
    mean = {step: sum(loss for loss, _ in found) / len(found) for step, found in steps.items()}
    return [{"train:step": step, name: mean[step], "train:epoch": found[-1][1]}
            for step, found in steps.items()]
