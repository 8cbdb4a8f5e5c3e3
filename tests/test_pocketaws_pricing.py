"""AWS's price list and its budgets, as the local AWS answers for them."""

import json

import pytest
from botocore.exceptions import ClientError
from tuneaws import bedrock_jobs, prices
from tuneaws.bedrock_jobs import pricing as tuning
from tuneaws.bedrock_models import costs

ACCOUNT = "123456789012"
SKU_MEMBERS = {"product", "serviceCode", "terms", "version", "publicationDate"}


@pytest.fixture(scope="module")
def pricing(local_aws):
    return local_aws.client("pricing")


@pytest.fixture(scope="module")
def budgets(local_aws):
    return local_aws.client("budgets")


def test_every_price_of_the_courses_table_comes_from_the_price_list_too(pricing):
    asked = 0
    for use, regions in prices.TABLES.items():
        for region, (_, table) in regions.items():
            for kind, usd in table.items():
                assert prices.from_api(pricing, kind, region, use).usd_per_hour == usd
                asked += 1
    assert asked == 22


def test_what_bedrock_bills_comes_from_the_price_list_as_the_courses_tables_have_it(pricing):
    for model, (training, month) in tuning.SEEN["us-east-1"][1].items():
        price = bedrock_jobs.from_api(pricing, model, "us-east-1")
        assert (price.usd_per_1000_tokens, price.usd_per_month) == (training, month)
    for table, custom in ((costs.SEEN, False), (costs.SEEN_CUSTOM, True)):
        for model, (coming, going, _) in table["us-east-1"].items():
            price = costs.from_api(pricing, model, "us-east-1", custom=custom)
            assert (price.usd_per_1000_input, price.usd_per_1000_output) == (coming, going)


def test_a_product_has_the_shape_that_aws_gives_it_as_a_json_text(pricing):
    found = pricing.get_products(**prices.price_request("ml.g5.xlarge", "us-east-1"))
    assert found["FormatVersion"] == "aws_v1" and len(found["PriceList"]) == 1
    product = json.loads(found["PriceList"][0])
    assert set(product) == SKU_MEMBERS
    assert product["product"]["attributes"]["instanceName"] == "ml.g5.xlarge"
    (term_code, term), = product["terms"]["OnDemand"].items()
    (rate_code, rate), = term["priceDimensions"].items()
    assert rate_code.startswith(term_code) and rate["rateCode"] == rate_code
    assert rate["pricePerUnit"] == {"USD": "1.4080000000"} and rate["unit"] == "Hrs"
    assert rate["description"] == "$1.408 per Training ml.g5.xlarge hour in US East (N. Virginia)"


def test_filters_pages_and_attributes_work_as_the_api_says(pricing):
    def asked(field, value, kind="TERM_MATCH"):
        filters = [{"Type": kind, "Field": field, "Value": value}]
        return [json.loads(text)["product"]["attributes"]["usagetype"] for page in
                pricing.get_paginator("get_products").paginate(
                    ServiceCode="AmazonSageMaker", Filters=filters, PaginationConfig={"PageSize": 3})
                for text in page["PriceList"]]

    assert asked("instanceName", "ml.g5.xlarge") == ["USE1-Train:ml.g5.xlarge", "USE1-Host:ml.g5.xlarge"]
    assert len(asked("regionCode", "us-west-2")) == 2 and len(asked("regionCode", "us-east-1")) == 20
    assert asked("usagetype", "Train:ml.p5", "CONTAINS") == ["USW2-Train:ml.p5.48xlarge"]
    assert len(asked("instanceName", "ml.p5.48xlarge,ml.p4d.24xlarge", "ANY_OF")) == 2
    assert asked("noSuchField", "x") == []
    names = pricing.get_attribute_values(ServiceCode="AmazonSageMaker", AttributeName="component")
    assert names["AttributeValues"] == [{"Value": "Hosting"}, {"Value": "Training"}]
    services = pricing.describe_services()["Services"]
    assert [one["ServiceCode"] for one in services] == ["AmazonBedrock", "AmazonS3", "AmazonSageMaker"]
    assert "usagetype" in services[2]["AttributeNames"]


