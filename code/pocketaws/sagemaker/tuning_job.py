"""One hyperparameter tuning job: its request, the training jobs it launched, and what came of them.

Statuses: InProgress, Completed, Failed, Stopping, Stopped. A training job's objective is Pending while it
runs, Succeeded once it ended with a value of the metric, Failed without
(API_HyperParameterTrainingJobSummary, API_TrainingJobStatusCounters, 2026-11). The best is the best of
those that Completed.
"""

import copy
import math
import threading

from pocketaws.sagemaker.job import MAX_FAILURE_REASON, now
from pocketaws.sagemaker.table import Resource

KIND = "hyper-parameter-tuning-job"
OBJECTIVE = "_tuning_objective_metric"  # the hyperparameter by which AWS tells a job what is looked for
ENDED = ("Completed", "Failed", "Stopped")
IMPROVEMENT = 0.01  # of BestObjectiveNotImproving: 1 % or more (API_BestObjectiveNotImproving)


class TuningJob(Resource):
    """A tuning job. Every method may be called from any thread.

    ended           set when the last status is reached     stop_requested   set by
    StopHyperParameterTuningJob
    """

    KEPT = (*Resource.KEPT, "status", "failure_reason", "ended_at", "_launched")
    status = ""

    def __init__(self, request: dict, region: str, account: str):
        super().__init__(KIND, request["HyperParameterTuningJobName"], request, region, account)
        self.status = "InProgress"
        self.failure_reason: str | None = None
        self.ended_at = None
        self._launched: list[tuple] = []  # (TrainingJob, {name: text})

    def unkept(self) -> None:
        """Locks and events."""
        super().unkept()
        self.ended, self.stop_requested = threading.Event(), threading.Event()
        if self.status in ENDED:
            self.ended.set()

    @property
    def config(self) -> dict:
        return self.request["HyperParameterTuningJobConfig"]

    @property
    def metric(self) -> str:
        """Name of the objective metric."""
        return self.config["HyperParameterTuningJobObjective"]["MetricName"]

    @property
    def maximize(self) -> bool:
        return self.config["HyperParameterTuningJobObjective"]["Type"] == "Maximize"

    def launched(self) -> list[tuple]:
        """[(TrainingJob, its tuned hyperparameters)] in the order of their launch."""
        with self._lock:
            return list(self._launched)

    def note(self, job, combination: dict) -> None:
        """A training job was launched with this combination."""
        with self.changing():
            self._launched, self.last_modified = [*self._launched, (job, combination)], now()

    def value(self, job) -> float | None:
        """The newest value of the objective metric of a training job."""
        found = [row["Value"] for row in job.final_metrics if row["MetricName"] == self.metric]
        return found[-1] if found else None

    def request_stop(self) -> bool:
        """Mark the job Stopping; False when it has ended or is stopping already."""
        with self.changing():
            if self.status != "InProgress":
                return False
            self.status, self.last_modified = "Stopping", now()
        self.stop_requested.set()
        return True

    def end(self, status: str, reason: str | None = None, moment=None) -> None:
        """Reach the last status, with the reason of a failure. moment: when; None: now."""
        with self.changing():
            self.status, self.ended_at = status, moment or now()
            self.last_modified = self.ended_at
            self.failure_reason = reason[:MAX_FAILURE_REASON] if reason else None
        self.ended.set()

    def not_improving(self) -> int:
        """How many of the last jobs with a value, one after the other, were not 1 % better than before."""
        best, count = None, 0
        for job, _ in self.launched():
            value = self.value(job) if job.ended.is_set() else None
            if value is None:
                continue
            gain = math.inf if best is None else (value - best if self.maximize else best - value)
            count = 0 if best is None or gain >= IMPROVEMENT * abs(best) else count + 1
            best = value if gain > 0 else best
        return count

    def best(self):
        """(TrainingJob, combination) of the best Completed job with a value; None when there is none."""
        done = [
            (self.value(job), job, combination)
            for job, combination in self.launched()
            if job.status == "Completed" and self.value(job) is not None
        ]
        choose = max if self.maximize else min
        return choose(done, key=lambda row: row[0])[1:] if done else None

    def describe(self) -> dict:
        """A DescribeHyperParameterTuningJob response."""
        definition = copy.deepcopy(self.request["TrainingJobDefinition"])
        definition.setdefault("StaticHyperParameters", {})[OBJECTIVE] = self.metric
        best = self.best()
        until = self.ended_at or now()
        answer = {
            "HyperParameterTuningJobConfig": copy.deepcopy(self.config),
            "TrainingJobDefinition": definition,
            **self._state(),
            "BestTrainingJob": self.training_job_summary(*best) if best else None,
            "FailureReason": self.failure_reason,
            "TuningJobCompletionDetails": {"NumberOfTrainingJobsObjectiveNotImproving": self.not_improving()},
            "ConsumedResources": {"RuntimeInSeconds": int((until - self.created_at).total_seconds())},
        }
        return {key: value for key, value in answer.items() if value is not None}

    def summary(self) -> dict:
        """A HyperParameterTuningJobSummary."""
        limits = {"ResourceLimits": self.config["ResourceLimits"], "Strategy": self.config["Strategy"]}
        return {key: value for key, value in {**self._state(), **limits}.items() if value is not None}

    def training_job_summary(self, job, combination: dict) -> dict:
        """A HyperParameterTrainingJobSummary."""
        value, described = self.value(job), job.describe()
        objective = {**self.config["HyperParameterTuningJobObjective"], "Value": value}
        answer = {
            "TrainingJobName": job.name,
            "TrainingJobArn": job.arn,
            "CreationTime": job.created_at,
            "TrainingStartTime": described.get("TrainingStartTime"),
            "TrainingEndTime": described.get("TrainingEndTime"),
            "TrainingJobStatus": job.status,
            "TunedHyperParameters": dict(combination),
            "FailureReason": job.failure_reason,
            "FinalHyperParameterTuningJobObjectiveMetric": objective if value is not None else None,
            "ObjectiveStatus": self.objective_status(job),
        }
        answer["TrainingJobDefinitionName"] = self.request["TrainingJobDefinition"].get("DefinitionName")
        return {key: each for key, each in answer.items() if each is not None}

    def objective_status(self, job) -> str:
        """Pending, Succeeded or Failed."""
        if not job.ended.is_set():
            return "Pending"
        return "Succeeded" if job.status != "Failed" and self.value(job) is not None else "Failed"

    def _state(self) -> dict:
        jobs = [job for job, _ in self.launched()]
        states = [job.status for job in jobs]
        goals = [self.objective_status(job) for job in jobs]
        return {
            "HyperParameterTuningJobName": self.name,
            "HyperParameterTuningJobArn": self.arn,
            "HyperParameterTuningJobStatus": self.status,
            "CreationTime": self.created_at,
            "HyperParameterTuningEndTime": self.ended_at,
            "LastModifiedTime": self.last_modified,
            "TrainingJobStatusCounters": {
                "Completed": states.count("Completed"),
                "InProgress": states.count("InProgress") + states.count("Stopping"),
                "RetryableError": 0,
                "NonRetryableError": states.count("Failed"),
                "Stopped": states.count("Stopped"),
            },
            "ObjectiveStatusCounters": {
                name: goals.count(name) for name in ("Succeeded", "Pending", "Failed")
            },
        }
