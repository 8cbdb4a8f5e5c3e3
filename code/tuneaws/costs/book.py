"""The ledger's file: one JSON line for each thing that was made, changed, deleted, asked or settled.

    book = Book.of(facts)               # <course>/.tuneaws/ledger.jsonl, in local <home>/ledger.jsonl
    book.add({"event": "made", "what": "training job", "name": "tuneaws-1", ...})
    book.entries()

Only appended to, a line a write, so that two notebooks do not mix their lines and a kill leaves whole ones. A
line that can't be read costs that line. It holds names, tags and prices; no data, no answer, no credentials.
"""

from __future__ import annotations

import json
import os
import threading
from datetime import datetime, timezone
from pathlib import Path

# (service, operation): (what, the member that names it, the member of the answer with its ARN)
MADE = {
    ("sagemaker", "CreateTrainingJob"): ("training job", "TrainingJobName", "TrainingJobArn"),
    ("sagemaker", "CreateHyperParameterTuningJob"):
        ("tuning job", "HyperParameterTuningJobName", "HyperParameterTuningJobArn"),
    ("sagemaker", "CreateModel"): ("model", "ModelName", "ModelArn"),
    ("sagemaker", "CreateEndpointConfig"):
        ("endpoint configuration", "EndpointConfigName", "EndpointConfigArn"),
    ("sagemaker", "CreateEndpoint"): ("endpoint", "EndpointName", "EndpointArn"),
    ("sagemaker", "CreateModelPackageGroup"):
        ("model package group", "ModelPackageGroupName", "ModelPackageGroupArn"),
    ("sagemaker", "CreateModelPackage"): ("model package", "ModelPackageGroupName", "ModelPackageArn"),
    ("sagemaker", "CreateExperiment"): ("experiment", "ExperimentName", "ExperimentArn"),
    ("sagemaker", "CreateProcessingJob"): ("processing job", "ProcessingJobName", "ProcessingJobArn"),
    ("bedrock", "CreateModelCustomizationJob"): ("customization job", "jobName", "jobArn"),
    ("bedrock", "CreateModelImportJob"): ("import job", "jobName", "jobArn"),
    ("bedrock", "CreateCustomModelDeployment"):
        ("deployment", "modelDeploymentName", "customModelDeploymentArn"),
    ("bedrock", "CreateProvisionedModelThroughput"):
        ("provisioned throughput", "provisionedModelName", "provisionedModelArn"),
    ("s3", "CreateBucket"): ("bucket", "Bucket", None),
    ("iam", "CreateRole"): ("role", "RoleName", None),
    ("secretsmanager", "CreateSecret"): ("secret", "Name", "ARN"),
}
# (service, operation): (what, the member that names it). It costs more or less from then on, or costs longer.
CHANGED = {
    ("sagemaker", "UpdateEndpoint"): ("endpoint", "EndpointName"),
    ("sagemaker", "UpdateEndpointWeightsAndCapacities"): ("endpoint", "EndpointName"),
    ("sagemaker", "UpdateTrainingJob"): ("training job", "TrainingJobName"),
    ("application-autoscaling", "RegisterScalableTarget"): ("endpoint", "ResourceId"),
}
# (service, operation): (what, the member that names it, by name or ARN)
ENDED = {
    ("sagemaker", "DeleteModel"): ("model", "ModelName"),
    ("sagemaker", "DeleteEndpointConfig"): ("endpoint configuration", "EndpointConfigName"),
    ("sagemaker", "DeleteEndpoint"): ("endpoint", "EndpointName"),
    ("sagemaker", "DeleteModelPackageGroup"): ("model package group", "ModelPackageGroupName"),
    ("sagemaker", "DeleteModelPackage"): ("model package", "ModelPackageName"),
    ("sagemaker", "DeleteExperiment"): ("experiment", "ExperimentName"),
    ("bedrock", "DeleteCustomModelDeployment"): ("deployment", "customModelDeploymentIdentifier"),
    ("bedrock", "DeleteProvisionedModelThroughput"): ("provisioned throughput", "provisionedModelId"),
    ("bedrock", "DeleteCustomModel"): ("custom model", "modelIdentifier"),
    ("bedrock", "DeleteImportedModel"): ("imported model", "modelIdentifier"),
    ("s3", "DeleteBucket"): ("bucket", "Bucket"),
    ("iam", "DeleteRole"): ("role", "RoleName"),
    ("secretsmanager", "DeleteSecret"): ("secret", "SecretId"),
}


