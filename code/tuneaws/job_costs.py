"""What a training job will cost, from the tokens it trains on; what the jobs that run have cost so far.

    tokens = count_tokens("build/train.jsonl", tokenizer)
    speed = measured(sm, tags, "ml.g5.xlarge") or assumed(494_000_000, "ml.g5.xlarge")
    print(before(tokens.count, speed, "ml.g5.xlarge", "us-east-1", max_run_s=3600, epochs=1))
    lesson.table(compare(tokens.count, 494_000_000, "us-east-1", max_run_s=3600, by="USD"))
    lesson.table(overview(sm, {"course": "tuneaws"}, "us-east-1"))

A speed is measured, by a job of yours on that machine, planned (plan.speed() of a model in the catalogue), or
assumed from a number of parameters, and says which and from what. The three differ: speeds.py says which to
trust. The worst case needs none: it is the limit on run time.
"""

from dataclasses import dataclass

from tuneaws import prices, training_jobs
from tuneaws.job_lines import billed_s
from tuneaws.speeds import Speed, Tokens, assumed, count_tokens, gpu_of, measured

__all__ = ["JobCost", "Speed", "Tokens", "assumed", "before", "compare", "count_tokens", "measured",
           "overview", "usd_per_hour", "usd_so_far"]

SETUP_S = 300  # billed and not training: packages, base model, upload. A guess: see a timeline of yours


@dataclass(frozen=True)
class JobCost:
    """A job's cost in USD before it starts: low, likely, worst. print() it."""

    price: prices.Price
    instance_count: int
    tokens: int  # of all epochs
    speed: Speed
    setup_s: float
    max_run_s: float

    def seconds(self, tokens_per_s: float) -> float:
        """Billed seconds at a speed: what comes before and after, and the training; at most the limit."""
        return min(self.setup_s + self.tokens / tokens_per_s, self.max_run_s)

    def usd(self, seconds: float) -> float:
        """The cost of so many billed seconds of all instances."""
        return self.price.usd_per_hour * self.instance_count * seconds / 3600

    @property
    def low_usd(self) -> float:
        """At the fast speed."""
        return self.usd(self.seconds(self.speed.fast))

    @property
    def likely_usd(self) -> float:
        """At the likely speed."""
        return self.usd(self.seconds(self.speed.likely))

    @property
    def worst_usd(self) -> float:
        """The whole of max_run_s: SageMaker stops the job there."""
        return self.usd(self.max_run_s)

    @property
    def is_cut(self) -> bool:
        """Whether the limit stops the job before its end, at the likely speed."""
        return self.setup_s + self.tokens / self.speed.likely > self.max_run_s

    def __str__(self) -> str:
        price, speed = self.price, self.speed
        fast, likely = self.seconds(speed.fast), self.seconds(speed.likely)
        lines = [
            f"{self.instance_count} x {price.instance_type} in {price.region}, "
            f"{price.usd_per_hour:.3f} USD an hour each, seen {price.seen}",
            f"{self.tokens:,} tokens / {speed.likely:,.0f} tokens a second + {self.setup_s:.0f} s around it",
            f"speed: {speed.source}",
            f"low     {self.low_usd:8.2f} USD   {fast / 60:.0f} minutes, {speed.fast:,.0f} tokens a second",
            f"likely  {self.likely_usd:8.2f} USD   {likely / 60:.0f} minutes",
            f"worst   {self.worst_usd:8.2f} USD   {self.max_run_s / 60:.0f} minutes, then the job is stopped",
        ]
        if self.is_cut:
            needed = self.setup_s + self.tokens / speed.likely
            lines.append(f"TOO SHORT: it likely needs {needed / 60:.0f} minutes. Fix: a larger max_run_s, "
                         "fewer rows or epochs, or a faster instance")
        return "\n".join(lines)


# --- before


