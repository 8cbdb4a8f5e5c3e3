"""What a training job or an endpoint costs, before it is started.

    print(estimate("ml.g5.xlarge", 1, "us-east-1", likely_s=600, max_run_s=3600))
    print(hosting_estimate("ml.g5.xlarge", 1, "us-east-1", ttl_s=3600))

Prices here are what was seen on the dates beside them, on demand, in USD an hour of one instance. On aws,
from_api() asks for today's. A price that is not known is an error, never a guess.
"""

import json
from dataclasses import dataclass, replace

from botocore.exceptions import BotoCoreError, ClientError

# Seen on AWS's price list, SageMaker training, on demand.
SEEN = {
    "us-east-1": ("2026-05 to 2026-08", {
        "ml.g5.xlarge": 1.408, "ml.g5.2xlarge": 1.515, "ml.g5.12xlarge": 7.09, "ml.g5.48xlarge": 20.36,
        "ml.g6.xlarge": 1.127, "ml.g6.2xlarge": 1.222, "ml.g6.12xlarge": 5.752, "ml.g6.48xlarge": 16.688,
        "ml.g6e.xlarge": 1.86, "ml.g6e.2xlarge": 2.24, "ml.g6e.12xlarge": 10.49,
    }),
    "us-west-2": ("2026-09", {"ml.p4d.24xlarge": 25.251, "ml.p5.48xlarge": 63.296}),
}

# SageMaker hosting, on demand. Not from the price list, but from the table that a benchmark by AWS uses:
# "SageMaker Hourly Instance Pricing" in src/fmbench/configs/pricing.yml of
# github.com/aws-samples/foundation-model-benchmarking-tool, read 2026-11. It names no date and no region;
# where SEEN has the type too, the two agree (1.4084 there is 1.408 here).
SEEN_HOSTING = {
    "us-east-1": ("2026-11 (an AWS sample)", {
        "ml.m5.xlarge": 0.23, "ml.g5.xlarge": 1.408, "ml.g5.2xlarge": 1.515, "ml.g5.12xlarge": 7.09,
        "ml.g5.48xlarge": 20.36, "ml.g6.2xlarge": 1.222, "ml.g6.12xlarge": 5.752, "ml.g6.48xlarge": 16.688,
        "ml.p3.2xlarge": 3.825,
    }),
}
TABLES = {"Train": SEEN, "Host": SEEN_HOSTING}  # by the word in AWS's usage types

# type: (vCPUs, RAM GiB, GPUs, GPU, memory of one GPU in GB, what it is for)
# https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html, 2026-11
INSTANCES = {
    "ml.m5.xlarge": (4, 16, 0, "", 0, "preparing data, small models without a GPU"),
    "ml.c5.xlarge": (4, 8, 0, "", 0, "more CPU for the RAM: features, trees"),
    "ml.g4dn.xlarge": (4, 16, 1, "T4", 16, "the smallest GPU; no bf16"),
    "ml.g5.xlarge": (4, 16, 1, "A10G", 24, "tuning a small model: the course's choice"),
    "ml.g5.2xlarge": (8, 32, 1, "A10G", 24, "the same GPU, more CPU and RAM"),
    "ml.g5.4xlarge": (16, 64, 1, "A10G", 24, "the same GPU again, not more GPU memory"),
    "ml.g5.12xlarge": (48, 192, 4, "A10G", 24, "a model over four GPUs"),
    "ml.g5.48xlarge": (192, 768, 8, "A10G", 24, "a model over eight GPUs"),
    "ml.g6.xlarge": (4, 16, 1, "L4", 24, "like g5, newer, cheaper, slower memory"),
    "ml.g6.2xlarge": (8, 32, 1, "L4", 24, "the same GPU, more CPU and RAM"),
    "ml.g6.12xlarge": (48, 192, 4, "L4", 24, "a model over four GPUs"),
    "ml.g6.48xlarge": (192, 768, 8, "L4", 24, "a model over eight GPUs"),
    "ml.g6e.xlarge": (4, 32, 1, "L40S", 48, "a 7-billion model in 16 bits with LoRA"),
    "ml.g6e.2xlarge": (8, 64, 1, "L40S", 48, "the same GPU, more CPU and RAM"),
    "ml.g6e.12xlarge": (48, 384, 4, "L40S", 48, "a model over four GPUs"),
    "ml.p3.2xlarge": (8, 61, 1, "V100", 16, "old; no bf16"),
    "ml.p4d.24xlarge": (96, 1152, 8, "A100", 40, "training large models"),
    "ml.p5.48xlarge": (192, 2048, 8, "H100", 80, "training the largest models"),
}

