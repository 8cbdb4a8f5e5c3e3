"""The model registry: which models there are, how good each is, and which may be served.

    arn = register(sm, "tuneaws-summaries", container, metrics=report.metrics(), tags=cfg.project.tag_list())
    table(versions(sm, "tuneaws-summaries"))
    approve(sm, arn, "ROUGE-1 9 points over the base, intervals apart")
    endpoints.deploy_version(cfg, session, newest_approved(sm, "tuneaws-summaries"))

A group holds the versions of one model, counted from 1. A version is a note of image, model and environment
with its metrics, and waits for somebody to approve it. It costs nothing beside the archive in S3.
"""

from __future__ import annotations

import json
import re
import time

from botocore.exceptions import ClientError

from tuneaws.endpoints import life
from tuneaws.estimator import hosting_request

MAX_METRICS = 50  # CustomerMetadataProperties; a value has at most 256 characters (botocore 1.44.5)
JSON = "application/json"
TIMES = re.compile(r"^(s|usd)_per_|_s$")  # s_per_row, call_p50_s, usd_per_1000: see evaluate


class RegistryError(RuntimeError):
    """There is no such group or version, or it can't be used; the message says why and what to do."""


def ensure_group(sm, group: str, tags: list = (), description: str = "") -> str:
    """Create the group if it is not there; return its ARN. Versions take its tags, and none of their own."""
    try:
        found = sm.describe_model_package_group(ModelPackageGroupName=group)
        return found["ModelPackageGroupArn"]
    except ClientError as err:
        if "does not exist" not in err.response["Error"]["Message"]:
            raise
    about = {"ModelPackageGroupDescription": description} if description else {}
    return sm.create_model_package_group(ModelPackageGroupName=group, Tags=list(tags),
                                         **about)["ModelPackageGroupArn"]


def metadata(metrics: dict) -> dict:
    """Numbers and short texts as CustomerMetadataProperties: {"rouge1_f1": "43.21"}; None is left out.

    Raises  ValueError for more than 50, AWS's limit
    """
    texts = {str(name): f"{value:.6g}" if isinstance(value, float) else str(value)
             for name, value in metrics.items() if value is not None}
    if len(texts) > MAX_METRICS:
        raise ValueError(f"{len(texts)} metrics are more than the {MAX_METRICS} that a version takes.\n"
                         "Fix: give the ones that you decide by")
    return {name: text[:256] for name, text in texts.items()}


def version_request(group: str, container: dict, metrics: dict | None = None, metrics_uri: str | None = None,
                    description: str = "") -> dict:
    """The CreateModelPackage request; nothing is sent.

    container    ContainerDefinition with Image, ModelDataUrl and Environment, see endpoints.container_from()
    metrics      {name: number}, shown beside the version
    metrics_uri  s3://… of a JSON file with all of them: its ModelMetrics
    """
    if "Image" not in container:
        raise ValueError(f"a version needs an image and a model of its own, not {container}")
    more = {"CustomerMetadataProperties": metadata(metrics)} if metrics else {}
    if metrics_uri:
        more["ModelMetrics"] = {"ModelQuality": {"Statistics": {"ContentType": JSON, "S3Uri": metrics_uri}}}
    if description:
        more["ModelPackageDescription"] = description[:1024]
    return hosting_request.model_package_request(container, group=group, content_types=[JSON],
                                                 response_types=[JSON], **more)


def upload_metrics(s3, bucket: str, group: str, metrics: dict) -> str:
    """Write the metrics as JSON to s3://bucket/registry/<group>/<time>.json and return that address."""
    key = f"registry/{group}/{time.strftime('%Y-%m-%d-%H-%M-%S', time.gmtime())}-metrics.json"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(metrics, indent=2).encode(), ContentType=JSON)
    return f"s3://{bucket}/{key}"


def register(sm, group: str, container: dict, metrics: dict | None = None, tags: list = (), s3=None,
             bucket: str | None = None, description: str = "", timeout_s: float = 60) -> str:
    """Register a model as the next version of a group, made if it is not there; return its ARN.

    metrics     {name: number}, such as the report's metrics()
    s3, bucket  given, the metrics also go there as a file, and the version points to it
    What the group's newest version is already (container, description, metrics but for the times) is not
    registered again: its ARN is returned. A new version is PendingManualApproval until approve() or reject().
    Raises RegistryError if it can't be made.
    """
    ensure_group(sm, group, tags)
    already = _newest_if_same(sm, group, version_request(group, container, metrics, None, description))
    if already:
        version, status = already["ModelPackageVersion"], already["ModelApprovalStatus"]
        print(f"{group} version {version} is this already: {status}")
        return already["ModelPackageArn"]
    uri = upload_metrics(s3, bucket, group, metrics) if metrics and s3 and bucket else None
    request = version_request(group, container, metrics, uri, description)
    arn = sm.create_model_package(**request)["ModelPackageArn"]
    found, deadline = sm.describe_model_package(ModelPackageName=arn), time.monotonic() + timeout_s
    while found["ModelPackageStatus"] in ("Pending", "InProgress") and time.monotonic() < deadline:
        time.sleep(0.2)
        found = sm.describe_model_package(ModelPackageName=arn)
    if found["ModelPackageStatus"] != "Completed":
        details = found.get("ModelPackageStatusDetails")
        raise RegistryError(f"{arn} is {found['ModelPackageStatus']}: {details}\n"
                            "Fix: is the image in your region, and the archive in S3?")
    print(f"registered {group} version {found['ModelPackageVersion']}: {found['ModelApprovalStatus']}")
    return arn


