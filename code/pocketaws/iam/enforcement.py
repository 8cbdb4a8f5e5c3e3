"""May this call be made? Off by default; on by --enforce-iam or POST /_pocketaws/iam {"enforce": true}.

Off, everybody may do everything, save what the home's denied.json names (a rehearsal, see below). On, the
root user may do everything and everybody else what their policies allow, as iam/policies.py evaluates them:
identity policies, permissions boundary, session policy, and for AssumeRole the role's trust. A bucket's
policy is kept and not evaluated.

    <home>/denied.json     ["sagemaker:CreateTrainingJob"] or ["iam:PassRole"]: denied to everybody
"""

from dataclasses import dataclass, field

from pocketaws import resources
from pocketaws.calls import Call
from pocketaws.errors import AwsError
from pocketaws.home_files import read_json
from pocketaws.iam import actions, policies, principal_policies
from pocketaws.iam.actions import Ask
from pocketaws.iam.identity import Principal, principal_of
from pocketaws.iam.reading import request_of
from pocketaws.iam.tags import tags_of

DENIED = "denied.json"


@dataclass
class Decision:
    """What IAM said of a call. allowed is None where nobody was asked (enforcement is off, or no ask)."""

    principal: Principal
    asks: list[Ask] = field(default_factory=list)
    allowed: bool | None = None
    refused: Ask | None = None
    explicit: bool = False  # refused by a Deny


class Enforcement:
    """Decides each call of one local AWS.

    enforce   whether policies count
    """

    def __init__(self, state):
        self.state, self.enforce = state, False

    def decide(self, call: Call, environ: dict) -> Decision:
        """What IAM says of a call. Raises AwsError only for a denied.json that cannot be read."""
        principal = principal_of(call.access_key)
        if call.operation is None or not actions.knows(call.service):
            return Decision(principal)
        decision = Decision(principal, actions.asks(call, request_of(call, environ), principal.account))
        denied = self._denied()
        for ask in decision.asks:
            if ask.action in denied:
                decision.allowed, decision.refused = False, ask
                return decision
        if self.enforce and decision.asks:
            self._judge(decision, call)
        return decision

    def _denied(self) -> list:
        path = self.state.home / DENIED
        denied = read_json(path, "InternalFailure")
        if not isinstance(denied, (list, type(None))):
            raise AwsError("InternalFailure", f"{path} is a {type(denied).__name__}, not a list", 500)
        return denied or []

    def _judge(self, decision: Decision, call: Call) -> None:
        decision.allowed = True
        if decision.principal.kind == "root":
            return
        layers = principal_policies.layers(decision.principal)
        always = principal_policies.keys_of(decision.principal, call)
        for ask in decision.asks:
            keys = {**always, **self._resource_keys(ask), **ask.keys}
            for documents in layers:
                verdict = policies.evaluate(documents, ask.action, ask.resource, keys)[0]
                if verdict != "allowed":
                    decision.allowed, decision.refused = False, ask
                    decision.explicit = verdict == "explicitDeny"
                    return

        if call.operation == "AssumeRole" and not self._trusted(decision, always):
            decision.allowed, decision.refused = False, decision.asks[0]

    @staticmethod
    def _trusted(decision: Decision, keys: dict) -> bool:
        """Whether the role that is to be taken on lets this caller."""
        who, ask = decision.principal, decision.asks[0]
        role = resources.role(who.account, ask.resource)
        return role is not None and policies.trusts_principal(
            role.assume_role_policy_document, who.holder, who.account, {**keys, **ask.keys}
        )

    def _resource_keys(self, ask: Ask) -> dict:
        """aws:ResourceTag/<key> of what the ask is about, where it exists and can have tags."""
        tags = tags_of(self.state, ask.resource)
        return {
            f"{prefix}:resourcetag/{key.lower()}": [value]
            for prefix in ("aws", ask.action.partition(":")[0])
            for key, value in tags.items()
        }


def refusal(call: Call, decision: Decision) -> AwsError:
    """The error of a call that IAM refused, in the words and with the code of its service."""
    ask, who = decision.refused, decision.principal
    why = (
        "with an explicit deny in an identity-based policy"
        if decision.explicit
        else f"because no identity-based policy allows the {ask.action} action"
    )
    shown = f'"{ask.resource}"' if call.service == "s3" else ask.resource
    on = "" if ask.resource == "*" and call.service == "s3" else f" on resource: {shown}"
    message = f"User: {who.arn} is not authorized to perform: {ask.action}{on} {why}"
    code = "AccessDenied" if call.protocol in ("rest-xml", "query", "ec2") else "AccessDeniedException"
    return AwsError(code, message, 400 if call.protocol == "json" else 403)
