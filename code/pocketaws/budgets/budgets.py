"""CreateBudget, UpdateBudget, DescribeBudget(s), DeleteBudget and what belongs to a budget, on disk.

Here nothing costs money: the actual spend is 0 USD, and no notification leaves the state OK. What AWS checks
and how it says so, as far as it is known: moto 5.2.5's budgets, whose sentences these are; botocore's model.
Not documented, and chosen: another account than the caller's is AccessDeniedException.
"""

import json
import threading
import time
from datetime import datetime, timezone

from pocketaws.errors import AwsError
from pocketaws.operations import operation
from pocketaws.paging import page

KIND = "budget"  # in the store: {"Budget", "Notifications", "ResourceTags"} as JSON
FOREVER = 3706473600  # 2087-06-15, the end that AWS gives a budget without one
_changing = threading.Lock()


@operation("budgets", "CreateBudget")
def create_budget(context, request: dict) -> None:
    """A budget with its notifications; its name is free, and it has a limit."""
    budget = request["Budget"]
    _check_account(context, request)
    if not budget.keys() & {"BudgetLimit", "PlannedBudgetLimits", "AutoAdjustData"}:
        raise AwsError("InvalidParameterException", "Unable to create/update budget - please provide one of "
                       "the followings: Budget Limit/ Planned Budget Limit/ Auto Adjust Data")  # fmt: skip
    for one in request.get("NotificationsWithSubscribers", []):
        _check_subscribers(one["Subscribers"])
    with _changing:
        if _find(context, budget["BudgetName"]):
            raise AwsError("DuplicateRecordException", f"Error creating budget: {budget['BudgetName']} - the "
                           "budget already exists.")  # fmt: skip
        _keep(context, {"Budget": _completed(budget), "ResourceTags": request.get("ResourceTags", []),
                        "Notifications": request.get("NotificationsWithSubscribers", [])})  # fmt: skip


@operation("budgets", "UpdateBudget")
def update_budget(context, request: dict) -> None:
    """Another limit or filter; notifications and tags stay."""
    _check_account(context, request)
    with _changing:
        found = _need(context, request["NewBudget"]["BudgetName"], "update")
        _keep(context, {**found, "Budget": _completed({**found["Budget"], **request["NewBudget"]})})


@operation("budgets", "DescribeBudget")
def describe_budget(context, request: dict) -> dict:
    """One budget."""
    _check_account(context, request)
    return {"Budget": _shown(_need(context, request["BudgetName"], "get"))}


@operation("budgets", "DescribeBudgets")
def describe_budgets(context, request: dict) -> dict:
    """All of the account's, page by page."""
    _check_account(context, request)
    every = [_shown(json.loads(value)) for key, value in context.state.store.items(KIND)
             if key.startswith(f"{context.account}/")]  # fmt: skip
    chosen, token = _page(every, request)
    return {"Budgets": chosen, **token}


@operation("budgets", "DeleteBudget")
def delete_budget(context, request: dict) -> None:
    """It is gone, with its notifications."""
    _check_account(context, request)
    with _changing:
        _need(context, request["BudgetName"], "delete")
        context.state.store.delete(KIND, f"{context.account}/{request['BudgetName']}")


@operation("budgets", "DescribeNotificationsForBudget")
def describe_notifications_for_budget(context, request: dict) -> dict:
    """When somebody would be told."""
    _check_account(context, request)
    found = _need(context, request["BudgetName"], "get")
    chosen, token = _page([_notification(one["Notification"]) for one in found["Notifications"]], request)
    return {"Notifications": chosen, **token}


@operation("budgets", "DescribeSubscribersForNotification")
def describe_subscribers_for_notification(context, request: dict) -> dict:
    """Who would be told."""
    _check_account(context, request)
    found, wanted = _need(context, request["BudgetName"], "get"), _notification(request["Notification"])
    every = [(_notification(one["Notification"]), one["Subscribers"]) for one in found["Notifications"]]
    fits = [subscribers for notification, subscribers in every if notification == wanted]
    if not fits:
        raise AwsError("NotFoundException", "Unable to get subscribers - the notification doesn't exist.")
    chosen, token = _page(fits[0], request)
    return {"Subscribers": chosen, **token}


@operation("budgets", "ListTagsForResource")
def list_tags_for_resource(context, request: dict) -> dict:
    """The tags of the budget arn:aws:budgets::<account>:budget/<name>."""
    return {"ResourceTags": _by_arn(context, request["ResourceARN"])["ResourceTags"]}


@operation("budgets", "TagResource")
def tag_resource(context, request: dict) -> None:
    """More tags, or other values of tags that are there."""
    with _changing:
        found = _by_arn(context, request["ResourceARN"])
        tags = {tag["Key"]: tag["Value"] for tag in [*found["ResourceTags"], *request["ResourceTags"]]}
        _keep(context, {**found, "ResourceTags": [{"Key": k, "Value": v} for k, v in tags.items()]})


def _check_account(context, request: dict) -> None:
    if request["AccountId"] != context.account:
        raise AwsError("AccessDeniedException", f"Account {context.account} may not use budgets of account "
                       f"{request['AccountId']}.")  # fmt: skip


def _check_subscribers(subscribers: list) -> None:
    for one in subscribers:
        if one["SubscriptionType"] == "EMAIL" and "@" not in one["Address"]:
            raise AwsError("InvalidParameterException", f"Invalid email address: {one['Address']}")


def _completed(budget: dict) -> dict:
    """With the members that AWS fills in; times as seconds since 1970."""
    first = datetime.now(timezone.utc).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    period = {"Start": first.timestamp(), "End": FOREVER, **budget.get("TimePeriod", {})}
    return {**budget, "TimePeriod": period, "LastUpdatedTime": time.time()}


def _shown(found: dict) -> dict:
    budget = found["Budget"]
    zero = {"Amount": "0.0", "Unit": "USD"}
    period = {name: _time(value) for name, value in budget["TimePeriod"].items()}
    return {**budget, "TimePeriod": period, "LastUpdatedTime": _time(budget["LastUpdatedTime"]),
            "CalculatedSpend": {"ActualSpend": zero, "ForecastedSpend": zero}}  # fmt: skip


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _notification(one: dict) -> dict:
    return {"ThresholdType": "PERCENTAGE", **one, "NotificationState": "OK"}


def _find(context, name: str) -> dict | None:
    key = f"{context.account}/{name}"
    return next((json.loads(value) for there, value in context.state.store.items(KIND) if there == key), None)


def _need(context, name: str, to: str) -> dict:
    found = _find(context, name)
    if found is None:
        raise AwsError("NotFoundException", f"Unable to {to} budget: {name} - the budget doesn't exist.")
    return found


def _by_arn(context, arn: str) -> dict:
    head, _, name = arn.partition(":budget/")
    if head != f"arn:aws:budgets::{context.account}" or not name:
        raise AwsError("InvalidParameterException", f"{arn} is not the ARN of a budget of this account.")
    return _need(context, name, "get")


def _keep(context, found: dict) -> None:
    key = f"{context.account}/{found['Budget']['BudgetName']}"
    context.state.store.put(KIND, key, json.dumps(found).encode())


def _page(rows: list, request: dict) -> tuple[list, dict]:
    wrong = AwsError("InvalidNextTokenException", "The pagination token is invalid.")
    return page(rows, request, wrong)