@pytest.mark.parametrize("request_, code, words", [
    ({"ServiceCode": ""}, "InvalidParameterException", "serviceCode cannot be null or empty"),
    ({"ServiceCode": "Amazon SageMaker"}, "InvalidParameterException", "can only contain a-z, A-Z, 0-9"),
    ({"ServiceCode": "AmazonEC2"}, "NotFoundException", "AmazonEC2"),
    ({"ServiceCode": "AmazonS3", "NextToken": "x"}, "InvalidNextTokenException", "token"),
])
def test_a_wrong_question_to_the_price_list_has_its_own_error(pricing, request_, code, words):
    with pytest.raises(ClientError, match=words) as caught:
        pricing.get_products(**request_)
    assert caught.value.response["Error"]["Code"] == code


def test_a_budget_is_made_described_tagged_and_deleted(budgets):
    mail = [{"SubscriptionType": "EMAIL", "Address": "ana@example.com"}]
    told = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
    budget = {"BudgetName": "pricing-test", "BudgetType": "COST", "TimeUnit": "MONTHLY",
              "BudgetLimit": {"Amount": "20", "Unit": "USD"}}
    budgets.create_budget(AccountId=ACCOUNT, Budget=budget, ResourceTags=[{"Key": "course", "Value": "t"}],
                          NotificationsWithSubscribers=[{"Notification": told, "Subscribers": mail}])
    with pytest.raises(budgets.exceptions.DuplicateRecordException):
        budgets.create_budget(AccountId=ACCOUNT, Budget=budget)
    found = budgets.describe_budget(AccountId=ACCOUNT, BudgetName="pricing-test")["Budget"]
    assert budget.items() <= found.items()
    assert found["CalculatedSpend"]["ActualSpend"] == {"Amount": "0.0", "Unit": "USD"}
    assert budget["BudgetName"] in [one["BudgetName"] for one in
                                    budgets.describe_budgets(AccountId=ACCOUNT)["Budgets"]]
    asked = {"AccountId": ACCOUNT, "BudgetName": "pricing-test"}
    (one,) = budgets.describe_notifications_for_budget(**asked)["Notifications"]
    assert one == {**told, "ThresholdType": "PERCENTAGE", "NotificationState": "OK"}
    assert budgets.describe_subscribers_for_notification(**asked, Notification=told)["Subscribers"] == mail
    arn = f"arn:aws:budgets::{ACCOUNT}:budget/pricing-test"
    tags = budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"]
    assert tags == [{"Key": "course", "Value": "t"}]
    budgets.delete_budget(**asked)
    with pytest.raises(budgets.exceptions.NotFoundException, match="Unable to get budget: pricing-test"):
        budgets.describe_budget(**asked)


def test_a_budget_without_a_limit_or_of_another_account_is_refused(budgets):
    budget = {"BudgetName": "no-limit", "BudgetType": "COST", "TimeUnit": "MONTHLY"}
    with pytest.raises(budgets.exceptions.InvalidParameterException, match="Budget Limit"):
        budgets.create_budget(AccountId=ACCOUNT, Budget=budget)
    with pytest.raises(budgets.exceptions.AccessDeniedException):
        budgets.describe_budgets(AccountId="999999999999")
    told = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 1.0}
    wrong = [{"Notification": told, "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "x"}]}]
    with pytest.raises(budgets.exceptions.InvalidParameterException, match="Invalid email address: x"):
        budgets.create_budget(AccountId=ACCOUNT, NotificationsWithSubscribers=wrong,
                              Budget={**budget, "BudgetLimit": {"Amount": "1", "Unit": "USD"}})
