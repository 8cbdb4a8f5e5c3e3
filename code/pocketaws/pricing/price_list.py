"""The products of price_list.json in AWS's shape: one JSON text for each, in the format aws_v1.

    price_list.json   one row a product: usagetype, region, unit, USD for one, and the month it was seen in
    effectiveDate     the first day of that month: the table can't know since when a price holds

Where the figures come from stands in the course's own tables of prices, which a test holds equal to these.
The shape is that of AWS's documented answer (docs.aws.amazon.com/aws-cost-management/latest/APIReference/
API_pricing_GetProducts.html, 2026-11); of the attributes, there are those that follow from the usage type.
"""

import functools
import hashlib
import json
from pathlib import Path

TABLE = Path(__file__).with_name("price_list.json")
TERM, RATE = "JRTCKXETXF", "6YS6EN2CT7"  # on demand, by the hour or the unit: the same in all of AWS's lists
NAMES = {"AmazonSageMaker": "Amazon SageMaker", "AmazonBedrock": "Amazon Bedrock",
         "AmazonS3": "Amazon Simple Storage Service"}  # fmt: skip
LOCATIONS = {"us-east-1": "US East (N. Virginia)", "us-west-2": "US West (Oregon)"}
COMPONENTS = {"Train": "Training", "Host": "Hosting"}  # by the word in SageMaker's usage types


@functools.cache
def products() -> tuple:
    """Every product as AWS gives it: {"product": …, "serviceCode": …, "terms": …, "version": …}."""
    return tuple(product(row) for row in json.loads(TABLE.read_text(encoding="utf-8")))


def product(row: dict) -> dict:
    """One row of the table as a product."""
    sku = hashlib.sha256(row["usagetype"].encode()).hexdigest()[:16].upper()
    term, rate = f"{sku}.{TERM}", f"{sku}.{TERM}.{RATE}"
    day = f"{row['seen']}T00:00:00Z"
    dimension = {
        "unit": row["unit"], "endRange": "Inf", "appliesTo": [], "rateCode": rate, "beginRange": "0",
        "description": f"${float(row['usd']):g} per {row['per']} in {LOCATIONS[row['region']]}",
        "pricePerUnit": {"USD": row["usd"]},
    }  # fmt: skip
    return {
        "product": {**family(row), "sku": sku},
        "serviceCode": row["service"],
        "terms": {"OnDemand": {term: {"priceDimensions": {rate: dimension}, "sku": sku, "effectiveDate": day,
                                      "offerTermCode": TERM, "termAttributes": {}}}},
        "version": row["seen"].replace("-", "") + "000000", "publicationDate": day,
    }  # fmt: skip


def family(row: dict) -> dict:
    """The product's family and attributes."""
    attributes = {
        "servicecode": row["service"], "servicename": NAMES[row["service"]], "usagetype": row["usagetype"],
        "regionCode": row["region"], "location": LOCATIONS[row["region"]], "locationType": "AWS Region",
    }  # fmt: skip
    if row["service"] == "AmazonSageMaker":
        component, _, name = row["usagetype"].partition("-")[2].partition(":")
        more = {"instanceName": name, "instanceType": name, "operation": "RunInstance",
                "component": COMPONENTS[component], "platoinstancetype": COMPONENTS[component]}  # fmt: skip
        return {"productFamily": "ML Instance", "attributes": {**attributes, **more}}
    if row["service"] == "AmazonS3":
        return {"productFamily": "Storage", "attributes": {**attributes, "storageClass": "General Purpose"}}
    return {"productFamily": "Amazon Bedrock", "attributes": attributes}
