"""BatchPutMetrics and BatchGetMetrics.

    metrics.batch_put_metrics(TrialComponentName="my-run", MetricData=[{"MetricName": "loss", …}])
    metrics.batch_get_metrics(MetricQueries=[{"MetricName": "loss", "ResourceArn": <component or job>, …}])

API_metrics_BatchPutMetrics, API_metrics_BatchGetMetrics (read 2026-11). What a query's values look like is
documented by its members only; chosen: times are seconds since 1970 at the start of a period, values
without a step count as one step after the other, from 0, and values of one place on the x axis become one
by MetricStat.
"""

import math
from datetime import datetime, timezone

from pocketaws.errors import AwsError, validation_error
from pocketaws.operations import operation
from pocketaws.sagemaker.jobs import when
from pocketaws.sagemaker.trial_components import component_of

PERIODS_S = {"OneMinute": 60, "FiveMinute": 300, "OneHour": 3600}
MAX_ANSWER = 10_000  # points of one query's answer; more is answered "Truncated". Not documented; chosen
STATISTICS = {
    "Min": min,
    "Max": max,
    "Avg": lambda values: math.fsum(values) / len(values),
    "Count": lambda values: float(len(values)),
    "Last": lambda values: values[-1],
    "StdDev": lambda values: _deviation(values),
}


@operation("sagemaker-metrics", "BatchPutMetrics")
def batch_put_metrics(context, request: dict) -> dict:
    """Add values to a trial component; each that is not a number is named by its index.

    Raises a ValidationException when there is no such component.
    """
    component = component_of(context, request["TrialComponentName"])
    errors, rows = [], []
    for index, each in enumerate(request["MetricData"]):
        value = float(each["Value"])
        if not math.isfinite(value):
            errors.append({"Code": "VALIDATION_ERROR", "MetricIndex": index})
            continue
        moment = _moment(each["Timestamp"])
        rows.append((each["MetricName"], value, moment, each.get("Step")))
    component.metrics.add_all(rows)
    return {"Errors": errors} if errors else {}


@operation("sagemaker-metrics", "BatchGetMetrics")
def batch_get_metrics(context, request: dict) -> dict:
    """The values of metrics of trial components and training jobs: one result for each query."""
    return {"MetricQueryResults": [_result(context, query) for query in request["MetricQueries"]]}


def _result(context, query: dict) -> dict:
    try:
        points = _points(context, query)
        by_step = query["XAxisType"] == "IterationNumber"
        if by_step != (query["Period"] == "IterationNumber"):
            raise validation_error(
                f"XAxisType {query['XAxisType']} does not go with Period {query['Period']}: IterationNumber "
                "goes with IterationNumber, a time with a time."
            )
    except AwsError as err:
        return {"Status": "ValidationError", "Message": err.message, "XAxisValues": [], "MetricValues": []}
    places: dict[int, list[float]] = {}
    for index, (moment, step, value) in enumerate(points):
        place = (index if step is None else step) if by_step else _period(moment, PERIODS_S[query["Period"]])
        if query.get("Start", place) <= place <= query.get("End", place):
            places.setdefault(place, []).append(value)
    shown = sorted(places)[:MAX_ANSWER]
    statistic = STATISTICS[query["MetricStat"]]
    return {
        "Status": "Complete" if len(shown) == len(places) else "Truncated",
        "XAxisValues": shown,
        "MetricValues": [statistic(places[place]) for place in shown],
    }


def _points(context, query: dict) -> list[tuple]:
    """The values of a query's metric: of the component itself, then of the job that it is of."""
    arn = query["ResourceArn"]
    if ":training-job/" in arn:
        job = context.state.jobs.by_arn(arn.lower())
        if job is None:
            raise validation_error(f"{arn} does not exist.")
        return job.metrics.points(query["MetricName"])
    component = component_of(context, arn)
    found = component.metrics.points(query["MetricName"])
    return found or (component.job.metrics.points(query["MetricName"]) if component.job else [])


def _period(moment: datetime, length_s: int) -> int:
    return int(moment.timestamp()) // length_s * length_s


def _moment(value) -> datetime:
    """A request's timestamp as a datetime; moto's parser may have made one of it."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    return datetime.fromtimestamp(when(value), timezone.utc)


def _deviation(values: list[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
