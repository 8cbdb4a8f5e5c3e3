"""Keep the outputs of a clean run in the notebooks, without what belongs to one machine or one moment."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import lesson_files
import nbformat
from nbconvert.preprocessors import CoalesceStreamsPreprocessor

KERNEL = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
PORT = re.compile(r"http://127\.0\.0\.1:\d+")
WIDGET = "application/vnd.jupyter.widget-view+json"


def store(lesson: Path, executed: Path, root: Path) -> None:
    """Write the outputs of an executed copy into the lesson's own file; its cells stay as they are."""
    clean = with_outputs(nbformat.read(lesson, as_version=4), nbformat.read(executed, as_version=4), root)
    nbformat.write(clean, lesson)


def with_outputs(lesson, executed, root: Path):
    """Return the lesson with the outputs of its executed copy, numbered from 1 and free of machine traces.

    Raises  ValueError if the copy was made of another version of the lesson.
    """
    ran = lesson_files.without_injected(executed)
    if [cell.source for cell in ran] != [cell.source for cell in lesson.cells]:
        raise ValueError("the executed copy has other cells than the lesson: run it again")
    clean = nbformat.from_dict(lesson)
    clean.metadata = nbformat.from_dict(KERNEL)
    number = 0
    for cell, done in zip(clean.cells, ran, strict=True):
        if cell.cell_type == "code":
            number += 1
            cell.execution_count = number
            cell.metadata.pop("execution", None)
            cell.outputs = [_clean_output(output, number, root) for output in done.outputs]
    return CoalesceStreamsPreprocessor().preprocess(clean, {})[0]


def scrub(text: str, root: Path) -> str:
    """Replace what differs by machine: the course's folder, home, temporary folders, the port."""
    text = text.replace(f"{root}/", "").replace(str(root), ".")
    text = re.sub(re.escape(tempfile.gettempdir()) + r"/[\w.-]+", "TEMP", text)
    text = text.replace(str(Path.home()), "~")
    return PORT.sub("http://127.0.0.1:4610", text)


def _clean_output(output, number: int, root: Path):
    output = nbformat.from_dict(output)
    if "execution_count" in output:
        output.execution_count = number
    output.get("data", {}).pop(WIDGET, None)
    return _scrub_all(output, root)


def _scrub_all(value, root: Path):
    if isinstance(value, str):
        return scrub(value, root)
    if isinstance(value, list):
        return [_scrub_all(item, root) for item in value]
    if isinstance(value, dict):
        pictures = {key for key in value if key.startswith("image/")}
        kept = {k: v if k in pictures else _scrub_all(v, root) for k, v in value.items()}
        return nbformat.from_dict(kept)
    return value
