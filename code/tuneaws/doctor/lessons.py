"""Which lessons are to run, and what they ask for.

    chosen("00-05,10")      # {"00", "01", …, "05", "10"}
    chosen(None)            # all of them
"""

import re

from tuneaws.config import course_root

TRAINING, ENDPOINT, SERVING, BEDROCK, TORCH_HERE = "training", "endpoint", "serving", "bedrock", "torch here"
# Where a job or a customization is started when there is none yet, where an endpoint is, where an image that
# serves is named, and where a model runs beside you.
PARTS = {
    TRAINING: ("04", "05", "06", "07", "08", "09", "10", "11", "12", "16"),
    ENDPOINT: ("10", "12", "17"),
    SERVING: ("10", "11", "12", "17"),
    BEDROCK: ("13", "14", "15", "16"),
    TORCH_HERE: ("03", "04", "11"),
}


def numbers(folder=None) -> list:
    """The numbers of the lessons that are there: ["00", "01", …]."""
    folder = folder or course_root() / "notebooks"
    return sorted(path.name[:2] for path in folder.glob("[0-9][0-9]_*.ipynb"))


def chosen(text: str | None) -> frozenset:
    """The numbers that a text names: "04", "00-05", "4,7-9". None: all. Raises ValueError."""
    there = numbers()
    if text is None:
        return frozenset(there)
    found = set()
    for part in text.replace(" ", "").split(","):
        match = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        names = {f"{n:02}" for n in range(first, last + 1)} & set(there)
        if not names:
            raise ValueError(f"{part!r} names no lesson. There are {there[0]} to {there[-1]}.\n"
                             "Fix: --lessons 00-05,10")
        found |= names
    return frozenset(found)


def needs(lessons, part: str) -> bool:
    """Whether any of the lessons has this part in it."""
    return bool(set(lessons) & set(PARTS[part]))
