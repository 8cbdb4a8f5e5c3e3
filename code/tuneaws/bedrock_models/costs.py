"""What a model on Bedrock costs: tokens, hours, storage. Asked before it is spent.

    price = best_price(pricing, "amazon.nova-micro-v1:0", "us-east-1")
    price.usd(input_tokens=160, output_tokens=25)            # of one request
    print(throughput_cost("amazon.nova-2-lite-v1:0", "us-east-1"))

    on demand                 by the token; a deployment that nobody asks costs nothing
    custom model, kept        by the month, until it is deleted
    imported model, kept      by unit and month; asked: by unit and minute of a copy, in windows of 5 minutes
    provisioned throughput    by unit and hour from creation to deletion, asked or not

Prices here are what was seen on the dates beside them. A price that is not known is an error or None, never a
guess; where the base model's stands in for a custom model's, `seen` says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from tuneaws import bedrock_prices
from tuneaws.prices import PriceError

HOURS_A_MONTH = 730
# USD for 1,000 tokens in and out, on demand, us-east-1, and when it was seen. Nova Micro and Lite:
# vercel.com/ai-gateway and pristren.com. Nova 2 Lite: a public note of what AWS's price list answered.
SEEN = {"us-east-1": {"amazon.nova-micro": (0.000035, 0.00014, "2026-11"),
                      "amazon.nova-lite": (0.00006, 0.00024, "2026-11"),
                      "amazon.nova-2-lite": (0.00033, 0.00275, "2026-08")}}
# The same of custom models, which have usage types of their own, …-custom-model. Of Nova Micro's and Lite's
# no price was found, but AWS says that customized Nova models are asked "at the standard rate for the model"
# (https://aws.amazon.com/blogs/machine-learning/customize-amazon-nova-models-with-amazon-bedrock-fine-tuning,
# 2026-11). By the same note as above, Nova 2 Lite's base model costs a tenth more than its custom ones.
SEEN_CUSTOM = {"us-east-1": {"amazon.nova-2-lite": (0.0003, 0.0025, "2026-08")}}
# USD an hour of one model unit without commitment: USE1-Nova2.0Lite-ProvisionedThroughput-NoCommit-ModelUnits
# in AWS's price list, read 2026-08. Nova Micro's was not found.
SEEN_THROUGHPUT = {"us-east-1": ("2026-08", {"amazon.nova-2-lite": 60.50})}
# USD a month for a custom model; for an imported one by unit and month, and by unit and minute that a copy of
# it is up, counted in windows of 5 minutes from its first answer (https://docs.aws.amazon.com/bedrock/latest/
# userguide/import-model-calculate-cost.html, 2026-11; figures of AWS's price page, us-east-1 and us-west-2,
# 2026-08). They are for units of version 1, and were seen for Llama: the price list has a usage type for each
# family and version, and a unit of GPT-OSS of version 2 was 0.1433 (code search, 2026-11). For Qwen2's units
# of version 1 no other price was found.
CUSTOM_MODEL_MONTH = 1.95
IMPORTED_UNIT_MONTH = 1.95
IMPORTED_UNIT_MINUTE = 0.05718
IMPORTED_UNIT_VERSION = "v1"
IMPORT_WINDOW_S = 300


@dataclass(frozen=True)
class AnswerPrice:
    """What answers of one model cost on demand, USD for 1,000 tokens."""

    model_id: str
    region: str
    usd_per_1000_input: float
    usd_per_1000_output: float
    seen: str

    def usd(self, input_tokens: float, output_tokens: float) -> float:
        """The cost of so many tokens."""
        return (input_tokens * self.usd_per_1000_input + output_tokens * self.usd_per_1000_output) / 1000

    def __str__(self) -> str:
        coming, going = 1000 * self.usd_per_1000_input, 1000 * self.usd_per_1000_output
        return (f"{base_of(self.model_id)} in {self.region}: {coming:g} USD for a million tokens in, "
                f"{going:g} out, seen {self.seen}. Not asked, it costs nothing.")


@dataclass(frozen=True)
class ThroughputCost:
    """What provisioned throughput costs; usd_per_hour is None where no price is known here."""

    model_id: str
    region: str
    units: int
    usd_per_hour: float | None
    seen: str

    def __str__(self) -> str:
        units = "1 model unit" if self.units == 1 else f"{self.units} model units"
        head = f"provisioned throughput, {units} of {base_of(self.model_id)} in {self.region}:"
        if self.usd_per_hour is None:
            return (f"{head}\nthe price an hour is not in this course's table: "
                    "https://aws.amazon.com/bedrock/pricing/.\n"
                    "For scale: a unit of Nova 2 Lite was 60.50 USD an hour in 2026-08, 1,452 USD a day.")
        hour = self.usd_per_hour * self.units
        month = hour * HOURS_A_MONTH
        return (f"{head}\n{hour:,.2f} USD an hour, {hour * 24:,.0f} a day, {month:,.0f} a month, "
                f"seen {self.seen}.\nIt bills from its creation to its deletion, asked or not.")


def seen_price(model_id: str, region: str, custom: bool | None = None) -> AnswerPrice:
    """The price that was seen; of a custom model, where none was, its base model's. Raises PriceError.

    custom  of a tuned model; None: if model_id is the ARN of one
    """
    custom = base_of(model_id) != model_id if custom is None else custom
    of_base = ", of the base model" if custom else ""
    for table, whose in ((SEEN_CUSTOM if custom else {}, ""), (SEEN, of_base)):
        if name := bedrock_prices.name_of(model_id, table.get(region, {})):
            coming, going, seen = table[region][name]
            return AnswerPrice(model_id, region, coming, going, seen + whose)
    known = ", ".join(SEEN.get(region, {})) or "none"
    raise PriceError(f"the price of answers of {model_id} in {region} is not in this course's table.\n"
                     f"Known there: {known}.\nFix: one of those, or https://aws.amazon.com/bedrock/pricing/")


def from_api(pricing, model_id: str, region: str, custom: bool = True) -> AnswerPrice:
    """Today's price. Free to ask; needs pricing:GetProducts. Raises PriceError if AWS lists none.

    pricing  boto3 client "pricing" in us-east-1, where that API lives
    custom   of a tuned model; False: of the base model
    """
    kind = "tokens-custom-model" if custom else "tokens"
    (coming, date), (going, _) = (
        bedrock_prices.usd(pricing, bedrock_prices.request(model_id, region, f"{way}-{kind}"), "1K tokens")
        for way in ("input", "output"))
    return AnswerPrice(model_id, region, coming, going, f"{date} (price list API)")


def best_price(pricing, model_id: str, region: str, custom: bool = True) -> AnswerPrice:
    """from_api(), or the table's price where that can't be asked. Raises PriceError if neither knows it."""
    try:
        return from_api(pricing, model_id, region, custom)
    except (PriceError, BotoCoreError, ClientError):
        return seen_price(model_id, region, custom)


def throughput_cost(model_id: str, region: str, units: int = 1) -> ThroughputCost:
    """What provisioned throughput without commitment costs, as far as the table knows."""
    seen, table = SEEN_THROUGHPUT.get(region, ("", {}))
    name = bedrock_prices.name_of(model_id, table)
    return ThroughputCost(model_id, region, units, table.get(name), seen if name else "")


def base_of(model_id: str) -> str:
    """The base model's id in a custom model's ARN; other ids as they are."""
    kind, _, rest = model_id.rpartition("/")[0].rpartition(":custom-model/")
    return rest if kind else model_id


def import_window_usd(units: int = 1, version: str = "v1.0") -> float | None:
    """USD for each 5 minutes in which one copy of an imported model was up. Under load there are more copies.

    units, version  GetImportedModel's customModelUnits
    None            of that version no price was seen
    """
    if version.partition(".")[0] != IMPORTED_UNIT_VERSION:
        return None
    return units * IMPORTED_UNIT_MINUTE * IMPORT_WINDOW_S / 60
