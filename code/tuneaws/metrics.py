"""Metrics of a training job: regular expressions over its log, a table, and the loss curve.

SageMaker finds metrics by running regular expressions over the log: at most 40, each of at most 500
characters with one group that holds a number
(https://docs.aws.amazon.com/sagemaker/latest/dg/define-train-metrics.html, 2026-11). The training script
prints them alone on a line, in one form, because the library's own lines change: transformers 5 prints
'loss': '1.692' and 4.x prints 'loss': 1.6917.
"""

import datetime
import math
import re

from tuneaws.logs import LogReader

# No "^": a progress bar's carriage return sticks to the next line. nan and inf match too, or a job that
# diverges would show its last good value for ever.
NUMBER = r"(nan|[+-]?inf|[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)"

METRIC_DEFINITIONS = [
    {"Name": "train:step", "Regex": r"\[metric\] step=([0-9]+)"},
    {"Name": "train:loss", "Regex": f" loss={NUMBER}"},
    {"Name": "eval:loss", "Regex": f" eval_loss={NUMBER}"},
    {"Name": "train:learning_rate", "Regex": f" learning_rate={NUMBER}"},
    {"Name": "train:epoch", "Regex": f" epoch={NUMBER}"},
    {"Name": "train:tokens_per_s", "Regex": f" tokens_per_s={NUMBER}"},
]

# Lines of runs that lie on each other: told apart by shape, the first one below the others.
RUNS = [("-", "0.7", 0), ("x", "#0b559f", 5), ("o", "black", 8), ("s", "0.4", 11), ("^", "#d95f02", 14)]

CLOUDWATCH_NAMESPACE = "/aws/sagemaker/TrainingJobs"


def compile_definition(definition: dict) -> re.Pattern:
    """Compile one {"Name", "Regex"} and check it as AWS does. Raises ValueError that says what is wrong."""
    name, regex = definition["Name"], definition["Regex"]
    try:
        pattern = re.compile(regex)
    except re.error as err:
        raise ValueError(f"{name}: {regex!r} is not a regular expression: {err}") from err
    if len(regex) > 500:
        raise ValueError(f"{name}: the regular expression has {len(regex)} characters, AWS takes 500")
    if pattern.groups < 1:
        raise ValueError(f"{name}: {regex!r} has no group. Fix: put parentheses around the number")
    return pattern


def try_regex(definition: dict, lines) -> list:
    """Try one definition on log lines before a job is paid for.

    Returns  [{"line": 3, "value": 1.69, "text": "..."}, ...], only the lines that match; `value` is None
             where the group matched but is not a number, which AWS drops without a word
    """
    pattern = compile_definition(definition)
    found = []
    for number, text in enumerate(lines, start=1):
        match = pattern.search(text)
        if match:
            found.append({"line": number, "value": _number(match.group(1)), "text": text})
    return found


def parse_lines(lines, definitions=METRIC_DEFINITIONS) -> list:
    """Return one row for each line that holds a metric: {"train:step": 5.0, "train:loss": 4.7, ...}."""
    return _rows(({"text": line} for line in lines), definitions)


def from_logs(logs, job_name: str, definitions=METRIC_DEFINITIONS) -> list:
    """Like parse_lines(), over the log of a job that runs or has ended; each row has its "time" too."""
    return from_events(LogReader(logs, job_name).read(), definitions)


def from_events(events, definitions=METRIC_DEFINITIONS) -> list:
    """Like parse_lines(), over the events of a LogReader."""
    return _rows(events, definitions)


def from_cloudwatch(cloudwatch, job_name: str, names, start, end=None) -> list:
    """What CloudWatch keeps of a job's metrics: one row a minute, averages, for 15 days and longer.

    names       such as ["train:loss", "eval:loss"]
    start, end  datetimes with a time zone, TrainingStartTime and TrainingEndTime; end None is now
    Returns     [{"time": datetime, "train:loss": 1.2, ...}, ...], oldest first
    """
    end = (end or datetime.datetime.now(datetime.timezone.utc)) + datetime.timedelta(minutes=1)
    start = start.replace(second=0, microsecond=0)
    rows = {}
    for name in names:
        # Dimension and period are those of the SDK's own TrainingJobAnalytics (SDK 2.257, analytics.py).
        answer = cloudwatch.get_metric_statistics(
            Namespace=CLOUDWATCH_NAMESPACE, MetricName=name, StartTime=start, EndTime=end, Period=60,
            Dimensions=[{"Name": "TrainingJobName", "Value": job_name}], Statistics=["Average"])
        for point in answer["Datapoints"]:
            rows.setdefault(point["Timestamp"], {"time": point["Timestamp"]})[name] = point["Average"]
    return [rows[time] for time in sorted(rows)]


