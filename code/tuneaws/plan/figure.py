"""Measured against planned, one point a run."""

from tuneaws.plan.measured import RUNS, deviations, planned


def plot_errors(axes=None):
    """Draw planned tokens a second and GB over measured ones, and the line where they agree.

    All runs are drawn; the titles' numbers are of those that store weights as this course does, summary() has
    the others' too.
    """
    import statistics

    import matplotlib.pyplot as plt

    if axes is None:
        axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")[1]
    marks = {"Qwen": ("o", "#0b559f"), "Qwen, GPTQ": ("x", "0.55"), "fsdp_qlora": ("s", "#d9822b"),
             "torchtune": ("^", "black"), "LitGPT": ("D", "#4f9bd6")}
    for ax, at, unit in ((axes[0], 0, "tokens a second, all GPUs"), (axes[1], 1, "GB of one GPU")):
        for source, (mark, colour) in marks.items():
            runs = [run for run in RUNS if run.source == source and (run.tokens_per_s, run.gb)[at]]
            points = [((run.tokens_per_s, run.gb)[at], planned(run)[at]) for run in runs]
            if points:
                ax.plot(*zip(*points, strict=True), mark, color=colour, markersize=5, label=source, alpha=0.9)
        values = [value for line in ax.lines for value in (*line.get_xdata(), *line.get_ydata())]
        low, high = min(values) / 1.2, max(values) * 1.2
        ax.plot([low, high], [low, high], "-", color="black", linewidth=1, zorder=0)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel(f"measured: {unit}")
        ax.set_ylabel(f"planned: {unit}")
        ax.grid(alpha=0.3, which="both")
        ax.legend(frameon=False, fontsize=8)
    speed, memory = (statistics.median(deviations(what)) for what in ("speed", "memory"))
    for ax, what, error in ((axes[0], "speed", speed), (axes[1], "memory", memory)):
        title = f"Weights stored as here: half of the runs are\nwithin {error:.0%} of the planned {what}"
        ax.set_title(title, fontsize=10, loc="left")
    return axes
