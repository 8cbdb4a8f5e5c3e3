"""The HuggingFace estimator, with SDK 2's own constructor and methods, on top of SDK 3.

SDK 3, which is what `pip install sagemaker` and SageMaker Studio give today, has no framework estimators.
This one sends the request that SDK 2's sends (a test compares them), so what you read about `HuggingFace`
elsewhere holds here:

    estimator = HuggingFace(
        entry_point="train_qlora.py", source_dir="code/container/training",
        transformers_version="4.56.2", pytorch_version="2.8.0", py_version="py312",
        instance_type="ml.g5.xlarge", instance_count=1, role=role_arn,
        hyperparameters={"epochs": 1}, max_run=3600, sagemaker_session=session,
    )
    print(estimator.request({"training": "s3://…/train"}))    # nothing is sent, nothing is billed
    estimator.fit({"training": "s3://…/train"})               # on AWS: billed by the second
    predictor = estimator.deploy(                             # on AWS: billed by the second until deleted
        1, "ml.g5.xlarge", entry_point="inference.py", source_dir="code/container/inference",
        transformers_version="4.51.3", pytorch_version="2.6.0", py_version="py312")  # fewer serve than train
    predictor.predict({"inputs": "…"})
    predictor.delete_endpoint(); predictor.delete_model()

HuggingFaceModel does the same for any model.tar.gz in S3, HuggingFacePredictor for any endpoint by its name.

Other than in SDK 2: hyperparameters given by set_hyperparameters() are encoded once; an argument that SDK 2
ignores fails by name; the SDK's own defaults file is not read; __pycache__ is not packed; attach(wait=False)
does not wait; no telemetry is sent.
In deploy(): the three versions may be given anew; a script for a model that is not one archive is refused, a
script without a model is packed alone; delete_model() works after delete_endpoint() too; a version of the
model registry that nobody approved is refused; register() adds no model card of its own.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from tuneaws.estimator import channels, images, places, sdk_session, source
from tuneaws.estimator import request as requests
from tuneaws.estimator.arguments import Arguments
from tuneaws.estimator.description import SCRIPT_MODE, arguments_of
from tuneaws.estimator.distribution import check_distribution, distribution_hyperparameters
from tuneaws.estimator.job import TrainingJob, shows_log
from tuneaws.estimator.send import QuotaError, create_training_job, upload_source
from tuneaws.hosting.errors import InvocationError
from tuneaws.hosting.from_estimator import Serving
from tuneaws.hosting.model import HuggingFaceModel
from tuneaws.hosting.predictor import HuggingFacePredictor

__all__ = [
    "InvocationError", "HuggingFace", "HuggingFaceModel", "HuggingFacePredictor", "QuotaError", "TrainingJob",
]  # fmt: skip

CODE_CHANNEL = "code"  # with network isolation the code comes by a channel, since the job cannot fetch it
CODE_IN_CONTAINER = f"/opt/ml/input/data/{CODE_CHANNEL}/{places.ARCHIVE}"


class HuggingFace(Arguments, Serving):
    """Trains a script in AWS's Hugging Face container. tuneaws.estimator.arguments explains each argument."""

    def __post_init__(self, hyperparameters: dict | None, enable_network_isolation: bool | None):
        super().__post_init__(hyperparameters, enable_network_isolation)
        requests.encode(self._hyperparameters)
        self._script_mode: dict[str, Any] = {}  # the hyperparameters that the newest fit() added
        self.latest_training_job: TrainingJob | None = None
        self.jobs: list[TrainingJob] = []
        check_distribution(self.distribution, self.instance_type, self.entry_point)
        self.sagemaker_session = sdk_session.checked_session(self.sagemaker_session)
        self.training_image_uri()  # so that a version without an image fails here

    def __repr__(self) -> str:
        job = self.latest_training_job.name if self.latest_training_job else "not fitted"
        return f"HuggingFace({self.entry_point!r}, {self.instance_type} × {self.instance_count}, {job})"

    # what will be sent

    def training_image_uri(self, region: str | None = None) -> str:
        """Return image_uri, or the URI of AWS's image for the versions; ValueError if there is none."""
        if self.image_uri:
            return self.image_uri
        region = region or self.sagemaker_session.boto_region_name
        instance_type = self.instance_type or _first_gpu(self.instance_groups)
        versions = (self.transformers_version, self.pytorch_version, self.py_version)
        return images.training_image_uri(region, instance_type, *versions, self.distribution)

    def hyperparameters(self) -> dict[str, str]:
        """Return what the job gets: your values as JSON texts, and what distribution and fit() add."""
        return self._encoded(self._script_mode)

    def set_hyperparameters(self, **hyperparameters: Any) -> None:
        """Add hyperparameters, or change some."""
        requests.encode(hyperparameters)
        self._hyperparameters.update(hyperparameters)

    def enable_network_isolation(self) -> bool:
        """Return whether the job runs without a network."""
        return self._isolated

    def request(
        self, inputs: Any = None, job_name: str | None = None, experiment_config: dict | None = None
    ) -> dict:
        """Return the CreateTrainingJob request that fit() would send. Uploads nothing, starts nothing.

        Raises  ValueError for what is wrong with the arguments, the inputs or the source.
        """
        source.check_source(self.entry_point, self.source_dir, self.dependencies)
        name = requests.check_job_name(job_name or self._new_name())
        code = self._code_uri(name)
        return requests.training_job_request(
            self,
            job_name=name,
            image_uri=self.training_image_uri(),
            role_arn=sdk_session.role_arn(self.sagemaker_session, self.role),
            output_path=self._output_path(),
            hyperparameters=self._encoded(self._script_hyperparameters(name, code)),
            channels=self._channels(inputs, code),
            input_mode=channels.own_input_mode(inputs) or self.input_mode,
            network_isolation=self._isolated,
            experiment_config=experiment_config,
            debugger=_has_debugger(self.sagemaker_session.boto_region_name),
        )

    # a job

    def fit(
        self,
        inputs: Any = None,
        wait: bool = True,
        logs: str | bool = "All",
        job_name: str | None = None,
        experiment_config: dict | None = None,
    ) -> None:
        """Upload the source and start a training job. On AWS this is where money starts to run.

        inputs   "s3://…", a TrainingInput, or {"channel": either}; the job reads them in /opt/ml/input/data
        wait     stay until the job has ended, printing what `logs` asks for (see TrainingJob.wait)
        Raises   ValueError before anything is uploaded; QuotaError if the account may not have the instances;
                 sagemaker.core.exceptions.UnexpectedStatusException if the job fails while you wait.
        """
        shows_log(logs)
        request = self.request(inputs, job_name, experiment_config)
        name, session = request["TrainingJobName"], self.sagemaker_session
        if not self.output_path:
            session.default_bucket()  # makes it if need be
        if not places.in_s3(self.source_dir):
            print(f"Packed {self._upload_source(name)}")
        print(f"Creating training job {name}")
        create_training_job(session.sagemaker_client, request)
        self._script_mode = {key: json.loads(request["HyperParameters"][key]) for key in SCRIPT_MODE}
        self.latest_training_job = TrainingJob(self.sagemaker_session, name)
        self.jobs.append(self.latest_training_job)
        if wait:
            self.latest_training_job.wait(logs)

    @classmethod
    def attach(
        cls,
        training_job_name: str,
        sagemaker_session=None,
        model_channel_name: str = "model",
        wait: bool = True,
    ) -> HuggingFace:
        """Return an estimator for a job that was started elsewhere or earlier.

        wait    SDK 2 waits here for the job's end and raises if it failed; False gives the job back as it is
        Raises  ValueError if the job was not started by a HuggingFace estimator; botocore's ClientError with
                ResourceNotFound if there is no such job.
        """
        session = sdk_session.checked_session(sagemaker_session)
        client = session.sagemaker_client
        description = client.describe_training_job(TrainingJobName=training_job_name)
        arguments, script_mode = arguments_of(description, model_channel_name)
        pages = client.get_paginator("list_tags").paginate(ResourceArn=description["TrainingJobArn"])
        tags = [tag for page in pages for tag in page["Tags"]]
        estimator = cls(**arguments, tags=tags, sagemaker_session=session)
        estimator._script_mode = script_mode
        estimator.latest_training_job = TrainingJob(session, training_job_name)
        if wait:
            estimator.latest_training_job.wait(logs="None")
        return estimator

    def logs(self) -> None:
        """Print the newest job's log from its start, and go on until the job has ended."""
        self._job().wait(logs="All")

    @property
    def model_data(self) -> str | dict:
        """Where the newest job put its model: the URI of model.tar.gz, or a dict for an uncompressed one.

        Raises  ValueError if there is no model: nothing was fitted, or the job has not got so far.
        """
        job = self._job().describe()
        uri = job.get("ModelArtifacts", {}).get("S3ModelArtifacts")
        if not uri:
            name, status = job["TrainingJobName"], job["TrainingJobStatus"]
            raise ValueError(f"{name} is {status} and has no model. Fix: wait for it, estimator.logs().")
        if job["OutputDataConfig"].get("CompressionType", "GZIP") == "GZIP":
            return uri
        where = {"S3Uri": uri.rstrip("/") + "/", "S3DataType": "S3Prefix", "CompressionType": "None"}
        return {"S3DataSource": where}

    @property
    def training_job_analytics(self):
        """The newest job's metrics as CloudWatch has them: SDK 3's TrainingJobAnalytics, .dataframe().

        Raises  ValueError if the job defines no metrics or its script has not started.
        """
        job = self._job().describe()
        if not job["AlgorithmSpecification"].get("MetricDefinitions"):
            raise ValueError(f"{job['TrainingJobName']} has no metric_definitions, so CloudWatch has none.")
        if "TrainingStartTime" not in job:
            raise ValueError(f"{job['TrainingJobName']} is {job['SecondaryStatus']}: no metrics yet.")
        from sagemaker.core.analytics import TrainingJobAnalytics

        ended = job.get("TrainingEndTime") or datetime.now(timezone.utc)
        return TrainingJobAnalytics(
            job["TrainingJobName"],
            sagemaker_session=self.sagemaker_session,
            start_time=job["TrainingStartTime"],
            end_time=ended + timedelta(minutes=1),  # CloudWatch cuts the end to its minute
        )

    # helpers

    def _encoded(self, script_mode: dict[str, Any]) -> dict[str, str]:
        added = distribution_hyperparameters(self.distribution, self.instance_type)
        return requests.encode({**self._hyperparameters, **script_mode, **added})

    def _script_hyperparameters(self, job_name: str, code: str) -> dict[str, Any]:
        script = self.entry_point if self.source_dir else self.entry_point.rpartition("/")[2]
        values = (
            CODE_IN_CONTAINER if self._isolated else code,
            script,
            self.container_log_level,
            job_name,
            self.sagemaker_session.boto_region_name,
        )
        return dict(zip(SCRIPT_MODE, values, strict=True))

    def _channels(self, inputs: Any, code: str) -> list[dict] | None:
        found = channels.input_channels(inputs)
        if self.model_uri:
            more = {"ContentType": channels.MODEL_CONTENT_TYPE, "InputMode": "File"}
            found = channels.add_channel(found, self.model_channel_name, self.model_uri, **more)
        if self._isolated:
            found = channels.add_channel(found, CODE_CHANNEL, code)
        return found

    def _new_name(self) -> str:
        return requests.job_name(self.base_job_name or requests.base_name(self.training_image_uri()))

    def _output_path(self) -> str:
        if self.output_path:
            return self.output_path
        session = self.sagemaker_session
        return places.default_output_path(sdk_session.bucket_name(session), session.default_bucket_prefix)

    def _code_uri(self, job_name: str) -> str:
        session, elsewhere = self.sagemaker_session, self.output_path or self.code_location
        bucket, prefix = "" if elsewhere else sdk_session.bucket_name(session), session.default_bucket_prefix
        return places.code_uri(
            job_name, self.source_dir, self.code_location, self.output_path, bucket, prefix
        )

    def _upload_source(self, job_name: str) -> str:
        session, uri = self.sagemaker_session, self._code_uri(job_name)
        bucket = places.bucket_of(uri)
        same = bucket == places.bucket_of(self._output_path())
        owner = session._get_account_id_if_default_bucket(bucket)
        entries = source.roots(self.entry_point, self.source_dir, self.dependencies)
        key = self.output_kms_key if same else None
        return f"{upload_source(session.s3_client, entries, uri, key, owner)} -> {uri}"

    def _job(self) -> TrainingJob:
        if self.latest_training_job is None:
            raise ValueError("no training job yet. Fix: fit(inputs), or HuggingFace.attach(job_name).")
        return self.latest_training_job


def _has_debugger(region: str) -> bool:
    from sagemaker.core.fw_utils import DEBUGGER_UNSUPPORTED_REGIONS

    return region not in DEBUGGER_UNSUPPORTED_REGIONS


def _first_gpu(groups: list) -> str:
    """The instance type of a cluster of several kinds that picks the image: the first with GPUs."""
    types = [group.instance_type for group in groups]
    return next((name for name in types if name.removeprefix("ml.")[0] in "gp"), types[0])