# How AWS shortens a region's name in its bills: USE1-Train:ml.g5.xlarge.
# https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html, 2026-11
BILLING_CODE = {"us-east-1": "USE1", "us-east-2": "USE2", "us-west-1": "USW1", "us-west-2": "USW2"}


class PriceError(LookupError):
    """A price is not known, or is over the budget; the message says what to do."""


@dataclass(frozen=True)
class Price:
    """USD an hour of one instance, where it holds, and when it was seen."""

    instance_type: str
    region: str
    usd_per_hour: float
    seen: str


@dataclass(frozen=True)
class Estimate:
    """A job's cost in USD: at least, likely, and at worst. print() it before a launch."""

    price: Price
    instance_count: int
    likely_s: float
    max_run_s: float

    def usd(self, seconds: float) -> float:
        """The cost of so many billed seconds of all instances."""
        return self.price.usd_per_hour * self.instance_count * seconds / 3600

    @property
    def low_usd(self) -> float:
        """Half the likely time."""
        return self.usd(self.likely_s / 2)

    @property
    def likely_usd(self) -> float:
        """The likely time."""
        return self.usd(self.likely_s)

    @property
    def worst_usd(self) -> float:
        """The whole of max_run_s: SageMaker stops the job there."""
        return self.usd(self.max_run_s)

    def __str__(self) -> str:
        price = self.price
        return "\n".join([
            f"{self.instance_count} x {price.instance_type} in {price.region}, "
            f"{price.usd_per_hour:.3f} USD an hour each, seen {price.seen}",
            f"low     {self.low_usd:8.2f} USD   {self.likely_s / 120:.0f} minutes",
            f"likely  {self.likely_usd:8.2f} USD   {self.likely_s / 60:.0f} minutes",
            f"worst   {self.worst_usd:8.2f} USD   {self.max_run_s / 60:.0f} minutes, then the job is stopped",
            "Billed by the second, from the download of the data to the upload of the model. Storage: extra.",
        ])


@dataclass(frozen=True)
class HostingEstimate:
    """An endpoint's cost in USD. It bills from CreateEndpoint until it is deleted, used or not."""

    price: Price
    instance_count: int
    ttl_s: float

    def usd(self, seconds: float) -> float:
        """The cost of so many seconds of all instances."""
        return self.price.usd_per_hour * self.instance_count * seconds / 3600

    @property
    def worst_usd(self) -> float:
        """The whole time to live. What is not deleted then goes on: see usd_a_day."""
        return self.usd(self.ttl_s)

    @property
    def usd_a_day(self) -> float:
        """24 hours of an endpoint that was forgotten."""
        return self.usd(86_400)

    def short(self) -> str:
        """One line: "at worst 1.41 USD in 60 minutes, 33.79 USD a day if forgotten"."""
        return (f"at worst {self.worst_usd:.2f} USD in {self.ttl_s / 60:.0f} minutes, "
                f"{self.usd_a_day:.2f} USD a day if forgotten")

    def __str__(self) -> str:
        price = self.price
        return "\n".join([
            f"{self.instance_count} x {price.instance_type} in {price.region}, "
            f"{price.usd_per_hour:.3f} USD an hour each, seen {price.seen}",
            f"worst      {self.worst_usd:8.2f} USD   {self.ttl_s / 60:.0f} minutes, its time to live",
            f"forgotten  {self.usd_a_day:8.2f} USD   a day: AWS does not end it, your clean-up does",
            "Billed by the second from creation to deletion, asked or not. Storage and traffic: extra.",
        ])


def training_price(instance_type: str, region: str) -> Price:
    """The price that was seen for one instance of a training job. Raises PriceError if there is none here."""
    return _seen_price(instance_type, region, "Train")


def hosting_price(instance_type: str, region: str) -> Price:
    """The price that was seen for one instance of an endpoint. Raises PriceError if there is none here."""
    return _seen_price(instance_type, region, "Host")


def _seen_price(instance_type: str, region: str, use: str) -> Price:
    tables = TABLES[use]
    seen, table = tables.get(region, ("", {}))
    if instance_type not in table:
        elsewhere = [name for name, (_, prices) in tables.items() if instance_type in prices]
        known = ", ".join(table) or "none"
        hint = f" (it is for {elsewhere[0]}: {tables[elsewhere[0]][1][instance_type]})" if elsewhere else ""
        raise PriceError(
            f"the price of {instance_type} in {region} is not in this course's table{hint}. "
            f"Known in {region}: {known}.\nFix: prices.from_api() on aws, or "
            "https://aws.amazon.com/sagemaker/ai/pricing/, or one of those types")
    return Price(instance_type, region, table[instance_type], seen)


