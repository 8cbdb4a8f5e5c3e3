"""States of an account that a lesson can switch on: no access to a model, a legacy or an ended model.

One file, read at every call that names a foundation model; there is none by default:

    <home>/bedrock_access.json   {"denied": ["amazon.nova-micro-v1:0"],   no access: AccessDeniedException
                                  "legacy": ["amazon.nova-micro-v1:0"],   in its legacy phase since today
                                  "ended":  []}                           past its end of life

An id covers its longer forms too: "amazon.nova-micro-v1:0" stands for "amazon.nova-micro-v1:0:128k" as well,
and "*" for every model.
"""

from datetime import datetime, timezone

from pocketaws.bedrock.foundation_models import ENDED, LEGACY, FoundationModel
from pocketaws.errors import AwsError
from pocketaws.home_files import read_json

ACCESS = "bedrock_access.json"
KINDS = ("denied", "legacy", "ended")


def phase(home, model: FoundationModel) -> str:
    """ACTIVE, LEGACY or ENDED today, as the table says or as this home rehearses."""
    asked = _read(home)
    for kind, name in (("ended", ENDED), ("legacy", LEGACY)):
        if _covers(asked.get(kind, []), model):
            return name
    return model.phase(datetime.now(timezone.utc).date())


def has_access(home, model: FoundationModel) -> bool:
    """Whether the account may use a model."""
    return not _covers(_read(home).get("denied", []), model)


def _covers(ids: list, model: FoundationModel) -> bool:
    return any(each == "*" or model.id == each or model.id.startswith(f"{each}:") for each in ids)


def _read(home) -> dict:
    path = home / ACCESS
    content = read_json(path, "InternalServerException")
    if content is None:
        return {}
    lists = isinstance(content, dict) and all(isinstance(ids, list) for ids in content.values())
    if not lists or set(content) - set(KINDS):
        wanted = f"an object of {', '.join(KINDS)}, each a list of ids"
        raise AwsError("InternalServerException", f"{path} is not {wanted}.", 500)
    return content
