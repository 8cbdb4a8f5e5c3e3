"""Runs side by side: what differs between them, and their held-out losses in one figure.

    found = compare(session, [job_a, job_b])
    found.table()        # A and B in columns; what is the same in all is left out
    found.plot()

Two runs with the same inputs should end at the same loss; the table then has nothing but seconds to show.
"""

import math

from tuneaws import lesson
from tuneaws.runs.recording import record
from tuneaws.variants.views import COLOURS, MARKERS

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SHORT = 8  # characters of a hash in the table
LOSSES = {"eval:loss": "held-out loss", "train:loss": "training loss"}
WIDEST = 28  # characters of a cell


def compare(session, job_names: list, keep: bool = True) -> "Comparison":
    """Record the runs and put them side by side.

    Raises  ValueError for fewer than two or more than 26; see record() for the rest
    """
    if not 2 <= len(job_names) <= len(LETTERS):
        raise ValueError(f"{len(job_names)} runs can't be compared. Fix: 2 to {len(LETTERS)} names of jobs")
    column = "USD if on AWS" if session.where == "local" else "USD"
    return Comparison([record(session, name, keep) for name in job_names], column)


class Comparison:
    """Runs A, B, … in the order they were given. records: what record() returned of each."""

    def __init__(self, records: list, usd_column: str = "USD"):
        self.records = records
        self.letters = list(LETTERS[: len(records)])
        self._usd = usd_column

    def rows(self, everything: bool = False) -> list:
        """[{"": "learning_rate", "A": 0.002, "B": 0.006}, …]: results, then what went in and differs.

        everything   what is the same in all runs too
        """
        results = [self._results(each) for each in self.records]
        inputs = [facts(each) for each in self.records]
        rows = [self._row(name, results) for name in _names(results)]
        for name in _names(inputs):
            values = [each.get(name) for each in inputs]
            if everything or any(value != values[0] for value in values):
                rows.append(self._row(name, inputs))
        return rows

    def same(self) -> list:
        """Names of what went in and is the same in all runs."""
        inputs = [facts(each) for each in self.records]
        return [name for name in _names(inputs)
                if all(each.get(name) == inputs[0].get(name) for each in inputs)]

    def table(self, everything: bool = False) -> None:
        """Print which letter is which job, and the rows."""
        for letter, each in zip(self.letters, self.records, strict=True):
            print(f"{letter}  {each['job']}")
        shown = [{key: _cell(value) for key, value in row.items()} for row in self.rows(everything)]
        lesson.table(shown)
        if not everything:
            same = self.same()
            named = ", among them data and code" if {"data.training", "code"} <= set(same) else ""
            print(f"the same in all: {len(same)} more{named}")

    def best(self) -> dict:
        """The record with the lowest held-out loss at its end. Raises ValueError if none has one."""
        found = [each for each in self.records if math.isfinite(_last(each))]
        if not found:
            raise ValueError("no run has a held-out loss. Fix: give the jobs a validation channel")
        return min(found, key=_last)

    def plot(self, ax=None):
        """Draw each run's held-out loss by optimizer step; return the axes. Lines differ by marker, too."""
        import matplotlib.pyplot as plt

        ax = ax if ax is not None else plt.subplots(figsize=(7, 4), layout="constrained")[1]
        for at, (letter, each) in enumerate(zip(self.letters, self.records, strict=True)):
            points = [(row["step"], row["eval_loss"]) for row in each["history"] if "eval_loss" in row]
            if points:
                x, y = zip(*points, strict=True)
                style = {"marker": MARKERS[at % len(MARKERS)], "color": COLOURS[at % len(COLOURS)]}
                ax.plot(x, y, "-", linewidth=1.5, markersize=5, label=f"{letter} {self._varied(each)}",
                        **style)
        ax.set_xlabel("optimizer step")
        ax.set_ylabel("held-out loss (nats per token)")
        ax.set_title(self.message(), fontsize=11)
        ax.grid(alpha=0.3)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False, fontsize=9)
        return ax

    def message(self) -> str:
        """What the comparison shows, in one sentence: the title of the figure."""
        losses = [_last(each) for each in self.records]
        if not any(map(math.isfinite, losses)):
            return "No run has a held-out loss"
        letter = self.letters[losses.index(_last(self.best()))]
        if losses.count(losses[0]) == len(losses):
            return f"All runs end at the same held-out loss, {losses[0]:.4f}"
        return f"Run {letter} ends lowest: held-out loss {_last(self.best()):.3f}"

    def _results(self, each: dict) -> dict:
        found = {"status": each["status"]}
        for metric, name in LOSSES.items():
            found[name] = _round(each["metrics"].get(metric, {}).get("last"))
        found |= {"lowest held-out": _round(each["metrics"].get("eval:loss", {}).get("min")),
                  "billed s": each["seconds"], self._usd: each["usd"]}
        return found

    def _row(self, name: str, columns: list) -> dict:
        values = {letter: each.get(name) for letter, each in zip(self.letters, columns, strict=True)}
        return {"": name, **values}

    def _varied(self, each: dict) -> str:
        """The hyperparameters in which a run differs from others."""
        found = [name for name in each["hyperparameters"]
                 if len({str(other["hyperparameters"].get(name)) for other in self.records}) > 1]
        return ", ".join(f"{name} {each['hyperparameters'][name]}" for name in found[:3])


def facts(each: dict) -> dict:
    """What went into a run, by name: hyperparameters, hashes, versions, image, instance."""
    found = dict(each["hyperparameters"])
    found |= {f"data.{name}": _short(channel) for name, channel in each["data"].items()}
    found |= {"code": _short(each["code"]), "model": _short(each["model"])}
    found |= {"image": each["image"], "instance": each["instance"], "python": each["python"]}
    return found | {f"package.{name}": version for name, version in each["packages"].items()}


def _names(columns: list) -> list:
    return list(dict.fromkeys(name for each in columns for name in each))


def _short(hashed: dict) -> str | None:
    return hashed.get("sha256", "")[:SHORT] or None


def _last(each: dict) -> float:
    value = each["metrics"].get("eval:loss", {}).get("last")
    return math.inf if value is None else value


def _round(value):
    return value if value is None else round(value, 4)


def _cell(value):
    return value[: WIDEST - 1] + "…" if isinstance(value, str) and len(value) > WIDEST else value
