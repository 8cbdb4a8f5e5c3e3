"""sts GetCallerIdentity: moto answers an invented user for a key that it did not make; here that is root."""

from moto.iam.models import iam_backends

from pocketaws.operations import operation


@operation("sts", "GetCallerIdentity")
def get_caller_identity(context, request: dict) -> dict:
    """Who calls. Of the root user the id is the account's, as on AWS."""
    caller = context.caller
    iam = iam_backends[caller.account]["aws"]
    user_id = caller.account
    if caller.kind == "user":
        user_id = iam.users[caller.name].id
    elif caller.kind == "role":
        role = next((role for role in list(iam.roles.values()) if role.arn == caller.holder), None)
        user_id = f"{role.id if role else 'AROAGONE'}:{caller.arn.rpartition('/')[2]}"
    return {"UserId": user_id, "Account": caller.account, "Arn": caller.arn}
