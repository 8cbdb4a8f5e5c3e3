"""Try variants of a training job: a grid or a random search under a dollar cap, or SageMaker's own tuning.

The modules:

    spaces      what to try: grid({...}), random({...}, n, seed); log_uniform, uniform, whole, choice
    course      search_from(): the configured job as a search
    planning    Search: what variants have in common; the job that a variant has already
    searching   preview(), run(): parallel jobs under a cap, resumable; rows for a table
    views       table(), best(), hyperparameters(), plot()
    tuning      CreateHyperParameterTuningJob: tuning_request(), start, watch, results
"""

from tuneaws.variants.course import price_of, search_from
from tuneaws.variants.planning import Search
from tuneaws.variants.searching import CapError, preview, run
from tuneaws.variants.spaces import choice, grid, log_uniform, random, uniform, whole
from tuneaws.variants.tuning import (
    find_tuning,
    start_tuning,
    tuning_request,
    tuning_results,
    upload_code,
    watch_tuning,
)
from tuneaws.variants.views import best, hyperparameters, plot, table

__all__ = ["CapError", "Search", "best", "choice", "find_tuning", "grid", "hyperparameters", "log_uniform",
           "plot", "preview", "price_of", "random", "run", "search_from", "start_tuning", "table",
           "tuning_request", "tuning_results", "uniform", "upload_code", "watch_tuning", "whole"]
