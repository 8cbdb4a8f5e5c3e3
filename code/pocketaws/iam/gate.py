"""What every call goes through: who calls, may they, and the line in the record.

    gate.answer(call, environ, lambda: …)     what the operation answers, or IAM's AwsError
"""

import re
import time

from pocketaws.calls import Call
from pocketaws.errors import AwsError
from pocketaws.iam.enforcement import Enforcement, refusal
from pocketaws.iam.record import Record, app_of


class Gate:
    """IAM's place in one local AWS. enforce: whether policies count; record: the record of calls."""

    def __init__(self, state):
        self.enforcement, self.record = Enforcement(state), Record(state.home)

    @property
    def enforce(self) -> bool:
        """Whether policies count."""
        return self.enforcement.enforce

    @enforce.setter
    def enforce(self, on: bool) -> None:
        self.enforcement.enforce = on

    def answer(self, call: Call, environ: dict, go):
        """What go() answers, if the caller may; the call is recorded either way. Raises AwsError."""
        started, app = time.monotonic(), app_of(environ)
        decision = self.enforcement.decide(call, environ)
        status, error = 500, "InternalFailure"
        try:
            if decision.allowed is False:
                raise refusal(call, decision)
            environ["pocketaws.principal"] = decision.principal
            answer = go()
            status, error = _outcome(answer)
            return answer
        except AwsError as err:
            status, error = err.status, err.code
            raise
        finally:
            self.record.note(call, decision, app, status, error, 1000 * (time.monotonic() - started))

    def close(self) -> None:
        """Close the record."""
        self.record.close()


def _outcome(answer) -> tuple[int, str | None]:
    """(status, error code) of an answer; of moto's, whose body is not read, the code may be unknown."""
    status, headers, _ = answer
    number = int(re.match(r"\d+", str(status))[0])
    if number < 400:
        return number, None
    kinds = [value for name, value in headers if name.lower() == "x-amzn-errortype"]
    return number, kinds[0] if kinds else None
