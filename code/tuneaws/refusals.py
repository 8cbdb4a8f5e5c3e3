"""When AWS refuses a training job: what was refused, how to get it, and the same job on this machine.

    try:
        raw_jobs.start(sm, request)
    except JobRefused as refused:
        print(refused)                                   # what, how to get it, and the free way on
        job = local_run.run_local(request, session, because=refused)   # under a banner that says where it ran

JobRefused
├── NoQuota       CreateTrainingJob: ResourceLimitExceeded. Nothing ran, nothing is billed
├── NoPermission  CreateTrainingJob: AccessDeniedException. Nothing ran, nothing is billed
└── NoCapacity    the job was accepted and Failed: AWS had no such machine. Nothing is billed. Or the region
                  has none at all: refused at once
"""

import json
import re

from tuneaws import fixes

OFFER = "or run the same job on this machine, free: local_run.run_local(request, session, because=this error)"
QUOTAS = "https://{region}.console.aws.amazon.com/servicequotas/home/services/sagemaker/quotas"
# ResourceLimitExceeded says this of a type that the region does not have: aws/amazon-sagemaker-examples issue
# 1001 (read 2026-11).
NOT_OFFERED = "is not available in this region"
# The beginnings of FailureReason when there is no machine: CapacityError, as reported in
# github.com/DIAGNijmegen/rse-grand-challenge/issues/2631, and EC2's own word, InsufficientCapacityError, in
# github.com/aws/amazon-sagemaker-feedback/issues/99 (read 2026-11).
NO_CAPACITY = re.compile(r"(CapacityError|(EC2)?InsufficientCapacity(Error)?)\b")


class JobRefused(RuntimeError):
    """AWS did not run the job. `what` is quota, permission or capacity; `request` is what was sent."""

    what = "job"

    def __init__(self, message: str, request: dict):
        super().__init__(message)
        self.request = request


class NoQuota(JobRefused):
    """The account may not have so many instances of that type."""

    what = "quota"


class NoPermission(JobRefused):
    """These credentials, or the role, may not do it."""

    what = "permission"


class NoCapacity(JobRefused):
    """AWS has no free machine of that type."""

    what = "capacity"


def refusal_of(error, request: dict) -> JobRefused | None:
    """Return what a ClientError of CreateTrainingJob refuses, or None: then the request itself is wrong.

    error  botocore.exceptions.ClientError
    """
    code, said = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if code == "ResourceLimitExceeded":
        return _not_offered(said, request) if NOT_OFFERED in said else _no_quota(said, request)
    if code in ("AccessDeniedException", "AccessDenied"):
        return _no_permission(said, request)
    return None


def refused_after(job: dict) -> NoCapacity | None:
    """Return NoCapacity if a job (DescribeTrainingJob) failed for want of a machine, else None."""
    reason = job.get("FailureReason", "")
    if job["TrainingJobStatus"] != "Failed" or not NO_CAPACITY.match(reason):
        return None
    kind, count = _machine(job)
    return NoCapacity(
        f"AWS has no {count} x {kind} free: {job['TrainingJobName']} failed before your script ran.\n"
        f"AWS said: {reason}\n"
        f"Fix: {fixes.find(reason).text};\n{OFFER}", job)


def _not_offered(said: str, request: dict) -> NoCapacity:
    kind, _ = _machine(request)
    return NoCapacity(
        f"{_region(request)} has no {kind} for training at all. Nothing was started.\nAWS said: {said}\n"
        f"Fix: {fixes.find(said).text};\n{OFFER}", request)


def _no_quota(said: str, request: dict) -> NoQuota:
    kind, count = _machine(request)
    name = re.search(r"limit '([^']+)'", said)
    spot = "spot training job usage" if request.get("EnableManagedSpotTraining") else "training job usage"
    quota = name[1] if name else f"{kind} for {spot}"
    limit = re.search(r"is (\d+) Instances", said)
    has = f"it is {limit[1]}" if limit else "it is too small"
    region = _region(request)
    return NoQuota(
        f"the quota {quota!r} refuses this job: {has}, the job needs {count}. Nothing was started.\n"
        f"AWS said: {said}\n"
        f"Fix: ask for {count} in Service Quotas, by the name above; it is free and takes hours to days:\n"
        f"{QUOTAS.format(region=region)}\n{OFFER}", request)


def _no_permission(said: str, request: dict) -> NoPermission:
    found = re.search(r"not authorized to perform: (\S+)(?: on resource: (\S+))?", said)
    action = found[1] if found else "sagemaker:CreateTrainingJob"
    resource = (found[2] if found else None) or "*"
    policy = json.dumps(policy_for(action, resource.rstrip(".")))
    return NoPermission(
        f"these credentials may not do {action}. Nothing was started.\nAWS said: {said}\n"
        f"Fix: whoever manages the account adds this policy to your user or role:\n{policy}\n"
        f"{OFFER}", request)


def policy_for(action: str, resource: str) -> dict:
    """An IAM policy that allows one action on one resource."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    if action == "iam:PassRole":
        statement["Condition"] = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _machine(request: dict) -> tuple:
    config = request["ResourceConfig"]
    return config.get("InstanceType", "instance"), config.get("InstanceCount", 1)


def _region(request: dict) -> str:
    """The region, from the image's URI, which names it."""
    found = re.match(r"\d+\.dkr\.ecr\.([a-z0-9-]+)\.", request["AlgorithmSpecification"]["TrainingImage"])
    return found[1] if found else "us-east-1"
