"""Ask again what is worth it, and say in the learner's words what is not."""

from __future__ import annotations

import random
import time

from botocore.exceptions import BotoCoreError, ClientError

from tuneaws import fixes
from tuneaws.bedrock_client import FREE_WAY
from tuneaws.bedrock_models.errors import BedrockModelError

# Worth another try: a quota that is used up for now, a model that is being loaded, AWS out of machines.
# API_runtime_Converse (2026-11); an imported model that nobody asked for a while is not loaded
# (https://repost.aws/knowledge-center/bedrock-imported-models-modelnotreadyexception, 2026-11).
TRY_AGAIN = ("ThrottlingException", "ModelNotReadyException", "ServiceUnavailableException")
LONGEST_WAIT_S = {"ModelNotReadyException": 2.0}  # seconds between two tries; of the others 20
IMPORTED = ":imported-model/"


def patiently(call, model_id: str, retry_s: float):
    """What the call answers; throttled or not ready, it is made again, later and later.

    Raises  BedrockModelError
    """
    deadline, wait_s = time.monotonic() + retry_s, 0.5
    while True:
        try:
            return call()
        except ClientError as err:
            code = err.response["Error"]["Code"]
            if code not in TRY_AGAIN or time.monotonic() + wait_s > deadline:
                raise BedrockModelError(_explain(model_id, err)) from err
        except BotoCoreError as err:
            raise BedrockModelError(f"{model_id} did not answer: {err}.\nFix: ask again") from err
        time.sleep(wait_s * random.uniform(0.5, 1))  # so that many do not come together
        wait_s = min(2 * wait_s, LONGEST_WAIT_S.get(code, 20.0))


def _explain(model_id: str, err: ClientError) -> str:
    code, said = err.response["Error"]["Code"], err.response["Error"]["Message"]
    fix = fixes.advice(fixes.find(err, "bedrock-runtime"), _otherwise(code, model_id, err.operation_name))
    return f"{model_id} refused the request: {code}: {said}\nFix: {fix},\n{FREE_WAY}"


def _otherwise(code: str, model_id: str, operation: str) -> str:
    """What to do where the table of fixes knows nothing better."""
    if code == "ResourceNotFoundException":
        return ("deploy it again; a model past its end of life answers no more: "
                "bedrock_jobs.tunable(bedrock) lists what is offered")
    return _other_way(model_id, operation)


def _other_way(model_id: str, operation: str) -> str:
    """What to try after a refusal that has no fix of its own."""
    if operation == "InvokeModel":
        fix = "print the request: bedrock_models.invoke_request(...)"
        return fix if IMPORTED in model_id else f"converse(): invoke() is for imported models; or {fix}"
    fix = "print the request: bedrock_models.converse_request(...)"
    if IMPORTED not in model_id:
        return fix
    return f'invoke(), or generator(..., api="invoke"): not all imported models take Converse; or {fix}'