class Book:
    """The lines of one file. May be used by any thread and any process.

    account  written into each line, and only its lines are read; None: all of them
    """

    def __init__(self, path: Path, account: str | None = None):
        self.path, self._account = Path(path), account
        self._entries, self._at, self._lock = [], 0, threading.Lock()

    @classmethod
    def of(cls, facts) -> Book:
        """The book of these calls. facts: tuneaws.calls.Facts, or a session."""
        return cls(path_of(facts), facts.account)

    def add(self, entry: dict) -> None:
        """Append one entry, with the time if it has none."""
        whose = {"account": self._account} if self._account else {}
        line = json.dumps({"at": now(), **whose, **entry}, default=str) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    def entries(self) -> list:
        """All entries, oldest first; [] when there is no file yet. Only what is new is read."""
        with self._lock:
            try:
                with self.path.open("rb") as file:
                    file.seek(self._at)
                    new = file.read()
            except FileNotFoundError:
                return []
            whole = new[:new.rfind(b"\n") + 1]
            self._at += len(whole)
            lines = whole.decode("utf-8", "replace").splitlines()
            read = [entry for line in lines if (entry := _read(line)) is not None]
            self._entries += [one for one in read if self._account in (None, one.get("account"))]
            return list(self._entries)


def path_of(facts) -> Path:
    """Where the ledger of these calls lies. facts: tuneaws.calls.Facts, or a session."""
    from tuneaws.config import course_root

    return (Path(facts.home) if facts.where == "local" else course_root() / ".tuneaws") / "ledger.jsonl"


def made(service: str, operation: str, params: dict, answer: dict) -> dict | None:
    """The entry for a call that made something; None for other calls. Pure."""
    if (service, operation) not in MADE:
        return None
    what, member, arn = MADE[service, operation]
    tags = _tags(params)
    return {"event": "made", "what": what, "name": str(params.get(member)),
            "arn": answer.get(arn) if arn else None, "learner": tags.get("learner"),
            "lesson": tags.get("lesson"), "tags": tags, **_machines(params)}


def changed(service: str, operation: str, params: dict) -> dict | None:
    """The entry for a call that changed what a thing costs; None for other calls. Pure."""
    if (service, operation) not in CHANGED or params.get("ServiceNamespace", "sagemaker") != "sagemaker":
        return None
    what, member = CHANGED[service, operation]
    name = str(params.get(member)).removeprefix("endpoint/").partition("/variant/")[0]
    return {"event": "changed", "what": what, "name": name, **_machines(params)}


def ended(service: str, operation: str, params: dict) -> dict | None:
    """The entry for a call that deleted something; None for other calls."""
    if (service, operation) not in ENDED:
        return None
    what, member = ENDED[service, operation]
    return {"event": "ended", "what": what, "name": str(params.get(member))}


def now() -> str:
    """The time as it stands in the file: UTC, to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _tags(params: dict) -> dict:
    """{name: value} of a request's tags, however its service calls them."""
    rows = next((params[key] for key in ("Tags", "tags", "jobTags") if params.get(key)), [])
    if not isinstance(rows, list):
        return {}
    pairs = [(row.get("Key", row.get("key")), row.get("Value", row.get("value"))) for row in rows]
    return dict(pairs)


def _machines(params: dict) -> dict:
    """What a request says of machines: [[type, how many], …], or the name of an endpoint's configuration."""
    resources = params.get("ResourceConfig") or {}
    ones = [*(resources.get("InstanceGroups") or [resources]), *params.get("ProductionVariants", [])]
    found = [[one["InstanceType"], one.get("InstanceCount", one.get("InitialInstanceCount", 1))]
             for one in ones if "InstanceType" in one]
    if found:
        return {"machines": found, "type": ", ".join(dict.fromkeys(kind for kind, _ in found)),
                "count": sum(count for _, count in found)}
    endpoint = {"EndpointName", "EndpointConfigName"} <= params.keys()
    return {"config": params["EndpointConfigName"]} if endpoint else {}


def _read(line: str) -> dict | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and {"at", "event"} <= entry.keys() else None
