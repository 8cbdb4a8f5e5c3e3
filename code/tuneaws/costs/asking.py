"""A call's worst case as a value, and what may be looked up to find it: prices, descriptions, file sizes."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from tuneaws.bedrock_models import costs
from tuneaws.costs.rates import Rates
from tuneaws.prices import PriceError


@dataclass(frozen=True)
class Worst:
    """The worst case of one call. usd: None where it can't be known. fix: what makes it smaller."""

    usd: float | None
    because: str
    fix: str = "a smaller request"
    usd_per_hour: float | None = None  # of what bills by the hour


class Asker:
    """What the worst case may look up, all of it free: prices, descriptions, the size of a file.

    boto    the boto3.Session of the call     region   of the client that makes it
    """

    def __init__(self, boto, region: str):
        self._boto, self.region, self._clients, self._answers = boto, region, {}, {}
        self._lock = threading.RLock()  # a boto3.Session makes one client at a time; many threads may ask

    def client(self, service: str, region: str | None = None):
        """A client of the same session."""
        asked = service, region or self.region
        with self._lock:
            if asked not in self._clients:
                self._clients[asked] = self._boto.client(service, region_name=asked[1])
            return self._clients[asked]

    @functools.cached_property
    def rates(self) -> Rates:
        """Prices in that region."""
        return Rates(lambda: self.pricing, self.region)

    @property
    def pricing(self):
        """The price list, which lives in us-east-1."""
        return self.client("pricing", "us-east-1")

    def answer_price(self, model_id: str):
        """The price of a model's answers: the price list's, else the table's; None where there is none."""
        with self._lock:
            if model_id not in self._answers:
                try:
                    self._answers[model_id] = self._price_of_answers(model_id)
                except (PriceError, ClientError, BotoCoreError):
                    self._answers[model_id] = None
            return self._answers[model_id]

    def _price_of_answers(self, model_id: str):
        model = model_id
        if ":custom-model-deployment/" in model_id:
            found = self.client("bedrock").get_custom_model_deployment(
                customModelDeploymentIdentifier=model_id)
            model = found["modelArn"]
        return costs.best_price(self.pricing, model, self.region, costs.base_of(model) != model)