def smooth(values, reach: int | None = None) -> list:
    """Means of each value and up to `reach` neighbours on both sides (None: a twentieth of all).

    A window with the value in its middle does not lag behind a falling loss, as an exponential mean does. At
    the ends it narrows, so the first and the last value stay. nan and inf are passed over.
    """
    values = list(values)
    reach = max(2, len(values) // 20) if reach is None else reach
    smoothed = []
    for i in range(len(values)):
        side = min(reach, i, len(values) - 1 - i)
        near = [value for value in values[i - side:i + side + 1] if math.isfinite(value)]
        smoothed.append(sum(near) / len(near) if near else math.nan)
    return smoothed


def loss_message(table) -> str:
    """What the loss did, in one sentence: the title of the plot. Held-out if that is all there is."""
    which, name = "train:loss", "Training"
    if not any(which in row for row in table) and any("eval:loss" in row for row in table):
        which, name = "eval:loss", "Held-out"
    (steps, points), unit = _points(table, which), _axis(table)[1]
    if not points:
        return "No loss has been logged yet"
    broken = next((i for i, value in enumerate(points) if not math.isfinite(value)), None)
    if broken is not None:
        return f"{name} loss became {points[broken]} at {unit} {steps[broken]:g}"
    if len(points) == 1:
        return f"{name} loss is {points[0]:.2f} at {unit} {steps[0]:g}"
    change = "fell" if points[-1] < points[0] else "rose" if points[-1] > points[0] else "stayed"
    length = f"{steps[-1]:g} {unit}" + ("" if steps[-1] == 1 else "s")
    text = f"{name} loss {change} from {points[0]:.2f} to {points[-1]:.2f} in {length}"
    held_out = _points(table, "eval:loss")[1] if which == "train:loss" else []
    return text + (f"; held-out loss ended at {held_out[-1]:.2f}" if held_out else "")


def plot_loss(table, ax=None):
    """Draw the training loss (raw points and smoothed) and the held-out loss; return the axes.

    table  rows of parse_lines(), from_logs() or from_cloudwatch(); none or one is fine while a job runs
    """
    import matplotlib.pyplot as plt

    ax = ax if ax is not None else plt.subplots(figsize=(7, 4), layout="constrained")[1]
    x, y = _points(table, "train:loss")
    if y:
        ax.plot(x, y, "o", color="0.65", markersize=3, label="training loss, each log line")
    if len(y) > 2:
        ax.plot(x, smooth(y), "-", color="#0b559f", linewidth=2, label="training loss, smoothed")
    x, y = _points(table, "eval:loss")
    if y:
        ax.plot(x, y, "s--", color="black", markersize=5, linewidth=1, label="held-out loss")
    ax.set_xlabel({"step": "optimizer step", "minute": "minutes since the first point"}.get(
        _axis(table)[1], "log line with a metric"))
    ax.set_ylabel("loss (nats per token)")
    ax.set_title(loss_message(table), fontsize=11)
    ax.grid(alpha=0.3)
    if ax.get_legend_handles_labels()[0] and table:
        ax.legend(frameon=False)
    return ax


def largest_gap(tables: dict, name: str = "train:loss") -> float:
    """The largest difference between the first run and any other at a step that both have.

    tables  {"left alone": rows of from_logs(), ...}     Raises  ValueError if they have no step in common
    """
    first, *others = [dict(zip(*_points(table, name), strict=True)) for table in tables.values()]
    gaps = [abs(other[step] - value) for other in others for step, value in first.items() if step in other]
    if not gaps:
        raise ValueError(f"the runs {', '.join(tables)} have no step with {name} in common")
    return max(gaps)


def plot_runs(tables: dict, ax=None):
    """Draw the training losses of several runs over each other; the title says how far apart they are.

    tables  {"left alone": rows of from_logs(), ...}, at most five    Returns  the axes
    """
    import matplotlib.pyplot as plt

    ax = ax if ax is not None else plt.subplots(figsize=(7, 4), layout="constrained")[1]
    for (label, table), (line, colour, size) in zip(tables.items(), RUNS, strict=False):
        ax.plot(*_points(table, "train:loss"), line, color=colour, markersize=size, fillstyle="none",
                label=label)
    gap = largest_gap(tables)
    apart = "the same losses" if gap == 0 else f"no loss differs by more than {gap:.1g}"
    ax.set_title(f"{len(tables)} runs: {apart}", fontsize=11)
    ax.set_xlabel("optimizer step")
    ax.set_ylabel("training loss (nats per token)")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return ax


def _axis(table) -> tuple:
    """How to place a row on the x axis: (function of row number and row, name of the unit)."""
    if any("train:step" in row for row in table):
        return lambda i, row: row.get("train:step"), "step"
    if table and all("time" in row for row in table):
        first = table[0]["time"]
        return lambda i, row: (row["time"] - first).total_seconds() / 60, "minute"
    return lambda i, row: i + 1, "line"


def _points(table, name: str) -> tuple:
    place = _axis(table)[0]
    rows = [(place(i, row), row[name]) for i, row in enumerate(table) if row.get(name) is not None]
    # After an interruption a job goes back to its checkpoint: of a step trained twice the newest row counts.
    found = {x: y for x, y in rows if x is not None}
    return list(found), list(found.values())


def _rows(events, definitions) -> list:
    patterns = [(definition["Name"], compile_definition(definition)) for definition in definitions]
    table = []
    for event in events:
        for text in event["text"].split("\r"):
            found = {name: pattern.search(text) for name, pattern in patterns}
            row = {name: _number(match.group(1)) for name, match in found.items() if match}
            row = {name: value for name, value in row.items() if value is not None}
            if row and "time_ms" in event:
                time = datetime.datetime.fromtimestamp(event["time_ms"] / 1000, datetime.timezone.utc)
                row = {"time": time, "host": event["host"], **row}
            if row:
                table.append(row)
    return table


def _number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None
