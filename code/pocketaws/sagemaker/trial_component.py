"""A trial component: one step of somebody's work, with its parameters, artifacts and metrics.

For every training job there is one, <job>-aws-training-job, without anybody asking for it. Its parameters,
artifacts and metrics are the job's own, read when it is described. Names as AWS gives them, seen in a real
DescribeTrialComponent in sagemaker-core's tests (test_deserializer_for_map_type, read 2026-11):
SageMaker.ImageUri, SageMaker.InstanceType, SageMaker.InstanceCount; SageMaker.ModelArtifact,
SageMaker.DebugHookOutput; DisplayName is the name unless ExperimentConfig says else. A hyperparameter that
reads as a number is a NumberValue (tables of ExperimentAnalytics show 2.0 for "2"), any other a StringValue.
"""

import math
import re

from pocketaws.sagemaker.job import now
from pocketaws.sagemaker.metric_series import MetricSeries
from pocketaws.sagemaker.table import Resource

KIND = "experiment-trial-component"
MEDIA_TYPE = re.compile(r"[-\w]+/[-\w+]+")
MAPS = ("Parameters", "InputArtifacts", "OutputArtifacts")
OWN = ("DisplayName", "Status", "StartTime", "EndTime", "MetadataProperties")


def name_for(job_name: str) -> str:
    """The name of a training job's own trial component."""
    return f"{job_name}-aws-training-job"


class TrialComponent(Resource):
    """A trial component. What a person sets lies over what the training job gives.

    job      the TrainingJob it is of, None for one that somebody made
    metrics  what BatchPutMetrics brought
    """

    KEPT = (*Resource.KEPT, "job", "_removed")

    def __init__(self, name: str, request: dict, region: str, account: str, job=None):
        super().__init__(KIND, name, request, region, account)
        self.job = job
        self._removed: dict[str, set[str]] = {member: set() for member in MAPS}

    def unkept(self) -> None:
        """Locks, and the metrics, which are kept by themselves."""
        super().unkept()
        self.metrics = MetricSeries()

    def keep_in(self, store, kind: str) -> None:
        """Keep the component, and its metrics as they come."""
        super().keep_in(store, kind)
        self.metrics.keep_in(store, self.arn)

    def forget(self) -> None:
        """Take it out of its store, and its metrics with it."""
        super().forget()
        self.metrics.forget()

    @property
    def source_arn(self) -> str:
        """ARN of the job behind it, "" when there is none."""
        return self.job.arn if self.job else ""

    def update(self, request: dict) -> None:
        """Put an UpdateTrialComponent over what is there; …ToRemove takes away what the job gave, too."""
        changed = {**self.request, **{name: request[name] for name in OWN if name in request}}
        with self.changing():
            for member in MAPS:
                gone = set(request.get(f"{member}ToRemove", ()))
                given = request.get(member, {})
                self._removed[member] = (self._removed[member] | gone) - set(given)
                kept = {key: value for key, value in self.request.get(member, {}).items() if key not in gone}
                changed[member] = {**kept, **given}
            self.request, self.last_modified = changed, now()

    def describe(self) -> dict:
        """A DescribeTrialComponent response."""
        given = _of_job(self.job) if self.job else {}
        answer = {
            "TrialComponentName": self.name,
            "TrialComponentArn": self.arn,
            "DisplayName": self.name,
            "CreationTime": self.created_at,
            "CreatedBy": {},
            "LastModifiedTime": max(self.last_modified, (self.job or self).last_modified),
            "LastModifiedBy": {},
            **given,
            **{name: self.request[name] for name in OWN if name in self.request},
        }
        for member in MAPS:
            values = {**given.get(member, {}), **self.request.get(member, {})}
            left = {key: value for key, value in values.items() if key not in self._removed[member]}
            answer[member] = left
        answer["Metrics"] = (self.job.metrics.summaries(self.job.arn) if self.job else []) + (
            self.metrics.summaries(self.arn)
        )
        return {key: value for key, value in answer.items() if value is not None}

    def summary(self) -> dict:
        """A TrialComponentSummary."""
        described = self.describe()
        found = {
            name: described[name]
            for name in ("TrialComponentName", "TrialComponentArn", "DisplayName", "Status", "StartTime",
                         "EndTime", "CreationTime", "CreatedBy", "LastModifiedTime", "LastModifiedBy")
            if name in described
        }  # fmt: skip
        if self.job:
            found["TrialComponentSource"] = described["Source"]
        return found


def _of_job(job) -> dict:
    """What a training job gives to its trial component."""
    described = job.describe()
    machine = described.get("ResourceConfig", {})
    status = job.status
    source = {"SourceArn": job.arn, "SourceType": "SageMakerTrainingJob"}
    return {
        "Source": source,
        "Sources": [source],
        # The words are not documented; chosen.
        "Status": {
            "PrimaryStatus": status,
            "Message": f"Status: {status}, secondary status: {described['SecondaryStatus']}, failure reason: "
            f"{described.get('FailureReason', '')}."[:1024],
        },
        "StartTime": described.get("TrainingStartTime"),
        "EndTime": described.get("TrainingEndTime"),
        "Parameters": _parameters(described, machine),
        "InputArtifacts": dict(_inputs(described.get("InputDataConfig", []))),
        "OutputArtifacts": dict(_outputs(described)),
    }


def _parameters(described: dict, machine: dict) -> dict:
    found = {key: parameter(value) for key, value in described.get("HyperParameters", {}).items()}
    own = {
        "SageMaker.ImageUri": described["AlgorithmSpecification"].get("TrainingImage"),
        "SageMaker.InstanceType": machine.get("InstanceType"),
        "SageMaker.InstanceCount": machine.get("InstanceCount"),
        "SageMaker.VolumeSizeInGB": machine.get("VolumeSizeInGB"),
    }
    for name, value in own.items():
        if value is not None:
            found[name] = parameter(value)
    return found


def parameter(value) -> dict:
    """A TrialComponentParameterValue: {"NumberValue": 3.0} for "3" and 3, else {"StringValue": …}."""
    try:
        number = float(value)
    except ValueError:
        return {"StringValue": str(value)}
    return {"NumberValue": number} if math.isfinite(number) else {"StringValue": str(value)}


def _inputs(channels: list):
    for channel in channels:
        uri = channel["DataSource"].get("S3DataSource", {}).get("S3Uri")
        media = channel.get("ContentType", "").partition(";")[0]
        if uri:
            kind = {"MediaType": media} if len(media) <= 64 and MEDIA_TYPE.fullmatch(media) else {}
            yield channel["ChannelName"], {**kind, "Value": uri}


def _outputs(described: dict):
    if "ModelArtifacts" in described:
        yield "SageMaker.ModelArtifact", {"Value": described["ModelArtifacts"]["S3ModelArtifacts"]}
    if "DebugHookConfig" in described:
        yield "SageMaker.DebugHookOutput", {"Value": described["DebugHookConfig"]["S3OutputPath"]}
