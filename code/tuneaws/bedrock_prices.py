"""How AWS's price list names what Bedrock bills, and what it costs there today.

    asked = request("amazon.nova-micro-v1:0", "us-east-1", "Customization-Training")
    dollars, date = usd(pricing, asked, "1K tokens")

What was seen on a day, for those who can't ask: bedrock_jobs/pricing.py and bedrock_models/costs.py.
"""

import json

from tuneaws.prices import BILLING_CODE, PriceError

# In usage types such as USE1-NovaMicro-Customization-Training, USE1-NovaMicro-input-tokens and
# USE1-NovaLite-input-tokens-custom-model, which stand so in public programs that read the price list (code
# search, 2026-11).
USAGE = {"amazon.nova-micro": "NovaMicro", "amazon.nova-lite": "NovaLite", "amazon.nova-pro": "NovaPro",
         "amazon.nova-2-lite": "Nova2.0Lite", "meta.llama3-3-70b": "Llama3-3-70B"}


def name_of(model_id: str, table) -> str | None:
    """A table's name for a model's id, its ARN or a custom model's ARN; None if it has none."""
    return next((name for name in table if name in model_id), None)


def request(model_id: str, region: str, what: str) -> dict:
    """The pricing:GetProducts request for what a model bills: "input-tokens", "Customization-Storage" ….

    Raises  PriceError where it is not known how AWS names it
    """
    name = name_of(model_id, USAGE)
    if name is None or region not in BILLING_CODE:
        raise PriceError(f"how AWS bills {model_id} in {region} is not known here. "
                         "Fix: look at https://aws.amazon.com/bedrock/pricing/")
    usage = f"{BILLING_CODE[region]}-{USAGE[name]}-{what}"
    return {"ServiceCode": "AmazonBedrock",
            "Filters": [{"Type": "TERM_MATCH", "Field": "usagetype", "Value": usage}]}


def usd(pricing, asked: dict, unit: str = "") -> tuple[float, str]:
    """(USD, the day from which it holds) of a request(). Raises PriceError if AWS lists no such product.

    pricing  boto3 client "pricing" in us-east-1, where that API lives
    unit     what it must be counted in, such as "1K tokens"
    """
    for text in pricing.get_products(**asked)["PriceList"]:
        product = json.loads(text) if isinstance(text, str) else text
        for term in product["terms"].get("OnDemand", {}).values():
            for dimension in term["priceDimensions"].values():
                dollars = float(dimension["pricePerUnit"].get("USD", 0))
                if dollars > 0 and unit.lower() in (dimension.get("unit") or unit).lower():
                    return dollars, term.get("effectiveDate", "")[:10]
    raise PriceError(f"AWS lists no price for {asked['Filters'][0]['Value']}")
