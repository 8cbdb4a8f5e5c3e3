"""What pocketaws can be asked about IAM that AWS cannot.

    GET  /_pocketaws/iam                       {"enforce": false}
    POST /_pocketaws/iam {"enforce": true}     from now on policies count
    GET  /_pocketaws/calls                     {"calls": 12, "actions": [{"principal": …, "calls": 3}]}

The whole record is <home>/calls.jsonl. Nobody is asked who they are here: whoever reaches this address is on
this machine, and could as well end pocketaws.
"""

from pocketaws.errors import validation_error


def tell(state, request: dict) -> dict:
    """Whether policies count."""
    return {"enforce": state.iam.enforce}


def turn(state, request: dict) -> dict:
    """Have policies count or not. Raises a ValidationException for anything else."""
    if set(request) != {"enforce"} or not isinstance(request["enforce"], bool):
        raise validation_error('Give {"enforce": true} or {"enforce": false}.')
    state.iam.enforce = request["enforce"]
    return tell(state, {})


def calls(state, request: dict) -> dict:
    """How often each action was asked for, by whom, for which application, and what IAM said."""
    return state.iam.record.summary()


ROUTES = {("GET", "iam"): tell, ("POST", "iam"): turn, ("GET", "calls"): calls}
