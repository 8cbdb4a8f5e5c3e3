"""Runs one tuning job: launches training jobs, follows them, and says when it is over."""

import contextlib
import logging
import threading
import time

from pocketaws.errors import AwsError
from pocketaws.hyperparameter_tuning.early_stopping import lags_behind
from pocketaws.keeping import cut_off

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1
ATTEMPTS = 5  # training jobs that may fail before the first success: the reports of the message say 5
# amazon-sagemaker-examples issues 2436 and 2437; the longer form is that of 2025 (read 2026-11).
NO_SUCCESS = (
    "No training job succeeded after {} attempts. For additional details, please take a look at the training "
    "job failures by listing training jobs for the hyperparameter tuning job."
)
# For this case no report was found; chosen.
NO_METRIC = (
    "No objective metrics found after running {} training jobs. Please ensure that the custom algorithm is "
    "emitting the objective metric as defined by the regular expression provided."
)


class Runner:
    """The thread of one tuning job.

    tuning      a TuningJob        strategy    has next(tried, results), see strategies.py
    launch      number, combination → the TrainingJob it started. Raises AwsError
    stop        ends a TrainingJob     server_ends   whether the local AWS is shutting down
    """

    def __init__(self, tuning, strategy, launch, stop, server_ends=lambda: False):
        self._server_ends = server_ends
        self._tuning, self._strategy = tuning, strategy
        self._launch, self._stop = launch, stop
        limits = tuning.config["ResourceLimits"]
        self._parallel = limits["MaxParallelTrainingJobs"]
        self._most = limits.get("MaxNumberOfTrainingJobs")
        self._until = time.monotonic() + limits.get("MaxRuntimeInSeconds", float("inf"))
        self._none_left = False
        self._kept_back: dict | None = None  # a combination that a quota did not let start
        self._thread = threading.Thread(target=self._run, name=f"tuning {tuning.name}", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def _run(self) -> None:
        try:
            ending, reason = self._work()
        except AwsError as err:
            ending, reason = "Failed", f"{err.code}: {err.message}"
            self._end_all()
        except Exception as err:  # a fault of pocketaws: the tuning job says so, the server lives on
            log.exception("tuning job %s", self._tuning.name)
            ending, reason = "Failed", f"InternalServerError: pocketaws failed: {type(err).__name__}: {err}"
            self._end_all()
        if self._server_ends() and not self._tuning.stop_requested.is_set():
            ending, reason = "Failed", cut_off.TUNING  # whatever the jobs that it ended look like
        self._tuning.end(ending, reason)

    def _work(self) -> tuple[str, str | None]:
        """Launch and follow until it is over: the last status, and why it failed."""
        over: tuple[str, str | None] | None = None
        while True:
            running = self._running()
            over = over or self._reason_to_end()
            if over is None:
                self._fill(len(running))
                self._stop_laggards()
            elif running:
                self._end_all()
            running = self._running()
            if not running and (over or self._none_left):
                return over or self._outcome()
            time.sleep(LOOK_EVERY_S)

    def _running(self) -> list:
        return [job for job, _ in self._tuning.launched() if not job.ended.is_set()]

    def _fill(self, running: int) -> None:
        """Launch until so many run as may. A quota that is used up is waited for while a job runs."""
        while running < self._parallel and not self._none_left:
            launched = self._tuning.launched()
            if self._most is not None and len(launched) >= self._most:
                self._none_left = True
                return
            combination = self._kept_back or self._strategy.next(
                [each for _, each in launched], self._results()
            )
            if combination is None:
                self._none_left = True
                return
            try:
                job = self._launch(len(launched) + 1, combination)
            except AwsError as err:
                if err.code == "ResourceLimitExceeded" and running:
                    self._kept_back = combination
                    return
                raise
            self._kept_back = None
            self._tuning.note(job, combination)
            running += 1

    def _results(self) -> list[tuple[dict, float]]:
        """(combination, value) of the jobs that ended with a value; the lower the better."""
        sign = -1.0 if self._tuning.maximize else 1.0
        return [
            (combination, sign * self._tuning.value(job))
            for job, combination in self._tuning.launched()
            if self._tuning.objective_status(job) == "Succeeded"
        ]

    def _reason_to_end(self) -> tuple[str, str | None] | None:
        """The last status and the failure's reason, once there is nothing more to launch for."""
        tuning = self._tuning
        if tuning.stop_requested.is_set():
            return "Stopped", None
        if time.monotonic() >= self._until:  # which of the statuses is not documented; chosen
            return "Stopped", None
        ended = [job for job, _ in tuning.launched() if job.ended.is_set()]
        if len(ended) >= ATTEMPTS and self._failure():
            return "Failed", self._failure()
        criteria = tuning.config.get("TuningJobCompletionCriteria", {})
        best, target = tuning.best(), criteria.get("TargetObjectiveMetricValue")
        if best and target is not None:
            value = tuning.value(best[0])
            if value >= target if tuning.maximize else value <= target:
                return "Completed", None
        patience = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
        if patience is not None and tuning.not_improving() >= patience:
            return "Completed", None
        return None

    def _failure(self) -> str | None:
        """Why the training jobs that have ended are of no use; None when one of them is."""
        ended = [job for job, _ in self._tuning.launched() if job.ended.is_set()]
        if any(self._tuning.objective_status(job) == "Succeeded" for job in ended):
            return None
        without = any(job.status == "Completed" for job in ended)
        return (NO_METRIC if without else NO_SUCCESS).format(len(ended))

    def _outcome(self) -> tuple[str, str | None]:
        reason = self._failure()
        return ("Failed", reason) if reason else ("Completed", None)

    def _stop_laggards(self) -> None:
        """With early stopping, end jobs that are worse than those before were at that point."""
        tuning = self._tuning
        if tuning.config.get("TrainingJobEarlyStoppingType") != "Auto":
            return
        values = {job.arn: [value for _, _, value in job.metrics.points(tuning.metric)]
                  for job, _ in tuning.launched()}  # fmt: skip
        earlier = [values[job.arn] for job, _ in tuning.launched() if job.status == "Completed"]
        for job in self._running():
            if job.status == "InProgress" and lags_behind(values[job.arn], earlier, tuning.maximize):
                self._stop(job)

    def _end_all(self) -> None:
        """Stop what runs. A server that is shutting down ends the jobs itself, and says so by an AwsError."""
        for job in self._running():
            if job.status != "Stopping":
                with contextlib.suppress(AwsError):
                    self._stop(job)
