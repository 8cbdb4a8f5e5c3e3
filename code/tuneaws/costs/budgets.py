"""AWS Budgets: an e-mail when a month costs half of the total budget, four fifths, all of it.

    set_budget(session, cfg, "you@example.com")     # or alert_email in config.yaml
    show_budget(session, cfg)
    delete_budget(session, cfg)

A budget only tells, nothing is stopped; and AWS updates it "several times a day" (AWS Budgets API Reference,
Welcome, 2026-11). The guard of tuneaws.costs is before the call, a budget is for what went past it. It is
free: "$0.00 for Budget-days" in AWS's price list, service AWSBudgets, 2026-11.

It counts the whole account unless by_tag: AWS knows costs by a tag only after somebody has activated it as a
cost allocation tag in the billing console, and a budget for a tag that is not would stay at 0 for ever
(https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html, 2026-11).
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from tuneaws import config
from tuneaws.lesson import table

PERCENT = (50, 80, 100)


def set_budget(session, cfg, email: str | None = None, by_tag: bool = False) -> dict:
    """Make the course's budget, or make it anew; return what AWS says of it. Free.

    email   who is told; None: alert_email of the configuration
    by_tag  count only what carries the course's tags, once they are cost allocation tags
    Raises  ValueError without an address, or if a budget of that name is not the course's; botocore's errors
    """
    email = email or cfg.alert_email
    if not email:
        raise ValueError("no address to write to.\nFix: set_budget(session, cfg, email) or alert_email in "
                         "config.yaml. Without a budget, costs.show_still_billing() says what bills")
    budgets = _client(session)
    delete_budget(session, cfg)
    limit = (config.load(where="aws") if session.where == "local" else cfg).total_budget_usd
    budgets.create_budget(**request(session.account, cfg.project, limit, email, by_tag))
    return _found(session, cfg)


def request(account: str, project, limit_usd: float, email: str, by_tag: bool = False) -> dict:
    """The CreateBudget request: a month's costs, and a notification for each of PERCENT. Pure.

    project  cfg.project: its name is the budget's
    """
    budget = {"BudgetName": project.name, "BudgetType": "COST", "TimeUnit": "MONTHLY",
              "BudgetLimit": {"Amount": f"{limit_usd:.2f}", "Unit": "USD"}}
    if by_tag:
        tagged = [f"user:{key}${value}" for key, value in project.tags.items()]
        budget["CostFilters"] = {"TagKeyValue": tagged}
    told = [{"SubscriptionType": "EMAIL", "Address": email}]
    return {"AccountId": account, "Budget": budget, "ResourceTags": project.tag_list(),
            "NotificationsWithSubscribers": [
                {"Notification": {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN",
                                  "Threshold": float(percent), "ThresholdType": "PERCENTAGE"},
                 "Subscribers": told} for percent in PERCENT]}


def show_budget(session, cfg) -> None:
    """Print the budget, what the month has cost by it, and when somebody is told; or that there is none."""
    found = _found(session, cfg)
    if found is None:
        print("no budget. costs.set_budget(session, cfg, email) makes one: AWS writes at "
              f"{', '.join(map(str, PERCENT))} %")
        return
    limit, actual = found["BudgetLimit"], found["CalculatedSpend"]["ActualSpend"]
    what = ", ".join(found.get("CostFilters", {}).get("TagKeyValue", [])) or "the whole account"
    print(f"budget {found['BudgetName']}: {limit['Amount']} {limit['Unit']} a month for {what}; "
          f"so far {float(actual['Amount']):.2f} {actual['Unit']}, as AWS counted it some hours ago")
    asked = {"AccountId": session.account, "BudgetName": found["BudgetName"]}
    pages = _client(session).get_paginator("describe_notifications_for_budget").paginate(**asked)
    table([{"told at": f"{one['Threshold']:.0f} %", "of": one["NotificationType"].lower() + " costs",
            "state": one["NotificationState"]} for page in pages for one in page["Notifications"]])


def delete_budget(session, cfg) -> bool:
    """Delete the course's budget; False when there was none.

    Raises  ValueError if the budget of that name does not carry the course's tags
    """
    if _found(session, cfg) is None:
        return False
    name, client = cfg.project.name, _client(session)
    arn = f"arn:aws:budgets::{session.account}:budget/{name}"
    found = client.list_tags_for_resource(ResourceARN=arn)["ResourceTags"]
    if not cfg.project.tags.items() <= {tag["Key"]: tag["Value"] for tag in found}.items():
        raise ValueError(f"there is a budget {name!r} without the course's tags: it is left as it is.\n"
                         "Fix: another project.name in config.yaml")
    client.delete_budget(AccountId=session.account, BudgetName=name)
    return True


def _client(session):
    """Budgets has one address for all regions."""
    return session.boto.client("budgets", region_name="us-east-1", endpoint_url=session.url)


def _found(session, cfg) -> dict | None:
    try:
        return _client(session).describe_budget(AccountId=session.account,
                                                BudgetName=cfg.project.name)["Budget"]
    except ClientError as err:
        if err.response["Error"]["Code"] == "NotFoundException":
            return None
        raise
