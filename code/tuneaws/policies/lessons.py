"""Which action which lesson needs: what benchmarks/permissions.py read off a recorded run of the course.

    needed("sagemaker:CreateTrainingJob")     # ["04", "05", …], the first two characters of a lesson's name
"""

import json
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("lessons.json")


@cache
def table() -> dict:
    """{action: [number of a lesson]} of the run that is stored; {} when there is none."""
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def needed(action: str) -> list:
    """The lessons that made calls which ask for this action, as "04"; [] for one that none needed."""
    return table().get(action, [])
