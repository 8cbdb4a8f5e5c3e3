"""Versions of a model in the model registry: Create, Describe, BatchDescribe, List, Update, Delete.

The registry stores what it is told and gives it back; what it acts on is the version number, the approval,
and the container that a model made from a version runs. Version numbers start at 1 and go up by one
(developer guide, "Model Registry Models, Model Versions, and Model Groups"); a version has to be Approved to
deploy it (API_CreateModelPackage). Wording of a version that is not there: aws-controllers-k8s/
sagemaker-controller generator.yaml and a report of DescribeModelPackage's answer. All read 2026-11.
"""

import copy

from pocketaws.errors import AwsError, not_here, validation_error
from pocketaws.operations import operation
from pocketaws.sagemaker import hosting_checks as checks
from pocketaws.sagemaker.job import now
from pocketaws.sagemaker.model_package_groups import ModelPackageGroup, group_of
from pocketaws.sagemaker.table import ARN, Resource, arn_of, select

SHOWN = (
    "ModelPackageDescription", "ModelPackageRegistrationType", "InferenceSpecification",
    "ModelApprovalStatus", "ApprovalDescription", "MetadataProperties", "ModelMetrics", "Domain", "Task",
    "SamplePayloadUrl", "CustomerMetadataProperties", "DriftCheckBaselines",
    "AdditionalInferenceSpecifications", "SkipModelValidation", "SourceUri", "ModelCard", "ModelLifeCycle",
)  # fmt: skip
SUMMARY = ("ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn", "ModelPackageDescription",
           "CreationTime", "ModelPackageStatus", "ModelApprovalStatus", "ModelLifeCycle",
           "ModelPackageRegistrationType")  # fmt: skip
NOT_HERE = ("ValidationSpecification", "SourceAlgorithmSpecification", "CertifyForMarketplace",
            "SecurityConfig", "ManagedStorageType")  # fmt: skip
UPDATED = ("ModelApprovalStatus", "ApprovalDescription", "ModelPackageRegistrationType",
           "InferenceSpecification", "SourceUri", "ModelCard", "ModelLifeCycle")  # fmt: skip
MAX_PROPERTIES = 50  # CustomerMetadataMap
MAX_SPECIFICATIONS = 15  # AdditionalInferenceSpecifications


class ModelPackage(Resource):
    """A version of a model in a group.

    asked     the CreateModelPackage that made it        changed   whether it was updated since
    """

    KEPT = (*Resource.KEPT, "group", "version", "changed", "asked")

    def __init__(self, group: ModelPackageGroup, version: int, request: dict, region: str, account: str):
        super().__init__("model-package", f"{group.name}/{version}", request, region, account)
        self.request.setdefault("ModelApprovalStatus", "PendingManualApproval")
        self.group, self.version, self.changed = group, version, False
        self.asked = copy.deepcopy(request)

    def describe(self) -> dict:
        """A DescribeModelPackage response; a version has no ModelPackageName."""
        answer = {
            "ModelPackageGroupName": self.group.name,
            "ModelPackageVersion": self.version,
            "ModelPackageArn": self.arn,
            "CreationTime": self.created_at,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CertifyForMarketplace": False,
            "CreatedBy": {},
            **{name: self.request[name] for name in SHOWN if name in self.request},
        }
        if self.changed:
            answer.update(LastModifiedTime=self.last_modified, LastModifiedBy={})
        return copy.deepcopy(answer)


