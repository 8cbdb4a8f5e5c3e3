"""What one thing costs an hour or a month on AWS, asked once for each kind of machine.

    rates = Rates.of(session)
    rates.hour("ml.g5.xlarge", "Host")                        # 1.408; None: no price is known
    rates.hours([("ml.g5.xlarge", 2)], "Train")               # 2.816
    storage_month(12_000_000_000)                             # 0.26

Prices come from AWS's price list (pricing:GetProducts, free), else from the dated tables of tuneaws.prices.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from tuneaws import prices

# USD a GB and month of S3 Standard in us-east-1, the first 50 TB (gist.github.com/EverettBerry/
# a37438006529a55f42da6fdbc44a505c, 2022-07; AWS's page fills its table by a script). Other regions cost more.
S3_MONTH = 0.023
GB = 2**30  # S3 bills 2^30 bytes as one GB (https://aws.amazon.com/s3/faqs/, 2026-11)


class Rates:
    """Prices in one region.

    pricing  () -> boto3 client "pricing" in us-east-1, where the price list lives; made when it is needed
    """

    def __init__(self, pricing: Callable, region: str):
        self._make, self._region, self._known = pricing, region, {}

    @classmethod
    def of(cls, session, region: str | None = None) -> Rates:
        """The prices in a session's region, or in another."""
        return cls(lambda: session.boto.client("pricing", region_name="us-east-1", endpoint_url=session.url),
                   region or session.region)

    @functools.cached_property
    def _pricing(self):
        return self._make()

    def hour(self, instance_type: str, use: str) -> float | None:
        """USD an hour of one instance, None if nobody knows it. use: "Train" or "Host", as in AWS's bills."""
        if (instance_type, use) not in self._known:
            try:
                price = prices.best_price(self._pricing, instance_type, self._region, use).usd_per_hour
            except (prices.PriceError, KeyError):  # KeyError: a use that the dated tables do not have
                price = None
            self._known[instance_type, use] = price
        return self._known[instance_type, use]

    def hours(self, machines: list, use: str) -> float | None:
        """USD an hour of [(instance type, how many), …]; None if the price of one is not known."""
        each = [self.hour(kind, use) for kind, _ in machines]
        if None in each:
            return None
        return sum(usd * count for usd, (_, count) in zip(each, machines, strict=True))


def storage_month(size_bytes: int) -> float:
    """USD a month for so many bytes in S3 Standard."""
    return size_bytes / GB * S3_MONTH
