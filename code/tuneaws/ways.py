"""Two or more ways to a tuned model side by side: quality, training, the bill of use, and what you keep up.

    ways = [Way("SageMaker", "sagemaker", train_usd=0.55, train_s=61, usd_per_hour=1.408, settings=24, ...),
            Way("Bedrock", "bedrock", train_usd=0.61, train_s=70, usd_per_request=1.1e-5, ...)]
    lesson.table(table(report, ways, requests_per_hour=60))
    plot(report, ways)
    print(crossing(ways[0], ways[1]))       # requests an hour at which both cost the same

What runs bills by the hour whether it is asked or not, tokens bill by the request, storage by the month, and
an imported model by windows of time in which it was asked at all.
"""

from dataclasses import dataclass
from pathlib import Path

HOURS_A_MONTH = 730  # 365 days × 24 hours / 12, as AWS's price pages count
LOADS = (1, 100_000)  # requests an hour: the ends of the picture
LOOKS = [("-", "#0b559f"), ("--", "black"), (":", "0.35"), ("-.", "0.55")]


@dataclass(frozen=True)
class Way:
    """One way, with what it bills on AWS. None: not known, and shown as an empty cell.

    name             to show                           system      its name in the evaluation report
    train_usd        one training on AWS, estimated    train_s     seconds that it took where it ran
    usd_per_hour     of all that runs while it can answer
    usd_per_request  tokens of a mean request × their price
    usd_per_month    storage
    window_usd       for each window of window_s seconds that has a request in it
    settings         values to choose before training   code_lines  lines of your own that have to work there
    cannot           what this way can't do, one sentence
    """

    name: str
    system: str
    train_usd: float | None = None
    train_s: float | None = None
    usd_per_hour: float = 0.0
    usd_per_request: float = 0.0
    usd_per_month: float = 0.0
    window_usd: float = 0.0
    window_s: float = 300.0
    settings: int | None = None
    code_lines: int | None = None
    cannot: str = ""

    def usd_per_1000(self, requests_per_hour: float) -> float:
        """USD for 1,000 requests that come evenly, so many an hour, all of them answered by one machine."""
        if requests_per_hour <= 0:
            raise ValueError(f"{requests_per_hour} requests an hour: must be over 0")
        windows = min(3600 / self.window_s, requests_per_hour)
        hour = self.usd_per_hour + self.usd_per_month / HOURS_A_MONTH + windows * self.window_usd
        return 1000 * (self.usd_per_request + hour / requests_per_hour)


def code_lines(*folders) -> int:
    """Lines of the Python files in some folders, blank lines left out: what somebody has to keep working."""
    files = [path for folder in folders for path in sorted(Path(folder).rglob("*.py"))]
    if not files:
        raise ValueError(f"no Python file in {', '.join(map(str, folders))}")
    return sum(bool(line.strip()) for path in files for line in path.read_text(encoding="utf-8").splitlines())


def table(report, ways: list, requests_per_hour: float) -> list:
    """One row for each way.

    report             tuneaws.evaluate's, over the systems of all ways
    requests_per_hour  the load at which 1,000 requests are priced
    """
    rows = []
    for way in ways:
        rows.append({
            "way": way.name, "ROUGE-L": str(report.interval(way.system)),
            "training s here": None if way.train_s is None else round(way.train_s),
            "training USD": None if way.train_usd is None else round(way.train_usd, 2),
            f"USD/1,000 at {requests_per_hour:g}/h": f"{way.usd_per_1000(requests_per_hour):.3f}",
            "settings": way.settings, "lines to keep": way.code_lines,
        })  # fmt: skip
    return rows


def limits(ways: list) -> list:
    """What each way can't do, as rows."""
    return [{"way": way.name, "can't": way.cannot} for way in ways if way.cannot]


def crossing(one: Way, other: Way) -> float | None:
    """Requests an hour from which the cheaper of the two at low load is no longer the cheaper one.

    Found by halving, exact to one request in a thousand. None when one is cheaper at any load up to 1e7.
    """
    low, high = 0.01, 1e7
    sign = one.usd_per_1000(low) > other.usd_per_1000(low)
    if (one.usd_per_1000(high) > other.usd_per_1000(high)) == sign:
        return None
    while high / low > 1.001:
        middle = (low * high) ** 0.5
        if (one.usd_per_1000(middle) > other.usd_per_1000(middle)) == sign:
            low = middle
        else:
            high = middle
    return high


def message(ways: list) -> str:
    """What the picture of the bill says, in one sentence."""
    hourly = [way for way in ways if way.usd_per_hour and not way.usd_per_request]
    by_request = [way for way in ways if way.usd_per_request and not way.usd_per_hour]
    if not hourly or not by_request:
        return "What 1,000 requests cost"
    dear, cheap = hourly[0], by_request[0]
    meet = crossing(dear, cheap)
    if meet is None:
        return f"{cheap.name} is cheaper than {dear.name} at any load"
    return f"Below {float(f'{meet:.2g}'):,.0f} requests an hour {cheap.name} is the cheaper one"


def plot(report, ways: list, axes=None):
    """Draw ROUGE-L with intervals beside the cost of 1,000 requests by load; return the two axes."""
    import matplotlib.pyplot as plt

    if axes is None:
        axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")[1]
    quality, cost = axes
    for at, way in enumerate(ways):
        line, colour = LOOKS[at % len(LOOKS)]
        found = report.interval(way.system)
        if found.mean is not None:
            sides = [[max(0, found.mean - found.low)], [max(0, found.high - found.mean)]]
            quality.errorbar([found.mean], [at], xerr=sides, fmt="o", color=colour, capsize=4, linewidth=2)
            quality.annotate(f"{found.mean:.1f}", (found.high, at), xytext=(6, 0), va="center",
                             textcoords="offset points", fontsize=9)
        loads = [LOADS[0] * (LOADS[1] / LOADS[0]) ** (n / 200) for n in range(201)]
        cost.plot(loads, [way.usd_per_1000(load) for load in loads], line, color=colour, label=way.name)
    quality.set_yticks(range(len(ways)), [way.name for way in ways])
    quality.set_ylim(len(ways) - 0.5, -0.5)
    quality.set_xlim(0, 1.2 * max(report.interval(way.system).high or 1 for way in ways))
    quality.set_xlabel(f"ROUGE-L F1 in percent, 95 % intervals, {len(report.rows)} test rows")
    quality.set_title("Quality, on the same rows", fontsize=11)
    cost.set_xscale("log")
    cost.set_yscale("log")
    cost.set_xlabel("requests an hour, evenly spread")
    cost.set_ylabel("USD for 1,000 requests")
    cost.set_title(message(ways), fontsize=11)
    cost.legend(frameon=False, fontsize=9)
    for ax in axes:
        ax.grid(alpha=0.3)
    return axes