def _newest_if_same(sm, group: str, request: dict) -> dict | None:
    """The description of the group's newest version if it is what the request would make."""
    page = sm.list_model_packages(ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending",
                                  ModelPackageType="Versioned", MaxResults=1)
    for summary in page["ModelPackageSummaryList"]:
        found = sm.describe_model_package(ModelPackageName=summary["ModelPackageArn"])
        there = found["InferenceSpecification"]["Containers"]
        wanted = request["InferenceSpecification"]["Containers"]
        same = len(there) == len(wanted) and all(
            {key: one.get(key) for key in asked} == asked for one, asked in zip(there, wanted, strict=True))
        alike = found.get("ModelPackageDescription") == request.get("ModelPackageDescription")
        if same and alike and _quality(found) == _quality(request):
            return found if found["ModelPackageStatus"] != "Failed" else None
    return None


def _quality(version: dict) -> dict:
    """The metrics that a second measurement repeats: all but the times and what is reckoned from them."""
    told = version.get("CustomerMetadataProperties", {})
    return {name: text for name, text in told.items() if not TIMES.search(name)}


def versions(sm, group: str, metrics: tuple = ()) -> list:
    """One row for each version of a group, newest first: version, approval, metrics, when, ARN last.

    metrics  the names to show; (): the first four of the newest version
    """
    try:
        pages = sm.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending")
        arns = [one["ModelPackageArn"] for page in pages for one in page["ModelPackageSummaryList"]]
    except ClientError as err:
        raise _no_group(group, err) from err
    found = [sm.describe_model_package(ModelPackageName=arn) for arn in arns]
    found.sort(key=lambda one: -one["ModelPackageVersion"])
    names = metrics or (list(found[0].get("CustomerMetadataProperties", {}))[:4] if found else ())
    return [{"version": one["ModelPackageVersion"], "approval": one["ModelApprovalStatus"],
             **{name: one.get("CustomerMetadataProperties", {}).get(name) for name in names},
             "created": f"{one['CreationTime']:%Y-%m-%d %H:%M}", "arn": one["ModelPackageArn"]}
            for one in found]


def approve(sm, arn: str, why: str) -> None:
    """Say that a version may be served, and why: whoever comes later reads it."""
    _decide(sm, arn, "Approved", why)


def reject(sm, arn: str, why: str) -> None:
    """Say that a version may not be served, and why."""
    _decide(sm, arn, "Rejected", why)


def newest_approved(sm, group: str) -> str:
    """The ARN of the newest approved version. Raises RegistryError when there is none."""
    rows = versions(sm, group)
    for row in rows:
        if row["approval"] == "Approved":
            return row["arn"]
    raise RegistryError(f"none of the {len(rows)} versions of {group} is approved.\n"
                        "Fix: look at versions(sm, group), then approve(sm, arn, \"why\")")


def delete_group(sm, group: str) -> int:
    """Delete a group with its versions; return how many there were. Endpoints that run stay as they are."""
    rows = versions(sm, group)
    for row in rows:
        sm.delete_model_package(ModelPackageName=row["arn"])
    sm.delete_model_package_group(ModelPackageGroupName=group)
    return len(rows)


def find_groups(sm, tags: dict) -> list:
    """The names of the groups that carry all `tags`, newest first."""
    pages = sm.get_paginator("list_model_package_groups").paginate(SortBy="CreationTime",
                                                                   SortOrder="Descending")
    groups = [one for page in pages for one in page["ModelPackageGroupSummaryList"]]
    return [one["ModelPackageGroupName"] for one in groups
            if tags.items() <= life.tags_of(sm, one["ModelPackageGroupArn"]).items()]


def _decide(sm, arn: str, status: str, why: str) -> None:
    try:
        sm.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status,
                                ApprovalDescription=why[:1024])
    except ClientError as err:
        if "does not exist" not in err.response["Error"]["Message"]:
            raise
        fix = "registry.versions(sm, group) lists them"
        raise RegistryError(f"there is no version {arn}.\nFix: {fix}") from err
    print(f"{arn.rpartition(':')[2]}: {status}. {why}")


def _no_group(group: str, err: ClientError) -> Exception:
    if "does not exist" not in err.response["Error"]["Message"]:
        return err
    return RegistryError(f"there is no model package group {group!r}.\n"
                         "Fix: registry.register() makes it with its first version")
