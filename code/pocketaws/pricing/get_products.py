"""GetProducts, GetAttributeValues and DescribeServices over the products of price_list.py.

AWS's rules (API_pricing_GetProducts and API_pricing_Filter, 2026-11): every filter must fit; TERM_MATCH and
EQUALS compare the whole value, CONTAINS a part of it, ANY_OF and NONE_OF take values with commas between. A
field that no product has fits nothing, and an empty PriceList is no error.
"""

import json
import re

from pocketaws.errors import AwsError
from pocketaws.operations import operation
from pocketaws.paging import page
from pocketaws.pricing.price_list import products

FORMAT = "aws_v1"
PAGE = 100  # MaxResults' maximum and default


@operation("pricing", "GetProducts")
def get_products(context, request: dict) -> dict:
    """The products of a service that fit all filters, each as a JSON text."""
    _check_format(request)
    filters = request.get("Filters", [])
    found = [each for each in _of_service(request) if all(_fits(each, one) for one in filters)]
    chosen, token = _page(found, request)
    return {"FormatVersion": FORMAT, "PriceList": [json.dumps(each) for each in chosen], **token}


@operation("pricing", "GetAttributeValues")
def get_attribute_values(context, request: dict) -> dict:
    """Every value that an attribute has in a service's products."""
    every = {_value(each, request["AttributeName"]) for each in _of_service(request)}
    values = sorted(every - {None})
    chosen, token = _page(values, request)
    return {"AttributeValues": [{"Value": value} for value in chosen], **token}


@operation("pricing", "DescribeServices")
def describe_services(context, request: dict) -> dict:
    """The services of the list, or one of them, with the names of their attributes."""
    _check_format(request)
    codes = sorted({each["serviceCode"] for each in products()})
    if "ServiceCode" in request:
        codes = [_of_service(request)[0]["serviceCode"]]
    rows = [{"ServiceCode": code, "AttributeNames": sorted(_attributes(code))} for code in codes]
    chosen, token = _page(rows, request)
    return {"FormatVersion": FORMAT, "Services": chosen, **token}


def _check_format(request: dict) -> None:
    """Not documented for another format, and chosen: the code that the API's model lists for it."""
    if request.get("FormatVersion", FORMAT) != FORMAT:
        raise AwsError("InvalidParameterException", f"FormatVersion must be {FORMAT}")


def _of_service(request: dict) -> list:
    """The products of the service that is asked for.

    The two complaints are AWS's (aws/aws-sdk issue 51, cloud-barista/cb-spider issue 1055, read 2026-11).
    That it says NotFoundException for a service which it does not have is not documented, and chosen.
    """
    code = request["ServiceCode"]
    if not code:
        raise AwsError("InvalidParameterException",
                       "Input Parameters are invalid. serviceCode cannot be null or empty")  # fmt: skip
    if not re.fullmatch(r"[a-zA-Z0-9]+", code):
        raise AwsError("InvalidParameterException", "ServiceCode can only contain a-z, A-Z, 0-9")
    found = [each for each in products() if each["serviceCode"] == code]
    if not found:
        raise AwsError("NotFoundException", f"The price list of this machine has no service {code}.")
    return found


def _attributes(code: str) -> set:
    """The names by which the products of a service can be filtered."""
    every = [each["product"] for each in products() if each["serviceCode"] == code]
    return {"productFamily", *(name for each in every for name in each["attributes"])}


def _value(each: dict, name: str) -> str | None:
    """A product's value of a field; names of fields are compared without case."""
    fields = {"productFamily": each["product"]["productFamily"], "sku": each["product"]["sku"],
              "serviceCode": each["serviceCode"], **each["product"]["attributes"]}  # fmt: skip
    return {key.lower(): value for key, value in fields.items()}.get(name.lower())


def _fits(each: dict, one: dict) -> bool:
    value, wanted, kind = _value(each, one["Field"]), one["Value"], one["Type"]
    if value is None:
        return False
    if kind == "CONTAINS":
        return wanted in value
    if kind in ("ANY_OF", "NONE_OF"):
        return (value in wanted.split(",")) == (kind == "ANY_OF")
    return value == wanted


def _page(rows: list, request: dict) -> tuple[list, dict]:
    wrong = AwsError("InvalidNextTokenException", "The pagination token is invalid. Try again without it.")
    return page(rows, request, wrong, PAGE)
