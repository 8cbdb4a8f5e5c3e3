"""Model package groups of the model registry: Create, Describe, List, Delete.

Wordings: "Model Package Group already exists", "ModelPackageGroup … does not exist.", tests of
aws-cloudformation's resource provider for SageMaker (read 2026-11).
"""

from pocketaws.errors import AwsError, not_here, validation_error
from pocketaws.operations import operation
from pocketaws.sagemaker.hosting_checks import check_tags
from pocketaws.sagemaker.table import ARN, Resource, arn_of, select


class ModelPackageGroup(Resource):
    """A group of model versions; `newest` is the last version number given, be it to a deleted one."""

    KEPT = (*Resource.KEPT, "newest")

    def __init__(self, request: dict, region: str, account: str):
        super().__init__("model-package-group", request["ModelPackageGroupName"], request, region, account)
        self.newest = 0

    def summary(self) -> dict:
        """A ModelPackageGroupSummary."""
        found = {
            "ModelPackageGroupName": self.name,
            "ModelPackageGroupArn": self.arn,
            "CreationTime": self.created_at,
            "ModelPackageGroupStatus": "Completed",
        }
        if "ModelPackageGroupDescription" in self.request:
            found["ModelPackageGroupDescription"] = self.request["ModelPackageGroupDescription"]
        return found

    def describe(self) -> dict:
        """A DescribeModelPackageGroup response."""
        return {**self.summary(), "CreatedBy": {}}


@operation("sagemaker", "CreateModelPackageGroup")
def create_model_package_group(context, request: dict) -> dict:
    """Keep a new, empty group."""
    if request.get("ManagedConfiguration"):
        raise not_here("sagemaker", "CreateModelPackageGroup with ManagedConfiguration")
    check_tags(request)
    group = ModelPackageGroup(request, context.region, context.account)
    taken = validation_error(f"Model Package Group already exists: {group.arn}")
    context.state.model_package_groups.add(group, taken)
    return {"ModelPackageGroupArn": group.arn}


@operation("sagemaker", "DescribeModelPackageGroup")
def describe_model_package_group(context, request: dict) -> dict:
    """One group, by name or ARN."""
    return group_of(context, request["ModelPackageGroupName"]).describe()


@operation("sagemaker", "ListModelPackageGroups")
def list_model_package_groups(context, request: dict) -> dict:
    """Summaries, filtered and sorted; oldest first unless the request says else."""
    if request.get("CrossAccountFilterOption", "SameAccount") != "SameAccount":
        raise not_here("sagemaker", "ListModelPackageGroups with CrossAccountFilterOption CrossAccount")
    table = context.state.model_package_groups
    found, token = select(table.of(context.region, context.account), request, "Ascending")
    return {"ModelPackageGroupSummaryList": [group.summary() for group in found], "NextToken": token}


@operation("sagemaker", "DeleteModelPackageGroup")
def delete_model_package_group(context, request: dict) -> None:
    """Forget an empty group. Raises ConflictException while it holds versions."""
    group = group_of(context, request["ModelPackageGroupName"])
    with context.state.creating:
        held = [package for package in context.state.model_packages.of(context.region, context.account)
                if package.group is group]  # fmt: skip
        if held:  # the code is of API_DeleteModelPackageGroup; no report of AWS's wording was found
            raise AwsError(
                "ConflictException",
                f"Model Package Group {group.arn} cannot be deleted: it contains {len(held)} model packages. "
                "Delete them first.",
            )
        context.state.model_package_groups.discard(group)


def group_of(context, name_or_arn: str) -> ModelPackageGroup:
    """The group of this name or ARN. Raises a ValidationException when there is none."""
    found = ARN.fullmatch(name_or_arn)
    name = found.group(4) if found else name_or_arn
    arn = name_or_arn if found else arn_of("model-package-group", name, context.region, context.account)
    group = context.state.model_package_groups.by_arn(arn.lower())
    if group is None or (group.region, group.account) != (context.region, context.account):
        raise validation_error(f"ModelPackageGroup {arn} does not exist.")
    return group
