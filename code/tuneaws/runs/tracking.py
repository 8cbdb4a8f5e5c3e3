"""Managed MLflow on SageMaker, an option for those who know it. On aws only; needs no mlflow package.

    request = app_request("tuneaws", bucket, role_arn)     # no size, no server to stop
    arn = create(session, request)                         # billed while it is there: AWS's price page
    url = open_url(session, arn)                           # a link into its pages, valid for 5 minutes
    params, metrics, tags = as_mlflow(record(session, job))

The last three are what mlflow.log_params, log_metrics and set_tags take. To log with the mlflow package,
`pip install mlflow sagemaker-mlflow` where you log from, and mlflow.set_tracking_uri(arn): the plugin turns
the ARN into an address and signs the calls
(https://docs.aws.amazon.com/sagemaker/latest/dg/mlflow-track-experiments.html, 2026-11).
In local there is none. SageMaker's own tracking, trial components, is there and free: runs.record() and
runs.compare().
"""

import math

from tuneaws.costs.guard import at_my_risk
from tuneaws.estimator.request import tag_list

SIZES = ("Small", "Medium", "Large")  # teams of up to 25, 50 and 100 people (API_CreateMlflowTrackingServer)
PRICES = "https://aws.amazon.com/sagemaker/ai/pricing/"


class TrackingError(RuntimeError):
    """Managed MLflow is not here; the message says where it is, and the free way on."""


def app_request(name: str, bucket: str, role_arn: str, tags: dict | list | None = None) -> dict:
    """The CreateMlflowApp request: MLflow without a server of a size. Pure.

    bucket   artifacts go to s3://<bucket>/mlflow        role_arn   may read and write there
    """
    request = {"Name": name, "ArtifactStoreUri": f"s3://{bucket}/mlflow", "RoleArn": role_arn,
               "ModelRegistrationMode": "AutoModelRegistrationDisabled", "Tags": tag_list(tags)}  # fmt: skip
    return {key: value for key, value in request.items() if value is not None}


def server_request(name: str, bucket: str, role_arn: str, size: str = "Small", version: str | None = None,
                   tags: dict | list | None = None) -> dict:
    """The CreateMlflowTrackingServer request. Pure. Such a server bills by the hour until it is stopped.

    Raises  ValueError for a size that is not AWS's
    """
    if size not in SIZES:
        raise ValueError(f"size is {size!r}. Fix: one of {', '.join(SIZES)}")
    request = {"TrackingServerName": name, "ArtifactStoreUri": f"s3://{bucket}/mlflow", "RoleArn": role_arn,
               "TrackingServerSize": size, "MlflowVersion": version, "AutomaticModelRegistration": False,
               "Tags": tag_list(tags)}  # fmt: skip
    return {key: value for key, value in request.items() if value is not None}


def create(session, request: dict) -> str:
    """Send app_request() or server_request(); return the ARN. A server takes a while to come up.

    Raises  TrackingError in local; botocore's errors pass through
    """
    refuse_local(session)
    sm = session.client("sagemaker")
    print(f"from here on it is billed until you delete it: {PRICES}")
    with at_my_risk():  # the price has been said, and no one can say how long it will be there
        if "TrackingServerName" in request:
            return sm.create_mlflow_tracking_server(**request)["TrackingServerArn"]
        return sm.create_mlflow_app(**request)["Arn"]


def open_url(session, arn: str) -> str:
    """A link into the pages of an app or a server, good for 5 minutes. Raises TrackingError in local."""
    refuse_local(session)
    sm = session.client("sagemaker")
    if ":mlflow-tracking-server/" in arn:
        name = arn.rpartition("/")[2]
        return sm.create_presigned_mlflow_tracking_server_url(TrackingServerName=name)["AuthorizedUrl"]
    return sm.create_presigned_mlflow_app_url(Arn=arn)["AuthorizedUrl"]


def delete(session, arn: str) -> None:
    """Delete an app or a server, what ends its bill. What it wrote into the bucket stays.

    Raises  TrackingError in local
    """
    refuse_local(session)
    sm = session.client("sagemaker")
    if ":mlflow-tracking-server/" in arn:
        sm.delete_mlflow_tracking_server(TrackingServerName=arn.rpartition("/")[2])
    else:
        sm.delete_mlflow_app(Arn=arn)


def job_environment(arn: str, experiment: str) -> dict:
    """Environment variables for a job whose script logs with mlflow itself. Pure."""
    return {"MLFLOW_TRACKING_URI": arn, "MLFLOW_EXPERIMENT_NAME": experiment}


def as_mlflow(found: dict) -> tuple:
    """(params, metrics, tags) of a record, as mlflow.log_params, log_metrics and set_tags take them. Pure.

    MLflow's metric names have no colon in older versions: "eval:loss" becomes "eval_loss".
    """
    params = {name: str(value) for name, value in found["hyperparameters"].items()}
    metrics = {
        f"{name.replace(':', '_')}_{what}" if what != "last" else name.replace(":", "_"): value
        for name, each in found["metrics"].items()
        for what, value in each.items()
        if what in ("last", "min") and math.isfinite(value)
    }
    hashes = {f"data.{name}": each["sha256"] for name, each in found["data"].items() if "sha256" in each}
    tags = {**hashes, "job": found["job"], "image": str(found["image"]), "instance": found["instance"]}
    for what in ("code", "model"):
        if "sha256" in found[what]:
            tags[what] = found[what]["sha256"]
    return params, metrics, tags


def refuse_local(session) -> None:
    """Raise TrackingError where there is no managed MLflow."""
    if session.where == "local":
        raise TrackingError(
            "managed MLflow is AWS's; the local AWS has none.\n"
            'Fix: set WHERE = "aws", where it is billed while it is there,\n'
            "or go on for free with SageMaker's own tracking: runs.record() and runs.compare()."
        )
