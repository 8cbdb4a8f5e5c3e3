"""All of one run in a dict: what went in, what computed it, what came out; kept in SageMaker's tracking.

    found = record(session, "tuneaws-2026-11-22-…")
    found["data"]["training"]["sha256"], found["metrics"]["eval:loss"]["min"]

SageMaker itself keeps a trial component for every training job, <job>-aws-training-job, with hyperparameters,
channels and metrics. record() adds what it cannot know: the hashes and versions that the script has written
into train_metrics.json. Nothing here costs more than a few API calls and a download of some kilobytes.
"""

import io
import json
import tarfile

from botocore.exceptions import ClientError

from tuneaws import buckets, prices, training_jobs
from tuneaws.job_lines import ENDED, billed_s

FILE = "train_metrics.json"
OF_THE_CONTAINER = ("sagemaker_", "_tuning_")  # hyperparameters that begin so are not the script's
STATISTICS = ("Last", "Min", "Max", "Avg", "Count")


class RunError(RuntimeError):
    """There is no such run, or it has not written what is asked for; the message says what to do."""


def record(session, job_name: str, keep: bool = True) -> dict:
    """Return all that is known of a run.

    job, status, created, seconds, usd (on AWS; in local what AWS would have charged), image, instance,
    hyperparameters, data, code, model, packages, python, machine, seed, metrics, history, artifacts
    keep    write the hashes and versions into the job's trial component too, where Search finds them
    Raises  RunError if the job runs still; training_jobs.JobError if there is none of that name
    """
    sm, s3 = session.client("sagemaker"), session.client("s3")
    job = training_jobs.get(sm, job_name)
    if job["TrainingJobStatus"] not in ENDED:
        raise RunError(f"{job_name} is {job['SecondaryStatus']}.\nFix: wait for it: training_jobs.watch()")
    written = train_metrics(s3, job)
    found = {
        **_of_job(job, session.region),
        **_of_script(written or {}, job),
        "metrics": metric_summaries(sm, job_name) or _final(job),
        "artifacts": _artifacts(job, written is not None),
    }
    if keep:
        _keep(sm, found)
    return found


def train_metrics(s3, job: dict) -> dict | None:
    """The train_metrics.json that a job's script has left in output.tar.gz; None if it has left none.

    job   what DescribeTrainingJob says
    """
    bucket, key = buckets.split_uri(output_uri(job))
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as err:
        if err.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return None
        raise
    if key.endswith(".json"):
        return json.loads(body)
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        for member in tar:
            if member.isfile() and member.name.rpartition("/")[2] == FILE:
                return json.load(tar.extractfile(member))
    return None


def output_uri(job: dict) -> str:
    """Where a job's output/data goes: the archive, or with CompressionType NONE the file itself."""
    base = f"{job['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job['TrainingJobName']}/output"
    plain = job["OutputDataConfig"].get("CompressionType") == "NONE"
    return f"{base}/data/{FILE}" if plain else f"{base}/output.tar.gz"


def metric_summaries(sm, job_name: str) -> dict:
    """{"eval:loss": {"last", "min", "max", "avg", "count"}} of the job's trial component; {} without one."""
    try:
        found = sm.describe_trial_component(TrialComponentName=component_name(job_name))
    except ClientError as err:
        if err.response["Error"]["Code"] in ("ResourceNotFound", "NotImplemented"):
            return {}
        raise
    return {each["MetricName"]: {name.lower(): each[name] for name in STATISTICS if name in each}
            for each in found.get("Metrics", [])}


def component_name(job_name: str) -> str:
    """The trial component that SageMaker makes for a training job."""
    return f"{job_name}-aws-training-job"


def script_hyperparameters(job: dict) -> dict:
    """The hyperparameters that the script got, as values: without those for the container."""
    return {key: _plain(text) for key, text in job.get("HyperParameters", {}).items()
            if not key.startswith(OF_THE_CONTAINER)}


def _of_job(job: dict, region: str) -> dict:
    machine = job["ResourceConfig"]
    count = machine.get("InstanceCount", 1)
    try:
        price = prices.training_price(machine.get("InstanceType", ""), region).usd_per_hour
        usd = round(price * count * billed_s(job) / 3600, 4)
    except prices.PriceError:
        usd = None
    return {
        "job": job["TrainingJobName"], "status": job["TrainingJobStatus"], "created": job["CreationTime"],
        "seconds": round(billed_s(job)), "usd": usd,
        "image": job["AlgorithmSpecification"].get("TrainingImage"),
        "instance": f"{count} x {machine.get('InstanceType', 'instance groups')}",
        "hyperparameters": script_hyperparameters(job),
    }  # fmt: skip


def _of_script(written: dict, job: dict) -> dict:
    run = written.get("run", {})
    uris = {each["ChannelName"]: each["DataSource"].get("S3DataSource", {}).get("S3Uri")
            for each in job.get("InputDataConfig", [])}
    hashed = run.get("data", {})
    return {
        "data": {name: {"uri": uri, **hashed.get(name, {})} for name, uri in uris.items()},
        "code": run.get("code", {}), "model": run.get("model", {}), "packages": run.get("packages", {}),
        "python": run.get("python"), "machine": run.get("machine", {}), "seed": run.get("seed"),
        "history": written.get("history", []),
    }  # fmt: skip


def _final(job: dict) -> dict:
    return {each["MetricName"]: {"last": each["Value"]} for each in job.get("FinalMetricDataList", [])}


def _artifacts(job: dict, has_output: bool) -> dict:
    found = {"model": job.get("ModelArtifacts", {}).get("S3ModelArtifacts"),
             "metrics": output_uri(job) if has_output else None}
    return {name: uri for name, uri in found.items() if uri}


def component_update(found: dict) -> dict:
    """The UpdateTrialComponent that keeps what the script knows of a run. Pure."""
    texts = {f"data.{name}.sha256": each["sha256"] for name, each in found["data"].items()
             if "sha256" in each}
    for what in ("code", "model"):
        if "sha256" in found[what]:
            texts[f"{what}.sha256"] = found[what]["sha256"]
    texts |= {f"package.{name}": version for name, version in found["packages"].items()}
    if found["python"]:
        texts["python"] = found["python"]
    update = {"TrialComponentName": component_name(found["job"]),
              "Parameters": {name: {"StringValue": text} for name, text in texts.items()}}
    if "metrics" in found["artifacts"]:
        output = {"MediaType": "application/gzip", "Value": found["artifacts"]["metrics"]}
        update["OutputArtifacts"] = {"train_metrics": output}
    return update


def _keep(sm, found: dict) -> None:
    """Write the update; a trial component that is not there yet, or no more, is no reason to fail."""
    try:
        sm.update_trial_component(**component_update(found))
    except ClientError as err:
        if err.response["Error"]["Code"] != "ResourceNotFound":
            raise


def _plain(text: str):
    try:
        return json.loads(text)
    except ValueError:
        return text
