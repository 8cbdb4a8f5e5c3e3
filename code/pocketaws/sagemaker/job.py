"""One training job: the request that made it, and its state while it runs.

The API side (create_training_job, describe, stop) and the engine that runs the job share this object. It
starts no process and talks to nobody.

The order of statuses is AWS's (API_DescribeTrainingJob and API_SecondaryStatusTransition, 2026-11):

    InProgress  Starting → Pending → Downloading → Training → Uploading     (Interrupted → Starting: spot)
    Stopping    Stopping → Uploading
    Completed   Completed
    Failed      Failed
    Stopped     Stopped, MaxRuntimeExceeded, MaxWaitTimeExceeded
"""

import copy
import threading
from datetime import datetime, timezone

from pocketaws.keeping.kept import Kept
from pocketaws.sagemaker.metric_series import MetricSeries

ORDER = ("Starting", "Pending", "Downloading", "Training", "Interrupted", "Stopping", "Uploading")
FINAL = {
    "Completed": "Completed",
    "Failed": "Failed",
    "Stopped": "Stopped",
    "MaxRuntimeExceeded": "Stopped",
    "MaxWaitTimeExceeded": "Stopped",
}
MESSAGES = {
    "Starting": "Starting the training job",
    "Pending": "Waiting for capacity",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "Training job interrupted",
    "Stopping": "Stopping the training job",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job waited longer than MaxWaitTimeInSeconds provided",
}
MAX_FAILURE_REASON = 1024  # characters, botocore's FailureReason shape

# Members of CreateTrainingJob that DescribeTrainingJob gives back as they came.
ECHOED = (
    "TrainingJobName", "HyperParameters", "AlgorithmSpecification", "RoleArn", "InputDataConfig",
    "OutputDataConfig", "ResourceConfig", "VpcConfig", "StoppingCondition", "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining", "CheckpointConfig",
    "DebugHookConfig", "ExperimentConfig", "DebugRuleConfigurations", "TensorBoardOutputConfig",
    "ProfilerConfig", "ProfilerRuleConfigurations", "Environment", "RetryStrategy", "RemoteDebugConfig",
    "InfraCheckConfig",
)  # fmt: skip


def now() -> datetime:
    """The time in UTC, with a time zone."""
    return datetime.now(timezone.utc)


