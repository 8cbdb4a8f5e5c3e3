"""What a search has found: one table, one figure, the best row."""

import math

from tuneaws import lesson

LOSS = "held-out loss"
OWN = (LOSS, "seconds", "USD", "USD if on AWS", "status", "job")  # columns that are no hyperparameters
MARKERS = "os^DvPX*"
GREYS = ("#0b559f", "#d95f02", "black", "0.45", "#7570b3", "0.65", "#1b9e77", "0.25")


def table(rows: list, columns: list | None = None) -> None:
    """Print the rows, the lowest held-out loss first; jobs without one at the end."""
    lesson.table(ranked(rows), columns)


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


def plot(rows: list, ax=None):
    """Draw the held-out loss over the hyperparameter with most values, a line for each mix of the others.

    Returns the axes. Lines differ by marker as well as by colour, so the figure can be read in grey.
    """
    import matplotlib.pyplot as plt

    ax = ax if ax is not None else plt.subplots(figsize=(7, 4), layout="constrained")[1]
    shown = [row for row in rows if row[LOSS] is not None and math.isfinite(row[LOSS])]
    name = main_axis(rows)
    for at, (others, points) in enumerate(sorted(series(shown, name).items(), key=str)):
        style = {"marker": MARKERS[at % len(MARKERS)], "color": GREYS[at % len(GREYS)]}
        x, y = zip(*sorted(points), strict=True)
        ax.plot(x, y, "-", linewidth=1, markersize=6, label=others or None, **style)
    values = [row[name] for row in shown]
    if values and all(isinstance(value, (int, float)) for value in values) and min(values) > 0:
        if max(values) >= 4 * min(values):
            ax.set_xscale("log")
            ax.set_xticks(sorted(set(values)) if len(set(values)) <= 6 else [], minor=False)
            ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            ax.minorticks_off()
    ax.set_xlabel(name)
    ax.set_ylabel("held-out loss (nats per token)")
    ax.set_title(message(rows), fontsize=11)
    ax.grid(alpha=0.3)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=9)
    return ax


def message(rows: list) -> str:
    """What the search found, in one sentence: the title of the figure."""
    try:
        first = best(rows)
    except ValueError:
        return "No variant has a held-out loss yet"
    values = ", ".join(f"{name} {value}" for name, value in hyperparameters(first).items())
    return f"Lowest held-out loss, {first[LOSS]:.3f}, at {values}"


def main_axis(rows: list) -> str:
    """The hyperparameter with the most different values: the x axis."""
    names = list(hyperparameters(rows[0]))
    return max(names, key=lambda name: len({str(row[name]) for row in rows}))


def series(rows: list, name: str) -> dict:
    """{"lora_r 8": [(x, loss), …]}: the points of each combination of the other hyperparameters.

    A random search has hardly two points with the same others: then all are one row of points, without a
    line's meaning, unless the others have few combinations.
    """
    found: dict = {}
    for row in rows:
        others = {key: value for key, value in hyperparameters(row).items() if key != name}
        text = ", ".join(f"{key} {value}" for key, value in others.items())
        found.setdefault(text, []).append((row[name], row[LOSS]))
    return found
