"""ListServiceQuotas, GetServiceQuota and their twins for defaults. Of SageMaker's quotas only."""

from pocketaws.errors import AwsError, not_here
from pocketaws.operations import operation
from pocketaws.paging import page
from pocketaws.servicequotas import table

PAGE = 100  # the most that MaxResults may be; what a page has without it is not documented, chosen
# AWS's words for a quota without a value in this account: github.com/aws/aws-cli issue 4569 (2026-11).
NO_QUOTA = "The request failed because the specified quota does not exist."


@operation("service-quotas", "ListServiceQuotas")
def list_service_quotas(context, request: dict) -> dict:
    """The values in force: those that a training job or an endpoint is held to."""
    home = context.state.home
    _only_sagemaker("ListServiceQuotas", request)
    names = [name for name in table.names(home) if request.get("QuotaCode") in (None, table.code(name))]
    chosen, token = _page(names, request)
    quotas = [_in_force(context, name) for name in chosen]
    return {"Quotas": quotas, **token}


@operation("service-quotas", "GetServiceQuota")
def get_service_quota(context, request: dict) -> dict:
    """One value in force, by its code. Raises NoSuchResourceException for a code that no quota has."""
    return {"Quota": _in_force(context, _named("GetServiceQuota", context, request))}


@operation("service-quotas", "ListAWSDefaultServiceQuotas")
def list_aws_default_service_quotas(context, request: dict) -> dict:
    """The values without a rehearsal, this local AWS's own."""
    _only_sagemaker("ListAWSDefaultServiceQuotas", request)
    chosen, token = _page(table.names(context.state.home), request)
    return {"Quotas": [_default(context, name) for name in chosen], **token}


@operation("service-quotas", "GetAWSDefaultServiceQuota")
def get_aws_default_service_quota(context, request: dict) -> dict:
    """One value without a rehearsal, by its code."""
    return {"Quota": _default(context, _named("GetAWSDefaultServiceQuota", context, request))}


def _in_force(context, name: str) -> dict:
    value = table.applied(context.state.home, name)
    return table.entry(name, value, context.region, context.account)


def _default(context, name: str) -> dict:
    return table.entry(name, table.default(name), context.region, "")


def _named(operation_name: str, context, request: dict) -> str:
    _only_sagemaker(operation_name, request)
    names = table.names(context.state.home)
    found = next((name for name in names if table.code(name) == request["QuotaCode"]), None)
    if found is None:
        raise AwsError("NoSuchResourceException", NO_QUOTA)
    return found


def _only_sagemaker(operation_name: str, request: dict) -> None:
    if request["ServiceCode"] != table.SERVICE:
        raise not_here("service-quotas", f"{operation_name} for {request['ServiceCode']}")


def _page(names: list[str], request: dict) -> tuple[list[str], dict]:
    wrong = AwsError("InvalidPaginationTokenException", "Invalid NextToken was provided.")
    return page(names, request, wrong, PAGE)
