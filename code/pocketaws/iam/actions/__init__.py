"""From an operation to what IAM is asked: asks(call, request) gives [(action, resource ARN, condition keys)].

Most actions have their operation's name. S3, the runtimes and Budgets differ; CreateTrainingJob asks for
iam:PassRole too, tags at creation for AddTags or TagResource. One module for each kind of service here.
"""

from pocketaws.calls import Call
from pocketaws.iam.actions import bedrock, others, s3, sagemaker
from pocketaws.iam.actions.ask import Ask, Place

__all__ = ["Ask", "asks", "knows"]
SAGEMAKER = ("sagemaker", "sagemaker-runtime", "sagemaker-metrics")
BEDROCK = ("bedrock", "bedrock-runtime")


def asks(call: Call, request: dict, account: str) -> list[Ask]:
    """What has to be allowed for an operation.

    request   its members, see reading.py
    A request that is no such operation's (a number where a text belongs) asks for the action on "*": its
    operation refuses it afterwards.
    """
    place = Place(call.region, account)
    try:
        return _asks(call.service, call.operation, request, place)
    except (TypeError, KeyError, AttributeError, ValueError):
        return _asks(call.service, call.operation, {}, place)


def knows(service: str) -> bool:
    """Whether the operations of a service are in the map."""
    return service == "s3" or service in SAGEMAKER or service in BEDROCK or service in others.PREFIX


def _asks(service: str, operation: str, request: dict, place: Place) -> list[Ask]:
    if service == "s3":
        return s3.asks(operation, request, place)
    if service in SAGEMAKER:
        return sagemaker.asks(operation, request, place)
    if service in BEDROCK:
        return bedrock.asks(operation, request, place)
    return others.asks(service, operation, request, place)
