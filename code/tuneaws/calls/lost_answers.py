"""Was it this call's own doing that AWS now refuses to do again?

The answer to a CreateTrainingJob is lost: the connection broke, or a 500 came although the job was made. The
next attempt gets "the name is taken". Where what has the name was made since the first attempt, and is what
was asked for, that is the answer; in every other case the error stands.

Where AWS takes a token (ClientToken, clientRequestToken) botocore sends the same one with each attempt, and
AWS does this itself.
"""

import json
import re
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from botocore.exceptions import BotoCoreError, ClientError

CLOCKS_S = 5  # by which two of AWS's machines may differ, at most; chosen
TAKEN = re.compile(r"ResourceInUse|EntityAlreadyExists|BucketAlreadyOwnedByYou|AlreadyExists|already exist")
GONE = re.compile(
    r"ResourceNotFound|NoSuchEntity|NoSuchBucket|NoSuchKey|NoSuchUpload|NotFoundException"
    r"|Could not find|does not exist|was not found|not found"
)
DELETES = ("Delete", "Detach", "Disassociate", "Abort", "Remove")
STOPPING = re.compile(r"in status (Stopping|Stopped)")
UPDATING = re.compile(r"in-progress endpoint|currently in use endpoint configuration")


@dataclass(frozen=True)
class Look:
    """How what has a name is looked up.

    describe  the operation that does      names  the members that are its request
    within    the member of its answer that holds it all, "" for the answer itself
    created   the member that says when it was made
    """

    describe: str
    names: tuple
    within: str = ""
    created: str = "CreationTime"


CREATES = {
    ("sagemaker", "CreateTrainingJob"): Look("DescribeTrainingJob", ("TrainingJobName",)),
    ("sagemaker", "CreateHyperParameterTuningJob"): Look("DescribeHyperParameterTuningJob",
                                                         ("HyperParameterTuningJobName",)),
    ("sagemaker", "CreateProcessingJob"): Look("DescribeProcessingJob", ("ProcessingJobName",)),
    ("sagemaker", "CreateTransformJob"): Look("DescribeTransformJob", ("TransformJobName",)),
    ("sagemaker", "CreateModel"): Look("DescribeModel", ("ModelName",)),
    ("sagemaker", "CreateEndpointConfig"): Look("DescribeEndpointConfig", ("EndpointConfigName",)),
    ("sagemaker", "CreateEndpoint"): Look("DescribeEndpoint", ("EndpointName",)),
    ("sagemaker", "CreateModelPackageGroup"): Look("DescribeModelPackageGroup", ("ModelPackageGroupName",)),
    ("sagemaker", "CreateExperiment"): Look("DescribeExperiment", ("ExperimentName",)),
    ("sagemaker", "CreateTrial"): Look("DescribeTrial", ("TrialName",)),
    ("sagemaker", "CreateTrialComponent"): Look("DescribeTrialComponent", ("TrialComponentName",)),
    ("iam", "CreateRole"): Look("GetRole", ("RoleName",), "Role", "CreateDate"),
    ("iam", "CreateUser"): Look("GetUser", ("UserName",), "User", "CreateDate"),
}  # fmt: skip


def look(client, operation: str, asked: dict, error: ClientError, call) -> dict | None:
    """The answer that was lost, or None if the error is not its echo.

    client    the boto3 client that made the call: it is asked what there is
    asked     the call's members          call  retrying.Call, with an attempt whose answer did not come
    """
    said = f"{error.response['Error'].get('Code')}: {error.response['Error'].get('Message')}"
    service, meta = client.meta.service_model.service_name, error.response.get("ResponseMetadata", {})
    try:
        if operation.startswith(DELETES) and (GONE.search(said) or _deleting(client, operation, asked)):
            return {"ResponseMetadata": meta}
        if operation.startswith("Stop") and STOPPING.search(said):
            return {"ResponseMetadata": meta}
        if operation.startswith("UpdateEndpoint") and UPDATING.search(said):
            return _updated(client, asked, error, call)
        if (service, operation) == ("s3", "CreateBucket") and "BucketAlreadyOwnedByYou" in said:
            return {"Location": f"/{asked['Bucket']}", "ResponseMetadata": meta}
        if (service, operation) in CREATES and TAKEN.search(said):
            return _created(client, operation, asked, error, call)
    except (ClientError, BotoCoreError):  # it may not be looked at, or is gone: the first error stands
        return None
    return None


def same(asked, found) -> bool:
    """Whether what was found is what was asked for, in every member that both have.

    Tags and tokens are not described, defaults are not asked for; a policy is text in one and parsed in the
    other.
    """
    if isinstance(asked, dict) and isinstance(found, dict):
        return all(same(value, found[key]) for key, value in asked.items() if key in found)
    if isinstance(asked, list | tuple) and isinstance(found, list | tuple):
        return len(asked) == len(found) and all(map(same, asked, found))
    if isinstance(asked, str) and isinstance(found, dict):
        return json.loads(asked) == found
    return asked == found or str(asked) == str(found)


def _created(client, operation: str, asked: dict, error: ClientError, call) -> dict | None:
    how = CREATES[client.meta.service_model.service_name, operation]
    answer = _ask(client, how.describe, {name: asked[name] for name in how.names})
    found = answer[how.within] if how.within else answer
    if not same(asked, found) or not _since(found[how.created], error, call):
        return None
    members = client.meta.service_model.operation_model(operation).output_shape.members
    return {**{name: answer[name] for name in members if name in answer},
            "ResponseMetadata": answer["ResponseMetadata"]}  # fmt: skip


def _updated(client, asked: dict, error: ClientError, call) -> dict | None:
    found = _ask(client, "DescribeEndpoint", {"EndpointName": asked["EndpointName"]})
    if not _since(found["LastModifiedTime"], error, call):
        return None
    wanted = asked.get("EndpointConfigName")
    pending = found.get("PendingDeploymentSummary", {}).get("EndpointConfigName")
    if wanted and wanted not in (pending, found.get("EndpointConfigName")):
        return None
    return {"EndpointArn": found["EndpointArn"], "ResponseMetadata": found["ResponseMetadata"]}


def _deleting(client, operation: str, asked: dict) -> bool:
    """An endpoint that is being deleted is refused as any that is in work."""
    if operation != "DeleteEndpoint":
        return False
    return _ask(client, "DescribeEndpoint", asked)["EndpointStatus"] == "Deleting"


def _ask(client, operation: str, members: dict) -> dict:
    return client._make_api_call(operation, members)


def _since(created: datetime, error: ClientError, call) -> bool:
    """Whether something was made no longer ago than this call's first attempt, by AWS's own clock."""
    date = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    now = parsedate_to_datetime(date) if date else datetime.now(timezone.utc)
    return (now - created).total_seconds() <= time.monotonic() - call.started + CLOCKS_S
