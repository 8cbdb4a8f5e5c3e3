"""What an evaluation found: scores with their intervals, what it cost, whether one system beats another.

    report.table()              report.costs()               report.compare("tuned", "base")
    report.best(10)             report.worst(10)             report.plot()
    report.metrics()            report.save("report.json")   Report.load("report.json")

Made by tuneaws.evaluate.evaluate(). The answers and the seconds are what is kept; every figure is computed
from them, in the same way each time.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

from tuneaws.evaluate import views
from tuneaws.evaluate.answers import Answers, Price, counts
from tuneaws.evaluate.bootstrap import Interval, intervals
from tuneaws.evaluate.rouge import KINDS, LABELS, scores
from tuneaws.evaluate.warnings import warnings_of

MAIN = "rougeL"
COST_CELLS = [("rows/call", "rows_per_call", 0), ("s", "s", 1), ("s/row", "s_per_row", 3),
              ("call p50 s", "call_p50_s", 2), ("call p95 s", "call_p95_s", 2), ("tokens in", "tokens_in", 0),
              ("tokens out", "tokens_out", 0), ("USD/1,000", "usd", 4)]  # label, what, digits


@dataclass
class Report:
    """Rows [{"id", "dialogue", "reference", "messages"}], and {name: Answers} of each system, floors first.

    leaked     ids of rows that were trained on     left_out  sentences for warnings()
    resamples  draws of the bootstrap               seed      of these draws
    """

    rows: list
    systems: dict
    measured: str = ""
    leaked: list = field(default_factory=list)
    left_out: list = field(default_factory=list)
    batch_size: int = 16
    resamples: int = 1000
    seed: int = 7

    def __post_init__(self):
        references = [row["reference"] for row in self.rows]
        self.scores = {}  # {system: [{"rouge1": ..., ...} or None, ...]}
        for name, system in self.systems.items():
            found = scores([text or "" for text in system.texts], references)
            self.scores[name] = [None if text is None else score
                                 for text, score in zip(system.texts, found, strict=True)]

    # --- figures

    def interval(self, system: str, kind: str = MAIN) -> Interval:
        """The mean of a system's answered rows in percent, with its 95 % interval."""
        return self._intervals(system)[KINDS.index(kind)]

    def difference(self, system: str, other: str, kind: str = MAIN) -> Interval:
        """system minus other, on the rows that both answered: a paired bootstrap."""
        return self._paired(system, other)[2][KINDS.index(kind)]

    def beats(self, system: str, other: str, kind: str = MAIN) -> bool:
        """Whether system scores higher and the two 95 % intervals do not overlap."""
        mine, theirs = (found[KINDS.index(kind)] for found in self._paired(system, other)[:2])
        return mine.mean is not None and mine.low > theirs.high

    def _intervals(self, system: str) -> list:
        return self._of([score for score in self.scores[system] if score])

    def _of(self, some: list) -> list:
        if not some:
            return [Interval(None, None, None)] * len(KINDS)
        return intervals([[score[kind] for kind in KINDS] for score in some], self.resamples, self.seed)

    def _paired(self, system: str, other: str) -> tuple:
        """Intervals of system, of other and of the difference, each a list in the order of KINDS."""
        both = [(one, two) for one, two in zip(self.scores[system], self.scores[other], strict=True)
                if one and two]
        minus = [{kind: one[kind] - two[kind] for kind in KINDS} for one, two in both]
        return self._of([one for one, _ in both]), self._of([two for _, two in both]), self._of(minus)

    # --- tables: lists of dicts, for lesson.table()

    def table(self) -> list:
        """One row for each system: ROUGE with intervals, and what ROUGE does not see, in percent of the rows.

        length   words of the answers over words of the references
        copied   answers that stand in the dialogue word for word     exact   answers equal to the reference
        """
        lines = []
        for name in self.systems:
            parts = counts(self.systems[name].texts, self.rows)
            cells = {LABELS[kind]: str(found)
                     for kind, found in zip(KINDS, self._intervals(name), strict=True)}
            cells["length"] = views.digits(parts["length"], 2)
            for part in ("copied", "exact", "empty"):
                cells[f"{part} %"] = views.digits(parts[part], 1)
            lines.append({"system": name, **cells, "failed": parts["failed"]})
        return lines

    def costs(self) -> list:
        """One row for each system: time, tokens, and the cost of 1,000 requests like these rows.

        s/row is the time of all calls over the answered rows, in calls of `rows/call`; an hourly price is
        spread over it, so the cost is that of a machine kept busy in just this way. Empty: not known.
        """
        lines = []
        for name, system in self.systems.items():
            if system.floor:
                continue
            took = {**system.timing(), "s": system.seconds, "usd": system.usd_per_1000()}
            shown = {label: views.digits(took[key], count) for label, key, count in COST_CELLS}
            lines.append({"system": name, **shown, "price of": system.price.date if system.price else ""})
        return lines

    # --- two systems

    def compare(self, system: str, other: str) -> list:
        """One row for each ROUGE: both means, the difference, and whether the two intervals overlap.

        Intervals that do not overlap leave no doubt. When they do, look at the difference: it is paired, so
        an interval of the difference that holds no 0 says that one is better, by little.
        """
        mine, theirs, minus = self._paired(system, other)
        lines = []
        for kind, one, two, gap in zip(KINDS, mine, theirs, minus, strict=True):
            overlap = "" if one.mean is None else "yes" if one.overlaps(two) else "no"
            lines.append({"": LABELS[kind], system: str(one), other: str(two),
                          "difference": str(gap), "intervals overlap": overlap})
        return lines

    def verdict(self, system: str, other: str, kind: str = MAIN) -> str:
        """Which of the two is better, in one sentence; it says so when that is not known."""
        mine, theirs, minus = (found[KINDS.index(kind)] for found in self._paired(system, other))
        if mine.mean is None:
            return f"{system} and {other} have no answered row in common"
        names, means = (system, other), (mine.mean, theirs.mean)
        if minus.mean < 0:
            names, means = names[::-1], means[::-1]
        figures = f"{means[0]:.1f} against {means[1]:.1f} {LABELS[kind]}"
        if not mine.overlaps(theirs):
            return f"{names[0]} beats {names[1]}: {figures}, 95 % intervals do not overlap"
        if minus.low > 0 or minus.high < 0:
            return (f"{names[0]} is ahead of {names[1]} by little: {figures}; the intervals overlap, "
                    "that of the paired difference holds no 0")
        return f"{names[0]} and {names[1]} can't be told apart: {figures}, within what chance gives"

    def warnings(self) -> list:
        """What a reader should know before believing the figures, as sentences."""
        return warnings_of(self)

    # --- to look at, to keep

    def best(self, count: int = 10, system: str | None = None, kind: str = MAIN) -> views.Examples:
        """The rows that a system (None: the last one) answered best, to print or to show in a notebook."""
        return self._examples(count, system, kind, best=True)

    def worst(self, count: int = 10, system: str | None = None, kind: str = MAIN) -> views.Examples:
        """The rows that it answered worst, the worst first. Rows without an answer are in none."""
        return self._examples(count, system, kind, best=False)

    def _examples(self, count: int, system: str | None, kind: str, best: bool) -> views.Examples:
        system = system or self.main
        scored = [(score[kind], at) for at, score in enumerate(self.scores[system]) if score]
        scored.sort(key=lambda pair: (-pair[0] if best else pair[0], pair[1]))
        names = [name for name, found in self.systems.items() if not found.floor and name != system]
        some = []
        for value, at in scored[:count]:
            texts = {name: self.systems[name].texts[at] for name in [system, *names]}
            some.append({**self.rows[at], "score": value, "answers": texts})
        title = f"The {len(some)} {'best' if best else 'worst'} answers of {system}, by {LABELS[kind]}"
        return views.Examples(title, LABELS[kind], some)

    @property
    def main(self) -> str:
        """The system that it is about: the last one."""
        return list(self.systems)[-1]

    def _other(self, system: str) -> str | None:
        """The first that is no floor, and another."""
        names = [name for name, found in self.systems.items() if not found.floor and name != system]
        return names[0] if names else None

    def floors_above(self) -> list:
        """The floors that the main system does not beat."""
        answered = any(self.scores[self.main])
        return [name for name, found in self.systems.items()
                if answered and found.floor and name != self.main and not self.beats(self.main, name)]

    def plot(self, ax=None):
        """Draw every score with its interval; return the axes. The title says what came out."""
        found = {name: dict(zip(KINDS, self._intervals(name), strict=True)) for name in self.systems}
        other, floors = self._other(self.main), self.floors_above()
        title = self.verdict(self.main, other) if other else f"{self.main} on {len(self.rows)} rows"
        title += f"; {self.main} is not above {' and '.join(floors)}" if floors else ""
        return views.plot_intervals(found, title, len(self.rows), ax)

    def metrics(self, system: str | None = None, against: str | None = None) -> dict:
        """One system's figures as a flat dict of numbers, for the model registry or a log.

        system   None: the last one     against  None: the first that is no floor, if it is another
        Returns  {"rows": 200, "rougeL": 34.8, "rougeL_low": 32.7, ..., "rougeL_gain": 13.8, ...}; what is not
                 known is left out
        """
        system = system or self.main
        against = against or self._other(system)
        flat = {f"{kind}{end}": getattr(found, part)
                for kind, found in zip(KINDS, self._intervals(system), strict=True)
                for part, end in (("mean", ""), ("low", "_low"), ("high", "_high"))}
        if against:
            for kind, gap in zip(KINDS, self._paired(system, against)[2], strict=True):
                flat[f"{kind}_gain"] = gap.mean
        parts = counts(self.systems[system].texts, self.rows)
        parts |= {f"{part}_percent": parts.pop(part) for part in ("copied", "exact", "empty")}
        flat |= parts | self.systems[system].timing()
        flat["usd_per_1000"] = self.systems[system].usd_per_1000()
        return {name: round(value, 4) for name, value in flat.items() if value is not None}

    def save(self, path) -> Path:
        """Write everything as JSON; load() gives the same report, figure by figure."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {"format": 1, **dataclasses.asdict(self)}
        path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        return path

    @classmethod
    def load(cls, path) -> "Report":
        """Read what save() wrote. Raises ValueError when it is no such file."""
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(document, dict) or document.pop("format", None) != 1:
            raise ValueError(f"{path} is no evaluation report that this version wrote")
        for name, found in document["systems"].items():
            found["failed"] = {int(at): why for at, why in found["failed"].items()}
            found["calls"] = [tuple(call) for call in found["calls"]]
            found["price"] = Price(**found["price"]) if found["price"] else None
            document["systems"][name] = Answers(**found)
        return cls(**document)
