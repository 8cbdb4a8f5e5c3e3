"""Prices: dated, never guessed, shown before they are spent."""

import json
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from tuneaws import config, prices
from tuneaws.prices import PriceError


def test_a_known_price_carries_its_region_and_the_date_it_was_seen():
    price = prices.training_price("ml.g5.xlarge", "us-east-1")
    assert price == prices.Price("ml.g5.xlarge", "us-east-1", 1.408, "2026-05 to 2026-08")


@pytest.mark.parametrize("instance, region, words", [
    ("ml.g5.xlarge", "eu-west-1", r"(?s)not in this course's table \(it is for us-east-1: 1.408.*from_api"),
    ("ml.p9.huge", "us-east-1", "(?s)is not in this course's table. Known in us-east-1: ml.g5.xlarge"),
])
def test_an_unknown_price_is_an_error_and_not_a_guess(instance, region, words):
    with pytest.raises(PriceError, match=words):
        prices.training_price(instance, region)


def test_an_estimate_is_the_price_times_instances_times_seconds():
    cost = prices.estimate("ml.g5.xlarge", 2, "us-east-1", likely_s=900, max_run_s=3600)
    assert cost.likely_usd == pytest.approx(1.408 * 2 * 0.25)
    assert cost.worst_usd == pytest.approx(1.408 * 2)
    assert cost.low_usd < cost.likely_usd < cost.worst_usd
    assert "worst       2.82 USD" in str(cost) and "seen 2026-05" in str(cost)


@pytest.mark.parametrize("likely_s", [0, -1, 3601])
def test_a_likely_time_that_cannot_be_is_refused(likely_s):
    with pytest.raises(ValueError, match="likely_s"):
        prices.estimate("ml.g5.xlarge", 1, "us-east-1", likely_s, 3600)


def test_a_worst_case_over_the_budget_is_refused_with_the_free_way_on():
    cost = prices.estimate("ml.g5.12xlarge", 1, "us-east-1", 600, 3600)
    with pytest.raises(PriceError, match='(?s)costs 7.09 USD, budget_usd allows 2.00.*WHERE = "local"'):
        prices.check_budget(cost, 2)
    prices.check_budget(cost, 7.09)


def test_the_shipped_configuration_is_within_its_own_budget():
    cfg = config.load(where="aws")
    job = cfg.sagemaker
    cost = prices.estimate(job.instance_type, job.instance_count, cfg.region, 600, job.max_run_s)
    prices.check_budget(cost, cfg.budget_usd)


def test_an_endpoint_is_priced_from_its_own_table_and_says_what_a_day_costs():
    cost = prices.hosting_estimate("ml.g5.xlarge", 2, "us-east-1", ttl_s=1800)
    assert cost.worst_usd == pytest.approx(1.408)
    assert cost.usd_a_day == pytest.approx(1.408 * 2 * 24)
    assert "forgotten     67.58 USD   a day" in str(cost) and "seen 2026-11 (an AWS sample)" in str(cost)
    with pytest.raises(PriceError, match="ml.g6e.xlarge in us-east-1 is not in this course's table"):
        prices.hosting_price("ml.g6e.xlarge", "us-east-1")  # its price for training is no answer


def test_an_endpoints_worst_case_over_the_budget_names_the_time_to_live():
    cost = prices.hosting_estimate("ml.g5.12xlarge", 1, "us-east-1", ttl_s=3600)
    with pytest.raises(PriceError, match='(?s)this endpoint costs 7.09.*endpoint.ttl_s.*WHERE = "local"'):
        prices.check_budget(cost, 2)


def test_the_shipped_endpoint_is_within_its_own_budget():
    cfg = config.load(where="aws")
    one = cfg.endpoint
    cost = prices.hosting_estimate(one.instance_type, one.instance_count, cfg.region, one.ttl_s)
    prices.check_budget(cost, cfg.budget_usd)


def test_hosting_and_training_prices_of_the_same_machine_agree():
    both = [(name, usd) for name, usd in prices.SEEN_HOSTING["us-east-1"][1].items()
            if name in prices.SEEN["us-east-1"][1]]
    assert len(both) == 7
    assert [prices.training_price(name, "us-east-1").usd_per_hour for name, _ in both] == [u for _, u in both]


