"""Lesson notebooks as files: which there are, what may be set in them, and where an executed copy failed."""

from __future__ import annotations

import ast
import contextlib
from pathlib import Path

import nbformat

SOLUTIONS = "solutions"


class LessonError(ValueError):
    """A notebook that cannot be run as a lesson, or an argument that no lesson takes."""


def find_lessons(folder: Path, only: str | None = None, solutions: bool = False) -> list[Path]:
    """Return the lessons NN_name.ipynb in order; only="04" picks those whose name starts with it.

    solutions   put folder/solutions/NN_name.ipynb after its lesson, where there is one
    Raises      LessonError when there is no lesson
    """
    found = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    chosen = [path for path in found if path.name.startswith(only)] if only else found
    if not chosen:
        wanted = f" like {only!r}" if only else ""
        names = ", ".join(path.stem for path in found) or "none"
        raise LessonError(f"found 0 lessons{wanted} in {folder}; there are: {names}")
    if solutions:
        pairs = [(path, folder / SOLUTIONS / path.name) for path in chosen]
        chosen = [path for pair in pairs for path in pair if path.exists()]
    return chosen


def name_of(path: Path) -> str:
    """Return "04_name" for a lesson and "solutions/04_name" for its solution."""
    return f"{SOLUTIONS}/{path.stem}" if path.parent.name == SOLUTIONS else path.stem


def title_of(notebook) -> str:
    """Return the text of the first heading, or "" when there is none."""
    for cell in notebook.cells:
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else ():
            if line.startswith("# "):
                return line[2:].strip()
    return ""


def tags(cell) -> list[str]:
    """Return the tags of a cell."""
    return cell.metadata.get("tags", [])


def declared_parameters(notebook) -> dict:
    """Return {name: value} of the one cell tagged "parameters".

    papermill takes a notebook without that tag and lets its own values win without a word, so this is checked
    before it runs. Raises LessonError: no such cell, several, or anything in it but NAME = literal.
    """
    tagged = [cell for cell in notebook.cells if "parameters" in tags(cell)]
    if len(tagged) != 1:
        raise LessonError(f"{len(tagged)} cells are tagged `parameters`; a lesson has exactly one")
    declared = {}
    for statement in ast.parse(tagged[0].source).body:
        try:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            declared[target.id] = ast.literal_eval(statement.value)
        except (AttributeError, ValueError):
            line = ast.unparse(statement)
            problem = f"the parameters cell holds `{line}`; only NAME = literal belongs there"
            raise LessonError(problem) from None
    return declared


def parameters_for(lessons: list[Path], data: str | None) -> dict[Path, dict]:
    """Return what to set in each lesson: WHERE always, DATA where it is declared.

    Raises  LessonError when data is given and no lesson would read it.
    """
    chosen, takers = {}, 0
    for path in lessons:
        chosen[path] = {"WHERE": "local"}
        with contextlib.suppress(LessonError):  # the run says it, beside the lesson
            if data and "DATA" in declared_parameters(nbformat.read(path, as_version=4)):
                chosen[path]["DATA"] = data
                takers += 1
    if data and not takers:
        raise LessonError(f"none of these lessons has a DATA parameter, so --data {data} would be ignored")
    return chosen


def without_injected(notebook) -> list:
    """Return the cells of an executed copy, less the one in which papermill put the given parameters."""
    return [cell for cell in notebook.cells if "injected-parameters" not in tags(cell)]


def first_error(executed: Path) -> tuple[int | None, str]:
    """Return (number of the code cell, "Name: message") of the first error output, or (None, "")."""
    if not executed.exists():
        return None, ""
    cells = without_injected(nbformat.read(executed, as_version=4))
    for number, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), 1):
        for output in cell.outputs:
            if output.output_type == "error":
                return number, f"{output.ename}: {output.evalue}"
    return None, ""