@operation("sagemaker", "CreateModelPackage")
def create_model_package(context, request: dict) -> dict:
    """Register the next version of a group. The same ClientToken gives the same version again.

    Raises ValidationException, ConflictException; NotImplemented for members that cannot be honoured here and
    for packages without a group, which are for AWS Marketplace.
    """
    _refuse(request)
    group = group_of(context, request["ModelPackageGroupName"])
    if request.get("Tags"):
        raise validation_error(
            "Tags cannot be given for a model package of a group: it has the tags of its model package group."
        )
    specifications = [request["InferenceSpecification"]] if "InferenceSpecification" in request else []
    _check_specifications(context, specifications + request.get("AdditionalInferenceSpecifications", []))
    with context.state.creating:  # one version number for one request
        again = _same_token(context, request)
        if again is not None:
            return {"ModelPackageArn": again.arn}
        package = ModelPackage(group, group.newest + 1, request, context.region, context.account)
        taken = AwsError("ConflictException", f"Model package already exists: {package.arn}")
        if context.state.model_package_groups.by_arn(group.arn) is not group:
            raise validation_error(f"ModelPackageGroup {group.arn} does not exist.")
        group.newest += 1  # first: a number that nobody has is better than one that two would have
        context.state.model_packages.add(package, taken)
    return {"ModelPackageArn": package.arn}


def _refuse(request: dict) -> None:
    found = [name for name in NOT_HERE if request.get(name)]
    if "ModelPackageName" in request and "ModelPackageGroupName" in request:
        raise validation_error("ModelPackageName is not applicable to versioned models, those of a group.")
    if "ModelPackageGroupName" not in request:
        found.append("no ModelPackageGroupName (an unversioned package)")
    if found:
        raise not_here("sagemaker", f"CreateModelPackage with {', '.join(found)}")


def _check_specifications(context, specifications: list[dict]) -> None:
    for specification in specifications:
        for container in specification["Containers"]:
            checks.check_image_and_url(container)
            checks.check_model_data(context, container, "of the caller")


def _same_token(context, request: dict) -> ModelPackage | None:
    """The version that this ClientToken made. Raises ConflictException when it asked for something else."""
    token = request.get("ClientToken")
    for package in context.state.model_packages.of(context.region, context.account):
        if token and package.request.get("ClientToken") == token:
            if package.asked != request:
                raise AwsError("ConflictException", f"ClientToken {token!r} was used for another request.")
            return package
    return None


@operation("sagemaker", "DescribeModelPackage")
def describe_model_package(context, request: dict) -> dict:
    """One version, by ARN or by "group/1"."""
    described = package_of(context, request["ModelPackageName"]).describe()
    if request.get("IncludedData") == "MetadataOnly" and "ModelCardContent" in described.get("ModelCard", {}):
        raise not_here("sagemaker", "DescribeModelPackage with IncludedData MetadataOnly of a model card")
    return described


@operation("sagemaker", "BatchDescribeModelPackage")
def batch_describe_model_package(context, request: dict) -> dict:
    """Several versions by ARN: what was found, and an error for each that was not."""
    found, missing = {}, {}
    members = ("ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn", "ModelPackageDescription",
               "CreationTime", "InferenceSpecification", "ModelPackageStatus", "ModelApprovalStatus",
               "ModelPackageRegistrationType")  # fmt: skip
    for arn in request["ModelPackageArnList"]:
        try:
            described = package_of(context, arn).describe()
        except AwsError as err:
            missing[arn] = {"ErrorCode": err.code, "ErrorResponse": err.message}
        else:
            found[arn] = {name: described[name] for name in members if name in described}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": missing}


@operation("sagemaker", "ListModelPackages")
def list_model_packages(context, request: dict) -> dict:
    """Summaries of a group's versions, or with ModelPackageType Versioned or Both of all; oldest first.

    Without either AWS lists unversioned packages (API_ListModelPackages): there are none here.
    """
    packages = context.state.model_packages.of(context.region, context.account)
    if "ModelPackageGroupName" in request:
        group = group_of(context, request["ModelPackageGroupName"])
        packages = [package for package in packages if package.group is group]
    kind = request.get("ModelPackageType", "Both" if "ModelPackageGroupName" in request else "Unversioned")
    if kind == "Unversioned":
        packages = []
    approval = request.get("ModelApprovalStatus")
    packages = [each for each in packages if approval in (None, each.request["ModelApprovalStatus"])]
    found, token = select(packages, request, "Ascending")
    described = [package.describe() for package in found]
    summaries = [{name: each[name] for name in SUMMARY if name in each} for each in described]
    return {"ModelPackageSummaryList": summaries, "NextToken": token}


