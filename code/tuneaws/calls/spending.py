"""Who spends, and on what: each call that makes or ends something is noted, and on aws held to the budget.

    install(boto, facts)      # done by every Session

The ledger (tuneaws.costs.book) gets a line after each create, update and delete that AWS took, and after
each answer of a model on Bedrock. On aws a call that bills is refused before it is sent when its worst case
is over budget_usd, or would bring the course over total_budget_usd (tuneaws.costs.guard).
"""

from __future__ import annotations

import logging
import threading

from tuneaws import learner

log = logging.getLogger("tuneaws")

COUNTED = ("InvokeModel", "Converse")  # they say how many tokens it was: in a header, in the answer
TOKENS = (("inputTokens", "x-amzn-bedrock-input-token-count"),
          ("outputTokens", "x-amzn-bedrock-output-token-count"))  # fmt: skip


def install(boto, facts) -> None:
    """Have the clients of a boto3.Session note what they make, and on aws ask first.

    boto   without clients yet      facts  tuneaws.calls.Facts
    """
    learner.remember(facts.caller_arn)
    spending = Spending(boto, facts)
    boto.events.register("creating-client-class", spending.add)


class Spending:
    """What the clients of one session share: the book and the guard."""

    def __init__(self, boto, facts):
        self._boto, self._facts, self._askers = boto, facts, {}
        self._book = self._guard = None
        self._lock = threading.RLock()  # clients are shared by threads

    @property
    def book(self):
        """The ledger's file, opened at the first call that is noted."""
        from tuneaws.costs.book import Book

        with self._lock:
            self._book = self._book or Book.of(self._facts)
            return self._book

    @property
    def guard(self):
        """Asked before each call that bills, on aws."""
        from tuneaws.costs import spent
        from tuneaws.costs.guard import Guard

        with self._lock:
            self._guard = self._guard or Guard(
                lambda: spent.spent_at_most(self.book.entries()),
                lambda: spent.settle(self.book, self._asker(self._facts.region).client))
            return self._guard

    def add(self, base_classes, **_) -> None:
        """Put itself in front of a client's class: botocore calls _make_api_call for every operation."""
        spending = self

        class Spender:
            def _make_api_call(self, operation_name, api_params):
                return spending.around(self, operation_name, api_params, super()._make_api_call)

        base_classes.insert(0, Spender)

    def around(self, client, operation: str, params: dict, make):
        """Make one call: its worst case before it, its line in the book after it."""
        service, worst = client.meta.service_model.service_name, None
        if self._facts.where == "aws":
            worst = self._worst(client, service, operation, params)
        try:
            answer = make(operation, params)
            self._note(client, service, operation, params, answer, worst)
        finally:
            if worst is not None:
                self.guard.settle(worst)
        return answer

    def _worst(self, client, service: str, operation: str, params: dict):
        """The worst case of a call that bills, after the guard has let it through; None for others."""
        from tuneaws.costs import worst_case

        if (service, operation) not in worst_case.BILLS:
            return None
        worst = worst_case.of(service, operation, params, self._asker(client.meta.region_name))
        if worst is not None:
            question = service == "bedrock-runtime"
            name = params.get("modelId") if question else _name(params)
            self.guard.check(f"{operation} {name}", worst, question)
        return worst

    def _asker(self, region: str):
        from tuneaws.costs.worst_case import Asker

        with self._lock:
            if region not in self._askers:
                self._askers[region] = Asker(self._boto, region)
            return self._askers[region]

    def _note(self, client, service: str, operation: str, params: dict, answer: dict, worst) -> None:
        """The line in the book. The call is done: a full disk must not make it look as if it failed."""
        from tuneaws import config
        from tuneaws.costs import book, worst_case

        entry = (book.made(service, operation, params, answer) or book.ended(service, operation, params)
                 or book.changed(service, operation, params))
        if service == "bedrock-runtime" and operation in worst_case.ANSWERS:
            entry = self._asked(operation, params, answer, client.meta.region_name)
        if entry is None:
            return
        labels = config.latest(self._facts.where).project.labels()
        for tag in ("learner", "lesson") if entry["event"] != "ended" else ():
            entry[tag] = entry.get(tag) or labels.get(tag)
        if worst is not None and entry["event"] in ("made", "changed"):
            entry.update(worst_usd=worst.usd, usd_per_hour=worst.usd_per_hour)
        if entry["event"] == "changed" and not (entry.get("config") or entry.get("worst_usd")):
            return  # the same machines as before
        try:
            self.book.add({**entry, "region": client.meta.region_name})
        except OSError as err:
            log.warning("the ledger %s can't be written: %s", self.book.path, err)

    def _asked(self, operation: str, params: dict, answer: dict, region: str) -> dict:
        """One question to a model on Bedrock. A stream's tokens come after this: it counts at its most."""
        from tuneaws.costs import worst_case

        usage, headers = answer.get("usage", {}), answer["ResponseMetadata"]["HTTPHeaders"]
        price = self._asker(region).answer_price(params["modelId"])
        counted = [usage.get(member, headers.get(header)) for member, header in TOKENS]
        if None in counted or operation not in COUNTED:
            counted = worst_case.tokens_at_most(params, price.model_id if price else params["modelId"])
        coming, going = map(int, counted)
        return {"event": "asked", "what": "answers", "name": params["modelId"], "input_tokens": coming,
                "output_tokens": going, "usd": price and price.usd(coming, going)}


def _name(params: dict) -> str:
    """What a request calls the thing that it makes or changes."""
    names = [str(value) for key, value in params.items()
             if key.endswith(("Name", "name")) and not key.startswith(("EndpointConfig", "customModel"))]
    return [*names, params.get("ResourceId", "")][0]
