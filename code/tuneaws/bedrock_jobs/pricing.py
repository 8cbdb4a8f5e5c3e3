"""What tuning on Bedrock costs, before it is started, from the text of the files.

    cost = price(report, "amazon.nova-micro-v1:0", epochs=1)     # report: bedrock_data.check()
    print(cost)                                                  # low, likely, worst
    check_budget(cost, budget_usd=2)

AWS bills tokens, and each epoch processes the whole training file once
(https://docs.aws.amazon.com/bedrock/latest/userguide/custom-models-hp.html, 2026-11). Tokenizers are not
public, and CountTokens refuses Nova: https://docs.aws.amazon.com/bedrock/latest/userguide/count-tokens.html,
2026-11, names Claude models only. So tokens are an estimate here, with a bound:

    low     6 characters a token: AWS's own figure for planning (model-customization-prepare.html, 2026-11)
    likely  4 characters a token: the usual rule for English
    worst   1 byte a token: no tokenizer gives more. Cut at the token limit of a record, above which the job
            fails. Whether the validation file is billed is not documented; here it is
"""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from tuneaws import bedrock_prices
from tuneaws.bedrock_data import CheckReport
from tuneaws.prices import PriceError

# USD for 1,000 training tokens, and USD a month for keeping the model. Nova 2 Lite as it stood in AWS's price
# list. Nova Micro: "3.8x cheaper to train" in the tests of a public cost estimator that asks the price list
# (code search, 2026-11), so 0.000995, rounded up. best_price() asks for today's.
SEEN = {"us-east-1": ("2026-08", {"amazon.nova-micro": (0.001, 1.95), "amazon.nova-2-lite": (0.00378, 1.95)})}
LOW, LIKELY = 6, 4  # characters a token


@dataclass(frozen=True)
class TokenPrice:
    """What tuning one model bills."""

    model_id: str
    region: str
    usd_per_1000_tokens: float
    usd_per_month: float
    seen: str


@dataclass(frozen=True)
class TuningCost:
    """A job's cost in USD, low, likely and at worst. print() it before it is started."""

    price: TokenPrice
    epochs: int
    records: int
    characters: int
    most_tokens: int

    def tokens(self, characters_a_token: float) -> int:
        """Tokens that are billed, of all epochs."""
        return round(self.characters / characters_a_token) * self.epochs

    def usd(self, tokens: float) -> float:
        """The cost of so many tokens."""
        return tokens / 1000 * self.price.usd_per_1000_tokens

    @property
    def low_usd(self) -> float:
        """By AWS's figure for planning."""
        return self.usd(self.tokens(LOW))

    @property
    def likely_usd(self) -> float:
        """By the usual rule for English."""
        return self.usd(self.tokens(LIKELY))

    @property
    def worst_usd(self) -> float:
        """A token a byte: more can't be billed."""
        return self.usd(self.most_tokens * self.epochs)

    def __str__(self) -> str:
        price, most = self.price, self.most_tokens * self.epochs
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        return "\n".join([
            f"{self.records:,} records, {self.characters:,} characters, {epochs} of {price.model_id} in "
            f"{price.region}: {price.usd_per_1000_tokens:g} USD for 1,000 tokens, seen {price.seen}",
            f"low     {self.low_usd:8.2f} USD   {self.tokens(LOW):>12,} tokens, {LOW} characters each",
            f"likely  {self.likely_usd:8.2f} USD   {self.tokens(LIKELY):>12,} tokens, {LIKELY} each",
            f"worst   {self.worst_usd:8.2f} USD   {most:>12,} tokens, a byte each: no tokenizer gives more",
            f"then    {price.usd_per_month:8.2f} USD   a month for keeping the model, until it is deleted",
            "Tokens are an estimate: AWS does not publish this model's tokenizer. Answers bill by the token.",
        ])


def price(report: CheckReport, model_id: str, region: str = "us-east-1", epochs: int = 1,
          token_price: TokenPrice | None = None) -> TuningCost:
    """Estimate what tuning on checked files costs. token_price: from_api()'s; None takes the table's.

    Raises  prices.PriceError if the price is not known here
    """
    counts = report.files.values()
    return TuningCost(token_price or seen_price(model_id, region), epochs, report.records,
                      sum(count.characters for count in counts), sum(count.most_tokens for count in counts))


def check_budget(cost: TuningCost, budget_usd: float) -> None:
    """Raise PriceError if the worst case is over the budget."""
    if cost.worst_usd > budget_usd:
        fix = "fewer rows (dataset.train_rows), fewer bedrock.epochs, or a larger budget_usd in config.yaml"
        raise PriceError(f"at worst this job costs {cost.worst_usd:.2f} USD, budget_usd allows "
                         f'{budget_usd:.2f}.\nFix: {fix},\nor set WHERE = "local" and go on for free.')


def seen_price(model_id: str, region: str) -> TokenPrice:
    """The price that was seen for a model. Raises PriceError if there is none here."""
    seen, table = SEEN.get(region, ("", {}))
    name = bedrock_prices.name_of(model_id, table)
    if name is None:
        known = ", ".join(table) or "none"
        raise PriceError(f"the price of tuning {model_id} in {region} is not in this course's table. Known "
                         f"there: {known}.\nFix: https://aws.amazon.com/bedrock/pricing/, or one of those")
    return TokenPrice(model_id, region, *table[name], seen)


def from_api(pricing, model_id: str, region: str) -> TokenPrice:
    """Today's price. Free to ask; needs pricing:GetProducts.

    pricing  boto3 client "pricing" in us-east-1, where that API lives
    Raises   PriceError if AWS lists no such product, or not by the thousand tokens
    """
    asked = [bedrock_prices.request(model_id, region, f"Customization-{what}")
             for what in ("Training", "Storage")]
    training, date = bedrock_prices.usd(pricing, asked[0], "1K tokens")
    storage, _ = bedrock_prices.usd(pricing, asked[1])
    return TokenPrice(model_id, region, training, storage, f"{date} (price list API)")


def best_price(pricing, model_id: str, region: str) -> TokenPrice:
    """from_api(), or the table's price where that can't be asked. Raises PriceError if neither knows it."""
    try:
        return from_api(pricing, model_id, region)
    except (PriceError, BotoCoreError, ClientError):
        return seen_price(model_id, region)
