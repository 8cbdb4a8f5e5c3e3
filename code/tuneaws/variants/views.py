"""What a search has found: one table, one figure, the best row."""

import math
import textwrap

from tuneaws import lesson

LOSS = "held-out loss"
OWN = (LOSS, "seconds", "USD", "USD if on AWS", "status", "job")  # columns that are no hyperparameters
MARKERS = "os^DvPX*"
WIDEST = 72  # characters of a title's line
FEW = 6  # values that an axis can name
COLOURS = ("#0b559f", "#d95f02", "black", "0.45", "#7570b3", "0.65", "#1b9e77", "0.25")


def table(rows: list, columns: list | None = None) -> None:
    """Print the rows, the lowest held-out loss first; jobs without one at the end."""
    lesson.table([{name: short(value) for name, value in row.items()} for row in ranked(rows)], columns)


def ranked(rows: list) -> list:
    """The rows, the lowest held-out loss first."""
    return sorted(rows, key=lambda row: (row[LOSS] is None or not math.isfinite(row[LOSS]), row[LOSS] or 0.0))


def best(rows: list) -> dict:
    """The completed row with the lowest held-out loss. Raises ValueError when there is none."""
    found = [row for row in ranked(rows) if row["status"] == "Completed" and row[LOSS] is not None]
    if not found:
        raise ValueError(
            f"none of {len(rows)} variants has a held-out loss. Fix: look at their `status`, and "
            "give the jobs a validation channel"
        )
    return found[0]


def hyperparameters(row: dict) -> dict:
    """The part of a row that was varied: what to put into the configuration."""
    return {name: value for name, value in row.items() if name not in OWN}


def short(value):
    """A number with four digits: a tuning job's are drawn with sixteen. Anything else as it is."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def plot(rows: list, ax=None):
    """Draw the held-out loss over the hyperparameter with most values, a line for each mix of the others.

    Returns the axes. Lines differ by marker as well as by colour, so the figure can be read in grey.
    """
    import matplotlib.pyplot as plt

    ax = ax if ax is not None else plt.subplots(figsize=(7, 4), layout="constrained")[1]
    shown = [row for row in rows if row[LOSS] is not None and math.isfinite(row[LOSS])]
    name = main_axis(rows)
    found = series(shown, name)
    for at, (others, points) in enumerate(found.items()):
        style = {"marker": MARKERS[at % len(MARKERS)], "color": COLOURS[at % len(COLOURS)]}
        x, y = zip(*sorted(points), strict=True)
        line = "-" if len(found) > 1 or len(hyperparameters(rows[0])) == 1 else "None"
        ax.plot(x, y, linestyle=line, linewidth=1, markersize=6, label=others or None, **style)
    _scale(ax, [row[name] for row in shown])
    ax.set_xlabel(name)
    ax.set_ylabel("held-out loss (nats per token)")
    ax.set_title(textwrap.fill(message(rows), WIDEST), fontsize=11)
    ax.grid(alpha=0.3)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=9)
    return ax


def _scale(ax, values: list) -> None:
    """Numbers over 0 that differ much stand on a logarithmic axis; few values are its ticks."""
    if not values or not all(isinstance(value, (int, float)) for value in values):
        return
    if min(values) > 0 and max(values) >= 2 * min(values):
        ax.set_xscale("log")
        ax.minorticks_off()
    if len(set(values)) <= FEW:
        ax.set_xticks(sorted(set(values)))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def message(rows: list) -> str:
    """What the search found, in one sentence: the title of the figure."""
    try:
        first = best(rows)
    except ValueError:
        return "No variant has a held-out loss yet"
    values = ", ".join(f"{name} {short(value)}" for name, value in hyperparameters(first).items())
    return f"Lowest held-out loss, {first[LOSS]:.3f}, at {values}"


def main_axis(rows: list) -> str:
    """The hyperparameter with the most different values: the x axis."""
    names = list(dict.fromkeys(name for row in rows for name in hyperparameters(row)))
    return max(names, key=lambda name: len({str(row.get(name)) for row in rows}))


def series(rows: list, name: str) -> dict:
    """{"lora_r 8": [(x, loss), …]}: the points of each combination of the other hyperparameters.

    A random search has hardly two points with the same others: where there are more combinations than half
    the rows, or than markers, all are one cloud of points.
    """
    found: dict = {}
    for row in rows:
        others = {key: value for key, value in hyperparameters(row).items() if key != name}
        text = ", ".join(f"{key} {short(value)}" for key, value in others.items())
        found.setdefault(text, []).append((row[name], row[LOSS]))
    if len(found) > min(len(MARKERS), max(len(rows) // 2, 2)):
        return {"": [point for points in found.values() for point in points]}
    return found
