"""The JSON files in the home of a local AWS by which a lesson rehearses a refusal."""

import json
from pathlib import Path

from pocketaws.errors import AwsError


def read_json(path: Path, code: str):
    """What a file holds, None where there is none. Raises AwsError with this code if it is not JSON."""
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as err:
        raise AwsError(code, f"{path} is not JSON: {err}", 500) from err