class TrainingJob(Kept):
    """A training job's request and state. Every method may be called from any thread.

    request     the members of a validated CreateTrainingJob; not to be changed
    tags        {key: value}
    Plain attributes that the engine sets while it works, all None (or empty) until then:
    training_start_time, training_end_time (datetime, UTC), training_time_s, billable_time_s (int),
    final_metrics (list of {"MetricName", "Value", "Timestamp"}), model_artifacts (s3:// URI of
    model.tar.gz), tuning_job_arn. `ended` is set after the last move, `stop_requested` when somebody asked
    to stop. `metrics` has every value of the job's metrics.
    """

    KEPT = (
        "request", "name", "region", "account", "arn", "tags", "created_at", "last_modified", "status",
        "secondary_status", "transitions", "failure_reason", "training_start_time", "training_end_time",
        "training_time_s", "billable_time_s", "final_metrics", "model_artifacts", "tuning_job_arn",
    )  # fmt: skip
    status = ""

    def __init__(self, request: dict, region: str, account: str):
        self.unkept()
        self.request = request
        self.name = request["TrainingJobName"]
        self.region = region
        self.account = account
        self.arn = f"arn:aws:sagemaker:{region}:{account}:training-job/{self.name.lower()}"
        self.tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        self.created_at = self.last_modified = now()
        self.status = "InProgress"
        self.secondary_status = "Starting"
        self.transitions: list[dict] = [
            {"Status": "Starting", "StartTime": self.created_at, "StatusMessage": MESSAGES["Starting"]}
        ]
        self.failure_reason: str | None = None
        self.training_start_time: datetime | None = None
        self.training_end_time: datetime | None = None
        self.training_time_s: int | None = None
        self.billable_time_s: int | None = None
        self.final_metrics: list[dict] = []
        self.model_artifacts: str | None = None
        self.tuning_job_arn: str | None = None

    def unkept(self) -> None:
        """Locks, events, and what is kept by itself: metrics, the warm pool."""
        super().unkept()
        self.metrics = MetricSeries()
        self.warm_pool = None  # a WarmPool, set before the job is started
        self.ended, self.stop_requested = threading.Event(), threading.Event()
        if self.status in FINAL.values():
            self.ended.set()
        elif self.status == "Stopping":
            self.stop_requested.set()

    def keep_in(self, store, kind: str) -> None:
        """Keep the job, and its metrics as they come."""
        super().keep_in(store, kind)
        self.metrics.keep_in(store, self.arn)

    def move(
        self,
        secondary_status: str,
        message: str = "",
        status: str | None = None,
        moment: datetime | None = None,
    ) -> bool:
        """Go on to a secondary status; the one before it gets its EndTime.

        message   StatusMessage; AWS's usual words when empty
        status    TrainingJobStatus, when it is not the one that goes with secondary_status
        moment    when it happened; None: now
        Returns False, and changes nothing, when the job has ended or is stopping and the move would take
        it back: that is how a job thread and a StopTrainingJob that cross each other are settled.
        The same secondary status again only replaces the message, as AWS does.
        Raises ValueError for a status that is not AWS's, or a step back that no race explains.
        """
        if secondary_status not in MESSAGES:
            raise ValueError(f"{secondary_status!r} is not a secondary status; one of {', '.join(MESSAGES)}")
        with self.changing():
            if self.ended.is_set():
                return False
            if secondary_status not in FINAL and not self._may_follow(secondary_status):
                return False
            self._close_and_open(secondary_status, message or MESSAGES[secondary_status], moment or now())
            self.secondary_status = secondary_status
            if status or secondary_status in FINAL:
                self.status = status or FINAL[secondary_status]
            elif secondary_status == "Stopping":
                self.status = "Stopping"
            if secondary_status in FINAL:
                if self.warm_pool is not None:
                    self.warm_pool.job_ended()
                self.ended.set()
            return True

    def fail(self, reason: str, moment: datetime | None = None) -> bool:
        """End the job as Failed; reason, cut to AWS's 1,024 characters, becomes FailureReason."""
        with self.changing():
            if self.ended.is_set():
                return False
            self.failure_reason = reason[:MAX_FAILURE_REASON]
            return self.move("Failed", moment=moment)

    def request_stop(self) -> bool:
        """Mark the job Stopping and set `stop_requested`; False when it has ended already."""
        with self.changing():
            if self.ended.is_set():
                return False
            self.stop_requested.set()
            if self.status != "Stopping":
                self.move("Stopping")
            return True

    def describe(self) -> dict:
        """A DescribeTrainingJob response: request members as they came, then the state."""
        with self._lock:
            answer = {key: self.request[key] for key in ECHOED if key in self.request}
            answer.update(
                TrainingJobArn=self.arn,
                TrainingJobStatus=self.status,
                SecondaryStatus=self.secondary_status,
                CreationTime=self.created_at,
                LastModifiedTime=self.last_modified,
                SecondaryStatusTransitions=self.transitions,
                TrainingStartTime=self.training_start_time,
                TrainingEndTime=self.training_end_time,
                TrainingTimeInSeconds=self.training_time_s,
                BillableTimeInSeconds=self.billable_time_s,
                FailureReason=self.failure_reason,
                FinalMetricDataList=self.final_metrics or None,
                TuningJobArn=self.tuning_job_arn,
                ModelArtifacts={"S3ModelArtifacts": self.model_artifacts} if self.model_artifacts else None,
                ProfilingStatus="Disabled",
                WarmPoolStatus=self.warm_pool.describe() if self.warm_pool is not None else None,
            )
            return copy.deepcopy({key: value for key, value in answer.items() if value is not None})

    def _may_follow(self, secondary_status: str) -> bool:
        """Whether a job that has not ended may go on to this status, which is not a last one."""
        current = self.secondary_status
        if current == "Interrupted" and secondary_status == "Starting" and self.status == "InProgress":
            return True
        if ORDER.index(secondary_status) >= ORDER.index(current):
            return True
        if self.status == "Stopping" or secondary_status == "Stopping":
            return self.status != "Stopping"
        raise ValueError(f"job {self.name}: no way back from {current} to {secondary_status}")

    def _close_and_open(self, secondary_status: str, message: str, moment: datetime) -> None:
        last = self.transitions[-1]
        if last["Status"] == secondary_status:
            last["StatusMessage"] = message
        else:
            last["EndTime"] = moment
            opened = {"Status": secondary_status, "StartTime": moment, "StatusMessage": message}
            self.transitions.append(opened)
            if secondary_status in FINAL:
                opened["EndTime"] = moment
        self.last_modified = moment