@operation("sagemaker", "UpdateModelPackage")
def update_model_package(context, request: dict) -> dict:
    """Approve or reject a version, or change what is stored about it; what is not given stays."""
    package = package_of(context, request["ModelPackageArn"])
    specifications = [request["InferenceSpecification"]] if "InferenceSpecification" in request else []
    added = request.get("AdditionalInferenceSpecificationsToAdd", [])
    _check_specifications(context, specifications + added)
    with context.state.creating:
        changed = {**package.request, **{name: request[name] for name in UPDATED if name in request}}
        changed["CustomerMetadataProperties"] = _properties(changed, request)
        changed["AdditionalInferenceSpecifications"] = _joined(changed, added)
        with package.changing():
            package.request = copy.deepcopy({name: value for name, value in changed.items() if value})
            package.last_modified, package.changed = now(), True
    return {"ModelPackageArn": package.arn}


def _properties(stored: dict, request: dict) -> dict:
    name = "CustomerMetadataProperties"
    found = {**stored.get(name, {}), **request.get(name, {})}
    found = {
        key: value
        for key, value in found.items()
        if key not in request.get("CustomerMetadataPropertiesToRemove", [])
    }
    if len(found) > MAX_PROPERTIES:
        raise validation_error(f"{len(found)} CustomerMetadataProperties: {MAX_PROPERTIES} at most.")
    return found


def _joined(stored: dict, added: list[dict]) -> list[dict]:
    found = stored.get("AdditionalInferenceSpecifications", []) + added
    names = [each["Name"] for each in found]
    if len(found) > MAX_SPECIFICATIONS or len(set(names)) < len(names):
        raise validation_error(
            f"AdditionalInferenceSpecifications {', '.join(names)}: {MAX_SPECIFICATIONS} at most, each with "
            "a name of its own."
        )
    return found


@operation("sagemaker", "DeleteModelPackage")
def delete_model_package(context, request: dict) -> None:
    """Forget a version; its number is not given again, and models made from it go on."""
    context.state.model_packages.discard(package_of(context, request["ModelPackageName"]))


def package_of(context, name_or_arn: str) -> ModelPackage:
    """The version of this ARN or "group/1". Raises a ValidationException when there is none."""
    found = ARN.fullmatch(name_or_arn)
    arn = name_or_arn if found else arn_of("model-package", name_or_arn, context.region, context.account)
    package = context.state.model_packages.by_arn(arn.lower())
    if package is None or (package.region, package.account) != (context.region, context.account):
        raise validation_error(f"ModelPackage {arn} does not exist.")
    return package


def container_of_package(context, given: dict) -> dict:
    """What a model's container {"ModelPackageName", "Environment"} runs, its environment over the version's.

    Raises a ValidationException for a version that is not Approved or has no container, NotImplemented for
    one with several. AWS's wordings of these were not found.
    """
    package = package_of(context, given["ModelPackageName"])
    approval = package.request["ModelApprovalStatus"]
    if approval != "Approved":
        raise validation_error(
            f"Cannot create a model from ModelPackage {package.arn}: its ModelApprovalStatus is {approval}, "
            "and it has to be Approved."
        )
    containers = package.request.get("InferenceSpecification", {}).get("Containers", [])
    if not containers:
        raise validation_error(f"ModelPackage {package.arn} has no InferenceSpecification.")
    found = list(checks.container_not_here(containers[0]))
    if len(containers) > 1:
        found.append(f"a ModelPackage of {len(containers)} containers (an inference pipeline)")
    if found:
        raise not_here("sagemaker", f"CreateModel with {', '.join(found)}")
    environment = {**containers[0].get("Environment", {}), **given.get("Environment", {})}
    return {**containers[0], "Environment": environment}