def hosting_estimate(instance_type: str, instance_count: int, region: str, ttl_s: float,
                     price: Price | None = None) -> HostingEstimate:
    """Estimate one endpoint. `price` is from_api()'s answer; None takes the table's."""
    return HostingEstimate(price or hosting_price(instance_type, region), instance_count, ttl_s)


def estimate(instance_type: str, instance_count: int, region: str, likely_s: float, max_run_s: float,
             price: Price | None = None) -> Estimate:
    """Estimate one training job. `price` is from_api()'s answer; None takes the table's."""
    if not 0 < likely_s <= max_run_s:
        raise ValueError(f"likely_s is {likely_s}: it must be over 0 and at most max_run_s, {max_run_s}")
    return Estimate(price or training_price(instance_type, region), instance_count, likely_s, max_run_s)


def check_budget(cost: Estimate | HostingEstimate, budget_usd: float) -> None:
    """Raise PriceError if the worst case of a job or an endpoint is over the budget."""
    if cost.worst_usd > budget_usd:
        what, limit = (("endpoint", "endpoint.ttl_s") if isinstance(cost, HostingEstimate) else
                       ("job", "sagemaker.max_run_s"))
        fix = f"a smaller {limit} or instance_type, or a larger budget_usd in config.yaml"
        raise PriceError(f"at worst this {what} costs {cost.worst_usd:.2f} USD, budget_usd allows "
                         f'{budget_usd:.2f}.\nFix: {fix},\nor set WHERE = "local" and go on for free.')


def price_request(instance_type: str, region: str, use: str = "Train") -> dict:
    """The pricing:GetProducts request, by usage type: the instance's name finds notebooks and hosting too.

    use  "Train" or "Host", as AWS's bills call them
    """
    if region not in BILLING_CODE:
        raise PriceError(f"the billing code of {region} is not known here. "
                         "Fix: look at https://aws.amazon.com/sagemaker/ai/pricing/")
    usage = f"{BILLING_CODE[region]}-{use}:{instance_type}"
    return {"ServiceCode": "AmazonSageMaker",
            "Filters": [{"Type": "TERM_MATCH", "Field": "usagetype", "Value": usage}]}


def from_api(pricing, instance_type: str, region: str, use: str = "Train") -> Price:
    """Today's price. Free to ask; needs pricing:GetProducts.

    pricing  boto3 client "pricing" in us-east-1, where that API lives
    Raises   PriceError if AWS lists no such product
    """
    answer = pricing.get_products(**price_request(instance_type, region, use))
    for text in answer["PriceList"]:
        product = json.loads(text) if isinstance(text, str) else text
        for term in product["terms"].get("OnDemand", {}).values():
            for dimension in term["priceDimensions"].values():
                usd = float(dimension["pricePerUnit"].get("USD", 0))
                if usd > 0:
                    return Price(instance_type, region, usd, f"{term['effectiveDate'][:10]} (price list API)")
    kind = "training" if use == "Train" else "hosting"
    raise PriceError(f"AWS lists no {kind} price for {instance_type} in {region}: SageMaker may not offer "
                     "it there.\nFix: another type or region")


def best_price(pricing, instance_type: str, region: str, use: str = "Train") -> Price:
    """from_api(), or the table's price where that can't be asked. Raises PriceError if neither knows it."""
    try:
        return from_api(pricing, instance_type, region, use)
    except (PriceError, BotoCoreError, ClientError):
        return _seen_price(instance_type, region, use)


def price_of(session, instance_type: str, use: str = "Train") -> Price:
    """best_price() in a session's region: AWS's of today, in local what the local AWS's price list has.

    The local list is these tables, so in local `seen` is theirs: when somebody has seen the price, not when
    AWS says that it holds from.
    """
    pricing = session.boto.client("pricing", region_name="us-east-1", endpoint_url=session.url)
    price = best_price(pricing, instance_type, session.region, use)
    if session.where == "local" and instance_type in TABLES[use].get(session.region, ("", {}))[1]:
        return replace(price, seen=TABLES[use][session.region][0])
    return price


def instances_table(family: str | None = None, region: str = "us-east-1", use: str = "Train") -> list:
    """Rows of instances and their prices, for a lesson; `family` such as "g5" picks one. None: not seen."""
    seen = TABLES[use].get(region, ("", {}))[1]
    rows = []
    for name, (cpus, ram, gpus, gpu, memory, purpose) in INSTANCES.items():
        if family is None or name.split(".")[1] == family:
            rows.append({"instance": name, "vCPU": cpus, "RAM GiB": ram,
                         "GPU": f"{gpus} x {gpu} {memory} GB" if gpus else "-",
                         "USD/h": seen.get(name), "for": purpose})
    return rows
