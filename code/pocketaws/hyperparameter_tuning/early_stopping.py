"""AWS's rule for stopping a training job early, from "Stop Training Jobs Early" (developer guide, 2026-11):

After each epoch, take the value of the objective metric; compute the running average of the objective
metric of all training jobs before, up to the same epoch, and the median of these averages; if the value is
worse than the median, stop the job. An epoch here is a value: the k-th value of a job is compared with the
first k of the others. How many jobs must have ended before is not documented; chosen: MIN_JOBS.
"""

import math
import statistics

MIN_JOBS = 3


def lags_behind(values: list[float], earlier: list[list[float]], maximize: bool) -> bool:
    """Whether a job with these values so far should be stopped.

    earlier   the values of jobs that have completed; those with fewer values are left out
    """
    reached = len(values)
    comparable = [each[:reached] for each in earlier if len(each) >= reached]
    if not values or len(comparable) < MIN_JOBS:
        return False
    median = statistics.median(math.fsum(each) / reached for each in comparable)
    return values[-1] < median if maximize else values[-1] > median
