"""What is looked at before moto (5.2.5) answers for Secrets Manager: the request, and the recovery window.

moto takes any request, writes to a secret that is scheduled for deletion, and has messages of its own for it.
What it makes up is not on the list: the times of ListSecretVersionIds are those of the call.
"""

from moto.secretsmanager.models import secretsmanager_backends

from pocketaws import calls, models, operations, validation
from pocketaws.errors import AwsError

OPERATIONS = frozenset(
    """
    CreateSecret DeleteResourcePolicy DeleteSecret DescribeSecret GetResourcePolicy GetSecretValue ListSecrets
    PutResourcePolicy PutSecretValue RestoreSecret TagResource UntagResource UpdateSecret
    """.split()
)
WHILE_SCHEDULED = ("DescribeSecret", "ListSecrets", "RestoreSecret", "GetResourcePolicy")

# In AWS's words, as its users quote them (redpanda-data/console issue 1835,
# external-secrets/external-secrets issue 4560, read 2026-11). A scheduled secret may be deleted at once
# (getmoto/moto issue 8638).
NAME_SCHEDULED = (
    "You can't create this secret because a secret with this name is already scheduled for deletion."
)
SCHEDULED = "You can't perform this operation on the secret because it was marked for deletion."


def check(call: calls.Call, environ: dict, account: str) -> None:
    """Raise AwsError for a request that AWS refuses and moto would not."""
    model = models.service_model(call.service).operation_model(call.operation)
    request = operations.read(call, environ, model)
    validation.check(request, model.input_shape)
    secret = secretsmanager_backends[account][call.region].secrets.get(
        request.get("SecretId") or request.get("Name") or ""
    )
    if secret is None or not secret.is_deleted() or call.operation in WHILE_SCHEDULED:
        return
    if call.operation == "CreateSecret":
        raise AwsError("InvalidRequestException", NAME_SCHEDULED)
    if not request.get("ForceDeleteWithoutRecovery"):
        raise AwsError("InvalidRequestException", SCHEDULED)
