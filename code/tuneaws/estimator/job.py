"""A training job that was started: what SDK 2 calls estimator.latest_training_job."""

from __future__ import annotations

from botocore.config import Config
from botocore.exceptions import ClientError

from tuneaws.estimator.follow import follow, raise_if_failed, summary
from tuneaws.logs import log_lines

LOG_CHOICES = {True: "All", False: "None", None: "None"}
TAIL = 50  # lines of a failed job's log in which its error is looked for
SHOWS_LOG = {"All": True, "Training": True, "Rules": False, "None": False}


class TrainingJob:
    """One job by its name. It lives in AWS, not here: any program with the name can make one of these."""

    def __init__(self, sagemaker_session, job_name: str):
        self.sagemaker_session = sagemaker_session
        self.job_name = job_name

    def __repr__(self) -> str:
        return f"TrainingJob({self.job_name!r})"

    @property
    def name(self) -> str:
        """The job's name."""
        return self.job_name

    def describe(self) -> dict:
        """What DescribeTrainingJob answers."""
        return self.sagemaker_session.sagemaker_client.describe_training_job(TrainingJobName=self.name)

    def wait(self, logs: str | bool | None = "All") -> None:
        """Print what the job does until it has ended.

        logs    "All" or "Training" or True: status changes and log lines; "None", "Rules" or False: statuses
        Raises  sagemaker.core.exceptions.UnexpectedStatusException if the job failed. Ctrl-C stops the
                watching, not the job.
        """
        show_log = shows_log(logs)
        patient = Config(retries={"max_attempts": 15})  # a passing fault must not end an hour of watching
        client = self.sagemaker_session.boto_session.client("logs", config=patient)
        try:
            description = follow(self.sagemaker_session.sagemaker_client, client, self.name, show_log)
        except KeyboardInterrupt:
            print(
                f"\nYou stopped watching. {self.name} goes on, and is billed on AWS. Watch again: "
                "estimator.logs(); stop it: estimator.latest_training_job.stop()."
            )
            raise
        failed = description["TrainingJobStatus"] == "Failed"
        raise_if_failed(description, log_lines(client, self.name, TAIL) if failed and show_log else ())
        if last := summary(description):
            print(last)

    def stop(self) -> None:
        """Ask for the job to stop: SIGTERM, and SIGKILL after 120 s. A job that has ended is left alone."""
        try:
            self.sagemaker_session.sagemaker_client.stop_training_job(TrainingJobName=self.name)
        except ClientError as err:
            if err.response["Error"]["Code"] != "ValidationException":
                raise
            status = self.describe()["TrainingJobStatus"]
            print(f"{self.name} is not running: {status}.")


def shows_log(logs: str | bool | None) -> bool:
    """Whether this value of fit(logs=…) asks for log lines. Raises ValueError for a word it does not know."""
    choice = LOG_CHOICES[logs] if isinstance(logs, bool | None) else logs
    if not isinstance(choice, str) or choice not in SHOWS_LOG:
        raise ValueError(f'logs={logs!r}. Fix: "All", "Training", "Rules", "None", True or False.')
    return SHOWS_LOG[choice]
