"""The net under every call that bills on aws: its worst case is shown once, and held to the budget.

    PriceError: CreateTrainingJob tuneaws-1 could cost 22.53 USD (1 x ml.g5.xlarge, at most 57,600 s),
    budget_usd allows 2.00. Nothing was sent.

The helpers that start things show their price themselves. This is for the calls that do not go through them:
a raw boto3 cell, the SageMaker SDK, your own code with a session's clients. It knows the calls of SageMaker
and Bedrock that bill (worst_case.BILLS); of other services, such as EC2, it knows nothing.

    budget_usd        what one step may cost at worst
    total_budget_usd  what the course may cost together: what the ledger has, and this call at its worst
"""

from __future__ import annotations

import contextlib
import contextvars
import threading

from tuneaws import config
from tuneaws.costs.showing import usd
from tuneaws.costs.worst_case import Worst
from tuneaws.prices import PriceError

FREE_WAY = 'or set WHERE = "local" and go on for free.'
_at_my_risk = contextvars.ContextVar("tuneaws_at_my_risk", default=False)


@contextlib.contextmanager
def at_my_risk():
    """Let calls through whose worst case nobody can name. What is over the budget stays refused."""
    token = _at_my_risk.set(True)
    try:
        yield
    finally:
        _at_my_risk.reset(token)


class Guard:
    """Holds calls to the budgets of the configuration that was loaded last.

    spent   () -> USD that the ledger has on this account, at most
    settle  () -> None: look what has ended since; not asked before each of many questions to a model
    """

    def __init__(self, spent, settle=lambda: None):
        self._spent, self._settle, self._lock, self._shown = spent, settle, threading.Lock(), set()
        self._reserved: dict[int, float] = {}  # of calls that are on their way

    def check(self, call: str, worst: Worst, question: bool = False) -> None:
        """Print what a call can cost, or raise PriceError before it is sent.

        call      "CreateTrainingJob tuneaws-1", for the message
        question  to a model on Bedrock: there may be hundreds, and the first of a model is shown
        """
        cfg = config.latest("aws")
        if worst.usd is None:
            _refuse_unknown(call, worst)
            return
        if worst.usd > cfg.budget_usd:
            raise PriceError(f"{call} could cost {worst.usd:,.2f} USD ({worst.because}), budget_usd allows "
                             f"{cfg.budget_usd:.2f}. Nothing was sent.\nFix: {worst.fix}, or a larger "
                             f"budget_usd in config.yaml,\n{FREE_WAY}")
        if not question:
            self._settle()
        with self._lock:
            so_far = self._spent() + sum(self._reserved.values())
            if so_far + worst.usd > cfg.total_budget_usd:
                raise PriceError(
                    f"{call} could cost {worst.usd:,.2f} USD ({worst.because}), and the course has cost up "
                    f"to {so_far:,.2f} USD so far: total_budget_usd allows {cfg.total_budget_usd:.2f}. "
                    "Nothing was sent.\nFix: costs.show_ledger(session, cfg) says what it went to; a larger "
                    f"total_budget_usd in config.yaml, if you mean it,\n{FREE_WAY}")
            self._reserved[id(worst)] = worst.usd
        if not question or call not in self._shown:
            self._shown.add(call)
            print(f"{call}: at worst {usd(worst.usd)} ({worst.because}); so far up to {usd(so_far)} of "
                  f"{cfg.total_budget_usd:.2f} USD")

    def settle(self, worst: Worst) -> None:
        """The call has been answered or has failed: what it cost stands in the ledger now."""
        with self._lock:
            self._reserved.pop(id(worst), None)


def _refuse_unknown(call: str, worst: Worst) -> None:
    if not _at_my_risk.get():
        raise PriceError(f"{call} bills, and its worst case is not known: {worst.because}. Nothing was sent."
                         f"\nFix: {worst.fix}; or, if you know it, `with costs.at_my_risk():` around it,\n"
                         f"{FREE_WAY}")
    print(f"{call}: its worst case is not known ({worst.because}); it goes at your own risk")
