"""One lesson without actions that it needs: where it fails, which action it was, and on from there.

    without(account, "04_huggingface_estimator", {"learner sagemaker:CreateTrainingJob", …}, {})
    # {"learner sagemaker:CreateTrainingJob": {"outcome": "failed", "lesson": …, "cell": 7, …}, …}, ""
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import lesson_files
import permissions_record as record
import run_course
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

ROOT = Path(__file__).resolve().parents[1]
CELL_S = 600
AGAIN = 25  # times that one cell is run, each with one more action back
FROM_THE_TOP = 8  # a cell that broke off in the middle may find its name taken: then the lesson begins again


def without(account, lesson: str, missing: set, given: dict) -> tuple[dict, str]:
    """({"policy action": what became of it}, why it broke off or "") of a lesson that lacks some actions.

    account   permissions.Account
    missing   {"policy action"} to take away; put back one by one, where the lesson fails for want of it
    outcome   "failed": a cell failed at the refusal; "went on": it was refused, and no cell failed;
              "unasked": it was not asked for again
    """
    account.put_without(missing)
    seen = _Seen(account, lesson, set(missing))
    path = ROOT / "notebooks" / f"{lesson}.ipynb"
    parameters = {**lesson_files.parameters_for([path], None)[path], **given}
    with tempfile.TemporaryDirectory() as folder:
        variables = {**run_course.environment(Path(folder)), **account.variables, "TUNEAWS_LESSON": lesson}
        os.environ["JUPYTER_PATH"] = variables["JUPYTER_PATH"]
        for _ in range(FROM_THE_TOP):
            before, seen.resumed = len(seen.found), False
            trouble = _run(path, parameters, variables, seen)
            if not trouble or len(seen.found) == before:
                break
    refused = record.refused(account.session.home, seen.began)
    for key in seen.missing:
        outcome = "went on" if refused[key] else "unasked"
        seen.found[key] = {"outcome": outcome, "lesson": lesson, "refused": refused[key]}
    return seen.found, trouble


class _Seen:
    """What the lesson still lacks, and what became of what it got back."""

    def __init__(self, account, lesson: str, missing: set):
        self.account, self.lesson, self.missing = account, lesson, missing
        self.began, self.found = record.stamp(), {}
        self.resumed = False  # whether a cell ran again in this pass: then it may find its name taken

    def put_back(self, since: str, cell: int, error: str) -> bool:
        """Give back the action for want of which a cell failed; whether the cell is to run again.

        The last refusal of an action that the error names counts (a job that failed names it in its reason);
        where it names none (S3 says only 403 to a HEAD), the last refusal.
        """
        mine = self._refused(since)
        if not mine and not self.resumed:
            # A job went on without, and what it left out is missed now: the lesson begins again.
            mine = [key for key in self._refused(self.began) if not key.startswith("learner ")]
            since = None
        key = next((key for key in mine if key.split(" ")[1] in error), mine[0] if mine else None)
        if key is None:
            return False
        self.missing.discard(key)
        said = next((row for row in reversed(error.splitlines()) if row.strip()), "")
        self.found[key] = {"outcome": "failed", "lesson": self.lesson, "cell": cell, "error": said[:200]}
        self.account.put_without(self.missing)
        self.resumed = since is not None
        return self.resumed

    def _refused(self, since: str) -> list[str]:
        """The "policy action" of what is missing and was refused since a time, the last one first."""
        rows = record.lines(self.account.session.home)
        late = [row for row in reversed(rows) if row["at"] >= since and row["refused"]]
        keys = [f"{record.policy_of(row['principal'])} {row['refused']}" for row in late]
        return [key for key in dict.fromkeys(keys) if key in self.missing]


def _run(path: Path, parameters: dict, variables: dict, seen: _Seen) -> str:
    """Run a lesson cell by cell, each again until it passes; why it broke off, "" when it did not."""
    notebook = parameterize_notebook(load_notebook_node(str(path)), parameters)
    where = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=CELL_S, kernel_name="python3", resources=where)
    with client.setup_kernel(env=variables):
        number = 0
        for index, cell in enumerate(notebook.cells):
            number += cell.cell_type == "code"
            for _ in range(AGAIN):
                since = record.stamp()
                try:
                    client.execute_cell(cell, index)
                    break
                except CellExecutionError as err:
                    if not seen.put_back(since, number, str(err)):
                        return f"code cell {number}: {str(err).strip().splitlines()[-1][:200]}"
                except (CellTimeoutError, DeadKernelError) as err:
                    return f"code cell {number}: {type(err).__name__}"
    return ""