def before(tokens: int, speed: Speed, instance_type: str, region: str, max_run_s: float, epochs: float = 1,
           instance_count: int = 1, price: prices.Price | None = None, setup_s: float = SETUP_S) -> JobCost:
    """The cost of a job that is not started yet.

    tokens  of one epoch, count_tokens().count     price  prices.best_price()'s answer; None: the table's
    Raises  prices.PriceError if the price is not known; ValueError for nothing to train on
    """
    if tokens * epochs <= 0 or max_run_s <= 0:
        raise ValueError(f"{tokens} tokens, {epochs} epochs, {max_run_s} s at most: each must be over 0")
    price = price or prices.training_price(instance_type, region)
    return JobCost(price, instance_count, round(tokens * epochs), speed, setup_s, max_run_s)


def compare(tokens: int, parameters: int, region: str, max_run_s: float, epochs: float = 1, by: str = "USD",
            instance_types: list | None = None) -> list:
    """Rows for a table: each GPU instance whose price is known here, what it would take and cost.

    by              "USD" or "hours": what the rows are sorted by
    instance_types  such as those that the model fits in; None: all with a GPU
    One GPU counts: without distribution=torch_distributed the script trains on one, and four cost four
    times as much for nothing. tuneaws.plan counts all of them.
    """
    if by not in ("USD", "hours"):
        raise ValueError(f'by is {by!r}. Fix: "USD" or "hours"')
    rows = []
    for name in instance_types or list(prices.INSTANCES):
        if not prices.INSTANCES[name][2] or name not in prices.SEEN.get(region, ("", {}))[1]:
            continue
        cost = before(tokens, assumed(parameters, name), name, region, max_run_s, epochs)
        hours = (cost.setup_s + cost.tokens / cost.speed.likely) / 3600
        rows.append({
            "instance": name, "GPU used": f"1 x {gpu_of(name)} {prices.INSTANCES[name][4]} GB",
            "tokens/s": round(cost.speed.likely), "hours": round(hours, 2),
            "USD/h": cost.price.usd_per_hour, "USD": round(cost.usd(hours * 3600), 2),
            "worst USD": round(cost.worst_usd, 2), "in time": "no" if cost.is_cut else "yes",
        })  # fmt: skip
    return sorted(rows, key=lambda row: (row[by], row["USD"]))


# --- while and after


def usd_per_hour(request: dict, price: prices.Price) -> float:
    """The price of an hour of all instances of a request or a job, for watch(). Spot costs less."""
    return price.usd_per_hour * request["ResourceConfig"].get("InstanceCount", 1)


def usd_so_far(job: dict, price: prices.Price) -> float:
    """What a job has cost so far: its billed seconds × instances × price.

    BillableTimeInSeconds is of one instance, and less with spot (API_DescribeTrainingJob, 2026-11).
    """
    return usd_per_hour(job, price) * billed_s(job) / 3600


def overview(sm, tags: dict, region: str, limit: int = 20, where: str = "aws") -> list:
    """Rows for a table: your jobs, newest first, with their state and what they have cost so far.

    where  in "local" the column says what AWS would have charged for the same time: here it was nothing
    A job whose price is not in the table has None as its cost, never a guess.
    """
    column = "USD so far" if where == "aws" else "USD if on AWS"
    rows = []
    for found in training_jobs.find(sm, tags, limit=limit):
        job = training_jobs.get(sm, found["TrainingJobName"])
        machine = job["ResourceConfig"]
        try:
            usd = round(usd_so_far(job, prices.training_price(machine.get("InstanceType", ""), region)), 4)
        except prices.PriceError:
            usd = None
        rows.append({
            "job": job["TrainingJobName"], "status": f"{job['TrainingJobStatus']} ({job['SecondaryStatus']})",
            "machine": f"{machine.get('InstanceCount', 1)} x {machine.get('InstanceType', 'groups')}",
            "billed s": round(billed_s(job)), column: usd,
        })  # fmt: skip
    return rows
