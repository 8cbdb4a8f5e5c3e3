"""One model customization job: the request that made it, and its state while it runs.

The API side (CreateModelCustomizationJob, Get, Stop) and the engine that tunes share this object. It starts
no process and talks to nobody. Who does what:

    API      CustomizationJob(...)          InProgress, every phase NotStarted
             request_stop()                 Stopping, `stop_requested` set
    engine   begin("validation")            the phase is InProgress
             end("validation")              the phase is Completed
             begin("dataProcessing"), …     then "training"
             finished(job, folder, losses)  the API makes the custom model and calls complete()
             fail("line 3: …")              Failed, and the phase that was InProgress too
             stopped()                      Stopped, and the phase that was Stopping too

Statuses and phases are those of API_GetModelCustomizationJob and API_StatusDetails (read 2026-11).
"""

import copy
import threading

from pocketaws.bedrock.tables import MAX_FAILURE_MESSAGE, Resource
from pocketaws.sagemaker.job import now

PHASES = ("validation", "dataProcessing", "training")
ENDED = ("Completed", "Failed", "Stopped")
# Members of CreateModelCustomizationJob that Get gives back as they came.
ECHOED = ("jobName", "clientRequestToken", "roleArn", "trainingDataConfig", "outputDataConfig", "vpcConfig",
          "customizationConfig")  # fmt: skip


class CustomizationJob(Resource):
    """A customization job's request and state. Every method may be called from any thread.

    request          the members of a validated CreateModelCustomizationJob; not to be changed
    base_model       foundation_models.FoundationModel: .id, .family, .limits
    hyperparameters  {name: text}, those that were left out with their defaults
    id               the 12 characters at the end of `arn`: results go to model-customization-job-<id>/
    phases           {phase: NotStarted | InProgress | Completed | Failed | Stopping | Stopped}
    `ended` is set after the last move, `stop_requested` when somebody asked to stop.
    """

    KEPT = (
        *Resource.KEPT, "request", "base_model", "hyperparameters", "status", "phases", "_times", "ended_at",
        "failure_message", "training_loss", "validation_losses", "output_model_arn",
    )  # fmt: skip
    status = ""

    def __init__(self, request: dict, base_model, hyperparameters: dict, region: str, account: str):
        super().__init__("model-customization-job", request["jobName"], region, account,
                         request.get("jobTags"), prefix=f"{base_model.id}/")  # fmt: skip
        self.request, self.base_model, self.hyperparameters = request, base_model, dict(hyperparameters)
        self.token = request.get("clientRequestToken")
        self.status = "InProgress"
        self.phases = dict.fromkeys(PHASES, "NotStarted")
        self._times: dict[str, dict] = {}
        self.ended_at = None
        self.failure_message = ""
        self.training_loss: float | None = None
        self.validation_losses: list[float] = []
        self.output_model_arn: str | None = None

    def unkept(self) -> None:
        """Locks and events."""
        super().unkept()
        self.ended, self.stop_requested = threading.Event(), threading.Event()
        if self.status in ENDED:
            self.ended.set()
        elif self.status == "Stopping":
            self.stop_requested.set()

    @property
    def training_uri(self) -> str:
        """The S3 URI of the training file."""
        return self.request["trainingDataConfig"]["s3Uri"]

    @property
    def validation_uris(self) -> list[str]:
        """The S3 URIs of the validation files, often none."""
        return [each["s3Uri"] for each in self.request.get("validationDataConfig", {}).get("validators", [])]

    @property
    def output_uri(self) -> str:
        """Where the job writes, without a slash at the end: s3://…/model-customization-job-<id>."""
        return f"{self.request['outputDataConfig']['s3Uri'].rstrip('/')}/model-customization-job-{self.id}"

    def begin(self, phase: str) -> bool:
        """Start a phase. False, and nothing happens, when the job has ended or is stopping."""
        with self.changing():
            if self.ended.is_set() or self.stop_requested.is_set():
                return False
            self._set(phase, "InProgress")
            return True

    def end(self, phase: str) -> bool:
        """Complete a phase. False, and nothing happens, when the job has ended or is stopping."""
        with self.changing():
            if self.ended.is_set() or self.stop_requested.is_set():
                return False
            self._set(phase, "Completed")
            return True

    def fail(self, message: str, moment=None) -> bool:
        """End the job as Failed; message, cut to AWS's 2,048 characters, becomes failureMessage.

        moment   when it happened; None: now
        """
        with self.changing():
            if not self._end("Failed", moment):
                return False
            self.failure_message = message[:MAX_FAILURE_MESSAGE]
            return True

    def complete(self, training_loss: float, validation_losses: list[float], output_model: str) -> bool:
        """End the job as Completed. output_model: the ARN of the custom model that it made."""
        with self.changing():
            if self.stop_requested.is_set() or not self._end("Completed"):
                return False
            self.training_loss, self.validation_losses = training_loss, list(validation_losses)
            self.output_model_arn = output_model
            return True

    def request_stop(self) -> bool:
        """Mark the job and its running phase Stopping; False when it has ended or is stopping already."""
        with self.changing():
            if self.ended.is_set() or self.stop_requested.is_set():
                return False
            self.status, self.last_modified = "Stopping", now()
            self._replace("InProgress", "Stopping")
            self.stop_requested.set()
            return True

    def stopped(self, moment=None) -> bool:
        """End a job that was asked to stop. moment: when it happened; None: now."""
        with self.changing():
            return self._end("Stopped", moment)

    def _end(self, status: str, moment=None) -> bool:
        if self.ended.is_set():
            return False
        moment = moment or now()
        self.status = status
        for running in ("InProgress", "Stopping"):
            self._replace(running, status, moment)
        self.last_modified = self.ended_at = moment
        self.ended.set()
        return True

    def _set(self, phase: str, status: str, moment=None) -> None:
        if phase not in self.phases:
            raise ValueError(f"{phase!r} is not a phase; one of {', '.join(PHASES)}")
        moment = moment or now()
        self.phases[phase] = status
        self._times.setdefault(phase, {"creationTime": moment})["lastModifiedTime"] = moment
        self.last_modified = moment

    def _replace(self, old: str, new: str, moment=None) -> None:
        for phase, status in self.phases.items():
            if status == old:
                self._set(phase, new, moment)

    def status_details(self) -> dict:
        """A StatusDetails: {"validationDetails": {"status": "Completed", …}, …}."""
        with self._lock:
            return {
                f"{phase}Details": {"status": status, **self._times.get(phase, {})}
                for phase, status in self.phases.items()
            }

    def describe(self) -> dict:
        """A GetModelCustomizationJob response: request members as they came, then the state."""
        with self._lock:
            answer = {key: self.request[key] for key in ECHOED if key in self.request}
            losses = [{"validationLoss": loss} for loss in self.validation_losses]
            answer.update(
                jobArn=self.arn,
                outputModelName=self.request["customModelName"],
                outputModelArn=self.output_model_arn,
                status=self.status,
                statusDetails=self.status_details(),
                failureMessage=self.failure_message or None,
                creationTime=self.created_at,
                lastModifiedTime=self.last_modified,
                endTime=self.ended_at,
                baseModelArn=self.base_model.arn(self.region),
                hyperParameters=self.hyperparameters,
                validationDataConfig=self.request.get("validationDataConfig", {"validators": []}),
                customizationType=self.request.get("customizationType", "FINE_TUNING"),
                trainingMetrics=None if self.training_loss is None else {"trainingLoss": self.training_loss},
                validationMetrics=losses or None,
            )
            return copy.deepcopy({key: value for key, value in answer.items() if value is not None})