def test_every_priced_instance_is_described_and_the_table_shows_what_was_not_seen():
    priced = {name for tables in prices.TABLES.values() for _, table in tables.values() for name in table}
    assert priced and priced <= set(prices.INSTANCES)
    rows = prices.instances_table("g5")
    assert [row["instance"] for row in rows][:3] == ["ml.g5.xlarge", "ml.g5.2xlarge", "ml.g5.4xlarge"]
    assert {row["GPU"] for row in rows[:3]} == {"1 x A10G 24 GB"}
    assert rows[2]["USD/h"] is None
    assert len(prices.instances_table()) == len(prices.INSTANCES)


class Pricing:
    """Answers get_products as the price list API does: JSON texts."""

    def __init__(self, *products):
        self.products, self.requests = products, []

    def get_products(self, **request):
        self.requests.append(request)
        return {"PriceList": [json.dumps(product) for product in self.products]}


def product(usd: str) -> dict:
    return {"terms": {"OnDemand": {"A.B": {"effectiveDate": "2026-11-01T00:00:00Z", "priceDimensions": {
        "A.B.C": {"unit": "Hrs", "pricePerUnit": {"USD": usd}}}}}}}


def test_todays_price_is_asked_for_by_usage_type():
    pricing = Pricing(product("0.0000000000"), product("1.5150000000"))
    price = prices.from_api(pricing, "ml.g5.2xlarge", "us-east-1")
    assert (price.usd_per_hour, price.seen) == (1.515, "2026-11-01 (price list API)")
    assert pricing.requests == [{"ServiceCode": "AmazonSageMaker", "Filters": [
        {"Type": "TERM_MATCH", "Field": "usagetype", "Value": "USE1-Train:ml.g5.2xlarge"}]}]
    cost = prices.estimate("ml.g5.2xlarge", 1, "us-east-1", 60, 3600, price)
    assert cost.worst_usd == pytest.approx(1.515)


def test_todays_price_of_an_endpoint_has_a_usage_type_of_its_own():
    pricing = Pricing(product("1.4080000000"))
    assert prices.best_price(pricing, "ml.g5.xlarge", "us-west-2", "Host").usd_per_hour == 1.408
    assert pricing.requests[0]["Filters"][0]["Value"] == "USW2-Host:ml.g5.xlarge"
    with pytest.raises(PriceError, match="lists no hosting price"):
        prices.from_api(Pricing(), "ml.g5.xlarge", "us-west-2", "Host")


def test_an_instance_that_aws_does_not_list_is_an_error():
    with pytest.raises(PriceError, match="lists no training price"):
        prices.from_api(Pricing(), "ml.g5.2xlarge", "us-west-2")
    with pytest.raises(PriceError, match="billing code of mars-1"):
        prices.from_api(Pricing(), "ml.g5.2xlarge", "mars-1")


def test_where_the_price_list_cannot_be_asked_the_dated_table_answers():
    class Denied:
        def get_products(self, **request):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetProducts")

    assert prices.best_price(Denied(), "ml.g5.xlarge", "us-east-1").seen == "2026-05 to 2026-08"
    assert prices.best_price(Pricing(product("1.5")), "ml.g5.xlarge", "us-east-1").usd_per_hour == 1.5
    with pytest.raises(PriceError):
        prices.best_price(Denied(), "ml.g5.xlarge", "eu-west-1")


def test_in_local_the_price_comes_from_the_local_price_list_with_the_date_of_the_table(local_aws):
    asked = []

    class Boto:
        def client(self, service, **named):
            asked.append((service, named["region_name"], named["endpoint_url"]))
            return local_aws.client(service)

    session = SimpleNamespace(boto=Boto(), where="local", region="us-east-1", url=local_aws.url)
    price = prices.price_of(session, "ml.g5.xlarge", "Host")
    assert price == prices.hosting_price("ml.g5.xlarge", "us-east-1")
    assert asked == [("pricing", "us-east-1", local_aws.url)]
    session.where = "aws"
    assert prices.price_of(session, "ml.g5.xlarge").seen == "2026-08-01 (price list API)"
