"""How an evaluation is shown: rows to read, as text and in a notebook, and the picture of the intervals."""

import html
import textwrap
from dataclasses import dataclass

from tuneaws.evaluate.rouge import LABELS

WIDTH = 110
CELL = "text-align:left;vertical-align:top"
# Told apart by shape first, then by shade: readable in grey, and by people who see no red or green.
MARKS = [("s", "0.75"), ("^", "0.6"), ("v", "0.45"), ("P", "0.3"), ("X", "0.15")]
LAST = ("o", "#0b559f")


def digits(value: float | None, count: int) -> str:
    """A number with so many digits after the point; an empty cell for None."""
    return "" if value is None else f"{value:,.{count}f}"


@dataclass(repr=False)
class Examples:
    """Some rows with their answers. print() shows text; as a cell's last line, a notebook shows a table.

    rows   [{"id", "dialogue", "reference", "messages", "score", "answers": {system: text or None}}, ...]
    width  columns of the text; dialogue_lines: more lines of a dialogue are cut
    """

    title: str
    label: str
    rows: list
    dialogue_lines: int = 8

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        blocks = [self.title]
        for number, row in enumerate(self.rows, start=1):
            lines = [f"{number}. {row['id']}  {self.label} {row['score']:.1f}"]
            lines += [f"    | {line}" for shown in self._dialogue(row) for line in _wrapped(shown, WIDTH - 6)]
            width = max(map(len, ["reference", *row["answers"]]))
            for name, text in self._texts(row):
                head = f"    {name:>{width}}: "
                lines += [head + line if not at else " " * len(head) + line
                          for at, line in enumerate(_wrapped(text, WIDTH - len(head)))]
            blocks.append("\n".join(lines))
        return "\n\n".join(blocks)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Jupyter calls this. Whatever a model writes is shown as text and never taken as HTML."""
        names = ["reference", *self.rows[0]["answers"]] if self.rows else []
        lines = [[("th", html.escape(name)) for name in (self.label, "dialogue", *names)]]
        for row in self.rows:
            shown = "<br>".join(html.escape(line) for line in self._dialogue(row))
            cells = [f"{row['score']:.1f}", shown, *(_escaped(text) for _, text in self._texts(row))]
            lines.append([("td", cell) for cell in cells])
        body = ["".join(f"<{tag} style='{CELL}'>{cell}</{tag}>" for tag, cell in line) for line in lines]
        table = "".join(f"<tr>{line}</tr>" for line in body)
        # Jupyter would set what stands between two dollar signs as a formula.
        plain = "class='tex2jax_ignore mathjax_ignore'"
        return f"<div {plain}><p>{html.escape(self.title)}</p><table>{table}</table></div>"

    def _dialogue(self, row: dict) -> list:
        lines = row["dialogue"].split("\n")
        more = len(lines) - self.dialogue_lines
        return lines if more <= 0 else [*lines[:self.dialogue_lines], f"… {more} more lines"]

    def _texts(self, row: dict) -> list:
        return [("reference", row["reference"]), *row["answers"].items()]


def _escaped(text: str | None) -> str:
    return "<i>no answer</i>" if text is None else html.escape(text).replace("\n", "<br>") or "<i>empty</i>"


def _wrapped(text: str | None, width: int) -> list:
    text = "(no answer)" if text is None else text.strip() or "(empty)"
    return [line for part in text.split("\n") for line in textwrap.wrap(part, width) or [""]]


def plot_intervals(found: dict, title: str, rows: int, ax=None):
    """Draw {system: {"rouge1": Interval, ...}} as points with their 95 % intervals; return the axes."""
    import matplotlib.pyplot as plt

    ax = ax if ax is not None else plt.subplots(figsize=(7.5, 3.6), layout="constrained")[1]
    kinds = list(LABELS)
    step = 0.8 / max(len(found), 1)
    for number, (name, scores) in enumerate(found.items()):
        shape, shade = LAST if number == len(found) - 1 else MARKS[number % len(MARKS)]
        drawn = [(at, scores[kind]) for at, kind in enumerate(kinds) if scores[kind].mean is not None]
        places = [at + (number - (len(found) - 1) / 2) * step for at, _ in drawn]
        # The ends of a percentile interval can miss the mean by a rounding error; matplotlib takes no minus.
        sides = [[max(0, one.mean - one.low) for _, one in drawn],
                 [max(0, one.high - one.mean) for _, one in drawn]]
        means = [one.mean for _, one in drawn]
        ax.errorbar(means, places, xerr=sides, fmt=shape, color=shade, markersize=7, capsize=4,
                    linewidth=2, label=name, markeredgecolor="black", markeredgewidth=0.6)
        for mean, place, side in zip(means, places, sides[1], strict=True):
            ax.annotate(f"{mean:.1f}", (mean + side, place), xytext=(7, 0), textcoords="offset points",
                        va="center", fontsize=9)
    ax.set_yticks(range(len(kinds)), [LABELS[kind] for kind in kinds])
    ax.margins(y=0.08)
    ax.invert_yaxis()
    highest = max([one.high for scores in found.values() for one in scores.values() if one.mean is not None],
                  default=100)
    ax.set_xlim(0, 1.12 * highest or 1)  # room for the number behind the highest
    ax.set_xlabel(f"F1 in percent, with 95 % intervals over {rows} test rows")
    ax.grid(axis="x", alpha=0.3)
    ax.set_title(textwrap.fill(title, 80), fontsize=11)
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax
